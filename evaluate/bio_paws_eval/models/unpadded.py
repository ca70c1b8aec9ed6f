"""Train a model whose answers padding changes, or earlier pairs do: each pair as it is answered when it is alone.

Such a model is tested in batches of pairs of one length (`independence`); trained on padded pairs, it would learn from
inputs that no test shows it. Batches keep their rows: the model reads those of each length on their own, and their
losses are put together to that of the batch, so steps and learning rate mean what they mean for other models.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from transformers import PreTrainedModel

from bio_paws_eval.models.batches import input_filter
from bio_paws_eval.models.batching import PADDED, Batching, ModelState


@contextmanager
def trained_unpadded(model: PreTrainedModel, batching: Batching, state: ModelState) -> Iterator[None]:
    """Let a model read the rows of a batch with labels as `batching` says; batches without labels pass as they are.

    Parameters
    ----------
    model : PreTrainedModel
        A classifier, which returns a mean loss; its batches come with their ``attention_mask``, padded at their end.
    batching : Batching
        From `independence.batching_of`.
    state : ModelState
        What `Batching.restore` brings back before each reading.
    """
    if batching == PADDED:
        yield
        return
    forward, taken = model.forward, input_filter(model)

    @wraps(forward)
    def by_length(*arguments: Any, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> Any:
        if labels is None:
            return forward(*arguments, **inputs)
        lengths = inputs["attention_mask"].sum(dim=1)
        losses = []
        for rows in _readings(lengths, batching):
            if batching.restore:
                state.restore()
            longest = int(lengths[rows].max())
            part = {name: values[rows, :longest] for name, values in inputs.items()}
            losses.append(forward(**taken(part), labels=labels[rows]).loss * len(rows))
        return {"loss": torch.stack(losses).sum() / len(labels)}

    model.forward = by_length
    try:
        yield
    finally:
        del model.forward  # that of its class is there again


def _readings(lengths: torch.Tensor, batching: Batching) -> list[torch.Tensor]:
    """Return the rows that the model reads at once."""
    rows = torch.arange(len(lengths), device=lengths.device)
    if batching.composition == "one at a time":
        return [row[None] for row in rows]
    if batching.composition == "equal lengths":
        return [rows[lengths == length] for length in sorted(set(lengths.tolist()))]
    return [rows]
