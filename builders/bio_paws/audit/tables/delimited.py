"""Comma- and tab-separated files as people write them: quoted or not, with a header or without, with an index column.

Every line that holds anything becomes a row, or is part of a quoted field of one, or the file is refused: a quotation
mark that opens in one row and closes in another joins no rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import pyarrow as pa

from bio_paws.errors import DataError

NULLS = frozenset(("", "NULL", "null", "None", "NaN", "nan", "NA", "N/A", "#N/A", "<NA>"))
_HEAD = 1_000  # rows that tell whether the first line is one of them
_LONGEST_FIELD = 1 << 21  # characters: the longest gene fits
_SEQUENCE = re.compile(r"[A-Za-z*\-]{20,}")
_ALTERNATIVES = "\t;,"


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    Attributes
    ----------
    delimiter : str
        Between fields.
    quoted : bool
        Whether quotation marks enclose fields; else they are characters like others.
    names : tuple of str
        Columns.
    header : bool
        Whether the first line holds their names.
    notes : tuple of str
        What was guessed, in words.
    """

    delimiter: str
    quoted: bool
    names: tuple[str, ...]
    header: bool
    notes: tuple[str, ...]


def examine(path: Path, delimiter: str) -> Layout:
    """Read a file once and say how it is written.

    Parameters
    ----------
    path : Path
        The file; may be compressed.
    delimiter : str
        What its name says; another one is taken where the first line holds none of it.

    Raises
    ------
    DataError
        When it is empty, or its rows do not have as many fields as its header.
    """
    notes: list[str] = []
    with _lines(path) as lines:
        first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError(f"{path}: cannot be read: the file is empty")
    if delimiter not in first and (present := [mark for mark in _ALTERNATIVES if mark in first]):
        delimiter = present[0]
        notes.append(f"fields are separated by {delimiter!r}")
    quoted = _is_quoted(path, delimiter)
    layout = Layout(delimiter, quoted, (), header=False, notes=())
    with _lines(path) as lines:
        rows = _rows(path, lines, layout)
        head = [fields for _, fields in islice(rows, _HEAD)]
    if quoted:
        notes.append("fields in quotation marks are read without them")
    elif _has_marks(path):
        notes.append("quotation marks are part of the text: they do not open and close every field")
    names, header, more = _names(path, head)
    return Layout(delimiter, quoted, names, header, (*notes, *more))


def read_rows(path: Path, layout: Layout, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an examined file as batches of strings; missing values are null.

    Raises
    ------
    DataError
        When a row has more or fewer fields than the header.
    """
    with _lines(path) as lines:
        rows = _rows(path, lines, layout)
        if layout.header:
            next(rows, None)
        while block := list(islice(rows, batch_rows)):
            for number, fields in block:
                if len(fields) != len(layout.names):
                    raise DataError(
                        f"{path}: cannot be read: line {number} has {len(fields)} fields, not {len(layout.names)} as "
                        "the first line"
                    )
            columns = zip(*(fields for _, fields in block), strict=True)
            values = [[None if value in NULLS else value for value in column] for column in columns]
            arrays = [pa.array(column, pa.string()) for column in values]
            yield pa.RecordBatch.from_arrays(arrays, names=list(layout.names))


@contextmanager
def _lines(path: Path) -> Iterator[io.TextIOWrapper]:
    with pa.input_stream(str(path), compression="detect") as data:
        yield io.TextIOWrapper(data, encoding="utf-8-sig")


def _rows(path: Path, lines: io.TextIOWrapper, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each row, and the number of the line that ends it."""
    # The module has one limit for all readers; a longer one harms none.
    csv.field_size_limit(_LONGEST_FIELD)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=layout.delimiter, quoting=quoting, strict=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read: line {reader.line_num}: {error}") from error


def _is_quoted(path: Path, delimiter: str) -> bool:
    """Whether quotation marks enclose fields.

    They do not where every line has as many delimiters as the first and some field opens a mark that it does not
    close: read as quoted, such a file loses rows without a word.
    """
    expected: list[int] = []  # fields of the first line, and of the second
    enclosed = uneven = False
    open_field = False
    with _lines(path) as lines:
        for line in lines:
            row = line.rstrip("\n")
            if not row:
                continue
            fields = row.count(delimiter) + 1
            if len(expected) < 2:
                expected.append(fields)
            # A header may lack the name of the index column.
            uneven |= fields != expected[-1] if len(expected) > 1 else False
            uneven |= not 0 <= expected[-1] - expected[0] <= 1
            if '"' not in row:
                continue
            for field in row.split(delimiter):
                if field.startswith('"'):
                    closed = len(field) > 1 and field.endswith('"') and '"' not in field[1:-1].replace('""', "")
                    enclosed |= closed
                    open_field |= not closed
    if open_field and not uneven:
        return False
    return enclosed or open_field


def _has_marks(path: Path) -> bool:
    with _lines(path) as lines:
        return any('"' in line for line in lines)


def _names(path: Path, head: list[list[str]]) -> tuple[tuple[str, ...], bool, list[str]]:
    """Return the names of the columns, whether the first line holds them, and what was guessed about them."""
    first = head[0]
    width = len(head[1]) if len(head) > 1 else len(first)
    counted = [str(number) for number in range(len(first))]
    is_row = any(_is_value(field) for field in first) or _is_repeated(first, head[1:])
    if first != counted and first[1:] != counted[:-1] and is_row:
        names = tuple(f"column{number}" for number in range(1, len(first) + 1))
        return names, False, [f"the first line is a row, not a header: columns are called {names[0]} to {names[-1]}"]
    notes = []
    if width == len(first) + 1:
        if all(fields[0].startswith("'") for fields in head[1:]):
            raise DataError(f"{path}: fields stand in single quotes, with separators in them: use double quotes")
        # A mark at the end of every row but the first, or rows that are numbered.
        first = [*first, ""] if all(fields[-1] == "" for fields in head[1:]) else ["", *first]
    names_of = []
    times: Counter[str] = Counter()
    for place, field in enumerate(first, start=1):
        name = field.strip()
        if not name:
            name = "index" if place == 1 else f"column{place}"
            notes.append(f"column {place} has no name and is called {name!r}")
        times[name] += 1
        if times[name] > 1:
            repeated, name = name, f"{name}.{times[name]}"
            notes.append(f"two columns are called {repeated!r}: the one at place {place} is called {name!r} here")
        names_of.append(name)
    return tuple(names_of), True, notes


def _is_repeated(first: list[str], rows: list[list[str]]) -> bool:
    """Whether a field of the first line stands below it in its column, and not all do, as where files are joined."""
    below = [set(column) for column in zip(*(fields for fields in rows if len(fields) == len(first)), strict=True)]
    repeated = [bool(field) and field in column for field, column in zip(first, below, strict=False)]
    return any(repeated) and not all(repeated)


def _is_value(field: str) -> bool:
    """Whether a field of the first line is a value and no name: a number, or a long sequence in one case."""
    try:
        float(field)
    except ValueError:
        return _SEQUENCE.fullmatch(field) is not None and (field.isupper() or field.islower())
    return field.strip().lower() not in {"nan", "inf", "infinity"}
