"""Whether two systems differ: a paired bootstrap over groups and seeds, and Holm's correction for many tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from bio_paws_eval.stats.intervals import with_interval
from bio_paws_eval.stats.resampling import RankedPairs, ScoredPairs, mean_over_seeds

SIGNIFICANT = 0.05
"""A corrected p-value under it is called significant."""

_NOTHING = 1e-9  # a standard error that is rounding alone


@dataclass(frozen=True)
class Comparison:
    """One system against another on the same pairs.

    Attributes
    ----------
    difference, low, high : float
        Mean score of the first less that of the second, with its 95% interval by paired bootstrap over seeds and
        groups of pairs; -1 and 1 where there is but one group.
    p_value : float
        Of no difference, as `compare` has it.
    """

    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class AnswerComparison(Comparison):
    """One system's accuracy against another's.

    Attributes
    ----------
    only_first, only_second : int
        Pairs that only one of the two got right, in the seeds that are set side by side.
    """

    only_first: int
    only_second: int


def compare(
    first: ScoredPairs, second: ScoredPairs, seed_of_first: int = 0, seed_of_second: int = 0
) -> AnswerComparison:
    """Compare the accuracies of two systems on the same pairs, in the same order.

    The p-value is that of a Wald test: the difference divided by its bootstrap standard error, against t with one
    degree of freedom fewer than there are groups in effect (Cameron AC, Miller DL 2015, A practitioner's guide to
    cluster-robust inference, J Hum Resour 50:317-372, section VI). McNemar's test would take pairs for independent, and
    bootstrap tail fractions are too coarse for a correction for many tests. One group allows no test: the p-value is 1.

    Parameters
    ----------
    first, second : ScoredPairs
        Which pairs each seed got right; numbers of seeds may differ.
    seed_of_first, seed_of_second : int
        Rows that `only_first` and `only_second` count: one network against one network. Name the seeds chosen on dev.
    """
    if first.correct.shape[1] != second.correct.shape[1]:
        raise ValueError(f"{first.correct.shape[1]} pairs cannot be compared with {second.correct.shape[1]}")
    if first.groups.unit != second.groups.unit:
        # One of them does not know the groups of their pairs.
        known = second.groups if first.groups.unit == "pairs" else first.groups
        first, second = (replace(scored, groups=known) for scored in (first, second))
    difference = float(first.correct.mean() - second.correct.mean())
    groups = first.groups.effective
    draws = _difference_of(first.accuracies, second.accuracies)
    if difference and np.nanstd(draws) < _NOTHING:
        # One is right on all pairs, and the other on all of one label.
        draws = _difference_of(first.varied_accuracies, second.varied_accuracies)
    compared = _compared(difference, draws, groups)
    right, right_of_second = first.correct[seed_of_first], second.correct[seed_of_second]
    return AnswerComparison(
        **vars(compared),
        only_first=int((right & ~right_of_second).sum()),
        only_second=int((right_of_second & ~right).sum()),
    )


def compare_areas(first: RankedPairs, second: RankedPairs) -> Comparison:
    """Compare the areas under the ROC curve of two systems on the same pairs, in the same order, as `compare` does.

    An area needs no threshold: it tells a model that ranks the pairs, though it gives all of them one label, from a
    model that knows nothing of them.
    """
    if first.margins.shape[1] != second.margins.shape[1]:
        raise ValueError(f"{first.margins.shape[1]} pairs cannot be compared with {second.margins.shape[1]}")
    if first.groups.unit != second.groups.unit:
        known = second.groups if first.groups.unit == "pairs" else first.groups
        first, second = (replace(ranked, groups=known) for ranked in (first, second))
    difference = float(first.aurocs.mean() - second.aurocs.mean())
    draws = _difference_of(first.resampled_aurocs, second.resampled_aurocs)
    return _compared(difference, draws, first.groups.effective)


def _compared(difference: float, draws: NDArray[np.float64], groups: float) -> Comparison:
    ends = with_interval(difference, draws, groups)
    return Comparison(
        difference,
        -1.0 if ends["low"] is None else ends["low"],
        1.0 if ends["high"] is None else ends["high"],
        _p_value(difference, float(np.nanstd(draws)), groups),
    )


def _difference_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract means over seeds, of the same groups for both and seeds of each."""
    rng = np.random.default_rng(0)
    return mean_over_seeds(first, rng) - mean_over_seeds(second, rng)


def _p_value(difference: float, error: float, groups: float) -> float:
    if groups <= 1 or error < _NOTHING:
        return 1.0
    return float(2 * t.sf(abs(difference) / error, groups - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number by Holm's step-down method, which bounds the family-wise error rate.

    Holm S (1979) A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = highest
    return corrected
