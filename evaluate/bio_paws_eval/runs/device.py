"""The device and the number format of an evaluation, as torch names them."""

from __future__ import annotations

import logging
import os
import time
from functools import cache

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType

from bio_paws.errors import ConfigError
from bio_paws_eval.models.sharding import is_sharded, set_up_sharding

_log = logging.getLogger(__name__)

_REFUSED = {"DeepSpeed": "ACCELERATE_USE_DEEPSPEED", "Megatron-LM": "ACCELERATE_USE_MEGATRON_LM"}
"""What `accelerate launch` sets for ways to split a model that are not supported."""

_PRECISION = "ACCELERATE_MIXED_PRECISION"


def device_of(name: str) -> torch.device:
    """Return a device by its name; ``auto`` takes a GPU if there is one.

    Raises
    ------
    ConfigError
        When this machine has no such device.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if available[candidate])
    if not available[name]:
        raise ConfigError(f"device: this machine has no {name}: choose auto")
    return torch.device(name)


def start_processes(device: torch.device) -> PartialState:
    """Join the processes that a launcher started, this one alone included.

    Raises
    ------
    ConfigError
        When the launcher would split a model in a way that is not supported.
    """
    for way, variable in _REFUSED.items():
        if os.environ.get(variable, "").lower() == "true":
            raise ConfigError(
                f"{way} splits a model in a way that is not supported: launch with FSDP, or set distributed_type to "
                "MULTI_GPU, and where memory is short, give --gradient-checkpointing, --device-batch-size 1, or "
                "--lora-rank 8 with --load-in 4bit"
            )
    if (precision := os.environ.get(_PRECISION, "no")) != "no":
        _log.warning("accelerate's mixed_precision %s is left aside: the number format is that of --dtype", precision)
        os.environ[_PRECISION] = "no"
    set_up_sharding()
    state = PartialState(cpu=device.type == "cpu")
    if is_sharded() and state.distributed_type in {DistributedType.NO, DistributedType.MULTI_CPU}:
        raise ConfigError("FSDP: accelerate shards models over several GPUs only: launch without --use_fsdp")
    return state


def dtype_of(name: str) -> torch.dtype:
    """Return a number format by its name, as in ``"bfloat16"``."""
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


@cache
def matrix_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Measure the operations per second of products of square matrices of `size` rows: the best of five."""
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()  # a GPU returns before it has finished: fetching a value waits
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def warn_of_slow_dtype(device: torch.device, dtype: torch.dtype) -> None:
    """Say so where a CPU has no instructions for bfloat16: it emulates them, a hundred times as slowly as float32."""
    if device.type != "cpu" or dtype == torch.float32:
        return
    size = 128  # milliseconds, even where the products are emulated
    slower = matrix_rate(device, torch.float32, size) / matrix_rate(device, dtype, size)
    if slower > 2:
        name = str(dtype).removeprefix("torch.")
        _log.warning("this CPU computes %s %.0f times as slowly as float32: choose dtype float32", name, slower)
