"""Hyperparameters of fine-tuning, and the named sets of them. Free of torch: the command line reads it."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictInt
from pydantic.dataclasses import dataclass


def _read_number(value: Any) -> Any:
    """Convert text to a number where it is one: YAML reads ``1e-3`` as text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Number = Annotated[float, BeforeValidator(_read_number), Field(strict=True, allow_inf_nan=False)]
"""A finite number."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
class Hyperparameters:
    """Hyperparameters of fine-tuning by AdamW.

    The text under each field is its description on the command line.

    Raises
    ------
    pydantic.ValidationError
        When a value is out of its range.

    Examples
    --------
    >>> from dataclasses import replace
    >>> replace(HYPERPARAMETERS["paper"], epochs=2).epochs
    2
    """

    learning_rate: Annotated[Number, Field(gt=0)]
    """Peak learning rate."""

    batch_size: Annotated[StrictInt, Field(ge=1)]
    """Training examples per step, over all devices."""

    epochs: Annotated[StrictInt, Field(ge=1)]
    """Passes over the training examples."""

    max_length: Annotated[StrictInt, Field(ge=1)]
    """Tokens that a training example is truncated to; predictions are limited by the model's maximum only."""

    schedule: Literal["constant_with_warmup", "linear", "cosine"]
    """Schedule of the learning rate."""

    warmup: Annotated[Number, Field(ge=0, lt=1)]
    """Fraction of the steps over which the learning rate rises."""

    weight_decay: Annotated[Number, Field(ge=0)]
    """Weight decay of AdamW."""

    lora_rank: Annotated[StrictInt, Field(ge=0)] = 0
    """Rank of the changes of the linear layers that LoRA trains; 0 trains all weights."""

    device_batch_size: Annotated[StrictInt, Field(ge=0)] = 0
    """Most training examples that a device takes at once, where memory is short: gradients are accumulated over the
    batch, whose loss stays the same; 0 for all of the batch."""

    gradient_checkpointing: StrictBool = False
    """Compute activations anew in the backward pass instead of keeping them: less memory, about a third more time."""

    def device_share(self, processes: int) -> int:
        """Return the most examples that each of so many processes takes at once."""
        share = math.ceil(self.batch_size / processes)
        return min(share, self.device_batch_size or share)

    @property
    def record(self) -> dict[str, Any]:
        """All values, but those of ways to save memory that are not used: results from before there were any match."""
        values = vars(self)
        unused = {name for name in ("device_batch_size", "gradient_checkpointing") if not values[name]}
        return {field.name: values[field.name] for field in fields(self) if field.name not in unused}


HYPERPARAMETERS = {
    # The paper's released code.
    "paper": Hyperparameters(1e-5, 64, 4, 256, "constant_with_warmup", 0.1, 0.0),
    # Hu J, Ruder S, et al. (2020) XTREME, ICML: scripts/train_pawsx.sh.
    "xtreme": Hyperparameters(2e-5, 32, 5, 128, "linear", 0.0, 0.0),
}
"""Named sets of hyperparameters: what ``--recipe`` chooses from."""

SUMMARIES = Hyperparameters(5e-5, 8, 3, 512, "linear", 0.0, 0.0)
"""Fine-tuning on summaries: defaults of Transformers' example (examples/pytorch/summarization), texts cut shorter."""
