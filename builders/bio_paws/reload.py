"""Load a published data set as a stranger does: in a process of its own, with a fresh cache."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def reloaded_hashes(repo_id: str, commit: str, configs: tuple[str, ...]) -> dict[str, str]:
    """Load configs from the Hub at a commit, and hash their content.

    Parameters
    ----------
    repo_id, commit : str
        What to load.
    configs : tuple of str
        Names of configs.

    Returns
    -------
    dict of str to str
        Content hash of each config, of ids that are recomputed from the rows.

    Raises
    ------
    BioPawsError
        When it cannot be loaded.
    """
    from huggingface_hub import constants

    with (
        tempfile.TemporaryDirectory(prefix="bio-paws-") as home,
        ProcessPoolExecutor(
            1,
            multiprocessing.get_context("spawn"),
            initializer=_start_fresh,
            initargs=(home, constants.HF_TOKEN_PATH),
        ) as process,
    ):
        return process.submit(_hashes, repo_id, commit, configs).result()


def _start_fresh(home: str, token_path: str) -> None:
    """Point huggingface_hub and datasets, not imported yet, to empty caches; the login stays."""
    places = {name: str(Path(home, name.lower())) for name in ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")}
    os.environ.update(places, HF_TOKEN_PATH=token_path, HF_UPDATE_DOWNLOAD_COUNTS="0", HF_HUB_DISABLE_PROGRESS_BARS="1")


def _hashes(repo_id: str, commit: str, configs: tuple[str, ...]) -> dict[str, str]:
    import datasets

    from bio_paws.hub_client import connected
    from bio_paws.records import pair_id
    from bio_paws.writer import content_hash

    datasets.disable_progress_bars()
    hashes = {}
    with connected(repo_id):
        for config in configs:
            loaded = datasets.load_dataset(repo_id, config, revision=commit)
            ids = {
                split: [pair_id(row, config, split) for row in part.data.table.to_pylist()]
                for split, part in loaded.items()
            }
            hashes[config] = content_hash(ids)
    return hashes
