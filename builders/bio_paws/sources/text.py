"""Text of source files: compressed or not, in any usual encoding and with any line ends; and what a text holds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Literal

import pyarrow as pa

from bio_paws.errors import SourceError
from bio_paws.sources.twobit import fasta_of_twobit, is_twobit

TextKind = Literal["fasta", "genbank", "embl", "gff", ""]

# A genome is compressed to a quarter, one that is mostly gaps to a tenth: a file that grows more is a zip bomb.
_MAX_GROWTH = 100
_ALWAYS_TAKEN = 1 << 20  # bytes, whatever they grew from
_CHUNK = 1 << 20
# A file that bgzip wrote ends with this empty block (SAM specification, 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))
_NAMED = {".gz": "gzip", ".bgz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
_START = 20_000  # bytes that tell a format
_GFF_ROW = re.compile(r"[^\t]+\t[^\t]*\t[^\t]+\t\d+\t\d+\t")
_TAR, _TAR_AT = b"ustar", 257
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


def read_data(path: Path, member: str = "") -> bytes:
    """Read the bytes of a file, or of a member of a .zip archive, as they are stored there.

    Raises
    ------
    SourceError
        When they cannot be read, or the archive is truncated or damaged.
    """
    try:
        if not member:
            return path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            return _grown(archive.open(member), archive.getinfo(member).compress_size, path)
    except _BROKEN as error:
        raise SourceError(f"{path}: zip archive {_DAMAGED} ({error}): fetch it again") from error
    except RuntimeError as error:  # what zipfile says of a password
        raise SourceError(f"{path}: {member} in it cannot be read ({error}): unpack it") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path, member: str = "") -> str:
    """Read a text file: plain or compressed, its lines separated by newlines alone.

    Compressions are known by their first bytes: gzip (several members, bgzip), bzip2, xz, zstd, and a .zip archive of
    one file. The encoding is UTF-8, with or without a byte order mark, UTF-16 with one, or else Latin-1. A .2bit
    genome is read as FASTA.

    Parameters
    ----------
    path : Path
        The file.
    member : str, optional
        Which file of it, where it is a .zip archive.

    Raises
    ------
    SourceError
        When it cannot be read, is not text, or what is compressed is truncated, damaged, or grows beyond measure.
    """
    where = f"{path}/{member}" if member else str(path)
    data = _unpacked(read_data(path, member), path, where)
    if is_twobit(data):
        return fasta_of_twobit(data, where)
    if data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise SourceError(f"{where}: a tar archive: unpack it, and name its folder")
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(f"{where}: not a text file (byte {data.index(0)} is 0)")
    try:
        encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise SourceError(f"{where}: not a text file (byte {error.start} is not UTF-16)") from error
        text = data.decode("latin-1")
    # Byte order marks stand wherever files were joined.
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


def kind_of_text(text: str) -> TextKind:
    """Say what a text is by its first lines; empty when it is none of the formats that are read."""
    start = text[:_START].lstrip()
    if start.startswith((">", ";")):
        return "" if start.startswith(">Feature") else "fasta"  # a feature table, for submissions to GenBank
    if re.search(r"^LOCUS {2,}\S", start, re.MULTILINE):
        return "genbank"
    if re.match(r"ID {3}\S", start):
        return "embl"
    lines = [line for line in start.split("\n")[:200] if line and not line.startswith("#")]
    if start.startswith("##gff-version") or (lines and _GFF_ROW.match(lines[0])):
        return "gff"
    return ""


def looks_like_sequences(path: Path, member: str = "") -> bool:
    """Whether a file begins like one of the formats that are read; only its beginning is read, and its errors are not.

    Parameters
    ----------
    path, member
        As in `read_text`.
    """
    try:
        with zipfile.ZipFile(path).open(member) if member else path.open("rb") as stream:
            start = stream.read(_START)
            if start.startswith(_MAGIC[0][0]):
                start = zlib.decompressobj(wbits=31).decompress(start, _START)
    except (*_BROKEN, RuntimeError, OSError):
        return False
    return is_twobit(start) or bool(
        kind_of_text(start.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r", "\n"))
    )


def _unpacked(data: bytes, path: Path, where: str) -> bytes:
    compression = next((name for magic, name in _MAGIC if data.startswith(magic)), "")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        compression = "zip"
    named = _NAMED.get(Path(where).suffix.lower(), "")
    if named and named != compression:
        article = "an" if named == "xz" else "a"
        raise SourceError(
            f"{where}: not {article} {named} file though it is named {Path(where).suffix}: fetch it again"
        )
    try:
        match compression:
            case "gzip":
                if (
                    data[:4] == _BGZF_END[:4]
                    and data[12:14] == b"BC"
                    and not data.rstrip(b"\0").endswith(_BGZF_END.rstrip(b"\0"))
                ):
                    raise EOFError("the last block is missing")
                return _grown(gzip.GzipFile(fileobj=io.BytesIO(data)), len(data), path)
            case "bzip2":
                return _joined_streams(data, bz2.BZ2Decompressor, path)
            case "xz":
                return _joined_streams(data, lzma.LZMADecompressor, path)
            case "zstd":
                return _grown(pa.CompressedInputStream(pa.BufferReader(data), "zstd"), len(data), path)
            case "zip":
                return _single_member(data, path)
    except _BROKEN as error:
        raise SourceError(f"{where}: {compression} stream {_DAMAGED} ({error}): fetch it again") from error
    except OSError as error:
        raise SourceError(f"{where}: {compression} stream {_DAMAGED} ({error}): fetch it again") from error
    return data


def _joined_streams(data: bytes, decompressor: type[bz2.BZ2Decompressor | lzma.LZMADecompressor], path: Path) -> bytes:
    """Decompress all streams; `BZ2File` and `LZMAFile` ignore what they cannot read behind the first.

    Raises
    ------
    EOFError, OSError, lzma.LZMAError
        When one is cut, or is no stream.
    SourceError
        When they grow beyond measure.
    """
    text = bytearray()
    rest = data
    while rest:
        stream = decompressor()
        chunk = rest
        while not stream.eof:
            text += stream.decompress(chunk, _CHUNK)
            chunk = b""
            _require_measure(len(text), len(data), path)
            if stream.needs_input and not stream.eof:
                raise EOFError("the end is missing")
        rest = stream.unused_data
        if decompressor is lzma.LZMADecompressor and len(rest) % 4 == 0:
            rest = rest.lstrip(b"\0")  # the padding that the format has behind streams
    return bytes(text)


def _single_member(data: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        if len(names) != 1:
            raise SourceError(f"{path}: an archive of {len(names)} files: unpack it")
        return _grown(archive.open(names[0]), len(data), path)


def _grown(stream: IO[bytes] | gzip.GzipFile, size: int, path: Path) -> bytes:
    text = bytearray()
    with stream:
        while chunk := stream.read(_CHUNK):
            text += chunk
            _require_measure(len(text), size, path)
    return bytes(text)


def _require_measure(grown: int, size: int, path: Path) -> None:
    if grown > max(_ALWAYS_TAKEN, _MAX_GROWTH * size):
        raise SourceError(f"{path}: unzips to over {_MAX_GROWTH} times its size: unzip it, and look into it")
