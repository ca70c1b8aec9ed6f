"""How alike the k-mers of two strings are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

LONGEST_KMER = 6
"""k-mers of 1 to so many letters are compared."""

PAIRS_PER_BLOCK = 1024  # whose k-mers are in memory at a time

_LONGEST_NUMBER = 8  # letters of ASCII that 64 bits hold

KmerMeasure = Literal["jaccard", "cosine"]


class KmerSimilarity(NamedTuple):
    """How alike the k-mers of two sides are, for k = 1 .. longest; 0 where a side is shorter than k.

    Attributes
    ----------
    jaccard : ndarray, shape=(longest, n)
        k-mers that both sides have / k-mers that either has (Jaccard 1912), each counted once.
    cosine : ndarray, shape=(longest, n)
        Cosine of the angle between the counts of the two sides.
    """

    jaccard: NDArray[np.float64]
    cosine: NDArray[np.float64]


def kmer_similarity(first: Sequence[str], second: Sequence[str], longest: int) -> KmerSimilarity:
    """Compare the k-mers of two sides as written: case counts, and DNA is read on one strand only.

    Parameters
    ----------
    first, second : sequence of str, length n
        The sides.
    longest : int
        Largest k, in letters.
    """
    blocks = [
        _kmer_similarity(first[at : at + PAIRS_PER_BLOCK], second[at : at + PAIRS_PER_BLOCK], longest)
        for at in range(0, len(first), PAIRS_PER_BLOCK)
    ]
    return KmerSimilarity(*np.concatenate(blocks, axis=-1))


def _kmer_similarity(first: Sequence[str], second: Sequence[str], longest: int) -> NDArray[np.float64]:
    """Return Jaccard and cosine of one block: shape (2, longest, n)."""
    texts = [*first, *second]
    # All texts in one string; a number for each letter, and for each place the text it lies in.
    alphabet, letters = np.unique(np.frombuffer("".join(texts).encode("utf-32-le"), "<u4"), return_inverse=True)
    text = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    kmers = np.zeros(len(letters) + 1, dtype=np.int64)
    similarity = np.zeros((2, longest, len(first)))
    for k in range(1, longest + 1):
        # A k-mer is a (k-1)-mer and a letter; numbered anew for each k, numbers stay small in any alphabet.
        kmers = np.unique(kmers[:-1] * len(alphabet) + letters[k - 1 :], return_inverse=True)[1]
        within = text[: len(kmers)] == text[k - 1 :]
        places = (text[: len(kmers)][within], kmers[within])
        ones = np.ones(len(places[0]), dtype=np.int64)
        counts = coo_array((ones, places), shape=(len(texts), len(letters))).tocsr()
        similarity[:, k - 1] = _jaccard_and_cosine(counts[: len(first)], counts[len(first) :])
    return similarity


def _jaccard_and_cosine(first: Any, second: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare two sparse arrays of counts, shape (n, k-mers), row by row."""
    products = first.multiply(second)
    shared = np.diff(products.indptr)
    either = np.diff(first.indptr) + np.diff(second.indptr) - shared
    squares = first.multiply(first).sum(axis=1) * second.multiply(second).sum(axis=1)
    # Counts are whole numbers: the maximum changes nothing but a division of 0 by 0.
    return shared / np.maximum(either, 1), products.sum(axis=1) / np.sqrt(np.maximum(squares, 1))


def word_overlap(a: str, b: str, k: int) -> float:
    """Words of k letters that both strings have / words that either has (Jaccard 1912); 0 where neither has one."""
    as_numbers = k <= _LONGEST_NUMBER and a.isascii() and b.isascii()
    words_of: Callable[[str, int], frozenset[Any]] = _word_numbers if as_numbers else _words
    words1, words2 = words_of(a, k), words_of(b, k)
    shared = len(words1 & words2)
    return shared / max(len(words1) + len(words2) - shared, 1)


@lru_cache(maxsize=16)  # one side is compared with several others
def _words(text: str, k: int) -> frozenset[str]:
    return frozenset([text[at : at + k] for at in range(len(text) - k + 1)])


@lru_cache(maxsize=16)
def _word_numbers(text: str, k: int) -> frozenset[int]:
    """Read each word as a number, in half the time that cutting it out takes."""
    letters = text.encode() + bytes(_LONGEST_NUMBER)
    words = np.ndarray(max(len(text) - k + 1, 0), np.dtype("<u8"), letters, strides=(1,))
    return frozenset((words & np.uint64((1 << 8 * k) - 1)).tolist())
