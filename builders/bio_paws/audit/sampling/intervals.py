"""Intervals that know that pairs share sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from bio_paws.audit.findings import Estimate

_Z = 1.96
_NOTHING = 1e-12  # variance that is rounding


def auc_estimate(scores: NDArray[np.float64], labels: NDArray[Any], clusters: NDArray[np.int64]) -> Estimate:
    """Area under the ROC curve, with a 95% interval for clustered pairs.

    Parameters
    ----------
    scores, labels, clusters : ndarray, shape=(n,)
        A score, 0 or 1, and the number of the cluster of each pair; both labels occur.

    References
    ----------
    Obuchowski NA (1997) Nonparametric analysis of clustered ROC curve data. Biometrics 53:567-578.
    """
    positive = labels == 1
    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    # How often each pair is placed rightly among those of the other label.
    placed_1 = (ranks[positive] - rankdata(scores[positive])) / n
    placed_0 = 1 - (ranks[~positive] - rankdata(scores[~positive])) / m
    area = float(placed_1.mean())
    _, numbers = np.unique(clusters, return_inverse=True)
    count = int(numbers.max()) + 1
    off_1 = np.bincount(numbers[positive], placed_1 - area, count)
    off_0 = np.bincount(numbers[~positive], placed_0 - area, count)
    variance = (
        _corrected(len(np.unique(numbers[positive]))) * (off_1**2).sum() / m**2
        + _corrected(len(np.unique(numbers[~positive]))) * (off_0**2).sum() / n**2
        + 2 * _corrected(count) * (off_1 * off_0).sum() / (m * n)
    )
    known = min(len(np.unique(numbers[positive])), len(np.unique(numbers[~positive])))
    return _estimate(area, float(variance), known)


def either_way(estimate: Estimate) -> Estimate:
    """Turn an AUC into that of the better direction."""
    if estimate.value >= 0.5:
        return estimate
    return Estimate(1 - estimate.value, 1 - estimate.high, 1 - estimate.low)


def share_estimate(right: NDArray[np.bool_], clusters: NDArray[np.int64]) -> Estimate:
    """Share of rows that are so, with a 95% interval for clustered rows (Cochran 1977, Sampling Techniques, ch. 9A)."""
    share = float(right.mean())
    _, numbers = np.unique(clusters, return_inverse=True)
    off = np.bincount(numbers, right - share)
    return _estimate(share, _corrected(len(off)) * float((off**2).sum()) / len(right) ** 2, len(off))


def _estimate(value: float, variance: float, clusters: int) -> Estimate:
    """Return a value with its normal interval; of 0 or 1, where nothing varies, with Jeffreys' of so many clusters.

    Two pairs that are told apart show little, though nothing varies among them. Between 0 and 1 nothing varies where
    every cluster is balanced, as exchange quartets are: then the value holds for any clusters of that kind.

    References
    ----------
    Brown LD, Cai TT, DasGupta A (2001) Interval estimation for a binomial proportion. Statistical Science 16:101-133.
    """
    if variance < _NOTHING and value in (0.0, 1.0):
        ends = beta.ppf((0.025, 0.975), value * clusters + 0.5, (1 - value) * clusters + 0.5)
        return Estimate(value, min(value, float(ends[0])), max(value, float(ends[1])))
    half = _Z * float(np.sqrt(max(variance, 0.0)))  # rounding may leave it below 0
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _corrected(clusters: int) -> float:
    """Bessel's correction."""
    return clusters / max(1, clusters - 1)
