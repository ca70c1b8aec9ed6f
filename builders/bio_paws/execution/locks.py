"""Locks on folders: of many users, of one writer, and of readers who must find a folder as it was when they began.

They are the system's (flock): a process that ends, however it ends, lets go of them. A file system that knows none
gives no protection, and no error.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def shared_lock(folder: Path, clear: Callable[[], None]) -> Iterator[None]:
    """Take a shared lock on a folder, until the end of the block or of the process, however it ends.

    Parameters
    ----------
    folder : Path
        A folder that is there.
    clear : callable
        Removes what killed users left behind; called when there is no other user.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # others use it, or its file system knows no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear()
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextmanager
def exclusive_lock(file: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Take an exclusive lock on a file, which is there as long as it is locked.

    Parameters
    ----------
    file : Path
        The file that stands for the lock.
    wait : callable
        Called before waiting for another process.

    Raises
    ------
    OSError
        When the file cannot be made.
    """
    handle = _lock_current(lambda: os.open(file, os.O_RDWR | os.O_CREAT, 0o666), file, fcntl.LOCK_EX, wait)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)  # whoever waits for it makes it again
        os.close(handle)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keep a folder as it is while it is read: whoever would replace it by `replacing_lock` waits.

    Parameters
    ----------
    folder : Path
        A data set; where there is no such folder, nothing is locked.
    """
    try:
        handle = _lock_current(lambda: os.open(folder, os.O_RDONLY), folder, fcntl.LOCK_SH, lambda: None)
    except OSError:  # whoever reads what is missing says so
        yield
        return
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def replacing_lock(folder: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Wait until nobody is reading a folder, and keep readers waiting until the end of the block.

    Parameters
    ----------
    folder : Path
        A folder that is there, and is replaced in the block.
    wait : callable
        Called before waiting for readers.
    """
    handle = _lock_current(lambda: os.open(folder, os.O_RDONLY), folder, fcntl.LOCK_EX, wait)
    try:
        yield
    finally:
        os.close(handle)


def _lock_current(opened: Callable[[], int], path: Path, kind: int, wait: Callable[[], None]) -> int:
    """Lock what has a path, which may have become something else while we waited; return the open handle."""
    while True:
        handle = opened()
        try:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                wait()
                fcntl.flock(handle, kind)
            except OSError:
                return handle  # no locks on this file system
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
