"""Fixtures: small genomes, the program as a user runs it, and one built data set shared by the tests of a worker."""

from __future__ import annotations

import os

# Two test processes share two cores: threads of one would wait for the other's.
os.environ["OMP_NUM_THREADS"] = "1"
# Compiling UMAP takes longer than running it uncompiled on a few points; and numba cannot change its mind later.
os.environ["NUMBA_DISABLE_JIT"] = "1"

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from filelock import FileLock
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

sys.path.insert(0, str(Path(__file__).parent))

from bio_paws.cli.app import main
from bio_paws.execution import progress
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


def run_each(commands: Sequence[Sequence[object]], **environment: str) -> list[subprocess.CompletedProcess[str]]:
    """Run bio-paws several times in one process: what that process needs is imported under this environment, once."""
    done = subprocess.run(
        [sys.executable, "-c", _EACH],
        input=json.dumps([[*map(str, arguments)] for arguments in commands]),
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    return [
        subprocess.CompletedProcess(arguments, *outcome) for arguments, outcome in zip(commands, outcomes, strict=True)
    ]


_EACH = """
import contextlib, io, json, sys
from bio_paws.cli.app import main
outcomes = []
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(arguments)
    outcomes.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(outcomes))
"""


def call_program(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run bio-paws in this process, which has imported what it needs; no progress is told, however long it takes."""
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
    ):
        patch.setattr(progress, "SECONDS_PER_LINE", math.inf)
        status = main([*map(str, arguments)])
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session", autouse=True)
def _away_from_the_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run everything in an empty folder: a data set or results in the repository must not change what a test sees.

    Nor do verdicts that were kept before: the cache begins empty.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_progress_lines() -> Iterator[None]:
    """Report no progress of what runs in this process: on a slow machine its lines would stand among the messages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "SECONDS_PER_LINE", math.inf)
        yield


@pytest.fixture(scope="session")
def bio_paws() -> Run:
    """The program, called in this process; `run_program` is for tests of what only a process of its own shows."""
    return call_program


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three related species in NCBI assembly layout."""
    return write_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All configs that the small source gives, built once for all test processes; copy it before changing it."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    out = shared / "built/bioPAWS"
    with FileLock(shared / "built.lock"):
        if not out.exists():
            done = run_program("build", "--source", source, "--out", out, "--pairs", 400, "--workers", 2)
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


Golden = Callable[..., SnapshotAssertion]


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> Golden:
    """A kept file that a text is compared with, by its suffix, and its name where a test has several.

    They lie in `__snapshots__` beside the tests. `pytest --snapshot-update` writes new ones: read the difference.
    """

    def kept(suffix: str, name: str | None = None) -> SnapshotAssertion:
        members = {"file_extension": suffix, "_write_mode": WriteMode.TEXT}
        return snapshot(name=name, extension_class=type("TextFile", (SingleFileSnapshotExtension,), members))

    return kept


Tally = Callable[[str, int, int], None]


def tries(usual: int) -> int:
    """How often a soak test tries: `BIO_PAWS_TRIES` says otherwise."""
    return int(os.environ.get("BIO_PAWS_TRIES", usual))


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Count faults for the table at the end: what, how many were tried, and how many of them did no harm."""

    def count(what: str, tried: int, survived: int) -> None:
        record_property("fault", (what, tried, survived))
        assert survived == tried > 0, f"{what}: {tried} tried, {tried - survived} lost"

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    totals: dict[str, list[int]] = {}
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "fault":
                what, *counts = value
                totals[what] = [a + b for a, b in zip(totals.get(what, [0, 0]), counts, strict=True)]
    if totals:
        terminalreporter.section("faults")
        terminalreporter.write_line(f"{'':60} {'tried':>7} {'survived':>8} {'lost':>5}")
    for what, (tried, survived) in totals.items():
        terminalreporter.write_line(f"{what:60} {tried:7,} {survived:8,} {tried - survived:5,}")
