"""Accuracy of one model over several seeds of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.stats.intervals import LEVELS, RESAMPLES

_NUMBERS_PER_BLOCK = 4_000_000  # resampled pairs in memory at a time


@dataclass(frozen=True)
class SeedSummary:
    """Accuracy over seeds.

    Attributes
    ----------
    seeds : int
        How many.
    mean, sd, min, max : float
        Of the accuracies; sd with n - 1, nan for one seed.
    low, high : float
        95% interval of the mean, over seeds and pairs.
    dev_chosen : float or None
        Accuracy of the seed that is best on the development split; None where there is none.
    oracle : float
        Accuracy of the seed that is best on this very test: what nobody could have chosen.
    """

    seeds: int
    mean: float
    sd: float
    min: float
    max: float
    low: float
    high: float
    dev_chosen: float | None
    oracle: float


def summarise_seeds(correct: NDArray[np.bool_], dev_accuracies: Sequence[float | None]) -> SeedSummary:
    """Summarise several seeds of one model on one task.

    Parameters
    ----------
    correct : ndarray, shape=(seeds, pairs), dtype=bool
        Which pairs each seed got right.
    dev_accuracies : sequence of float or None, length seeds
        Accuracy of each seed on the development split.
    """
    accuracies = correct.mean(axis=1)
    chosen = best_on_dev(dev_accuracies)
    low, high = np.percentile(_resampled_means(correct), LEVELS)
    return SeedSummary(
        len(accuracies),
        float(accuracies.mean()),
        float(accuracies.std(ddof=1)) if len(accuracies) > 1 else float("nan"),
        float(accuracies.min()),
        float(accuracies.max()),
        float(low),
        float(high),
        None if chosen is None else float(accuracies[chosen]),
        float(accuracies.max()),
    )


def best_on_dev(dev_accuracies: Sequence[float | None]) -> int | None:
    """Place of the seed that is best on the development split, the first of equals; None unless all are known."""
    known = [dev for dev in dev_accuracies if dev is not None]
    return known.index(max(known)) if known and len(known) == len(dev_accuracies) else None


def _resampled_means(values: NDArray[Any]) -> NDArray[np.float64]:
    """Means over resampled seeds and resampled pairs of an array of shape (seeds, pairs)."""
    seeds, pairs = values.shape
    rng = np.random.default_rng(0)
    means = np.empty(RESAMPLES)
    block = max(1, _NUMBERS_PER_BLOCK // pairs)
    for at in range(0, RESAMPLES, block):
        count = min(block, RESAMPLES - at)
        drawn = np.stack([np.bincount(rng.integers(0, pairs, pairs), minlength=pairs) for _ in range(count)])
        by_seed = drawn @ values.T.astype(np.float64) / pairs  # (count, seeds)
        chosen = rng.integers(0, seeds, (count, seeds))
        means[at : at + count] = np.take_along_axis(by_seed, chosen, axis=1).mean(axis=1)
    return means
