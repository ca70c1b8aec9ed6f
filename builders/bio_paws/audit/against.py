"""What a data set shares with another one, or with a corpus that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.audit.checks.leakage import Division, check_division
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.checks.similar import check_similar
from bio_paws.audit.findings import Finding
from bio_paws.audit.pairs import Pairs, collect
from bio_paws.audit.tables.columns import Columns, find_columns, strings
from bio_paws.audit.tables.dataset import DataSet, Part, open_data
from bio_paws.audit.tables.fasta_ids import distinct_sequences, is_fasta
from bio_paws.audit.tables.formats import ROWS_PER_BATCH
from bio_paws.audit.tables.request import Request
from bio_paws.errors import DataError

_ROW = "id"


def compare(data: DataSet, request: Request, earlier_set: str) -> tuple[list[Finding], list[str]]:
    """Check what a data set shares with another: pairs, sequences, other strands, homologs and near copies.

    Parameters
    ----------
    data, request : DataSet, Request
        As for `bio_paws.audit.run.audit`.
    earlier_set : str
        A data set as `open_data` takes it, whose columns are guessed, all its configs together; or a FASTA file, the
        sequences of which are looked for on both sides.

    Returns
    -------
    tuple of list of Finding, list of str
        As `check_similar`; ids are those of leaks, as though the other data set were the earlier split.

    Raises
    ------
    DataError
        When the other data set cannot be read, or its sides are written in another alphabet.
    """
    data, columns = find_columns(data, request)
    own = collect(_plain(data, columns), _plain_columns(columns), replace(request, fasta=()))
    pairs = _joined([*_earlier(earlier_set, columns), own])
    numbered = number_sequences(pairs)
    late = np.arange(len(pairs)) >= len(pairs) - len(own)
    division = Division(data.name, ~late, late, random=False, earlier=Path(earlier_set).name)
    similar, searches = check_similar(pairs, numbered, [division])
    return [*check_division(pairs, numbered, division), *similar], searches


def check_against(earlier_set: str) -> None:
    """Check that another set or corpus is there, before an audit that takes long.

    Raises
    ------
    DataError
        When it is not, or is no data set.
    """
    path = Path(earlier_set)
    if not (path.is_file() and is_fasta(path)):
        open_data(earlier_set)


def _earlier(earlier_set: str, columns: Columns) -> list[Pairs]:
    """Read another data set as one of the same alphabets, its sides swapped where that makes them the same."""
    path = Path(earlier_set)
    if path.is_file() and is_fasta(path):
        return [collect(_of_sequences(path), _plain_columns(columns), Request())]
    read = []
    for data in open_data(earlier_set):
        with_sequences, own = find_columns(data, Request())
        if own.kinds != columns.kinds:
            own = replace(own, sides=own.sides[::-1], kinds=own.kinds[::-1])
        if own.kinds != columns.kinds:
            raise DataError(f"{data.name}: holds {own.molecule}, not {columns.molecule}: the two cannot be compared")
        read.append(collect(_plain(with_sequences, own), _plain_columns(columns), Request()))
    return read


def _of_sequences(path: Path) -> DataSet:
    """Put each sequence of a FASTA file on both sides of a pair."""
    sequences = distinct_sequences(path)
    if len(sequences) < 2:
        raise DataError(f"{path}: holds fewer than two sequences: there is nothing to compare with")

    def read() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(sequences), ROWS_PER_BATCH):
            own = sequences[start : start + ROWS_PER_BATCH]
            # No label is looked at, but pairs have one.
            labels = [str((start + i) % 2) for i in range(len(own))]
            ids = pa.nulls(len(own), pa.string())
            yield pa.RecordBatch.from_pydict({"sentence1": own, "sentence2": own, "label": labels, _ROW: ids})

    return DataSet(path.name, (Part("all", read),))


def _plain_columns(columns: Columns) -> Columns:
    return replace(columns, sides=("sentence1", "sentence2"), label="label", id=_ROW)


def _plain(data: DataSet, columns: Columns) -> DataSet:
    """Rename the columns of a data set."""

    def read(part: Part) -> Iterator[pa.RecordBatch]:
        for batch in part.read():
            first, second = (pa.array(strings(batch, side, data.name), pa.string()) for side in columns.sides)
            ids = batch[columns.id] if columns.id else pa.nulls(batch.num_rows)
            named = {"sentence1": first, "sentence2": second, "label": batch[columns.label], _ROW: ids}
            yield pa.RecordBatch.from_pydict(named)

    return replace(data, parts=tuple(Part(part.split, partial(read, part)) for part in data.parts))


def _joined(sets: list[Pairs]) -> Pairs:
    """Put pairs behind each other, the parts of their data sets too; the labels keep the names of the last."""
    last = sets[-1]
    starts = np.cumsum([0, *(len(pairs.data.parts) for pairs in sets)])
    parts = tuple(part for pairs in sets for part in pairs.data.parts)

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(pairs, name) for pairs in sets], axis=-1)

    return replace(
        last,
        data=replace(last.data, parts=parts),
        labels=joined("labels"),
        part=np.concatenate([pairs.part + start for pairs, start in zip(sets, starts, strict=False)]).astype(np.int16),
        row=joined("row"),
        digests=joined("digests"),
        canonical=joined("canonical"),
        features={key: np.concatenate([pairs.features[key] for pairs in sets], axis=-1) for key in last.features},
        faults={key: np.concatenate([pairs.faults[key] for pairs in sets], axis=-1) for key in last.faults},
        foreign=joined("foreign"),
        contained=joined("contained"),
        identical=joined("identical"),
    )
