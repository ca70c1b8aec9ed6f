"""Memory of encoding and prediction does not grow with the number of pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource, sys
from pathlib import Path
import pyarrow as pa
from bio_paws_eval.encode import PairEncoder, encode
from bio_paws_eval.models import find_model, join_of, load_classifier, load_tokenizer
from bio_paws_eval.predict import predict
from bio_paws_eval.results import Task
from bio_paws_eval.tasks import ROWS_A_BATCH, Pairs

folder, count, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])

def read():
    for at in range(0, count, ROWS_A_BATCH):
        rows = range(at, min(at + ROWS_A_BATCH, count))
        texts = ["ACGTTGCAAC"[: 4 + i % 6] for i in rows]
        yield pa.record_batch({"pair_id": [f"{i:016}" for i in rows], "sentence1": texts, "sentence2": texts[::-1],
                               "label": pa.array([i % 2 for i in rows], pa.int8())})

source = find_model(folder, None)
tokenizer = load_tokenizer(source)
model = load_classifier(source, tokenizer, 0)
encoder = PairEncoder(tokenizer, source.tokenizer_sha256, join_of(source.config))
pairs = Pairs(Task("dna50", "test", count, 0, "1.0.0", str(count)), "dna", read)
predictions, _ = predict(model, encode(pairs, encoder, "auto", 512, out), tokenizer.pad_token_id)
assert len(predictions.logits) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak(model: Path, count: int, out: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model), str(count), str(out)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_memory_is_flat_in_the_number_of_pairs(bert: Path, tmp_path: Path) -> None:
    few, many = peak(bert, 16_384, tmp_path), peak(bert, 65_536, tmp_path)
    # What stays of a pair: id, two logits, a label. Its texts and tokens alone would take ten times as much.
    assert many - few < (65_536 - 16_384) * 500
