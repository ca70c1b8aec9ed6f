"""Where an installed package lies. Nothing of it is imported: a package that is read as data must not run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bio_paws.errors import ConfigError


def locate_package(package: str, requirement: str = "") -> Path:
    """Return the folder of an installed package.

    Parameters
    ----------
    package : str
        As it would be imported; dots lead to packages inside it.
    requirement : str
        What pip is to install where it is missing; by default the name with hyphens.

    Raises
    ------
    ConfigError
        When it is not installed.
    """
    top, *inner = package.split(".")
    try:
        # Of a name without a dot this only looks; of one with a dot it would import what stands before the dot.
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module that was not imported in the usual way
        spec = None
    places = (spec.submodule_search_locations if spec else None) or ()
    folder = next((folder for place in places if (folder := Path(place, *inner)).is_dir()), None)
    if folder is None:
        name = top.replace("_", "-")
        raise ConfigError(f"{package}: {name} is not installed: pip install {requirement or name}")
    return folder
