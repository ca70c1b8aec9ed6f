"""A plan: a YAML file that names grids of models, trainings, seeds and configs.

::

    title: "Table 3: fine-tuned on English, tested on DNA and proteins"
    baselines: true              # baselines and upper bounds of all tasks of the grids
    grids:
      - models: [openai-community/gpt2, {id: me/model, revision: v1}, ./folder]
        finetune: [en]           # languages of PAWS-X, or none
        finetune_on: [dyck]      # or configs of bioPAWS
        controls: [none, shuffled-labels]
        seeds: 5                 # or a list of them
        configs: [dna150, pawsx_fr]
        vectors: {words: 2000}   # of each model, before and after each training by the first seed

A grid is the product of its lists; its keys are the fields of `GridOptions`. Where the pairs are, where results go and
the device are set on the command line.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr, TypeAdapter
from pydantic import ValidationError as Invalid
from pydantic.dataclasses import dataclass as validated

from bio_paws.errors import ConfigError
from bio_paws.execution.documents import parse_yaml
from bio_paws_eval.options import MIN_WORDS, GridOptions, explain
from bio_paws_eval.results import EARLIER_PROBE

_STRICT = ConfigDict(extra="forbid")

_log = logging.getLogger(__name__)


def _as_model(value: Any) -> Any:
    """Take a name for the model of that id."""
    return {"id": value} if isinstance(value, str) else value


@dataclass(frozen=True)
class PlannedModel:
    """A model of a plan: exactly one of `id`, `package`, `unpack` and `pretrain` is given.

    Attributes
    ----------
    id : str
        Hub id; or a folder, which starts with a slash, or with a dot if it is relative to the plan's folder.
    revision : str or None
        Commit, tag or branch on the Hub.
    trust_remote_code : bool
        Run the Python files that come with the model; from the Hub, only with a full commit as revision.
    package, folder : str
        A Python package that holds the model, and the folder in it.
    unpack : str
        A model that `bio-paws unpack` knows; the sweep unpacks it.
    pretrain : str
        Recipe that pre-trains it here: its name, or its file, which starts as a folder does.
    """

    id: StrictStr = ""
    revision: StrictStr | None = None
    package: Annotated[StrictStr, Field(pattern=r"^(\w+(\.\w+)*)?$")] = ""
    folder: StrictStr = ""
    unpack: StrictStr = ""
    pretrain: StrictStr = ""
    trust_remote_code: StrictBool = False

    __pydantic_config__ = _STRICT

    def __post_init__(self) -> None:
        if [bool(self.id), bool(self.package), bool(self.unpack), bool(self.pretrain)].count(True) != 1:
            raise ValueError("give one of id, package with folder, unpack, and pretrain")
        if (self.revision is not None and not self.id) or bool(self.folder) != bool(self.package):
            raise ValueError("revision goes with id, and folder with package")

    @property
    def name(self) -> str:
        """How results name it."""
        if self.pretrain.startswith((".", "/")):
            return Path(self.pretrain).stem
        if self.id.startswith((".", "/")) or self.package:
            return Path(self.folder or self.id).name
        return self.id or self.unpack or self.pretrain


@dataclass(frozen=True)
class PlannedVectors:
    """How the vectors of words are compared; fields as in `representations.run.RepresentationOptions`."""

    words: Annotated[StrictInt, Field(ge=MIN_WORDS)] = 2000
    permutations: Annotated[StrictInt, Field(ge=1)] = 999
    seed: StrictInt = 0

    __pydantic_config__ = _STRICT


@validated(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", validate_default=True))
class Grid(GridOptions):
    """Every model with every training set, control and seed.

    Attributes
    ----------
    models : tuple of PlannedModel
        What is evaluated.
    vectors : PlannedVectors or None
        How each model is compared with what its trainings with the first seed make of it; None for no comparison.
    """

    models: Annotated[tuple[Annotated[PlannedModel, BeforeValidator(_as_model)], ...], Field(min_length=1)]
    vectors: PlannedVectors | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vectors and (set(self.train_on) == {"none"} or set(self.controls) == {"untuned"}):
            raise ValueError("vectors are compared before and after a training, and nothing is trained")

    def options(self) -> dict[str, Any]:
        """Return the options that the grid sets, by name."""
        return {field.name: getattr(self, field.name) for field in fields(GridOptions)}


@dataclass(frozen=True)
class Plan:
    """A plan.

    Attributes
    ----------
    title : str
        Its purpose in one line: the title of its table in the report.
    grids : tuple of Grid
        What is run.
    baselines : bool
        Whether baselines and upper bounds of all tasks of the grids are run too.
    """

    title: StrictStr
    grids: Annotated[tuple[Grid, ...], Field(min_length=1)]
    baselines: StrictBool = False

    __pydantic_config__ = _STRICT


def _in_current_terms(document: Any) -> Any:
    """Rename the method frozen, and give what was the control of that name, which trained the head, a probe's grid."""
    grids = document.get("grids") if isinstance(document, dict) else None
    if not isinstance(grids, list):
        return document
    current = [_grid_in_current_terms(grid) if isinstance(grid, dict) else (grid,) for grid in grids]
    # Added grids come last, so that a message about another names its place in the file.
    added = [probe for _, *probes in current for probe in probes]
    return document | {"grids": [first for first, *_ in current] + added}


def _grid_in_current_terms(grid: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    if grid.get("method") == EARLIER_PROBE:
        grid = grid | {"method": "probe"}
    controls = grid.get("controls")
    if not isinstance(controls, list) or EARLIER_PROBE not in controls:
        return (grid,)
    _log.warning("control frozen is the method probe now: a linear probe of embeddings takes its place")
    probe = {name: value for name, value in grid.items() if name not in {"controls", "vectors"}} | {"method": "probe"}
    others = [control for control in controls if control != EARLIER_PROBE]
    return (grid | {"controls": others}, probe) if others else (probe,)


def bundled_plans() -> dict[str, Traversable]:
    """Return the files of the plans that come with the program, by name."""
    files = resources.files("bio_paws_eval.sweep").joinpath("plans").iterdir()
    return {file.name.removesuffix(".yaml"): file for file in sorted(files, key=lambda file: file.name)}


def read_plan(plan: str) -> Plan:
    """Read and check a plan.

    Parameters
    ----------
    plan : str
        Name of a bundled plan, or path of a YAML file.

    Raises
    ------
    ConfigError
        When there is no such plan, it is not YAML, or a key or value is invalid; the message names the place.
    """
    bundled = bundled_plans()
    file: Traversable = bundled.get(plan) or Path(plan)
    try:
        return TypeAdapter(Plan).validate_python(_in_current_terms(parse_yaml(file.read_bytes())))
    except OSError as error:
        raise ConfigError(
            f"{plan}: no such plan ({error.strerror}): pass a YAML file, or one of {', '.join(bundled)}"
        ) from error
    except Invalid as error:
        place, reason = explain(error)
        raise ConfigError(f"{plan}: {place or 'the plan'}: {reason}") from error
    except ValueError as error:
        raise ConfigError(f"{plan}: not YAML: {error}") from error
