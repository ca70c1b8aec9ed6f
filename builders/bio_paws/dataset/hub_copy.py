"""A data set on the Hub: downloaded whole, and checked against the manifest of its repository."""

from __future__ import annotations

import logging
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HFValidationError

from bio_paws.dataset.integrity import has_manifest, require_intact
from bio_paws.dataset.manifest import MANIFEST, read_manifest
from bio_paws.errors import DamagedFile, DataError
from bio_paws_cards.files import CARD

logger = logging.getLogger(__name__)


def hub_copy(repo: str, revision: str = "main", config: str | None = None) -> Path | None:
    """Download a data set of this project from the Hub into the cache, and check it each time.

    What lies damaged in the cache is downloaded again.

    Parameters
    ----------
    repo : str
        Its id.
    revision : str
        A branch, tag or commit.
    config : str, optional
        Download only this one; by default all.

    Returns
    -------
    Path or None
        A folder of one commit; None where the name is not that of a repository, or the repository holds no manifest of
        this project.

    Raises
    ------
    DamagedFile
        When a file is not the one that the manifest names, also after it was downloaded again.
    DataError
        When the manifest is malformed.
    Exception
        Of huggingface_hub, when there is no such repository, or it cannot be reached.
    """
    try:
        return _checked(repo, revision, config, again=False)
    except HFValidationError:
        return None
    except (DamagedFile, DataError) as error:
        if constants.HF_HUB_OFFLINE:
            raise
        logger.warning("%s: downloaded again", error)
        return _checked(repo, revision, config, again=True)


def _checked(repo: str, revision: str, config: str | None, *, again: bool) -> Path | None:
    folder = _fetch(repo, revision, [MANIFEST], again)
    if not has_manifest(folder) and not again and not constants.HF_HUB_OFFLINE:
        folder = _fetch(repo, revision, [MANIFEST], True)  # in the cache it may be cut or emptied
    if not has_manifest(folder):
        return None
    configs = [config] if config else list(read_manifest(folder).configs)
    # The folder is called after its commit: main may move on meanwhile.
    folder = _fetch(repo, folder.name, [CARD, *(f"{name}/*" for name in configs)], again)
    require_intact(folder, config)
    return folder


def _fetch(repo: str, revision: str, names: list[str], again: bool) -> Path:
    return Path(
        snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=names, force_download=again)
    )
