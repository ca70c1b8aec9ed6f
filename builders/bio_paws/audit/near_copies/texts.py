"""Near copies of texts, and of SMILES as they are written.

Those that share rare pieces are compared first. A text without a near copy among them is then compared with all whose
length and composition allow one: SMILES of a combinatorial library share all their pieces with thousands of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

SIMILARITY = 0.9
"""1 - edit distance / longer length, from which a text is a near copy."""

PIECE = 8
"""Characters of a piece; shorter texts have no near copies."""

_RAREST = 12  # pieces of a query, at most, that candidates are found by
_MOST_HOLDERS = 20_000  # texts that hold them, at most, all pieces together
_COMPARED = 50  # candidates, those that share most of these pieces first
COMPARISONS = 2_000_000_000
"""Texts of like length that an index compares all queries with, together, at most: CPU-minutes."""

_BINS = 32  # of characters: more texts differ in composition
_HIGHEST = 127  # count of a bin
_SLACK = 1e-9  # of products that are whole numbers
_MIXED_BY = np.uint64(0x100000001B3)  # a prime: equal hashes of different pieces cost a comparison, no more


class TextIndex:
    """Texts, to be searched for near copies.

    All near copies are found until `COMPARISONS` are made; beyond them a near copy is missed that shares none of the
    rarest pieces, or fewer than many others do.

    Parameters
    ----------
    texts : iterable of str
        The subjects, called by their number.

    Attributes
    ----------
    texts : list of str
        The subjects.
    queried, incomplete : int
        Queries until now that were compared beyond the pieces, and those for which no comparisons were left.

    Examples
    --------
    >>> index = TextIndex(["He came home at nine .", "CC(=O)OC1=CC=CC=C1C(=O)O"])
    >>> [list(near) for near in index.near(["He came home at ten .", "CC(=O)OC1=CC=CC=C1C(=O)N"])]
    [[], [1]]
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = list(texts)
        hashes, owners = _pieces(self.texts)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._owners = hashes[order], owners[order].astype(np.int32)
        lengths = np.array([len(text) for text in self.texts], dtype=np.int64)
        self._by_length = np.argsort(lengths, kind="stable")
        self._lengths = lengths[self._by_length]
        self._compositions = _compositions(self.texts)[:, self._by_length]
        self._left = COMPARISONS
        self.queried = self.incomplete = 0

    def near(self, queries: Sequence[str]) -> Iterator[Iterator[int]]:
        """Yield, for each query, the numbers of its near copies as they are found, itself included."""
        return self._near(queries, fewest_holders=1)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers of two subjects that are near copies."""
        # The rarest pieces of a subject are its own alone: they lead to no other.
        for number, near in enumerate(self._near(self.texts, fewest_holders=2)):
            yield from ((number, other) for other in near if other != number)

    def _near(self, queries: Sequence[str], fewest_holders: int) -> Iterator[Iterator[int]]:
        hashes, owners = _pieces(queries)
        starts = np.searchsorted(self._hashes, hashes, "left")
        holders = np.searchsorted(self._hashes, hashes, "right") - starts
        bounds = np.searchsorted(owners, np.arange(len(queries) + 1))
        for query, start, end in zip(queries, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            usable = start + np.flatnonzero(holders[start:end] >= fewest_holders)
            candidates = self._candidates(starts[usable], holders[usable])
            alike = (number for number in candidates if _are_alike(query, self.texts[number]))
            yield chain(alike, self._compare_with_others(query, set(candidates)))

    def _candidates(self, starts: NDArray[np.intp], holders: NDArray[np.intp]) -> list[int]:
        """Return the texts that share most of the rarest pieces of a query, given where the pieces' holders stand."""
        rarest = np.argsort(holders, kind="stable")[:_RAREST]
        few = max(1, int(np.searchsorted(np.cumsum(holders[rarest]), _MOST_HOLDERS, "right")))
        own = [self._owners[starts[piece] : starts[piece] + holders[piece]] for piece in rarest[:few]]
        if not own:
            return []
        numbers, shared = np.unique(np.concatenate(own), return_counts=True)
        best: list[int] = numbers[np.argsort(-shared, kind="stable")][:_COMPARED].tolist()
        return best

    def _compare_with_others(self, query: str, compared: set[int]) -> Iterator[int]:
        """Yield the near copies among all other texts whose length and composition allow it."""
        length = len(query)
        if length < PIECE:
            return
        window = [ceil(SIMILARITY * length - _SLACK), floor(length / SIMILARITY + _SLACK) + 1]
        low, high = np.searchsorted(self._lengths, window).tolist()
        self.queried += 1
        if high - low > self._left:
            self.incomplete += 1
            return
        self._left -= high - low
        others = self._lengths[low:high]
        differences = np.abs(self._compositions[:, low:high] - _compositions([query])).sum(axis=0, dtype=np.int64)
        # An edit takes one character away, adds one, or does both.
        fewest_edits = (differences + np.abs(others - length)) / 2
        allowed = (1 - SIMILARITY) * np.maximum(others, length) + _SLACK
        for place in np.flatnonzero(fewest_edits <= allowed).tolist():
            number = int(self._by_length[low + place])
            if number not in compared and _are_alike(query, self.texts[number]):
                yield number


def _compositions(texts: Sequence[str]) -> NDArray[np.int8]:
    """Count characters by bins, up to `_HIGHEST`, which makes texts no more different: shape (_BINS, texts)."""
    counts = np.zeros((_BINS, len(texts)), dtype=np.int8)
    for number, text in enumerate(texts):
        codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
        bins = codes * np.uint32(0x9E3779B1) >> np.uint32(27)  # Fibonacci hashing: C and c fall apart
        counts[:, number] = np.minimum(np.bincount(bins, minlength=_BINS), _HIGHEST)
    return counts


def _are_alike(first: str, second: str) -> bool:
    return Levenshtein.normalized_similarity(first, second, score_cutoff=SIMILARITY) > 0


def _pieces(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return a hash of each piece of each text, and the number of the text; by text, shape (pieces,) each."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    count = max(0, len(codes) - PIECE + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for at in range(PIECE):
        hashes = hashes * _MIXED_BY + codes[at : at + count]
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    within = owners[:count] == owners[PIECE - 1 :][:count]
    return hashes[within], owners[:count][within]
