"""Builds on many machines: a real scheduler and workers on loopback, each with a folder of its own."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from bio_paws.errors import BioPawsError
from bio_paws.execution.dask_cluster import describe_worker
from bio_paws.execution.executors import Cluster, open_cluster
from bio_paws.execution.files import read_arrow
from bio_paws.execution.stages import run_shards
from bio_paws.execution.storage import RemoteFolder, SharedFolder
from clusters import (
    KillOnce,
    LoopbackCluster,
    allow_failures,
    fail_with,
    look_at,
    sleep_a_little,
    sleep_long,
    start_ftp,
    write_shard,
)
from conftest import Run

SMALL = ("dna50", "dna_protein", "--pairs", 120)
JOBS = (
    *("search_shard", "candidate_shard", "quartet_shard", "evaluate_shard", "find_hits"),
    *("measure_config", "check_rows", "screen"),
)
"""Every kind of job of a build in which all is well."""


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackCluster]:
    started = LoopbackCluster(tmp_path_factory.mktemp("cluster"))
    try:
        started.add_worker()
        started.add_worker()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server, url = start_ftp(tmp_path_factory.mktemp("ftp"))
    yield url
    server.kill()
    server.communicate()


def build_on(cluster: LoopbackCluster, *arguments: object, kill: tuple[str, ...] = ()) -> tuple[int, str]:
    """Build while workers are killed and replaced; return exit status and stderr without the lines of progress."""
    for old in cluster.pids.glob("killed-*"):
        old.unlink()
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        client.register_plugin(KillOnce(kill, cluster.pids))
        command = [
            sys.executable,
            "-m",
            "bio_paws.cli",
            "build",
            "--executor",
            cluster.address,
            *map(str, arguments),
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
            while running.poll() is None:
                cluster.replace_the_dead()
                time.sleep(0.05)
            said = running.communicate()[1]
        client.unregister_scheduler_plugin(KillOnce.name)
    return running.returncode, re.sub(r"bio-paws: .*(?: done, \d+ s| left)\n", "", said)


@pytest.fixture(scope="module")
def alone(source: Path, tmp_path_factory: pytest.TempPathFactory, bio_paws: Run) -> dict[str, str]:
    """What one machine makes of the small configs."""
    out = tmp_path_factory.mktemp("alone") / "bioPAWS"
    done = bio_paws("build", *SMALL, "--workers", 1, "--source", source, "--out", out)
    assert done.returncode == 0, done.stderr
    return digests(out)


def test_a_cluster_gives_the_bytes_of_one_machine(
    cluster: LoopbackCluster, ftp: str, source: Path, tmp_path: Path, alone: dict[str, str]
) -> None:
    out = tmp_path / "bioPAWS"
    kill = ("candidate_shard",)
    options = ("--workers", 2, "--source", source, "--out", out, "--work", f"{ftp}/a/store")
    assert build_on(cluster, *SMALL, *options, kill=kill) == (0, "")
    assert cluster.killed() == set(kill)
    assert digests(out) == alone


def test_jobs_get_the_files_they_are_given(cluster: LoopbackCluster, ftp: str, tmp_path: Path) -> None:
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    for folder in (work, elsewhere):
        folder.mkdir()
        (folder / "text.arrow").write_text("as it is")
    for suffix in ("nsq", "nhr"):
        (elsewhere / f"database.{suffix}").write_text(suffix)
    for number, url in enumerate((None, f"{ftp}/b")):
        written = work / f"stage/{number}.arrow"
        with open_cluster(Cluster(cluster.address, url), work, "blast") as executor:
            given = [work / "text.arrow", {"another": elsewhere / "text.arrow"}, elsewhere / "database"]
            places, names = executor.submit(look_at, given, written).result()
            assert written.read_text() == "written"
            assert names == [["text.arrow"], ["text.arrow"], ["database.nhr", "database.nsq"]]
            local = [place for place in places if not place.startswith(str(tmp_path))]
            assert len(local) == (0 if url is None else 3)
            with pytest.raises(BioPawsError, match="bad input in here"):
                executor.submit(fail_with, BioPawsError("bad input in here")).result()
        assert not list(work.glob(".passing*"))


def test_a_shard_that_another_build_has_done_is_not_done_again(
    cluster: LoopbackCluster, ftp: str, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        path = tmp_path / name / "stage/shard.arrow"
        with open_cluster(Cluster(cluster.address, f"{ftp}/c"), tmp_path / name, "blast") as executor:
            run_shards(executor, write_shard, [(path, (f"written by {name}",))], "shards")
        assert read_arrow(path)["text"].to_pylist() == ["written by one"]


def test_a_damaged_shard_in_the_store_is_done_again(cluster: LoopbackCluster, ftp: str, tmp_path: Path) -> None:
    damaged = tmp_path / "stage/shard.arrow"
    damaged.parent.mkdir()
    damaged.write_text("damaged")
    RemoteFolder(f"{ftp}/d").upload(damaged, "stage/shard.arrow")
    for name in ("one", "other"):
        path = tmp_path / name / "stage/shard.arrow"
        with open_cluster(Cluster(cluster.address, f"{ftp}/d"), tmp_path / name, "blast") as executor:
            run_shards(executor, write_shard, [(path, (f"written by {name}",))], "shards")
        assert read_arrow(path)["text"].to_pylist() == ["written by one"]


def test_a_worker_with_another_blast_is_refused(cluster: LoopbackCluster, source: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    other = tmp_path / "bin/blastn"
    other.write_text("#!/bin/sh\necho 'blastn: 9.8.7+'\n")
    other.chmod(0o755)
    with open_cluster(Cluster(cluster.address), tmp_path / "work", "blast") as executor:
        odd = cluster.add_worker(PATH=f"{other.parent}{os.pathsep}{os.environ['PATH']}")
        with Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(3, timeout=60)
        # It has come too late for the first look.
        jobs = [executor.submit(sleep_a_little) for _ in range(30)]
        said = {str(error) for job in jobs if (error := job.exception())}
    assert len(said) == 1
    assert re.fullmatch(r"worker tcp://127.0.0.1:\d+: BLAST\+ 9.8.7\+, here 2\S+", said.pop())
    status, refused = build_on(cluster, *SMALL, "--source", source, "--out", tmp_path / "bioPAWS")
    odd.kill()
    odd.wait()
    assert status == 2
    assert refused.count("\n") == 1
    assert re.search(r": worker tcp://127.0.0.1:\d+: BLAST\+ 9.8.7\+, here 2", refused)
    assert not (tmp_path / "bioPAWS").exists()


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(BioPawsError, match="must be a folder that all machines share, or a URL"):
        describe_worker(SharedFolder(tmp_path / "not here"), "mark", "blast")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--executor", "tcp://127.0.0.1:9"), "no Dask scheduler answered"),
        (("--executor", "scheduler:8786"), "neither local nor an address like tcp://scheduler:8786"),
        (("--work", "s3://bucket/work"), "a URL needs a cluster (--executor)"),
    ],
)
def test_what_is_no_cluster_is_refused_in_one_line(
    arguments: tuple[str, ...], says: str, source: Path, tmp_path: Path, bio_paws: Run
) -> None:
    refused = bio_paws("build", "--source", source, "--out", tmp_path / "bioPAWS", *arguments)
    assert refused.returncode == 2
    assert says in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "bioPAWS").exists()


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["folder", "url"])
def test_workers_killed_in_every_stage_lose_nothing(
    kind: str, cluster: LoopbackCluster, ftp: str, source: Path, built: Path, tmp_path: Path
) -> None:
    work = f"{ftp}/all" if kind == "url" else tmp_path / "work"
    options = ("--pairs", 400, "--source", source, "--out", tmp_path / "bioPAWS", "--work", work)
    assert build_on(cluster, *options, kill=JOBS) == (0, "")
    assert cluster.killed() == set(JOBS)
    assert digests(tmp_path / "bioPAWS") == digests(built)


@pytest.mark.soak
def test_what_kills_every_worker_ends_the_build_which_then_goes_on(
    cluster: LoopbackCluster, source: Path, tmp_path: Path, alone: dict[str, str]
) -> None:
    def allow(failures: int) -> None:
        with Client(cluster.address, set_as_default=False) as client:
            client.run_on_scheduler(allow_failures, failures=failures)

    options = (*SMALL, "--source", source, "--out", tmp_path / "bioPAWS")
    allow(0)
    status, said = build_on(cluster, *options, kill=("candidate_shard",))
    allow(3)
    assert status == 2
    assert "candidate_shard: several workers died of one job" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "bioPAWS").exists()
    assert build_on(cluster, *options) == (0, "")
    assert digests(tmp_path / "bioPAWS") == alone


@pytest.mark.soak
def test_a_scheduler_that_is_lost_is_told_of(tmp_path: Path) -> None:
    cluster = LoopbackCluster(tmp_path)
    try:
        cluster.add_worker()
        with open_cluster(Cluster(cluster.address), tmp_path / "work", "blast") as executor:
            job = executor.submit(sleep_long)
            cluster.scheduler.kill()
            with pytest.raises(BioPawsError, match="the scheduler was lost: run again"):
                job.result(120)
    finally:
        cluster.stop()
