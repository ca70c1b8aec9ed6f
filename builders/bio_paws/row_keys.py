"""What checks across rows need of each row: its place, its names as numbers, and digests of its strings.

Some 200 bytes a row, whatever the length of its strings: so a million rows can be held against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.configs import PairConfig
from bio_paws.tools.smith_waterman import reverse_complement

_NAMES = ("kind", "group1", "group2", "source1", "source2", "strand1", "strand2")
_NUMBERS = ("label", "start1", "end1", "start2", "end2")
_DIGESTS = ("text1", "text2", "strands1", "strands2", "pair")
_DIGEST = pa.binary(16)


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

    Attributes
    ----------
    ids : pyarrow.Array
        Their pair_id.
    config, split, kind : ndarray of int32
        Numbers of names.
    label : ndarray of int64
    group, source, strand : ndarray of int32, shape (rows, 2)
    start, end : ndarray of int64, shape (rows, 2)
    text, strands : ndarray of 16 bytes, shape (rows, 2)
    pair : ndarray of 16 bytes
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
    text: NDArray[np.bytes_]
    strands: NDArray[np.bytes_]
    pair: NDArray[np.bytes_]
    names: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, tables: list[pa.Table]) -> RowKeys:
        """Join tables of `keys_of`; the list is emptied."""
        numbers: dict[str, dict[str, int]] = {}

        def coded(column: str, vocabulary: str) -> NDArray[np.int32]:
            known = numbers.setdefault(vocabulary, {})
            parts = [np.zeros(0, dtype=np.int32)]
            for table in tables:
                for chunk in table[column].chunks:
                    codes = [known.setdefault(name, len(known)) for name in chunk.dictionary.to_pylist()]
                    parts.append(np.array(codes, dtype=np.int32)[chunk.indices.to_numpy()])
            return np.concatenate(parts)

        def plain(column: str) -> NDArray[Any]:
            return np.concatenate([np.zeros(0, dtype=np.int64), *(table[column].to_numpy() for table in tables)])

        def digests(column: str) -> NDArray[np.bytes_]:
            parts = [
                np.frombuffer(chunk.buffers()[1], dtype="S16")[chunk.offset : chunk.offset + len(chunk)]
                for table in tables
                for chunk in table[column].chunks
            ]
            return np.concatenate([np.zeros(0, dtype="S16"), *parts])

        def sides(read: Any, name: str, *more: str) -> NDArray[Any]:
            return np.stack([read(f"{name}{side}", *more) for side in (1, 2)], axis=1)

        chunks = [chunk for table in tables for chunk in table["pair_id"].chunks]
        keys = cls(
            ids=pa.concat_arrays(chunks) if chunks else pa.array([], pa.string()),
            config=coded("config", "config"),
            split=coded("split", "split"),
            kind=coded("kind", "kind"),
            label=plain("label"),
            group=sides(coded, "group", "group"),
            source=sides(coded, "source", "source"),
            strand=sides(coded, "strand", "strand"),
            start=sides(plain, "start"),
            end=sides(plain, "end"),
            text=sides(digests, "text"),
            strands=sides(digests, "strands"),
            pair=digests("pair"),
            names={name: tuple(known) for name, known in numbers.items()},
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
    found: NDArray[np.int64] = first[inverse]
    return found


def joined(*columns: NDArray[Any]) -> NDArray[np.bytes_]:
    """Make one key of several columns: equal where all of them are."""
    plain = [column if column.dtype.kind == "S" else column.astype(np.int64) for column in columns]
    parts = [
        np.ascontiguousarray(column).view(np.uint8).reshape(len(column), column.dtype.itemsize) for column in plain
    ]
    together = np.concatenate(parts, axis=1)
    # Bytes of one width: that trailing zeros count as padding changes nothing.
    return np.ascontiguousarray(together).view(f"S{together.shape[1]}").ravel()
