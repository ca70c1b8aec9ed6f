r"""Text of data as a terminal may have it: whatever a terminal would obey is shown by its code instead.

Names of organisms, files and columns are anybody's: an escape sequence in them could clear a line that says what is
wrong, and a character that turns the direction of writing could disguise it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import IO, Any, cast

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, those that turn the direction of writing, and halves of characters, which
stand for the bytes of a file name that is not in UTF-8."""


def printable(text: str) -> str:
    r"""Show by its code what a terminal would obey; lines and tabs stay.

    Examples
    --------
    >>> print(printable("Mus\x1b[2K musculus"))
    Mus\x1b[2K musculus
    """
    return _OBEYED.sub(_code_of, text)


def on_one_line(text: str) -> str:
    r"""Show by its code also what begins a new line or column.

    Examples
    --------
    >>> print(on_one_line("a name\nbioPAWS: 0 violations"))
    a name\nbioPAWS: 0 violations
    """
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def inert_cell(text: str) -> str:
    """Put an apostrophe before the text of a cell that a spreadsheet would compute.

    Examples
    --------
    >>> inert_cell("=1+1"), inert_cell("dna50"), inert_cell("-")
    ("'=1+1", 'dna50', '-')
    """
    return f"'{text}" if len(text) > 1 and text[0] in "=+-@\t\r" else text


def _code_of(match: re.Match[str]) -> str:
    return match[0].encode("ascii", "backslashreplace").decode() if match[0] > "\x7f" else repr(match[0])[1:-1]


class _PrintableStream:
    """A stream of text through which nothing goes that a terminal would obey."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def printable_stdout(stream: IO[str]) -> Iterator[None]:
    """Have all that is printed in the block go to a stream as `printable` returns it."""
    with redirect_stdout(cast(IO[str], _PrintableStream(stream))):
        yield
