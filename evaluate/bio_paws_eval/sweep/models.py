"""Where the model of a plan is: on the Hub, in a folder, in a package, or pre-trained here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from bio_paws.errors import ConfigError
from bio_paws_eval.models.checkpoints import exclusive
from bio_paws_eval.pretrain.recipe import PretrainingRecipe, read_recipe
from bio_paws_eval.pretrain.run import pretrain
from bio_paws_eval.sweep.plan import PlannedModel

MODELS = Path("models")
"""Where `bio-paws pretrain` puts models by default, each under the name of its recipe."""


def find_planned(model: PlannedModel, folder: Path) -> str:
    """Return the Hub id or the folder of a model; one that is still to be pre-trained need not exist.

    Parameters
    ----------
    model : PlannedModel
        As the plan names it.
    folder : Path
        Folder that relative paths start from.

    Raises
    ------
    ConfigError
        When its package is not installed, or the recipe to pre-train it by cannot be used.
    """
    if model.package:
        return str(_locate(model.package) / model.folder)
    if model.pretrain:
        if not _is_pretrained(model):
            _recipe(model, folder)
        return str(MODELS / model.name)
    return str(folder / model.id) if model.id.startswith(".") else model.id


def _locate(package: str) -> Path:
    """Return the folder of an installed package. Nothing of it is imported: a plan must not run code by its name."""
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
        raise ConfigError(f"{package}: {name} is not installed: pip install {name}")
    return folder


def to_pretrain(models: Iterable[PlannedModel]) -> list[PlannedModel]:
    """Return the models that are still to be pre-trained."""
    return [model for model in dict.fromkeys(models) if model.pretrain and not _is_pretrained(model)]


def pretrain_planned(models: Iterable[PlannedModel], folder: Path, data: str | None) -> None:
    """Pre-train the models of a plan that are still to be pre-trained, with the bundled sources.

    Parameters
    ----------
    models : iterable of PlannedModel
        Of all grids.
    folder : Path
        Folder that relative paths start from.
    data : str, optional
        bioPAWS, whose validation and test regions are held out.
    """
    for model in to_pretrain(models):
        with exclusive(MODELS / f".{model.name}.lock"):
            if not _is_pretrained(model):  # another run may have made it meanwhile
                pretrain(
                    _recipe(model, folder),
                    source=["bundled"],
                    data=data,
                    out=MODELS / model.name,
                    work=MODELS / ".pretrain",
                    workers=os.cpu_count() or 1,
                )


def _recipe(model: PlannedModel, folder: Path) -> PretrainingRecipe:
    return read_recipe(str(folder / model.pretrain) if model.pretrain.startswith(".") else model.pretrain)


def _is_pretrained(model: PlannedModel) -> bool:
    return (MODELS / model.name / "config.json").is_file()
