"""Progress of long work on stderr: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from tqdm import tqdm

from bio_paws.execution.printable import on_one_line

SECONDS_PER_LINE = 30.0
"""Where stderr is not a terminal, at most one line is written in this time, over all bars of a process."""

tqdm.monitor_interval = 0  # no thread that redraws bars: a bar is drawn when it moves


class _Log:
    """A file that tqdm draws on, which turns what is drawn into plain lines and drops those that come too soon."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def write(self, text: str) -> None:
        line = text.strip()
        now = time.monotonic()
        if line and now - self._last >= SECONDS_PER_LINE:
            self._last = now
            sys.stderr.write(f"bio-paws: {line}\n")
            sys.stderr.flush()

    def flush(self) -> None:
        pass


_log = _Log()


def progress(
    iterable: Iterable[Any] | None = None,
    *,
    desc: str,
    total: int | None = None,
    initial: int = 0,
    unit: str = "it",
    scale: bool = False,
    leave: bool = False,
    show: bool = True,
) -> tqdm[Any]:
    """Open a bar, or what stands for it where stderr is not a terminal.

    Parameters
    ----------
    iterable : iterable, optional
        What the bar counts while it is iterated over; otherwise the caller passes `total` and calls ``update``.
    desc : str
        Name of the work, in front of the bar.
    total, initial : int, optional
        Number of units in all, and of those that were done before.
    unit : str
        Name of a unit.
    scale : bool
        Abbreviate large counts, as in 1.2M.
    leave : bool
        Leave the bar on the terminal when it is done.
    show : bool
        False for processes that must not report.

    Returns
    -------
    tqdm
        A context manager with ``update(n)``, which can be iterated over as well.
    """
    show = show and multiprocessing.parent_process() is None  # a worker's bars would be drawn over those of others
    common: dict[str, Any] = {
        "desc": (desc := on_one_line(desc)),  # names in it are anybody's
        "total": total,
        "initial": initial,
        "unit": unit,
        "unit_scale": scale,
        "disable": not show,
    }
    counted_items = cast(Iterable[Any], iterable)  # tqdm takes None, too, where it is not iterated over
    if sys.stderr.isatty():
        return tqdm(counted_items, leave=leave, **common)
    if show and total:  # its first unit may take long
        _log.write(f"{desc} {initial}/{total}")
    counted = "{desc} {n_fmt}/{total_fmt}, {elapsed}, {remaining} left"
    # The delay keeps a bar from being drawn as it opens, which would report nothing done.
    return tqdm(counted_items, leave=False, file=_log, mininterval=1.0, delay=1.0, bar_format=counted, **common)


@contextmanager
def steps(desc: str, total: int) -> Iterator[Callable[[str], None]]:
    """Open a bar of a few steps that take different times, so that none is estimated; yield what begins a step.

    Parameters
    ----------
    desc : str
        Name of the work.
    total : int
        Number of steps.
    """
    desc = on_one_line(desc)
    common: dict[str, Any] = {"total": total, "desc": desc}
    if sys.stderr.isatty():
        bar = tqdm(leave=False, bar_format="{desc}, step {n_fmt} of {total_fmt} [{elapsed}]", **common)
    else:
        bar = tqdm(leave=False, file=_log, bar_format="{desc}, step {n_fmt} of {total_fmt}, {elapsed}", **common)

    def begin(step: str) -> None:
        bar.n += 1
        bar.set_description_str(f"{desc}: {step}")

    with bar:
        yield begin


def report_stage(text: str) -> None:
    """Report that a stage is done, where stderr is not a terminal and nothing was reported for a while."""
    if not sys.stderr.isatty():
        _log.write(on_one_line(text))
