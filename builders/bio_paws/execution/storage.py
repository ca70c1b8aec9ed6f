"""Where machines of a cluster leave files for each other: a folder that all of them see, or any URL that fsspec knows.

Files are called by their name in the store. They are written once, whole or not at all, and never changed: so whoever
needs one of a URL downloads it once, and works on its own copy. A folder that all see is worked in as it is.
"""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bio_paws.errors import BioPawsError, first_line
from bio_paws.execution.files import atomic

VISIBLE_S = 60.0
"""Seconds until a file that another machine wrote must be seen: clients of NFS remember for up to as long as this that
there was none."""

_WHOLE_AT_ONCE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "hf", "memory"}
"""Protocols of object stores, where what is put appears whole; elsewhere it is put aside, and moved."""


class Store(Protocol):
    """What a cluster needs of a store."""

    def folder(self, scratch: Path) -> Path:
        """Return the folder in which this machine reads and writes the store's files, below their names."""

    def exists(self, name: str) -> bool:
        """Say whether there is a file of this name."""

    def upload(self, file: Path, name: str) -> None:
        """Make a local file the store's file of this name."""

    def download(self, name: str, file: Path) -> None:
        """Have the store's file of this name in `file`, which is its place in `folder`."""

    def remove(self, name: str) -> None:
        """Remove all that lies below a name, or nothing."""


@dataclass(frozen=True)
class SharedFolder:
    """A folder that all machines see under one path."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def folder(self, scratch: Path) -> Path:
        """Return the folder itself."""
        return self.root

    def exists(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        return (self.root / name).is_file()

    def upload(self, file: Path, name: str) -> None:
        """Copy a local file, if it is not the store's already."""
        if file != self.root / name:
            with atomic(self.root / name) as part:
                shutil.copyfile(file, part)

    def download(self, name: str, file: Path) -> None:
        """Wait until the file is seen here.

        Raises
        ------
        BioPawsError
            When it is not after `VISIBLE_S`.
        """
        last = time.monotonic() + VISIBLE_S
        while not file.is_file():
            if time.monotonic() > last:
                raise BioPawsError(f"{file}: not seen here, though it was written: is the folder shared?")
            with suppress(OSError):
                list(file.parent.iterdir())  # makes NFS look again
            time.sleep(0.05)

    def remove(self, name: str) -> None:
        """Remove a folder, or nothing."""
        shutil.rmtree(self.root / name, ignore_errors=True)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder by its URL, of any protocol that fsspec knows."""

    url: str

    def __str__(self) -> str:
        return re.sub("//[^/@]*@", "//", self.url)  # a password is not to be shown

    def folder(self, scratch: Path) -> Path:
        """Return the folder of this machine's copies."""
        return scratch

    def exists(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        with self._opened(name) as (files, path):
            return bool(files.exists(path))

    def upload(self, file: Path, name: str) -> None:
        """Upload a file: it appears whole, under any protocol."""
        with self._opened(name) as (files, path):
            with suppress(Exception):  # whoever made it first; if nobody could, the next line says so
                files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if self.url.partition(":")[0] in _WHOLE_AT_ONCE:
                files.put_file(str(file), path)
                return
            aside = f"{path}.{uuid.uuid4().hex}.part"
            files.put_file(str(file), aside)
            try:
                files.mv(aside, path)
            except Exception:
                files.invalidate_cache()
                if not files.exists(path):
                    raise
                files.rm_file(aside)  # another machine was faster, with the same file

    def download(self, name: str, file: Path) -> None:
        """Download a file, once."""
        if not file.is_file():
            with atomic(file) as part, self._opened(name) as (files, path):
                files.get_file(path, str(part))

    def remove(self, name: str) -> None:
        """Remove all that lies below a name, or nothing."""
        with self._opened(name) as (files, path):
            if files.exists(path):
                files.rm(path, recursive=True)

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield the file system and a path on it; each protocol's own errors become one line."""
        import fsspec

        try:
            files, root = fsspec.url_to_fs(self.url)
            files.invalidate_cache()  # other machines write too
            yield files, f"{root.rstrip('/')}/{name}"
        except BioPawsError:
            raise
        except Exception as error:
            raise BioPawsError(f"{self}: {name} cannot be read or written there ({first_line(error)})") from error


def open_store(url: str | None, work: Path) -> Store:
    """Return the store at a URL, or the work folder itself."""
    return RemoteFolder(url.rstrip("/")) if url else SharedFolder(work.absolute())
