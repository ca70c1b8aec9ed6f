"""Compute activations anew in the backward pass instead of keeping them: gradient checkpointing, for large models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

from bio_paws.errors import ModelError


@contextmanager
def recomputed(model: PreTrainedModel, wanted: bool) -> Iterator[None]:
    """Have a model recompute the activations of its layers while it is trained; its losses stay the same.

    Parameters
    ----------
    model : PreTrainedModel
        Changed in place, and changed back at the end.
    wanted : bool
        False leaves it as it is.

    Raises
    ------
    ModelError
        When its class cannot do it.

    References
    ----------
    Chen T, Xu B, Zhang C, Guestrin C (2016) Training deep nets with sublinear memory cost. arXiv:1604.06174.
    """
    if not wanted:
        yield
        return
    if not model.supports_gradient_checkpointing:
        raise ModelError(f"{type(model).__name__} cannot recompute activations: leave out --gradient-checkpointing")
    # Transformers 5 came to call it activation checkpointing.
    name = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    getattr(model, f"{name}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(model, f"{name}_checkpointing_disable")()
