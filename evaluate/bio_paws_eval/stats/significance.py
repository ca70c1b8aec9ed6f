"""Whether two systems differ: paired bootstrap, McNemar's test, and Holm's correction for many tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from bio_paws_eval.stats.intervals import LEVELS, RESAMPLES

SIGNIFICANT = 0.05
"""A corrected p-value under it is called significant."""


@dataclass(frozen=True)
class Comparison:
    """One system against another on the same pairs.

    Attributes
    ----------
    difference, low, high : float
        Mean accuracy of the first less that of the second, with its 95% interval by paired bootstrap over seeds and
        pairs.
    only_first, only_second : int
        Pairs that only one of the two got right, in the seeds that are compared.
    p_value : float
        That of `mcnemar`: the chance of a split at least as uneven.
    """

    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p_value: float


def compare(
    first: NDArray[np.bool_], second: NDArray[np.bool_], seed_of_first: int = 0, seed_of_second: int = 0
) -> Comparison:
    """Compare two systems on the same pairs, in the same order.

    Parameters
    ----------
    first, second : ndarray, shape=(seeds, pairs), dtype=bool
        Which pairs each seed got right; numbers of seeds may differ.
    seed_of_first, seed_of_second : int
        Rows that McNemar's test compares: one network against one network. Name the seeds chosen on dev.
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} pairs cannot be compared with {second.shape[1]}")
    rng = np.random.default_rng(0)
    pairs = first.shape[1]
    rights = [correct.astype(np.float64) for correct in (first, second)]
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        # The same pairs for both, seeds of each.
        weight = np.bincount(rng.integers(0, pairs, pairs), minlength=pairs) / pairs
        mean1, mean2 = ((right @ weight)[rng.integers(0, len(right), len(right))].mean() for right in rights)
        draws[i] = mean1 - mean2
    low, high = np.percentile(draws, LEVELS)
    test = mcnemar(first[seed_of_first], second[seed_of_second])
    return Comparison(float(first.mean() - second.mean()), float(low), float(high), *test)


class McNemar(NamedTuple):
    """Pairs that only one of two systems predicted rightly, and the p-value of McNemar's test of them."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Test whether two systems are right equally often on the same pairs: McNemar's test, exact, two-sided.

    McNemar Q (1947) Psychometrika 12:153-157. Only pairs that one of the two predicted rightly count; under the null
    hypothesis each of the two is right in half of them.

    Parameters
    ----------
    first, second : ndarray, shape=(pairs,), dtype=bool
        Which pairs each got right.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


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
