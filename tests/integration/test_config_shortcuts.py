"""What shortcuts are worth on a config: measured as an audit does, kept in the manifest, laid out in BUILD.md."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bio_paws.audit import config_shortcuts
from bio_paws.audit.config_shortcuts import measure_config_shortcuts
from bio_paws.configs import get_config
from bio_paws.dataset.description import describe
from bio_paws.dataset.manifest import parse_manifest, read_manifest, write_manifest
from bio_paws.features.baseline_aucs import split_files
from bio_paws_cards.manifest import ShortcutScore
from bio_paws_cards.render import render_build_record


def measured(built: Path, name: str) -> dict[str, ShortcutScore]:
    return measure_config_shortcuts(split_files(built, read_manifest(built).configs[name]), get_config(name))


def test_what_needs_no_biology_is_measured(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_shortcuts, "FEWEST_ROWS", 10)
    of_dna = measured(built, "dna150")
    # Every sequence is equally often under both labels, and the alignment made the label.
    chance = ShortcutScore(accuracy=0.5, low=0.5, high=0.5, auc=0.5, mcc=0.0)
    assert of_dna["majority"] == of_dna["degree"] == of_dna["sentence1 only"] == chance
    assert (of_dna["alignment"].accuracy, of_dna["alignment"].auc, of_dna["alignment"].mcc) == (1.0, 1.0, 1.0)
    assert list(of_dna) == [
        *("majority", "degree", "sentence1 only", "sentence2 only"),
        *("nearest sentence1", "nearest sentence2", "nearest pair"),
        *("length and composition", "k-mers", "edit", "alignment"),
    ]
    assert measured(built, "dna150") == of_dna
    assert {"edit", "alignment"}.isdisjoint(measured(built, "dna_protein"))


def test_the_first_train_pairs_are_fitted_on(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_shortcuts, "FEWEST_ROWS", 10)
    whole = measured(built, "dna150")
    monkeypatch.setattr(config_shortcuts, "TRAIN_ROWS", 20)
    few = measured(built, "dna150")
    files = split_files(built, read_manifest(built).configs["dna150"])
    monkeypatch.setattr(config_shortcuts, "TRAIN_ROWS", pq.read_metadata(files["train"]).num_rows)
    assert few.keys() == whole.keys() and few != whole == measured(built, "dna150")
    for split in ("validation", "train"):
        files.pop(split)
        left = measure_config_shortcuts(files, get_config("dna150"))
        assert left == (whole if split == "validation" else {})


def test_too_few_pairs_are_not_measured(built: Path) -> None:
    manifest = read_manifest(built)
    assert manifest.configs["dna150"].splits["test"].rows < config_shortcuts.FEWEST_ROWS
    assert measured(built, "dna150") == manifest.configs["dna150"].shortcuts == {}


def test_the_record_of_the_build_lays_them_out(built: Path, tmp_path: Path) -> None:
    manifest = read_manifest(built)
    description = describe(built, manifest)
    assert "What shortcuts are worth" not in render_build_record(manifest, description)
    manifest.configs["dna150"].shortcuts = {
        "majority": ShortcutScore(accuracy=0.5, low=0.46, high=0.53, auc=None, mcc=0.0),
        "edit": ShortcutScore(accuracy=0.9, low=0.89, high=0.92, auc=0.95, mcc=0.8),
    }
    manifest.configs["dna_protein"].shortcuts = {"majority": manifest.configs["dna150"].shortcuts["majority"]}
    write_manifest(tmp_path, manifest)
    assert parse_manifest((tmp_path / "manifest.json").read_bytes(), "", "") == manifest
    text = render_build_record(manifest, description)
    assert "\n| dna150 | 0.500 / - | 0.900 / 0.950 | 0.040 |\n" in text
    assert "\n| dna_protein | 0.500 / - | - | 0.040 |\n" in text
