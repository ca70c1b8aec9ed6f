"""A plan: a YAML file that names grids of models, trainings, seeds and configs; read, checked, and made settings.

::

    title: Table 1. Fine-tuned on English, asked DNA and proteins
    baselines: true              # floors and ceilings of all that the grids ask
    grids:
      - models: [openai-community/gpt2, {id: me/model, revision: v1}, ./folder]
        finetune: [en]           # languages of PAWS-X, or none
        finetune_on: [dyck]      # or configs of bioPAWS
        controls: [none, shuffled-labels]
        seeds: 5                 # or a list of them
        configs: [dna150, pawsx_fr]
        vectors: {words: 2000}   # of each model, before and after each training by the first seed

A grid is everything with everything. Where the pairs lie, where results go and what computes belongs to the machine,
not to the plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, SkipValidation, StrictBool, StrictInt, StrictStr, TypeAdapter
from pydantic import ValidationError as Invalid

from bio_paws.errors import ConfigError
from bio_paws_eval.options import MIN_WORDS, RECIPES, Dtype, Recipe, Segment

_STRICT = ConfigDict(extra="forbid")


def _as_list(value: Any) -> Any:
    """Take a number of seeds for the seeds counted from 0."""
    return list(range(value)) if type(value) is int else value


def _as_model(value: Any) -> Any:
    """Take a name for the model of that id."""
    return {"id": value} if isinstance(value, str) else value


def _as_recipe(value: Any) -> Any:
    """Take a name for the recipe of that name."""
    return {"name": value} if isinstance(value, str) else value


def _as_segment(value: Any) -> Any:
    return None if value == "none" else value


@dataclass(frozen=True)
class PlannedModel:
    """A model of a plan: one of `id`, `package` and `pretrain` is given.

    Attributes
    ----------
    id : str
        Hub id; or a folder, which starts with a dot, from that of the plan on, or with a slash.
    revision : str or None
        Commit, tag or branch on the Hub.
    package, folder : str
        A Python package that holds the model, and the folder in it.
    pretrain : str
        The recipe by which it is pre-trained here: its name; or its file, which starts as a folder does.
    """

    id: StrictStr = ""
    revision: StrictStr | None = None
    package: StrictStr = ""
    folder: StrictStr = ""
    pretrain: StrictStr = ""

    __pydantic_config__ = _STRICT

    def __post_init__(self) -> None:
        if [bool(self.id), bool(self.package), bool(self.pretrain)].count(True) != 1:
            raise ValueError("give one of id, package with folder, and pretrain")
        if (self.revision is not None and not self.id) or bool(self.folder) != bool(self.package):
            raise ValueError("revision goes with id, and folder with package")

    @property
    def name(self) -> str:
        """How results name it."""
        if self.pretrain.startswith((".", "/")):
            return Path(self.pretrain).stem
        if self.id.startswith((".", "/")) or self.package:
            return Path(self.folder or self.id).name
        return self.id or self.pretrain


@dataclass(frozen=True)
class PlannedRecipe:
    """A recipe by its name, and what differs from it."""

    name: StrictStr = "paper"
    learning_rate: float | None = None
    batch_size: StrictInt | None = None
    epochs: StrictInt | None = None
    max_length: StrictInt | None = None
    schedule: StrictStr | None = None
    warmup: float | None = None
    weight_decay: float | None = None

    __pydantic_config__ = _STRICT

    def recipe(self) -> Recipe:
        """Return the recipe that it comes to."""
        if self.name not in RECIPES:
            raise ConfigError(f"unknown recipe {self.name!r}: choose from {', '.join(RECIPES)}")
        given = {name: value for name, value in vars(self).items() if name != "name" and value is not None}
        return replace(RECIPES[self.name], **given)


@dataclass(frozen=True)
class PlannedVectors:
    """What is compared of the vectors of words; fields as in `vectors.run.Settings`."""

    words: Annotated[StrictInt, Field(ge=MIN_WORDS)] = 2000
    permutations: Annotated[StrictInt, Field(ge=1)] = 999
    seed: StrictInt = 0

    __pydantic_config__ = _STRICT


@dataclass(frozen=True)
class Grid:
    """Everything with everything; fields as in `run.evaluate`.

    Where there are `vectors`, each model is compared with what the grid's trainings make of it by their first seed.
    """

    models: Annotated[tuple[Annotated[PlannedModel, BeforeValidator(_as_model)], ...], Field(min_length=1)]
    seeds: Annotated[tuple[StrictInt, ...], BeforeValidator(_as_list), Field(min_length=1)]
    finetune: tuple[StrictStr, ...] = ()
    finetune_on: tuple[StrictStr, ...] = ()
    controls: Annotated[tuple[StrictStr, ...], Field(min_length=1)] = ("none",)
    configs: tuple[StrictStr, ...] | None = None
    recipe: Annotated[PlannedRecipe, BeforeValidator(_as_recipe)] = PlannedRecipe()
    split: Literal["test", "validation"] = "test"
    segment: Annotated[SkipValidation[Segment], BeforeValidator(_as_segment)] = "auto"
    allow_unknown: StrictBool = False
    truncate: StrictBool = True
    dtype: Dtype = "float32"
    limit: Annotated[StrictInt, Field(ge=1)] | None = None
    vectors: PlannedVectors | None = None

    __pydantic_config__ = _STRICT

    def __post_init__(self) -> None:
        if not self.finetune and not self.finetune_on:
            raise ValueError("nothing to fine-tune on: give finetune, finetune_on or both (finetune: [none] for none)")
        if self.vectors and ({*self.finetune, *self.finetune_on} == {"none"} or set(self.controls) == {"untuned"}):
            raise ValueError("vectors are compared before and after a training, and nothing is trained")


@dataclass(frozen=True)
class Plan:
    """What a plan says.

    Attributes
    ----------
    title : str
        What it is for, in one line; the report heads its table with it.
    grids : tuple of Grid
        What is run.
    baselines : bool
        Run the floors and ceilings of all that the grids ask too.
    """

    title: StrictStr
    grids: Annotated[tuple[Grid, ...], Field(min_length=1)]
    baselines: StrictBool = False

    __pydantic_config__ = _STRICT


def bundled_plans() -> dict[str, Traversable]:
    """Files of the plans that come with the program, by name."""
    found = resources.files("bio_paws_eval.sweep").joinpath("plans").iterdir()
    return {file.name.removesuffix(".yaml"): file for file in sorted(found, key=lambda file: file.name)}


def read_plan(plan: str) -> Plan:
    """Read a plan, and check it against its types.

    Parameters
    ----------
    plan : str
        Name of a bundled plan, or path of a YAML file.

    Raises
    ------
    ConfigError
        When there is none, it is no YAML, or a key or value is wrong; the message names the place.
    """
    bundled = bundled_plans()
    file: Traversable = bundled.get(plan) or Path(plan)
    try:
        return TypeAdapter(Plan).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            f"{plan}: no such plan ({error.strerror}): pass a YAML file, or one of {', '.join(bundled)}"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{plan}: not YAML: {' '.join(str(error).split())}") from error
    except Invalid as error:
        raise ConfigError(f"{plan}: {_told(error)}") from error


def _told(error: Invalid) -> str:
    """Say in one line where a plan is wrong first, and why."""
    first = error.errors()[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).removeprefix(".")
    if first["type"] == "unexpected_keyword_argument":
        return f"{place}: no such key"
    if first["type"] == "missing":
        return f"{place}: is missing"
    told = re.sub(" or an instance of .*", "", first["msg"].removeprefix("Value error, "))
    told = re.sub("[Tt]uple", "list", told)
    given = "" if isinstance(first["input"], (dict, list)) else f", not {first['input']!r}"
    return f"{place or 'the plan'}: {told[0].lower()}{told[1:]}{given}"
