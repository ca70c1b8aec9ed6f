"""`audit --clean` that is killed or finds no space: the user's files stay, and the new folder is whole or not there."""

from __future__ import annotations

import csv
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from conftest import Tally, tries
from faulty import NONE, Fault, Ran, Runner, runner, small_disk
from pair_sets import LETTERS, clean, random_text
from releases import contents

SEVERE = 1
"""Exit status of an audit with a severe finding, which does not keep it from cleaning."""
FULL = "cannot be written ("


@dataclass(frozen=True)
class Site:
    """A set that is cleaned again and again.

    Attributes
    ----------
    runner : Runner
        Runs the program.
    source : Path
        The set.
    given, cleaned : dict of str to str
        Digests of its files, and of what is written when nothing fails.
    operations : list of str
        File operations of that.
    seconds : float
        How long that takes.
    """

    runner: Runner
    source: Path
    given: dict[str, str]
    cleaned: dict[str, str]
    operations: list[str]
    seconds: float


def audit(running: Runner, source: Path, folder: Path, fault: Fault = NONE) -> Ran:
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return running.run("audit", source, "--clean", folder / "clean", fault=fault, TMPDIR=str(folder / "tmp"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("clean")
    source = home / "set"
    source.mkdir()
    splits = clean("dna")
    rng = np.random.default_rng(0)
    # Incompressible, so that the size of the cleaned set is that of the disk it needs.
    notes = [random_text(rng, LETTERS["protein"], 200) for _ in range(200)]
    for split, rows in (("train", splits["train"][:100]), ("test", [*splits["test"][:90], *splits["train"][:10]])):
        with (source / f"{split}.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("sentence1", "sentence2", "label", "note"))
            writer.writerows([*row, note] for row, note in zip(rows, notes, strict=False))
    with runner(home) as running:
        done = audit(running, source, home / "whole")
        assert done.status == SEVERE, done.err
        yield Site(running, source, contents(source), contents(home / "whole/clean"), done.operations, done.seconds)


def survives(site: Site, folder: Path, fault: Fault) -> tuple[Ran, bool]:
    """Clean with a fault, then without: return how the first ended, and whether all was as it must be after both."""
    mine = {"notes.txt": "mine", "clean.txt": "mine", "data/train.parquet": "mine", ".clean.other.part": "mine"}
    for name, text in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    done = audit(site.runner, site.source, folder, fault)
    whole = (folder / "clean").exists()
    well = not whole or contents(folder / "clean") == site.cleaned
    if not whole:
        again = audit(site.runner, site.source, folder)
        well &= again.status == SEVERE and contents(folder / "clean") == site.cleaned
    well &= {name: (folder / name).read_text() for name in mine} == mine and contents(site.source) == site.given
    left = {path.name for path in folder.iterdir()} - {Path(name).parts[0] for name in mine}
    # What a kill left beside a folder that is whole goes with the next cleaning into that place.
    return done, well and (whole or left == {"clean", "tmp"})


def ended(site: Site, folder: Path, number: signal.Signals, rng: random.Random) -> bool:
    """End an audit by a signal at a random moment."""
    fault = Fault(kill_after=rng.uniform(0, site.seconds * 1.1), kill_signal=number)
    done, well = survives(site, folder, fault)
    if number == signal.SIGKILL:
        return well and done.status in {-number, SEVERE}
    # Python itself dies of the signal until the program has begun.
    quiet = done.status in {-number, SEVERE} or (
        done.status == 128 + number and done.err.splitlines()[-1].startswith("bio-paws: ended by SIGTERM")
    )
    return well and quiet and "Traceback" not in done.err and not list((folder / "tmp").iterdir())


def full(done: Ran) -> bool:
    """Whether a run ended in one line on the disk, below what it said of the audit and its progress."""
    return (
        done.status == 2 and done.err.splitlines()[-1].startswith("bio-paws: error: ") and "Traceback" not in done.err
    )


def test_cleaning_that_is_killed_or_finds_no_space(site: Site, tmp_path: Path, tally: Tally) -> None:
    first = next(i for i, operation in enumerate(site.operations) if ".clean." in operation)
    points = sorted({first, (first + len(site.operations)) // 2, len(site.operations) - 1})
    killed = [survives(site, tmp_path / str(point), Fault(kill_at=point)) for point in points]
    tally("cleaning killed before a file operation, run again", len(killed), sum(well for _, well in killed))
    faults = [Fault(full_from=1, folder=str(tmp_path / "full/.clean.")), Fault(file_bytes=5_000)]
    refused = [survives(site, tmp_path / name, fault) for name, fault in zip(("full", "cut"), faults, strict=True)]
    tally("cleaning without space, run again", len(refused), sum(well and full(done) for done, well in refused))


@pytest.mark.soak
def test_cleaning_killed_before_any_file_operation(site: Site, tmp_path: Path, tally: Tally) -> None:
    points = range(len(site.operations))
    killed = [survives(site, tmp_path / str(point), Fault(kill_at=point))[1] for point in points]
    tally("cleaning killed before a file operation, run again", len(killed), sum(killed))


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_cleaning_ended_at_50_random_moments(number: signal.Signals, site: Site, tmp_path: Path, tally: Tally) -> None:
    rng = random.Random(number)
    for at in range(tries(50)):
        tally(f"cleaning ended by {number.name} at a random moment", 1, ended(site, tmp_path / str(at), number, rng))
        shutil.rmtree(tmp_path / str(at))


@pytest.mark.soak
@pytest.mark.parametrize("place", ["", "tmp"])
def test_a_small_disk_for_a_cleaned_set(place: str, site: Site, tmp_path: Path, tally: Tally) -> None:
    """Ten disks that are too small for the cleaned set, or for what is searched; then larger ones."""
    refused = survived = 0
    for number, kilobytes in enumerate(range(8, 88, 8)):
        folder = tmp_path / str(number)
        with small_disk(folder / place, kilobytes):
            (folder / "tmp").mkdir(exist_ok=True)
            done = audit(site.runner, site.source, folder)
            if not full(done):
                assert done.status == SEVERE and contents(folder / "clean") == site.cleaned, done
                continue
            refused += 1
            tidy = {path.name for path in folder.iterdir()} == {"tmp"} and contents(site.source) == site.given
            subprocess.run(["mount", "-o", "remount,size=100m", str(folder / place)], check=True)
            again = audit(site.runner, site.source, folder)
            survived += tidy and again.status == SEVERE and contents(folder / "clean") == site.cleaned
    tally(f"a small disk for {place or 'all'} of a cleaned set, then a larger one", refused, survived)
