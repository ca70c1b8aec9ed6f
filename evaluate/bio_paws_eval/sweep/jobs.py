"""Several shards of a sweep at once on one machine: a small model leaves most of a GPU or CPU idle.

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
from bio_paws_eval.runs.preparation import Prepared, path_of_result
from bio_paws_eval.sweep.run import Work, shard_of

_WAIT = 0.5  # seconds between two checks of the processes


def shards_of_jobs(work: Work, shard: tuple[int, int], jobs: int) -> list[tuple[int, int]]:
    """Divide one shard of a plan among jobs, without jobs that would have nothing to do."""
    number, shards = shard
    parts = [(number + shards * job, shards * jobs) for job in range(jobs)]
    return [part for part in parts if shard_of(work, *part).trainings]


def run_jobs(arguments: Sequence[str], shards: Sequence[tuple[int, int]], prepared: Sequence[Prepared]) -> None:
    """Run one job for each shard, and wait for all.

    On a CPU each job gets an equal share of the threads; the last digits of a result may depend on their number.

    Parameters
    ----------
    arguments : sequence of str
        Of the program, without its shard.
    shards : sequence of (int, int)
        Of each job.
    prepared : sequence of Prepared
        What all jobs do, for the progress bar.

    Raises
    ------
    BioPawsError
        When a job fails, with its error; the other jobs are stopped.
    """
    if PartialState().num_processes > 1:
        raise BioPawsError("--jobs starts processes of its own: leave out accelerate launch, or --jobs")
    threads = str(max(1, torch.get_num_threads() // len(shards)))
    paths = [path_of_result(part, run, task) for part in prepared for run in part.runs for task in part.tasks]
    with ExitStack() as stack:
        bar = stack.enter_context(progress(total=len(paths), desc="results", leave=True))
        running = []
        for number, count in shards:
            errors = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                [sys.executable, "-m", "bio_paws.cli", *arguments, "--shard", f"{number}/{count}"],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={"OMP_NUM_THREADS": threads} | os.environ,
            )
            stack.callback(_stop, process)
            running.append((process, errors))
        while sum(_is_running(*job) for job in running):  # a sum, so that every job is checked
            _show(bar, paths)
            time.sleep(_WAIT)
        _show(bar, paths)


def _is_running(process: subprocess.Popen[bytes], errors: IO[str]) -> bool:
    status = process.poll()
    if status not in {None, 0, 1}:  # 1: a task was refused, as its result says
        errors.seek(0)
        raise BioPawsError(f"a job failed: {(errors.read().strip().splitlines() or ['it was killed'])[-1]}")
    return status is None


def _show(bar: tqdm[NoReturn], paths: Sequence[Path]) -> None:
    bar.update(sum(path.is_file() for path in paths) - bar.n)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    process.wait()
