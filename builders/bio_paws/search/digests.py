"""Digests of files that other programs read, such as BLAST databases: in one file beside them, checked before use.

A seal (`bio_paws.execution.sealed`) is part of its file, and would be read as residues here. Files that belong together
share a stem: ``all.fasta``, ``all.nsq``, ``all.nin``; their digests are in ``all.sha256``, in the format of sha256sum,
and travel with them to other machines.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from bio_paws.errors import DamagedFile

DIGESTS_SUFFIX = ".sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_digests(stem: Path) -> None:
    """Write the digests of all files of a stem beside them.

    Parameters
    ----------
    stem : Path
        Path of the files without their suffixes; MMseqs2 also has files named with an underscore after it.
    """
    files = [
        file
        for file in sorted(stem.parent.iterdir())
        if file.name.startswith(stem.name) and file.name.removeprefix(stem.name)[:1] in ("", ".", "_")
    ]
    lines = [f"{_sha256(file)}  {file.name}\n" for file in files if file != _digests_of(stem)]
    _digests_of(stem).write_text("".join(lines), encoding="utf-8")


def require_intact(stem: Path) -> None:
    """Check all files of a stem against their digests; a process reads a file that stays as it is once.

    Raises
    ------
    DamagedFile
        When a file is missing, or is not as it was when the digests were written.
    """
    digests = _digests_of(stem)
    try:
        lines = [_LINE.fullmatch(line) for line in digests.read_text(encoding="utf-8").splitlines()]
        intact = bool(lines) and all(
            line is not None and _is_intact(stem.with_name(line[2]), line[1]) for line in lines
        )
    except (OSError, ValueError):
        intact = False
    if not intact:
        raise DamagedFile(f"{stem}: damaged since it was written: run again, it is made anew")


def _digests_of(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}{DIGESTS_SUFFIX}")


def _is_intact(file: Path, digest: str) -> bool:
    status = file.stat()
    return _sha256_once(file, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) == digest


@lru_cache(maxsize=1 << 10)
def _sha256_once(file: Path, *_identity: int) -> str:
    return _sha256(file)


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
