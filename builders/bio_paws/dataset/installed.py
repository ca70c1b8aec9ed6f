"""What `bio-paws install` put into the datasets cache: a config lies in a folder that is called after its content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from bio_paws.errors import DamagedFile
from bio_paws.schema import content_hash, pair_ids


def installed_hash(config: str, splits: Mapping[str, Any]) -> str:
    """Return the content hash of a loaded config, of ids recomputed from its rows; "" where it cannot be what it was.

    Parameters
    ----------
    config : str
        Its name.
    splits : dict of str to datasets.Dataset
        In the order of the manifest.
    """
    try:
        for part in splits.values():
            part.data.table.validate(full=True)  # to read a string at a changed offset would end the process
    except pa.ArrowInvalid:
        return ""
    ids = {split: pair_ids(part.data.table, config, split) for split, part in splits.items()}
    # A row's id covers all of the row but itself.
    if any(part.data.table["pair_id"].to_pylist() != ids[split] for split, part in splits.items()):
        return ""
    return content_hash(ids)


def require_installed(config: str, splits: Mapping[str, Any]) -> None:
    """Check a config that was loaded from the cache by its rows.

    Parameters
    ----------
    config : str
        Its name.
    splits : dict of str to datasets.Dataset
        All its splits.

    Raises
    ------
    DamagedFile
        When it is not what was installed.
    """
    folders = {Path(file["filename"]).parent for part in splits.values() for file in part.cache_files}
    if {folder.name for folder in folders} != {installed_hash(config, splits)}:
        where = ", ".join(map(str, folders)) or datasets.config.HF_DATASETS_CACHE
        raise DamagedFile(
            f"{where}: is not what was installed there: run bio-paws install again, or pass data= (--data)"
        )
