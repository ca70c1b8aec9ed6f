"""95% intervals: percentile bootstrap for means and metrics, Jeffreys' for proportions.

The percentile bootstrap is that of Efron & Tibshirani (1993, An Introduction to the Bootstrap, ch. 13), its percentiles
moved outwards for few groups as Hesterberg has it. Proportions, often 0 or 1, have Jeffreys' interval instead, which is
informative there too. All draws are seeded, so the same predictions give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.resampling import RESAMPLES, mean_over_seeds, resampled_rates

Interval = dict[str, float | None]
"""``{"value", "low", "high"}``; all None where the value is not defined, the ends where there is but one group."""

UNDEFINED: Interval = {"value": None, "low": None, "high": None}

_MANY = 1e6  # groups of which t is normal


def levels(groups: float = _MANY) -> tuple[float, float]:
    """Return the percentiles at the ends of an interval: 2.5 and 97.5, further out for few groups.

    Expanded percentiles: Hesterberg TC (2015) What teachers should know about the bootstrap. Am Stat 69:371-386. The
    quantile of the normal distribution becomes that of t with one degree of freedom fewer than there are groups.

    Parameters
    ----------
    groups : float
        Effective number of groups, over 1.

    Examples
    --------
    >>> [round(level, 2) for level in levels()], [round(level, 2) for level in levels(11)]
    ([2.5, 97.5], [1.29, 98.71])
    """
    low = 100 * float(norm.cdf(t.ppf(0.025, groups - 1)))
    return low, 100 - low


def with_interval(value: float, draws: NDArray[np.float64], groups: float = _MANY) -> Interval:
    """Return a value with the ends of its interval.

    Parameters
    ----------
    value : float
        The value; nan where it is not defined.
    draws : ndarray, shape=(RESAMPLES,)
        Its bootstrap samples; nan where a resample does not define it.
    groups : float
        Effective number of groups that were resampled. Of one there is no interval.
    """
    known = draws[~np.isnan(draws)]
    if np.isnan(value):
        return dict(UNDEFINED)
    if groups <= 1 or not len(known):
        return {"value": float(value), "low": None, "high": None}
    low, high = np.percentile(known, levels(groups))
    return {"value": float(value), "low": float(min(low, value)), "high": float(max(high, value))}


def proportion(hits: NDArray[np.bool_], groups: PairGroups) -> Interval:
    """Return the proportion of pairs that are hits, with the interval of `share` and ``effective_pairs`` for it.

    The effective sample size of Korn EL, Graubard BI (1998) Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data. Survey Methodology 24:193-201: the number of independent pairs
    whose proportion would vary as much as that of resampled groups does, times the square of the ratio of the normal
    quantile to that of t. Of a proportion of 0 or 1, which does not vary, it is the effective number of groups.

    Parameters
    ----------
    hits : ndarray, shape=(pairs,), dtype=bool
        Which pairs count.
    groups : PairGroups
        What is resampled.

    Returns
    -------
    dict
        ``{"value", "low", "high", "effective_pairs"}``; None where there are no pairs.
    """
    pairs, count = len(hits), int(hits.sum())
    if not pairs:
        return dict(UNDEFINED) | {"effective_pairs": None}
    effective = groups.effective
    if 0 < count < pairs and effective > 1 and not groups.independent:
        # All pairs as of one label: how many of either there are is not what is measured.
        rates, _ = resampled_rates(hits[np.newaxis], np.zeros(pairs, dtype=np.int8), groups)
        rate, variance = count / pairs, float(np.nanvar(rates[:, 0, 0]))
        effective = min(pairs, rate * (1 - rate) / variance if variance else pairs) * _narrowing(effective)
    return share([count], pairs, effective) | {"effective_pairs": effective}


def worth_of(sampling: Mapping[str, Any]) -> float:
    """Return how many independent pairs an accuracy is worth, as `proportion` counts them.

    Parameters
    ----------
    sampling : mapping
        What the accuracy rests on, as `metrics.sampling_of` returns it.
    """
    groups, pairs = sampling["effective_groups"], sampling["effective_pairs"]
    if sampling["groups"] == sampling["pairs"]:
        return float(sampling["pairs"])
    if pairs is None or groups <= 1:  # nothing varies, or nothing can be resampled
        return max(1.0, float(groups))
    return float(pairs) * _narrowing(groups)


def _narrowing(groups: float) -> float:
    """Return the square of the ratio of the normal quantile to that of t, of so many groups."""
    return float((norm.ppf(0.975) / t.ppf(0.975, groups - 1)) ** 2)


def share(hits: Sequence[int], n: int, effective: float | None = None) -> Interval:
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
    effective : float, optional
        How many independent predictions they are worth (`proportion`); None for all.

    Returns
    -------
    dict
        ``{"value", "low", "high"}``; None where there are no predictions.
    """
    if not n:
        return dict(UNDEFINED)
    rates = np.asarray(hits) / n
    worth = float(n if effective is None else effective)
    quantiles = (np.arange(RESAMPLES) + 0.5) / RESAMPLES
    by_seed = beta.ppf(quantiles[:, np.newaxis], rates * worth + 0.5, (1 - rates) * worth + 0.5)
    # Where all predictions are the same, the quantiles stop short of the proportion itself.
    return with_interval(float(rates.mean()), mean_over_seeds(by_seed, np.random.default_rng(0)))


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
