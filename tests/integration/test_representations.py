"""bio-paws vectors as a user runs it: before, after, and a control; a space that only shrinks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from bio_paws.cli.app import main

PT = {"format": "pt"}
OPTIONS = ("--words", 12, "--permutations", 19, "--device", "cpu")


@pytest.fixture(scope="module")
def models(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A model; the same with all its last vectors halved; and with other weights."""
    folder = tmp_path_factory.mktemp("vectors")
    halved, other = (Path(shutil.copytree(bert, folder / name)) for name in ("halved", "other"))
    weights = load_file(bert / "model.safetensors")
    last = "layer.1.output.LayerNorm"
    smaller = {name: weight / 2 if last in name else weight for name, weight in weights.items()}
    save_file(smaller, halved / "model.safetensors", PT)
    # As small as they are drawn, they would change next to nothing; the embeddings stay.
    turned = {
        name: 30 * weight.flip(0) if ".layer." in name and weight.ndim == 2 else weight
        for name, weight in weights.items()
    }
    save_file(turned, other / "model.safetensors", PT)
    return [bert, halved, other]


@pytest.fixture(scope="module")
def compare(models: list[Path], built: Path, pawsx: Path) -> Iterator[Callable[[Path], None]]:
    def call(out: Path) -> None:
        given = [part for model in models for part in ("--model", model)]
        arguments = ["vectors", *given, "--data", built, "--pawsx", pawsx, "--out", out, *OPTIONS]
        assert main([*map(str, arguments)]) == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bio_paws_eval.representations.run.PLOTTED_ITEMS", 6)
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield call


@pytest.fixture(scope="module")
def compared(compare: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "out"
    compare(out)
    return out


def read(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "vectors.json").read_text()))


def of(record: dict[str, Any], label: str, metric: str) -> dict[str, Any]:
    (distance,) = (
        entry
        for entry in record["distances"]
        if (entry["label"], entry["metric"], entry["source"], entry["target"]) == (label, metric, "dna", "english")
    )
    return dict(distance)


def test_a_space_that_shrinks_has_not_moved(compared: Path) -> None:
    record = read(compared)
    before, after, other = ({metric: of(record, label, metric) for metric in METRICS} for label in "ABC")
    assert after["euclidean"]["value"] == pytest.approx(before["euclidean"]["value"] / 2, rel=1e-4)
    for metric in METRICS[1:]:
        assert after[metric]["value"] == pytest.approx(before[metric]["value"], rel=1e-6)
        assert abs(other[metric]["value"] / before[metric]["value"] - 1) > 1e-5
        assert before[metric]["low"] < before[metric]["value"] < before[metric]["high"]
        assert 0.05 <= before[metric]["null"]["p"] <= 1
    page = (compared / "vectors.html").read_text()
    assert "From A to B the distance from DNA to the nearest English word changed by a factor of 0.5 " in page
    assert "the remaining factor of 1 " in page
    assert "50.09" in page
    assert "29.79" in page
    assert page.count("<svg") == 5


METRICS = ("euclidean", "scaled", "standardised", "cosine")


def test_means_are_those_of_the_words_in_the_files(compared: Path) -> None:
    record, table = read(compared), pq.read_table(compared / "distances.parquet").to_pylist()
    assert len(table) == 3 * sum(record["words"].values())
    for label in "ABC":
        for metric in METRICS:
            values = [
                entry[f"{metric}_to_english"] for entry in table if (entry["model"], entry["group"]) == (label, "dna")
            ]
            assert len(values) == record["words"]["dna"]
            assert of(record, label, metric)["value"] == pytest.approx(np.mean(values))
    for change in record["changes"]:
        if change["metric"] == "euclidean" and (change["first"], change["second"]) == ("A", "B"):
            assert change["radius_ratio"] == pytest.approx(0.5, rel=1e-4)
            assert change["null"] is None
    points = pq.read_table(compared / "projections.parquet")
    assert {"pca_together_x", "pca_x", "umap_x", "umap_y"} <= set(points.schema.names)
    assert np.isfinite(points["umap_x"].to_numpy()).all()


def test_cka_is_of_layers_sides_and_models(compared: Path) -> None:
    record = read(compared)["alignments"]
    assert {entry["task"] for entry in record} == {"dna150", "protein150", "pawsx_en"}
    assert {(entry["first"], entry["second"]) for entry in record} == {
        ("A", "A"), ("B", "B"), ("C", "C"), ("A", "B"), ("A", "C"), ("B", "C")
    }  # fmt: skip
    assert {entry["layer"] for entry in record} == {0, 1, 2}
    for alignment in record:
        same = (alignment["first"], alignment["second"]) == ("A", "B") or (
            alignment["layer"] == 0 and alignment["first"] != alignment["second"]
        )
        assert (alignment["cka"] == pytest.approx(1, abs=1e-6)) == same, alignment
    # Similar pairs of sentences share all words but one. Of 19 permutations two may come as high in some layer: p is a
    # multiple of 1/20, and rounding by another processor moves a permutation that is near.
    within = [
        entry["debiased"]["p"] for entry in record if entry["task"] == "pawsx_en" and entry["first"] == entry["second"]
    ]
    assert max(within) <= 0.15


def test_again_gives_the_same_bytes_and_computes_no_vector(compare: Callable[[Path], None], compared: Path) -> None:
    kept = {path.name: path.stat().st_mtime_ns for path in (compared / ".work").iterdir()}
    files = {path: path.read_bytes() for path in compared.rglob("*") if path.is_file() and ".work" not in path.parts}
    assert len(kept) == 3 * 4 + 1  # words and three sets of pairs of each model, and the projections
    compare(compared)
    assert {path.name: path.stat().st_mtime_ns for path in (compared / ".work").iterdir()} == kept
    assert {path: path.read_bytes() for path in files} == files


def test_bad_input_is_one_line(
    models: list[Path], built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (("--model", tmp_path / "none"), "no such folder"),
        (("--model", models[0], "--data", tmp_path), "dna150: cannot be loaded"),
        (("--model", models[0], "--data", built, "--words", 2), "the vocabulary of dna has"),
    ):
        assert main(["vectors", "--out", str(tmp_path / "out"), *map(str, arguments)]) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()
