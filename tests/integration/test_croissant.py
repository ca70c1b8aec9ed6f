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
from bio_paws.execution.files import sha256_of
from bio_paws_cards.files import CROISSANT
from hub_server import serving

# mlcroissant 1.1 reads JSON-LD and Parquet in ways that rdflib 7.6 and pandas 3.1 call deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"),
]

Row = dict[str, Any]


@pytest.fixture(scope="module")
def dataset(built: Path) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(built / CROISSANT)


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


def test_every_file_is_told_truly(dataset: mlcroissant.Dataset, built: Path) -> None:
    files = {one.content_url: one for one in dataset.metadata.file_objects}
    assert set(files) == {path.relative_to(built).as_posix() for path in built.rglob("*.parquet")}
    for name, one in files.items():
        assert one.sha256 == sha256_of(built / name)
        assert one.content_size == f"{(built / name).stat().st_size} B"


@pytest.mark.parametrize("config", [config.name for config in CONFIGS])
def test_records_are_the_rows(config: str, dataset: mlcroissant.Dataset, built: Path) -> None:
    found = records(dataset, config)
    assert {row["split"] for row in found} == set(SPLITS)
    assert found == rows(built, config, *SPLITS)


def test_it_loads_from_what_the_hub_holds(built: Path, tmp_path: Path) -> None:
    with serving(datasets__tester__bioPAWS=built) as hub:
        url = f"{hub.url}/datasets/tester/bioPAWS/resolve/main/{CROISSANT}"
        assert mlcroissant.Dataset(url).metadata.version == json.loads((built / CROISSANT).read_text())["version"]
        place = {"repo_type": "dataset", "endpoint": hub.url, "cache_dir": tmp_path, "token": False}
        fetched = Path(snapshot_download("tester/bioPAWS", **place))
    # Read anew: mlcroissant keeps to the files of a filter ever after.
    found = records(mlcroissant.Dataset(fetched / CROISSANT), "dna50", split="test")
    assert found == rows(built, "dna50", "test")
