"""Load a config from wherever it is: the data set's folder, else the pinned revision on the Hub."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from bio_paws.configs import DATA_VERSION, get_config
from bio_paws.errors import BioPawsError, DamagedFile, DataError, first_line
from bio_paws.execution.memory import reraise_if_out_of_memory

logger = logging.getLogger(__name__)

HUB_REPO = "bioPAWS"
FOLDER = Path("bioPAWS")


def load(
    config: str,
    *,
    data: str | Path | None = None,
    version: str | None = None,
    split: str | None = None,
    streaming: bool = False,
    perturbation: str | None = None,
) -> Any:
    """Load a config as `datasets.load_dataset` does.

    Parameters
    ----------
    config : str
        Name of the config, as in ``"dna150"``.
    data : str or Path, optional
        Folder of a data set, or a Hub id; by default the folder ``bioPAWS`` where it exists, else what
        `bio-paws install` put into the cache or the Hub holds.
    version : str, optional
        Version of the data, as in ``"1.0.0"``; by default what a folder holds, and elsewhere this package's version.
    split : str, optional
        One split; by default a dictionary of all.
    streaming : bool
        Iterate without preparing the whole. What is on the Hub is downloaded first: only whole files can be checked.
    perturbation : str, optional
        Return the first `bio_paws.features.perturbations.PERTURBED_ROWS` pairs of the test split with this perturbation
        applied, as in ``"swapped"``: a name from `bio_paws.features.perturbations.PERTURBATIONS`.

    Raises
    ------
    DataError
        When there is no such config or perturbation, or no data set of that version can be found.
    DamagedFile
        When a file is not the one that the manifest of its folder or of its repository names, or the cache not what was
        installed.
    """
    import datasets  # takes a second: `import bio_paws` should not

    from bio_paws.dataset.hub_copy import hub_copy
    from bio_paws.dataset.installed import require_installed
    from bio_paws.execution.hub import limit_answers

    get_config(config)
    if perturbation is not None:
        return _load_perturbed(config, perturbation, data, version, split, streaming)
    folder = Path(data) if data is not None else FOLDER
    if folder.is_dir() and (folder / "manifest.json").is_file():
        return _load_folder(config, folder, version, split, streaming)
    place = str(data or HUB_REPO)
    revision = f"v{version or DATA_VERSION}"
    limit_answers()
    try:
        if place == HUB_REPO and not folder.is_dir():  # no repository is called so: it is what was installed
            require_installed(config, datasets.load_dataset(place, config, revision=revision))
        elif not folder.is_dir() and (downloaded := hub_copy(place, revision, config)) is not None:
            return _load_folder(config, downloaded, version, split, streaming)
        loaded = datasets.load_dataset(place, config, split=split, streaming=streaming, revision=revision)
    except BioPawsError:
        raise
    except Exception as error:  # of datasets and huggingface_hub, also where they read an answer of another shape
        reraise_if_out_of_memory(error)
        where = f"{place} at {revision}" if version else place
        raise DataError(
            f"{config}: cannot be loaded from {where} ({type(error).__name__}): build it, or pass data= (--data)"
        ) from error
    # Where the Hub cannot be reached, datasets takes any version that its cache holds.
    _require_version(config, place, version, _info(loaded, split).version)
    return loaded


def _load_folder(config: str, folder: Path, version: str | None, split: str | None, streaming: bool) -> Any:
    """Load from a data set's folder what its manifest names, and nothing that lies in the cache of other content."""
    import datasets

    from bio_paws.dataset.installed import is_cached
    from bio_paws.dataset.integrity import require_intact  # imports pyarrow, which `bio-paws list` must not wait for

    manifest = require_intact(folder, config, split if streaming else None)  # all splits go into the cache
    _require_version(config, str(folder), version, manifest.version)
    entry = manifest.configs.get(config)
    if entry is None:
        raise DataError(
            f"{config}: cannot be loaded from {folder}, which holds {', '.join(manifest.configs)}: build it, or pass "
            "data= (--data)"
        )
    # datasets keys its own cache by the path and the card: it would return the rows of a file that was changed back.
    cache = Path(datasets.config.HF_DATASETS_CACHE) / f"{HUB_REPO}-{entry.content_sha256[:20]}"
    prepare = partial(datasets.load_dataset, str(folder), config, cache_dir=str(cache))
    try:
        if not streaming and cache.is_dir() and not is_cached(config, entry.content_sha256, prepare):
            logger.warning("%s: damaged since it was written: made again", cache)
            shutil.rmtree(cache)
        loaded = prepare(split=split, streaming=streaming)
    except Exception as error:  # of datasets, YAML and pyarrow: the card is read too, and may be damaged
        reraise_if_out_of_memory(error)
        raise DataError(
            f"{config}: cannot be loaded from {folder} ({first_line(error)}): build it, or pass data= (--data)"
        ) from error
    info = _info(loaded, split)
    names = getattr((info.features or {}).get("label"), "names", None)
    if str(info.version) != entry.version or names != entry.label_names:
        raise DamagedFile(f"{folder / 'README.md'}: is not of this data set: run bio-paws card {folder}")
    return loaded


def _info(loaded: Any, split: str | None) -> Any:
    return (loaded if split else next(iter(loaded.values()))).info


def _require_version(config: str, place: str, wanted: str | None, version: object) -> None:
    if wanted not in {None, str(version)}:
        raise DataError(
            f"{config}: {place} holds version {version}, not {wanted}: pass the Hub id that has it as data="
        )


def _load_perturbed(
    config: str, perturbation: str, data: str | Path | None, version: str | None, split: str | None, streaming: bool
) -> Any:
    import datasets

    from bio_paws.features.perturbations import PERTURBED_ROWS, get_perturbation

    chosen = get_perturbation(perturbation, get_config(config).molecule)
    if split != "test":
        raise DataError(
            f"{config}: only the test split can be perturbed: pass split='test' with perturbation={perturbation!r}"
        )
    stored = load(config, data=data, version=version, split=split, streaming=True)
    rows = next(stored.with_format("arrow").iter(PERTURBED_ROWS))
    perturbed = datasets.Dataset(chosen.apply(rows), info=stored.info, split=stored.split)
    return perturbed.to_iterable_dataset() if streaming else perturbed
