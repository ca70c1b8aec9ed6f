"""Several shards of a sweep at once on one machine: small models leave most of a GPU, or of a CPU, idle.

Each job is this program once more, in a process of its own, with a shard; they share the folder of results as jobs on
many machines do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NoReturn

import torch
from accelerate import PartialState
from tqdm import tqdm

from bio_paws.errors import BioPawsError
from bio_paws.execution.progress import progress
from bio_paws_eval.runs.preparation import Prepared, cell_path
from bio_paws_eval.sweep.run import Work, shard_of

_WAIT = 0.5  # seconds between two looks


def shards_of_jobs(work: Work, shard: tuple[int, int], jobs: int) -> list[tuple[int, int]]:
    """Divide one shard of a plan among jobs, and leave out those for which there is nothing."""
    number, shards = shard
    parts = [(number + shards * job, shards * jobs) for job in range(jobs)]
    return [part for part in parts if shard_of(work, *part).trainings]


def run_jobs(arguments: Sequence[str], shards: Sequence[tuple[int, int]], prepared: Sequence[Prepared]) -> None:
    """Run one job for each shard, and wait for all.

    On a CPU they share its threads out; with another number of threads the last digits of a result may differ.

    Parameters
    ----------
    arguments : sequence of str
        Of the program, its shard aside.
    shards : sequence of (int, int)
        Of each job.
    prepared : sequence of Prepared
        What all of them do, for the bar.

    Raises
    ------
    BioPawsError
        When one fails, with what it said; the others are stopped.
    """
    if PartialState().num_processes > 1:
        raise BioPawsError("--jobs starts processes of its own: leave out accelerate launch, or --jobs")
    threads = str(max(1, torch.get_num_threads() // len(shards)))
    paths = [cell_path(one, run, ask) for one in prepared for run in one.runs for ask in one.asks]
    with ExitStack() as stack:
        bar = stack.enter_context(progress(total=len(paths), desc="results", leave=True))
        running = []
        for number, count in shards:
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                [sys.executable, "-m", "bio_paws.cli", *arguments, "--shard", f"{number}/{count}"],
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={"OMP_NUM_THREADS": threads} | os.environ,
            )
            stack.callback(_stop, process)
            running.append((process, said))
        while sum(_is_running(*one) for one in running):  # each is looked at
            _show(bar, paths)
            time.sleep(_WAIT)
        _show(bar, paths)


def _is_running(process: subprocess.Popen[bytes], said: IO[str]) -> bool:
    status = process.poll()
    if status not in {None, 0, 1}:  # 1: a cell is refused, and its result says so
        said.seek(0)
        raise BioPawsError(f"a job failed: {(said.read().strip().splitlines() or ['it was killed'])[-1]}")
    return status is None


def _show(bar: tqdm[NoReturn], paths: Sequence[Path]) -> None:
    bar.update(sum(path.is_file() for path in paths) - bar.n)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    process.wait()
