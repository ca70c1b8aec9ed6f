"""Read the Parquet files of a data set: completely once, and then part by part, so that no file is held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bio_paws.errors import first_line
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws.schema import SCHEMA, Row
from bio_paws.verify.violations import Violation
from bio_paws_cards.manifest import Manifest

_ROWS_PER_PART = 5_000

Part = tuple[int, int]
"""The number of a row group, and the first of `_ROWS_PER_PART` rows in it."""

Files = dict[tuple[str, str], Path]
"""The Parquet file of each config and split, in the order of the manifest."""


def readable_files(folder: Path, manifest: Manifest, wanted: set[tuple[str, str]]) -> tuple[Files, list[Violation]]:
    """Read files to their end, and return those that are there and complete.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.
    wanted : set of (config, split)
        Which files to read.

    Returns
    -------
    files : dict
        By config and split.
    violations : list of Violation
        What cannot be read, and rows with a missing value. A missing file is left to `files.check_files`.
    """
    files: Files = {}
    violations = []
    for name, entry in manifest.configs.items():
        for split, split_entry in entry.splits.items():
            path = folder / split_entry.file
            if (name, split) not in wanted or not path.is_file():
                continue
            try:
                incomplete = list(_incomplete_rows(path))
            except (OSError, ValueError, KeyError, pa.ArrowException) as error:
                reraise_if_out_of_memory(error)
                violations.append(Violation("FILE008", name, split, "", f"cannot be read: {first_line(error)}"))
                continue
            violations += [Violation("ROW001", name, split, row_id, "a value is missing") for row_id in incomplete]
            if not incomplete:
                files[name, split] = path
    return files, violations


def _incomplete_rows(path: Path) -> Iterator[str]:
    """Read a split to its end, page checksums included, and yield the ids of rows with a missing value."""
    file = pq.ParquetFile(path, page_checksum_verification=True)
    if file.schema_arrow.names != SCHEMA.names or file.schema_arrow.types != SCHEMA.types:
        raise pa.ArrowInvalid("columns or types are not those of a pair")
    for number in range(file.num_row_groups):
        table = file.read_row_group(number)
        table.validate(full=True)
        missing = np.zeros(len(table), dtype=bool)
        for column in table.columns:
            if column.null_count:
                missing |= pc.is_null(column).to_numpy()
        yield from map(str, table["pair_id"].filter(pa.array(missing)).to_pylist())


def parts_of(path: Path) -> Iterator[Part]:
    """Divide a file into parts, each of which is checked by one job."""
    footer = pq.read_metadata(path)
    for number in range(footer.num_row_groups):
        for first in range(0, footer.row_group(number).num_rows, _ROWS_PER_PART):
            yield number, first


def read_part(path: Path, part: Part, columns: list[str] | None = None) -> pa.Table:
    """Read a part of a file; all columns by default."""
    number, first = part
    return pq.ParquetFile(path).read_row_group(number, columns=columns).slice(first, _ROWS_PER_PART)


def read_rows(path: Path, part: Part, columns: list[str] | None = None) -> list[Row]:
    """Read a part of a file as dictionaries."""
    rows: list[Row] = read_part(path, part, columns).to_pylist()
    return rows
