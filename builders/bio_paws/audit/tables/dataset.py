"""Any pair data set as record batches: a file, a folder, or a repository on the Hub. Nothing is held in memory."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bio_paws.audit.tables.formats import FORMATS, ROWS_PER_BATCH, Read, format_of
from bio_paws.dataset.integrity import require_intact_source
from bio_paws.dataset.load import HUB_REPO
from bio_paws.errors import BioPawsError, DataError, first_line
from bio_paws.execution.hub import limit_answers
from bio_paws.execution.memory import reraise_if_out_of_memory

FILE_ROW = "row of the file"
"""Column added to the parts of a file that a column divides into splits: rows are counted from 0."""

_HUB_ID = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?")
_SPLIT_ORDER = ("train", "training", "validation", "valid", "val", "dev", "test")
SPLIT_COLUMNS = ("split", "fold", "kfold", "subset", "partition")
"""Columns that name the split of a row."""
_FOLD_COLUMNS = ("fold", "kfold", "partition")  # of these, with numbers: no fold comes before another
_MOST_SPLITS = 20


@dataclass(frozen=True)
class Part:
    """A split: its name, and its rows, read anew at each use."""

    split: str
    read: Read


@dataclass(frozen=True)
class DataSet:
    """What is audited as a whole: a file, or a config.

    Attributes
    ----------
    name : str
        Of the file, or of the config.
    parts : tuple of Part
        Splits in the order train, validation, test, others.
    notes : tuple of str
        What was guessed about the files, in words.
    folds : bool
        Whether the splits are folds, each to be predicted from all others.
    """

    name: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    folds: bool = False


def open_data(dataset: str, config: str | None = None, split: str | None = None) -> list[DataSet]:
    """Find what a user names.

    Parameters
    ----------
    dataset : str
        A file (Parquet, CSV, TSV, JSON lines, or a JSON array), a folder of such files called by their splits or that
        `datasets.load_dataset` takes, or the id of a data set on the Hub.
    config, split : str, optional
        Only this one; by default all. A file has no configs, and splits only where a column holds them.

    Raises
    ------
    DataError
        When there is no such thing, or it cannot be read.
    """
    path = Path(dataset)
    require_intact_source(path, config, split)
    if path.is_file():
        return [_selected(_open_file(dataset, path), config, split)]
    if path.is_dir() and not config and (files := _files_by_split(path)):
        return [_selected(open_files(path.resolve().name, files), config, split)]
    if not dataset or (os.path.lexists(path) and not path.is_dir()):
        raise DataError(f"{dataset or repr(dataset)}: neither a file nor a folder")
    if not path.is_dir() and (path.suffix in FORMATS or not _HUB_ID.fullmatch(dataset)):
        raise DataError(f"{dataset}: no such file or folder, and not the id of a data set on the Hub")
    return _open_with_datasets(dataset, config, split)


def _selected(data: DataSet, config: str | None, split: str | None) -> DataSet:
    names = [part.split for part in data.parts]
    if config or (split and names == ["all"]):
        raise DataError(f"{data.name}: a file has no configs or splits: leave --config and --split out")
    if split and split not in names:
        raise DataError(f"{data.name}: has no split {split!r}: choose from {', '.join(names)}")
    return replace(data, parts=tuple(part for part in data.parts if split in (None, part.split)))


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    """Say in one line what went wrong."""
    try:
        yield
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: cannot be read: byte {error.start} is not UTF-8: save it as UTF-8") from error
    except Exception as error:  # whatever a format's reader raises, of many libraries
        reraise_if_out_of_memory(error)
        raise DataError(f"{name}: cannot be read: {first_line(error)}") from error


def _guarded(name: str, read: Read) -> Iterator[pa.RecordBatch]:
    with _one_line(name):
        for batch in read():
            if FILE_ROW in batch.schema.names:
                raise DataError(f"{name}: has a column {FILE_ROW!r}, a name that an audit uses: rename it")
            yield _plainly_stored(batch)


def _plainly_stored(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch without categories (of pandas) and views (of Polars), whose rows Arrow cannot take."""
    kinds = [_plain_kind(kind) for kind in batch.schema.types]
    if kinds == batch.schema.types:
        return batch
    columns = [column.cast(kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain_kind(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_kind(kind.value_type)
    return pa.string() if pa.types.is_string_view(kind) else kind


# Files


def _unchanged(path: Path, opened: tuple[int, int, int], read: Read) -> Iterator[pa.RecordBatch]:
    """Read a file that is read several times: what one reading says of a row must hold for the next."""
    for batches in (read(), ()):
        if _state(path) != opened:
            raise DataError(f"{path}: was changed while it was audited: audit it again")
        yield from batches


def _state(path: Path) -> tuple[int, int, int]:
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


def _open_file(name: str, path: Path, *, divide: bool = True) -> DataSet:
    opener = format_of(path)
    if opener is None:
        raise DataError(f"{path}: not a file of pairs: name one of {', '.join(FORMATS)}, or a folder")
    with _one_line(name):
        read, notes = opener(path)
    guarded = partial(_guarded, name, partial(_unchanged, path, _state(path), read))
    divided = _divided(name, guarded) if divide else None
    if divided is None:
        return DataSet(path.name, (Part("all", guarded),), notes)
    column, parts, folds = divided
    given = "the given folds, each to be predicted from the others" if folds else "the given split"
    return DataSet(path.name, parts, (*notes, f"column {column!r} is taken for {given}"), folds)


def _divided(name: str, read: Read) -> tuple[str, tuple[Part, ...], bool] | None:
    """Divide a file by a column that names the split of each row, and say if these are folds; None without one.

    Raises
    ------
    DataError
        When the column spells a split in two ways.
    """
    values: dict[str, None] = {}
    column = None
    for batch in read():
        if column is None:
            names = {name.lower(): name for name in reversed(batch.schema.names)}
            column = next((names[known] for known in SPLIT_COLUMNS if known in names), None)
        if column is None or column not in batch.schema.names or pa.types.is_nested(batch[column].type):
            return None
        values |= dict.fromkeys(map(_split_name, pc.unique(batch[column]).to_pylist()))
        if len(values) > _MOST_SPLITS:
            return None
    if column is None or len(values) < 2:
        return None
    spelt: dict[str, str] = {}
    for value in values:
        same = spelt.setdefault(value.casefold(), value)
        if same != value:
            raise DataError(f"{name}: column {column!r} calls a split {same!r} and {value!r}: write it in one way")
    numbered = any(value.isdigit() for value in values)
    folds = all(value.isdigit() for value in values if value != "none") and column.lower() in _FOLD_COLUMNS
    ordered = sorted(values, key=lambda value: (_split_order(value), value))
    parts = [
        Part(f"{column} {value}" if numbered else value, partial(_rows_with, read, column, value)) for value in ordered
    ]
    return column, tuple(parts), folds


def _split_name(value: object) -> str:
    """Return the name of a split; pandas writes numbers of folds with a decimal point where one is missing."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "none" if missing else str(value).strip().removesuffix(".0")


def _rows_with(read: Read, column: str, value: str) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in read():
        numbered = batch.append_column(FILE_ROW, pa.array(range(row, row + batch.num_rows), pa.int64()))
        row += batch.num_rows
        yield numbered.filter(pa.array([_split_name(own) == value for own in batch[column].to_pylist()], pa.bool_()))


def _files_by_split(folder: Path) -> dict[str, Path]:
    """Return the files of a plain folder by their splits; nothing where `datasets` must say what belongs together."""
    if (folder / "README.md").exists():
        return {}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and format_of(path) is not None]
    splits = {path.name.split(".")[0].lower(): path for path in files if path.parent == folder}
    known = all(split in _SPLIT_ORDER for split in splits)
    return splits if known and len(splits) == len(files) else {}


def open_files(name: str, files: dict[str, Path]) -> DataSet:
    """Open files that are the splits of a data set.

    Parameters
    ----------
    name : str
        What the data set is called.
    files : dict of str to Path
        A file of pairs by split.
    """
    parts, notes = [], []
    for split in sorted(files, key=_split_order):
        opened = _open_file(str(files[split]), files[split], divide=False)
        parts.append(Part(split, opened.parts[0].read))
        notes += [f"{files[split].name}: {note}" for note in opened.notes]
    return DataSet(name, tuple(parts), tuple(notes))


# Folders and the Hub


def _open_with_datasets(dataset: str, config: str | None, split: str | None) -> list[DataSet]:
    import datasets  # takes a second

    from bio_paws.dataset.hub_copy import hub_copy

    datasets.disable_progress_bars()
    limit_answers()
    try:
        place = dataset
        if not Path(dataset).is_dir():
            if dataset == HUB_REPO:
                _require_installed(config)
            else:
                place = str(hub_copy(dataset, config=config) or dataset)
        names = [config] if config else datasets.get_dataset_config_names(place)
        loaded = {name: datasets.load_dataset(place, name, streaming=True) for name in names}
    except BioPawsError:
        raise
    except Exception as error:  # of datasets, huggingface_hub, fsspec and the readers of formats
        reraise_if_out_of_memory(error)
        raise DataError(f"{dataset}: cannot be loaded as a data set: {first_line(error)}") from error
    opened = []
    for name, splits in loaded.items():
        if split and split not in splits:
            raise DataError(f"{dataset}: {name} has no split {split!r}: choose from {', '.join(splits)}")
        wanted = sorted((present for present in splits if split in (None, present)), key=_split_order)
        where = f"{dataset} {name}"
        parts = tuple(Part(chosen, partial(_guarded, where, partial(_stream, splits[chosen]))) for chosen in wanted)
        opened.append(DataSet(name, parts))
    unread = _unread(Path(place), names)
    note = f"not read, since a folder is read in one format: {', '.join(unread)}"
    return [replace(data, notes=(note,)) for data in opened] if unread else opened


def _unread(folder: Path, configs: list[str]) -> list[str]:
    """Return the files of pairs that `datasets` passes over in a folder whose card does not say what is read."""
    import datasets

    if not folder.is_dir() or (folder / "README.md").exists():
        return []
    data_files = [datasets.load_dataset_builder(str(folder), name).config.data_files for name in configs]
    read = {Path(file).resolve() for files in data_files for split in (files or {}).values() for file in split}
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and format_of(path) is not None)
    return [str(path.relative_to(folder)) for path in files if path.resolve() not in read]


def _require_installed(config: str | None) -> None:
    """Check what lies in the cache under the name of no repository."""
    import datasets

    from bio_paws.dataset.installed import require_installed

    if config is None:
        raise DataError(f"{HUB_REPO}: no such folder; of what bio-paws install put into the cache name a --config")
    require_installed(config, datasets.load_dataset(HUB_REPO, config))


def _split_order(split: str) -> int:
    """Return the place of a split among those that are read before and after it."""
    lower = split.lower()
    return _SPLIT_ORDER.index(lower) if lower in _SPLIT_ORDER else len(_SPLIT_ORDER)


def _stream(splits: Any) -> Iterator[pa.RecordBatch]:
    for table in splits.with_format("arrow").iter(ROWS_PER_BATCH):
        yield from table.combine_chunks().to_batches()
