"""How alike the k-mers of two strings are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST_KMER = 6
"""k-mers of 1 to so many letters are compared."""

PAIRS_PER_BLOCK = 256  # whose k-mers are in memory at a time: of 150 letters, they stay in the cache

SPACES = re.compile(r"\s\s+")
"""Runs of white space, which count as one blank where k-mers are counted for a classifier."""

_MOST_NUMBERS = 1 << 40
"""k-mers above which they are numbered anew: with a block's pairs, a side and one more letter they fit 63 bits."""
_PROFILES_AT_ONCE = 1024  # whose counts are in memory at a time
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
        _kmer_similarity(tuple(first[at : at + PAIRS_PER_BLOCK]), tuple(second[at : at + PAIRS_PER_BLOCK]), longest)
        for at in range(0, len(first), PAIRS_PER_BLOCK)
    ]
    return KmerSimilarity(*np.concatenate(blocks, axis=-1))


@lru_cache(maxsize=32)  # baselines and shortcuts of a config compare the same pairs
def _kmer_similarity(first: tuple[str, ...], second: tuple[str, ...], longest: int) -> NDArray[np.float64]:
    """Return Jaccard and cosine of one block: shape (2, longest, n)."""
    texts = [text for pair in zip(first, second, strict=True) for text in pair]
    similarity = np.zeros((2, longest, len(first)))
    for k, listed in enumerate(_list_kmers(texts, longest)):
        similarity[:, k] = _jaccard_and_cosine(listed, len(first))
    return similarity


class _Kmers(NamedTuple):
    """All k-mers of texts: the text that each is of, where it starts in their letters, and its number, below `top`."""

    text: NDArray[np.int64]
    start: NDArray[np.int64]
    number: NDArray[np.int64]
    top: int


def _list_kmers(texts: Sequence[str], longest: int) -> Iterator[_Kmers]:
    """Yield the k-mers for k = 1 .. longest."""
    # All texts in one string; a number for each letter, and for each place the text it lies in.
    written = _letters(texts)
    alphabet = np.unique(written)
    letters = np.searchsorted(alphabet, written)
    text = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    numbers, top = np.zeros(len(letters) + 1, dtype=np.int64), 1
    for k in range(1, longest + 1):
        # A k-mer is a (k-1)-mer and a letter; in a large alphabet numbered anew, so that numbers stay small.
        numbers, top = numbers[:-1] * len(alphabet) + letters[k - 1 :], top * len(alphabet)
        if top > _MOST_NUMBERS:
            distinct, numbers = np.unique(numbers, return_inverse=True)
            top = len(distinct)
        start = np.flatnonzero(text[: len(numbers)] == text[k - 1 :])
        yield _Kmers(text[start], start, numbers[start], top)


def _letters(texts: Sequence[str]) -> NDArray[np.uint32]:
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")


def _jaccard_and_cosine(kmers: _Kmers, pairs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare texts 0 and 1, 2 and 3, and so on."""
    # By pair, k-mer and side: what is to be counted together lies together. Small numbers are sorted twice as fast.
    keys = ((kmers.text >> 1) * kmers.top + kmers.number) << 1 | kmers.text & 1
    if 2 * kmers.top * pairs < 1 << 31:
        keys = keys.astype(np.int32)
    keys.sort()
    of_both = keys >> 1
    starts = np.flatnonzero(np.append(True, of_both[1:] != of_both[:-1])[: len(keys)])
    seconds = np.add.reduceat(keys & 1, starts, dtype=np.int64) if len(keys) else starts
    firsts = np.diff(starts, append=len(keys)) - seconds
    bounds = np.searchsorted(of_both[starts], np.arange(pairs + 1) * kmers.top)

    def by_pair(values: NDArray[Any]) -> NDArray[np.int64]:
        totals: NDArray[np.int64] = np.append(0, np.cumsum(values, dtype=np.int64))
        return np.diff(totals[bounds])

    squares = by_pair(firsts**2) * by_pair(seconds**2)
    # Counts are whole numbers: the maximum changes nothing but a division of 0 by 0.
    jaccard = by_pair((firsts > 0) & (seconds > 0)) / np.maximum(np.diff(bounds), 1)
    return jaccard, by_pair(firsts * seconds) / np.sqrt(np.maximum(squares, 1))


def hashed_kmers(texts: Sequence[str], k: int, dimensions: int) -> NDArray[np.float32]:
    """Count the k-mers of texts in hashed dimensions, scaled to length 1; runs of white space are one.

    The numbers are those of scikit-learn's ``HashingVectorizer(analyzer="char", ngram_range=(k, k), lowercase=False)``,
    which hashes every k-mer as often as it stands; here each different one is hashed once.

    Parameters
    ----------
    texts : sequence of str, length n
        Strings.
    k : int
        Letters of a k-mer.
    dimensions : int
        How many there are.

    Returns
    -------
    ndarray, shape=(n, dimensions)
        Zeros where a text has no k letters.
    """
    from sklearn.feature_extraction import FeatureHasher  # takes a second

    texts = [SPACES.sub(" ", text) for text in texts]
    *_, kmers = _list_kmers(texts, k)
    profiles = np.zeros((len(texts), dimensions), dtype=np.float32)
    if not len(kmers.number):
        return profiles
    _, first, number = np.unique(kmers.number, return_index=True, return_inverse=True)
    letters = _letters(texts)
    distinct = [letters[start : start + k].tobytes().decode("utf-32-le", "surrogatepass") for start in
                kmers.start[first].tolist()]  # fmt: skip
    hashed = FeatureHasher(dimensions, input_type="string").transform([kmer] for kmer in distinct)
    dimension, sign = hashed.indices[number], hashed.data[number]
    bounds = np.searchsorted(kmers.text, np.arange(0, len(texts) + _PROFILES_AT_ONCE, _PROFILES_AT_ONCE))
    for block, (low, high) in enumerate(pairwise(bounds.tolist())):
        begin = block * _PROFILES_AT_ONCE
        own = profiles[begin : begin + _PROFILES_AT_ONCE]
        cells = (kmers.text[low:high] - begin) * dimensions + dimension[low:high]
        counts = np.bincount(cells, sign[low:high], own.size).reshape(own.shape)
        own[:] = counts / np.maximum(np.sqrt((counts**2).sum(axis=1, keepdims=True)), 1)
    return profiles


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
