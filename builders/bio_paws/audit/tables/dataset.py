"""Any pair data set as record batches: a file, a folder, or a repository on the Hub. Nothing is held in memory."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from bio_paws.errors import DataError
from bio_paws.execution.memory import reraise_if_out_of_memory

ROWS_PER_BATCH = 1024
"""Pairs that are looked at together: few enough for long genes."""

_CHARACTERS = 1 << 20  # of JSON read at a time
_LONGEST_OBJECT = 1 << 25  # characters: over ten times the longest gene
_HUB_ID = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?")
_SPLIT_ORDER = ("train", "validation", "valid", "val", "dev", "test")


@dataclass(frozen=True)
class Part:
    """A split: its name, and its rows, read anew at each use."""

    split: str
    read: Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class DataSet:
    """What is audited as a whole: a file, or a config. Splits are in the order train, validation, test, others."""

    name: str
    parts: tuple[Part, ...]


def open_data(dataset: str, config: str | None, split: str | None) -> list[DataSet]:
    """Find what a user names.

    Parameters
    ----------
    dataset : str
        A file (Parquet, CSV, TSV, JSON lines, or a JSON array), a folder that `datasets.load_dataset` takes, or the id
        of a data set on the Hub.
    config, split : str, optional
        Only this one; by default all. A file has neither.

    Raises
    ------
    DataError
        When there is no such thing, or it cannot be read.
    """
    path = Path(dataset)
    if path.is_file():
        if config or split:
            raise DataError(f"{dataset}: a file has no configs or splits: leave --config and --split out")
        return [DataSet(path.name, (Part("all", partial(_guarded, dataset, _file_reader(path))),))]
    if not path.is_dir() and (path.suffix in _READERS or not _HUB_ID.fullmatch(dataset)):
        raise DataError(f"{dataset}: no such file or folder, and not the id of a data set on the Hub")
    return _open_with_datasets(dataset, config, split)


def _guarded(name: str, read: Callable[[], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Read, and say in one line what went wrong."""
    try:
        yield from read()
    except Exception as error:  # whatever a format's reader raises, of many libraries
        reraise_if_out_of_memory(error)
        why = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise DataError(f"{name}: cannot be read: {why}") from error


# Files


def _file_reader(path: Path) -> Callable[[], Iterator[pa.RecordBatch]]:
    suffixes = [one for one in path.suffixes if one not in (".gz", ".bz2", ".zst")]
    suffix = suffixes[-1].lower() if suffixes else ""
    if suffix not in _READERS:
        raise DataError(f"{path}: not a file of pairs: name one of {', '.join(_READERS)}, or a folder")
    return partial(_READERS[suffix], path)


def _read_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_PER_BATCH)


def _read_delimited(path: Path, delimiter: str) -> Iterator[pa.RecordBatch]:
    with pa.input_stream(str(path), compression="detect") as data:
        header = pacsv.ReadOptions(use_threads=False)
        # A column of sequences may look like one of numbers or truth values at first: "NA", "T".
        options = pacsv.ConvertOptions(strings_can_be_null=True, null_values=["", "NULL", "null", "None", "NaN"])
        with pacsv.open_csv(
            data, read_options=header, parse_options=pacsv.ParseOptions(delimiter=delimiter), convert_options=options
        ) as batches:
            yield from _sliced(batches)


def _read_json(path: Path) -> Iterator[pa.RecordBatch]:
    """Read JSON objects: one a line, or in an array; the file is never held whole."""
    with pa.input_stream(str(path), compression="detect") as data:
        rows: list[dict[str, Any]] = []
        for row in _objects(io.TextIOWrapper(data, encoding="utf-8")):
            if not isinstance(row, dict):
                raise DataError("not a list of JSON objects, each a pair")
            rows.append(row)
            if len(rows) == ROWS_PER_BATCH:
                yield pa.RecordBatch.from_pylist(rows)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows)


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
                raise DataError(f"a JSON object of over {_LONGEST_OBJECT:,} characters") from None
            # Twice as much each time: an object that is read in steps is decoded from its start at each.
            more = text.read(max(_CHARACTERS, len(buffer) - at))
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
    found = _BETWEEN.match(buffer, at)
    return found.end() if found else at


_READERS: dict[str, Callable[[Path], Iterator[pa.RecordBatch]]] = {
    ".parquet": _read_parquet,
    ".csv": partial(_read_delimited, delimiter=","),
    ".tsv": partial(_read_delimited, delimiter="\t"),
    ".json": _read_json,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
}


def _sliced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for at in range(0, batch.num_rows, ROWS_PER_BATCH):
            yield batch.slice(at, ROWS_PER_BATCH)


# Folders and the Hub


def _open_with_datasets(dataset: str, config: str | None, split: str | None) -> list[DataSet]:
    import datasets  # takes a second

    datasets.disable_progress_bars()
    try:
        names = [config] if config else datasets.get_dataset_config_names(dataset)
        loaded = {name: datasets.load_dataset(dataset, name, streaming=True) for name in names}
    except Exception as error:  # of datasets, huggingface_hub, fsspec and the readers of formats
        reraise_if_out_of_memory(error)
        why = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise DataError(f"{dataset}: cannot be loaded as a data set: {why}") from error
    found = []
    for name, splits in loaded.items():
        if split and split not in splits:
            raise DataError(f"{dataset}: {name} has no split {split!r}: choose from {', '.join(splits)}")
        wanted = sorted((one for one in splits if split in (None, one)), key=_split_order)
        parts = tuple(
            Part(one, partial(_guarded, f"{dataset} {name}", partial(_stream, splits[one]))) for one in wanted
        )
        found.append(DataSet(name, parts))
    return found


def _split_order(split: str) -> int:
    return _SPLIT_ORDER.index(split) if split in _SPLIT_ORDER else len(_SPLIT_ORDER)


def _stream(splits: Any) -> Iterator[pa.RecordBatch]:
    for table in splits.with_format("arrow").iter(ROWS_PER_BATCH):
        yield from table.combine_chunks().to_batches()
