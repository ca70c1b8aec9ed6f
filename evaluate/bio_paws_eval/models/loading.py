"""Find a model, digest its files, load its tokenizer and its classifier. Code that comes with a model is never run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from bio_paws.errors import BioPawsError, ModelError
from bio_paws.execution.files import read_json, sha256_of
from bio_paws_eval.results import Model

Join = Literal["template", "concatenation"]

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""Safe tensors, else PyTorch's files, which transformers reads as tensors only: neither can carry code."""
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
# The record of a pre-training holds times, which are others when the same model is made again.
_NOT_OF_A_TOKENIZER = ("config.json", "generation_config.json", "*.index.json", "pretraining.json")
_NO_CODE: dict[str, Any] = {"trust_remote_code": False}  # left open, transformers asks at the terminal
_MOST_LAYERS = 1000
_MOST_PARAMETERS = 16  # a byte of weights, however they are packed
# These count positions from the padding token's id on, so that their table holds fewer than it has rows.
_OFFSET_POSITIONS = {
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}


@dataclass(frozen=True)
class Source:
    """A model's files on this machine.

    Attributes
    ----------
    id : str
        Hub id, or the folder's name.
    folder : Path
        Where they lie.
    revision : str or None
        Commit on the Hub; None for a folder.
    config : PretrainedConfig
        Its architecture.
    weights_sha256 : str
        Digest of configuration and weights.
    tokenizer_sha256 : str
        Digest of the tokenizer's files.
    """

    id: str
    folder: Path
    revision: str | None
    config: PretrainedConfig
    weights_sha256: str
    tokenizer_sha256: str


def find_model(model: str, revision: str | None) -> Source:
    """Find a model's files: in a folder, else in the cache or on the Hub.

    Parameters
    ----------
    model : str
        Folder, or Hub id.
    revision : str, optional
        Commit, tag or branch on the Hub.

    Raises
    ------
    ModelError
        When there is no such model, it has no weights, or it needs code of its own.
    """
    folder = Path(model)
    if folder.is_dir():
        if revision is not None:
            raise ModelError(f"{model}: a folder has no revision: leave out --revision")
        name, commit = folder.resolve().name, None
    elif folder.exists() or model.startswith((".", "/", "~")):
        raise ModelError(f"{model}: no such folder: pass a folder with config.json and weights, or a Hub id")
    else:
        folder = _snapshot(model, revision)
        name, commit = model, folder.name  # a snapshot's folder is called after its commit
    weights = _weight_files(folder)
    if not weights:
        raise ModelError(f"{model}: no weights (*.safetensors or pytorch_model.bin)")
    settings = {path for pattern in _SETTINGS for path in folder.glob(pattern)}
    model_files = {path for pattern in _NOT_OF_A_TOKENIZER for path in folder.glob(pattern)}
    if not settings - model_files:
        raise ModelError(f"{model}: no tokenizer (tokenizer.json, or a vocabulary)")
    _check_files(model, {*weights, *settings, *model_files})
    try:
        config = AutoConfig.from_pretrained(folder, num_labels=2, **_NO_CODE)
        _check_size(config, sum(path.stat().st_size for path in weights))
    except Exception as error:  # transformers checks little of what a configuration holds
        raise ModelError(f"{model}: config.json cannot be used ({_first_line(error)})") from error
    return Source(
        name,
        folder,
        commit,
        config,
        _digest([folder / "config.json", *weights]),
        _digest(sorted(settings - model_files)),
    )


def _snapshot(model: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=[*_SETTINGS, _WEIGHTS[0]]))
        if not list(folder.glob(_WEIGHTS[0])):
            folder = Path(snapshot_download(model, revision=revision, allow_patterns=[*_SETTINGS, _WEIGHTS[1]]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        at = f" at {revision}" if revision else ""
        raise ModelError(
            f"{model}{at}: neither a folder nor to be had from the Hub ({type(error).__name__}): pass a folder"
        ) from error
    return folder


def _weight_files(folder: Path) -> list[Path]:
    safe, other = (sorted(folder.glob(pattern)) for pattern in _WEIGHTS)
    return safe or other


def _check_files(model: str, files: set[Path]) -> None:
    """See that files can be read to their end, and that none leads to weights that are not among them."""
    for path in sorted(files):
        if not path.is_file():
            raise ModelError(f"{model}: {path.name} is not a file, or a link to none")
        if path.name.endswith(".index.json"):
            try:
                named = set(read_json(path)["weight_map"].values())
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise ModelError(f"{model}: {path.name} cannot be used ({_first_line(error)})") from error
            if other := named - {one.name for one in files}:
                raise ModelError(f"{model}: {path.name} names weights that are not beside it: {min(map(str, other))}")


def _check_size(config: PretrainedConfig, weights: int) -> None:
    """See that a model can be made by its configuration, and not much larger than its weights: before it is made."""
    layers = getattr(config, "num_hidden_layers", None) or 0
    if layers > _MOST_LAYERS:
        raise ValueError(f"{layers} layers")
    with torch.device("meta"):
        model = AutoModel.from_config(config, **_NO_CODE)
    parameters = sum(one.numel() for one in model.parameters())
    if parameters > _MOST_PARAMETERS * weights:
        raise ValueError(f"it tells of {parameters:,} parameters, and there are {weights:,} bytes of weights")


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\t{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def load_tokenizer(source: Source) -> PreTrainedTokenizerBase:
    """Load the tokenizer, and give it a padding token where it has none.

    GPT-2 and its like end and pad with the same token; their classifiers look at the last token that is not padding.

    Raises
    ------
    ModelError
        When it cannot be loaded, or has no token to pad with.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source.folder, **_NO_CODE)
    except Exception as error:  # whatever a damaged file makes the parsers raise
        raise ModelError(f"{source.id}: its tokenizer cannot be loaded ({_first_line(error)})") from error
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or not longest > 0:
        raise ModelError(f"{source.id}: its tokenizer's model_max_length is no number of tokens: {longest!r}")
    if tokenizer.pad_token is None:
        token = tokenizer.eos_token or tokenizer.unk_token
        if token is None:
            raise ModelError(f"{source.id}: its tokenizer has no token to pad with: give it a pad_token")
        tokenizer.pad_token = token
    return tokenizer


def load_classifier(
    source: Source, tokenizer: PreTrainedTokenizerBase, seed: int, *, random_init: bool = False
) -> PreTrainedModel:
    """Load the model with a classifier of two labels, in float32; what its files do not hold is drawn from `seed`.

    Parameters
    ----------
    source : Source
        From `find_model`.
    tokenizer : PreTrainedTokenizerBase
        From `load_tokenizer`; tells the model which token is padding.
    seed : int
        Of the head, or of all weights.
    random_init : bool
        Leave the files' weights aside.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, or nothing classifies with it.
    """
    config = AutoConfig.from_pretrained(source.folder, num_labels=2, pad_token_id=tokenizer.pad_token_id, **_NO_CODE)
    set_seed(seed)
    try:
        if random_init:
            model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32, **_NO_CODE)
        else:
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                source.folder,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **_NO_CODE,
            )
            # Only the head may be new: it stands outside the model that has a name of its own.
            _check_loaded(source, loading, f"{model.base_model_prefix}.")
    except BioPawsError:
        raise
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{source.id}: cannot be loaded as a classifier ({_first_line(error)})") from error
    return model  # type: ignore[no-any-return]


def _check_loaded(source: Source, loading: dict[str, Any], part: str = "") -> None:
    drawn = {*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])}
    # A pooler comes after the last layer, and files of language models hold none.
    missing = sorted(name for name in drawn if name.startswith(part) and "pooler" not in name)
    if missing:
        raise ModelError(f"{source.id}: its files lack {len(missing)} weights of the model, {missing[0]} among them")


def load_base(source: Source) -> PreTrainedModel:
    """Load the model without a head, in float32: of an encoder with a decoder, the encoder.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, or some are missing.
    """
    model = _load_whole(source, AutoModel)
    return model.get_encoder() if source.config.is_encoder_decoder else model


def load_generator(source: Source) -> PreTrainedModel:
    """Load the model as one that writes text, in float32.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, some are missing, or it writes no text.
    """
    kind = AutoModelForSeq2SeqLM if source.config.is_encoder_decoder else AutoModelForCausalLM
    if not source.config.is_encoder_decoder and join_of(source.config) != "concatenation":
        raise ModelError(f"{source.id}: it writes no text: take a text-to-text or a causal model")
    return _load_whole(source, kind)


def _load_whole(source: Source, kind: Any) -> PreTrainedModel:
    try:
        model, loading = kind.from_pretrained(
            source.folder, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **_NO_CODE
        )
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{source.id}: cannot be loaded ({_first_line(error)})") from error
    _check_loaded(source, loading)
    return model  # type: ignore[no-any-return]


def join_of(config: PretrainedConfig) -> Join:
    """How a model's pairs are joined: decoders were never shown a template for pairs."""
    decoder = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return "concatenation" if decoder and config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES else "template"


def max_length_of(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Tokens that a model takes; None where nothing limits it."""
    limits = []
    rows = getattr(config, "max_position_embeddings", None)
    if rows:
        offset = config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS else 0
        limits.append(int(rows) - offset)
    if tokenizer.model_max_length < 10**9:  # transformers writes 10**30 for "unknown"
        limits.append(int(tokenizer.model_max_length))
    return min(limits, default=None)


def describe(source: Source) -> Model:
    """How results name a model. Its weights are counted, its classifier's included, without loading them."""
    with torch.device("meta"):
        model: Any = AutoModelForSequenceClassification.from_config(source.config, **_NO_CODE)
    parameters = sum(one.numel() for one in model.parameters())
    return Model(
        source.id,
        "model",
        source.revision,
        type(model).__name__,
        parameters,
        source.weights_sha256,
        source.tokenizer_sha256,
    )
