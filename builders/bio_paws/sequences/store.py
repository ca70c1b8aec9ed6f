"""Residues on disk: one file of all sequences of a corpus, end to end, read by interval and never as a whole.

A base is one byte of ASCII, in lower case where the soft mask has it, so a sequence reads as its source writes it. Each
access is one `pread`: what is often read stays in the system's page cache, which all processes of a machine share, and
counts for none of them. `docs/explanation/benchmarks.md` compares this with other formats.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from bio_paws.errors import DamagedFile
from bio_paws.sequences.records import Residues

PIECE = 1 << 20
"""Residues that are read or written at once where a whole sequence is gone through."""


class ResidueFile:
    """A file of residues that can be read at any place, and written at its end.

    Parameters
    ----------
    path : Path, optional
        A file to read; without one, a new file that has no name and is gone with this object.
    new : bool
        Make the file.
    """

    def __init__(self, path: Path | None = None, *, new: bool = False) -> None:
        self._shown = str(path or "temporary file")
        if path is None:
            self._descriptor, name = tempfile.mkstemp(prefix="bio-paws-")
            Path(name).unlink()
        else:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL if new else os.O_RDONLY
            self._descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        self.close = weakref.finalize(self, os.close, self._descriptor)
        self.length = os.fstat(self._descriptor).st_size
        """Bytes of the file: residues, and a seal where there is one."""

    def append(self, residues: bytes) -> None:
        """Write at the end."""
        self.overwrite(residues, self.length)
        self.length += len(residues)

    def overwrite(self, residues: bytes, start: int) -> None:
        """Write at a place."""
        view = memoryview(residues)
        while view:
            written = os.pwrite(self._descriptor, view, start)
            view, start = view[written:], start + written

    def truncate(self, length: int) -> None:
        """Take back what was written beyond a length."""
        os.ftruncate(self._descriptor, length)
        self.length = length

    def read(self, start: int, end: int) -> str:
        """Read an interval, 0-based and half-open.

        Raises
        ------
        DamagedFile
            When the file ends before.
        """
        data = os.pread(self._descriptor, end - start, start)
        while len(data) < end - start:  # a call returns 2 GiB at most
            more = os.pread(self._descriptor, end - start - len(data), start + len(data))
            if not more:
                raise DamagedFile(f"{self._shown}: shorter than it was: run again, what it holds is made anew")
            data += more
        return data.decode("ascii")


class StoredResidues:
    """The residues of a sequence in a `ResidueFile`: sliced as a string is, and read only then.

    Parameters
    ----------
    file : ResidueFile
    start, length : int
        Where they are in the file.

    Examples
    --------
    >>> file = ResidueFile()
    >>> file.append(b"ACGTacgt")
    >>> residues = StoredResidues(file, 2, 4)
    >>> len(residues), residues[1:3], residues[:]
    (4, 'Ta', 'GTac')
    """

    __slots__ = ("_file", "_length", "start")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, file: ResidueFile, start: int, length: int) -> None:
        self._file = file
        self._length = length
        self.start = start

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> str:
        first, last, _ = slice(part.start, part.stop).indices(self._length)
        return self._file.read(self.start + first, self.start + max(first, last))

    def __eq__(self, other: object) -> bool:
        """Whether another object holds the same residues."""
        if isinstance(other, (str, StoredResidues)):
            return len(self) == len(other) and self[:] == other[:]
        return NotImplemented

    def part(self, start: int, end: int) -> StoredResidues:
        """Return an interval as residues of their own."""
        return StoredResidues(self._file, self.start + start, end - start)

    def __repr__(self) -> str:
        return f"<{self._length:,} residues>"


def pieces_of(residues: Residues) -> Iterator[str]:
    """Yield residues in pieces of at most `PIECE`."""
    return (residues[at : at + PIECE] for at in range(0, len(residues), PIECE))
