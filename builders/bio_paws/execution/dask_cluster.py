"""An executor whose workers are those of a Dask cluster, wherever they run.

Jobs are the same functions as anywhere: of paths and values, writing only to paths that they are given. Paths are taken
to the worker through a store: a file that lies on this machine is sent there first, and one that does not is the job's
to write, and is fetched when the job is done. A job that was lost with its worker is run again by Dask, to the same
file; one that has taken several workers with it fails.
"""

from __future__ import annotations

import importlib.metadata
import io
import logging
import pickle
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, ParamSpec, TypeVar

from distributed import Client, get_worker
from distributed.scheduler import KilledWorker

from bio_paws.errors import BioPawsError, DamagedFile
from bio_paws.execution.files import digest_of
from bio_paws.execution.sealed import SEALED_SUFFIXES
from bio_paws.execution.stage_keys import BUILD_PACKAGES, source_digest
from bio_paws.execution.stages import is_finished
from bio_paws.execution.storage import SharedFolder, Store
from bio_paws.search import engines

logger = logging.getLogger(__name__)

CONNECT_S = 10
"""Seconds that a scheduler may take to answer."""
WORKERS_S = 60
"""Seconds that the first worker may take to come."""
RETRIES = 2
"""How often a job is run again that failed by itself: a machine's disk may be full, or its network down."""

_RUN_BY_WORKERS = (
    "bio_paws.audit.config_shortcuts",
    "bio_paws.build.pipeline",
    "bio_paws.verify.verify",
)
"""Modules whose functions are sent to workers; named, not imported, since they stand above this one."""

P = ParamSpec("P")
T = TypeVar("T")


class Reference(NamedTuple):
    """A path as it travels: its name in the store, and those of its files; none when it is yet to be written."""

    name: str
    files: tuple[str, ...]


@lru_cache(maxsize=8)
def versions(engine: str) -> dict[str, str]:
    """Return what must be the same on all machines, by name; `engine` is what `--engine` was given."""
    packages = {name: importlib.metadata.version(name) for name in BUILD_PACKAGES}
    python = ".".join(map(str, sys.version_info[:2]))
    programs = {"BLAST+": _version_of("blast")}
    if engine not in (engines.AUTO, "blast"):
        programs[engine] = _version_of(engine)
    return {"bio-paws": source_digest(*_RUN_BY_WORKERS)[:12], **programs, "Python": python, **packages}


def _version_of(engine: str) -> str:
    try:
        return engines.get_engine(engine).version()
    except BioPawsError as error:
        return f"missing ({error})"


def difference(installed: dict[str, str], wanted: dict[str, str]) -> str:
    """Say how a worker differs from this machine; empty when it does not."""
    return "; ".join(
        f"{name} {installed.get(name)}, here {wanted[name]}" for name in wanted if installed.get(name) != wanted[name]
    )


# --- on a worker ----------------------------------------------------------------------------------------------------


_receiving = threading.Lock()


class _Unpacker(pickle.Unpickler):
    """Reads a job: each reference becomes a path on this machine, its files there."""

    def __init__(self, payload: bytes, store: Store) -> None:
        super().__init__(io.BytesIO(payload))
        self._store = store
        self._folder = store.folder(Path(get_worker().local_directory) / "bio-paws")
        self.written: list[tuple[Path, str]] = []
        self._inputs: list[tuple[Path, str]] = []

    def persistent_load(self, reference: Any) -> Path:
        name, files = reference
        path: Path = self._folder / name
        for file in files:
            self._inputs.append((path.with_name(file), str(Path(name).with_name(file))))
            self._store.download(self._inputs[-1][1], self._inputs[-1][0])
        if not files:
            if self._store.exists(name):  # of an earlier run
                self._store.download(name, path)
                if not is_finished(path):
                    self._store.remove(name)
            self.written.append((path, name))
        return path

    def remove_damaged(self) -> None:
        """Remove the stages' files among the inputs that are not as they were written: the next run sends them anew."""
        for path, name in self._inputs:
            if path.suffix in SEALED_SUFFIXES and not is_finished(path):
                self._store.remove(name)


@dataclass(frozen=True)
class Refusal:
    """What a worker that must not be used answers; it raises nothing, since Dask would try again, there perhaps."""

    why: str


def run_job(payload: bytes, store: Store, engine: str, wanted: dict[str, str]) -> Any:
    """Run a job on a worker of the wanted versions, and leave what it wrote in the store."""
    if differs := difference(versions(engine), wanted):
        return Refusal(f"worker {get_worker().address}: {differs}")
    with _receiving:  # two threads would download one file at once
        unpacker = _Unpacker(payload, store)
        work, arguments, named = unpacker.load()
    try:
        result = work(*arguments, **named)
    except DamagedFile as error:
        unpacker.remove_damaged()
        return Refusal(str(error))
    for path, name in unpacker.written:
        store.upload(path, name)
    return result


def describe_worker(store: Store, mark: str, engine: str) -> dict[str, str]:
    """Return the versions of a worker, once it has seen a file in the store."""
    try:
        seen = store.exists(mark)
    except OSError:
        seen = False
    if not seen:
        raise BioPawsError(f"does not see {store}: --work must be a folder that all machines share, or a URL")
    return versions(engine)


# --- on the machine that asks ---------------------------------------------------------------------------------------


class _Packer(pickle.Pickler):
    """Writes a job: each path becomes a reference, its files sent first."""

    def __init__(self, out: io.BytesIO, refer: Callable[[Path], Reference]) -> None:
        super().__init__(out)
        self._refer = refer
        self.to_fetch: list[tuple[str, Path]] = []

    def persistent_id(self, value: Any) -> tuple[str, tuple[str, ...]] | None:
        if not isinstance(value, Path):
            return None
        name, files = self._refer(value)
        if not files:
            self.to_fetch.append((name, value))
        return name, files


class ClusterExecutor(Executor):
    """Runs calls on the workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Of its scheduler.
    store : Store
        Through which files go.
    work : Path
        Folder of finished stages on this machine; files in it are called as they are here, others get a passing name.
    engine : str
        What searches proteins: workers need it too.

    Raises
    ------
    BioPawsError
        When no scheduler answers, there is no worker, or a worker lacks what it needs.
    """

    def __init__(self, address: str, store: Store, work: Path, engine: str) -> None:
        self._address = address
        self._engine = engine
        self._store = store
        self._work = work.absolute()
        self._passing = f".passing.{socket.gethostname()}.{uuid.uuid4().hex}.part"
        self._sent: set[tuple[str, ...]] = set()
        self._sending = threading.Lock()
        try:
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except Exception as error:  # whatever else answers there, Dask takes it for a scheduler
            raise BioPawsError(
                f"--executor {address}: no Dask scheduler answered within {CONNECT_S} s: is it running there?"
            ) from error
        try:
            self._check_workers()
        except BaseException:
            self.shutdown()
            raise

    def _check_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            raise BioPawsError(
                f"--executor {self._address}: it has no workers: start some (dask worker {self._address})"
            ) from error
        mark = f"{self._passing}/mark"
        with tempfile.NamedTemporaryFile(prefix="bio-paws-") as empty:
            self._store.upload(Path(empty.name), mark)
        wanted = versions(self._engine)
        answers = self._client.run(describe_worker, self._store, mark, self._engine, on_error="return")
        for worker, answer in sorted(answers.items()):
            if isinstance(answer, OSError):
                continue  # it is gone: no job will go there
            differs = str(answer) if isinstance(answer, Exception) else difference(answer, wanted)
            if differs:
                raise BioPawsError(f"--executor {self._address}: worker {worker}: {differs}")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send a call to the cluster."""
        out = io.BytesIO()
        packer = _Packer(out, self._refer)
        packer.dump((fn, args, kwargs))
        job = self._client.submit(
            run_job,
            out.getvalue(),
            self._store,
            self._engine,
            versions(self._engine),
            key=f"{_innermost(fn, *args)}-{uuid.uuid4().hex}",
            pure=False,
            retries=RETRIES,
        )
        future: Future[Any] = Future()
        future.add_done_callback(lambda done: job.cancel() if done.cancelled() else None)
        job.add_done_callback(lambda done: self._settle(done, packer.to_fetch, future))
        return future

    def _settle(self, job: Any, to_fetch: list[tuple[str, Path]], future: Future[Any]) -> None:
        """Tell a call's future how its job ended, once its files are here."""
        if not future.set_running_or_notify_cancel():
            return
        again = "run again, it goes on from here"
        try:
            result = job.result()
            if isinstance(result, Refusal):
                raise BioPawsError(result.why)
            for name, path in to_fetch:
                self._store.download(name, path)
            future.set_result(result)
        except KilledWorker as error:
            why = f"{job.key.rpartition('-')[0]}: several workers died of one job (out of memory?): {again}"
            future.set_exception(_caused(BioPawsError(why), error))
        except CancelledError as error:
            why = f"--executor {self._address}: the scheduler was lost: {again}"
            future.set_exception(_caused(BioPawsError(why), error))
        except BaseException as error:
            future.set_exception(error)

    def _refer(self, path: Path) -> Reference:
        """Send the files of a path, and return how it is called in the store.

        A path without a suffix is that of a BLAST database: all files whose names begin with its own.
        """
        path = path.absolute()
        files = [path] if path.suffix else sorted(path.parent.glob(f"{path.name}*"))
        files = [file for file in files if file.is_file()]
        inside = path.is_relative_to(self._work)
        if inside and (path.suffix or isinstance(self._store, SharedFolder)):
            name = path.relative_to(self._work).as_posix()
        elif files:
            stamps = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
            name = f"{self._passing}/{digest_of(str(path), stamps)}/{path.name}"
        else:
            raise FileNotFoundError(path)
        with self._sending:
            names = tuple(str(Path(name).with_name(file.name)) for file in files)
            if names not in self._sent:
                for file, each in zip(files, names, strict=True):
                    if not self._store.exists(each):
                        self._store.upload(file, each)
                self._sent.add(names)
        return Reference(name, tuple(file.name for file in files))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of the cluster; what was passed only for this build leaves the store."""
        self._client.close()
        try:
            self._store.remove(self._passing)
        except BioPawsError as error:
            logger.warning("%s: %s is left there (%s)", self._store, self._passing, error)


def _innermost(*call: Any) -> str:
    """Return the name of the last function in a call: one that is given another only runs it."""
    names = [function.__name__.strip("_") for function in call if isinstance(function, FunctionType)]
    return names[-1] if names else "job"


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error
