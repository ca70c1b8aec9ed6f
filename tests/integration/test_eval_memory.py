"""Memory of encoding and prediction does not grow with the number of pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def peak(count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", str(count)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


def test_memory_is_flat_in_the_number_of_pairs() -> None:
    few, many = 16_384, 65_536
    # What stays of a pair: id, two logits, a label, some 100 to 300 bytes. With its tokens it would be 1,400.
    assert peak(many) - peak(few) < (many - few) * 700
