"""Linear layers in 8 or 4 bits, where a device has no room for more, by bitsandbytes (extra ``quantized``).

Such weights are not trained. LoRA's changes are, and stay beside them: merging would round both anew.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.models.sharding import is_sharded

StoredIn = Literal["float32", "8bit", "4bit"]
"""How the weights of linear layers are stored."""

BYTES: dict[StoredIn, float] = dict(zip(get_args(StoredIn), (4.0, 1.0, 0.5), strict=True))
"""Bytes of a stored weight, without the few that scale a block of them."""


def check_quantization(load_in: StoredIn, device: torch.device) -> None:
    """Check that weights can be stored in so many bits.

    Raises
    ------
    ModelError
        When the library is not installed, does not know the device, or a launcher asks for FSDP.
    """
    if load_in == "float32":
        return
    if find_spec("bitsandbytes") is None:
        raise ModelError(f"load_in {load_in} needs bitsandbytes: pip install 'bio-paws[quantized]', or leave it out")
    if device.type not in {"cpu", "cuda"}:
        raise ModelError(
            f"load_in {load_in}: bitsandbytes does not compute on {device.type}: choose device cuda or cpu"
        )
    if is_sharded():
        raise ModelError(f"load_in {load_in}: FSDP shards weights in float32: leave it out, or launch without FSDP")
    # It tells of each product that rounds its inputs.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def quantization_of(load_in: StoredIn, empty: PreTrainedModel, dtype: torch.dtype) -> BitsAndBytesConfig:
    """Return how a classifier's linear layers are stored; its head and pooler, which are trained, stay as they are.

    Parameters
    ----------
    load_in : {"8bit", "4bit"}
        Rows of int8 with outliers in float16 (Dettmers T et al. 2022, arXiv:2208.07339), or blocks of NF4 (Dettmers T
        et al. 2023, arXiv:2305.14314).
    empty : PreTrainedModel
        The classifier without its weights.
    dtype : torch.dtype
        Number format of the matrix products.
    """
    prefix = f"{empty.base_model_prefix}."
    kept = [
        name
        for name, module in empty.named_modules()
        if isinstance(module, nn.Linear) and (not name.startswith(prefix) or "pooler" in name)
    ]
    if load_in == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype, llm_int8_skip_modules=kept
    )


def keep_differentiable(model: PreTrainedModel) -> None:
    """Keep layers in 4 bits as they are on a CPU: once it has packed them for prediction, they have no gradients."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def is_quantized(model: PreTrainedModel) -> bool:
    """Return whether a model's linear layers are stored in 8 or 4 bits."""
    return bool(getattr(model, "is_quantized", False))
