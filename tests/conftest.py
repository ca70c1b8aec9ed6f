"""Fixtures: small genomes, the program as a user runs it, and one built data set shared by the tests of a worker."""

from __future__ import annotations

import os

# Two test processes share two cores: threads of one would wait for the other's.
os.environ["OMP_NUM_THREADS"] = "1"

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

sys.path.insert(0, str(Path(__file__).parent))

from genomes import write_source
from models import write_model, write_pawsx

Run = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure() -> None:
    if os.environ.get("CI") and shutil.which("blastn") is None:
        pytest.exit("BLAST+ is missing: the tests need it (apt-get install ncbi-blast+)", returncode=3)


def run_program(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run bio-paws in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bio_paws.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        check=False,
    )


@pytest.fixture(scope="session")
def bio_paws() -> Run:
    return run_program


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three related species in NCBI assembly layout."""
    return write_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """All configs that the small source gives, built once for all test processes; copy it before changing it."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine if worker_id == "master" else mine.parent
    out = shared / "built/bioPAWS"
    with FileLock(shared / "built.lock"):
        if not out.exists():
            done = run_program("build", "--source", source, "--out", out, "--pairs", 400, "--workers", 1)
            assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def built_copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "bioPAWS"))


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT."""
    return write_model(tmp_path_factory.mktemp("models") / "bert", "bert")


@pytest.fixture(scope="session")
def pawsx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small PAWS-X in English and French."""
    return write_pawsx(tmp_path_factory.mktemp("pawsx"))
