"""All pairs of a data set as numbers: labels, digests of the sequences, what each side looks like.

A pair takes some hundred bytes, whatever the length of its sequences; strings are read again for the few that are
looked at closely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.audit.alphabets import GAPS, SPACES, Alphabet
from bio_paws.audit.tables.columns import Columns, strings
from bio_paws.audit.tables.dataset import DataSet
from bio_paws.audit.tables.labels import LabelCoder, label_values
from bio_paws.audit.tables.request import Request
from bio_paws.errors import DataError

LETTER_FAULTS = ("lower_case", "gaps", "white_space", "other_letters")
SIDE_FEATURES = ("length", "composition", "complexity")

_EXAMPLES = 3


@dataclass(frozen=True)
class Pairs:
    """All pairs that have both sides and a label.

    Attributes
    ----------
    data : DataSet
        Where they are.
    columns : Columns
        Names of the columns, kinds of the sides.
    label_names : tuple of str
        What labels 0 and 1 are called.
    labels : ndarray, shape=(n,), dtype=int8
        0 and 1; both occur.
    part, row : ndarray, shape=(n,)
        The split, as its place among the data set's parts, and the number of the row in it.
    digests, canonical : ndarray, shape=(2, n), dtype=uint64
        Digest of each side in standard spelling; the lesser of it and that of the other strand, for DNA.
    features : dict of str to ndarray, shape=(2, n)
        `SIDE_FEATURES` of each side.
    faults : dict of str to ndarray, shape=(2, n), dtype=bool
        Whether a side holds characters of `LETTER_FAULTS`.
    foreign : ndarray, shape=(2, n)
        Characters of each side that its alphabet has no place for.
    contained, identical : ndarray, shape=(n,), dtype=bool
        One side holds the other and is longer; the sides are equal. DNA on both strands.
    missing : int
        Rows left out since a value is missing or empty.
    missing_at : tuple of (int, int)
        Part and row of some of them.
    """

    data: DataSet
    columns: Columns
    label_names: tuple[str, str]
    labels: NDArray[np.int8]
    part: NDArray[np.int16]
    row: NDArray[np.int64]
    digests: NDArray[np.uint64]
    canonical: NDArray[np.uint64]
    features: dict[str, NDArray[np.float32]]
    faults: dict[str, NDArray[np.bool_]]
    foreign: NDArray[np.float32]
    contained: NDArray[np.bool_]
    identical: NDArray[np.bool_]
    missing: int
    missing_at: tuple[tuple[int, int], ...]

    @property
    def splits(self) -> list[str]:
        """Names of the splits, in the order of `part`."""
        return [part.split for part in self.data.parts]

    def __len__(self) -> int:
        return len(self.labels)


def collect(data: DataSet, columns: Columns, request: Request) -> Pairs:
    """Read all pairs once; the request says which labels are 1.

    Raises
    ------
    DataError
        When the label has not two values, a column is missing in a split, or no pair is whole.
    """
    coder = LabelCoder(f"{data.name}: column {columns.label!r}", request)
    blocks: list[dict[str, NDArray[Any]]] = []
    missing = 0
    missing_at: list[tuple[int, int]] = []
    for number, part in enumerate(data.parts):
        start = 0
        for batch in part.read():
            first, second, labels = _values(batch, columns, data.name)
            whole = [i for i, row in enumerate(zip(first, second, labels, strict=True)) if all(row)]
            lost = set(range(len(labels))).difference(whole) if len(whole) < len(labels) else set()
            missing += len(lost)
            missing_at += [(number, start + i) for i in sorted(lost)[: _EXAMPLES - len(missing_at)]]
            if whole:
                texts = [str(first[i]) for i in whole], [str(second[i]) for i in whole]
                block = _block(texts, columns.alphabets)
                block["label"] = coder.code([str(labels[i]) for i in whole])
                block["part"] = np.full(len(whole), number, dtype=np.int16)
                block["row"] = np.array(whole, dtype=np.int64) + start
                blocks.append(block)
            start += batch.num_rows
    label_names, label_of = coder.finish()
    joined = {name: np.concatenate([block[name] for block in blocks], axis=-1) for name in blocks[0]}
    blocks.clear()
    return Pairs(
        data,
        columns,
        label_names,
        label_of[joined["label"]],
        joined["part"],
        joined["row"],
        joined["digests"],
        joined["canonical"],
        {name: joined[name] for name in SIDE_FEATURES},
        {name: joined[name] for name in LETTER_FAULTS},
        joined["foreign"],
        joined["contained"],
        joined["identical"],
        missing,
        tuple(missing_at),
    )


def _values(batch: pa.RecordBatch, columns: Columns, name: str) -> tuple[list[Any], list[Any], list[Any]]:
    for column in (*columns.sides, columns.label):
        if column not in batch.schema.names:
            raise DataError(f"{name}: column {column!r} is missing in a part of the rows")
    first, second = (strings(batch, side, name) for side in columns.sides)
    labels = batch[columns.label]
    if pa.types.is_nested(labels.type):
        raise DataError(f"{name}: column {columns.label!r} holds {labels.type}, not labels: name another with --label")
    return first, second, label_values(labels)


def _block(texts: tuple[list[str], list[str]], alphabets: tuple[Alphabet, Alphabet]) -> dict[str, NDArray[Any]]:
    """Turn the pairs of one batch into numbers."""
    # Case says nothing of what a sequence is; in a text it may.
    standard = [[alphabet.standard(text) for text in side] for side, alphabet in zip(texts, alphabets, strict=True)]
    digests, canonical = [], []
    other_strand: list[list[str]] = []
    for side, alphabet in zip(standard, alphabets, strict=True):
        own = _digest(side)
        digests.append(own)
        strand = [reverse_complement(text) for text in side] if alphabet.both_strands else side
        other_strand.append(strand)
        canonical.append(np.minimum(own, _digest(strand)) if alphabet.both_strands else own)
    looks = [_looks(side, alphabet) for side, alphabet in zip(texts, alphabets, strict=True)]
    comparable = alphabets[0].aligned_as == alphabets[1].aligned_as and (
        alphabets[0] == alphabets[1] or alphabets[0].is_sequence
    )
    pairs = list(zip(standard[0], standard[1], other_strand[1], strict=True))
    identical = np.array([comparable and a in (b, c) for a, b, c in pairs], dtype=bool)
    within = np.array([comparable and (a in b or b in a or a in c or c in a) for a, b, c in pairs], dtype=bool)
    block: dict[str, NDArray[Any]] = {name: np.stack([look[name] for look in looks]) for name in looks[0]}
    return block | {
        "digests": np.stack(digests),
        "canonical": np.stack(canonical),
        "identical": identical,
        "contained": within & ~identical,
    }


def _digest(texts: list[str]) -> NDArray[np.uint64]:
    """64 bits of each string: among millions of them one chance collision is less likely than one in a million."""
    return np.frombuffer(b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts), dtype=np.uint64)


def _looks(texts: list[str], alphabet: Alphabet) -> dict[str, NDArray[Any]]:
    """Features and faults of one side."""
    n = len(texts)
    lengths = np.array([len(text) for text in texts])
    if not alphabet.is_sequence:
        nothing = np.zeros(n, dtype=np.float32)
        clean = {name: np.zeros(n, dtype=bool) for name in LETTER_FAULTS}
        return clean | {
            "length": lengths.astype(np.float32),
            "composition": nothing,
            "complexity": nothing,
            "foreign": nothing,
        }
    # A letter that is not ASCII is another letter, whichever it is.
    codes = np.frombuffer("".join(texts).encode("ascii", "replace"), dtype=np.uint8).astype(np.int64)
    owner = np.repeat(np.arange(n), lengths)
    counts = np.bincount(owner * 128 + codes, minlength=n * 128).reshape(n, 128)

    def count(letters: str) -> NDArray[np.int64]:
        total: NDArray[np.int64] = counts[:, [ord(letter) for letter in letters]].sum(axis=1)
        return total

    def either_case(letters: str) -> NDArray[np.int64]:
        return count(letters + letters.lower())

    own, gaps, spaces = either_case(alphabet.letters), count(GAPS), count(SPACES)
    foreign = lengths - own - either_case(alphabet.ambiguous) - gaps - spaces
    complexity = _dust(codes, owner, n) if alphabet.aligned_as == "dna" else _entropy(counts)
    return {
        "length": lengths.astype(np.float32),
        "composition": (either_case(alphabet.composition) / np.maximum(own, 1)).astype(np.float32),
        "complexity": complexity.astype(np.float32),
        "lower_case": counts[:, ord("a") : ord("z") + 1].sum(axis=1) > 0,
        "gaps": gaps > 0,
        "white_space": spaces > 0,
        "other_letters": own + gaps + spaces < lengths,
        "foreign": foreign.astype(np.float32),
    }


_BASE = np.full(128, -1, dtype=np.int64)
_BASE[[ord(letter) for letter in "ACGTUacgtu"]] = [0, 1, 2, 3, 3] * 2


def _dust(codes: NDArray[np.int64], owner: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """DUST score of each string, negated so that more is more complex: Morgulis et al. (2006) J Comput Biol 13:1028.

    The score of a whole string: sum over triplets of c (c - 1) / 2, over the number of triplets less one.
    """
    bases = _BASE[codes]
    triplets = bases[:-2] * 16 + bases[1:-1] * 4 + bases[2:]
    within = (owner[:-2] == owner[2:]) & (bases[:-2] >= 0) & (bases[1:-1] >= 0) & (bases[2:] >= 0)
    counts = np.bincount(owner[:-2][within] * 64 + triplets[within], minlength=n * 64).reshape(n, 64)
    score: NDArray[np.float64] = -(counts * (counts - 1) / 2).sum(axis=1) / np.maximum(counts.sum(axis=1) - 1, 1)
    return score


def _entropy(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shannon entropy of the letters of each string, bits."""
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    entropy: NDArray[np.float64] = -(parts * np.log2(np.where(parts > 0, parts, 1))).sum(axis=1)
    return entropy


@dataclass(frozen=True)
class Texts:
    """The strings of some pairs, in ascending order of their places."""

    places: NDArray[np.int64]
    sentence1: list[str]
    sentence2: list[str]
    ids: list[str | None]


def fetch(pairs: Pairs, places: NDArray[np.int64]) -> Texts:
    """Read the strings of pairs again, as they are written.

    Parameters
    ----------
    places : ndarray, shape=(k,)
        Places in `pairs`, each once.
    """
    places = np.sort(places)
    texts = Texts(places, [], [], [])
    for number in np.unique(pairs.part[places]).tolist():
        rows = pairs.row[places[pairs.part[places] == number]]
        for batch in _rows(pairs, number, rows):
            texts.sentence1.extend(map(str, strings(batch, pairs.columns.sides[0], pairs.data.name)))
            texts.sentence2.extend(map(str, strings(batch, pairs.columns.sides[1], pairs.data.name)))
            named = pairs.columns.id
            texts.ids.extend([None] * batch.num_rows if named is None else map(str, batch[named].to_pylist()))
    return texts


def _rows(pairs: Pairs, part: int, rows: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """Yield ascending rows of a part."""
    start = done = 0
    for batch in pairs.data.parts[part].read():
        end = int(np.searchsorted(rows, start + batch.num_rows))
        if end > done:
            yield batch.take(pa.array(rows[done:end] - start))
        done, start = end, start + batch.num_rows
        if done == len(rows):
            return


def sequences_of(pairs: Pairs, parts: list[int], wanted: NDArray[np.bool_], side: int) -> Iterator[str]:
    """Yield one side of the wanted pairs of some parts, in standard spelling and in their order; wanted: shape (n,)."""
    standard = pairs.columns.alphabets[side].standard
    for part in parts:
        rows = pairs.row[(pairs.part == part) & wanted]
        for batch in _rows(pairs, part, rows):
            yield from (standard(str(text)) for text in strings(batch, pairs.columns.sides[side], pairs.data.name))
