"""What a worker process does first, and around each job.

It imports no library: until `initialize_worker` has run, an interrupt ends it in a traceback.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 10.0
"""Seconds that a worker whose program is ending may take to end its own children and remove its temporary folders."""


def initialize_worker() -> None:
    """Have this process end without a word when it gets a signal to, or when the program that started it is killed."""
    # The pool would report an exception in here with its traceback, and there is nothing to clean up yet.
    for number in _ENDING:
        signal.signal(number, _end_at_once)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in _ENDING:
        signal.signal(number, _end)


def run_job(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Run a job; when it was told to end, and has cleaned up, the process ends: a pool would give it another job."""
    try:
        return work(*arguments, **named)
    except SystemExit:
        os._exit(1)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def _end(number: int, frame: FrameType | None) -> None:
    for each in _ENDING:  # what cleans up must not be broken off
        signal.signal(each, _ignore)
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
