"""What a worker process does first, and around each job."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 10.0
"""Seconds that a worker whose program is ending may take to end its own children and remove its temporary folders."""


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Have processes that are started in here get no signal to end before `initialize_worker` has run in them.

    Until then Python would end them with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def initialize_worker() -> None:
    """Have this process end without a word when it gets a signal to, or when the program that started it is killed."""
    _handle(_end_at_once)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def run_job(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Run a job; when it was told to end, and has cleaned up, the process ends: a pool would give it another job."""
    _handle(_end)
    try:
        return work(*arguments, **named)
    except SystemExit:
        os._exit(1)
    finally:
        # Between jobs there is nothing to clean up, and the pool would report an exception with its traceback.
        _handle(_end_at_once)


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in _ENDING:
        signal.signal(number, handler)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def _end(number: int, frame: FrameType | None) -> None:
    _handle(_ignore)  # what cleans up must not be broken off
    raise SystemExit(128 + number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. With SIG_IGN in its place, Python would report a signal that is pending already as an error."""


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)
