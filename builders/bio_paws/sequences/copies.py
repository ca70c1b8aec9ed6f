"""Copies of a sequence that differ from it in their N alone, as of a genome that is hard-masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_paws.sequences.records import Residues, Sequence
from bio_paws.sequences.scope import Origin
from bio_paws.sequences.store import pieces_of

HEAD = 64
"""First bases by which most sequences of one length are told apart without reading them."""
_AGREEING = 50  # bases of two sequences that are not alike by chance
_N = ord("N")


class MaskedCopies:
    """DNA sequences by their lengths, among which a copy with more or fewer N is found."""

    def __init__(self) -> None:
        # A file of reads has all its sequences under one length: they are not gone through for each other.
        self._by_length: dict[int, dict[Origin, list[tuple[bytes, Sequence]]]] = {}

    def add(self, sequence: Sequence, head: bytes, origin: Origin) -> None:
        """Add a sequence with its first `HEAD` bases in upper case."""
        self._by_length.setdefault(len(sequence.residues), {}).setdefault(origin, []).append((head, sequence))

    def find(
        self, residues: Residues, head: bytes, origin: Origin, may_be: Callable[[Sequence], bool]
    ) -> tuple[str, Literal["fewer", "more"]] | None:
        """Return the sequence of another file that equals this one but for N, and whether it has fewer or more.

        None where there is none, and where each has bases that the other has not: strains of a virus, each read as far
        as it could be, are no copies.

        Parameters
        ----------
        residues : Residues
        head : bytes
            Its first `HEAD` bases in upper case.
        origin : Origin
            Its file, in which none is looked for.
        may_be : callable
            Whether a sequence may be the same one by what it is called.
        """
        by_origin = self._by_length.get(len(residues), {})
        others = [entry for place, entries in by_origin.items() if place != origin for entry in entries]
        if not others:
            return None
        heads = np.frombuffer(b"".join(other_head for other_head, _ in others), dtype=np.uint8).reshape(len(others), -1)
        own = np.frombuffer(head, dtype=np.uint8)
        alike = np.all((heads == own) | (heads == _N) | (own == _N), axis=1)
        for at in np.flatnonzero(alike).tolist():
            other = others[at][1]
            if may_be(other) and (more := _with_more_n(other.residues, residues)):
                return other.id, "more" if more == "first" else "fewer"
        return None

    def remove(self, sequence: Sequence) -> None:
        """Take a sequence out."""
        for entries in self._by_length[len(sequence.residues)].values():
            entries[:] = [entry for entry in entries if entry[1] is not sequence]


def _with_more_n(first: Residues, second: Residues) -> Literal["", "first", "second"]:
    """Return which of two sequences of one length is the other with bases written as N; empty where neither is."""
    agreeing = 0
    first_has_more = second_has_more = False
    for pair in zip(pieces_of(first), pieces_of(second), strict=True):
        a, b = map(_upper, pair)
        a_is_n, b_is_n = a == _N, b == _N
        first_has_more |= bool(np.any(a_is_n & ~b_is_n))
        second_has_more |= bool(np.any(b_is_n & ~a_is_n))
        if (first_has_more and second_has_more) or np.any((a != b) & ~a_is_n & ~b_is_n):
            return ""
        agreeing += int(np.sum(a == b) - np.sum(a_is_n & b_is_n))
    if agreeing < _AGREEING or first_has_more == second_has_more:
        return ""
    return "first" if first_has_more else "second"


def _upper(piece: str) -> NDArray[np.uint8]:
    return np.frombuffer(piece.upper().encode("ascii"), dtype=np.uint8)
