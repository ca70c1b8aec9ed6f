"""The folder that a cleaned set is written into: afterwards it is whole, or as it was before."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bio_paws.errors import DataError
from bio_paws.execution.files import atomic
from bio_paws.execution.locks import shared_lock

_ELSEWHERE = "name another folder for --clean"


def check_output(folder: Path, dataset: str) -> None:
    """Check, before the long part, that a cleaned set may be written into a folder.

    Parameters
    ----------
    folder : Path
        Must be empty, or not there.
    dataset : str
        What is cleaned; nothing is written into it.

    Raises
    ------
    DataError
        When it is no such folder, lies in the data set, is the current or the home folder or above it, or cannot be
        written.
    """
    place = folder.resolve()
    inside = [Path.home().resolve()]
    with suppress(FileNotFoundError):
        inside.append(Path.cwd())
    # An empty folder is replaced: a shell that is in it would be left in one that is gone.
    if any(path.is_relative_to(place) for path in inside):
        raise DataError(f"{folder}: is the current or the home folder, or above it: {_ELSEWHERE}")
    if Path(dataset).is_dir() and place.is_relative_to(Path(dataset).resolve()):
        raise DataError(f"{folder}: lies in {dataset}, which would hold both sets afterwards: {_ELSEWHERE}")
    there = next(path for path in (place, *place.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise DataError(f"{there if there != place else folder}: not a folder: {_ELSEWHERE}")
    if there == place and any(place.iterdir()):
        raise DataError(f"{folder}: holds something already: name an empty folder for --clean")
    if not os.access(there if there != place else place.parent, os.W_OK):
        raise DataError(f"{folder}: no permission to write: change it, or {_ELSEWHERE}")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `folder` if the block ends well; what a kill left is removed.

    Raises
    ------
    BioPawsError
        When it cannot be written, or has come to hold something meanwhile.
    """
    place = folder.resolve()
    left = re.compile(rf"\.{re.escape(place.name)}\.{re.escape(socket.gethostname())}\.\d+\.part")

    def clear() -> None:
        for path in place.parent.iterdir():
            if left.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)

    place.parent.mkdir(parents=True, exist_ok=True)
    with shared_lock(place.parent, clear), atomic(place) as part:
        part.mkdir()
        yield part


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return what each split or config is called as a file: letters, digits, dots and dashes stay.

    Raises
    ------
    DataError
        When two would be one file.

    Examples
    --------
    >>> file_names(["fold 1", "../test"])
    {'fold 1': 'fold_1', '../test': '_.._test'}
    """
    files: dict[str, str] = {}
    for name in names:
        file = re.sub(r"^(?=\.)|[^\w.-]", "_", name) or "_"
        same = next((known for known, other in files.items() if other.casefold() == file.casefold()), None)
        if same is not None:
            raise DataError(f"{same!r} and {name!r} would both be written as {file}: rename one")
        files[name] = file
    return files
