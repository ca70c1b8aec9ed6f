"""What predictions are worth: metrics of one cell, of several seeds, and of two models on the same pairs.

Intervals are percentile bootstrap intervals of 95% (Efron & Tibshirani 1993, ch. 13): over pairs within a cell, over
seeds and pairs across seeds. All draws are seeded, so the same predictions give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

RESAMPLES = 1000
METRICS = ("accuracy", "balanced_accuracy", "f1", "mcc", "auroc", "predicted_positive_rate")
_LEVELS = (2.5, 97.5)
_CELLS_A_BLOCK = 4_000_000  # resampled pairs held at a time


def measure(logits: NDArray[np.float32], labels: NDArray[np.int8]) -> dict[str, Any]:
    """Measure the predictions of one cell.

    Parameters
    ----------
    logits : ndarray, shape=(n, 2)
        Scores of labels 0 and 1; label 1 is predicted where its score is the higher.
    labels : ndarray, shape=(n,)
        The truth.

    Returns
    -------
    dict
        For each of `METRICS` ``{"value", "low", "high"}``, None where it is not defined (MCC of one label, say), and
        ``confusion``: ``[[true negatives, false positives], [false negatives, true positives]]``.
    """
    confusion = confusion_matrix(predicted(logits), labels)
    counts = confusion.reshape(1, 4)
    rng = np.random.default_rng(0)
    # The four cells of resampled pairs are multinomial: drawing them is drawing pairs.
    resampled = rng.multinomial(counts.sum(), counts[0] / counts.sum(), RESAMPLES)
    values = {name: function(counts)[0] for name, function in _OF_COUNTS.items()}
    draws = {name: function(resampled) for name, function in _OF_COUNTS.items()}
    margin = logits[:, 1].astype(np.float64) - logits[:, 0]
    values["auroc"] = auroc(margin, labels)
    draws["auroc"] = _resampled_auroc(margin, labels, rng)
    return {name: _with_interval(values[name], draws[name]) for name in METRICS} | {"confusion": confusion.tolist()}


def predicted(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Label 1 where its score is the higher."""
    return np.asarray(logits[:, 1] > logits[:, 0])


def confusion_matrix(answers: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count answers by truth (rows) and answer (columns)."""
    counts: NDArray[np.int64] = np.bincount(labels.astype(np.int64) * 2 + answers, minlength=4)
    return counts.reshape(2, 2)


def auroc(margin: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Area under the ROC curve: how often a similar pair scores above a dissimilar one; ties count half."""
    positive = labels == 1
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    return float((rankdata(margin)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def _accuracy(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return _ratio(counts[:, 0] + counts[:, 3], counts.sum(axis=1))


def _balanced_accuracy(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    tn, fp, fn, tp = counts.T
    rates: NDArray[np.float64] = (_ratio(tn, tn + fp) + _ratio(tp, tp + fn)) / 2
    return rates


def _f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    _, fp, fn, tp = counts.T
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _mcc(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Matthews correlation (Matthews 1975); 0 by convention where all answers are the same."""
    tn, fp, fn, tp = counts.T.astype(np.float64)
    answered = (tp + fp) * (tn + fn)
    scale = np.sqrt(answered * (tp + fn) * (tn + fp))
    correlation = _ratio(tp * tn - fp * fn, scale)
    correlation[answered == 0] = 0.0
    return correlation


def _predicted_positive_rate(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return _ratio(counts[:, 1] + counts[:, 3], counts.sum(axis=1))


_OF_COUNTS = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "mcc": _mcc,
    "predicted_positive_rate": _predicted_positive_rate,
}


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole != 0)
    return ratio


def _resampled_auroc(
    margin: NDArray[np.float64], labels: NDArray[np.int8], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Areas under the curve of resampled pairs, from one sorting: each pair counts as often as it was drawn."""
    order = np.argsort(margin, kind="stable")
    positive = labels[order] == 1
    # Pairs of equal score share a step of the curve.
    steps = np.unique(margin[order], return_inverse=True)[1]
    draws = np.empty(RESAMPLES)
    n = len(margin)
    for i in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, n, n), minlength=n)
        ones = np.bincount(steps, weights=weight * positive)
        zeros = np.bincount(steps, weights=weight * ~positive)
        below = np.cumsum(zeros) - zeros
        total = ones.sum() * zeros.sum()
        draws[i] = (ones * (below + zeros / 2)).sum() / total if total else np.nan
    return draws


def _with_interval(value: float, draws: NDArray[np.float64]) -> dict[str, float | None]:
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return {"value": None, "low": None, "high": None}
    low, high = np.percentile(known, _LEVELS)
    return {"value": float(value), "low": float(low), "high": float(high)}


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
    known = [(dev, -i) for i, dev in enumerate(dev_accuracies) if dev is not None]
    low, high = np.percentile(_resampled_means(correct), _LEVELS)
    return SeedSummary(
        len(accuracies),
        float(accuracies.mean()),
        float(accuracies.std(ddof=1)) if len(accuracies) > 1 else float("nan"),
        float(accuracies.min()),
        float(accuracies.max()),
        float(low),
        float(high),
        float(accuracies[-max(known)[1]]) if len(known) == len(accuracies) else None,
        float(accuracies.max()),
    )


def _resampled_means(values: NDArray[Any]) -> NDArray[np.float64]:
    """Means over resampled seeds and resampled pairs of an array of shape (seeds, pairs)."""
    seeds, pairs = values.shape
    rng = np.random.default_rng(0)
    means = np.empty(RESAMPLES)
    block = max(1, _CELLS_A_BLOCK // pairs)
    for at in range(0, RESAMPLES, block):
        count = min(block, RESAMPLES - at)
        drawn = np.stack([np.bincount(rng.integers(0, pairs, pairs), minlength=pairs) for _ in range(count)])
        by_seed = drawn @ values.T.astype(np.float64) / pairs  # (count, seeds)
        chosen = rng.integers(0, seeds, (count, seeds))
        means[at : at + count] = np.take_along_axis(by_seed, chosen, axis=1).mean(axis=1)
    return means


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
        Exact two-sided McNemar test of those (McNemar 1947): the chance of a split at least as uneven.
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
    rights = [one.astype(np.float64) for one in (first, second)]
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        # The same pairs for both, seeds of each.
        weight = np.bincount(rng.integers(0, pairs, pairs), minlength=pairs) / pairs
        mean1, mean2 = ((right @ weight)[rng.integers(0, len(right), len(right))].mean() for right in rights)
        draws[i] = mean1 - mean2
    low, high = np.percentile(draws, _LEVELS)
    a, b = first[seed_of_first], second[seed_of_second]
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return Comparison(float(first.mean() - second.mean()), float(low), float(high), only_first, only_second, p_value)
