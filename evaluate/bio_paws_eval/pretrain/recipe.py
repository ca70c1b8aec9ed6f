"""What a model is pre-trained on and how: a typed recipe, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from bio_paws.errors import ConfigError
from bio_paws.execution.documents import parse_yaml

Language = Literal["text", "dna", "protein"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_RECIPES = files("bio_paws_eval.pretrain") / "recipes"
_STRICT = ConfigDict(extra="forbid")
_Positive = Annotated[int, Field(ge=1)]
_Names = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]


@dataclass(frozen=True)
class TextRecipe:
    """Where text comes from.

    Attributes
    ----------
    source : tuple of str
        ``bundled``, ``hub:OWNER/NAME``, or paths of .txt, .jsonl and .parquet files, compressed or not.
    column : str
        Which holds the text; .txt files have none, their documents are parted by empty lines.
    config : str or None
        Config of a data set on the Hub.
    revision : str or None
        Its commit, tag or branch; the commit that it is today is recorded, and taken where none is named.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    source: _Names
    column: str = "text"
    config: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class ModelSize:
    """Size of a GPT-2: layers, heads, width, and tokens it sees at once. By default GPT-2 small."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    n_layer: _Positive = 12
    n_head: _Positive = 12
    n_embd: _Positive = 768
    context: Annotated[int, Field(ge=8)] = 1024


@dataclass(frozen=True)
class TrainingRecipe:
    """How it is trained, by AdamW.

    Attributes
    ----------
    tokens : int or None
        Tokens trained on in all, in several passes where the mixture has fewer; None for one pass.
    batch : int
        Sequences of `ModelSize.context` tokens a step, over all devices.
    device_batch : int
        Of these, how many a device takes at once; gradients are summed up over the rest.
    learning_rate : float
        Peak learning rate.
    schedule : str
        Course of the learning rate after its rise: cosine, linear or constant_with_warmup.
    warmup : float
        Part of the steps in which the rate rises.
    weight_decay : float
        Weight decay.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    tokens: _Positive | None = None
    batch: _Positive = 512
    device_batch: _Positive = 32
    learning_rate: Annotated[float, Field(gt=0)] = 6e-4
    schedule: Literal["constant_with_warmup", "linear", "cosine"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.1


@dataclass(frozen=True)
class PretrainingRecipe:
    """A pre-training.

    Attributes
    ----------
    bytes : dict of str to int
        How much of each language (text, dna, protein) to train on. Where a source holds less, all are cut down alike,
        so that their proportions stay.
    vocabulary : int
        Tokens of the tokenizer: 256 bytes, the end of a document, and merges.
    text : TextRecipe or None
        Where text comes from; DNA and proteins come from the sources of a build.
    model : ModelSize
        Size of the model.
    training : TrainingRecipe
        How it is trained.
    seed : int
        Of weights, order, and the choice of documents.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    bytes: Annotated[dict[Language, _Positive], Field(min_length=1)]
    vocabulary: Annotated[int, Field(ge=257)] = 50304
    text: TextRecipe | None = None
    model: ModelSize = field(default_factory=ModelSize)
    training: TrainingRecipe = field(default_factory=TrainingRecipe)
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def biological(self) -> tuple[Language, ...]:
        """Its languages but text."""
        return tuple(name for name in LANGUAGES if name in self.bytes and name != "text")


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    return tuple(sorted(path.name.removesuffix(".yaml") for path in _RECIPES.iterdir() if path.name.endswith(".yaml")))


def read_recipe(recipe: str) -> PretrainingRecipe:
    """Read a recipe.

    Parameters
    ----------
    recipe : str
        One of `recipe_names`, or the path of a YAML file.

    Raises
    ------
    ConfigError
        When there is none, it is not YAML, or a key or value is wrong.
    """
    stored = _RECIPES / f"{recipe}.yaml" if recipe in recipe_names() else Path(recipe)
    if not stored.is_file():
        raise ConfigError(f"recipe {recipe!r} is neither a file nor one of {', '.join(recipe_names())}")
    try:
        raw = parse_yaml(stored.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{recipe}: not YAML that can be read ({error})") from error
    return parse_recipe(raw, recipe)


def parse_recipe(raw: object, where: str) -> PretrainingRecipe:
    """Check what YAML gave; `where` is its name in messages.

    Raises
    ------
    ConfigError
        When a key is unknown or missing, or a value is wrong or does not go with the others.
    """
    try:
        recipe = TypeAdapter(PretrainingRecipe).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"] if part != "[key]") or "recipe"
        reason = "unknown key" if first["type"] == "unexpected_keyword_argument" else first["msg"]
        raise ConfigError(f"{where}: {at}: {reason}") from error
    if ("text" in recipe.bytes) != (recipe.text is not None):
        raise ConfigError(f"{where}: text and bytes.text go together: where it comes from, and how much of it")
    if recipe.model.n_embd % recipe.model.n_head:
        raise ConfigError(f"{where}: model.n_embd {recipe.model.n_embd} is no multiple of n_head")
    if recipe.training.batch % recipe.training.device_batch:
        raise ConfigError(f"{where}: training.batch {recipe.training.batch} is no multiple of device_batch")
    return recipe
