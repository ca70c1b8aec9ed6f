"""What the Hub's viewer asks: the lint tells what it would fail on; its search and its filters give the right rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import duckdb_ext
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.build.export import finish
from bio_paws.cli.app import main
from bio_paws.dataset.manifest import read_manifest
from bio_paws.execution.files import sha256_of
from bio_paws.verify.viewer import check_viewer, row_faults, viewer_notes
from bio_paws.verify.violations import Fault
from releases import release

TEST = "protein150/test-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def released(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of one config; copy it before changing it."""
    return release(built, tmp_path_factory.mktemp("one") / "bioPAWS", "1.0.0", ["protein150"])


@pytest.fixture
def folder(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released, tmp_path / "bioPAWS"))


def violations_of(folder: Path) -> list[str]:
    return [str(violation) for violation in check_viewer(folder, read_manifest(folder))]


def rewrite(folder: Path, table: pa.Table, **options: Any) -> list[str]:
    """Write a split in another way than the writer's, with hashes and a card that fit; return what the lint says."""
    path, manifest = folder / TEST, read_manifest(folder)
    usual = {"compression": "zstd", "write_page_index": True, "write_page_checksum": True}
    pq.write_table(table, path, **(usual | options))
    entry = manifest.configs["protein150"].splits["test"]
    entry.bytes, entry.sha256 = path.stat().st_size, sha256_of(path)
    finish(folder, manifest)
    return violations_of(folder)


def test_all_that_is_built_is_shown(built: Path) -> None:
    assert violations_of(built) == []
    assert viewer_notes(built, read_manifest(built)) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"write_page_checksum": False}, "VIEWER013 protein150/test: the file has no page checksums"),
        (
            {"write_page_checksum": False, "use_dictionary": False},
            "VIEWER013 protein150/test: the file has no page checksums",
        ),
        ({"write_page_index": False}, "VIEWER011 protein150/test: the file has no page index"),
        ({"compression": "none"}, "VIEWER012 protein150/test: the file is not compressed"),
        ({}, None),
    ],
)
def test_a_file_written_otherwise_is_refused(options: dict[str, Any], says: str | None, folder: Path) -> None:
    said = rewrite(folder, pq.read_table(folder / TEST), **options)
    assert [violation.startswith(str(says)) for violation in said] == ([True] if says else [])


def test_row_groups_that_are_too_large_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bio_paws.verify.viewer.ROW_GROUP_BYTES", 1_000)
    assert "VIEWER010 protein150/test: a row group has 1,000 bytes or more" in violations_of(folder)


def test_metadata_that_are_not_the_cards_are_refused(folder: Path) -> None:
    table = pq.read_table(folder / TEST)
    assert rewrite(folder, table.replace_schema_metadata(None)) == [
        "VIEWER007 protein150/test: the file's features are not the card's",
        *(
            f"VIEWER008 protein150/test: the file's metadata lacks {key}: "
            "the Hub takes it for one that is not optimised"
            for key in ("content_defined_chunking", "use_content_defined_chunking")
        ),
    ]
    features = table.schema.metadata[b"huggingface"].replace(b'"_type": "ClassLabel"', b'"_type": "Value"')
    said = rewrite(folder, table.replace_schema_metadata({**table.schema.metadata, b"huggingface": features}))
    assert said == ["VIEWER007 protein150/test: the file's features are not the card's"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("num_examples: 40", "num_examples: 41", "VIEWER005 protein150/validation: README.md: 41 rows of"),
        ("download_size: ", "download_size: 1", "VIEWER005 protein150: README.md: download_size 1"),
        ("dataset_size: ", "dataset_size: 1", "VIEWER005 protein150: README.md: dataset_size 1"),
        ("path: protein150/test-", "path: protein150/text-", "VIEWER003 protein150: README.md: names other files: "),
        (
            "config_name: protein150",
            "config_name: protein15",
            "VIEWER002 README.md: its metadata is of configs ['protein15'] and",
        ),
        ("configs:", "configs: [", "VIEWER001 README.md: its metadata cannot be read: "),
    ],
)
def test_a_card_that_says_otherwise_is_refused(old: str, new: str, says: str, folder: Path) -> None:
    """Whatever rendered it: the card is compared with the files themselves."""
    card = folder / "README.md"
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new, 1))
    assert any(violation.startswith(says) for violation in violations_of(folder)), violations_of(folder)


def test_verify_and_publish_ask_for_what_the_viewer_needs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(folder, pq.read_table(folder / TEST), write_page_checksum=False)
    assert main(["verify", str(folder), "--workers", "1"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "VIEWER013 protein150/test: the file has no page checksums: damage could go unnoticed"
    assert said[1].endswith(" 1 violation")


def test_rows_that_the_viewer_fails_on_are_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows are right, so the data set is; but nobody should publish it."""
    monkeypatch.setattr("bio_paws.verify.viewer.FIRST_ROWS_BYTES", 1_000)
    assert main(["verify", str(folder), "--workers", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("note: VIEWER014 protein150/", "note: VIEWER015 protein150/")) for line in said[:-1])
    assert "note: VIEWER015 protein150/test: the Hub's viewer fails: the first 10 rows have" in "\n".join(said)
    assert main(["publish", "tester/bioPAWS", str(folder), "--workers", "1"]) == 1
    assert (
        "nothing was published: VIEWER015 protein150/train: the Hub's viewer fails: the first"
        in capsys.readouterr().err
    )


# Statistics


def statistics_fail(values: list[int]) -> bool:
    """What the viewer's `generate_bins` and `compute_histogram` do to whole numbers, which they cut into ten bins."""
    least, most = min(values), max(values)
    edges = [least, most]
    if least != most:
        edges = np.arange(least, most, np.ceil((most - least + 1) / 10)).astype(int).tolist()
        if edges[-1] != most:
            edges.append(most)
    return len(edges) == 2 and edges[0] != edges[1]


@settings(deadline=None)
@given(st.integers(-5, 5).flatmap(lambda low: st.lists(st.integers(low, low + 12), min_size=2, max_size=40)))
def test_whole_numbers_that_statistics_fail_on(values: list[int]) -> None:
    assert bool(list(row_faults(pa.table({"start1": values})))) is statistics_fail(values)
    assert not list(row_faults(pa.table({"label": values})))  # a category


@settings(deadline=None)
@given(
    st.integers(2, 120).flatmap(
        lambda rows: st.lists(st.tuples(st.integers(0, rows), st.integers(1, 3)), min_size=rows, max_size=rows)
    )
)
def test_strings_that_statistics_fail_on(drawn: list[tuple[int, int]]) -> None:
    texts = [f"{number:04}" + "x" * length for number, length in drawn]
    distinct = len(set(texts))
    category = (distinct / len(texts) <= 0.2 and distinct <= 1000) or distinct <= 10
    faults = list(row_faults(pa.table({"kind": texts})))
    assert bool(faults) is (not category and statistics_fail([len(text) for text in texts]))


def test_one_row_has_no_statistics() -> None:
    assert list(row_faults(pa.table({"start1": [1]}))) == [Fault("VIEWER014", "no statistics of 1 rows")]


# Search and filters, as the viewer runs them: `libcommon/duckdb_utils.py` and `services/search` of its source.

SEARCH = """
    SELECT * EXCLUDE (__hf_fts_score)
    FROM (SELECT *, fts_main_data.match_bm25(__hf_index_id, ?) AS __hf_fts_score FROM data) A
    WHERE __hf_fts_score IS NOT NULL ORDER BY __hf_fts_score DESC
"""


@pytest.fixture(scope="module")
def table(released: Path) -> pa.Table:
    return pq.read_table(released / "protein150/train-00000-of-00001.parquet")


@pytest.fixture(scope="module")
def index(released: Path, table: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """A split, indexed on all columns of strings; no language is named in the card, so nothing is stemmed."""
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    extension = next(path for root in duckdb_ext.__path__ for path in Path(root).rglob("fts.duckdb_extension"))
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(
            "CREATE TABLE data AS SELECT * FROM read_parquet(?)",
            [str(released / "protein150/train-00000-of-00001.parquet")],
        )
        connection.execute("CREATE SEQUENCE serial START 0 MINVALUE 0")
        connection.execute("ALTER TABLE data ADD COLUMN __hf_index_id BIGINT DEFAULT nextval('serial')")
        columns = ", ".join(f"'{name}'" for name in strings)
        connection.execute(f"PRAGMA create_fts_index('data', '__hf_index_id', {columns}, stemmer='none', overwrite=1)")
        yield connection


def ids(table: pa.Table) -> list[str]:
    return sorted(table["pair_id"].to_pylist())


def test_a_whole_sequence_is_found_where_it_stands(index: duckdb.DuckDBPyConnection, table: pa.Table) -> None:
    for row in table.slice(0, 20).to_pylist():
        for side in ("sentence1", "sentence2"):
            hits = index.execute(SEARCH, [row[side]]).fetch_arrow_table()
            wanted = table.filter((pc.field("sentence1") == row[side]) | (pc.field("sentence2") == row[side]))
            assert ids(hits) == ids(wanted)
            assert hits.drop_columns("__hf_index_id").schema.names == table.schema.names
    assert index.execute(SEARCH, [table["sentence1"][0].as_py()[:20]]).fetchall() == []  # a part is another word


FILTERS: list[tuple[str, Callable[[], pc.Expression]]] = [
    ('"label"=1', lambda: pc.field("label") == 1),
    ("\"kind\"='homolog'", lambda: pc.field("kind") == "homolog"),
    ('"kind"=\'other_group\' AND "label"=0', lambda: pc.field("kind") == "other_group"),
    (
        '"similarity">=0.9 AND "similarity"<0.95',
        lambda: (pc.field("similarity") >= 0.9) & (pc.field("similarity") < 0.95),
    ),
    ('"evalue"<1e-20 OR "start1">1000', lambda: (pc.field("evalue") < 1e-20) | (pc.field("start1") > 1000)),
    ("\"organism1\"='Testus primus'", lambda: pc.field("organism1") == "Testus primus"),
]


@pytest.mark.parametrize(("where", "wanted"), FILTERS, ids=[where for where, _ in FILTERS])
def test_a_filter_gives_what_arrow_gives(
    where: str, wanted: Callable[[], pc.Expression], index: duckdb.DuckDBPyConnection, table: pa.Table
) -> None:
    names = ",".join(f'"{name}"' for name in table.schema.names)
    rows = index.sql(f"SELECT {names} FROM data WHERE {where}").to_arrow_table()
    right = table.filter(wanted())
    assert 0 < right.num_rows < table.num_rows
    assert rows.to_pylist() == right.to_pylist()
    assert index.sql(f"SELECT COUNT(*) FROM data WHERE {where}").fetchall() == [(right.num_rows,)]


def test_one_row_is_found_by_its_id(index: duckdb.DuckDBPyConnection, table: pa.Table) -> None:
    for row in table.slice(0, 20).to_pylist():
        filtered = index.sql(f"SELECT * FROM data WHERE pair_id='{row['pair_id']}'").to_arrow_table()
        searched = index.execute(SEARCH, [row["pair_id"]]).fetch_arrow_table()
        for shown in (filtered, searched):
            assert shown.drop_columns("__hf_index_id").to_pylist() == [row]


def test_the_card_says_what_the_search_finds(released: Path, index: duckdb.DuckDBPyConnection, table: pa.Table) -> None:
    def hits(text: str) -> int:
        return index.execute(SEARCH, [text]).fetch_arrow_table().num_rows

    row = table.slice(0, 1).to_pylist()[0]
    genus = row["organism1"].split()[0]
    of_genus = pc.or_(*(pc.match_substring(table[f"organism{side}"], genus) for side in (1, 2)))
    assert hits(genus) == pc.sum(of_genus).as_py()
    assert hits(row["source1"]) > pc.sum(pc.equal(table["source1"], row["source1"])).as_py()
    assert "Digits do not count, so an accession finds thousands of rows" in (released / "README.md").read_text()
