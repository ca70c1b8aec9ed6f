"""The Arrow schema of a pair, and the digests that identify pairs and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

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

UNLABELED_SCHEMA = pa.schema([field for field in SCHEMA if field.name not in ("label", "pair_id")])
"""A pair in the making: `SCHEMA` less what its place in the data set decides."""


ID_ALPHABET = "abcdefghijklmnop"
_DIGESTED = [name for name in SCHEMA.names if name != "pair_id"]
_LETTERS = str.maketrans("0123456789abcdef", ID_ALPHABET)
"""The search of the Hub's viewer takes only letters for words: an id with digits would be several of them, or none."""

Row = dict[str, Any]
"""A pair by itself: the columns of `UNLABELED_SCHEMA`, or of `SCHEMA`."""


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


def content_hash(pair_ids: dict[str, list[str]]) -> str:
    """Hash of a config's content, whatever wrote its Parquet: each id is a digest of its row and its split."""
    digest = hashlib.sha256()
    for split, ids in pair_ids.items():
        digest.update("".join(f"{split}\t{pair_id}\n" for pair_id in ids).encode())
    return digest.hexdigest()
