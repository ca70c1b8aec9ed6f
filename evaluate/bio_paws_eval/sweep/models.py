"""Where the model of a plan lies: on the Hub, in a folder, in a package, or pre-trained here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from bio_paws.errors import BioPawsError
from bio_paws_eval.pretrain.recipe import read_recipe
from bio_paws_eval.pretrain.run import pretrain
from bio_paws_eval.run import alone
from bio_paws_eval.sweep.plan import PlannedModel

MODELS = Path("models")
"""Where `bio-paws pretrain` puts models by default, each under the name of its recipe."""


def find_planned(model: PlannedModel, folder: Path) -> str:
    """Return the Hub id or the folder of a model.

    Parameters
    ----------
    model : PlannedModel
        As the plan names it.
    folder : Path
        What relative folders start from.

    Raises
    ------
    BioPawsError
        When its package is not installed, or it has not been pre-trained.
    """
    if model.package:
        try:
            return str(resources.files(model.package).joinpath(model.folder))
        except ModuleNotFoundError as error:
            name = model.package.replace("_", "-")
            raise BioPawsError(f"{model.name}: {name} is not installed: pip install {name}") from error
    if model.pretrain:
        return str(_pretrained(model))
    return str(folder / model.id) if model.id.startswith(".") else model.id


def _pretrained(model: PlannedModel) -> Path:
    if not _is_there(model):
        raise BioPawsError(
            f"{model.name}: not pre-trained yet: run bio-paws pretrain {model.pretrain}, or the sweep, which does it"
        )
    return MODELS / model.name


def pretrain_planned(models: Iterable[PlannedModel], folder: Path, data: str | None) -> None:
    """Pre-train those models of a plan that are to be and have not been, with the bundled sources.

    Parameters
    ----------
    models : iterable of PlannedModel
        Of all grids.
    folder : Path
        What the files of recipes start from.
    data : str, optional
        bioPAWS, whose validation and test loci are held out.
    """
    for model in dict.fromkeys(one for one in models if one.pretrain):
        with alone(MODELS / f".{model.name}.lock"):
            if not _is_there(model):
                pretrain(
                    read_recipe(str(folder / model.pretrain) if model.pretrain.startswith(".") else model.pretrain),
                    source=["bundled"],
                    data=data,
                    out=MODELS / model.name,
                    work=MODELS / ".pretrain",
                    workers=os.cpu_count() or 1,
                )


def _is_there(model: PlannedModel) -> bool:
    return (MODELS / model.name / "config.json").is_file()
