"""What the scores of a classifier say, pair by pair: the label that it gives, and by how much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def score_margin(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score of label 1 less that of label 0: shape (n,)."""
    return logits[:, 1].astype(np.float64) - logits[:, 0]


def predicted(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return whether label 1 is predicted: where its score is the higher; shape (n,)."""
    return np.asarray(logits[:, 1] > logits[:, 0])


def commoner_share(labels: NDArray[np.int8]) -> float:
    """Return the fraction of labels, 0 or 1, that are the commoner of the two: the accuracy of answering it always."""
    return float(np.bincount(labels, minlength=2).max() / len(labels))
