"""What the Hub's viewer needs: a card and Parquet files that agree, and rows that its jobs do not fail on.

The rules are those of https://github.com/huggingface/dataset-viewer, in `libs/libcommon/src/libcommon`:
`statistics_utils.py` (statistics of a split), `viewer_utils/rows.py` and `truncate_rows.py` (its first rows), and
`services/worker/src/worker/config.py` (limits).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

from bio_paws.verify.violations import Fault, Violation
from bio_paws_cards.files import CARD
from bio_paws_cards.manifest import Manifest

ROW_GROUP_BYTES = 100_000_000  # PARQUET_AND_INFO_MAX_ROW_GROUP_BYTE_SIZE_FOR_COPY
_FIRST_ROWS = 10  # FIRST_ROWS_MIN_NUMBER: of rows after these it leaves out what is too much
FIRST_ROWS_BYTES = 200_000  # what the Hub gives FIRST_ROWS_MAX_BYTES
_CATEGORY_SHARE, _CATEGORIES, _FEW = 0.2, 1_000, 10  # MAX_PROPORTION_STRING_LABELS, MAX_NUM_STRING_LABELS, NUM_BINS


def check_viewer(folder: Path, manifest: Manifest) -> Iterator[Violation]:
    """Check that the card's metadata is what the Parquet files hold, and that these are written as the viewer reads.

    Parameters
    ----------
    folder : Path
        The data set, whose files are those of its manifest.
    manifest : Manifest
        Its manifest.
    """
    try:
        data = DatasetCard.load(folder / CARD).data
        infos, card_configs = DatasetInfosDict.from_directory(str(folder)), MetadataConfigs.from_dataset_card_data(data)
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        yield Violation("VIEWER001", "", "", "", f"{CARD}: its metadata cannot be read: {str(error).splitlines()[0]}")
        return
    if not list(manifest.configs) == list(card_configs) == list(infos):
        yield Violation(
            "VIEWER002", "", "", "", f"{CARD}: its metadata is of configs {list(card_configs)} and {list(infos)}"
        )
        return
    for name, entry in manifest.configs.items():
        card_files = {data_file["split"]: data_file["path"] for data_file in card_configs[name]["data_files"]}
        if card_files != {split: split_entry.file for split, split_entry in entry.splits.items()}:
            yield Violation("VIEWER003", name, "", "", f"{CARD}: names other files: {card_files}")
        for fault in _config_faults(name, infos[name], [folder / split.file for split in entry.splits.values()]):
            yield Violation(fault.code, name, "", "", fault.message)
        for split, split_entry in entry.splits.items():
            for fault in _split_faults(folder / split_entry.file, split, infos[name]):
                yield Violation(fault.code, name, split, "", fault.message)


def _config_faults(name: str, info: datasets.DatasetInfo, paths: list[Path]) -> Iterator[Fault]:
    try:
        datasets.BuilderConfig(name=name)
    except ValueError as error:
        yield Fault("VIEWER004", f"not the name of a config: {error}")
    file_bytes = sum(path.stat().st_size for path in paths)
    if info.download_size != file_bytes:
        yield Fault("VIEWER005", f"{CARD}: download_size {info.download_size}, the files have {file_bytes} bytes")
    split_bytes = sum(split.num_bytes for split in info.splits.values())
    if info.dataset_size != split_bytes:
        yield Fault("VIEWER005", f"{CARD}: dataset_size {info.dataset_size}, its splits have {split_bytes} bytes")
    if not isinstance(info.features.get("label"), datasets.ClassLabel):
        yield Fault("VIEWER006", f"{CARD}: label is no ClassLabel")


def _split_faults(path: Path, split: str, info: datasets.DatasetInfo) -> Iterator[Fault]:
    try:
        datasets.NamedSplit(split)
    except ValueError as error:
        yield Fault("VIEWER004", f"not the name of a split: {error}")
    file = pq.ParquetFile(path)
    footer, schema = file.metadata, file.schema_arrow
    if _features(schema) != info.features:
        yield Fault("VIEWER007", "the file's features are not the card's")
    for key in ("content_defined_chunking", "use_content_defined_chunking"):
        if key.encode() not in (schema.metadata or {}):
            yield Fault("VIEWER008", f"the file's metadata lacks {key}: the Hub takes it for one that is not optimised")
    # One row group after the other, since a split need not fit into memory.
    stated = info.splits[split]
    groups = (file.read_row_group(number) for number in range(footer.num_row_groups))
    measured = footer.num_rows, sum(_arrow_bytes(column) for table in groups for column in table.columns)
    if (stated.num_examples, stated.num_bytes) != measured:
        message = (
            f"{stated.num_examples} rows of {stated.num_bytes} bytes, the file holds {measured[0]} of {measured[1]}"
        )
        yield Fault("VIEWER005", f"{CARD}: {message}")
    # Readers find a row by the counts in the footer: where these do not add up, they show another one.
    parts = [footer.row_group(number) for number in range(footer.num_row_groups)]
    if sum(part.num_rows for part in parts) != footer.num_rows:
        yield Fault("VIEWER009", "the file's footer counts other rows than its row groups")
    if any(part.total_byte_size >= ROW_GROUP_BYTES for part in parts):
        yield Fault("VIEWER010", f"a row group has {ROW_GROUP_BYTES:,} bytes or more")
    columns = [part.column(number) for part in parts for number in range(part.num_columns)]
    if not all(column.has_offset_index and column.has_column_index for column in columns):
        yield Fault("VIEWER011", "the file has no page index")
    if any(column.compression == "UNCOMPRESSED" for column in columns):
        yield Fault("VIEWER012", "the file is not compressed")
    if not _has_checksums(path, columns):
        yield Fault("VIEWER013", "the file has no page checksums: damage could go unnoticed")


def _features(schema: pa.Schema) -> datasets.Features | None:
    """Read the features that a file's metadata names; without them a label would be an integer."""
    try:
        return datasets.Features.from_dict(json.loads(schema.metadata[b"huggingface"])["info"]["features"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _arrow_bytes(column: pa.ChunkedArray) -> int:
    """Return the bytes of a column in Arrow when no value is missing, as `pyarrow.Table.nbytes` counts them."""
    if pa.types.is_string(column.type):
        return 4 * len(column) + (pc.sum(pc.binary_length(column)).as_py() or 0)
    return len(column) * int(column.type.byte_width)


def _has_checksums(path: Path, columns: list[Any]) -> bool:
    """Whether the first page of every column chunk has a checksum.

    A page begins with its header, in Thrift's compact protocol: three integers, then the checksum where it has one
    (PageHeader in https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift). 0x15 begins
    an integer that is the field after the one before it, of 7 bits a byte, the last of which is below 0x80.
    """
    with path.open("rb") as data:
        for column in columns:
            data.seek(column.dictionary_page_offset or column.data_page_offset)
            header = data.read(1 + 3 * 6)
            at = 0
            for _ in range(3):
                at += 1
                while header[at] >= 0x80:
                    at += 1
                at += 1
            if header[at] != 0x15:
                return False
    return True


def viewer_notes(folder: Path, manifest: Manifest) -> list[Violation]:
    """Name the rows of a sound data set that the viewer fails on: it happens where a build is small.

    Statistics fail for a whole split where the integers of a column, or the lengths of its strings, are of two
    neighbouring values: the one bin between them is taken for an error. Strings of few values, in number and to the
    rows, are categories, whose lengths do not count. They fail for a split of one row too, which has no deviation.
    The first rows are cut to a limit: those after the tenth are left out first, then cells are cut short.

    Returns
    -------
    list of Violation
        Empty when the viewer shows everything.
    """
    notes = []
    for name, entry in manifest.configs.items():
        for split, split_entry in entry.splits.items():
            table = pq.read_table(folder / split_entry.file)
            notes += [
                Violation(fault.code, name, split, "", f"the Hub's viewer fails: {fault.message}")
                for fault in row_faults(table)
            ]
    return notes


def row_faults(table: pa.Table) -> Iterator[Fault]:
    """Yield why the viewer fails on the rows of one split: see `viewer_notes`."""
    if table.num_rows < 2:
        yield Fault("VIEWER014", f"no statistics of {table.num_rows} rows")
        return
    for field in table.schema:
        values = table[field.name]
        if field.name == "label" or pa.types.is_floating(field.type):
            continue
        if pa.types.is_string(field.type):
            distinct = pc.count_distinct(values).as_py()
            if distinct <= min(_CATEGORIES, _CATEGORY_SHARE * table.num_rows) or distinct <= _FEW:
                continue
            values = pc.utf8_length(values)
        least, most = pc.min_max(values).as_py().values()
        if most - least == 1:
            what = "lengths" if pa.types.is_string(field.type) else "values"
            yield Fault("VIEWER014", f"no statistics of {field.name}: its {what} are {least} and {most} only")
    size = len(json.dumps(table.slice(0, _FIRST_ROWS).to_pylist()))
    if size > FIRST_ROWS_BYTES:
        message = f"the first {_FIRST_ROWS} rows have {size:,} bytes, {FIRST_ROWS_BYTES:,} are shown"
        yield Fault("VIEWER015", message)
