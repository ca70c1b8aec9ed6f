"""A Dask cluster on loopback whose workers can be killed, and an FTP server: what tests of many machines run on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from distributed import SchedulerPlugin

from bio_paws.execution.files import write_arrow

_FTP = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_anonymous(sys.argv[1], perm="elradfmwMT")
server = FTPServer(("127.0.0.1", 0), FTPHandler)
print(server.address[1], flush=True)
server.serve_forever()
"""


class KillOnce(SchedulerPlugin):
    """Kills, once for each of some kinds of job, a worker that runs one of them; workers are called by number."""

    name = "kill-once"

    def __init__(self, kinds: tuple[str, ...], pids: Path) -> None:
        self.kinds = set(kinds)
        self.pids = pids

    async def start(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        kind = str(key).rpartition("-")[0]
        if finish == "processing" and kind in self.kinds:
            self.kinds.discard(kind)
            pid = int((self.pids / str(self.scheduler.tasks[key].processing_on.name)).read_text())
            self.scheduler.loop.call_later(0.1, self._kill, pid, kind)

    def _kill(self, pid: int, kind: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        (self.pids / f"killed-{kind}").touch()


def allow_failures(failures: int, dask_scheduler: Any) -> None:
    """Let a job take this many workers with it before it fails."""
    dask_scheduler.allowed_failures = failures


# Jobs: workers read this module too.


def look_at(given: list[Any], written: Path) -> tuple[list[str], list[list[str]]]:
    """Say where the paths of a job are, and what begins with them; write one."""
    first, named, database = given
    paths = (first, named["another"], database)
    assert all(path.read_text() == "as it is" for path in paths[:2])
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text("written")
    return [str(path) for path in paths], [
        sorted(match.name for match in path.parent.glob(f"{path.name}*")) for path in paths
    ]


def write_shard(path: Path, text: str) -> None:
    write_arrow(path, pa.table({"text": [text]}))


def fail_with(error: Exception) -> None:
    raise error


def sleep_a_little() -> None:
    time.sleep(0.1)


def sleep_long() -> None:
    time.sleep(60)


class LoopbackCluster:
    """A scheduler and workers, each a process with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._started = 0
        self.pids = folder / "pids"
        self.pids.mkdir()
        described = folder / "scheduler.json"
        address = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(described))
        self.scheduler = self._start("scheduler", *address)
        while not described.is_file() or not described.read_text().endswith("}"):
            time.sleep(0.05)
        self.address: str = json.loads(described.read_text())["address"]

    def _start(self, what: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        # The scheduler reads plugins of this module, which lies beside the tests.
        paths = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
        with (self._folder / "log").open("ab") as log:
            command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | paths | environment)
        self._processes.append(process)
        return process

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        self._started += 1
        folder = self._folder / f"worker-{self._started}"
        folder.mkdir()
        options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder))
        worker = self._start("worker", self.address, *options, "--name", str(self._started), **environment)
        (self.pids / str(self._started)).write_text(str(worker.pid))
        self._workers[self._started] = worker
        return worker

    def replace_the_dead(self) -> None:
        for number, worker in list(self._workers.items()):
            if worker.poll() is not None:
                del self._workers[number]
                self.add_worker()

    def killed(self) -> set[str]:
        return {path.name.removeprefix("killed-") for path in self.pids.glob("killed-*")}

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


def start_ftp(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Serve a folder, writable; return the process and the URL."""
    server = subprocess.Popen(
        [sys.executable, "-c", _FTP, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout
    return server, f"ftp://127.0.0.1:{int(server.stdout.readline())}"
