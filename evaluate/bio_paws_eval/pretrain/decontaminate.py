"""Keep held-out loci from pre-training: first by interval and accession, then by a search for homologs.

Both strands of DNA are searched, nothing masked. Of DNA the aligned part is cut out, a protein is left out whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bio_paws.search import blast
from bio_paws.sequences.records import Sequence as Whole
from bio_paws_eval.pretrain.held_out import HeldOut, Molecule, merge

MAX_EVALUE = 1e-3
"""As laxly the build searches for homologs of a split in the splits before it."""
PIECE = 10_000
"""Letters a piece of a genome has, at most."""
SHORTEST = {"dna": 100, "protein": 20}
"""What is left between cuts is dropped where it has fewer letters."""
_RESIDUES = 10_000_000  # database size of the E-values: what is found must not depend on what else is held out
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


@dataclass(frozen=True)
class Kept:
    """What a search left of some documents, and counts of what it took."""

    texts: list[str]
    removed: Counter[str]


def cut_genome(sequence: Whole, held_out: HeldOut) -> tuple[list[str], Counter[str]]:
    """Cut a genome sequence into pieces that hold no held-out locus and no letter but A, C, G and T.

    Returns
    -------
    pieces : list of str
        Upper case, `SHORTEST` to `PIECE` letters each.
    removed : Counter
        ``intervals`` and ``by_interval`` (bp) that were held out.
    """
    letters = np.frombuffer(sequence.residues[:].upper().encode("ascii"), dtype=np.uint8)
    free = np.isin(letters, _BASES)
    removed: Counter[str] = Counter()
    for start, end in held_out.intervals.get(sequence.id, ()):
        removed += Counter(intervals=1, by_interval=len(letters[start:end]))
        free[start:end] = False
    text = letters.tobytes().decode("ascii")
    pieces = [text[at : min(at + PIECE, end)] for start, end in _runs(free) for at in range(start, end, PIECE)]
    return [piece for piece in pieces if len(piece) >= SHORTEST["dna"]], removed


def _runs(chosen: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def make_database(folder: Path, molecule: Molecule, held_out: HeldOut) -> Path | None:
    """Make a BLAST database of what is searched for; None where nothing of that molecule is held out."""
    if not held_out.searched[molecule]:
        return None
    blast.write_database(folder / molecule, held_out.searched[molecule], molecule)
    return folder / molecule


def remove_homologs(texts: Sequence[str], database: Path, molecule: Molecule) -> Kept:
    """Search documents for held-out strings, and leave out what is found.

    Parameters
    ----------
    texts : sequence of str
        Documents.
    database : Path
        From `make_database`.
    molecule : {"dna", "protein"}
        What they are.

    Returns
    -------
    Kept
        What is left, and how much was ``searched`` and removed ``by_search`` (bp, aa) for how many ``hits``.
    """
    options = ("-evalue", blast.WIDE_EVALUE, "-dbsize", str(_RESIDUES))
    if molecule == "protein":  # one hit will do
        one_hit = (*options, "-max_hsps", "1")
        answers = blast.search_widely(enumerate(texts), database, molecule, one_hit, max_targets=5)
    else:
        answers = blast.search_widely(enumerate(texts), database, molecule, options)
    hits: dict[int, list[tuple[int, int]]] = {}
    columns = (answers[name].to_pylist() for name in ("query", "query_start", "query_end", "evalue"))
    for query, start, end, evalue in zip(*columns, strict=True):
        if evalue < MAX_EVALUE:
            hits.setdefault(int(query), []).append((start - 1, end))
    kept: list[str] = []
    removed = Counter(searched=sum(map(len, texts)))
    for i, text in enumerate(texts):
        cuts = merge(hits.get(i, ())) if molecule == "dna" else [(0, len(text))] * (i in hits)
        starts = [0, *(end for _, end in cuts)]
        ends = [*(start for start, _ in cuts), len(text)]
        kept += [text[start:end] for start, end in zip(starts, ends, strict=True) if end - start >= SHORTEST[molecule]]
        removed += Counter(hits=len(cuts), by_search=sum(end - start for start, end in cuts))
    return Kept(kept, removed)
