"""Signals that end the program become an exception: so its children end, and what it wrote for a while is removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """The program was told to end by a signal other than SIGINT.

    Attributes
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def number_of(error: KeyboardInterrupt) -> int:
    """Return the number of the signal behind an exception."""
    return error.number if isinstance(error, Terminated) else signal.SIGINT


def ending(number: int) -> str:
    """Say which signal ended the program.

    Examples
    --------
    >>> ending(2), ending(15)
    ('interrupted', 'ended by SIGTERM')
    """
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Raise `Terminated` in this block on the first SIGTERM or SIGHUP, and ignore any other from then on.

    A signal that is ignored already, as SIGHUP is under nohup, stays so. Only the main thread can be told; in any other
    nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in usual.items():
        if handler == signal.SIG_DFL:
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    for each in _ENDING:  # what cleans up must not be broken off
        signal.signal(each, signal.SIG_IGN)
    raise Terminated(number)
