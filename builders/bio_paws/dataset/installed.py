"""What `bio-paws install` put into the datasets cache: a config lies in a folder that is called after its content."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from bio_paws.errors import DamagedFile
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws.schema import content_hash, pair_ids

logger = logging.getLogger(__name__)

# Of pyarrow, the error of a malformed file has no number.
_OF_DAMAGE = frozenset({None, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP})


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


def is_cached(config: str, content_sha256: str, load: Callable[[], Mapping[str, Any]]) -> bool:
    """Whether the rows that datasets keeps of a config are its own.

    Parameters
    ----------
    config : str
        Its name.
    content_sha256 : str
        Its content hash, of the manifest.
    load : callable
        Loads all splits from the cache, where datasets puts them first if nothing of them is there.

    Raises
    ------
    OSError
        When the cache cannot be read or written; a file that is missing there, or is a folder, is damage.
    """
    try:
        return installed_hash(config, load()) == content_sha256
    except Exception as error:  # whatever datasets and pyarrow raise of damaged files
        if isinstance(error, OSError) and error.errno not in _OF_DAMAGE:
            raise
        reraise_if_out_of_memory(error)
        logger.debug("%s: %s", config, error, exc_info=True)
        return False


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
