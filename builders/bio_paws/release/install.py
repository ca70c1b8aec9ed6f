"""`bio-paws install`: fill the datasets cache, so that load_dataset("bioPAWS", config) works from any folder."""

from __future__ import annotations

import logging
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import datasets
from datasets.naming import camelcase_to_snakecase

from bio_paws.build.datasets_builder import BioPaws
from bio_paws.configs import DATA_VERSION, get_config
from bio_paws.dataset.installed import is_cached
from bio_paws.dataset.integrity import require_intact
from bio_paws.errors import DamagedFile
from bio_paws_cards.manifest import ConfigEntry

logger = logging.getLogger(__name__)

_NAME = "bioPAWS"


def install(folder: Path) -> dict[str, str]:
    """Copy every config of a data set into the datasets cache, and check what lies there afterwards.

    Parameters
    ----------
    folder : Path
        The data set.

    Returns
    -------
    dict of str to str
        Where each config lies in the cache: under its content hash.

    Raises
    ------
    DamagedFile
        When a file is not the one that the manifest names, or the cache does not hold what was copied.
    BioPawsError
        When `folder` holds no data set or a config that this version does not know, or the cache cannot be written.
    """
    manifest = require_intact(folder)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    for name in manifest.configs:
        get_config(name)
    return {name: _install(folder, name, entry) for name, entry in manifest.configs.items()}


def _install(folder: Path, name: str, entry: ConfigEntry) -> str:
    # Known without the builder, which cannot be made where the files of its cache are damaged.
    folder_name = camelcase_to_snakecase(_NAME)
    place = Path(datasets.config.HF_DATASETS_CACHE) / folder_name / name / DATA_VERSION / entry.content_sha256
    is_installed = partial(is_cached, name, entry.content_sha256, partial(_prepared, folder, name, entry))
    if place.is_dir() and not is_installed():
        logger.warning("%s: is not what was installed there: installed again", place)
        shutil.rmtree(place)
    if not is_installed():
        raise DamagedFile(f"{place}: does not hold what was copied there: move it away, and run again")
    return str(place)


def _prepared(folder: Path, name: str, entry: ConfigEntry) -> Any:
    """Load a config from the cache, once it is copied where nothing lies there."""
    builder = BioPaws(dataset_name=_NAME, config_name=name, hash=entry.content_sha256, folder=folder.absolute())
    builder.download_and_prepare()
    return builder.as_dataset()
