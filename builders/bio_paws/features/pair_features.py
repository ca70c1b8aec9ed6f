"""What a pair shows without a local alignment: one side alone, the lengths, the composition, the edits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from bio_paws.align.smith_waterman import Alphabet, align_scores, reverse_complement
from bio_paws.configs import Molecule

COMPOSITION_LETTERS = {"dna": "GC", "protein": "GARP"}
"""G and C, or the amino acids of GC-rich codons: what base composition leaves its mark on.
Singer GA, Hickey DA (2000) Mol Biol Evol 17:1581-1588."""

_ALPHABETS: dict[Molecule, tuple[Alphabet, Alphabet]] = {
    "dna": ("dna", "dna"),
    "protein": ("protein", "protein"),
    "dna_protein": ("dna", "protein"),
}


def composition(text: str, alphabet: Alphabet) -> int:
    """Count the letters of `COMPOSITION_LETTERS` in a string."""
    return sum(map(text.count, COMPOSITION_LETTERS[alphabet]))


def composition_differences(first: Sequence[str], second: Sequence[str], molecule: Molecule) -> NDArray[np.float64]:
    """Absolute difference of the two sides' parts of `COMPOSITION_LETTERS`.

    Parameters
    ----------
    first, second : sequence of str, length n
        The sides, not empty.
    molecule : {"dna", "protein", "dna_protein"}
        What they are: GC is compared with GC, GARP with GARP, and in dna_protein GC with GARP.

    Returns
    -------
    ndarray, shape=(n,)
        Between 0 and 1.
    """
    letters1, letters2 = _ALPHABETS[molecule]
    pairs = zip(first, second, strict=True)
    return np.array([abs(composition(a, letters1) / len(a) - composition(b, letters2) / len(b)) for a, b in pairs])


def length_differences(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
    """Absolute difference of the two sides' lengths, in letters: shape (n,)."""
    return np.array([abs(len(a) - len(b)) for a, b in zip(first, second, strict=True)], dtype=np.float64)


def edit_similarities(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
    """1 - Levenshtein distance / length of the longer side: a substitution is one edit, as a mutation is.

    Returns
    -------
    ndarray, shape=(n,)
        Between 0 and 1.
    """
    scores: NDArray[np.float64] = cpdist(first, second, scorer=Levenshtein.normalized_similarity, dtype=np.float64)
    return scores


def alignment_scores(first: Sequence[str], second: Sequence[str], alphabet: Alphabet) -> NDArray[np.float64]:
    """Score of the best local alignment, for DNA of either strand, a letter of the longer side: shape (n,)."""
    pairs = list(zip(first, second, strict=True))
    scores = np.array(align_scores(pairs, alphabet), dtype=np.float64)
    if alphabet == "dna":
        other_strand = [(a, reverse_complement(b)) for a, b in pairs]
        scores = np.maximum(scores, align_scores(other_strand, "dna"))
    return scores / [max(len(a), len(b)) for a, b in pairs]
