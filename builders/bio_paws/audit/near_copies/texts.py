"""Near copies of texts, and of SMILES as they are written: by the rarest pieces that two of them share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
_MIXED_BY = np.uint64(0x100000001B3)  # a prime: equal hashes of different pieces cost a comparison, no more


class TextIndex:
    """Texts, to be searched for near copies.

    A near copy that shares none of the rarest pieces, or fewer than many others do, is missed.

    Parameters
    ----------
    texts : iterable of str
        The subjects, called by their number.

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
            yield (number for number in candidates if _are_alike(query, self.texts[number]))

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
