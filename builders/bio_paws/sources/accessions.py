"""Identifiers of NCBI's form, whose parts stand between bars: a file of genes names the accession in it alone."""

from __future__ import annotations

_DATABASES = frozenset({"gi", "ref", "gb", "emb", "dbj", "tpg", "tpe", "tpd", "lcl", "gnl", "accn"})
"""What stands before accessions of nucleotides in NCBI's identifiers, and, ``accn``, in those of PATRIC."""


def accession_in(word: str) -> str:
    """Return the accession, or the local name, in an identifier of NCBI's form; empty where there is none.

    Examples
    --------
    >>> [accession_in(word) for word in ("gi|556503834|ref|NC_000913.3|", "gnl|MyDB|chr1", "lcl|c1", "NC_000913.3")]
    ['NC_000913.3', 'chr1', 'c1', '']
    """
    parts = word.split("|")
    at = 0
    while at + 1 < len(parts):
        database = parts[at].lower()
        if database not in _DATABASES:
            return ""
        identifier = "".join(parts[at + 2 : at + 3]) if database == "gnl" else parts[at + 1]
        if identifier and database != "gi":
            return identifier
        at += 2
    return ""
