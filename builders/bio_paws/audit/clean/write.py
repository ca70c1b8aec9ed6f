"""CLEAN, from top to bottom: read -> mark rows -> new splits where asked -> leaks -> files and manifest."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.clean.output import file_names, new_folder
from bio_paws.audit.clean.resplit import SPLITS, split_by_homology
from bio_paws.audit.clean.rows import (
    Reasons,
    mark_degrees,
    mark_labels,
    mark_leaks,
    mark_repeats,
    no_reasons,
    split_sides,
)
from bio_paws.audit.pairs import Pairs, collect
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import FILE_ROW, DataSet
from bio_paws.audit.tables.request import Request
from bio_paws.errors import DataError, first_line
from bio_paws.execution.files import write_json
from bio_paws.execution.printable import inert_cell

MANIFEST, REMOVED = "manifest.json", "removed.txt"


@dataclass(frozen=True)
class Cleaned:
    """What was written.

    Attributes
    ----------
    folder : Path
        Holds a Parquet file for each split, `MANIFEST`, and `REMOVED` with every row that left.
    rows : dict of str to int
        Rows of each split.
    removed : dict of str to int
        Rows that left, by reason: the id of a check, or ``between_splits``.
    labels : dict of str to tuple of int
        Rows of each split with label 0 and 1: both 0 for a split that has no rows and is not written.
    resplit : bool
        Whether the splits are new ones.
    """

    folder: Path
    rows: dict[str, int]
    removed: dict[str, int]
    labels: dict[str, tuple[int, int]]
    resplit: bool

    def within(self, folder: Path) -> Cleaned:
        """Return the same below another folder."""
        return replace(self, folder=folder / self.folder)


def clean(
    sets: Sequence[DataSet], request: Request, folder: Path, *, resplit: bool = False, balance: bool = False
) -> list[Cleaned]:
    """Write data sets without missing values, conflicts, duplicates and leaks: all of them, or none.

    Parameters
    ----------
    sets : sequence of DataSet
        As for `bio_paws.audit.run.audit`; of several, each has a folder of its own.
    request : Request
        Likewise.
    folder : Path
        Where to write; must be empty, or not there.
    resplit : bool
        Give new splits by groups of homologs, instead of those there are.
    balance : bool
        Remove rows until every sequence stands as often under both labels of its split, or in one row, and both labels
        are as frequent as that allows.

    Raises
    ------
    DataError
        When no row of a set stays, or its columns cannot be written.
    BioPawsError
        When the folder cannot be written.
    """
    with new_folder(folder) as part:
        if len(sets) == 1:
            return [_clean(sets[0], request, part, Path(), resplit, balance).within(folder)]
        names = file_names(data.name for data in sets)
        return [_clean(data, request, part, Path(names[data.name]), resplit, balance).within(folder) for data in sets]


def _clean(data: DataSet, request: Request, part: Path, name: Path, resplit: bool, balance: bool) -> Cleaned:
    data, columns = find_columns(data, request)
    pairs = collect(data, columns, request)
    numbered = number_sequences(pairs)
    reasons = no_reasons(len(pairs))
    mark_repeats(pairs, numbered, reasons)
    given = pairs.part.astype(np.int64)
    if balance:
        mark_degrees(pairs, numbered, np.zeros_like(given) if resplit else given, reasons)
    splits = [*SPLITS] if resplit else pairs.splits
    files = file_names(splits)
    divided = split_by_homology(pairs, numbered, reasons) if resplit else given
    looked_at, sides = None, split_sides(numbered, reasons)
    # A side may be the classes of the whole task, and not of the fewer rows that are left: then it leaks as any other.
    while looked_at != sides:
        mark_leaks(pairs, numbered, divided, sides, reasons)
        if balance:
            # What leaked took partners away.
            mark_degrees(pairs, numbered, divided, reasons)
            mark_labels(pairs, numbered, divided, reasons)
        looked_at, sides = sides, split_sides(numbered, reasons)
    if not (reasons == "").any():
        raise DataError(f"{data.name}: no row is left: {_counted(Counter(reasons.tolist()))}")
    folder = part / name
    folder.mkdir(exist_ok=True)
    _write_removed(pairs, reasons, folder / REMOVED)
    rows, labels = {}, {}
    for number, split in enumerate(splits):
        staying = (reasons == "") & (divided == number)
        ones = int(pairs.labels[staying].sum(dtype=np.int64))
        labels[split] = (int(staying.sum()) - ones, ones)
        if staying.any():
            rows[split] = int(staying.sum())
            _write_split(pairs, staying, folder / f"{files[split]}.parquet")
    removed = Counter(reason for reason in reasons.tolist() if reason)
    removed["missing_values"] += pairs.missing
    counts = {reason: count for reason, count in sorted(removed.items()) if count}
    write_json(
        folder / MANIFEST,
        {
            "source": data.name,
            "columns": {"sentence1": columns.sides[0], "sentence2": columns.sides[1], "label": columns.label},
            "resplit": resplit,
            "balance": balance,
            "rows": rows,
            "removed": counts,
        },
    )
    return Cleaned(name, rows, counts, labels, resplit)


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))


def _write_removed(pairs: Pairs, reasons: Reasons, path: Path) -> None:
    """Write every row that left, between tabs: its split and number there, its id, and the reason."""
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter="\t")
        writer.writerow(("split", "row", "id", "reason"))
        for number, split in enumerate(pairs.splits):
            whole = pairs.row[pairs.part == number]
            why = dict(zip(whole.tolist(), reasons[pairs.part == number].tolist(), strict=True))
            start = 0
            for batch in pairs.data.parts[number].read():
                named = pairs.columns.id
                ids = [None] * batch.num_rows if named is None else batch[named].to_pylist()
                for row, row_id in enumerate(ids, start=start):
                    if reason := why.get(row, "missing_values"):
                        writer.writerow(
                            (inert_cell(split), row, inert_cell("" if row_id is None else str(row_id)), reason)
                        )
                start += batch.num_rows


def _write_split(pairs: Pairs, staying: NDArray[np.bool_], path: Path) -> None:
    """Write the rows that stay, with all their columns.

    Raises
    ------
    DataError
        When a column holds values that no one type can hold.
    """
    try:
        # Of JSON, and of splits that are files of their own, each batch has the columns and types of its own rows.
        schema = pa.unify_schemas((batch.schema for batch in _batches(pairs, staying)), promote_options="permissive")
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as out:
            for batch in _batches(pairs, staying):
                columns = [
                    batch[field.name].cast(field.type) if field.name in batch.schema.names else pa.nulls(len(batch))
                    for field in schema
                ]
                out.write_table(pa.table(columns, names=schema.names).cast(schema))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{pairs.data.name}: rows cannot be written as one table: {first_line(error)}") from error


def _batches(pairs: Pairs, staying: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    for number in np.unique(pairs.part[staying]).tolist():
        rows = pairs.row[staying & (pairs.part == number)]
        start = done = 0
        for batch in pairs.data.parts[number].read():
            end = int(np.searchsorted(rows, start + batch.num_rows))
            if end > done:
                own = batch.take(pa.array(rows[done:end] - start))
                yield own.drop_columns([FILE_ROW]) if FILE_ROW in own.schema.names else own
            start, done = start + batch.num_rows, end
