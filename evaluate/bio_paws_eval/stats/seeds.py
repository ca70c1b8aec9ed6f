"""Accuracy of one model over several seeds of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bio_paws_eval.stats.intervals import with_interval
from bio_paws_eval.stats.resampling import ScoredPairs, mean_over_seeds


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
        95% interval of the mean, over seeds and groups of pairs; 0 and 1 where there is but one group.
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


def summarise_seeds(scored: ScoredPairs, dev_accuracies: Sequence[float | None]) -> SeedSummary:
    """Summarise several seeds of one model on one task.

    Parameters
    ----------
    scored : ScoredPairs
        Which pairs each seed got right.
    dev_accuracies : sequence of float or None, length seeds
        Accuracy of each seed on the development split.
    """
    accuracies = scored.correct.mean(axis=1)
    chosen = best_on_dev(dev_accuracies)
    draws = mean_over_seeds(scored.varied_accuracies, np.random.default_rng(0))
    ends = with_interval(float(accuracies.mean()), draws, scored.groups.effective)
    low, high = ends["low"], ends["high"]
    return SeedSummary(
        len(accuracies),
        float(accuracies.mean()),
        float(accuracies.std(ddof=1)) if len(accuracies) > 1 else float("nan"),
        float(accuracies.min()),
        float(accuracies.max()),
        0.0 if low is None else low,
        1.0 if high is None else high,
        None if chosen is None else float(accuracies[chosen]),
        float(accuracies.max()),
    )


def best_on_dev(dev_accuracies: Sequence[float | None]) -> int | None:
    """Place of the seed that is best on the development split, the first of equals; None unless all are known."""
    known = [dev for dev in dev_accuracies if dev is not None]
    return known.index(max(known)) if known and len(known) == len(dev_accuracies) else None
