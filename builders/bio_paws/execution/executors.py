"""Where shards run: in this process, on a pool of processes, or on a cluster. All are `concurrent.futures.Executor`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bio_paws.errors import BioPawsError
from bio_paws.execution.storage import open_store
from bio_paws.execution.workers import initialize_worker

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
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=initialize_worker)


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
