"""Encode and predict so many pairs, streamed, and print the peak memory in bytes; on Linux.

`python -m benchmarks.memory N`. The model is a tiny random BERT, so that pairs, not weights, would fill the memory.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import torch
from tokenizers import Tokenizer, models
from tokenizers.pre_tokenizers import Split
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from bio_paws.execution.memory import peak_memory
from bio_paws_eval.models.encode import encode
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.predict import predict
from bio_paws_eval.results import Task
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.tasks.pairs import ROWS_PER_BATCH, Pairs


def pairs_of(count: int) -> Pairs:
    """So many short pairs of DNA, made as they are read."""

    def read() -> Iterator[pa.RecordBatch]:
        for at in range(0, count, ROWS_PER_BATCH):
            rows = range(at, min(at + ROWS_PER_BATCH, count))
            texts = ["ACGTTGCAAC"[: 4 + i % 6] for i in rows]
            labels = pa.array([i % 2 for i in rows], pa.int8())
            ids = [f"{i:016}" for i in rows]
            yield pa.record_batch({"pair_id": ids, "sentence1": texts, "sentence2": texts[::-1], "label": labels})

    return Pairs(Task("dna50", "test", count, 0, "1.0.0", str(count)), "dna", read, PairGroups.unknown(count))


def peak(count: int) -> int:
    """Predict so many pairs and return the peak resident memory of this process, bytes."""
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", *"ACGT"])}
    letters = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    letters.pre_tokenizer = Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=letters, pad_token="[PAD]", unk_token="[UNK]")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    model = BertForSequenceClassification(BertConfig(vocab_size=len(vocabulary), **size))
    with tempfile.TemporaryDirectory() as folder:
        encoded = encode(
            pairs_of(count),
            PairEncoder(tokenizer, "", "template", has_types=False, rows=None, from_file=False),
            "auto",
            512,
            Path(folder),
        )
        predictions, _ = predict(model, encoded, tokenizer.pad_token_id)
    if len(predictions.logits) != count:
        raise RuntimeError(f"{len(predictions.logits)} answers to {count} pairs")
    return peak_memory()[0]


if __name__ == "__main__":
    print(peak(int(sys.argv[1])))
