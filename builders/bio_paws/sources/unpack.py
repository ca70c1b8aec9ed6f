"""Bytes of source files, decompressed as they are read: never more than a piece of a file is in memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import pyarrow as pa

from bio_paws.errors import SourceError

# A genome is compressed to a quarter, one that is mostly gaps to a tenth: a file that grows more is a zip bomb.
_MAX_GROWTH = 100
_ALWAYS_TAKEN = 1 << 20  # bytes, whatever they grew from
PIECE = 1 << 20
"""Bytes that are read at once."""
# A file that bgzip wrote ends with this empty block (SAM specification, 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_NOT_READ = ((b"\x1f\x9d", "compress (.Z)"), (b"\x04\x22\x4d\x18", "lz4"), (b"7z\xbc\xaf", "7-Zip"), (b"Rar!", "RAR"))
_NAMED = {".gz": "gzip", ".bgz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
_DAMAGED = "truncated or damaged"


def uncompressed_name(name: str) -> str:
    """Return a file's name without the endings of compressions."""
    while Path(name).suffix.lower() in _NAMED:
        name = name[: -len(Path(name).suffix)]
    return name


def is_zip(path: Path) -> bool:
    """Whether a file is a .zip archive."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


def zip_members(path: Path) -> list[str]:
    """Return the names of the files in a .zip archive, without those that its packer added for itself.

    Raises
    ------
    SourceError
        When it is truncated or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except _BROKEN as error:
        raise SourceError(f"{path}: zip archive {_DAMAGED} ({error}): fetch it again") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    return [name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith(".")]


def stored_bytes(path: Path, member: str = "") -> Iterator[bytes]:
    """Yield the bytes of a file, or of a member of a .zip archive, as they are stored there, in pieces.

    Raises
    ------
    SourceError
        When they cannot be read, or the archive is truncated or damaged.
    """
    with _opened(path, member) as stream:
        yield from _pieces(stream)


def unpacked_bytes(path: Path, member: str = "") -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed if it is compressed, in pieces that are not empty.

    Compressions are known by their first bytes: gzip (several members, bgzip), bzip2, xz, zstd, and a .zip archive of
    one file.

    Parameters
    ----------
    path : Path
        The file.
    member : str, optional
        Which file of it, where it is a .zip archive.

    Raises
    ------
    SourceError
        When it cannot be read, or what is compressed is truncated, damaged, or grows beyond measure.
    """
    where = f"{path}/{member}" if member else str(path)
    with _opened(path, member) as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(6)
        stream.seek(0)
        compression = _compression_of(start)
        if other := next((name for magic, name in _NOT_READ if start.startswith(magic)), ""):
            raise SourceError(f"{where}: packed by {other}, which is not read: unpack it")
        ending = Path(where).suffix.lower()
        if ending in _NAMED and _NAMED[ending] != compression:
            article = "an" if _NAMED[ending] == "xz" else "a"
            raise SourceError(
                f"{where}: not {article} {_NAMED[ending]} file though it is named {Path(where).suffix}: fetch it again"
            )
        pieces = _decompressed(compression, stream, path)
        limit = max(_ALWAYS_TAKEN, _MAX_GROWTH * size)
        grown = 0
        while True:
            try:
                piece = next(pieces, b"")
            except (*_BROKEN, OSError) as error:
                if not compression:
                    raise SourceError(f"{where}: cannot be read ({error})") from error
                raise SourceError(f"{where}: {compression} stream {_DAMAGED} ({error}): fetch it again") from error
            except RuntimeError as error:  # what zipfile says of a password
                raise SourceError(f"{where}: cannot be read ({error}): unpack it") from error
            if not piece:
                return
            if compression and not grown and (inner := _compression_of(piece)):
                raise SourceError(f"{where}: packed twice ({inner} within {compression}): unpack it once")
            grown += len(piece)
            if compression and grown > limit:
                raise _beyond_measure(path)
            yield piece


def _compression_of(start: bytes) -> str:
    return next((name for magic, name in _MAGIC if start.startswith(magic)), "")


def _opened(path: Path, member: str) -> IO[bytes]:
    """Open a file, or a copy on disk of a member of an archive, which cannot be read from any place."""
    try:
        if not member:
            return path.open("rb")
        with zipfile.ZipFile(path) as archive, archive.open(member) as packed:
            copy = tempfile.TemporaryFile(prefix="bio-paws-")  # noqa: SIM115 - the caller's
            limit = max(_ALWAYS_TAKEN, _MAX_GROWTH * archive.getinfo(member).compress_size)
            for piece in _pieces(packed):
                copy.write(piece)
                if copy.tell() > limit:
                    raise _beyond_measure(path)
            copy.seek(0)
            return copy
    except _BROKEN as error:
        raise SourceError(f"{path}: zip archive {_DAMAGED} ({error}): fetch it again") from error
    except RuntimeError as error:  # what zipfile says of a password
        raise SourceError(f"{path}: {member} in it cannot be read ({error}): unpack it") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error


def _beyond_measure(path: Path) -> SourceError:
    return SourceError(f"{path}: unzips to over {_MAX_GROWTH} times its size: unzip it, and look into it")


def _pieces(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    return iter(partial(stream.read, PIECE), b"")


def _decompressed(compression: str, stream: IO[bytes], path: Path) -> Iterator[bytes]:
    match compression:
        case "gzip":
            _require_last_block(stream)
            yield from _pieces(gzip.GzipFile(fileobj=stream))
        case "bzip2":
            yield from _joined_streams(stream, bz2.BZ2Decompressor)
        case "xz":
            yield from _joined_streams(stream, lzma.LZMADecompressor)
        case "zstd":
            yield from _pieces(pa.CompressedInputStream(pa.PythonFile(stream), "zstd"))
        case "zip":
            with zipfile.ZipFile(stream) as archive:
                infos = [info for info in archive.infolist() if not info.is_dir()]
                names = [info.filename for info in infos if not info.filename.startswith("__MACOSX/")]
                if len(names) != 1:
                    raise SourceError(f"{path}: an archive of {len(names)} files: unpack it")
                with archive.open(names[0]) as member:
                    yield from _pieces(member)
        case _:
            yield from _pieces(stream)


def _require_last_block(stream: IO[bytes]) -> None:
    """Refuse a file of bgzip that is cut between two blocks, which gzip takes for whole.

    Raises
    ------
    EOFError
        When it is.
    """
    start = stream.read(16)
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(end - PIECE, 0))
    last = stream.read().rstrip(b"\0")
    stream.seek(0)
    if start[:4] == _BGZF_END[:4] and start[12:14] == b"BC" and not last.endswith(_BGZF_END.rstrip(b"\0")):
        raise EOFError("the last block is missing")


def _joined_streams(stream: IO[bytes], new: type[bz2.BZ2Decompressor] | type[lzma.LZMADecompressor]) -> Iterator[bytes]:
    """Decompress all streams of a file; `BZ2File` and `LZMAFile` ignore what they cannot read behind the first.

    Raises
    ------
    EOFError, OSError, lzma.LZMAError
        When one is cut, or is no stream.
    """
    decompressor = new()
    data = stream.read(PIECE)
    while True:
        if piece := decompressor.decompress(data, PIECE):
            yield piece
        data = b""
        if decompressor.eof:
            data = decompressor.unused_data or stream.read(PIECE)
            if new is lzma.LZMADecompressor:
                data = _without_padding(data, stream)
            if not data:
                return
            decompressor = new()
        elif decompressor.needs_input and not (data := stream.read(PIECE)):
            raise EOFError("the end is missing")


def _without_padding(data: bytes, stream: IO[bytes]) -> bytes:
    """Leave out the zeros, four or a multiple, that the .xz format allows behind streams."""
    zeros = 0
    while data:
        rest = data.lstrip(b"\0")
        zeros += len(data) - len(rest)
        if rest:
            return rest if zeros % 4 == 0 else data
        data = stream.read(PIECE)
    if zeros % 4:
        raise EOFError("padding of a wrong length")
    return b""
