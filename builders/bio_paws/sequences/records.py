"""Records of a corpus: sequences, genes, and intervals on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Strand = Literal["+", "-"]


class Residues(Protocol):
    """What a sequence is made of, in memory (`str`) or on disk (`bio_paws.sequences.store.StoredResidues`)."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, part: slice, /) -> str:
        """Read an interval; ``[:]`` reads all."""


@dataclass(frozen=True, slots=True)
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
    residues : Residues
        The sequence; DNA keeps the soft mask (lower case).
    """

    id: str
    organism: str
    molecule: Literal["dna", "protein"]
    residues: Residues


class Interval(NamedTuple):
    """An interval of a sequence: 0-based, half-open, with the strand it is read on."""

    source: str
    start: int
    end: int
    strand: Strand


@dataclass(frozen=True)
class Intervals:
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
    def of(cls, intervals: list[Interval]) -> Intervals:
        """Turn intervals into columns."""
        start, end = (np.array([interval[at] for interval in intervals], dtype=np.int64) for at in (1, 2))
        return cls([interval.source for interval in intervals], start, end, [interval.strand for interval in intervals])

    def take(self, which: list[int]) -> Intervals:
        """Return the intervals at these indices."""
        source, strand = ([column[i] for i in which] for column in (self.source, self.strand))
        return Intervals(source, self.start[which], self.end[which], strand)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bases or residues of each interval."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
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
    residues : Residues
        Those of the protein, without the stop.
    code : int
        Genetic code, by NCBI's number.
    """

    protein_id: str
    locus: str
    organism: str
    span: Interval
    exons: tuple[tuple[int, int], ...]
    residues: Residues
    code: int = 1

    @property
    def protein(self) -> str:
        """The protein, without the stop."""
        return self.residues[:]
