"""Formats, held by golden files and by what readers find in them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard

from bio_paws.build.export import write_split
from bio_paws.configs import CHANGES, get_config
from bio_paws.dataset.manifest import is_canonical, parse_manifest, write_manifest
from bio_paws.schema import SCHEMA, pair_id
from bio_paws_cards.about import AUTHORS, COLUMNS, TITLE, manifest_digest
from bio_paws_cards.croissant import render_croissant
from bio_paws_cards.description import (
    ConfigDescription,
    Description,
    Histogram,
    Kind,
    SequenceSet,
    Side,
    Spread,
)
from bio_paws_cards.files import GENERATED, generated_files
from bio_paws_cards.manifest import Manifest
from bio_paws_cards.render import metadata, render_card
from conftest import Golden

HERE = Path(__file__).parent
ROW = {
    **{"sentence1": "ACGT", "sentence2": "ACGA", "label": 1, "pair_id": "", "similarity": 0.75, "identity": 1.0},
    **{"source1": "NC_1.1", "organism1": "Testus primus", "start1": 0, "end1": 4, "strand1": "+"},
    **{"source2": "NC_2.1", "organism2": "Testus secundus", "start2": 5, "end2": 9, "strand2": "-"},
    **{"evalue": 1e-9, "bit_score": 60.5, "sw_score": 6, "kind": "homolog", "group1": "g000001", "group2": "g000001"},
}


SIDE = Side("bp", 40, 49.5, 60)
DESCRIPTION = Description(
    configs={
        "dna50": ConfigDescription(
            rules=("similarity under 0.55 on both strands", "similarity above 0.85, E-value under 1e-05"),
            rearranged=False,
            synthetic=False,
            kinds=(
                Kind(1, "homolog", "homologs", {"train": 40, "test": 5}),
                Kind(0, "other_group", "of another homology group", {"train": 40, "test": 5}),
            ),
            examples=(
                ROW | {"pair_id": "abcdefghijklmnop"},
                ROW | {"pair_id": "ponmlkjihgfedcba", "label": 0, "kind": "other_group"},
            ),
            sides=(SIDE, SIDE),
            similarity=Histogram((0.0, 0.25, 0.5, 0.75, 1.0), ((30, 15, 0, 0), (0, 0, 0, 45))),
            sequences=(
                SequenceSet(
                    "",
                    "bp",
                    "GC",
                    Histogram((40.0, 50.0, 60.0, 70.0), ((60, 20, 10), (60, 20, 10))),
                    Histogram((0.0, 0.25, 0.5, 0.75, 1.0), ((0, 60, 30, 0), (0, 61, 29, 0))),
                ),
            ),
        )
    },
    groups=Spread({"train": 12, "test": 3}, 0),
    sequences=Spread({"train": 80, "test": 10}, 0),
    changes=(("1.0.0", "2026-11-29", "The first release."),),
)


def golden_manifest(name: str = "manifest.json") -> Manifest:
    return parse_manifest((HERE / name).read_bytes(), name, "mend it")


def test_a_manifest_with_the_terms_of_earlier_versions_is_read_and_written_with_todays() -> None:
    data, earlier = ((HERE / name).read_bytes() for name in ("manifest.json", "manifest-earlier-terms.json"))
    assert b'"floors"' in earlier
    manifest = golden_manifest("manifest-earlier-terms.json")
    assert manifest == golden_manifest()
    assert manifest.configs["dna50"].baselines["gc"] == 0.501
    assert manifest.configs["dna50"].upper_bounds["score"] == 0.999
    assert manifest.database_size.protein == 500
    assert is_canonical(data)
    assert is_canonical(earlier)


def test_keys_of_later_versions_are_kept(tmp_path: Path) -> None:
    raw = json.loads((HERE / "manifest.json").read_text())
    raw["later"] = raw["configs"]["dna50"]["later"] = {"a": [1, None]}
    write_manifest(tmp_path, parse_manifest(json.dumps(raw).encode(), "later", "mend it"))
    assert json.loads((tmp_path / "manifest.json").read_text()) == raw


def test_terms_of_the_builders_own_files_are_not_made_up() -> None:
    manifest = golden_manifest()
    public = manifest.sources[0]
    own = public.model_copy(update={"accession": "my_genome.fna", "origin": "my_genome.fna"})
    manifest.arguments.source = ["ncbi:GCF_000000001.1", "my_genome.fna"]
    for sources in ([own], [public, own]):
        manifest.sources = sources
        files = generated_files(manifest, DESCRIPTION)
        card = DatasetCard(files["README.md"].decode())
        assert card.data.license == "unknown"
        assert "license_link" not in card.data.to_dict()
        assert "does not know the terms of my_genome.fna" in card.text
        assert ("sequences come from NCBI" in card.text) == (public in sources)
        assert "not known" in json.loads(files["croissant.json"])["license"]
        for text in (card.text, files["croissant.json"].decode()):
            assert "public before" not in text and "yeasts and flies" not in text
            assert "my_genome.fna are of a person, only the builder" in text
    manifest.sources = [public]
    assert "the sources are assemblies that NCBI publishes" in DatasetCard(render_card(manifest, DESCRIPTION)).text


def test_the_card_and_its_figures(golden: Golden) -> None:
    manifest = golden_manifest()
    files = generated_files(manifest, DESCRIPTION)
    figures = {f"figures/{name}.svg" for name in ("composition", "length", "similarity")}
    assert files.keys() == {"README.md", "BUILD.md", "croissant.json", "eval.yaml", *figures}
    for path in map(Path, files):
        assert files[path.as_posix()].decode() == golden(path.suffix.removeprefix("."), path.stem)
    assert {name.split("/")[0] for name in files} <= GENERATED
    card = DatasetCard(files["README.md"].decode())
    assert card.data.to_dict() == metadata(manifest)
    assert all(f"]({name})" in card.text for name in files if name.startswith("figures/"))


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        *[(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (154_510, "100K<n<1M"), (10**6, "1M<n<10M")],
        *[(10**12 - 1, "100B<n<1T"), (10**12, "n>1T"), (10**15, "n>1T")],
    ],
)
def test_the_size_in_the_words_of_the_hub(rows: int, category: str) -> None:
    manifest = golden_manifest()
    manifest.configs["dna50"].splits["train"].rows = rows - 10
    assert metadata(manifest)["size_categories"] == [category]


def test_the_card_changes_with_the_content() -> None:
    manifest = golden_manifest()
    before = metadata(manifest)["configs"]
    manifest.configs["dna50"].content_sha256 = "00fe"
    assert metadata(manifest)["configs"] != before


def test_metadata_of_a_config_without_baselines() -> None:
    manifest = golden_manifest()
    limits = json.loads(render_croissant(manifest, DESCRIPTION))["rai:dataLimitations"]
    manifest.configs["dna50"].baselines = {}
    assert json.loads(render_croissant(manifest, DESCRIPTION))["rai:dataLimitations"] == limits[1:]


def test_a_published_copy_names_its_repository() -> None:
    manifest = golden_manifest()
    digest = manifest_digest(manifest)
    manifest.url = "https://huggingface.co/datasets/me/bioPAWS"
    files = {name: content.decode() for name, content in generated_files(manifest, DESCRIPTION).items()}
    assert manifest_digest(manifest) == digest  # a release is the same one in every repository
    assert 'load_dataset("me/bioPAWS", "dna50")' in files["README.md"]
    assert f"  url = {{{manifest.url}}},\n" in files["README.md"]
    croissant = json.loads(files["croissant.json"])
    assert croissant["url"] == manifest.url
    for file in croissant["distribution"]:
        assert file["contentUrl"] == f"{manifest.url}/resolve/v1.0.0/{file['@id']}"


def test_the_card_of_a_data_set_of_another_name_loads_it_by_that_name() -> None:
    manifest = golden_manifest()
    digest = manifest_digest(manifest)
    manifest.folder = 'my "PAWS"'
    card = generated_files(manifest, DESCRIPTION)["README.md"].decode()
    assert manifest_digest(manifest) == digest  # the same data in every folder
    assert 'data = load_dataset("my \\"PAWS\\"", "dna50")\n' in card
    assert 'Run this in the folder that holds `my "PAWS"`.' in card
    assert json.loads(manifest.model_dump_json())["folder"] == manifest.folder
    assert "folder" not in json.loads(golden_manifest().model_dump_json())


def test_authors_title_and_date_are_those_of_the_citation_file() -> None:
    cited = yaml.safe_load((HERE.parents[1] / "CITATION.cff").read_text())
    assert (cited["title"], [entry["name"] for entry in cited["authors"]]) == (TITLE, [AUTHORS])
    assert str(cited["date-released"]) == CHANGES[0][1]


def test_every_column_is_described() -> None:
    assert list(COLUMNS) == SCHEMA.names


def test_the_columns_of_a_pair(golden: Golden) -> None:
    assert "".join(f"{field.name} {field.type}\n" for field in SCHEMA) == golden("txt")


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
