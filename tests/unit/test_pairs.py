"""The pairs of a split on disk: the same file whatever is held in memory at one time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws import pairs, writer
from bio_paws.configs import get_config
from bio_paws.files import read_arrow
from bio_paws.records import SCHEMA, pair_id

CONFIG = get_config("dna150")


def made(count: int) -> Iterator[dict[str, Any]]:
    empty = {"string": "", "int64": 0, "double": 0.0}
    for i in range(count):
        row = {field.name: empty[str(field.type)] for field in SCHEMA if field.name not in ("label", "pair_id")}
        yield row | {"start1": i, "kind": "homolog" if i % 2 else "other_group", "slot": i}


def test_rows_come_in_the_order_of_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs.write_pairs(tmp_path / "whole", made(500), CONFIG, "train")
    monkeypatch.setattr(pairs, "ROWS_AT_ONCE", 7)
    pairs.write_pairs(tmp_path / "few", made(500), CONFIG, "train")
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "few"}
    table = read_arrow(tmp_path / "few")
    assert table.equals(read_arrow(tmp_path / "whole"))
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert sorted(row["start1"] for row in rows) == list(range(500))
    assert [row["pair_id"] for row in rows] == sorted(pair_id(row, "dna150", "train") for row in rows)
    assert all(row["label"] == row["start1"] % 2 for row in rows)
    read = [one for batch in pairs.read_pairs(tmp_path / "few", ["start1"]) for one in batch["start1"].to_pylist()]
    assert read == table["start1"].to_pylist()


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from made(20)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pairs.write_pairs(tmp_path / "none", broken(), CONFIG, "train")
    assert not list(tmp_path.iterdir())


def test_parquet_does_not_depend_on_the_chunks_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROW_GROUP", 100)
    pairs.write_pairs(tmp_path / "rows", made(450), CONFIG, "train")
    table = read_arrow(tmp_path / "rows")
    for name, one in {"chunks": table, "whole": table.combine_chunks()}.items():
        writer.write_split(tmp_path / name, one, CONFIG)
    assert (tmp_path / "chunks").read_bytes() == (tmp_path / "whole").read_bytes()
    file = pq.ParquetFile(tmp_path / "whole")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [100] * 4 + [50]
    assert pa.Table.equals(file.read().replace_schema_metadata(), table)
