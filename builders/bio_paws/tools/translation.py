"""Reading DNA as protein: in six frames, and spliced."""

from __future__ import annotations

from itertools import product

import numpy as np
from Bio.Data import CodonTable
from Bio.Seq import translate
from numpy.typing import NDArray

from bio_paws.tools.smith_waterman import Alignment, align, reverse_complement

MIN_INTRON = 30
"""Shortest intron that a reading may skip, bp: the shortest of model organisms are some 40 bp long."""

_BASES = "ACGT"
_TABLE = CodonTable.unambiguous_dna_by_id[1]
_CODONS = np.array(
    [ord(_TABLE.forward_table.get("".join(codon), "*")) for codon in product(_BASES, repeat=3)], dtype=np.uint8
)
_CODE = np.full(256, 255, dtype=np.uint8)
_CODE[[ord(base) for base in _BASES]] = range(4)


def best_frame_alignment(dna: str, protein: str) -> Alignment:
    """Align a protein with the six translations of a DNA string and return the best alignment, as tblastn does."""
    found = []
    for strand in (dna, reverse_complement(dna)):
        for frame in range(3):
            coding = strand[frame : frame + (len(strand) - frame) // 3 * 3]
            if coding:
                found.append(align(protein, str(translate(coding)), "protein"))
    return max(found, key=lambda one: (one.score, one.matches, -one.columns), default=Alignment(0, 0, 0))


def spliced_identity(dna: str, protein: str) -> float:
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

    Returns
    -------
    float
        Between 0 and 1; 1 for a gene and its protein.
    """
    frames = (str(translate(dna[frame : frame + (len(dna) - frame) // 3 * 3])) for frame in range(3))
    if any(protein in frame for frame in frames):
        return 1.0
    bases = _CODE[np.frombuffer(dna.encode("ascii"), dtype=np.uint8)]
    n = len(bases)
    if n < 3:
        return 0.0
    coded = np.zeros(n, dtype=np.uint8)  # coded[p]: the residue of the codon at p
    known = (bases[:-2] < 4) & (bases[1:-1] < 4) & (bases[2:] < 4)
    index = bases[:-2].astype(np.int64) * 16 + bases[1:-1] * 4 + bases[2:]
    coded[:-2][known] = _CODONS[index[known]]
    donors = np.flatnonzero((bases[:-1] == 2) & ((bases[1:] == 3) | (bases[1:] == 1)))  # an intron starts here
    acceptors = np.flatnonzero((bases[:-1] == 0) & (bases[1:] == 2)) + 2  # an exon starts here
    # For each acceptor, how many donors lie far enough before it.
    reach = np.searchsorted(donors, acceptors - MIN_INTRON, "right")
    acceptors, reach = acceptors[reach > 0], reach[reach > 0]

    def over_introns(value: NDArray[np.int16], before: int, after: int) -> None:
        """Raise `ahead` where an intron leads from a codon's end, `before` bases on, to `after` bases past it."""
        at = donors - before
        best = np.maximum.accumulate(np.where(at >= 0, value[np.maximum(at, 0)], 0))
        target = acceptors + after
        inside = target < n
        ahead[target[inside]] = np.maximum(ahead[target[inside]], best[reach[inside] - 1] + (before > 0))

    best = 0
    ends = np.zeros(n + 1, dtype=np.int16)  # ends[p]: most residues read by a reading whose next codon starts at p
    split = np.zeros(n + 1, dtype=np.int16)  # the same, where an intron split the codon before p
    for residue in protein.encode("ascii"):
        read = ends[:n] if not split.any() else np.maximum(ends[:n], split[:n])
        ahead = read.copy()
        if len(acceptors):
            over_introns(ends, 0, 0)
        now = np.zeros(n + 1, dtype=np.int16)
        now[3:] = (ahead + (coded == residue))[: n - 2]
        ahead = np.zeros(n, dtype=np.int16)
        if len(acceptors):
            over_introns(ends, 1, 2)
            over_introns(ends, 2, 1)
        ends, split = now, np.append(ahead, np.int16(0))
        best = max(best, int(ends.max()), int(split.max()))
    return best / len(protein)
