"""Versions of the data: what a release changes of the one before it, and which number that calls for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.errors import DataError
from bio_paws_cards.manifest import ConfigEntry, Manifest

Version = tuple[int, int, int]

_SCORED = ("sentence1", "sentence2", "label")
_STRINGS = ("sentence1", "sentence2")
_ORIGIN = tuple(f"{name}{side}" for side in "12" for name in ("source", "start", "end", "strand"))


@dataclass(frozen=True)
class Difference:
    """What a release changes of one split.

    A row is added or removed where its id, a digest of the whole row, is only there or only here. An added and a
    removed row that hold the same two strings, or else come from the same two intervals, count as one changed row.

    Attributes
    ----------
    config, split : str
        Where.
    added, removed, changed : int
        Rows.
    scored : bool
        Whether the pairs and labels that a model is scored on differ.
    """

    config: str
    split: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    scored: bool = False


def parse_version(text: str) -> Version:
    """Read a version of the data.

    Raises
    ------
    DataError
        When it is not of the form 1.2.3.
    """
    match = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text)
    if match is None:
        raise DataError(f"{text!r} is not a version: write it as 1.2.3")
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def differences(
    new: dict[str, ConfigEntry],
    old: dict[str, ConfigEntry],
    new_file: Callable[[str], Path],
    old_file: Callable[[str], Path],
) -> list[Difference]:
    """Compare two releases, split by split.

    Parameters
    ----------
    new, old : dict of str to ConfigEntry
        The configs of their manifests.
    new_file, old_file : callable
        Return the path of a file of each; asked only for splits of configs whose content hash differs.

    Returns
    -------
    list of Difference
        In the order of the manifests; those without any change too.
    """
    changes = []
    for config in dict.fromkeys((*new, *old)):
        hashes = [entries[config].content_sha256 if config in entries else None for entries in (new, old)]
        ours, theirs = (entries[config].splits if config in entries else {} for entries in (new, old))
        for split in dict.fromkeys((*ours, *theirs)):
            if hashes[0] == hashes[1]:
                changes.append(Difference(config, split))
                continue
            tables = [
                pq.read_table(file(splits[split].file)) if split in splits else None
                for splits, file in ((ours, new_file), (theirs, old_file))
            ]
            changes.append(_difference(config, split, *tables))
    return changes


def _difference(config: str, split: str, new: pa.Table | None, old: pa.Table | None) -> Difference:
    if new is None or old is None:
        table = new if old is None else old
        rows = 0 if table is None else table.num_rows
        return Difference(config, split, rows * (old is None), rows * (new is None), scored=old is not None)
    added = _rows(new, set(new["pair_id"].to_pylist()) - set(old["pair_id"].to_pylist()))
    removed = _rows(old, set(old["pair_id"].to_pylist()) - set(new["pair_id"].to_pylist()))
    scored = Counter(_keys(added, _SCORED)) != Counter(_keys(removed, _SCORED))
    before = len(added)
    for columns in (_STRINGS, _ORIGIN):
        added, removed = _unmatched(added, removed, columns)
    return Difference(config, split, len(added), len(removed), before - len(added), scored)


def _rows(table: pa.Table, ids: set[str]) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row["pair_id"] in ids]


def _keys(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    return (tuple(row[name] for name in columns) for row in rows)


def _unmatched(
    added: list[dict[str, Any]], removed: list[dict[str, Any]], columns: tuple[str, ...]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Leave out rows that have a counterpart of the same values, one for one."""
    both = Counter(_keys(added, columns)) & Counter(_keys(removed, columns))
    return _beyond(added, both.copy(), columns), _beyond(removed, both, columns)


def _beyond(
    rows: list[dict[str, Any]], matched: Counter[tuple[Any, ...]], columns: tuple[str, ...]
) -> list[dict[str, Any]]:
    left = []
    for row, key in zip(rows, _keys(rows, columns), strict=True):
        if matched[key]:
            matched[key] -= 1
        else:
            left.append(row)
    return left


def check_version(new: Manifest, old: Manifest, changes: list[Difference]) -> None:
    """Hold the rule of versions: major when pairs that were scored change, minor when something comes, else patch.

    Parameters
    ----------
    new, old : Manifest
        The old one is published.
    changes : list of Difference
        What differs between them.

    Raises
    ------
    DataError
        When the new version does not say what has changed.
    """
    version, earlier = parse_version(new.version), parse_version(old.version)
    columns = [
        {(config, name) for config, entry in manifest.configs.items() for name, _ in entry.columns}
        for manifest in (new, old)
    ]
    lost = columns[1] - columns[0]
    scored = [difference for difference in changes if difference.scored]
    if lost or scored:
        where = f"{scored[0].config}/{scored[0].split}" if scored else "/".join(min(lost))
        least, why = (earlier[0] + 1, 0, 0), f"{where} is not what it was"
    elif columns[0] - columns[1] or any(
        (difference.added, difference.removed, difference.changed) != (0, 0, 0) for difference in changes
    ):
        least, why = (earlier[0], earlier[1] + 1, 0), "configs, columns or values have come"
    else:
        least, why = (*earlier[:2], earlier[2] + 1), "this is not the same"
    if version < least:
        raise DataError(
            f"{old.version} is published, and {why}: build under version {'.'.join(map(str, least))} or later, "
            f"not {new.version} (DATA_VERSION in configs.py)"
        )
