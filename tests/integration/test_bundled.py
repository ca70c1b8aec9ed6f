"""The bundled corpus: what `make dataset` promises, with fewer pairs a config. One build, minutes on two cores."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bio_paws.configs import CONFIGS
from bio_paws.features.baselines import SHORTCUTS
from conftest import Run, run_program


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("bundled") / "bioPAWS"
    done = run_program("build", "--out", out, "--pairs", 6_000)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_dna_configs_are_full_and_the_others_say_why_not(bundled: tuple[Path, str]) -> None:
    out, said = bundled
    configs = json.loads((out / "manifest.json").read_text())["configs"]
    for name in ("dna150s", "dna150", "dna50"):
        splits = {split: (one["rows"], one["similar"]) for split, one in configs[name]["splits"].items()}
        assert splits == {"train": (4_800, 2_400), "validation": (600, 300), "test": (600, 300)}
    assert list(configs) == [config.name for config in CONFIGS]
    for name, entry in configs.items():
        rows = sum(one["rows"] for one in entry["splits"].values())
        assert rows > 500
        assert (f"{name}: " in said.split("Fewer pairs than requested")[1]) == (rows < 6_000)
    assert "Example of dna150s" in said


def test_no_shortcut_tells_the_label(bundled: tuple[Path, str]) -> None:
    measured = json.loads((bundled[0] / "manifest.json").read_text())["configs"]
    for name in ("dna150", "dna50", "protein150", "protein450"):
        for shortcut in SHORTCUTS:
            assert abs(measured[name]["baselines"][shortcut] - 0.5) <= 0.05, (name, shortcut)
    for name, aucs in measured.items():
        assert max(aucs["upper_bounds"].values()) > 0.99, name
    assert measured["dna_protein"]["upper_bounds"]["six_frame"] > 0.7
    for name in ("dna150_paws", "protein150_paws", "protein450_paws", "dna_protein"):
        floors = measured[name]["baselines"]
        assert max(floors.values()) < 0.6, (name, floors)
        assert max(floors["sentence1"], floors["sentence2"]) < 0.55, name


def test_sources_are_recorded_with_their_accessions(bundled: tuple[Path, str]) -> None:
    manifest = json.loads((bundled[0] / "manifest.json").read_text())
    assert len(manifest["sources"]) == 10
    for source in manifest["sources"]:
        assert source["accession"].startswith("GCF_")
        assert all(len(file["sha256"]) == 64 for file in source["files"])


@pytest.mark.skipif("BIO_PAWS_SHARED" not in os.environ, reason="BIO_PAWS_SHARED names no folder of shared data")
def test_a_bacterium_builds_from_its_folder(tmp_path: Path, bio_paws: Run) -> None:
    folder = Path(os.environ["BIO_PAWS_SHARED"]) / "data/ecoli_k12"
    names = ("dna150", "protein150", "dna_protein")
    done = bio_paws("build", *names, "--source", folder, "--out", tmp_path / "bioPAWS")
    assert done.returncode == 0, done.stderr
    assert "the source holds no more that can be matched" in done.stdout
