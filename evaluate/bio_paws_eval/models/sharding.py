"""Train a model of which each device holds a shard (FSDP), as `accelerate launch --use_fsdp` asks for it.

Only the training is sharded: weights, gradients and the moments of AdamW. Whoever measures an epoch or predicts tasks
gets the whole model, gathered on each device, so that each process can take batches of its own.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers import PreTrainedModel

from bio_paws.errors import ConfigError


def is_sharded() -> bool:
    """Return whether a launcher asks for FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def set_up_sharding() -> None:
    """Set what must be so of accelerate's configuration; before accelerate and Transformers read it.

    Raises
    ------
    ConfigError
        When it asks for FSDP's first version, which neither decays weights as one process does nor runs on CPUs.
    """
    if not is_sharded():
        return
    if os.environ.get("FSDP_VERSION") != "2":
        raise ConfigError("FSDP of version 1 is not supported: launch with --fsdp_version 2")
    # It would leave all processes but one without weights, and each predicts.
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    # A shard is a layer: a whole model would be gathered at once.
    os.environ.setdefault("FSDP_AUTO_WRAP_POLICY", "TRANSFORMER_BASED_WRAP")


class Shards:
    """Trains a copy of a model in shards, and fills the model itself with its weights when they are needed.

    Parameters
    ----------
    model : PreTrainedModel
        Its weights are handed to the copy: until `gather`, it has none.

    Attributes
    ----------
    model : PreTrainedModel
        The copy, to be sharded and trained.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._whole = model
        # The copy takes over the weights themselves, so that no device ever holds them twice.
        taken = {id(weight): _alias(weight) for weight in model.parameters()}
        self.model = copy.deepcopy(model, taken)
        self.model._no_split_modules = _layer_classes(self.model)
        self._release()

    @contextmanager
    def gathered(self, trained: nn.Module) -> Iterator[PreTrainedModel]:
        """Give the whole model with the weights of the sharded one, for a while; every process must call it."""
        self.gather(trained)
        try:
            yield self._whole
        finally:
            self._release()

    def gather(self, trained: nn.Module) -> None:
        """Fill the whole model with the weights of the sharded one; every process must call it.

        Parameters
        ----------
        trained : Module
            What accelerate made of `model`.
        """
        state = cast(
            dict[str, torch.Tensor], get_model_state_dict(trained, options=StateDictOptions(full_state_dict=True))
        )
        with torch.no_grad():
            for name, weight in self._whole.named_parameters():
                weight.data = state[name].to(weight.device)
            for name, buffer in self._whole.named_buffers():
                if name in state:
                    buffer.copy_(state[name])

    def _release(self) -> None:
        for weight in self._whole.parameters():
            weight.data = torch.empty(0, dtype=weight.dtype, device=weight.device)


def _alias(weight: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)


def _layer_classes(model: PreTrainedModel) -> list[str]:
    """Return the classes of layers that accelerate may shard one by one.

    It shards the embeddings on their own, and fails where a class that the architecture names holds them, or is of a
    part that this model has not.
    """
    embeddings = model.get_input_embeddings()
    named = set(model._no_split_modules or ())
    layers = [module for module in model.modules() if type(module).__name__ in named]
    whole = {type(layer).__name__ for layer in layers if embeddings in layer.modules()}
    return sorted({type(layer).__name__ for layer in layers} - whole)
