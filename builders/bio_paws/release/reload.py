"""Load a published data set as a stranger does: in a process of its own, with a fresh cache."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from pathlib import Path
from typing import Any

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json, write_json


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

    with tempfile.TemporaryDirectory(prefix="bio-paws-") as home:
        # It answers by a file: a worker of a pool would outlive a killed parent, and wait for work for ever.
        answer = Path(home) / "hashes.json"
        process = multiprocessing.get_context("spawn").Process(
            target=_answer, args=(answer, constants.HF_TOKEN_PATH, repo_id, commit, configs)
        )
        process.start()
        try:
            process.join()
        except BaseException:  # Python would wait for it at its own end
            process.terminate()
            process.join()
            raise
        loaded: dict[str, Any] = read_json(answer) if answer.is_file() else {"error": f"exit {process.exitcode}"}
    if "error" in loaded:
        raise BioPawsError(f"{repo_id}: cannot be loaded at {commit}: {loaded['error']}")
    return loaded


def _answer(answer: Path, token_path: str, repo_id: str, commit: str, configs: tuple[str, ...]) -> None:
    # Neither huggingface_hub nor datasets is imported yet: they read these when they are. The login stays.
    places = {name: str(answer.parent / name.lower()) for name in ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")}
    os.environ.update(places, HF_TOKEN_PATH=token_path, HF_UPDATE_DOWNLOAD_COUNTS="0", HF_HUB_DISABLE_PROGRESS_BARS="1")
    try:
        write_json(answer, _hashes(repo_id, commit, configs))
    except BioPawsError as error:
        write_json(answer, {"error": str(error)})


def _hashes(repo_id: str, commit: str, configs: tuple[str, ...]) -> dict[str, str]:
    import datasets

    from bio_paws.release.hub_client import connected
    from bio_paws.schema import content_hash, pair_ids

    datasets.disable_progress_bars()
    hashes = {}
    with connected(repo_id):
        for config in configs:
            loaded = datasets.load_dataset(repo_id, config, revision=commit)
            ids = {split: pair_ids(part.data.table, config, split) for split, part in loaded.items()}
            hashes[config] = content_hash(ids)
    return hashes
