"""Memory of encoding and prediction does not grow with the number of pairs, nor that of distances with its square."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def peak(count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", str(count)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


def test_memory_is_flat_in_the_number_of_pairs() -> None:
    few, many = 16_384, 65_536
    # What stays of a pair: id, two logits, a label, some 100 to 300 bytes. With its tokens it would be 1,400.
    assert peak(many) - peak(few) < (many - few) * 700


def vector_peak(words: int, dimensions: int) -> int:
    command = [sys.executable, "-m", "benchmarks.vector_memory", str(words), str(dimensions)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


@pytest.mark.soak
def test_memory_of_distances_is_that_of_the_vectors() -> None:
    few, many = 13_000, 30_000
    # Blocks are full from 12,288 words on. A matrix of the distances in a group would take 19 kB for each more word.
    assert vector_peak(many, 32) - vector_peak(few, 32) < (many - few) * 8_000


@pytest.mark.soak
def test_a_vocabulary_of_100_000_fits_2_gib() -> None:
    assert vector_peak(100_000, 768) < 2 * 2**30
