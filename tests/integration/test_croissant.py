"""Croissant as its readers see it: the metadata and every record, through mlcroissant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest
from huggingface_hub import snapshot_download

from bio_paws.configs import CONFIGS, SPLITS
from bio_paws.files import sha256_of
from bio_paws.writer import read_manifest
from bio_paws_cards.croissant import render_croissant
from hub_server import serving

# mlcroissant 1.1 reads JSON-LD and Parquet in ways that rdflib 7.6 and pandas 3.1 call deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"),
]

NAME = "croissant.json"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def described(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set with its Croissant file, its Parquet files linked."""
    folder = tmp_path_factory.mktemp("croissant") / "bioPAWS"
    for path in built.rglob("*.parquet"):
        link = folder / path.relative_to(built)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    (folder / NAME).write_text(render_croissant(read_manifest(built)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def dataset(described: Path) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(described / NAME)


def records(dataset: mlcroissant.Dataset, config: str, **filters: str) -> list[Row]:
    """Rows as mlcroissant gives them, less that it names fields after their config and gives text as bytes."""
    wanted = {f"{config}/{field}": value for field, value in filters.items()}
    return [
        {
            field.removeprefix(f"{config}/"): value.decode() if isinstance(value, bytes) else value
            for field, value in record.items()
        }
        for record in dataset.records(config, filters=wanted)
    ]


def rows(folder: Path, config: str, *splits: str) -> list[Row]:
    """Rows of the Parquet files, by the order of their files' names."""
    paths = ((split, folder / config / f"{split}-00000-of-00001.parquet") for split in sorted(splits))
    return [{"split": split, **row} for split, path in paths for row in pq.read_table(path).to_pylist()]


def test_nothing_is_wrong_with_it(dataset: mlcroissant.Dataset) -> None:
    metadata = dataset.metadata
    issues = metadata.ctx.issues
    assert not issues.errors
    assert len(issues.warnings) == 1  # the date of publishing, which a build cannot know
    assert "datePublished" in issues.warnings.pop()
    assert metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.0"
    assert [one.uuid for one in metadata.record_sets] == ["splits", *(config.name for config in CONFIGS)]
    terms = ("data_collection", "data_biases", "data_limitations", "data_use_cases", "data_preprocessing_protocol")
    assert all(getattr(metadata, term) for term in (*terms, "data_annotation_protocol", "machine_annotation_tools"))


def test_every_file_is_told_truly(dataset: mlcroissant.Dataset, described: Path) -> None:
    files = {one.content_url: one for one in dataset.metadata.file_objects}
    assert set(files) == {path.relative_to(described).as_posix() for path in described.rglob("*.parquet")}
    for name, one in files.items():
        assert one.sha256 == sha256_of(described / name)
        assert one.content_size == f"{(described / name).stat().st_size} B"


@pytest.mark.parametrize("config", [config.name for config in CONFIGS])
def test_records_are_the_rows(config: str, dataset: mlcroissant.Dataset, described: Path) -> None:
    found = records(dataset, config)
    assert {row["split"] for row in found} == set(SPLITS)
    assert found == rows(described, config, *SPLITS)


def test_it_loads_from_what_the_hub_holds(described: Path, tmp_path: Path) -> None:
    with serving(datasets__tester__bioPAWS=described) as hub:
        url = f"{hub.url}/datasets/tester/bioPAWS/resolve/main/{NAME}"
        assert mlcroissant.Dataset(url).metadata.version == json.loads((described / NAME).read_text())["version"]
        place = {"repo_type": "dataset", "endpoint": hub.url, "cache_dir": tmp_path, "token": False}
        fetched = Path(snapshot_download("tester/bioPAWS", **place))
    # Read anew: mlcroissant keeps to the files of a filter ever after.
    found = records(mlcroissant.Dataset(fetched / NAME), "dna50", split="test")
    assert found == rows(described, "dna50", "test")
