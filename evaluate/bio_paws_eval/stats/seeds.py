"""Scores of one model over several seeds of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import with_interval
from bio_paws_eval.stats.resampling import RankedPairs, ScoredPairs, mean_over_seeds


@dataclass(frozen=True)
class SeedSummary:
    """A score over seeds: accuracy, or area under the ROC curve.

    Attributes
    ----------
    seeds : int
        How many.
    mean, sd, min, max : float
        Of the scores; sd with n - 1, nan for one seed.
    low, high : float
        95% interval of the mean, over seeds and groups of pairs; 0 and 1 where there is but one group.
    dev_chosen : float or None
        Score of the seed that is best on the development split; None where there is none.
    oracle : float
        Score of the seed that is best on this very test: what nobody could have chosen.
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
    return _summary(scored.correct.mean(axis=1), scored.varied_accuracies, scored.groups, dev_accuracies)


def summarise_areas(ranked: RankedPairs, dev_accuracies: Sequence[float | None]) -> SeedSummary | None:
    """Summarise the areas under the ROC curve of several seeds; None where a label is missing.

    Parameters
    ----------
    ranked : RankedPairs
        How each seed ranks the pairs.
    dev_accuracies : sequence of float or None, length seeds
        Accuracy of each seed on the development split.
    """
    if np.isnan(ranked.aurocs).any():
        return None
    return _summary(ranked.aurocs, ranked.resampled_aurocs, ranked.groups, dev_accuracies)


def _summary(
    values: NDArray[np.float64],
    resampled: NDArray[np.float64],
    groups: PairGroups,
    dev_accuracies: Sequence[float | None],
) -> SeedSummary:
    """Summarise a score of each seed, by its values on resampled groups: shape (RESAMPLES, seeds)."""
    chosen = best_on_dev(dev_accuracies)
    draws = mean_over_seeds(resampled, np.random.default_rng(0))
    ends = with_interval(float(values.mean()), draws, groups.effective)
    low, high = ends["low"], ends["high"]
    return SeedSummary(
        len(values),
        float(values.mean()),
        float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
        float(values.min()),
        float(values.max()),
        0.0 if low is None else low,
        1.0 if high is None else high,
        None if chosen is None else float(values[chosen]),
        float(values.max()),
    )


def best_on_dev(dev_accuracies: Sequence[float | None]) -> int | None:
    """Place of the seed that is best on the development split, the first of equals; None unless all are known."""
    known = [dev for dev in dev_accuracies if dev is not None]
    return known.index(max(known)) if known and len(known) == len(dev_accuracies) else None
