"""How often intervals of 95% hold the truth: pairs resampled against groups resampled, on data with a known accuracy.

Each data set has groups of pairs as a config of bioPAWS has: exchange quartets of two groups (`crossed`), or pairs
within one group as in the configs ``_paws``. A pair is right by a probit model with random effects of its groups, which
make up the part `between` of the variance. The true accuracy is that of the whole population of groups.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.resampling import RESAMPLES, ScoredPairs
from bio_paws_eval.stats.seeds import summarise_seeds
from bio_paws_eval.stats.significance import compare

_EASE = (0.4, 0.8)  # probit of the accuracy on dissimilar and on similar pairs


@dataclass(frozen=True)
class Design:
    """How a data set is drawn.

    Attributes
    ----------
    groups, pairs : int
        Groups, and pairs of all of them together.
    between : float
        Part of the variance that groups make up, from 0 to 1.
    crossed : bool
        Whether dissimilar pairs are of two groups.
    uneven : bool
        Whether the sizes of groups fall as a power of their rank.
    """

    groups: int
    pairs: int
    between: float
    crossed: bool
    uneven: bool = False


def truth_of(design: Design) -> float:
    """Return the accuracy in the whole population, which the variance between groups leaves as it is."""
    return float(norm.cdf(_EASE).mean())


def draw_pairs(design: Design, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.int8], PairGroups]:
    """Draw a data set, and which pairs two systems of the same accuracy predict rightly.

    Returns
    -------
    correct : ndarray, shape=(2, pairs), dtype=bool
        Of the two systems, whose effects of a group are correlated by a half.
    labels : ndarray, shape=(pairs,), dtype=int8
        The truth.
    groups : PairGroups
        Groups of the pairs.
    """
    sizes = np.arange(1, design.groups + 1) ** (-0.7 if design.uneven else 0.0)
    first = rng.choice(design.groups, design.pairs // 4, p=sizes / sizes.sum())
    shift = rng.integers(1, design.groups, len(first))
    second = (first + shift) % design.groups if design.crossed else first
    sides1 = np.stack([first, second, first, second], axis=1).ravel()
    sides2 = np.stack([first, second, second, first], axis=1).ravel()
    labels = np.tile([1, 1, 0, 0], len(first)).astype(np.int8)
    shared = rng.normal(size=(2, design.groups))
    correct = []
    for _ in range(2):
        effects = (shared + rng.normal(size=shared.shape)) / math.sqrt(2)
        of_pair = (effects[labels, sides1] + effects[labels, sides2]) / np.where(sides1 == sides2, 2, math.sqrt(2))
        noise = rng.normal(size=len(labels))
        score = math.sqrt(design.between) * of_pair + math.sqrt(1 - design.between) * noise
        correct.append(score > -np.array(_EASE)[labels])
    names = (side.astype(str) for side in (sides1, sides2))
    return np.stack(correct), labels, PairGroups.of_names("homology groups", *names)


def pairs_interval(correct: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the percentile interval of the accuracy of resampled pairs."""
    draws = np.random.default_rng(0).binomial(len(correct), correct.mean(), RESAMPLES) / len(correct)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def pairs_p_value(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the p-value of McNemar's test, which takes pairs for independent."""
    discordant = int((first != second).sum())
    return float(binomtest(int((first & ~second).sum()), discordant).pvalue) if discordant else 1.0


def coverage(design: Design, replicates: int) -> list[tuple[float, float, float]]:
    """Draw data sets; return numbers of resampled pairs, then of resampled groups.

    Returns
    -------
    list of (float, float, float)
        How often the interval holds the truth, its mean width, and how often two systems of the same accuracy are told
        apart at 5%.
    """
    measured = np.zeros((2, 3))
    truth = truth_of(design)
    for seed in range(replicates):
        correct, labels, groups = draw_pairs(design, np.random.default_rng(seed))
        scored1, scored2 = (ScoredPairs(row[np.newaxis], labels, groups) for row in correct)
        summary = summarise_seeds(scored1, [None])
        intervals = pairs_interval(correct[0]), (summary.low, summary.high)
        p_values = pairs_p_value(*correct), compare(scored1, scored2).p_value
        for way, ((low, high), p_value) in enumerate(zip(intervals, p_values, strict=True)):
            measured[way] += low <= truth <= high, high - low, p_value < 0.05
    return [tuple(numbers) for numbers in (measured / replicates).tolist()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200, help="data sets of each row (default: 200)")
    replicates = parser.parse_args().replicates
    error = math.sqrt(0.95 * 0.05 / replicates)
    print(f"{replicates} data sets of 2,000 pairs a row: 0.95 should hold the truth (standard error {error:.3f}), and")
    print("0.05 of two systems of the same accuracy be told apart.")
    print("| groups | dissimilar pairs | between | pairs: hold | width | differ | groups: hold | width | differ |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    for crossed in (True, False):
        for count, uneven in ((11, False), (30, False), (100, False), (100, True)):
            for between in (0.0, 0.3):
                design = Design(count, 2000, between, crossed, uneven)
                numbers = [
                    f"{covered:.3f} | {width:.3f} | {differ:.3f}"
                    for covered, width, differ in coverage(design, replicates)
                ]
                named = f"{count}{' uneven' if uneven else ''} | of {'two groups' if crossed else 'one group'}"
                print(f"| {named} | {between:.2f} | {' | '.join(numbers)} |", flush=True)


if __name__ == "__main__":
    main()
