"""What checks across rows need of each row: its place, its names as numbers, and digests of its strings.

Some 120 bytes a row, whatever the length of its strings: so a million rows can be held against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import PairConfig

_NAMES = ("kind", "group1", "group2", "source1", "source2", "strand1", "strand2")
_NUMBERS = ("label", "start1", "end1", "start2", "end2")
_DIGEST = pa.binary(16)
_NAME = pa.dictionary(pa.int32(), pa.string())


def molecules(config: PairConfig) -> tuple[str, str]:
    """Return what the two sides of a config hold: dna or protein."""
    return ("dna", "protein") if config.molecule == "dna_protein" else (config.molecule, config.molecule)


def keys_of(rows: pa.Table, config: PairConfig, split: str) -> pa.Table:
    """Return the keys of some rows.

    Parameters
    ----------
    rows : pyarrow.Table
        Schema `SCHEMA`, no value missing.
    config, split : PairConfig, str
        Where they stand.

    Returns
    -------
    pyarrow.Table
        Digests of 128 bits among its columns: `text` of a string, `strands` of a string of DNA whichever strand it
        is, `pair` of both strings whichever comes first.
    """
    first, second = (rows[name].to_pylist() for name in ("sentence1", "sentence2"))
    columns: dict[str, Any] = {"pair_id": rows["pair_id"], **{name: rows[name] for name in _NUMBERS}}
    columns |= {name: rows[name].dictionary_encode() for name in _NAMES}
    for name, value in (("config", config.name), ("split", split)):
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int32)), [value])
    for side, (texts, molecule) in enumerate(zip((first, second), molecules(config), strict=True), start=1):
        columns[f"text{side}"] = _digests(texts)
        dna = molecule == "dna"
        columns[f"strands{side}"] = _digests(
            f"{molecule}:{min(text, reverse_complement(text)) if dna else text}" for text in texts
        )
    columns["pair"] = _digests("\x1f".join(sorted(pair)) for pair in zip(first, second, strict=True))
    return pa.table(columns)


def _digests(texts: Iterable[str]) -> pa.Array:
    return pa.array([hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts], _DIGEST)


@dataclass(frozen=True)
class RowKeys:
    """The keys of rows, as arrays of shape (rows,), or (rows, 2) with one column for each side.

    Strings are numbers too, of their digests: no two strings have one number.

    Attributes
    ----------
    ids : pyarrow.Array
        Their pair_id.
    config, split, kind : ndarray of int32
        Numbers of names.
    label : ndarray of int64
    group, source, strand : ndarray of int32, shape (rows, 2)
    start, end : ndarray of int64, shape (rows, 2)
    text, strands : ndarray of int32, shape (rows, 2)
    pair : ndarray of int32
    names : dict of str to tuple of str
        What numbers of names stand for.
    """

    ids: pa.Array
    config: NDArray[np.int32]
    split: NDArray[np.int32]
    kind: NDArray[np.int32]
    label: NDArray[np.int64]
    group: NDArray[np.int32]
    source: NDArray[np.int32]
    strand: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    text: NDArray[np.int32]
    strands: NDArray[np.int32]
    pair: NDArray[np.int32]
    names: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, tables: list[pa.Table]) -> RowKeys:
        """Join tables of `keys_of`; the list is emptied."""
        names: dict[str, tuple[str, ...]] = {}

        def chunks(*columns: str) -> list[Any]:
            return [chunk for column in columns for table in tables for chunk in table[column].chunks]

        def sides(parts: list[NDArray[Any]], count: int) -> NDArray[Any]:
            flat = np.concatenate([np.zeros(0, dtype=np.int32), *parts])
            return flat if count == 1 else np.ascontiguousarray(flat.reshape(count, -1).T)

        def plain(*columns: str) -> NDArray[Any]:
            return sides([chunk.to_numpy() for chunk in chunks(*columns)], len(columns))

        def numbered(*columns: str) -> NDArray[np.int32]:
            coded = pa.chunked_array(chunks(*columns), _DIGEST).dictionary_encode()
            return sides([chunk.indices.to_numpy() for chunk in coded.chunks], len(columns))

        def named(what: str, *columns: str) -> NDArray[np.int32]:
            coded = pa.chunked_array(chunks(*columns), _NAME).unify_dictionaries()
            names[what] = tuple(coded.chunk(0).dictionary.to_pylist()) if coded.num_chunks else ()
            return sides([chunk.indices.to_numpy() for chunk in coded.chunks], len(columns))

        ids = chunks("pair_id")
        keys = cls(
            ids=pa.concat_arrays(ids) if ids else pa.array([], pa.string()),
            config=named("config", "config"),
            split=named("split", "split"),
            kind=named("kind", "kind"),
            label=plain("label"),
            group=named("group", "group1", "group2"),
            source=named("source", "source1", "source2"),
            strand=named("strand", "strand1", "strand2"),
            start=plain("start1", "start2"),
            end=plain("end1", "end2"),
            text=numbered("text1", "text2"),
            strands=numbered("strands1", "strands2"),
            pair=numbered("pair"),
            names=names,
        )
        tables.clear()
        return keys

    def name(self, column: str, number: int) -> str:
        """Return what a number of a column stands for."""
        return self.names[column][int(number)]

    def id(self, row: int) -> str:
        """Return the pair_id of a row."""
        return str(self.ids[int(row)].as_py())

    def where(self, row: int) -> tuple[str, str, str]:
        """Return config, split and pair_id of a row."""
        return self.name("config", self.config[row]), self.name("split", self.split[row]), self.id(row)


def first_of(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return for each key the place of the first one that equals it."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    places: NDArray[np.int64] = first[inverse]
    return places


def joined(*columns: NDArray[np.integer[Any]]) -> NDArray[np.bytes_]:
    """Make one key of several columns of numbers: equal where all of them are."""
    together = np.stack([column.astype(np.int64) for column in columns], axis=1)
    # Bytes of one width: that trailing zeros count as padding changes nothing.
    return together.view(f"S{8 * len(columns)}").ravel()
