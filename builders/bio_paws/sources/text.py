"""Text of source files: compressed or not, in any usual encoding and with any line ends; and what a text holds."""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from bio_paws.errors import SourceError
from bio_paws.sources.twobit import fasta_of_twobit, is_twobit
from bio_paws.sources.unpack import unpacked_bytes

TextKind = Literal["fasta", "genbank", "embl", "gff", ""]
_START = 20_000  # characters that tell a format
_GFF_ROW = re.compile(r"[^\t]+\t[^\t]*\t[^\t]+\t\d+\t\d+\t")
_TAR, _TAR_AT = b"ustar", 257
_DOS_END = "\x1a"


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("bio-paws-latin-1", _as_latin1)


def text_pieces(path: Path, member: str = "", notes: Counter[str] | None = None) -> Iterator[str]:
    """Yield the text of a file in pieces, its lines separated by newlines alone, cut anywhere.

    It is decompressed as by `bio_paws.sources.unpack.unpacked_bytes`. The encoding is UTF-8, with or without a byte
    order mark, or UTF-16 with one; bytes that are not UTF-8 are read as Latin-1. A .2bit genome is read as FASTA. The
    character 0x1A, with which programs of DOS end a text, is left out at the end.

    Parameters
    ----------
    path : Path
        The file.
    member : str, optional
        Which file of it, where it is a .zip archive.
    notes : Counter of str, optional
        Counts files from which something was left out.

    Raises
    ------
    SourceError
        When it cannot be read, is not text, or what is compressed is truncated, damaged, or grows beyond measure.
    """
    where = f"{path}/{member}" if member else str(path)
    pieces = unpacked_bytes(path, member)
    start = b""
    while len(start) < _TAR_AT + len(_TAR) and (piece := next(pieces, b"")):
        start += piece
    if is_twobit(start):
        yield from fasta_of_twobit(chain((start,), pieces), where)
        return
    if start[_TAR_AT:].startswith(_TAR):
        raise SourceError(f"{where}: a tar archive: unpack it, and name its folder")
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")("strict" if wide else "bio-paws-latin-1")
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    before = 0
    ends = ""  # what leaves the text out, unless more of it follows
    for piece in chain((start,), pieces, (b"",)):
        if not wide and b"\0" in piece:
            raise SourceError(f"{where}: not a text file (byte {before + piece.index(0)} is 0)")
        undecoded = len(decoder.getstate()[0])
        try:
            text = newlines.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            at = before - undecoded + error.start
            raise SourceError(f"{where}: not a text file (byte {at} is not UTF-16)") from error
        before += len(piece)
        # Byte order marks stand wherever files were joined.
        text = ends + text.replace("\ufeff", "")
        ends = _dos_ends(text)
        if text := text[: len(text) - len(ends)]:
            yield text
    if ends and notes is not None:
        notes["files that end with DOS's end-of-file character, left out"] += 1


def _dos_ends(text: str) -> str:
    """Return the end-of-file characters of DOS at the end of a text, and the line ends behind them."""
    behind = text[len(text.rstrip("\n" + _DOS_END)) :]
    return behind[behind.find(_DOS_END) :] if _DOS_END in behind else ""


def read_text(path: Path, member: str = "") -> str:
    """Return a text file as a whole.

    Raises
    ------
    SourceError
        As `text_pieces`.
    """
    return "".join(text_pieces(path, member))


def head_of_text(path: Path, member: str, length: int) -> str:
    """Return the first characters of a text file, so many or somewhat more.

    Raises
    ------
    SourceError
        As `text_pieces`, as far as it reads.
    """
    head: list[str] = []
    for piece in text_pieces(path, member):
        head.append(piece)
        if sum(map(len, head)) >= length:
            break
    return "".join(head)


def lines_of(pieces: Iterable[str]) -> Iterator[str]:
    r"""Yield the lines of a text that comes in pieces, without their ends, as ``text.split("\n")`` has them.

    Examples
    --------
    >>> list(lines_of(["a\nb", "", "c\n"]))
    ['a', 'bc', '']
    """
    begun: list[str] = []
    for piece in pieces:
        first, *lines = piece.split("\n")
        begun.append(first)
        if lines:
            yield "".join(begun)
            yield from lines[:-1]
            begun = lines[-1:]
    yield "".join(begun)


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
        As in `text_pieces`.
    """
    try:
        return bool(kind_of_text(head_of_text(path, member, _START)))
    except SourceError:
        return False
