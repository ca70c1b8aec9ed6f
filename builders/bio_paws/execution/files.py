"""Files written whole or not at all, and digests that name them."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from bio_paws.errors import BioPawsError, DamagedFile
from bio_paws.execution.documents import parse_json
from bio_paws.execution.sealed import SEAL_BYTES, is_sealed, seal


def digest_of(*parts: Any) -> str:
    """Digest of values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def require_free(out: Path) -> None:
    """Check that a new folder may be put where it is to be.

    Raises
    ------
    BioPawsError
        When something is there that is no empty folder.
    """
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise BioPawsError(f"{out}: holds something else: move it away, or name another folder with --out")


_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of linux/fcntl.h and linux/fs.h


def exchange_folders(first: Path, second: Path) -> bool:
    """Exchange two folders, so that there is no moment without either; return whether the system can."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    paths = (os.fsencode(first), os.fsencode(second))
    return rename is not None and rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new folder in another one: gone after the block, or after a kill when `remove_partial_files` comes by."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{name}.{socket.gethostname()}.", suffix=".part") as folder:
        yield Path(folder)


def remove_partial_files(folder: Path) -> None:
    """Remove what processes of this machine began to write anywhere in a folder and have not put in its place."""
    for part in list(folder.rglob(f".*.{socket.gethostname()}.*.part")):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a path to write a file or a folder to; it becomes `path` if the block ends well, and is gone otherwise.

    Its bytes are on the disk before it has its name: after a power cut there is the whole file or none.

    Raises
    ------
    BioPawsError
        When the disk is full or the folder cannot be written to.
    """
    # Machines that share the folder may have processes of one number.
    part = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        for file in part.rglob("*") if part.is_dir() else (part,):
            if not file.is_dir():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        raise BioPawsError(f"{error.filename or path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # whatever kept it from being written has been told
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write a table as a sealed Arrow IPC file, atomically."""
    with atomic(path) as part:
        with pa.OSFile(str(part), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
        seal(part, path.name)


def read_arrow(path: Path) -> pa.Table:
    """Read a sealed Arrow IPC file, memory-mapped.

    Raises
    ------
    DamagedFile
        When it is not as it was written.
    """
    require_sealed(path)
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source, footer_offset=source.size() - SEAL_BYTES).read_all()


def require_sealed(path: Path) -> None:
    """Check a file's seal before it is read.

    Raises
    ------
    DamagedFile
        When it is not as it was written.
    """
    if not is_sealed(path):
        raise DamagedFile(f"{path}: damaged since it was written: run again, what it holds is made anew")


def json_text(value: Any) -> str:
    """Return a value as JSON, in the one way that this package writes it."""
    return json.dumps(value, indent=2) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically."""
    with atomic(path) as part:
        part.write_text(json_text(value), encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        When it cannot be read.
    ValueError
        When it is not JSON.
    """
    return parse_json(path.read_bytes())


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes.

    Raises
    ------
    BioPawsError
        When the file cannot be read.
    """
    try:
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise BioPawsError(f"{path}: cannot be read ({error.strerror})") from error
