"""Croissant as its readers see it: the metadata and every record, through mlcroissant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest

from bio_paws.configs import CONFIGS, SPLITS
from bio_paws.dataset.manifest import read_manifest
from bio_paws.execution.files import sha256_of
from bio_paws_cards.files import CROISSANT

# mlcroissant 1.1 reads JSON-LD and Parquet in ways that rdflib 7.6 and pandas 3.1 call deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"),
]

Row = dict[str, Any]


@pytest.fixture(scope="module")
def dataset(built: Path) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(built / CROISSANT)


def records(dataset: mlcroissant.Dataset, record_set: str) -> list[Row]:
    """Rows as mlcroissant gives them, less that it names fields after their record set and gives text as bytes."""
    return [
        {
            field.removeprefix(f"{record_set}/"): value.decode() if isinstance(value, bytes) else value
            for field, value in record.items()
        }
        for record in dataset.records(record_set)
    ]


def rows(folder: Path, record_set: str) -> list[Row]:
    """Rows of a Parquet file."""
    rows: list[Row] = pq.read_table(folder / f"{record_set}-00000-of-00001.parquet").to_pylist()
    return rows


def test_nothing_is_wrong_with_it(dataset: mlcroissant.Dataset) -> None:
    metadata = dataset.metadata
    issues = metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    assert metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    names = [f"{config.name}/{split}" for config in CONFIGS if not config.needs_large_source for split in SPLITS]
    assert [record_set.uuid for record_set in metadata.record_sets] == names
    terms = ("data_collection", "data_biases", "data_limitations", "data_use_cases", "data_preprocessing_protocol")
    assert all(getattr(metadata, term) for term in (*terms, "data_annotation_protocol", "machine_annotation_tools"))


def test_it_has_what_the_data_set_track_of_neurips_requires(built: Path) -> None:
    """Properties that mlcroissant does not check."""
    document = json.loads((built / CROISSANT).read_text())
    terms = ("dataLimitations", "dataBiases", "personalSensitiveInformation", "dataUseCases", "dataSocialImpact")
    assert all(document[f"rai:{term}"] for term in terms)
    assert document["rai:hasSyntheticData"] is True
    manifest = read_manifest(built)
    derived = document["prov:wasDerivedFrom"]
    assert [entry["sha256"] for entry in derived] == [
        [file.sha256 for file in source.files] for source in manifest.sources
    ]
    agents = [entry["prov:label"] for entry in document["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]]
    assert agents == [f"{name} {version}" for name, version in manifest.versions.items()]


def test_every_file_is_told_truly(dataset: mlcroissant.Dataset, built: Path) -> None:
    files = {file_object.content_url: file_object for file_object in dataset.metadata.file_objects}
    assert set(files) == {path.relative_to(built).as_posix() for path in built.rglob("*.parquet")}
    for name, file in files.items():
        assert file.sha256 == sha256_of(built / name)
        assert file.content_size == f"{(built / name).stat().st_size} B"


@pytest.mark.parametrize("config", [config.name for config in CONFIGS if not config.needs_large_source])
def test_records_are_the_rows(config: str, dataset: mlcroissant.Dataset, built: Path) -> None:
    for split in SPLITS:
        assert records(dataset, f"{config}/{split}") == rows(built, f"{config}/{split}")
