"""What a worker process does first. It imports no library: until this has run, an interrupt ends it in a traceback."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def initialize_worker() -> None:
    """Have this process end when it is interrupted, without a word, and when the process that asks was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
