"""How well one number tells two labels apart: the area under its ROC curve, and the best cut through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

_DECIMALS = 12


def equal_to_rounding(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round scores to 12 decimals: those that differ by less do so by floating-point rounding, and count as equal.

    Examples
    --------
    >>> scores = equal_to_rounding(np.array([0.3 - 0.1, 0.2]))
    >>> bool(scores[0] == scores[1])
    True
    """
    return np.round(scores, _DECIMALS)


def auroc(margin: NDArray[np.float64], labels: NDArray[Any]) -> float:
    """Area under the ROC curve: how often a similar pair scores above a dissimilar one; ties count half."""
    positive = labels == 1
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    return float((rankdata(margin)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


@dataclass(frozen=True)
class Threshold:
    """A cut through a score: label 1 where ``direction * (score - value)`` is above 0."""

    direction: int
    value: float


def fit_threshold(scores: NDArray[np.float64], labels: NDArray[Any], *, rising: bool = False) -> Threshold:
    """Find the threshold and the direction that get most labels right.

    Parameters
    ----------
    scores : ndarray, shape=(n,)
        Any numbers; equal ones are never told apart.
    labels : ndarray, shape=(n,)
        0 and 1.
    rising : bool
        Whether label 1 must lie above the threshold.

    Returns
    -------
    Threshold
        Half-way between two neighbouring scores, or beyond all of them where one label for all is best. Of equally
        good ones, the lowest of those with label 1 above it.
    """
    values, steps = np.unique(scores, return_inverse=True)
    # below[label][i]: how often a label occurs among the i lowest values.
    below = [np.r_[0, np.cumsum(np.bincount(steps[labels == label], minlength=len(values)))] for label in (0, 1)]
    right_if_above = below[0] + below[1][-1] - below[1]
    right = np.stack([right_if_above, len(scores) - right_if_above])[: 1 if rising else 2]
    way, cut = np.unravel_index(np.argmax(right), right.shape)
    cuts = np.r_[values[0] - 1, (values[1:] + values[:-1]) / 2, values[-1] + 1]
    return Threshold((1, -1)[way], float(cuts[cut]))
