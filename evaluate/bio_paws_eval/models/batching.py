"""What a batch may consist of, and the state of a model that a batch may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

NOT_FINITE = "the model returns NaN or infinity: its weights are damaged, or training diverged"

Composition = Literal["padded", "equal lengths", "one at a time"]


@dataclass(frozen=True)
class Batching:
    """How pairs are put into batches.

    Attributes
    ----------
    composition : {"padded", "equal lengths", "one at a time"}
        What a batch consists of: pairs padded to the longest, pairs of one length, or a single pair.
    restore : bool
        Whether the model gets its first state again before each batch.
    """

    composition: Composition = "padded"
    restore: bool = False

    def __str__(self) -> str:
        return self.composition + (", state restored before each batch" if self.restore else "")


PADDED = Batching()

WAYS = (
    PADDED,
    Batching("equal lengths"),
    Batching("padded", restore=True),
    Batching("equal lengths", restore=True),
    Batching("one at a time"),
    Batching("one at a time", restore=True),
)
"""All ways to batch, the fastest first."""


class ModelState:
    """What a model keeps beside its weights: plain values and sub-modules, which some exchange for good.

    Parameters
    ----------
    model : Module
        The model; its state now is what `restore` brings back.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._modules = [(module, _plain_values(module), dict(module._modules)) for module in model.modules()]

    def restore(self) -> None:
        """Bring the state back."""
        for module, values, modules in self._modules:
            module.__dict__.update(values)
            module._modules.update(modules)


def _plain_values(module: nn.Module) -> dict[str, Any]:
    plain = (str, int, float, bool, type(None))
    # The mode belongs to whoever trains or predicts.
    return {name: value for name, value in vars(module).items() if isinstance(value, plain) and name != "training"}
