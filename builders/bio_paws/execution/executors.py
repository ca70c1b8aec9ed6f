"""Where shards run: in this process, on a pool of processes, or on a cluster. All are `concurrent.futures.Executor`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from tqdm import tqdm

from bio_paws.errors import BioPawsError
from bio_paws.execution.storage import open_store
from bio_paws.execution.workers import PATIENCE, initialize_worker, run_job, signals_blocked

P = ParamSpec("P")
T = TypeVar("T")


class InProcessExecutor(Executor):
    """Runs each call at once, in the caller's thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn` and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class CountingExecutor(Executor):
    """Runs calls on another executor, and counts on a bar those that are done.

    Parameters
    ----------
    executor : Executor
        Where calls run.
    bar : tqdm
        As `progress` opens it. Its total grows where more calls are submitted.
    """

    def __init__(self, executor: Executor, bar: tqdm[Any]) -> None:
        self._executor = executor
        self._bar = bar
        self._submitted = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit a call to the other executor."""
        self._submitted += 1
        self._bar.total = max(self._bar.total or 0, self._submitted)
        future = self._executor.submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: self._bar.update())
        return future


class _ProcessPool(ProcessPoolExecutor):
    """A pool of processes that end, with their own children, when the program is interrupted or told to end."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send a call to a worker."""
        with signals_blocked():
            return super().submit(run_job, fn, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Wait for the jobs that run; where the program is ending, end them."""
        if kind is not None and not issubclass(kind, Exception):
            workers = list((self._processes or {}).values())
            for worker in workers:
                worker.terminate()
            self.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.join(PATIENCE)
                worker.kill()
        return super().__exit__(kind, error, trace)


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster.

    Attributes
    ----------
    address : str
        Of its scheduler, tcp://HOST:PORT.
    url : str, optional
        Where its machines leave files for each other; by default in the folder of finished stages, which all must see.
    """

    address: str
    url: str | None = None


def open_executor(workers: int) -> Executor:
    """Return an executor with so many workers on this machine; use it in a `with` block."""
    if workers == 1:
        return InProcessExecutor()
    # Fresh processes: forking a process that holds Arrow's threads can hang.
    return _ProcessPool(workers, mp_context=multiprocessing.get_context("spawn"), initializer=initialize_worker)


def open_cluster(cluster: Cluster, work: Path, engine: str) -> Executor:
    """Return an executor with the workers of a cluster, which need a search engine; use it in a `with` block.

    Raises
    ------
    BioPawsError
        When Dask is not installed here, or as `bio_paws.execution.dask_cluster.ClusterExecutor`.
    """
    try:
        from bio_paws.execution.dask_cluster import ClusterExecutor
    except ModuleNotFoundError as error:
        raise BioPawsError(
            f"--executor {cluster.address} needs {error.name}: pip install 'bio-paws[cluster]'"
        ) from error
    return ClusterExecutor(cluster.address, open_store(cluster.url, work), work, engine)
