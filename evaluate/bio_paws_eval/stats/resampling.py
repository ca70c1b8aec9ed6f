"""The bootstrap that all intervals and tests rest on: groups of either side are resampled, crossed with seeds.

Pairs that have a homology group in common are not independent, and a dissimilar pair has two groups. So groups are
resampled, not pairs: each of G groups is drawn c times in G draws with replacement, and a pair counts as often as its
group, or, where its sides are of two groups, as often as the product of both. This is the pigeonhole bootstrap

    Owen AB (2007) The pigeonhole bootstrap. Ann Appl Stat 1:386-411

with the product weights of

    Owen AB, Eckles D (2012) Bootstrapping data arrays of arbitrary order. Ann Appl Stat 6:895-927

where rows and columns of the array are of one population, as in

    Davezies L, D'Haultfoeuille X, Guyonvarch Y (2021) Empirical process results for exchangeable arrays.
    Ann Stat 49:845-862.

It was chosen over the cluster bootstrap of one factor (Field & Welsh 2007, J R Stat Soc B 69:369), since exchanged
pairs connect all groups of a split into one cluster; and over variance formulas for several factors (Cameron, Gelbach &
Miller 2011, J Bus Econ Stat 29:238), since one scheme serves every metric, AUROC too, and pairs two systems by drawing
the same groups. No bootstrap of two crossed factors is exact (McCullagh 2000, Bernoulli 6:285); this one errs to the
safe side: where groups do not matter, its intervals of pairs of two groups are up to 1.7 times too wide.
`benchmarks/intervals.py` measures its coverage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

from bio_paws.features.thresholds import auroc
from bio_paws_eval.stats.groups import PairGroups

RESAMPLES = 1000
"""Bootstrap samples of each interval."""

_NUMBERS_PER_BLOCK = 2_000_000  # weights in memory at a time


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Which pairs each seed of a system predicted rightly.

    Attributes
    ----------
    correct : ndarray, shape=(seeds, pairs), dtype=bool
        Whether each seed was right.
    labels : ndarray, shape=(pairs,), dtype=int8
        The truth.
    groups : PairGroups
        What is resampled.
    """

    correct: NDArray[np.bool_]
    labels: NDArray[np.int8]
    groups: PairGroups

    @cached_property
    def accuracies(self) -> NDArray[np.float64]:
        """Accuracy of each seed on resampled groups, the same ones for all systems: shape (RESAMPLES, seeds)."""
        rates, totals = resampled_rates(self.correct, self.labels, self.groups)
        weighted = np.einsum("bsl,bl->bs", rates, totals)
        pairs = np.broadcast_to(totals.sum(axis=1, keepdims=True), weighted.shape)
        # The groups of a resample may have no pair in common: then it says nothing.
        accuracies: NDArray[np.float64] = np.divide(
            weighted, pairs, out=np.full_like(weighted, np.nan), where=pairs > 0
        )
        return accuracies

    @cached_property
    def varied_accuracies(self) -> NDArray[np.float64]:
        """The same, where seeds that are right on all pairs, or on none, vary as `with_constants_varied` has it."""
        varied: NDArray[np.float64] = with_constants_varied(self.accuracies[..., np.newaxis], self.correct, self.groups)
        return varied[..., 0]

    @cached_property
    def effective_pairs(self) -> float | None:
        """Number of independent pairs whose mean accuracy over seeds would vary as much, at most that of the pairs.

        The number of pairs divided by the design effect (Kish 1965, Survey Sampling, ch. 8.2). It is the effective
        number of groups where all pairs are right, or none is, and None where else nothing varies: one answer for all
        pairs is right on half of them, whatever they are.
        """
        if self.groups.independent:
            return float(self.groups.pairs)
        means = self.correct.mean(axis=0)
        strata = [means[self.labels == label] for label in (0, 1)] if self.groups.labels_fixed(self.labels) else [means]
        independent = sum(stratum.var() * len(stratum) for stratum in strata) / len(means) ** 2
        if not independent:
            return self.groups.effective if means.all() or not means.any() else None
        resampled = np.nanvar(self.accuracies.mean(axis=1))
        return float(len(means) * min(1.0, independent / resampled)) if resampled else float(len(means))


@dataclass(frozen=True, eq=False)
class RankedPairs:
    """How high each seed of a system ranks pairs.

    Attributes
    ----------
    margins : ndarray, shape=(seeds, pairs), dtype=float64
        Score of label 1 less that of label 0 (`decisions.score_margin`).
    labels : ndarray, shape=(pairs,), dtype=int8
        The truth.
    groups : PairGroups
        What is resampled.
    """

    margins: NDArray[np.float64]
    labels: NDArray[np.int8]
    groups: PairGroups

    @cached_property
    def aurocs(self) -> NDArray[np.float64]:
        """Area under the ROC curve of each seed: shape (seeds,); nan where a label is missing."""
        return np.array([auroc(row, self.labels) for row in self.margins])

    @cached_property
    def resampled_aurocs(self) -> NDArray[np.float64]:
        """The same on resampled groups, the same ones for all systems: shape (RESAMPLES, seeds).

        An area of 0 or 1, which does not vary between resamples though another sample's would, varies as a proportion.
        """
        columns = [
            constant_draws(int(value), self.groups)
            if value in {0.0, 1.0}
            else resampled_auroc(row, self.labels, self.groups)
            for row, value in zip(self.margins, self.aurocs.tolist(), strict=True)
        ]
        return np.stack(columns, axis=1)


def resampled_rates(
    hits: NDArray[np.bool_], labels: NDArray[np.int8], groups: PairGroups
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Resample groups, and return how many of the pairs of either label are hits.

    Parameters
    ----------
    hits : ndarray, shape=(rows, pairs), dtype=bool
        Several predictions of each pair, say of several seeds.
    labels : ndarray, shape=(pairs,)
        The truth.
    groups : PairGroups
        What is resampled.

    Returns
    -------
    rates : ndarray, shape=(RESAMPLES, rows, 2)
        Fraction of the resampled pairs of label 0 and 1 that are hits; nan where the groups that were drawn have no
        pair of a label whose number is fixed.
    totals : ndarray, shape=(RESAMPLES, 2)
        Weight of the pairs of either label: their number where it is fixed (`PairGroups.labels_fixed`).
    """
    cells, cell_of = np.unique(
        np.stack([labels.astype(np.int64), groups.first, groups.second]), axis=1, return_inverse=True
    )
    cell_of = cell_of.reshape(-1)  # numpy 2.0 gave it the shape of its input
    sizes = np.bincount(cell_of, minlength=cells.shape[1]).astype(np.float64)
    sums = np.stack([np.bincount(cell_of, weights=row, minlength=len(sizes)) for row in hits.astype(np.float64)])
    totals, rates = np.empty((RESAMPLES, 2)), np.empty((RESAMPLES, len(hits), 2))
    of_label = [cells[0] == label for label in (0, 1)]
    fixed = groups.labels_fixed(labels)
    at = 0
    for weights in resampled_weights(groups, cells[1], cells[2]):
        block = slice(at, at := at + len(weights))
        for label, own in enumerate(of_label):
            total = weights[:, own] @ sizes[own]
            counted = weights[:, own] @ sums[:, own].T
            empty = np.nan if fixed and own.any() else 0.0
            rates[block, :, label] = np.divide(
                counted, total[:, np.newaxis], out=np.full_like(counted, empty), where=total[:, np.newaxis] > 0
            )
            totals[block, label] = sizes[own].sum() if fixed else total
    return rates, totals


def with_constants_varied(
    rates: NDArray[np.float64], hits: NDArray[np.bool_], groups: PairGroups
) -> NDArray[np.float64]:
    """Return resampled rates, of which those of predictions that are all right, or all wrong, vary too.

    Nothing varies there between resamples, though another sample would. The rates of such a row are draws from
    Jeffreys' distribution, as if there were as many independent pairs as groups in effect.

    Parameters
    ----------
    rates : ndarray, shape=(RESAMPLES, rows, n)
        Of resampled groups.
    hits : ndarray, shape=(rows, pairs), dtype=bool
        The predictions.
    groups : PairGroups
        What is resampled.

    Returns
    -------
    ndarray, shape=(RESAMPLES, rows, n)
        Shares between 0 and 1.
    """
    varied = rates.copy()
    for value, constant in ((0, ~hits.any(axis=1)), (1, hits.all(axis=1))):
        varied[:, constant] = constant_draws(value, groups)[:, np.newaxis, np.newaxis]
    return varied


def constant_draws(value: int, groups: PairGroups) -> NDArray[np.float64]:
    """Draw from Jeffreys' distribution of a rate that is 0 or 1 in all groups: shape (RESAMPLES,).

    Beta(n + 1/2, 1/2) for a rate of 1 of n groups in effect (Brown, Cai & DasGupta 2001, Statistical Science 16:101).
    `intervals.levels` moves percentiles outwards for few groups, of which this distribution knows already: the draws
    are such that the ends of their interval are Jeffreys'.
    """
    normal = norm.ppf(np.random.default_rng(1).random(RESAMPLES))
    draws: NDArray[np.float64] = beta.ppf(t.cdf(normal, groups.effective - 1), groups.effective + 0.5, 0.5)
    return draws if value else 1 - draws


def resampled_auroc(margin: NDArray[np.float64], labels: NDArray[np.int8], groups: PairGroups) -> NDArray[np.float64]:
    """Return areas under the ROC curve of the pairs of resampled groups: shape (RESAMPLES,).

    Scores are sorted once; in each resample a pair counts as often as `resampled_weights` says. nan where a label is
    missing.
    """
    order = np.argsort(margin, kind="stable")
    positive = labels[order] == 1
    if positive.all() or not positive.any():
        return np.full(RESAMPLES, np.nan)
    # Pairs of equal score share a step of the curve.
    steps = np.flatnonzero(np.diff(margin[order], prepend=-np.inf))
    draws = []
    for weights in resampled_weights(groups, groups.first[order], groups.second[order]):
        ones = np.add.reduceat(weights * positive, steps, axis=1)
        zeros = np.add.reduceat(weights * ~positive, steps, axis=1)
        area = np.einsum("bs,bs->b", ones, np.cumsum(zeros, axis=1) - zeros / 2)
        total = ones.sum(axis=1) * zeros.sum(axis=1)
        draws.append(np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0))
    return np.concatenate(draws)


def resampled_weights(
    groups: PairGroups, first: NDArray[np.int64], second: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    """Yield how often pairs count in each resample, in blocks of shape (resamples, pairs), `RESAMPLES` in all.

    Parameters
    ----------
    groups : PairGroups
        The groups that are drawn.
    first, second : ndarray, shape=(pairs,)
        Index of the group of either side.
    """
    rng = np.random.default_rng(0)
    of_two = first != second
    block = max(1, _NUMBERS_PER_BLOCK // max(1, len(first), groups.count))
    for at in range(0, RESAMPLES, block):
        count = min(block, RESAMPLES - at)
        drawn = rng.integers(0, groups.count, (count, groups.count))
        drawn += np.arange(count)[:, np.newaxis] * groups.count
        counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        weights = counts[:, first]
        weights[:, of_two] *= counts[:, second[of_two]]
        yield weights


def mean_over_seeds(draws: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return means over resampled seeds: shape (RESAMPLES,). Seeds cross with groups: all predict the same pairs.

    Of n seeds n - 1 are drawn, which makes the variance of their mean unbiased (Rao & Wu 1988, J Am Stat Assoc 83:231).

    Parameters
    ----------
    draws : ndarray, shape=(RESAMPLES, seeds)
        Of each seed.
    rng : numpy.random.Generator
        Draws the seeds.
    """
    seeds = draws.shape[1]
    if seeds == 1:
        return draws[:, 0]
    chosen = rng.integers(0, seeds, (len(draws), seeds - 1))
    means: NDArray[np.float64] = np.take_along_axis(draws, chosen, axis=1).mean(axis=1)
    return means
