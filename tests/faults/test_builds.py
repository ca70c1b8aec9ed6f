"""Builds that are killed, find no space, or a BLAST that fails: what was there stays, and the next run ends well."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest

from conftest import Tally, tries
from faulty import NONE, Fault, Ran, Runner, runner, small_disk
from genomes import write_source
from releases import contents

SIGKILL, SIGABRT, ABORTED = -9, -6, 127
"""Exit status of what was killed, and of what C++ or the C library ended for want of memory."""
SWAPPED = "os.remove README.md"
"""The first thing removed of the old data set, once the new one has taken its place."""


@dataclass(frozen=True)
class Site:
    """A data set of seed 0, which builds of seed 1 are to replace.

    Attributes
    ----------
    runner : Runner
        Runs the program.
    home : Path
        Holds the source, and `old`, the data set of seed 0.
    old, new : dict of str to str
        Digests of the files of both data sets.
    operations : list of str
        File operations of the build from nothing that replaces the one by the other.
    seconds : float
        How long that takes.
    """

    runner: Runner
    home: Path
    old: dict[str, str]
    new: dict[str, str]
    operations: list[str]
    seconds: float

    def copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(self.home / "old/bioPAWS", folder / "bioPAWS"))

    def build(self, out: Path, workers: int = 1, fault: Fault = NONE, seed: int = 1, **environment: str) -> Ran:
        return build(self.runner, self.home, out, workers, fault, seed, **environment)


def build(
    running: Runner, home: Path, out: Path, workers: int = 1, fault: Fault = NONE, seed: int = 1, **environment: str
) -> Ran:
    place = out.parent / "tmp"
    place.mkdir(parents=True, exist_ok=True)
    arguments = ("--source", home / "source", "--pairs", 40, "--seed", seed, "--workers", workers, "--out", out)
    return running.run("build", "dna50", *arguments, fault=fault, **{"TMPDIR": str(place)} | environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("faults")
    write_source(home / "source", genes=30)
    with runner(home) as running:
        old = build(running, home, home / "old/bioPAWS", seed=0)
        assert old.status == 0, old.err
        shutil.copytree(home / "old/bioPAWS", home / "new/bioPAWS")
        new = build(running, home, home / "new/bioPAWS")
        assert new.status == 0, new.err
        digests = [contents(home / name / "bioPAWS") for name in ("old", "new")]
        assert digests[0] != digests[1]
        yield Site(running, home, *digests, new.operations, new.seconds)


def ends_well(site: Site, folder: Path, workers: int = 1) -> bool:
    """Build without a fault: is it the same data set, with nothing left beside it? Then clear it away."""
    done = site.build(folder / "bioPAWS", workers)
    assert done.status == 0, done.err
    left = [*(folder / ".bio-paws-work").rglob("*.part")]
    tidy = {path.name for path in folder.iterdir()} <= {"bioPAWS", ".bio-paws-work", "tmp", "bin"} and not left
    same = contents(folder / "bioPAWS") == site.new
    shutil.rmtree(folder)
    return tidy and same


# Killed


def survives(site: Site, folder: Path, faults: list[Fault], workers: int = 1) -> bool:
    """Kill builds one after the other, and let the last go on to its end: is all whole at any time?"""
    out = site.copy(folder)
    for fault in faults:
        killed = site.build(out, workers, fault)
        assert killed.status in {0, SIGKILL}, killed.err
        if contents(out) not in (site.old, site.new):
            return False
    return ends_well(site, folder, workers)


def test_killed_again_and_again(site: Site, tmp_path: Path, tally: Tally) -> None:
    faults = [Fault(kill_at=20), Fault(kill_at=60), Fault(kill_on=SWAPPED)]
    tally("build killed time after time, resumed", len(faults), len(faults) * survives(site, tmp_path / "a", faults))


def points(site: Site, count: int) -> list[int]:
    """File operations spread over the whole build, and those by which the new data set takes its place."""
    last = site.operations.index(SWAPPED)
    end = range(last - 10, min(last + 20, len(site.operations)))
    return sorted({*end, *random.Random(count).sample(range(last - 10), count - len(end))})


@pytest.mark.soak
def test_killed_at_130_file_operations(site: Site, tmp_path: Path, tally: Tally) -> None:
    at = points(site, 130)
    tally(
        "build killed before a file operation, resumed",
        len(at),
        sum(survives(site, tmp_path / str(operation), [Fault(kill_at=operation)]) for operation in at),
    )


@pytest.mark.soak
@pytest.mark.parametrize(("workers", "kills"), [(1, 50), (2, 20)])
def test_killed_at_random_moments(workers: int, kills: int, site: Site, tmp_path: Path, tally: Tally) -> None:
    rng = random.Random(workers)
    longest = site.seconds + 4 * (workers - 1)  # workers import what the first process has
    faults = [Fault(kill_after=rng.uniform(0, longest)) for _ in range(kills)]
    tally(
        f"build killed at a random moment, workers: {workers}, resumed",
        kills,
        sum(survives(site, tmp_path / str(i), [fault], workers) for i, fault in enumerate(faults)),
    )


# Damaged stages


def damage(work: Path, rng: random.Random, most: int | None = None) -> int:
    """Damage stage files: cut one, empty it, flip a bit of it, or exchange it with another; return their number."""
    files = sorted(path for path in work.rglob("*") if path.is_file())
    if most is not None:
        files = rng.sample(files, min(most, len(files)))
    for number, path in enumerate(files):
        data = bytearray(path.read_bytes())
        match number % 4:
            case 0:
                path.write_bytes(data[: rng.randrange(len(data))])
            case 1:
                path.write_bytes(b"")
            case 2:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                path.write_bytes(data)
            case _:
                path.write_bytes(files[number - 1].read_bytes())
                files[number - 1].write_bytes(data)
    return len(files)


def test_damaged_stages_are_done_again(site: Site, tmp_path: Path, tally: Tally) -> None:
    """One bit of the corpus once gave pairs of DNA that is in no genome, without a word."""
    work = Path(shutil.copytree(site.home / "new/.bio-paws-work", tmp_path / ".bio-paws-work"))
    damaged = damage(work, random.Random(0))
    done = site.build(tmp_path / "bioPAWS")
    assert (done.status, done.err.count("this stage is done again")) == (0, damaged), done.err
    tally("damaged stage file", damaged, damaged * (contents(tmp_path / "bioPAWS") == site.new))


@pytest.mark.soak
def test_195_damaged_stages_are_done_again(site: Site, tmp_path: Path, tally: Tally) -> None:
    remaining, number = tries(195), 0
    while remaining:
        folder = tmp_path / str(number)
        work = Path(shutil.copytree(site.home / "new/.bio-paws-work", folder / ".bio-paws-work"))
        damaged = damage(work, random.Random(number), remaining)
        done = site.build(folder / "bioPAWS")
        assert "Traceback" not in done.err
        same = done.status == 0 and contents(folder / "bioPAWS") == site.new
        redone = done.err.count("this stage is done again")
        tally("damaged stage file, done again", damaged, min(redone, damaged) * same)
        remaining, number = remaining - damaged, number + 1
        shutil.rmtree(folder)


# No space, no memory


def refuses(site: Site, out: Path, fault: Fault = NONE, workers: int = 1, **environment: str) -> str:
    """Build with a fault; return the one line that says so, and see that the old data set is as it was."""
    done = site.build(out, workers, fault, **environment)
    assert (done.status, done.err.count("\n")) == (2, 1), (fault, done)
    assert done.err.startswith("bio-paws: error: ")
    assert contents(out) == site.old
    assert {path.name for path in out.parent.iterdir()} <= {"bioPAWS", ".bio-paws-work", "tmp", "bin"}
    return done.err


def full_disks(site: Site, each: int) -> list[Fault]:
    """A disk that is full from some operation on: the one of the data set, of the stages, or of what is for a while."""
    rng, faults = random.Random(each), []
    for place in ("/.bioPAWS", "/.bio-paws-work", "/tmp"):
        here = [operation.split(" ", 1)[0] for operation in site.operations if f"new{place}" in operation]
        needing = [i for i, kind in enumerate(here) if kind in {"open", "os.mkdir"}]
        faults += [
            Fault(full_from=operation, folder=place) for operation in rng.sample(needing, min(each, len(needing)))
        ]
    return faults


def without_space(site: Site, folder: Path, faults: list[Fault], tally: Tally, *, retried: int) -> None:
    """Build without space from nothing, and the first few again with it."""
    survived = 0
    for number, fault in enumerate(faults):
        out = site.copy(folder / str(number))
        said = refuses(site, out, replace(fault, folder=f"{out.parent}{fault.folder}"))
        assert fault.file_bytes or "No space left" in said
        survived += number >= retried or ends_well(site, out.parent)
    tally("build without space, and again with it", len(faults), survived)


def test_no_space_left(site: Site, tmp_path: Path, tally: Tally) -> None:
    faults = [Fault(file_bytes=20_000), *full_disks(site, 1), Fault(file_bytes=2000)]
    without_space(site, tmp_path, faults, tally, retried=1)


@pytest.mark.soak
def test_no_space_left_at_any_operation(site: Site, tmp_path: Path, tally: Tally) -> None:
    largest = max(path.stat().st_size for path in (site.home / "new").rglob("*"))
    sizes = [int(largest * share / 21) for share in range(1, 21)]
    faults = [*full_disks(site, 10), *(Fault(file_bytes=size) for size in sizes)]
    without_space(site, tmp_path, faults, tally, retried=len(faults))


@pytest.mark.soak
@pytest.mark.parametrize(("place", "step"), [("", 40), (".bio-paws-work", 40), ("tmp", 4)])
def test_a_small_disk(place: str, step: int, site: Site, tmp_path: Path, tally: Tally) -> None:
    """Twenty disks, each too small for the data set, its stages, or what is for a while."""
    tried = survived = 0
    old = 0 if place else sum(path.stat().st_size // 4096 + 1 for path in (site.home / "old/bioPAWS").rglob("*")) * 4
    for number in range(20):
        folder = tmp_path / str(number)
        with small_disk(folder / place, old + step * (number + 2)):
            out = site.copy(folder)
            done = site.build(out)
            tried += done.status != 0
            if done.status:
                assert (done.status, done.err.count("\n")) == (2, 1), done
                assert contents(out) == site.old
                subprocess.run(["mount", "-o", "remount,size=100m", str(folder / place)], check=True)
                survived += site.build(out).status == 0 and contents(out) == site.new
    tally(f"a small disk for {place or 'all'}, then a larger one", tried, survived)


def test_no_memory_left(site: Site, tmp_path: Path, tally: Tally) -> None:
    out = site.copy(tmp_path / "a")
    moments = [len(site.operations) * part // 8 for part in (1, 4)]
    faults = [Fault(more_memory=0), *(Fault(more_memory=0, memory_from=moment) for moment in moments)]
    for fault in faults:
        assert "out of memory" in refuses(site, out, fault)
    tally("build without memory, and again with it", len(faults), len(faults) * ends_well(site, out.parent))


@pytest.mark.soak
@pytest.mark.parametrize(("workers", "moments", "left"), [(1, 16, (0, 3, 10)), (2, 6, (0, 8, 30))])
def test_no_memory_left_from_any_moment_on(
    workers: int, moments: int, left: tuple[int, ...], site: Site, tmp_path: Path, tally: Tally
) -> None:
    """Says so in its last line, be it ours or that of a library which ends the process, or has enough."""
    at = random.Random(workers).sample(range(len(site.operations)), moments)
    survived = 0
    for number, (operation, mebibytes) in enumerate(product(at, left)):
        out = site.copy(tmp_path / str(number))
        done = site.build(out, workers, Fault(more_memory=mebibytes << 20, memory_from=operation))
        assert "Traceback" not in done.err or "Exception ignored" in done.err, done.err
        says_why = re.search(r"memory|Resource temporarily unavailable", done.err.rstrip().rpartition("\n")[2])
        assert done.status == 0 or (done.status in {2, SIGABRT, ABORTED} and says_why), done
        survived += contents(out) in (site.old, site.new) and ends_well(site, out.parent)
    tally(f"memory gone from some moment on, workers: {workers}", moments * len(left), survived)


def command(site: Site, folder: Path, workers: int) -> list[str]:
    program = "import signal, sys\nfrom bio_paws.cli.app import main\n"
    # Whoever runs the tests may have told them to ignore both.
    program += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += "signal.signal(signal.SIGHUP, signal.SIG_DFL)\nsys.exit(main())"
    arguments = ["build", "dna50", "--source", site.home / "source", "--pairs", 40, "--seed", 1]
    return [sys.executable, "-c", program, *map(str, [*arguments, "--workers", workers, "--out", folder / "bioPAWS"])]


def within(site: Site, folder: Path, megabytes: int, workers: int) -> subprocess.CompletedProcess[str]:
    """Build in a process of its own that has so much address space."""
    limited = ["sh", "-c", f'ulimit -v {megabytes * 1024}; exec "$@"', "sh", *command(site, folder, workers)]
    return subprocess.run(limited, capture_output=True, text=True, timeout=120, check=False)


def test_little_address_space(site: Site, tmp_path: Path, tally: Tally) -> None:
    limits = (64, 600, 1600)
    for megabytes in limits:
        done = within(site, tmp_path, megabytes, workers=1)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
        assert "out of memory: 2.5 GiB of address space are needed" in done.stderr
        assert not any(tmp_path.iterdir())
    tally("too little address space (ulimit -v)", len(limits), len(limits))


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
def test_any_address_space(workers: int, site: Site, tmp_path: Path, tally: Tally) -> None:
    """From 0.2 GB on, each limit refuses at once, or is enough."""
    limits = [*range(200, 2_560, 10), *range(2_560, 2_720, 20), *range(2_720, 3_200, 80)]
    built = 0
    for megabytes in limits:
        done = within(site, tmp_path / str(megabytes), megabytes, workers)
        if done.returncode:
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
            assert "out of memory: 2.5 GiB" in done.stderr
        else:
            assert contents(tmp_path / str(megabytes) / "bioPAWS") == site.new
            built += 1
    assert built >= len([limit for limit in limits if limit > 2_600])
    tally(f"address space of 0.2 to 3.2 GB (ulimit -v), workers: {workers}", len(limits), len(limits))


def test_a_worker_killed(site: Site, tmp_path: Path, tally: Tally) -> None:
    out = site.copy(tmp_path / "a")
    assert "a worker process was killed (out of memory?)" in refuses(site, out, Fault(kill_worker=True), workers=2)
    tally("worker killed, then not", 1, ends_well(site, out.parent))


def workers_of(program: int) -> list[int]:
    """Return the processes of a program's pool that are at work: those with the thread that watches the program."""
    children = map(int, Path(f"/proc/{program}/task/{program}/children").read_text().split())
    pool = [child for child in children if b"multiprocessing-fork" in command_of(child)]
    return [child for child in pool if len(list(Path(f"/proc/{child}/task").glob("*"))) > 1]


def command_of(process: int) -> bytes:
    """Return the command line of a process; empty where it has ended, whether or not somebody has waited for it."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def runs(process: int) -> bool:
    return command_of(process) != b""


def descendants(process: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [*children, *(descendant for child in children if runs(child) for descendant in descendants(child))]


def test_a_signal_to_the_program_alone_ends_all(site: Site, tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command_line = command(site, tmp_path, workers=2)
    with subprocess.Popen(command_line, stderr=subprocess.PIPE, text=True, env=environment) as program:
        while len(workers_of(program.pid)) < 2:
            assert program.poll() is None
            time.sleep(0.02)
        every = descendants(program.pid)
        program.terminate()
        message = "bio-paws: ended by SIGTERM; run the same command again to resume\n"
        said = program.communicate(timeout=60)[1]
        assert program.returncode == 128 + signal.SIGTERM
        assert said.endswith(message) and "Traceback" not in said
    last = time.monotonic() + 20
    while any(map(runs, every)) and time.monotonic() < last:
        time.sleep(0.02)
    assert not any(map(runs, every))
    assert {path.name for path in tmp_path.iterdir()} <= {".bio-paws-work"}
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.soak
@pytest.mark.parametrize("number_of_signal", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_at_50_random_moments(
    number_of_signal: signal.Signals, site: Site, tmp_path: Path, tally: Tally
) -> None:
    """Nothing runs on, nothing is left but finished stages, and the next run ends well (each tenth is tried)."""
    rng = random.Random(0)
    start = time.monotonic()
    subprocess.run(command(site, tmp_path / "whole", workers=1), check=True, capture_output=True)
    whole = time.monotonic() - start
    for number in range(tries(50)):
        folder = tmp_path / str(number)
        place = folder / "tmp"
        place.mkdir(parents=True)
        environment = os.environ | {"TMPDIR": str(place)}
        command_line = command(site, folder, workers=1 + number % 5 // 4)
        with subprocess.Popen(
            command_line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        ) as program:
            with suppress(subprocess.TimeoutExpired):
                program.wait(rng.uniform(0, whole))
            every: list[int] = []
            with suppress(OSError):  # one of them may end meanwhile
                every = descendants(program.pid)
            program.send_signal(number_of_signal)
            said = program.communicate(timeout=120)[1]
        # Python itself dies of the signal until the program has begun.
        ended = program.returncode in {0, 128 + number_of_signal, -number_of_signal} and "Traceback" not in said
        last = time.monotonic() + 20
        while any(map(runs, every)) and time.monotonic() < last:
            time.sleep(0.02)
        tidy = {path.name for path in folder.iterdir()} <= {"bioPAWS", ".bio-paws-work", "tmp"}
        tidy &= not list(place.iterdir()) and not list(folder.rglob("*.part"))
        well = ended and tidy and not any(map(runs, every))
        if number % 10 == 0:
            well &= ends_well(site, folder)
        tally(f"{number_of_signal.name} at a random moment", 1, well)


@pytest.mark.parametrize("interrupted", [True, False], ids=["interrupted", "killed"])
def test_workers_end_with_the_program(interrupted: bool, site: Site, tmp_path: Path, tally: Tally) -> None:
    command_line = command(site, tmp_path, workers=2)
    with subprocess.Popen(command_line, stderr=subprocess.PIPE, text=True, start_new_session=True) as program:
        while len(workers := workers_of(program.pid)) < 2:
            assert program.poll() is None
            time.sleep(0.02)
        if interrupted:
            os.killpg(program.pid, signal.SIGINT)
            said = program.communicate(timeout=60)[1]
            # On a slow machine the progress of a stage stands before it.
            assert said.splitlines()[-1] == "bio-paws: interrupted; run the same command again to resume"
            assert "Traceback" not in said and program.returncode == 130
        else:
            program.kill()
    last = time.monotonic() + 60
    while any(map(runs, workers)) and time.monotonic() < last:
        time.sleep(0.02)
    tally("program interrupted or killed: its workers end", 1, not any(map(runs, workers)))


# BLAST+


def edited(columns: str) -> str:
    """Change columns of all hits."""
    return f'"$real" "$@" | awk -F"\\t" -v OFS="\\t" \'!/^#/{{{columns}}}1\''


BLASTS = {
    "killed": ("blastn", "kill -9 $$", "blastn failed"),
    "out of memory": ("blastn", "echo 'Out of memory' >&2; exit 255", "Out of memory"),
    "crashed half way": ("blastn", '"$real" "$@" | head -c 200; kill -11 $$', "blastn failed"),
    "silent": ("blastn", "exit 0", "answered 0 of"),
    "too few answers": ("blastn", "echo '# Query: 0:0'; echo '# BLAST processed 1 queries'", "answered 1 of"),
    "cut short": ("blastn", '"$real" "$@" | head -c -200', "queries in query.fasta: run it again"),
    "garbage": ("blastn", '"$real" "$@" | sed \'s/^[0-9].*/\\xff\\t1/\'', "wrote what cannot be read"),
    "no number": ("blastn", edited('$5="?"'), "wrote what cannot be read"),
    "no value": ("blastn", edited('$7=""'), "cannot be"),
    "another query": ("blastn", edited('$1="999:0"'), "cannot be (999:0  "),
    "another subject": ("blastn", edited("$4=999999"), "cannot be"),
    "no place": ("blastn", edited("$6=1000000000000"), "cannot be"),
    "no E-value": ("blastn", edited('$7="nan"'), "cannot be"),
    "another trace-back": ("blastn", edited('$9="5AC"'), "cannot be"),
    "database killed": ("makeblastdb", "kill -9 $$", "makeblastdb failed"),
    "database of nothing": ("makeblastdb", "echo 'added 1 sequences'", "makeblastdb failed"),
    "no program": ("makeblastdb", None, "cannot be run"),
    "no version": ("blastn", None, "cannot be run"),
}


@contextmanager
def fake(folder: Path, program: str, behaviour: str | None) -> Iterator[str]:
    """A PATH on which a program of BLAST+ behaves like this; None: it is no program."""
    real, path = shutil.which(program), folder / program
    folder.mkdir(parents=True)
    script = f'#!/bin/bash\nreal={real}\n[ "$1" = -version ] && exec "$real" -version\n{behaviour}\n'
    path.write_bytes(script.encode() if behaviour else b"\x7fELF no program")
    path.chmod(0o755)
    yield f"{folder}:{os.environ['PATH']}"
    shutil.rmtree(folder)


def test_blast_that_fails(site: Site, tmp_path: Path, tally: Tally) -> None:
    """One failure after the other, in one folder: none leaves behind what the next builds take for done."""
    out = site.copy(tmp_path / "a")
    # A database that is there is not made again.
    for program, behaviour, says in sorted(BLASTS.values(), key=lambda blast: blast[0] != "makeblastdb"):
        with fake(out.parent / "bin", program, behaviour) as path:
            assert says in refuses(site, out, PATH=path)
    tally("BLAST+ that fails, then works", len(BLASTS), len(BLASTS) * ends_well(site, out.parent))
