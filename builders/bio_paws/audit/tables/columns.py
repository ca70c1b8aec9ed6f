"""Which columns hold the two sides and the label, and what the sides are made of."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from bio_paws.align.smith_waterman import LETTERS
from bio_paws.audit.tables.dataset import ROWS_PER_BATCH, DataSet
from bio_paws.errors import DataError

Kind = Literal["dna", "protein", "text"]

_SIDES = (
    ("sentence1", "sentence2"),
    ("sequence1", "sequence2"),
    ("seq1", "seq2"),
    ("sequence_1", "sequence_2"),
    ("seq_1", "seq_2"),
    ("sequence_a", "sequence_b"),
    ("seq_a", "seq_b"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("dna", "protein"),
    ("query", "target"),
)
_LABELS = ("label", "labels", "target", "class", "y", "is_similar", "is_duplicate", "similar", "interaction")
_IDS = ("pair_id", "id", "idx", "guid")
_SEQUENCE = re.compile(r"[A-Za-z*.\-]+")
_SHORTEST = 8  # mean letters of a column of sequences; names and codes are shorter
_DNA = LETTERS["dna"] + "N-"
_PROTEIN = LETTERS["protein"] + "BZXUOJ*-."
_OWN = 0.95  # part of the letters that must be of the alphabet


@dataclass(frozen=True)
class Columns:
    """Names of the columns, and what the sides hold.

    Attributes
    ----------
    sides : tuple of str
        The two sides.
    label : str
        The label.
    id : str or None
        What names a row in the data set itself.
    kinds : tuple of {"dna", "protein", "text"}
        What each side is made of.
    """

    sides: tuple[str, str]
    label: str
    id: str | None
    kinds: tuple[Kind, Kind]

    @property
    def molecule(self) -> str:
        """Both kinds in a word: dna, protein, dna_protein, protein_dna, or text."""
        one, other = self.kinds
        return one if one == other else f"{one}_{other}"


def find_columns(data: DataSet, sentence1: str | None, sentence2: str | None, label: str | None) -> Columns:
    """Take the named columns, and guess those that are not named, by well-known names, then by content.

    Raises
    ------
    DataError
        When the data set is empty, a named column is missing, or the guess is not clear.
    """
    head = _head(data)
    names = head.schema.names
    for name in (sentence1, sentence2, label):
        if name is not None and name not in names:
            raise DataError(f"{data.name}: no column {name!r}: choose from {', '.join(names)}")
    sides = _guess_sides(data.name, head, sentence1, sentence2)
    chosen = label or _guess_label(data.name, head, sides)
    if len({*sides, chosen}) < 3:
        raise DataError(f"{data.name}: the two sides and the label must be three columns, not {sides}, {chosen}")
    row_id = next((one for one in _IDS if one in names and one != chosen), None)
    one, other = (_kind([text for text in strings(head, side, data.name) if text]) for side in sides)
    kinds: tuple[Kind, Kind] = ("text", "text") if "text" in (one, other) else (one, other)
    return Columns(sides, chosen, row_id, kinds)


def strings(batch: pa.RecordBatch, column: str, name: str) -> list[str | None]:
    """Return a column as strings.

    Raises
    ------
    DataError
        When it holds something else.
    """
    values = batch[column]
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not _is_text(values.type) and not pa.types.is_null(values.type):
        raise DataError(f"{name}: column {column!r} holds {values.type}, not strings: name another column")
    found: list[str | None] = values.to_pylist()
    return found


def _head(data: DataSet) -> pa.RecordBatch:
    """Return the first rows."""
    for part in data.parts:
        for batch in part.read():
            if batch.num_rows:
                return batch.slice(0, ROWS_PER_BATCH)
    raise DataError(f"{data.name}: holds not a single row")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _guess_sides(name: str, head: pa.RecordBatch, sentence1: str | None, sentence2: str | None) -> tuple[str, str]:
    if sentence1 and sentence2:
        return sentence1, sentence2
    lower = {one.lower(): one for one in head.schema.names}
    known = [(lower[a], lower[b]) for a, b in _SIDES if a in lower and b in lower]
    # Two columns that hold sequences, where no name is known.
    written = [one for one in head.schema.names if _holds_sequences(head[one])]
    for sides in known or ([(written[0], written[1])] if len(written) == 2 else []):
        if (sentence1 or sides[0], sentence2 or sides[1]) == sides:
            return sides
    raise DataError(
        f"{name}: which columns hold the pair? name them with --sentence1 and --sentence2, of {', '.join(lower)}"
    )


def _holds_sequences(values: Any) -> bool:
    if not _is_text(values.type):
        return False
    texts = [text for text in values.to_pylist() if text]
    long = bool(texts) and sum(map(len, texts)) / len(texts) >= _SHORTEST
    return long and all(_SEQUENCE.fullmatch(text) for text in texts)


def _guess_label(name: str, head: pa.RecordBatch, sides: tuple[str, str]) -> str:
    others = [one for one in head.schema.names if one not in (*sides, *_IDS)]
    lower = {one.lower(): one for one in others}
    found = next((lower[known] for known in _LABELS if known in lower), None)
    if found:
        return str(found)
    binary = [one for one in others if not _is_float(head[one].type) and len(pc.unique(head[one])) == 2]
    if len(binary) == 1:
        return str(binary[0])
    raise DataError(f"{name}: which column holds the label? name it with --label, of {', '.join(others) or 'none'}")


def _is_float(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_nested(kind))


def _kind(texts: list[str]) -> Kind:
    counts = Counter("".join(texts).upper())
    total = counts.total()

    def part(letters: str) -> float:
        return sum(counts[letter] for letter in letters) / total

    if not total or part(" ") > 1 - _OWN:
        return "text"
    if part(_DNA) >= _OWN:
        return "dna"
    return "protein" if part(_PROTEIN) >= _OWN else "text"
