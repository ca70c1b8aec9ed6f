"""Queries that have a homolog in a database."""

from __future__ import annotations

from pathlib import Path

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.search import blast

SIGNIFICANT_EVALUE = 1e-5
"""E-value below which two sequences are homologs: those of a similar pair, and of a leak between splits."""
DROPPED_EVALUE = 1e-3
"""E-value below which a build drops a sequence with a hit in another split. It is a hundred times laxer than
`SIGNIFICANT_EVALUE`: BLAST's E-value of one alignment shifts with the number and the length of the subjects around it,
and what is dropped must not turn up in the verification search."""

_TARGETS = 5  # a single subject would do, but BLAST warns below five


def find_hits(
    queries: list[str], database: Path, alphabet: Alphabet, residues: int, max_evalue: float
) -> dict[str, int]:
    """Find the queries that have a significant hit in a database.

    Parameters
    ----------
    queries : list of str
        Strings, not empty.
    database : Path
        Made by `blast.write_database`: its subjects are called by their number.
    alphabet : {"dna", "protein"}
        What they are.
    residues : int
        Database size that E-values refer to, so that they do not depend on how many subjects there are.
    max_evalue : float
        A hit is significant below it.

    Returns
    -------
    dict of str to int
        Each query with a hit, and the number of a subject it hits.
    """
    widest = max(blast.WIDE_EVALUE, str(max_evalue), key=float)
    options = ("-evalue", widest, "-dbsize", str(residues), "-max_hsps", "1")
    hits = blast.search_widely(enumerate(queries), database, alphabet, options, max_targets=_TARGETS)
    return {
        queries[int(query)]: int(subject)
        for query, subject, evalue in zip(
            *(hits[name].to_pylist() for name in ("query", "subject", "evalue")), strict=True
        )
        if evalue < max_evalue
    }
