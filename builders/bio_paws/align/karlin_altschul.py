"""Karlin-Altschul statistics: E-values and bit scores of gapped local alignments.

A pair is cut out of a longer BLAST alignment, so its E-value follows from its own Smith-Waterman score:
``E = K * m * n * exp(-lambda * S)``, m the length of the longer string and n the residues of the search's database,
without BLAST's edge correction, so that it never comes out smaller than BLAST's.

References
----------
Karlin S, Altschul SF (1990) PNAS 87:2264-2268. Gapped parameters: NCBI BLAST+ ``blast_stat.c``, which BLAST prints at
the foot of each report: blastn +2/-3 with gaps 5/2, blastp BLOSUM62 with gaps 11/1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bio_paws.align.smith_waterman import Alphabet


class KarlinAltschul(NamedTuple):
    """Gapped parameters of a scoring system."""

    lambda_: float
    k: float


GAPPED: dict[str, KarlinAltschul] = {
    "dna": KarlinAltschul(lambda_=0.625, k=0.41),
    "protein": KarlinAltschul(lambda_=0.267, k=0.041),
}


def bit_score(score: int, alphabet: Alphabet) -> float:
    """Bits of a raw score: ``(lambda * S - ln K) / ln 2``."""
    lambda_, k = GAPPED[alphabet]
    return (lambda_ * score - math.log(k)) / math.log(2)


def evalue(score: int, query_length: int, database_length: int, alphabet: Alphabet) -> float:
    """Expected number of chance alignments of at least `score` in a search of that size.

    Parameters
    ----------
    score : int
        Raw Smith-Waterman score.
    query_length, database_length : int
        Residues of the query and of the database.
    alphabet : {"dna", "protein"}
        Scoring system.
    """
    lambda_, k = GAPPED[alphabet]
    return k * query_length * database_length * math.exp(-lambda_ * score)
