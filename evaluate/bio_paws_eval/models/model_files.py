"""Find a model's files, check them and digest them, before anything is loaded from them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig

from bio_paws.errors import BioPawsError, ModelError, first_line
from bio_paws.execution.files import read_json
from bio_paws.execution.hub import limit_answers
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws_eval.models import adapters
from bio_paws_eval.models.file_digests import digest_of_files
from bio_paws_eval.models.own_code import check_commit, code_files, names_code
from bio_paws_eval.models.quantization import StoredIn

NO_CODE: dict[str, Any] = {"trust_remote_code": False}
"""Code that comes with a model is not run; without this, transformers asks at the terminal."""

OWN_CODE = "it needs its own code: read that, then pass --trust-remote-code"
"""What a user can do about a model that Transformers does not know, or knows otherwise."""

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""Safe tensors, else PyTorch's files, which transformers reads as tensors only: neither can carry code."""
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")
# Any other file of a training or a library may lie beside a model, and holds times or scores.
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.*"),
    *("vocab*.json", "vocab*.txt", "merges.txt", "bpe.codes", "*.model", "*.tiktoken"),
)
_ADAPTER_FILES = (adapters.CONFIG, adapters.WEIGHTS, "adapter_model.bin")
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
        Digest of configuration and weights, and of the model's own code.
    tokenizer_sha256 : str
        Digest of the tokenizer's files, and of the model's own code.
    code_sha256 : str
        Digest of the Python files that come with the model, where the user trusts them; "" where none are run.
    adapter : Adapter or None
        What is merged into the weights.
    load_in : {"float32", "8bit", "4bit"}
        How the weights of linear layers are stored in memory.
    """

    id: str
    folder: Path
    revision: str | None
    config: PretrainedConfig
    weights_sha256: str
    tokenizer_sha256: str
    code_sha256: str = ""
    adapter: adapters.Adapter | None = None
    load_in: StoredIn = "float32"

    @property
    def trust(self) -> dict[str, Any]:
        """What Transformers is told about the code that comes with the model."""
        return {"trust_remote_code": bool(self.code_sha256)}

    @property
    def text_config(self) -> PretrainedConfig:
        """The part of the configuration that reads text; the whole where the model reads nothing else."""
        return self.config.get_text_config()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels of the head that the files were saved with, in its order; empty where none are given."""
        names = read_json(self.folder / "config.json").get("id2label") or {}
        return tuple(str(name) for _, name in sorted(names.items(), key=lambda item: int(item[0])))


def find_model(
    model: str,
    revision: str | None,
    *,
    trust_remote_code: bool = False,
    adapter: str | None = None,
    load_in: StoredIn = "float32",
) -> ModelSource:
    """Find a model's files: in a folder, else in the cache or on the Hub.

    Parameters
    ----------
    model : str
        Folder, or Hub id.
    revision : str, optional
        Commit, tag or branch on the Hub.
    trust_remote_code : bool
        Run the Python files that come with the model; from the Hub, `revision` must be a full commit then.
    adapter : str, optional
        Folder of an adapter to merge into the weights.
    load_in : {"float32", "8bit", "4bit"}
        How the weights of linear layers are to be stored in memory; another format is part of the model's name.

    Raises
    ------
    ModelError
        When there is no such model, it has no weights or tokenizer, its configuration cannot be used, its code is not
        beside it, or there is no such adapter.
    """
    folder = Path(model)
    if folder.is_dir():
        if revision is not None:
            raise ModelError(f"{model}: a folder has no revision: leave out --revision")
        name, commit = folder.resolve().name, None
    elif folder.exists() or model.startswith((".", "/", "~")):
        raise ModelError(f"{model}: no such folder: pass a folder with config.json and weights, or a Hub id")
    else:
        if trust_remote_code:
            check_commit(model, revision)
        folder = _snapshot(model, revision, ["*.py"] if trust_remote_code else [])
        name, commit = model, folder.name  # a snapshot's folder is called after its commit
    weights = weight_files(folder)
    _check_kind(model, folder, weights)
    settings = {path for pattern in _SETTINGS for path in folder.glob(pattern)}
    tokenizer_files = {path for path in settings if any(fnmatch(path.name, pattern) for pattern in _TOKENIZER_FILES)}
    if not tokenizer_files:
        raise ModelError(
            f"{model}: no tokenizer (tokenizer.json, or a vocabulary): save the tokenizer beside the weights"
        )
    _check_files(model, {*weights, *settings})
    code = code_files(model, folder) if trust_remote_code and names_code(folder) else []
    try:
        config = AutoConfig.from_pretrained(folder, num_labels=2, trust_remote_code=bool(code))
        _check_size(config, None if code else sum(path.stat().st_size for path in weights))
    except Exception as error:  # transformers checks little of what a configuration holds
        raise ModelError(f"{model}: config.json cannot be used ({first_line(error)}){_hint(folder)}") from error
    added = adapters.find_adapter(adapter) if adapter else None
    name = f"{name}+{added.name}" if added else name
    return ModelSource(
        name if load_in == "float32" else f"{name}+{load_in}",
        folder,
        commit,
        config,
        digest_of_files([folder / "config.json", *weights, *code]),
        digest_of_files([*sorted(tokenizer_files), *code]),
        digest_of_files(code) if code else "",
        added,
        load_in,
    )


def _check_kind(model: str, folder: Path, weights: list[Path]) -> None:
    """Refuse folders that hold something else than the weights of a whole model, and say what to do with them."""
    if any((folder / name).exists() for name in _ADAPTER_FILES):
        if weights:
            raise ModelError(
                f"{model}: an adapter ({_ADAPTER_FILES[0]}) lies beside the weights, so that it is not clear which "
                "model is meant: move it to a folder of its own, and pass that as --adapter"
            )
        raise ModelError(
            f"{model}: an adapter without its model: pass the model it was trained on, and this folder as --adapter"
        )
    if not weights:
        if any(folder.glob("*.gguf")):
            raise ModelError(
                f"{model}: weights as GGUF: dequantise them with AutoModelForSequenceClassification.from_pretrained("
                "FOLDER, gguf_file=FILE).save_pretrained(NEW), and its tokenizer likewise"
            )
        raise ModelError(f"{model}: no weights (*.safetensors or pytorch_model.bin)")


def _hint(folder: Path) -> str:
    """Return what a user can do about a configuration that Transformers does not read; "" where nothing is known."""
    return f": {OWN_CODE}" if names_code(folder) else ""


def _snapshot(model: str, revision: str | None, code: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    limit_answers()
    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=[*_SETTINGS, *code, _WEIGHTS[0]]))
        if not list(folder.glob(_WEIGHTS[0])):
            folder = Path(snapshot_download(model, revision=revision, allow_patterns=[*_SETTINGS, *code, _WEIGHTS[1]]))
    except BioPawsError:
        raise
    except Exception as error:  # of huggingface_hub, also where it reads an answer of another shape
        reraise_if_out_of_memory(error)
        at = f" at {revision}" if revision else ""
        raise ModelError(
            f"{model}{at}: neither a folder nor available from the Hub ({type(error).__name__}): pass a folder"
        ) from error
    return folder


def weight_files(folder: Path) -> list[Path]:
    """Return the files of the weights, an adapter's left out."""
    safe_tensors, pickled = (
        sorted(path for path in folder.glob(pattern) if path.name not in _ADAPTER_FILES) for pattern in _WEIGHTS
    )
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


def _check_size(config: PretrainedConfig, weights: int | None) -> None:
    """Check, before memory is allocated, that a configuration describes a model of about the size of its weights.

    `weights` is their size in bytes; None for a model of its own code, which Transformers cannot make from it.
    """
    layers = getattr(config.get_text_config(), "num_hidden_layers", None) or 0
    if layers > _MAX_LAYERS:
        raise ValueError(f"{layers} layers")
    if weights is None:
        return
    with torch.device("meta"):
        model = AutoModel.from_config(config, **NO_CODE)
    parameters = sum(weight.numel() for weight in model.parameters())
    if parameters > _MAX_PARAMETERS_PER_BYTE * weights:
        raise ValueError(f"it describes {parameters:,} parameters, and there are {weights:,} bytes of weights")
