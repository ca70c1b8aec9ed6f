"""What predictions are worth: metrics of one cell, its kinds and views, of several seeds, and of two models.

Intervals are percentile bootstrap intervals of 95% (Efron & Tibshirani 1993, ch. 13): over pairs within a cell, over
seeds and pairs across seeds. Shares of answers, often 0 or 1, have Jeffreys' interval instead, which says something
there too. All draws are seeded, so the same predictions give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binomtest

from bio_paws.features.perturbations import STRAND_PERTURBATIONS
from bio_paws.features.thresholds import auroc

RESAMPLES = 1000
SIGNIFICANT = 0.05
"""A corrected p-value under it is called significant."""

METRICS = ("accuracy", "balanced_accuracy", "f1", "mcc", "auroc", "predicted_positive_rate")
_LEVELS = (2.5, 97.5)
_UNDEFINED: dict[str, float | None] = {"value": None, "low": None, "high": None}
_CELLS_PER_BLOCK = 4_000_000  # resampled pairs held at a time


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
    margin = _margin(logits)
    values["auroc"] = auroc(margin, labels)
    draws["auroc"] = _resampled_auroc(margin, labels, rng)
    return {name: with_interval(values[name], draws[name]) for name in METRICS} | {"confusion": confusion.tolist()}


def measure_kinds(logits: NDArray[np.float32], labels: NDArray[np.int8], kinds: NDArray[np.object_]) -> dict[str, Any]:
    """Measure the predictions of one cell by kind of pair.

    Parameters
    ----------
    logits : ndarray, shape=(n, 2)
        Scores of labels 0 and 1.
    labels : ndarray, shape=(n,)
        The truth.
    kinds : ndarray, shape=(n,) or (0,), dtype=object
        How each pair came about, which decides its label; of no length where the task has no kinds.

    Returns
    -------
    dict
        For each kind ``label``, ``n``, ``answered_1`` (part of its pairs that were called similar, as `share` returns
        it) and ``auroc`` (its pairs against all pairs of the other label, as `measure` returns it). Empty where no
        label has more than one kind.
    """
    label_of = dict(zip(kinds.tolist(), labels.tolist(), strict=False))
    if len(label_of) <= len(set(label_of.values())):
        return {}
    answers = predicted(logits)
    margin = _margin(logits)
    rng = np.random.default_rng(0)
    measured = {}
    for kind, label in sorted(label_of.items()):
        own = kinds == kind
        rows = own | (labels != label)
        draws = _resampled_auroc(margin[rows], labels[rows], rng)
        measured[kind] = {
            "label": label,
            "n": int(own.sum()),
            "answered_1": share([int(answers[own].sum())], int(own.sum())),
            "auroc": with_interval(auroc(margin[rows], labels[rows]), draws),
        }
    return measured


def measure_views(
    logits: NDArray[np.float32], labels: NDArray[np.int8], views: Mapping[str, NDArray[np.float32]]
) -> dict[str, Any]:
    """Measure whether answers stay the same when pairs are written another way, as `tools.views` writes them.

    Parameters
    ----------
    logits : ndarray, shape=(n, 2)
        Scores of labels 0 and 1 of the pairs as they are stored.
    labels : ndarray, shape=(n,)
        The truth, which no view changes.
    views : mapping of str to ndarray, shape=(m, 2)
        Scores of the first m of these pairs in each view, by its name.

    Returns
    -------
    dict
        Empty where there are no views; else

        ``n``
            Pairs of a view.
        ``original``
            Of these pairs as stored, ``accuracy`` and ``recall`` (part of the similar ones that were called similar),
            as `share` returns them.
        ``views``
            For each view these two; ``consistency``, part of the pairs with the same answer as stored, as `share`
            returns it; ``margin_change``, mean absolute change of the score of label 1 less that of label 0;
            ``only_original``, ``only_view`` and ``p_value`` as `mcnemar` returns them; ``p_corrected``, by `holm` over
            the views.
        ``tells_strands``
            Whether the model tells the strands of DNA: the corrected p-value of either of `STRAND_PERTURBATIONS` is
            under `SIGNIFICANT`. Answers that change as often for the better as for the worse pass this test, and show
            in ``consistency``. None where there are no such views.
    """
    if not views:
        return {}
    n = len(next(iter(views.values())))
    logits, labels = logits[:n], labels[:n]
    answers, margin = predicted(logits), _margin(logits)
    found: dict[str, dict[str, Any]] = {}
    tests = {name: mcnemar(answers == labels, predicted(viewed) == labels) for name, viewed in views.items()}
    corrected = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    for name, viewed in views.items():
        found[name] = {
            **_of_view(viewed, labels),
            "consistency": share([int((predicted(viewed) == answers).sum())], n),
            "margin_change": float(np.abs(_margin(viewed) - margin).mean()),
            "only_original": tests[name].only_first,
            "only_view": tests[name].only_second,
            "p_value": tests[name].p_value,
            "p_corrected": corrected[name],
        }
    strands = [corrected[name] < SIGNIFICANT for name in STRAND_PERTURBATIONS if name in views]
    told = any(strands) if strands else None
    return {"n": n, "original": _of_view(logits, labels), "views": found, "tells_strands": told}


def _of_view(logits: NDArray[np.float32], labels: NDArray[np.int8]) -> dict[str, dict[str, float | None]]:
    (tn, _), (fn, tp) = confusion_matrix(predicted(logits), labels).tolist()
    return {"accuracy": share([tn + tp], len(labels)), "recall": share([tp], fn + tp)}


def _margin(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return logits[:, 1].astype(np.float64) - logits[:, 0]


def predicted(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Label 1 where its score is the higher."""
    return np.asarray(logits[:, 1] > logits[:, 0])


def confusion_matrix(answers: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count answers by truth (rows) and answer (columns)."""
    counts: NDArray[np.int64] = np.bincount(labels.astype(np.int64) * 2 + answers, minlength=4)
    return counts.reshape(2, 2)


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


def with_interval(value: float, draws: NDArray[np.float64]) -> dict[str, float | None]:
    """Set a value between the 2.5th and the 97.5th percentile of resampled ones; None where it is not a number."""
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return dict(_UNDEFINED)
    low, high = np.percentile(known, _LEVELS)
    return {"value": float(value), "low": float(low), "high": float(high)}


def share(hits: Sequence[int], n: int) -> dict[str, float | None]:
    """Part of `n` answers, its mean over seeds, with a 95% interval.

    For one seed it is Jeffreys' interval (Brown, Cai & DasGupta 2001, Statistical Science 16:101). Of several seeds,
    which all answer the same pairs, each is drawn at the same quantile of its own, and seeds are resampled.

    Parameters
    ----------
    hits : sequence of int, length seeds
        Answers that count, of each seed.
    n : int
        Answers of each seed.

    Returns
    -------
    dict
        ``{"value", "low", "high"}``; None where there are no answers.
    """
    counts = np.asarray(hits)
    if not n:
        return dict(_UNDEFINED)
    quantiles = (np.arange(RESAMPLES) + 0.5) / RESAMPLES
    by_seed = beta.ppf(quantiles[:, np.newaxis], counts + 0.5, n - counts + 0.5)
    chosen = np.random.default_rng(0).integers(0, len(counts), by_seed.shape)
    value = float(counts.mean() / n)
    low, high = np.percentile(np.take_along_axis(by_seed, chosen, axis=1).mean(axis=1), _LEVELS)
    # Where all answers are the same, the quantiles stop short of what was found.
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value)}


def mean_intervals(values: NDArray[np.float64]) -> list[dict[str, float | None]]:
    """Means with 95% intervals over the columns, which all rows share.

    Parameters
    ----------
    values : ndarray, shape=(rows, n)
        Several numbers of each of n things.

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
    low, high = np.percentile(_resampled_means(correct), _LEVELS)
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
    block = max(1, _CELLS_PER_BLOCK // pairs)
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
    rights = [one.astype(np.float64) for one in (first, second)]
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        # The same pairs for both, seeds of each.
        weight = np.bincount(rng.integers(0, pairs, pairs), minlength=pairs) / pairs
        mean1, mean2 = ((right @ weight)[rng.integers(0, len(right), len(right))].mean() for right in rights)
        draws[i] = mean1 - mean2
    low, high = np.percentile(draws, _LEVELS)
    test = mcnemar(first[seed_of_first], second[seed_of_second])
    return Comparison(float(first.mean() - second.mean()), float(low), float(high), *test)


class McNemar(NamedTuple):
    """Pairs that only one of two answers got right, and the p-value of McNemar's test of them."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Test whether two answers to the same pairs are right equally often: McNemar's test (1947), exact, two-sided.

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
    """Correct p-values for their number (Holm 1979): the chance that any of them is wrong stays what it says."""
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = highest
    return corrected
