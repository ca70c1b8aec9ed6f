"""bio-paws vectors as a user runs it: before, after, and a control; a space that only shrinks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from conftest import Run
from models import write_model

OPTIONS = ("--words", 12, "--permutations", 19, "--device", "cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A model; the same with all its vectors halved, and with other weights."""
    folder = tmp_path_factory.mktemp("vectors")
    first = write_model(folder / "first", "gpt2")
    halved, other = (Path(shutil.copytree(first, folder / name)) for name in ("halved", "other"))
    weights = load_file(first / "model.safetensors")
    ending = {name: one / 2 if ".ln_f." in name else one for name, one in weights.items()}
    save_file(ending, halved / "model.safetensors", {"format": "pt"})
    turned = {name: one.flip(0).contiguous() if ".attn.c_proj.weight" in name else one for name, one in weights.items()}
    save_file(turned, other / "model.safetensors", {"format": "pt"})
    return [first, halved, other]


@pytest.fixture(scope="module")
def compared(
    bio_paws: Run, models: list[Path], built: Path, pawsx: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("compared") / "out"
    return out, compare(bio_paws, models, built, out, "--pawsx", pawsx)


def compare(bio_paws: Run, models: list[Path], built: Path, out: Path, *more: object) -> str:
    given = [part for one in models for part in ("--model", one)]
    # Compiling UMAP takes longer than running it uncompiled on a few points.
    quick = {"NUMBA_DISABLE_JIT": "1", "HF_HUB_OFFLINE": "1"}
    done = bio_paws("vectors", *given, "--data", built, "--out", out, *OPTIONS, *more, **quick)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def read(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "vectors.json").read_text()))


def of(found: dict[str, Any], label: str, metric: str) -> dict[str, Any]:
    (one,) = (
        one
        for one in found["distances"]
        if (one["label"], one["metric"], one["source"], one["target"]) == (label, metric, "dna", "english")
    )
    return dict(one)


def test_a_space_that_shrinks_has_not_moved(compared: tuple[Path, str]) -> None:
    out, printed = compared
    found = read(out)
    before, after, other = ({metric: of(found, label, metric) for metric in METRICS} for label in "ABC")
    assert after["euclidean"]["value"] == pytest.approx(before["euclidean"]["value"] / 2, rel=1e-4)
    for metric in METRICS[1:]:
        assert after[metric]["value"] == pytest.approx(before[metric]["value"], rel=1e-4)
        assert abs(other[metric]["value"] / before[metric]["value"] - 1) > 1e-3
        assert before[metric]["low"] < before[metric]["value"] < before[metric]["high"]
        assert 0.05 <= before[metric]["null"]["p"] <= 1
    assert "From A to B the distance from DNA to the nearest English word changed by a factor of 0.5 " in printed
    assert "what is left, 1," in printed
    page = (out / "vectors.html").read_text()
    assert "50.09" in page
    assert "29.79" in page
    assert page.count("<svg") == 5


METRICS = ("euclidean", "scaled", "standardised", "cosine")


def test_means_are_those_of_the_words_in_the_files(compared: tuple[Path, str]) -> None:
    out, _ = compared
    found, table = read(out), pq.read_table(out / "distances.parquet").to_pylist()
    assert len(table) == 3 * sum(found["words"].values())
    for label in "ABC":
        for metric in METRICS:
            values = [one[f"{metric}_to_english"] for one in table if (one["model"], one["group"]) == (label, "dna")]
            assert len(values) == found["words"]["dna"]
            assert of(found, label, metric)["value"] == pytest.approx(np.mean(values))
    for change in found["changes"]:
        if change["metric"] == "euclidean" and (change["first"], change["second"]) == ("A", "B"):
            assert change["radius_ratio"] == pytest.approx(0.5, rel=1e-4)
            assert change["null"] is None
    points = pq.read_table(out / "projections.parquet")
    assert {"pca_together_x", "pca_x", "umap_x", "umap_y"} <= set(points.schema.names)
    assert np.isfinite(points["umap_x"].to_numpy()).all()


def test_cka_is_of_layers_sides_and_models(compared: tuple[Path, str]) -> None:
    found = read(compared[0])["alignments"]
    assert {one["task"] for one in found} == {"dna150", "protein150", "pawsx_en"}
    assert {(one["first"], one["second"]) for one in found} == {
        ("A", "A"), ("B", "B"), ("C", "C"), ("A", "B"), ("A", "C"), ("B", "C")
    }  # fmt: skip
    assert {one["layer"] for one in found} == {0, 1, 2}
    for one in found:
        same = (one["first"], one["second"]) == ("A", "B") or (one["layer"] == 0 and one["first"] != one["second"])
        assert (one["cka"] == pytest.approx(1, abs=1e-6)) == same, one
    # Similar pairs of sentences share all words but one.
    assert (
        max(one["debiased"]["p"] for one in found if one["task"] == "pawsx_en" and one["first"] == one["second"]) < 0.1
    )


def test_again_gives_the_same_bytes_and_loads_no_model(
    bio_paws: Run, compared: tuple[Path, str], models: list[Path], built: Path, pawsx: Path
) -> None:
    out, _ = compared
    kept = {path.name: path.stat().st_mtime_ns for path in (out / ".work").iterdir()}
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and ".work" not in path.parts}
    assert len(kept) == 3 * 4 + 1  # words and three sets of pairs of each model, and the projections
    compare(bio_paws, models, built, out, "--pawsx", pawsx)
    assert {path.name: path.stat().st_mtime_ns for path in (out / ".work").iterdir()} == kept
    assert {path: path.read_bytes() for path in files} == files


def test_bad_input_is_one_line(bio_paws: Run, models: list[Path], built: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("--model", tmp_path / "none"), "no such folder"),
        (("--model", models[0], "--data", tmp_path), "dna150: cannot be loaded"),
        (("--model", models[0], "--data", built, "--words", 2), "words of dna, 10 are needed"),
    ):
        done = bio_paws("vectors", "--out", tmp_path / "out", *arguments, HF_HUB_OFFLINE="1")
        assert done.returncode == 2
        assert told in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
