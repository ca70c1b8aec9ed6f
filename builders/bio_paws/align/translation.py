"""Reading DNA as protein: in six frames, and spliced."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from Bio.Data import CodonTable
from Bio.Seq import translate
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import Alignment, align, align_score, reverse_complement

MIN_INTRON = 30
"""Shortest intron that a reading may skip, bp: the shortest of model organisms are some 40 bp long."""

_BASES = "ACGT"
_CODE = np.full(256, 255, dtype=np.uint8)
_CODE[[ord(base) for base in _BASES]] = range(4)


@lru_cache(maxsize=64)
def _codon_residues(code: int) -> str:
    """Return the residue of each of the 64 codons in a genetic code, stops as ``*``, in the order of `_BASES`."""
    forward = CodonTable.unambiguous_dna_by_id[code].forward_table
    return "".join(forward.get("".join(codon), "*") for codon in product(_BASES, repeat=3))


@lru_cache(maxsize=64)
def reads_as(code: int) -> int:
    """Return the first genetic code by which every codon reads as by this one; they may differ in their starts.

    Examples
    --------
    >>> reads_as(11), reads_as(4)
    (1, 4)
    """
    tables = sorted(CodonTable.unambiguous_dna_by_id)
    return int(next(table for table in tables if _codon_residues(table) == _codon_residues(code)))


def best_frame_alignment(dna: str, protein: str, code: int = 1) -> Alignment:
    """Align a protein with the six translations of a DNA string and return the best alignment, as tblastn does.

    Parameters
    ----------
    dna, protein : str
        Upper case.
    code : int
        Genetic code, by NCBI's number.
    """
    frames = [frame for strand in (dna, reverse_complement(dna)) for frame in translations(strand, code) if frame]
    scores = [align_score(protein, frame, "protein") for frame in frames]
    highest = max(scores, default=0)
    best = (align(protein, frame, "protein") for frame, score in zip(frames, scores, strict=True) if score == highest)
    return max(best, key=lambda alignment: (alignment.matches, -alignment.columns), default=Alignment(0, 0, 0))


def translations(strand: str, code: int = 1) -> list[str]:
    """Translate a strand in its three frames by a genetic code, stops as ``*``."""
    return [translated(strand[frame : frame + (len(strand) - frame) // 3 * 3], code) for frame in range(3)]


def translated(dna: str, code: int = 1) -> str:
    """Translate whole codons by a genetic code, stops as ``*``; a codon that is sense and stop in it is read as sense.

    Parameters
    ----------
    dna : str
        Upper case; its length is a multiple of 3.
    code : int
        Genetic code, by NCBI's number.
    """
    bases = _CODE[np.frombuffer(dna.encode("ascii"), dtype=np.uint8)]
    if bases.max(initial=0) < len(_BASES):
        codons = bases[::3] * 16 + bases[1::3] * 4 + bases[2::3]
        return str(_residue_of_codon(code)[codons].tobytes(), "ascii")
    if reads_as(code) == 1:
        return str(translate(dna))  # reads ambiguous codons, too
    residues = _residues_by_codon(code)
    return "".join(residues.get(dna[at : at + 3], "X") for at in range(0, len(dna), 3))


@lru_cache(maxsize=64)
def _residue_of_codon(code: int) -> NDArray[np.uint8]:
    return np.frombuffer(_codon_residues(code).encode("ascii"), dtype=np.uint8)


@lru_cache(maxsize=64)
def _residues_by_codon(code: int) -> dict[str, str]:
    return dict(zip(map("".join, product(_BASES, repeat=3)), _codon_residues(code), strict=True))


class _Introns(NamedTuple):
    """The introns that lead from `before` bases past a codon's end to `after` bases before the next codon."""

    codon_ends: NDArray[np.intp]  # where the codon before a donor site ends, ascending
    reach: NDArray[np.intp]  # for each acceptor site, the last of them that an intron can come from
    starts: NDArray[np.intp]  # where the codon after an acceptor site starts

    @classmethod
    def leading(cls, bases: NDArray[np.uint8], before: int, after: int) -> _Introns:
        donors = np.flatnonzero((bases[:-1] == 2) & ((bases[1:] == 3) | (bases[1:] == 1)))  # GT, GC: an intron starts
        acceptors = np.flatnonzero((bases[:-1] == 0) & (bases[1:] == 2)) + 2  # AG: an exon starts behind it
        donors = donors[donors >= before]
        reach = np.searchsorted(donors, acceptors - MIN_INTRON, "right") - 1
        usable = (reach >= 0) & (acceptors + after <= len(bases))
        return cls(donors - before, reach[usable], acceptors[usable] + after)

    def raise_ahead(self, ahead: NDArray[np.int16], ends: NDArray[np.int16], read: int) -> None:
        """Raise `ahead` to what `ends` reaches over these introns, and `read` residues more."""
        if len(self.starts):
            reached = np.maximum.accumulate(ends[self.codon_ends])[self.reach] + np.int16(read)
            ahead[self.starts] = np.maximum(ahead[self.starts], reached)


def spliced_identity(dna: str, protein: str, code: int = 1) -> float:
    """Part of a protein's residues that DNA codes for, read on its strand from left to right with introns left out.

    A reading takes one codon for each residue, in frame, and may skip introns: at least `MIN_INTRON` bases that begin
    with GT or GC and end with AG. An intron may split a codon; that one residue is taken on trust. A shift of the
    frame is not an intron, so what lies behind it is not read.

    Parameters
    ----------
    dna : str
        Upper-case DNA, shape (n,).
    protein : str
        Upper-case protein, shape (m,), not empty.
    code : int
        Genetic code of the DNA, by NCBI's number.

    Returns
    -------
    float
        Between 0 and 1; 1 for a gene and its protein.
    """
    if any(protein in frame for frame in translations(dna, code)):
        return 1.0
    bases = _CODE[np.frombuffer(dna.encode("ascii"), dtype=np.uint8)]
    n = len(bases)
    if n < 3:
        return 0.0
    coded = np.zeros(n, dtype=np.uint8)  # coded[p]: the residue of the codon at p
    known = (bases[:-2] < 4) & (bases[1:-1] < 4) & (bases[2:] < 4)
    index = bases[:-2].astype(np.int64) * 16 + bases[1:-1] * 4 + bases[2:]
    coded[:-2][known] = _residue_of_codon(code)[index[known]]
    introns = [_Introns.leading(bases, before, after) for before, after in ((0, 0), (1, 2), (2, 1))]
    matching = {residue: (coded == residue).astype(np.int16)[: n - 2] for residue in set(protein.encode("ascii"))}
    best = 0
    ends = np.zeros(n + 1, dtype=np.int16)  # ends[p]: most residues read by a reading whose next codon starts at p
    split = np.zeros(n + 1, dtype=np.int16)  # the same, where an intron split the codon before p
    for residue in protein.encode("ascii"):
        ahead = np.maximum(ends, split)
        introns[0].raise_ahead(ahead, ends, 0)
        split = np.zeros(n + 1, dtype=np.int16)
        introns[1].raise_ahead(split, ends, 1)
        introns[2].raise_ahead(split, ends, 1)
        ends = np.zeros(n + 1, dtype=np.int16)
        np.add(ahead[: n - 2], matching[residue], out=ends[3:])
        best = max(best, int(ends.max()), int(split.max()))
    return best / len(protein)
