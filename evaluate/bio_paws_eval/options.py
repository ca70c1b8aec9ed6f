"""What a user can set of an evaluation: one model, from which all three ways to set it are derived.

The arguments of ``bio-paws eval`` (`cli.arguments`), the keywords of `bio_paws_eval.evaluate` and the keys of a plan's
grid (`sweep.plan`) are the fields below, with their types, defaults and descriptions. A new option is one field: of
`GridOptions` where a plan may set it, of `EvaluationOptions` where it belongs to the machine or to one model. Free of
torch, so that the command line can report a wrong argument at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, cast, get_args, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, GetCoreSchemaHandler, StrictBool, StrictInt, StrictStr
from pydantic import ValidationError as Invalid
from pydantic.dataclasses import dataclass as validated
from pydantic_core import CoreSchema, core_schema

from bio_paws.errors import ConfigError
from bio_paws_eval.hyperparameters import HYPERPARAMETERS, Hyperparameters
from bio_paws_eval.methods.prompt_templates import Calibration, Prompting, TemplateName
from bio_paws_eval.methods.registry import CONTROLS, MethodName, registered
from bio_paws_eval.tasks.registry import LANGUAGES, PAWSX_REPO, Sources, all_names, is_pawsx, pawsx

MIN_WORDS = 5
"""Groups of fewer words are not compared."""

P = ParamSpec("P")
Options = TypeVar("Options")
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Flag:
    """How the command line spells a field, where that does not follow from its name and type.

    Attributes
    ----------
    name : str
        Name of the argument without its dashes; "" for that of the field.
    metavar : str
        What stands for the value in the help; "" for a name derived from the type.
    """

    name: str = ""
    metavar: str = ""


@dataclass(frozen=True)
class Names:
    """Marks a field that takes a list of names, each once.

    Attributes
    ----------
    what : str
        What is named, as in ``"language"``.
    known : tuple of str
        The names to choose from.
    at_least : int
        Least number of names.
    """

    what: str
    known: tuple[str, ...]
    at_least: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a tuple of known names, or of None where the field's type has it."""
        name = Annotated[StrictStr, AfterValidator(self.check)]
        schema = handler.generate_schema(
            Annotated[tuple[name, ...], Field(min_length=self.at_least), AfterValidator(_without_duplicates)]
        )
        return core_schema.nullable_schema(schema) if type(None) in get_args(source) else schema

    def check(self, name: str) -> str:
        """Return a known name.

        Raises
        ------
        ValueError
            When it is unknown.
        """
        if name not in self.known:
            raise ValueError(_unknown(self.what, name, self.known))
        return name


@dataclass(frozen=True)
class ParsedAs:
    """Marks a field whose value is converted first; its annotation says what a user may pass.

    Attributes
    ----------
    type : type
        What the converted value is checked against.
    convert : callable
        Converts a value; returns what it cannot convert as it is, or raises a ValueError.
    """

    type: Any
    convert: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the type behind the conversion."""
        return core_schema.no_info_before_validator_function(self.convert, handler.generate_schema(self.type))


def _unknown(what: str, name: object, known: Sequence[str]) -> str:
    return f"unknown {what} {name!r}: choose from {', '.join(known)}"


def _without_duplicates(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


_MOST_SEEDS = 10_000  # a model each; many more do not fit into memory as a list


def _list_seeds(value: Any) -> Any:
    """Expand a number of seeds to the seeds counted from 0."""
    if type(value) is int:
        if not 1 <= value <= _MOST_SEEDS:
            raise ValueError(f"{value} seeds: pass 1 to {_MOST_SEEDS:,} seeds, or a list of them")
        return tuple(range(value))
    return value


def _complete_recipe(value: Any) -> Any:
    """Expand a name, or a name and what differs from it, to all hyperparameters."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        return value
    name = value.get("name", "paper")
    if not isinstance(name, str) or name not in HYPERPARAMETERS:
        raise ValueError(_unknown("recipe", name, tuple(HYPERPARAMETERS)))
    return vars(HYPERPARAMETERS[name]) | {key: given for key, given in value.items() if key != "name"}


def _check_segment(value: Any) -> Any:
    if value in (None, "none"):
        return None
    if value == "auto" or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"{value!r} is neither auto, none nor a positive number of residues")


_CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True, validate_default=True)
_Seed = Annotated[StrictInt, Field(ge=0, lt=2**32)]
_Seeds = Annotated[tuple[_Seed, ...], Field(min_length=1), AfterValidator(_without_duplicates)]
_EvenNumber = Annotated[StrictInt, Field(ge=2, multiple_of=2)]
_TrainPairs = Annotated[tuple[_EvenNumber, ...], Field(min_length=1), AfterValidator(_without_duplicates)]
_BIOPAWS_AND_GENERATED = tuple(name for name in all_names() if not is_pawsx(name))


@validated(frozen=True, kw_only=True, config=_CONFIG)
class GridOptions:
    """Options that a plan may set: what is trained and tested, and how.

    The text under each field is its description in the help of the command line and of `evaluate`.
    """

    method: MethodName = "fine-tune"
    """How the model answers: fine-tuned; probe, a linear probe of its embeddings; cosine of its embeddings, with a
    threshold from the validation split of what the others are fine-tuned on; prompt, by the log-likelihood of yes and
    no."""

    template: TemplateName = "question-1"
    """Words of a prompt."""

    shots: Annotated[StrictInt, Field(ge=0)] = 0
    """Answered pairs that a prompt shows first, drawn from the train split by the seed."""

    calibration: Calibration = "contextual"
    """How a prompted model's preference for an answer is removed: contextual, by what it answers to texts that say
    nothing; none."""

    finetune: Annotated[Sequence[str] | None, Names("language", (*LANGUAGES, "none"))] = None
    """Languages of PAWS-X to fine-tune on, one at a time; none for the model as it is, its head drawn by seed (default:
    en, or nothing where finetune_on is given)."""

    finetune_on: Annotated[Sequence[str], Names("config", _BIOPAWS_AND_GENERATED)] = ()
    """Configs of bioPAWS, or generated pairs, to fine-tune on, one at a time."""

    train_pairs: Annotated[
        Sequence[int] | None, ParsedAs(_TrainPairs | None, lambda value: value), Flag(metavar="N")
    ] = None
    """Numbers of pairs to train on, one at a time, half of each label, drawn by the seed; as many of the validation
    split choose the epoch or the penalty (default: all pairs)."""

    controls: Annotated[Sequence[str], Names("control", CONTROLS, at_least=1), Flag("control")] = ("none",)
    """Controls to run instead of the plain fine-tuning (none): not trained, from random weights, on permuted labels."""

    seeds: Annotated[
        int | Sequence[int],
        ParsedAs(_Seeds, _list_seeds),
        Flag(metavar="N|LIST"),
    ] = 5
    """How many seeds, counted from 0, or a list of them: 5 or 0,3,7."""

    recipe: Annotated[
        str | Mapping[str, object] | Hyperparameters, ParsedAs(Hyperparameters, _complete_recipe), Flag(metavar="NAME")
    ] = "paper"
    """Hyperparameters of fine-tuning: paper or xtreme."""

    configs: Annotated[Sequence[str] | None, Names("config", all_names(), at_least=1)] = None
    """Tasks to test on (default: all of PAWS-X and bioPAWS that are available)."""

    split: Literal["test", "validation"] = "test"
    """Split that is predicted."""

    perturbations: Literal["all", "none"] = "all"
    """Predict test pairs of bioPAWS perturbed too; none saves up to two thirds of the time of a DNA task."""

    segment: Annotated[int | str | None, ParsedAs(Any, _check_segment), Flag(metavar="auto|none|K")] = "auto"
    """Split sequences into blocks of K residues; auto: only where the tokenizer needs it."""

    allow_unknown: StrictBool = False
    """Score tasks with over 1% unknown tokens, with a note, instead of refusing them."""

    truncate: StrictBool = True
    """Score tasks with pairs longer than the model's maximum, truncated and with a note, instead of refusing them."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number format of matrix products; weights stay float32."""

    load_in: Literal["float32", "8bit", "4bit"] = "float32"
    """How weights of linear layers are stored; in 8 or 4 bits (bitsandbytes) they are trained by lora_rank only."""

    report_to: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Tracker that losses and accuracies of a training are sent to, too."""

    limit: Annotated[StrictInt, Field(ge=1)] | None = None
    """Read only the first N pairs of each split, the same for every model, seed and method; they may be of few homology
    groups, and their labels vary as in a draw. Results on tasks that it cuts are marked as not comparable."""

    def __post_init__(self) -> None:
        if self.finetune is None:
            zero_shot = self.method == "prompt" and not self.shots
            object.__setattr__(self, "finetune", () if self.finetune_on else ("none",) if zero_shot else ("en",))
        if not self.train_on:
            raise ValueError(
                "nothing to fine-tune on: give finetune, finetune_on or both (finetune none for the model as it is)"
            )
        allowed = registered(self.method).controls
        if unsuited := [control for control in self.controls if control not in allowed]:
            raise ValueError(f"method {self.method} has no control {unsuited[0]}: choose from {', '.join(allowed)}")
        trained = sorted({*self.controls} - {"none", "untuned"}) if self.method == "fine-tune" else []
        self._check_method()
        if "none" in self.train_on and trained:
            raise ValueError(f"control {trained[0]} needs something to fine-tune on: leave none out of finetune")
        if self.load_in != "float32":
            self._check_quantization()

    def _check_quantization(self) -> None:
        if self.method != "fine-tune":
            raise ValueError(f"method {self.method} reads weights in float32: leave out load_in")
        if "random-init" in self.controls:
            raise ValueError(f"control random-init draws weights, which load_in {self.load_in} reads: leave one out")
        untuned = self.train_on == ("none",) or set(self.controls) == {"untuned"}
        if not untuned and not self.hyperparameters.lora_rank:
            raise ValueError(f"weights in {self.load_in} are not trained: give lora_rank, or finetune none")

    def _check_method(self) -> None:
        if self.train_pairs and self.method not in {"fine-tune", "probe"}:
            raise ValueError(f"method {self.method} is not trained on pairs: leave out train_pairs")
        if self.method != "prompt" and self.prompting != Prompting():
            raise ValueError(f"template, shots and calibration are of method prompt, not of {self.method}")
        if self.method == "prompt" and not self.shots:
            if self.train_on != ("none",):
                raise ValueError("a prompt without shots learns nothing: give shots, or no finetune and finetune_on")
        elif "none" in self.train_on and self.method != "fine-tune":
            raise ValueError(f"method {self.method} needs something to be fitted on: leave none out of finetune")

    @property
    def train_on(self) -> tuple[str, ...]:
        """Tasks to fine-tune on, one at a time; "none" for the model as it is."""
        languages = (name if name == "none" else pawsx(name) for name in self.finetune or ())
        return tuple(dict.fromkeys([*languages, *self.finetune_on]))

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """All seeds."""
        return cast(tuple[int, ...], self.seeds)

    @property
    def training_sizes(self) -> tuple[int | None, ...]:
        """Numbers of pairs to train on, one at a time; None for all."""
        return tuple(self.train_pairs) if self.train_pairs else (None,)

    def seeds_of(self, control: str) -> tuple[int, ...]:
        """The seeds of a control, only the first where the seed would change nothing."""
        draws = control != "none" or registered(self.method).draws or self.shots > 0 or bool(self.train_pairs)
        return self.training_seeds if draws else self.training_seeds[:1]

    @property
    def prompting(self) -> Prompting:
        """How a causal model is asked."""
        return Prompting(self.template, self.shots, self.calibration)

    @property
    def hyperparameters(self) -> Hyperparameters:
        """All hyperparameters of fine-tuning."""
        return cast(Hyperparameters, self.recipe)


@validated(frozen=True, config=_CONFIG)
class EvaluationOptions(GridOptions):
    """All that a user can set of the evaluation of one model.

    Values are checked and completed when it is made: `seeds` is a tuple then, `recipe` holds all hyperparameters.

    Raises
    ------
    pydantic.ValidationError
        When a value is invalid; `checked` turns it into one line.

    Examples
    --------
    >>> options = EvaluationOptions("gpt2", seeds=2, finetune_on=["dna150"])
    >>> options.training_seeds, options.train_on, options.hyperparameters.epochs
    ((0, 1), ('dna150',), 4)
    """

    model: Annotated[StrictStr, Field(min_length=1), Flag(metavar="ID|DIR")]
    """Folder with config and weights, or Hub id, of any model that AutoModelForSequenceClassification loads."""

    _: KW_ONLY

    revision: Annotated[StrictStr | None, Flag(metavar="REV")] = None
    """Commit, tag or branch of the model on the Hub."""

    trust_remote_code: StrictBool = False
    """Run the Python files that come with the model; from the Hub, only with a full commit as revision."""

    adapter: Annotated[StrictStr | None, Flag(metavar="DIR")] = None
    """Folder of an adapter (PEFT) to merge into the model's weights."""

    data: Annotated[StrictStr | None, Flag(metavar="DIR|ID")] = None
    """Folder or Hub id of bioPAWS (default: the folder bioPAWS, else the pinned revision on the Hub)."""

    pawsx: Annotated[StrictStr, Flag(metavar="DIR|ID")] = PAWSX_REPO
    """PAWS-X: folder of its tab-separated files, or Hub id."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device to compute on; auto takes a GPU if there is one."""

    out: Annotated[str | Path, ParsedAs(Path, lambda value: value), Flag(metavar="DIR")] = Path("results")
    """Folder of results; every evaluation adds to it."""

    save_models: StrictBool = False
    """Keep the fine-tuned models, with their tokenizers, next to their results."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trust_remote_code and self.method != "fine-tune":
            raise ValueError(f"method {self.method} runs no code of a model's own: leave out trust_remote_code")
        if self.adapter and self.method != "fine-tune":
            raise ValueError(
                f"method {self.method} merges no adapter: merge it into the weights (PEFT: merge_and_unload)"
            )
        if self.load_in != "float32" and (self.adapter or self.save_models):
            what = "adapter" if self.adapter else "save_models"
            raise ValueError(f"{what} needs weights in float32, since merging rounds them anew: leave out load_in")
        if self.save_models and self.method != "fine-tune":
            raise ValueError(f"method {self.method} changes no weights: leave out save_models")

    @property
    def sources(self) -> Sources:
        """Where the pairs come from."""
        return Sources(self.data, self.pawsx, self.limit)

    @property
    def folder(self) -> Path:
        """Folder of results."""
        return Path(self.out)

    @property
    def work(self) -> Path:
        """Folder of tokens and checkpoints, which may be removed and are made again."""
        return self.folder / ".work"


def names_of(options: type[GridOptions]) -> tuple[str, ...]:
    """Return the names of all options of a class, required ones first."""
    return tuple(name for name in inspect.signature(options).parameters)


def description_of(options: type, name: str) -> str:
    """Return the description of an option, in one line."""
    described = (vars(parent).get("__pydantic_fields__", {}).get(name) for parent in options.__mro__)
    return next(" ".join(field.description.split()) for field in described if field and field.description)


def default_of(options: type, name: str) -> Any:
    """Return the default of an option as its field gives it; `inspect.Parameter.empty` where it has none."""
    return inspect.signature(options).parameters[name].default


def explain(error: Invalid, name: str = "") -> tuple[str, str]:
    """Return where the first invalid value is, and what is wrong with it, in one line.

    Parameters
    ----------
    error : pydantic.ValidationError
        Of an options class, or of one field.
    name : str
        Name of the field where the error is of one field.
    """
    first = error.errors()[0]
    location = first["loc"] or ((name,) if name else ())
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
    kind, value = first["type"], first["input"]
    if kind == "unexpected_keyword_argument":
        return place, "no such option"
    if kind == "missing":
        return place, "is missing"
    if kind == "value_error":
        return place, first["msg"].removeprefix("Value error, ")
    if kind == "path_type":
        return place, f"input should be a path, not {value!r}"
    if kind == "literal_error":
        what = next(part for part in reversed(location) if isinstance(part, str))
        return place, _unknown(what, value, re.findall("'([^']*)'", first["ctx"]["expected"]))
    reason = re.sub(" or an instance of .*", "", re.sub("[Tt]uple", "list", first["msg"]))
    given = "" if isinstance(value, (dict, list, tuple)) else f", not {value!r}"
    return place, f"{reason[0].lower()}{reason[1:]}{given}"


def checked(make: Callable[P, Options], *args: P.args, **kwargs: P.kwargs) -> Options:
    """Make options, and report an invalid value in one line.

    Raises
    ------
    ConfigError
        When a value is invalid; the message names the option.
    """
    try:
        return make(*args, **kwargs)
    except Invalid as error:
        raise ConfigError(": ".join(filter(None, explain(error)))) from error


def keyword_form(
    options: Callable[P, Options],
) -> Callable[[Callable[[Options], Returned]], Callable[P, Returned]]:
    """Turn a function of options into one that takes each option as an argument of its own.

    The arguments, their types and defaults are those of the options class, and its descriptions become the section
    ``Parameters`` of the docstring.

    Parameters
    ----------
    options : type
        A class like `EvaluationOptions`.
    """
    cls = cast(type, options)

    def decorate(function: Callable[[Options], Returned]) -> Callable[P, Returned]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Returned:
            return function(checked(options, *args, **kwargs))

        types = get_type_hints(cls)
        parameters = [
            parameter.replace(annotation=types[name]) for name, parameter in inspect.signature(cls).parameters.items()
        ]
        returned = get_type_hints(function)["return"]
        call.__signature__ = inspect.Signature(parameters, return_annotation=returned)  # type: ignore[attr-defined]
        call.__annotations__ = {name: types[name] for name in types if name in vars(cls)} | {"return": returned}
        lines = [
            line
            for parameter in parameters
            for line in (_typed(parameter), f"    {description_of(cls, parameter.name)}")
        ]
        summary, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\nRaises\n")
        raises = f"\n\nRaises\n{rest}" if rest else ""
        call.__doc__ = "\n".join([summary, "", "Parameters", "----------", *lines]) + raises
        return call

    return decorate


def _typed(parameter: inspect.Parameter) -> str:
    """Return the line of numpydoc that names a parameter, its type and its default."""
    type_ = re.sub(
        r"\b(typing|collections\.abc|pathlib|bio_paws_eval\.\w+)\.",
        "",
        inspect.formatannotation(parameter.annotation),
    )
    default = "" if parameter.default is inspect.Parameter.empty else f", default: {parameter.default!r}"
    return f"{parameter.name} : {type_}{default}"
