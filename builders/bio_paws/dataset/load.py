"""Load a config from wherever it is: the data set's folder, else the pinned revision on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bio_paws.configs import DATA_VERSION, get_config
from bio_paws.errors import DataError

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
        Iterate without preparing the whole.
    perturbation : str, optional
        Return the first `bio_paws.features.perturbations.PERTURBED_ROWS` pairs of the test split with this perturbation
        applied, as in ``"swapped"``: a name from `bio_paws.features.perturbations.PERTURBATIONS`.

    Raises
    ------
    DataError
        When there is no such config or perturbation, or no data set of that version can be found.
    """
    import datasets  # takes a second: `import bio_paws` should not

    get_config(config)
    if perturbation is not None:
        return _load_perturbed(config, perturbation, data, version, split, streaming)
    folder = Path(data) if data is not None else FOLDER
    local = folder.is_dir() and (folder / "manifest.json").is_file()
    place = str(folder) if local else str(data or HUB_REPO)
    revision = None if local else f"v{version or DATA_VERSION}"
    try:
        loaded = datasets.load_dataset(place, config, split=split, streaming=streaming, revision=revision)
    except (FileNotFoundError, ConnectionError, ValueError) as error:
        where = f"{place} at {revision}" if version else place
        raise DataError(
            f"{config}: cannot be loaded from {where} ({type(error).__name__}): build it, or pass data= (--data)"
        ) from error
    # Where the Hub cannot be reached, datasets takes any version that its cache holds.
    held = str((loaded if split else next(iter(loaded.values()))).info.version)
    if version not in {None, held}:
        raise DataError(f"{config}: {place} holds version {held}, not {version}: pass the Hub id that has it as data=")
    return loaded


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
