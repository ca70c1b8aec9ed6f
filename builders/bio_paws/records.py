"""The records that flow between the stages, and the one Arrow schema of a pair."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Strand = Literal["+", "-"]

SCHEMA = pa.schema(
    [
        ("sentence1", pa.string()),
        ("sentence2", pa.string()),
        ("label", pa.int64()),
        ("pair_id", pa.string()),
        ("source1", pa.string()),
        ("organism1", pa.string()),
        ("start1", pa.int64()),
        ("end1", pa.int64()),
        ("strand1", pa.string()),
        ("source2", pa.string()),
        ("organism2", pa.string()),
        ("start2", pa.int64()),
        ("end2", pa.int64()),
        ("strand2", pa.string()),
        ("similarity", pa.float64()),
        ("identity", pa.float64()),
        ("evalue", pa.float64()),
        ("bit_score", pa.float64()),
        ("sw_score", pa.int64()),
        ("kind", pa.string()),
        ("group1", pa.string()),
        ("group2", pa.string()),
    ]
)
"""A pair. Intervals are 0-based and half-open, bp or aa, on the forward strand of their source; the stored
string is the reverse complement where the strand is "-". `group` is the homology group of a side."""

MADE = pa.schema([field for field in SCHEMA if field.name not in ("label", "pair_id")])
"""A pair in the making: `SCHEMA` less what its place in the data set decides."""


@dataclass(frozen=True)
class Sequence:
    """A whole sequence of a source.

    Attributes
    ----------
    id : str
        Accession with version.
    organism : str
        Scientific name.
    molecule : {"dna", "protein"}
        What the residues are.
    residues : str
        The sequence; DNA keeps the soft mask (lower case).
    """

    id: str
    organism: str
    molecule: Literal["dna", "protein"]
    residues: str


class Interval(NamedTuple):
    """A stretch of a sequence: 0-based, half-open, with the strand it is read on."""

    source: str
    start: int
    end: int
    strand: Strand


@dataclass(frozen=True)
class Places:
    """Many intervals.

    Attributes
    ----------
    source, strand : list of str, length n
        As in `Interval`.
    start, end : ndarray, shape (n,), int64
        As in `Interval`.
    """

    source: list[str]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: list[str]

    @classmethod
    def of(cls, intervals: list[Interval]) -> Places:
        """Turn intervals into columns."""
        start, end = (np.array([one[at] for one in intervals], dtype=np.int64) for at in (1, 2))
        return cls([one.source for one in intervals], start, end, [one.strand for one in intervals])

    def take(self, which: list[int]) -> Places:
        """Return some of the intervals."""
        source, strand = ([column[i] for i in which] for column in (self.source, self.strand))
        return Places(source, self.start[which], self.end[which], strand)

    @property
    def length(self) -> NDArray[np.int64]:
        """Letters of each interval."""
        return self.end - self.start


@dataclass(frozen=True)
class Gene:
    """A coding sequence and the protein it codes for.

    Attributes
    ----------
    protein_id : str
        Accession of the protein.
    locus : str
        Gene symbol or locus tag: isoforms of one gene share it.
    organism : str
        Scientific name.
    span : Interval
        From the first to the last base of the CDS, introns included.
    exons : tuple of (start, end)
        Coding parts on the forward strand, ascending; 0-based, half-open.
    protein : str
        The protein, without the stop.
    """

    protein_id: str
    locus: str
    organism: str
    span: Interval
    exons: tuple[tuple[int, int], ...]
    protein: str


ID_LETTERS = "abcdefghijklmnop"
_DIGESTED = [name for name in SCHEMA.names if name != "pair_id"]
_LETTERS = str.maketrans("0123456789abcdef", ID_LETTERS)
"""The search of the Hub's viewer takes only letters for words: an id with digits would be several of them, or none."""

Row = dict[str, Any]
"""A pair by itself: the columns of `MADE`, or of `SCHEMA`."""


def pair_id(row: Mapping[str, Any], config: str, split: str) -> str:
    """Digest of a whole row and its place, so that no value can change unnoticed.

    Parameters
    ----------
    row : mapping
        A row with the columns of `SCHEMA`; its own ``pair_id`` is left out.
    config, split : str
        Where the row stands.

    Returns
    -------
    str
        64 bits of a SHA-256, each hexadecimal digit written as one of the letters a to p, in the same order.
    """
    return _id((config, split, *(repr(row[name]) for name in _DIGESTED)))


def pair_ids(table: pa.Table, config: str, split: str) -> list[str]:
    """Return the `pair_id` of each row of a table."""
    columns = (map(repr, table[name].to_pylist()) for name in _DIGESTED)
    return [_id((config, split, *values)) for values in zip(*columns, strict=True)]


def _id(values: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:16].translate(_LETTERS)
