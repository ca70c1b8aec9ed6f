"""Candidate similar pairs as columns of numbers: places, not strings, so that a million fit where rows would not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import Alignments
from bio_paws.configs import PairType
from bio_paws.execution.files import read_arrow
from bio_paws.sequences.records import Intervals

CANDIDATES = pa.schema(
    [
        ("kind", pa.string()),
        ("split", pa.string()),
        ("group", pa.string()),
        ("tile", pa.int64()),
        ("source1", pa.string()),
        ("start1", pa.int64()),
        ("end1", pa.int64()),
        ("strand1", pa.string()),
        ("source2", pa.string()),
        ("start2", pa.int64()),
        ("end2", pa.int64()),
        ("strand2", pa.string()),
        ("score", pa.int32()),
        ("matches", pa.int32()),
        ("columns", pa.int32()),
        ("composition2", pa.int32()),
    ]
)
"""A similar pair that was let in: `tile` names the stretch of alignment it was drawn from; score, matches and columns
are its alignment; `composition2` counts the letters of its second string that its dissimilar pair must match."""


@dataclass(frozen=True)
class Candidates:
    """The candidates of one split, some 100 bytes each.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (candidates,)
        By the names of `CANDIDATES`, without the split; what is a string there is a number here.
    names : dict of str to tuple of str
        What these numbers stand for, by column.
    """

    columns: dict[str, NDArray[Any]]
    names: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, paths: Iterable[Path], split: str) -> Candidates:
        """Read the candidates of a split from files in the schema `CANDIDATES`."""
        return cls.of((read_arrow(path) for path in paths), split)

    @classmethod
    def of(cls, tables: Iterable[pa.Table], split: str) -> Candidates:
        """Take the candidates of a split from tables, one at a time."""
        numbers: dict[str, dict[str, int]] = {}
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in CANDIDATES.names if name != "split"}
        for table in (CANDIDATES.empty_table(), *tables):
            here = table.filter(pc.equal(table["split"], split))
            for name, arrays in parts.items():
                column = here[name].combine_chunks()
                if pa.types.is_string(column.type):
                    known = numbers.setdefault(name, {})
                    coded = column.dictionary_encode()
                    codes = [known.setdefault(value, len(known)) for value in coded.dictionary.to_pylist()]
                    arrays.append(np.array(codes, dtype=np.int32)[coded.indices.to_numpy()])
                else:
                    arrays.append(column.to_numpy())
        columns = {}
        for name in list(parts):  # joined one by one: not all of it is there twice
            columns[name] = np.concatenate(parts.pop(name))
        return cls(columns, {name: tuple(known) for name, known in numbers.items()})

    def __len__(self) -> int:
        return len(self.columns["tile"])

    @property
    def kinds(self) -> tuple[PairType, ...]:
        """What the numbers of the column `kind` stand for."""
        return cast(tuple[PairType, ...], self.names["kind"])

    def kind(self, which: NDArray[np.int64]) -> list[PairType]:
        """Return the kinds of some candidates."""
        return cast(list[PairType], self.named("kind", which))

    def named(self, column: str, which: NDArray[np.int64]) -> list[str]:
        """Return what the numbers of a column stand for, of some candidates."""
        names = self.names[column]
        return [names[code] for code in self.columns[column][which].tolist()]

    def intervals(self, which: NDArray[np.int64], side: int) -> Intervals:
        """Return where side 1 or 2 of some candidates lie."""
        start, end = (self.columns[f"{name}{side}"][which] for name in ("start", "end"))
        return Intervals(self.named(f"source{side}", which), start, end, self.named(f"strand{side}", which))

    def alignments(self, which: NDArray[np.int64]) -> Alignments:
        """Return the best alignments of some candidates' two strings."""
        return Alignments(*(self.columns[name][which].astype(np.int64) for name in ("score", "matches", "columns")))
