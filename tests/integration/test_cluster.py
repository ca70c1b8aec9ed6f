"""Builds on many machines: a real scheduler and workers on loopback, each with a folder of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from clusters import KillOnce, LoopbackCluster, start_ftp
from conftest import Run

SMALL = ("dna50", "dna_protein", "--pairs", 120, "--workers", 2)
JOBS = (
    *("search_shard", "candidate_shard", "square_shard", "evaluate_shard", "find_hits"),
    *("measure_floors", "check_rows", "screen", "confirm"),
)
"""Every kind of job of a build."""


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
    """Build while workers are killed and replaced; return exit status and stderr."""
    for old in cluster.pids.glob("killed-*"):
        old.unlink()
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        client.register_plugin(KillOnce(kill, cluster.pids))
        command = [sys.executable, "-m", "bio_paws.cli", "build", "--executor", cluster.address, *map(str, arguments)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
            while running.poll() is None:
                cluster.replace_the_dead()
                time.sleep(0.05)
            said = running.communicate()[1]
        client.unregister_scheduler_plugin(KillOnce.name)
    return running.returncode, said


def test_a_cluster_gives_the_bytes_of_one_machine(
    cluster: LoopbackCluster, ftp: str, source: Path, tmp_path: Path, bio_paws: Run
) -> None:
    alone = bio_paws("build", *SMALL, "--workers", 1, "--source", source, "--out", tmp_path / "alone/bioPAWS")
    assert alone.returncode == 0, alone.stderr
    out = tmp_path / "cluster/bioPAWS"
    kill = ("candidate_shard",)
    done = build_on(cluster, *SMALL, "--source", source, "--out", out, "--work", f"{ftp}/a/store", kill=kill)
    assert done == (0, "")
    assert cluster.killed() == set(kill)
    assert digests(out) == digests(tmp_path / "alone/bioPAWS")


def test_a_worker_with_another_blast_is_refused(cluster: LoopbackCluster, source: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    other = tmp_path / "bin/blastn"
    other.write_text("#!/bin/sh\necho 'blastn: 9.8.7+'\n")
    other.chmod(0o755)
    odd = cluster.add_worker(PATH=f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(3, timeout=60)
    status, said = build_on(cluster, *SMALL, "--source", source, "--out", tmp_path / "bioPAWS")
    odd.kill()
    assert status == 2
    assert said.count("\n") == 1
    assert "worker tcp://127.0.0.1:" in said
    assert "BLAST+ 9.8.7+, here 2." in said
    assert not (tmp_path / "bioPAWS").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--executor", "tcp://127.0.0.1:9"), "no Dask scheduler answered"),
        (("--executor", "scheduler:8786"), "neither local nor an address like tcp://scheduler:8786"),
        (("--work", "s3://bucket/work"), "only a cluster (--executor) works at a URL"),
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
