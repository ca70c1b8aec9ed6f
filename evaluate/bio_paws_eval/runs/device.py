"""The device and the number format of an evaluation, as torch names them."""

from __future__ import annotations

import torch

from bio_paws.errors import ConfigError


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


def dtype_of(name: str) -> torch.dtype:
    """Return a number format by its name, as in ``"bfloat16"``."""
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype
