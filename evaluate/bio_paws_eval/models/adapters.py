"""Adapters in the form of PEFT: one that a user brings is merged into its model, and LoRA trains a model of any size.

Only here is PEFT imported (extra ``adapters``).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, set_seed
from transformers.pytorch_utils import Conv1D

from bio_paws.errors import ModelError, first_line
from bio_paws.execution.files import read_json
from bio_paws_eval.models.file_digests import digest_of_files
from bio_paws_eval.models.quantization import is_quantized

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
"""Files of an adapter; weights in PyTorch's own form can carry code and are not read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adapter:
    """An adapter's files.

    Attributes
    ----------
    folder : Path
        Of `CONFIG` and `WEIGHTS`.
    base : str
        The model that it says it was trained on; "" where it says none.
    sha256 : str
        Digest of both files.
    """

    folder: Path
    base: str
    sha256: str

    @property
    def name(self) -> str:
        """How results name it."""
        return self.folder.resolve().name


def find_adapter(folder: str) -> Adapter:
    """Find an adapter's files.

    Raises
    ------
    ModelError
        When there are none, or its configuration cannot be used.
    """
    config, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    if not config.is_file() or not weights.is_file():
        raise ModelError(
            f"{folder}: no adapter: pass a folder with {CONFIG} and {WEIGHTS}, as PEFT's save_pretrained writes"
        )
    try:
        base = read_json(config).get("base_model_name_or_path") or ""
    except (ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"{folder}: {CONFIG} cannot be used: it is no object of JSON") from error
    return Adapter(Path(folder), str(base), digest_of_files([config, weights]))


def merge_adapter(model: PreTrainedModel, adapter: Adapter) -> PreTrainedModel:
    """Merge an adapter into a model's weights, in place.

    Raises
    ------
    ModelError
        When PEFT is not installed, the adapter cannot be merged, or its weights do not fit the model.
    """
    peft = _import_peft()
    try:
        config = peft.PeftConfig.from_pretrained(str(adapter.folder))
        if config.is_prompt_learning:
            raise ModelError(
                f"{adapter.folder}: an adapter of type {config.peft_type.value} cannot be merged into weights"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT reads what Transformers calls otherwise by now
            wrapped = peft.PeftModel(model, config)
        weights = peft.utils.load_peft_weights(str(adapter.folder), device="cpu")
        loaded = peft.set_peft_model_state_dict(wrapped, weights)
    except ModelError:
        raise
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{adapter.folder}: the adapter cannot be loaded ({first_line(error)})") from error
    missing = [name for name in loaded.missing_keys if "lora_" in name or "modules_to_save" in name]
    for names, what in ((loaded.unexpected_keys, "holds weights of other layers than"), (missing, "lacks weights for")):
        if names:
            raise ModelError(f"{adapter.folder}: the adapter {what} the model has, {min(names)} among them")
    if adapter.base and Path(adapter.base).name != Path(str(model.config.name_or_path)).name:
        _log.warning("the adapter %s was trained on %s: make sure that this is the model", adapter.folder, adapter.base)
    merged: PreTrainedModel = wrapped.merge_and_unload()
    return merged


def adapter_shapes(adapter: Adapter) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that an adapter replaces as a whole, by their names in the model."""
    from safetensors import safe_open

    with safe_open(adapter.folder / WEIGHTS, framework="pt") as file:
        return {
            name.removeprefix("base_model.model."): tuple(file.get_slice(name).get_shape())
            for name in file.keys()  # noqa: SIM118
            if ".lora_" not in name
        }


@contextmanager
def low_rank(model: PreTrainedModel, rank: int, seed: int) -> Iterator[None]:
    """Train low-rank changes of a model's linear layers instead of the layers, as `add_low_rank` adds them.

    They are merged into the weights at the end, but into weights in 8 or 4 bits, where they stay beside them.

    Parameters
    ----------
    model, rank, seed
        As in `add_low_rank`; a rank of 0 leaves the model as it is.

    Raises
    ------
    ModelError
        As `add_low_rank`.
    """
    if rank == 0:
        yield
        return
    tuner = add_low_rank(model, rank, seed)
    yield
    if not is_quantized(model):
        with torch.no_grad():
            tuner.merge_and_unload()


def add_low_rank(model: PreTrainedModel, rank: int, seed: int) -> Any:
    """Add low-rank changes to a model's linear layers, to be trained instead of the layers; return what merges them.

    What stands outside the model that the head is put on, and the pooler, is new in most models and trained as it is.

    Parameters
    ----------
    model : PreTrainedModel
        A classifier; changed in place.
    rank : int
        Of the changes; they are scaled by 2, as PEFT's documentation advises.
    seed : int
        Of the changes' first weights.

    Raises
    ------
    ModelError
        When PEFT is not installed, or the model has no linear layer.

    References
    ----------
    Hu EJ, Shen Y, et al. (2022) LoRA: low-rank adaptation of large language models. ICLR.
    """
    peft = _import_peft()
    prefix = f"{model.base_model_prefix}."
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and name.startswith(prefix) and "pooler" not in name
    ]
    if not layers:
        raise ModelError("the model has no linear layers for --lora-rank to change: leave it out")
    set_seed(seed)
    fan_in_first = any(isinstance(module, Conv1D) for module in model.modules())
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers, fan_in_fan_out=fan_in_first)
    tuner = peft.LoraModel(model, {"default": config}, "default")  # the model's class and inputs stay as they are
    for name, weight in model.named_parameters():
        weight.requires_grad = "lora_" in name or not name.startswith(prefix) or "pooler" in name
    # The Trainer refuses weights in few bits unless it is told that they have adapters.
    model._hf_peft_config_loaded = is_quantized(model)
    return tuner


def _import_peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise ModelError("adapters need PEFT: pip install 'bio-paws[adapters]'") from error
    return peft
