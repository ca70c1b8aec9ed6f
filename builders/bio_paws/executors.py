"""Where shards run: in this process, or on a pool of processes. Both are `concurrent.futures.Executor`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

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


def open_executor(workers: int) -> Executor:
    """Return an executor with so many workers; use it in a `with` block."""
    if workers == 1:
        return InProcessExecutor()
    # Fresh processes: forking a process that holds Arrow's threads can hang.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
