"""The classifier's head in a model's files: whether it is kept, and which of its labels means similar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from bio_paws_eval.models.adapters import adapter_shapes
from bio_paws_eval.models.model_files import ModelSource, weight_files

LABELS = {0: "dissimilar", 1: "similar"}
"""What the two labels of every classifier mean here."""

_SIMILAR = {"similar", "entailment", "paraphrase", "equivalent", "duplicate", "is_duplicate", "same", "yes", "true"}
_DISSIMILAR = {"dissimilar", "different", "unrelated", "contradiction", "neutral", "no", "false"} | {
    f"{word}{name}" for name in _SIMILAR for word in ("not_", "non_", "no_")
}


@dataclass(frozen=True)
class Head:
    """The head of a model's files.

    Attributes
    ----------
    kept : bool
        Whether its weights are used; they are where it has two labels, and else drawn by the seed.
    labels : tuple of str
        Names of its labels in the files; empty where nothing is said.
    similar : int
        Its label that means similar. Where that is 0, the rows of its weights are exchanged when they are loaded.
    note : str
        What a reader of an untrained model's score must know; "" for nothing.
    """

    kept: bool
    labels: tuple[str, ...]
    similar: int
    note: str


def read_head(source: ModelSource, model: PreTrainedModel) -> Head:
    """Find out about the head without loading the weights.

    Parameters
    ----------
    source : ModelSource
        The files.
    model : PreTrainedModel
        The classifier of two labels, without its weights.
    """
    shapes = _shapes(source)
    names = head_weights(model)
    kept = all(shapes.get(name) == tuple(weight.shape) for name, weight in names.items())
    labels = source.labels
    if not kept:
        stored = any(name in shapes for name in names)
        size = f"its head of {len(labels)} labels does not fit two: " if stored and labels else ""
        return Head(False, labels, 1, f"{size}head drawn by the seed")
    similar = similar_label(labels)
    if similar is None:
        name = f" ({labels[1]!r})" if len(labels) == 2 else ""
        return Head(True, labels, 1, f"head of the files: its label 1{name} is taken as similar")
    return Head(True, labels, similar, f"head of the files: its label {similar} ({labels[similar]!r}) means similar")


def similar_label(labels: tuple[str, ...]) -> int | None:
    """Return which of two labels means similar by its name; None where the names do not tell.

    Examples
    --------
    >>> similar_label(("entailment", "not_entailment")), similar_label(("LABEL_0", "LABEL_1"))
    (0, None)
    """
    names = [label.lower().replace(" ", "_").replace("-", "_") for label in labels]
    if len(names) != 2:
        return None
    for similar, dissimilar in ((1, 0), (0, 1)):
        if names[similar] in _SIMILAR and names[dissimilar] not in _SIMILAR:
            return similar
        if names[dissimilar] in _DISSIMILAR and names[similar] not in _DISSIMILAR:
            return similar
    return None


def head_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the weights outside the model that the head stands on, by their names."""
    prefix = f"{model.base_model_prefix}."
    return {name: weight for name, weight in model.state_dict().items() if not name.startswith(prefix)}


def exchange_labels(model: PreTrainedModel) -> None:
    """Exchange the two labels of a classifier: the rows of its last layer."""
    with torch.no_grad():
        for weight in head_weights(model).values():
            if weight.shape[0] == 2:
                weight.copy_(weight.flip(0))


def _shapes(source: ModelSource) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of all tensors of the files; empty where a file cannot be read, which loading reports."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weight_files(source.folder):
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="pt") as file:
                    shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            else:
                tensors: dict[str, Any] = torch.load(path, map_location="meta", weights_only=True, mmap=True)
                shapes |= {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        except Exception:  # a damaged file raises whatever its reader raises
            return {}
    return shapes | (adapter_shapes(source.adapter) if source.adapter else {})
