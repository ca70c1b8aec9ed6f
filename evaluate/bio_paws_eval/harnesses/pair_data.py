"""Where the pairs lie that a harness is to read, and which configs there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bio_paws.configs import CONFIGS, DATA_VERSION, PairConfig
from bio_paws.dataset.integrity import require_intact
from bio_paws.dataset.load import FOLDER
from bio_paws.errors import DataError


@dataclass(frozen=True)
class PairData:
    """A data set as `datasets.load_dataset` takes it.

    Attributes
    ----------
    path : str
        Absolute path of its folder, or its id on the Hub.
    revision : str or None
        The tag of its version on the Hub; None of a folder.
    contents : dict of PairConfig to str
        The configs that it holds, each with what its rows are known by: their digest, on the Hub the tag.
    """

    path: str
    revision: str | None
    contents: Mapping[PairConfig, str]


def find_pair_data(data: str | None) -> PairData:
    """Find a data set and its configs; every file of a folder is compared with the manifest.

    Parameters
    ----------
    data : str or None
        A folder, or an id on the Hub; None for the folder ``bioPAWS``.

    Raises
    ------
    DataError
        When there is no such folder, and it cannot be an id on the Hub.
    DamagedFile
        When a file of a folder is not the one that its manifest names.
    """
    folder = Path(data) if data is not None else FOLDER
    if folder.is_dir():
        manifest = require_intact(folder)
        entries = manifest.configs
        contents = {config: entries[config.name].content_sha256 for config in CONFIGS if config.name in entries}
        return PairData(str(folder.resolve()), None, contents)
    if data is None or not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", data):
        raise DataError(f"{folder}: no such folder, nor an id on the Hub such as owner/name: build it, or pass --data")
    revision = f"v{DATA_VERSION}"
    return PairData(data, revision, dict.fromkeys(CONFIGS, revision))
