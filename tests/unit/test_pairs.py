"""The pairs of a split on disk: the same file whatever is held in memory at one time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws.build import export, pairs
from bio_paws.build.candidates import CANDIDATES, Candidates
from bio_paws.configs import get_config
from bio_paws.execution.files import read_arrow
from bio_paws.schema import SCHEMA, UNLABELED_SCHEMA, pair_id
from bio_paws.verify.row_keys import RowKeys, keys_of

CONFIG = get_config("dna150")


def made(count: int, at_once: int = 100) -> Iterator[pa.Table]:
    empty = {"string": "", "int64": 0, "double": 0.0}
    for at in range(0, count, at_once):
        numbers = range(at, min(at + at_once, count))
        columns = {field.name: [empty[str(field.type)]] * len(numbers) for field in UNLABELED_SCHEMA}
        columns |= {"start1": list(numbers), "kind": ["homolog" if i % 2 else "other_group" for i in numbers]}
        yield pa.table(columns, schema=UNLABELED_SCHEMA)


def test_rows_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    pairs.write_pairs(tmp_path / "whole", made(500, 500), CONFIG, "train")
    pairs.write_pairs(tmp_path / "few", made(500, 7), CONFIG, "train")
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "few"}
    table = read_arrow(tmp_path / "few")
    assert table.equals(read_arrow(tmp_path / "whole"))
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert sorted(row["start1"] for row in rows) == list(range(500))
    assert [row["pair_id"] for row in rows] == sorted(pair_id(row, "dna150", "train") for row in rows)
    assert all(row["label"] == row["start1"] % 2 for row in rows)
    read = [row for batch in pairs.read_pairs(tmp_path / "few", ["start1"]) for row in batch["start1"].to_pylist()]
    assert read == table["start1"].to_pylist()


def peak_of_writing(path: Path, count: int) -> int:
    """Most bytes that Python and Arrow hold together, above what they held before."""
    allocated = pa.total_allocated_bytes()
    most = 0

    def watched() -> Iterator[pa.Table]:
        nonlocal most
        for table in made(count):
            most = max(most, tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes() - allocated)
            yield table

    tracemalloc.start()
    try:
        pairs.write_pairs(path, watched(), CONFIG, "train")
    finally:
        tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_pairs(tmp_path: Path) -> None:
    peak_of_writing(tmp_path / "first", 400)  # what is made once
    few, many = (peak_of_writing(tmp_path / str(count), count) for count in (1_000, 5_000))
    assert many < 1.5 * few


def test_candidates_and_keys_of_rows_take_little_space(tmp_path: Path) -> None:
    pairs.write_pairs(tmp_path / "rows", made(1_000), CONFIG, "train")
    keys = RowKeys.of([keys_of(read_arrow(tmp_path / "rows"), CONFIG, "train")])
    arrays = [var for var in vars(keys).values() if hasattr(var, "nbytes")]
    assert sum(array.nbytes for array in arrays) < 250 * 1_000
    places = {"start": 0, "end": 150, "source": "chromosome", "strand": "+"}
    row: dict[str, Any] = {f"{name}{side}": value for name, value in places.items() for side in (1, 2)}
    row |= {"kind": "homolog", "split": "train", "group": "g1", "tile": 1, "composition2": 7}
    row |= {"score": 250, "matches": 140, "columns": 150}
    candidates = Candidates.of([pa.Table.from_pylist([row] * 1_000, schema=CANDIDATES)], "train")
    assert len(candidates) == 1_000
    assert sum(column.nbytes for column in candidates.columns.values()) < 120 * 1_000


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.Table]:
        yield from made(20)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pairs.write_pairs(tmp_path / "none", broken(), CONFIG, "train")
    assert not list(tmp_path.iterdir())


def test_parquet_does_not_depend_on_the_chunks_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROW_GROUP", 100)
    pairs.write_pairs(tmp_path / "rows", made(450), CONFIG, "train")
    table = read_arrow(tmp_path / "rows")
    for name, chunked in {"chunks": table, "whole": table.combine_chunks()}.items():
        export.write_split(tmp_path / name, chunked, CONFIG)
    assert (tmp_path / "chunks").read_bytes() == (tmp_path / "whole").read_bytes()
    file = pq.ParquetFile(tmp_path / "whole")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [100] * 4 + [50]
    assert pa.Table.equals(file.read().replace_schema_metadata(), table)
