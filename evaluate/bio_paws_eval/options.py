"""What a user may choose: controls, devices, recipes. Free of torch, so that the parser need not wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bio_paws.errors import ConfigError

CONTROLS = ("none", "untuned", "random-init", "shuffled-labels", "frozen")
"""What a run is compared with: not trained at all, its weights drawn anew, trained on labels that were permuted,
trained in its classifier only."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where to compute; auto takes a GPU where there is one."""

Dtype = Literal["float32", "bfloat16"]
"""Number format of matrix products; weights stay float32."""

Segment = int | Literal["auto"] | None
"""Letters a word that sequences are split into; "auto" for the longest that the tokenizer survives; None for whole
sequences."""

SCHEDULES = ("constant_with_warmup", "linear", "cosine")
"""Courses of the learning rate: those of Transformers that need nothing but a warmup."""

MIN_WORDS = 5
"""Fewer words of a group say nothing about it."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of fine-tuning, by AdamW.

    Attributes
    ----------
    learning_rate : float
        Peak learning rate.
    batch_size : int
        Pairs a step, over all devices.
    epochs : int
        Passes over the pairs.
    max_length : int
        Tokens a pair is cut to in training; prediction cuts at what the model takes.
    schedule : str
        One of `SCHEDULES`.
    warmup : float
        Part of the steps in which the rate rises.
    weight_decay : float
        Of AdamW.

    Raises
    ------
    ConfigError
        When a value is out of its range.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    max_length: int
    schedule: str
    warmup: float
    weight_decay: float

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"unknown schedule {self.schedule!r}: choose from {', '.join(SCHEDULES)}")
        if min(self.batch_size, self.epochs, self.max_length) < 1 or self.learning_rate <= 0 or self.weight_decay < 0:
            raise ConfigError(f"{self}: sizes and the learning rate must be positive")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"warmup {self.warmup}: must be a part of the steps, from 0 to less than 1")


RECIPES = {
    # The paper's released code.
    "paper": Recipe(1e-5, 64, 4, 256, "constant_with_warmup", 0.1, 0.0),
    # Hu J, Ruder S, et al. (2020) XTREME, ICML: scripts/train_pawsx.sh.
    "xtreme": Recipe(2e-5, 32, 5, 128, "linear", 0.0, 0.0),
}

SUMMARIES = Recipe(5e-5, 8, 3, 512, "linear", 0.0, 0.0)
"""Fine-tuning on summaries: what Transformers' own example does by default (examples/pytorch/summarization), its texts
cut a little shorter."""
