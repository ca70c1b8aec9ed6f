"""Files that end in a seal: a digest of their name and of all that stands before it, checked before they are used.

The name is part of the digest, so two sound files that were exchanged are found as well as one changed bit. A seal is
the last `SEAL_BYTES` bytes of a file: it travels with it to other machines, and there is no second file to lose.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

SEAL_BYTES = hashlib.sha256().digest_size
SEALED_SUFFIXES = (".arrow", ".residues")
"""Endings of the names of stages' files, which are all sealed."""
_CHUNK = 1 << 20  # bytes


def seal(part: Path, name: str) -> None:
    """Append its seal to a file that is complete but for it.

    Parameters
    ----------
    part : Path
        The file, as far as it is written.
    name : str
        Name that the file will have where it is read.
    """
    with part.open("rb+") as file:
        digest = _digest(part, name, file.seek(0, os.SEEK_END))
        file.write(digest)


def is_sealed(path: Path) -> bool:
    """Whether a file is as it was when it was sealed under this name. A process reads a file once to tell.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    status = path.stat()
    return _is_sealed(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@lru_cache(maxsize=1 << 16)
def _is_sealed(path: Path, size: int, *_identity: int) -> bool:
    if size < SEAL_BYTES:
        return False
    with path.open("rb") as file:
        file.seek(size - SEAL_BYTES)
        return file.read() == _digest(path, path.name, size - SEAL_BYTES)


def _digest(path: Path, name: str, size: int) -> bytes:
    """Digest a name and the first bytes of a file."""
    digest = hashlib.sha256(name.encode() + b"\0")
    with path.open("rb") as file:
        while size and (chunk := file.read(min(size, _CHUNK))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.digest()
