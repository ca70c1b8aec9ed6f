"""Results of stages on disk: written once, whole, under a name that holds everything they depend on.

A stage's file appears by rename, so it is either complete or absent; a build that was killed finds what was finished
and does only the rest. It is sealed (`sealed`): one that was damaged later is made again. The key of a stage
(`stage_keys`) covers its inputs and the code that it runs, so a stale result is never taken for a fresh one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bio_paws.errors import BioPawsError
from bio_paws.execution.executors import CountingExecutor
from bio_paws.execution.files import digest_of, remove_partial_files
from bio_paws.execution.locks import shared_lock
from bio_paws.execution.progress import progress
from bio_paws.execution.sealed import is_sealed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workdir:
    """The folder of a build's stages.

    Attributes
    ----------
    root : Path
        The folder.
    key : str
        Digest of what every stage depends on: sources, code, versions.
    """

    root: Path
    key: str

    def path(self, stage: str, suffix: str, *parameters: Any) -> Path:
        """Path of a stage's result for these parameters."""
        return self.root / stage / f"{digest_of(self.key, stage, *parameters)}{suffix}"


@contextmanager
def open_workdir(root: Path) -> Iterator[None]:
    """Use a folder of stages; what killed builds left half done in it is removed first.

    Raises
    ------
    BioPawsError
        When it cannot be written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BioPawsError(f"{root}: cannot be written ({error.strerror}): name another folder with --work") from error
    with shared_lock(root, partial(remove_partial_files, root)):
        yield


def is_finished(path: Path) -> bool:
    """Whether a stage's file is there and as it was written; a damaged one is reported, and removed.

    Raises
    ------
    BioPawsError
        When it cannot be read.
    """
    try:
        if not path.is_file():
            return False
        if is_sealed(path):
            return True
        logger.warning("%s: damaged since it was written: this stage is done again", path)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise BioPawsError(f"{path}: cannot be read ({error.strerror}): remove it, or name another --work") from error
    return False


def are_finished(paths: Iterable[Path]) -> bool:
    """Whether all files of a stage are there and as they were written; each that is damaged is reported."""
    return not [path for path in paths if not is_finished(path)]  # all of them are looked at


def _unless_finished(work: Callable[..., None], path: Path, *arguments: Any) -> None:
    """Do a shard's work unless it is done: another machine may have left its file in a shared store."""
    if not is_finished(path):
        work(path, *arguments)


def run_shards(
    executor: Executor, work: Callable[..., None], shards: list[tuple[Path, tuple[Any, ...]]], title: str
) -> list[Path]:
    """Run `work(path, *arguments)` for each shard whose file is missing or damaged; return all files in shard order.

    Shards may run on other machines: they read and write nothing but the paths among their arguments.

    Raises
    ------
    BioPawsError
        When a shard fails, or its worker process is killed.
    """
    missing = [(path, arguments) for path, arguments in shards if not is_finished(path)]
    try:
        with progress(total=len(missing), desc=title) as bar:
            counting = CountingExecutor(executor, bar)  # where calls run in this process they are done when submitted
            futures = [counting.submit(_unless_finished, work, path, *arguments) for path, arguments in missing]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
    except BrokenExecutor as error:
        raise BioPawsError(
            f"{title}: a worker process was killed (out of memory?): run again, it goes on from here"
        ) from error
    return [path for path, _ in shards]
