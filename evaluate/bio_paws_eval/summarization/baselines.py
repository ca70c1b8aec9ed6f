"""Summaries that no model is needed for: what a model's must beat."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from bio_paws.align.smith_waterman import reverse_complement

KMER = 15
"""Letters of the words by which `minimizers` chooses places: genes that are no homologs hardly share one."""

STRETCH = 25
"""Letters taken around each: enough for BLAST to find it by itself."""


def random_substring(dna: str, length: int, rng: np.random.Generator) -> str:
    """Take a random stretch."""
    start = int(rng.integers(0, max(1, len(dna) - length + 1)))
    return dna[start : start + length]


def first_letters(dna: str, length: int, _: np.random.Generator) -> str:
    """Take the beginning."""
    return dna[:length]


def minimizers(dna: str, length: int, _: np.random.Generator) -> str:
    """Take stretches around the words with the smallest hashes, apart from each other, in their order, and join them.

    Sequences that share such a word choose the same place, on either strand (Roberts M et al. 2004, Bioinformatics
    20:3363).
    """
    if len(dna) <= length:
        return dna
    starts: list[int] = []
    margin = (STRETCH - KMER) // 2
    for at in sorted(range(margin, len(dna) - KMER - margin + 1), key=lambda at: _hash(dna[at : at + KMER])):
        if len(starts) == max(1, length // STRETCH):
            break
        if all(abs(at - margin - start) >= STRETCH for start in starts):
            starts.append(at - margin)
    return "".join(dna[start : start + STRETCH] for start in sorted(starts))


def _hash(word: str) -> int:
    return zlib.crc32(min(word, reverse_complement(word)).encode())


FLOORS: dict[str, Callable[[str, int, np.random.Generator], str]] = {
    "random substring": random_substring,
    "first letters": first_letters,
    "minimizer sketch": minimizers,
}
