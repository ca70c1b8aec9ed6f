"""95% intervals: percentile bootstrap for means and metrics, Jeffreys' for proportions.

The percentile bootstrap is that of Efron & Tibshirani (1993, An Introduction to the Bootstrap, ch. 13). Proportions,
often 0 or 1, have Jeffreys' interval instead, which is informative there too. All draws are seeded, so the same
predictions give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

RESAMPLES = 1000
"""Bootstrap samples of each interval."""

LEVELS = (2.5, 97.5)
"""Percentiles at the ends of an interval."""

Interval = dict[str, float | None]
"""``{"value", "low", "high"}``; all None where the value is not defined."""

UNDEFINED: Interval = {"value": None, "low": None, "high": None}


def with_interval(value: float, draws: NDArray[np.float64]) -> Interval:
    """Return a value with the 2.5th and 97.5th percentiles of its bootstrap samples; None where it is not a number."""
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return dict(UNDEFINED)
    low, high = np.percentile(known, LEVELS)
    return {"value": float(value), "low": float(low), "high": float(high)}


def share(hits: Sequence[int], n: int) -> Interval:
    """Return a proportion of `n` predictions, its mean over seeds, with a 95% interval.

    For one seed it is Jeffreys' interval (Brown, Cai & DasGupta 2001, Statistical Science 16:101): quantiles of
    Beta(hits + 1/2, n - hits + 1/2). Of several seeds, which all predict the same pairs, each is drawn at the same
    quantile of its own distribution, and seeds are resampled.

    Parameters
    ----------
    hits : sequence of int, length seeds
        Predictions that count, of each seed.
    n : int
        Predictions of each seed.

    Returns
    -------
    dict
        ``{"value", "low", "high"}``; None where there are no predictions.
    """
    counts = np.asarray(hits)
    if not n:
        return dict(UNDEFINED)
    quantiles = (np.arange(RESAMPLES) + 0.5) / RESAMPLES
    by_seed = beta.ppf(quantiles[:, np.newaxis], counts + 0.5, n - counts + 0.5)
    chosen = np.random.default_rng(0).integers(0, len(counts), by_seed.shape)
    value = float(counts.mean() / n)
    low, high = np.percentile(np.take_along_axis(by_seed, chosen, axis=1).mean(axis=1), LEVELS)
    # Where all predictions are the same, the quantiles stop short of the proportion itself.
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value)}


def mean_intervals(values: NDArray[np.float64]) -> list[Interval]:
    """Return means of rows with 95% intervals by bootstrap over the columns, which all rows share.

    Parameters
    ----------
    values : ndarray, shape=(rows, n)
        Several numbers of each of n pairs.

    Returns
    -------
    list of dict
        ``{"value", "low", "high"}`` of each row.
    """
    n = values.shape[1]
    rng = np.random.default_rng(0)
    draws = np.empty((RESAMPLES, len(values)))
    for i in range(RESAMPLES):
        draws[i] = values @ np.bincount(rng.integers(0, n, n), minlength=n) / n
    return [with_interval(float(row.mean()), draws[:, i]) for i, row in enumerate(values)]
