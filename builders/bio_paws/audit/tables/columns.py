"""Which columns hold the two sides and the label, and what each side is written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from bio_paws.audit.alphabets import ALPHABETS, Alphabet, Kind, guess_alphabet
from bio_paws.audit.tables.dataset import FILE_ROW, SPLIT_COLUMNS, DataSet
from bio_paws.audit.tables.fasta_ids import with_sequences
from bio_paws.audit.tables.formats import ROWS_PER_BATCH
from bio_paws.audit.tables.labels import are_words_of_labels
from bio_paws.audit.tables.request import Request
from bio_paws.errors import DataError

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
    ("#1 string", "#2 string"),
    ("dna", "protein"),
    ("query", "target"),
)
_ID_SIDES = (("protein_a", "protein_b"), ("protein1", "protein2"), ("id1", "id2"), ("v1", "v2"))
_LABELS = (
    *("label", "labels", "target", "class", "y", "is_similar", "is_duplicate", "similar", "interaction", "binder"),
    *("binding", "quality", "gold_label"),
)
_IDS = ("pair_id", "id", "idx", "guid", "index", FILE_ROW)
_SEQUENCE_KINDS: tuple[Kind, ...] = ("dna", "rna", "protein", "smiles")
_SHORTEST = 8  # mean letters of a column of sequences; names and codes are shorter
_ID = re.compile(r"[\w.|:-]{1,40}")
_MOST_VALUES = 50  # of a column that are remembered: a label has fewer
_LOOKED_AT = 16  # strings of each batch after the first


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
    kinds : tuple of {"dna", "rna", "protein", "smiles", "text"}
        What each side is written in.
    evidence : tuple of str
        Why it is taken for that.
    """

    sides: tuple[str, str]
    label: str
    id: str | None
    kinds: tuple[Kind, Kind]
    evidence: tuple[str, str] = ("named", "named")

    @property
    def molecule(self) -> str:
        """Both kinds in a word: dna, protein, dna_protein, protein_rna, text."""
        first, second = self.kinds
        return first if first == second else f"{first}_{second}"

    @property
    def alphabets(self) -> tuple[Alphabet, Alphabet]:
        """Of the two sides."""
        return ALPHABETS[self.kinds[0]], ALPHABETS[self.kinds[1]]


@dataclass
class _Profile:
    """What was read of one column."""

    type: pa.DataType
    texts: list[str] = field(default_factory=list)
    values: set[object] = field(default_factory=set)

    @property
    def is_text(self) -> bool:
        return _is_text(self.type)

    @property
    def holds_sequences(self) -> bool:
        """Whether it looks like one of sequences: no words, no codes."""
        if not self.texts or sum(map(len, self.texts)) < _SHORTEST * len(self.texts):
            return False
        if any(" " in text.strip() for text in self.texts) or self.holds_ids or are_words_of_labels(self.values):
            return False
        return guess_alphabet(self.texts).kind in _SEQUENCE_KINDS

    @property
    def holds_ids(self) -> bool:
        """Whether it looks like one of accessions: short, and nearly all with a digit."""
        ids = [text for text in self.texts if _ID.fullmatch(text)]
        digits = sum(any(character.isdigit() for character in text) for text in ids)
        return bool(self.texts) and len(ids) == len(self.texts) and digits >= 0.9 * len(ids)


def find_columns(data: DataSet, request: Request) -> tuple[DataSet, Columns]:
    """Take the named columns, and guess those that are not named, by well-known names, then by content.

    Returns
    -------
    tuple of DataSet, Columns
        The data set, with sequences where ids stood if the user gives FASTA files; and its columns.

    Raises
    ------
    DataError
        When the data set is empty, a named column is missing, or the guess is not clear.
    """
    profiles = _profiles(data)
    for name in (request.sentence1, request.sentence2, request.label):
        if name is not None and name not in profiles:
            raise DataError(f"{data.name}: no column {name!r}: choose from {', '.join(profiles)}")
    sides = _guess_sides(data.name, profiles, request)
    chosen = request.label or _guess_label(data.name, profiles, sides)
    if chosen != request.label and chosen.lower() not in _LABELS:
        data = replace(data, notes=(*data.notes, f"column {chosen!r} is taken for the label: no other has two values"))
    if len({*sides, chosen}) < 3:
        raise DataError(f"{data.name}: the two sides and the label must be three columns, not {sides}, {chosen}")
    if request.fasta:
        data = with_sequences(data, sides, request.fasta)
        profiles = _profiles(data)
    row_id = next((name for name in _IDS if name in profiles and name != chosen), None)
    guesses = [
        (named, "named by --molecule") if named else _guess(data.name, side, profiles[side])
        for side, named in zip(sides, (request.molecule1, request.molecule2), strict=True)
    ]
    (kind1, evidence1), (kind2, evidence2) = guesses
    return data, Columns(sides, chosen, row_id, (kind1, kind2), (evidence1, evidence2))


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
        raise DataError(_no_strings(name, column, values.type))
    texts: list[str | None] = values.to_pylist()
    return texts


def _guess(name: str, side: str, profile: _Profile) -> tuple[Kind, str]:
    if not profile.is_text and not pa.types.is_null(profile.type):
        raise DataError(_no_strings(name, side, profile.type))
    if profile.texts and all(_is_number(text) for text in profile.texts):
        raise DataError(f"{name}: column {side!r} holds numbers, not strings: name another column")
    guess = guess_alphabet(profile.texts)
    return guess.kind, guess.evidence


def _no_strings(name: str, column: str, kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):  # its name may be as long as the file
        return (
            f"{name}: column {column!r} holds lists or objects: name another, or write a row or an object for each pair"
        )
    return f"{name}: column {column!r} holds {kind}, not strings: name another column"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _profiles(data: DataSet) -> dict[str, _Profile]:
    """Read a data set once: all of its first rows, and some of each later batch, since a file may be sorted."""
    profiles: dict[str, _Profile] = {}
    for part in data.parts:
        for batch in part.read():
            if not batch.num_rows:
                continue
            for name, values in zip(batch.schema.names, batch.columns, strict=True):
                profile = profiles.get(name)
                shown = values.slice(0, ROWS_PER_BATCH if profile is None else _LOOKED_AT)
                if profile is None or pa.types.is_null(profile.type):
                    profile = profiles[name] = _Profile(values.type)
                if profile.is_text or pa.types.is_dictionary(values.type):
                    profile.texts += [str(text) for text in shown.to_pylist() if text]
                if len(profile.values) <= _MOST_VALUES and not pa.types.is_nested(values.type):
                    profile.values.update(pc.unique(values).to_pylist())
    if not profiles:
        raise DataError(f"{data.name}: holds not a single row")
    return profiles


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _guess_sides(name: str, profiles: dict[str, _Profile], request: Request) -> tuple[str, str]:
    sentence1, sentence2 = request.sentence1, request.sentence2
    if sentence1 and sentence2:
        return sentence1, sentence2
    # Reversed, so that of two columns that differ in case only the first is taken.
    lower = {column.lower(): column for column in reversed(profiles)}
    known = [(lower[a], lower[b]) for a, b in _SIDES if a in lower and b in lower]
    if request.fasta:
        known += [(lower[a], lower[b]) for a, b in _ID_SIDES if a in lower and b in lower]
        ids = _id_columns(profiles)
        known += [(ids[0], ids[1])] if len(ids) == 2 else []
    # Two columns that hold sequences, where no name is known.
    written = [column for column, profile in profiles.items() if profile.holds_sequences and column != request.label]
    # One side may have been named: it must be the same side of what is guessed.
    for sides in known or ([(written[0], written[1])] if len(written) == 2 else []):
        if (sentence1 or sides[0], sentence2 or sides[1]) == sides:
            return sides
    raise DataError(f"{name}: which columns hold the pair? {_side_advice(profiles, written)}")


def _side_advice(profiles: dict[str, _Profile], written: Sequence[str]) -> str:
    if len(written) > 2:
        return (
            f"{len(written)} hold sequences ({', '.join(written)}): name two of them, as in "
            f"--sentence1 {_quoted(written[0])} --sentence2 {_quoted(written[-1])}"
        )
    ids = _id_columns(profiles)
    if not written and len(ids) >= 2:
        return (
            f"{', '.join(ids)} hold ids, not sequences: give the sequences with --fasta FILE, and name two columns "
            "with --sentence1 and --sentence2 where there are more"
        )
    return f"name them with --sentence1 and --sentence2, of {', '.join(profiles)}"


def _id_columns(profiles: dict[str, _Profile]) -> list[str]:
    """Return the columns of accessions: not those of labels, nor those that name or number rows."""
    named = {*_IDS, "unnamed: 0"}
    return [
        column
        for column, profile in profiles.items()
        if profile.holds_ids and len(profile.values) > 2 and column.lower() not in named
    ]


def _quoted(column: str) -> str:
    return f'"{column}"' if " " in column else column


def _guess_label(name: str, profiles: dict[str, _Profile], sides: tuple[str, str]) -> str:
    others = {*sides, *_IDS}
    candidates = {
        column: profile
        for column, profile in profiles.items()
        if column not in others and column.lower() not in SPLIT_COLUMNS
    }
    lower = {column.lower(): column for column in reversed(candidates)}
    known = next((lower[label] for label in _LABELS if label in lower), None)
    if known:
        return known
    binary = [
        column
        for column, profile in candidates.items()
        if not pa.types.is_nested(profile.type) and len(profile.values - {None}) == 2
    ]
    if len(binary) == 1:
        return binary[0]
    if not candidates:
        raise DataError(
            f"{name}: no column holds a label: there are {', '.join(profiles)}, and {' and '.join(sides)} are taken "
            "for the pair: add a column with the label of each pair, or name the sides with --sentence1 and --sentence2"
        )
    raise DataError(f"{name}: which column holds the label? name it with --label, of {', '.join(candidates)}")
