"""Find a model's files, check them and digest them, before anything is loaded from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig

from bio_paws.errors import ModelError
from bio_paws.execution.files import read_json, sha256_of

NO_CODE: dict[str, Any] = {"trust_remote_code": False}
"""Code that comes with a model is never run; without this, transformers asks at the terminal."""

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""Safe tensors, else PyTorch's files, which transformers reads as tensors only: neither can carry code."""
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
# The record of a pretraining holds times, which differ when the same model is made again.
_NOT_OF_A_TOKENIZER = ("config.json", "generation_config.json", "*.index.json", "pretraining.json")
_MAX_LAYERS = 1000
_MAX_PARAMETERS_PER_BYTE = 16  # of the weights' files, however the weights are packed


@dataclass(frozen=True)
class ModelSource:
    """A model's files on this machine.

    Attributes
    ----------
    id : str
        Hub id, or the folder's name.
    folder : Path
        Folder of the files.
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


def find_model(model: str, revision: str | None) -> ModelSource:
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
        When there is no such model, it has no weights or tokenizer, or its configuration cannot be used.
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
        config = AutoConfig.from_pretrained(folder, num_labels=2, **NO_CODE)
        _check_size(config, sum(path.stat().st_size for path in weights))
    except Exception as error:  # transformers checks little of what a configuration holds
        raise ModelError(f"{model}: config.json cannot be used ({first_line(error)})") from error
    return ModelSource(
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
            f"{model}{at}: neither a folder nor available from the Hub ({type(error).__name__}): pass a folder"
        ) from error
    return folder


def _weight_files(folder: Path) -> list[Path]:
    safe_tensors, pickled = (sorted(folder.glob(pattern)) for pattern in _WEIGHTS)
    return safe_tensors or pickled


def _check_files(model: str, files: set[Path]) -> None:
    """Check that files can be read to their end, and that no index names weights that are not among them."""
    for path in sorted(files):
        if not path.is_file():
            raise ModelError(f"{model}: {path.name} is not a file, or a link to none")
        if path.name.endswith(".index.json"):
            try:
                named = set(read_json(path)["weight_map"].values())
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise ModelError(f"{model}: {path.name} cannot be used ({first_line(error)})") from error
            if missing := named - {file.name for file in files}:
                raise ModelError(f"{model}: {path.name} names weights that are not beside it: {min(map(str, missing))}")


def _check_size(config: PretrainedConfig, weights: int) -> None:
    """Check, before memory is allocated, that a configuration describes a model of about the size of its weights."""
    layers = getattr(config, "num_hidden_layers", None) or 0
    if layers > _MAX_LAYERS:
        raise ValueError(f"{layers} layers")
    with torch.device("meta"):
        model = AutoModel.from_config(config, **NO_CODE)
    parameters = sum(weight.numel() for weight in model.parameters())
    if parameters > _MAX_PARAMETERS_PER_BYTE * weights:
        raise ValueError(f"it describes {parameters:,} parameters, and there are {weights:,} bytes of weights")


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\t{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
