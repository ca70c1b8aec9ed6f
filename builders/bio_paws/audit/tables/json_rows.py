"""JSON objects, one a line or in an array, decoded one after the other; the file is never held whole."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

CHARACTERS_PER_READ = 1 << 20  # of JSON
_LONGEST_OBJECT = 1 << 25  # characters: over ten times the longest gene


def read_rows(path: Path, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the objects of a file as batches.

    Raises
    ------
    ValueError
        When the file holds something else.
    """
    with pa.input_stream(str(path), compression="detect") as data:
        rows: list[dict[str, Any]] = []
        names: dict[str, None] = {}  # pyarrow would take those of a batch's first row alone
        for row in _objects(io.TextIOWrapper(data, encoding="utf-8-sig")):
            if not isinstance(row, dict):
                raise ValueError("not a list of JSON objects, each a pair")
            rows.append(row)
            names |= dict.fromkeys(row)
            if len(rows) == batch_rows:
                yield _batch(rows, names)
                rows = []
        if rows:
            yield _batch(rows, names)


def _batch(rows: list[dict[str, Any]], names: Iterable[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: [row.get(name) for row in rows] for name in names})


def _objects(text: io.TextIOWrapper) -> Iterator[Any]:
    """Decode the values of a stream one after the other, whatever separates them: brackets, commas, line ends."""
    decoder = json.JSONDecoder()
    buffer, at = "", 0
    while True:
        at = _skip(buffer, at)
        try:
            value, end = decoder.raw_decode(buffer, at)
        except json.JSONDecodeError:
            if len(buffer) - at > _LONGEST_OBJECT:
                raise ValueError(f"a JSON object of over {_LONGEST_OBJECT:,} characters") from None
            # Twice as much each time: an object that is read in steps is decoded from its start at each.
            more = text.read(max(CHARACTERS_PER_READ, len(buffer) - at))
            if not more:
                if buffer[at:].strip():
                    raise
                return
            buffer, at = buffer[at:] + more, 0
            continue
        yield value
        at = end


_BETWEEN = re.compile(r"[\s,\[\]]*")


def _skip(buffer: str, at: int) -> int:
    between = _BETWEEN.match(buffer, at)
    return between.end() if between else at
