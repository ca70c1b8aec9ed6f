"""The program, run many times over while something fails: killed at a file operation, no space left, no memory.

Run as a script, this imports the program once and forks for each run that is asked of it: what is killed is a process
as a user starts it, without the seconds that its imports take.
"""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_OPERATIONS = {"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"}
_NEEDS_SPACE = {"open", "os.link", "os.mkdir", "os.symlink"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a run.

    Attributes
    ----------
    kill_at, full_from : int or None
        Number of the file operation (files opened for writing, folders made, renames, removals, programs started)
        before which the run and all its children are killed, or from which on there is no space under `folder`.
    kill_after : float or None
        Seconds after which they are killed, or the run gets `kill_signal`.
    kill_signal : int
        What ends the run after that time; SIGKILL ends its children too.
    kill_on : str or None
        The same before the first operation that is told in these words.
    kill_worker : bool
        A process of its pool is killed, as by the system when memory runs out.
    folder : str
        Operations elsewhere are not counted; empty: all are.
    file_bytes, more_memory : int or None
        Bytes that no file may grow beyond, and that no process may grow by.
    memory_from : int or None
        Number of the file operation from which on that is so of memory; by default it is from the start.
    """

    kill_at: int | None = None
    full_from: int | None = None
    kill_after: float | None = None
    kill_signal: int = signal.SIGKILL
    kill_on: str | None = None
    kill_worker: bool = False
    folder: str = ""
    file_bytes: int | None = None
    more_memory: int | None = None
    memory_from: int | None = None


NONE = Fault()


@dataclass(frozen=True)
class Ran:
    """How a run ended: exit status (negative: the signal), what it printed, and its file operations."""

    status: int
    out: str
    err: str
    operations: list[str]
    seconds: float


class Runner:
    """Asks the server for runs."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, *arguments: object, fault: Fault = NONE, limit: float = 120, **environment: str) -> Ran:
        """Run bio-paws; what still runs after `limit` seconds hangs, and fails the test."""
        places = {name: str(self._folder / name) for name in ("out", "err", "operations")}
        for place in places.values():
            Path(place).unlink(missing_ok=True)
        request = {"arguments": [*map(str, arguments)], "fault": asdict(fault), "environment": environment} | places
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request | {"limit": limit}) + "\n")
        self._process.stdin.flush()
        status, seconds = json.loads(self._process.stdout.readline())
        assert status != "hangs", (arguments, Path(places["err"]).read_text())
        done = Path(places["operations"])
        operations = done.read_text().splitlines() if done.exists() else []
        return Ran(status, Path(places["out"]).read_text(), Path(places["err"]).read_text(), operations, seconds)


@contextmanager
def runner(folder: Path) -> Iterator[Runner]:
    """Start the server; its runs live in `folder`."""
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        yield Runner(process, folder)
        assert process.stdin
        process.stdin.close()


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Mount a disk of a few kilobytes on a folder; where that is not allowed, the test is skipped."""
    import pytest  # not what the server of the runs needs

    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# The other side


def _serve() -> None:
    # What a build and an audit import, once for all runs: each verb imports it only when it is run.
    import bio_paws.audit.clean.write
    import bio_paws.audit.run
    import bio_paws.build.build_dataset
    import bio_paws.cli.build  # noqa: F401

    for line in sys.stdin:
        record = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if not child:
            _run(record)
        if record["fault"]["kill_worker"]:
            _kill_worker(child)
        status = _wait(child, record["fault"], record["limit"])
        sys.stdout.write(json.dumps([status, time.monotonic() - started]) + "\n")
        sys.stdout.flush()


def _wait(child: int, fault: dict[str, Any], limit: float) -> int | str:
    hung = threading.Event()

    def stop() -> None:
        hung.set()
        _kill_group(child)

    def end() -> None:
        if fault["kill_signal"] == signal.SIGKILL:
            _kill_group(child)
        else:
            os.kill(child, fault["kill_signal"])

    timers = [threading.Timer(limit, stop)]
    if fault["kill_after"] is not None:
        timers.append(threading.Timer(fault["kill_after"], end))
    for timer in timers:
        timer.start()
    _, code = os.waitpid(child, 0)
    for timer in timers:
        timer.cancel()
        timer.join()
    return "hangs" if hung.is_set() else os.waitstatus_to_exitcode(code)


def _kill_worker(child: int) -> None:
    """Kill the first process of the run's pool, as soon as there is one."""
    children = Path(f"/proc/{child}/task/{child}/children")
    while Path(f"/proc/{child}/status").exists():
        for worker in children.read_text().split():
            if b"multiprocessing-fork" in Path(f"/proc/{worker}/cmdline").read_bytes():
                os.kill(int(worker), signal.SIGKILL)
                return
        time.sleep(0.02)


def _kill_group(child: int) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(child, signal.SIGKILL)


def _run(request: dict[str, Any]) -> None:
    from bio_paws.cli.app import main
    from bio_paws.execution import progress

    progress.SECONDS_PER_LINE = math.inf  # messages alone are compared
    os.setsid()
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # TMPDIR may be another one now
    fault = Fault(**request["fault"])
    operations: list[str] = []
    if fault.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.file_bytes, fault.file_bytes))
    if fault.more_memory is not None and fault.memory_from is None:
        _limit_memory(fault.more_memory)
    log = os.open(request["operations"], os.O_WRONLY | os.O_CREAT)  # a full disk spares what is open
    sys.addaudithook(_Hook(fault, operations))
    status = 1
    try:
        status = main(request["arguments"])
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os.write(log, "\n".join(operations).encode())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _limit_memory(more: int) -> None:
    address_space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (address_space + more, address_space + more))


class _Hook:
    """Counts operations on files, and fails at the chosen one."""

    def __init__(self, fault: Fault, operations: list[str]) -> None:
        self._fault = fault
        self._operations = operations

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _OPERATIONS and event not in {"open", "subprocess.Popen"}:
            return
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes, os.PathLike)) else ""
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        if path.startswith("/dev/") or not path.startswith(self._fault.folder):
            return
        at = len(self._operations)
        self._operations.append(f"{event} {path}")
        if at == self._fault.kill_at or self._operations[at] == self._fault.kill_on:
            os.killpg(0, signal.SIGKILL)
        if at == self._fault.memory_from and self._fault.more_memory is not None:
            _limit_memory(self._fault.more_memory)
        if self._fault.full_from is not None and at >= self._fault.full_from and event in _NEEDS_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


if __name__ == "__main__":
    _serve()
