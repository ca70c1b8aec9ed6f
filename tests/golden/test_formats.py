"""Formats, held by golden files and by what readers find in them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from bio_paws.configs import get_config
from bio_paws.records import SCHEMA, pair_id
from bio_paws.writer import write_split
from bio_paws_cards.render import metadata, render_card

HERE = Path(__file__).parent
ROW = {
    **{"sentence1": "ACGT", "sentence2": "ACGA", "label": 1, "pair_id": "", "similarity": 0.75, "identity": 1.0},
    **{"source1": "NC_1.1", "organism1": "Testus primus", "start1": 0, "end1": 4, "strand1": "+"},
    **{"source2": "NC_2.1", "organism2": "Testus secundus", "start2": 5, "end2": 9, "strand2": "-"},
    **{"evalue": 1e-9, "bit_score": 60.5, "sw_score": 6, "kind": "homolog", "group1": "g000001", "group2": "g000001"},
}


def test_the_card_of_a_manifest() -> None:
    """To accept a new card: write what render_card returns over card.md, and read it."""
    manifest = json.loads((HERE / "manifest.json").read_text())
    assert render_card(manifest) == (HERE / "card.md").read_text()
    assert render_card(manifest).split("---\n")[1] == yaml.safe_dump(
        metadata(manifest), sort_keys=False, allow_unicode=True, width=1000
    )


def test_the_card_changes_with_the_content() -> None:
    manifest = json.loads((HERE / "manifest.json").read_text())
    before = metadata(manifest)["configs"]
    manifest["configs"]["dna50"]["content_sha256"] = "00fe"
    assert metadata(manifest)["configs"] != before


def test_the_columns_of_a_pair() -> None:
    assert [f"{field.name} {field.type}" for field in SCHEMA] == (HERE / "columns.txt").read_text().splitlines()


def test_the_id_of_a_pair() -> None:
    assert pair_id(ROW, "dna150", "train") == "bfnhofdlhbklcipj"
    assert pair_id(ROW, "dna150", "test") != pair_id(ROW, "dna150", "train") != pair_id(ROW, "dna50", "train")


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    rng = random.Random(0)
    rows = [ROW | {"sentence1": "".join(rng.choices("ACGT", k=150)), "pair_id": f"{i:016x}"} for i in range(500)]
    path = tmp_path / "train.parquet"
    write_split(path, pa.Table.from_pylist(rows, schema=SCHEMA), get_config("dna150"))
    return path


def test_parquet_is_what_the_hub_wants(parquet: Path) -> None:
    file = pq.ParquetFile(parquet)
    metadata = file.schema_arrow.metadata
    features = json.loads(metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": ["dissimilar", "similar"], "_type": "ClassLabel"}
    assert list(features) == SCHEMA.names
    for key in (b"use_content_defined_chunking", b"content_defined_chunking"):
        assert json.loads(metadata[key])["min_chunk_size"] > 0
    column = file.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_offset_index
    assert column.has_column_index


def test_every_flipped_bit_is_noticed(parquet: Path, tmp_path: Path) -> None:
    whole = parquet.read_bytes()
    table = pq.read_table(parquet)
    rng = random.Random(1)
    harmless = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.randrange(4, len(whole) - 4)] ^= 1 << rng.randrange(8)
        path = tmp_path / "damaged.parquet"
        path.write_bytes(damaged)
        try:
            read = pq.read_table(path, page_checksum_verification=True)
        except (OSError, pa.ArrowException):
            continue
        # The footer and the indexes have no checksum: there a flip may change nothing that is read.
        harmless += 1
        assert read.equals(table) or read.schema != table.schema or read.num_rows != table.num_rows
    assert harmless < 150
