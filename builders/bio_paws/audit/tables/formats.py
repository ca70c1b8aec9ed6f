"""The formats of files of pairs. A new one is one entry in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.audit.tables import delimited, json_rows

ROWS_PER_BATCH = 1024
"""Pairs that are looked at together: few enough for long genes."""

Read = Callable[[], Iterator[pa.RecordBatch]]
"""Yields the rows of a file from its start."""
Open = Callable[[Path], tuple[Read, tuple[str, ...]]]
"""Looks at a file; returns how to read it, and what was guessed about it, in words."""


def _open_parquet(path: Path) -> tuple[Read, tuple[str, ...]]:
    def read() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(ROWS_PER_BATCH)

    return read, ()


def _open_json(path: Path) -> tuple[Read, tuple[str, ...]]:
    return partial(json_rows.read_rows, path, ROWS_PER_BATCH), ()


def _open_delimited(path: Path, delimiter: str) -> tuple[Read, tuple[str, ...]]:
    layout = delimited.examine(path, delimiter)
    return partial(delimited.read_rows, path, layout, ROWS_PER_BATCH), layout.notes


FORMATS: dict[str, Open] = {
    ".parquet": _open_parquet,
    ".csv": partial(_open_delimited, delimiter=","),
    ".tsv": partial(_open_delimited, delimiter="\t"),
    ".json": _open_json,
    ".jsonl": _open_json,
    ".ndjson": _open_json,
}
"""By the suffix of a name, compressed or not."""

_COMPRESSED = (".gz", ".bz2", ".zst")


def format_of(path: Path) -> Open | None:
    """Return how a file of this name is opened; None where its format is not known."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix not in _COMPRESSED]
    return FORMATS.get(suffixes[-1]) if suffixes else None
