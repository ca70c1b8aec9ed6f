"""Metrics of binary predictions, each with a 95% bootstrap interval over groups of pairs (`resampling`).

Accuracy, balanced accuracy, F1, Matthews correlation (Matthews 1975, Biochim Biophys Acta 405:442-451), area under the
ROC curve, and the rate of predicted positives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.features.thresholds import auroc
from bio_paws_eval.stats.decisions import predicted, score_margin
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import Interval, with_interval
from bio_paws_eval.stats.resampling import (
    ScoredPairs,
    constant_draws,
    resampled_auroc,
    resampled_rates,
    with_constants_varied,
)

METRICS = ("accuracy", "balanced_accuracy", "f1", "mcc", "auroc", "predicted_positive_rate")


def measure(logits: NDArray[np.float32], labels: NDArray[np.int8], groups: PairGroups) -> dict[str, Any]:
    """Measure the predictions of one (model, task) result.

    Parameters
    ----------
    logits : ndarray, shape=(n, 2)
        Scores of labels 0 and 1; label 1 is predicted where its score is the higher.
    labels : ndarray, shape=(n,)
        The truth.
    groups : PairGroups
        What is resampled.

    Returns
    -------
    dict
        For each of `METRICS` ``{"value", "low", "high"}``, None where it is not defined (MCC of one label, say), and
        ``confusion``: ``[[true negatives, false positives], [false negatives, true positives]]``.
    """
    predictions = predicted(logits)
    confusion = confusion_matrix(predictions, labels)
    correct = (predictions == labels)[np.newaxis]
    rates, totals = resampled_rates(correct, labels, groups)
    right = with_constants_varied(rates, correct, groups)[:, 0] * totals
    (tn, tp), (all_negative, all_positive) = right.T, totals.T
    resampled = np.stack([tn, all_negative - tn, all_positive - tp, tp], axis=1)
    counts = confusion.reshape(1, 4)
    intervals = {
        name: with_interval(function(counts)[0], function(resampled), groups.effective)
        for name, function in _OF_COUNTS.items()
    }
    rate = intervals["predicted_positive_rate"]["value"]
    if rate in {0.0, 1.0}:  # another sample might get the other answer, as it might where all are right
        draws = constant_draws(int(rate), groups)
        intervals["predicted_positive_rate"] = with_interval(rate, draws, groups.effective)
    intervals["auroc"] = auroc_interval(score_margin(logits), labels, groups)
    return {name: intervals[name] for name in METRICS} | {"confusion": confusion.tolist()}


def auroc_interval(margin: NDArray[np.float64], labels: NDArray[np.int8], groups: PairGroups) -> Interval:
    """Return the area under the ROC curve; of 0 or 1, which do not vary, with the interval of a proportion."""
    value = auroc(margin, labels)
    constant = value in {0.0, 1.0}
    draws = constant_draws(int(value), groups) if constant else resampled_auroc(margin, labels, groups)
    return with_interval(value, draws, groups.effective)


def sampling_of(correct: NDArray[np.bool_], labels: NDArray[np.int8], groups: PairGroups) -> dict[str, Any]:
    """Describe what intervals rest on.

    Parameters
    ----------
    correct : ndarray, shape=(n,), dtype=bool
        Which pairs are predicted rightly.
    labels : ndarray, shape=(n,)
        The truth.
    groups : PairGroups
        What is resampled.

    Returns
    -------
    dict
        ``unit``, ``pairs``, ``groups``, ``effective_groups`` as in `PairGroups`; ``effective_pairs`` of the accuracy as
        in `ScoredPairs`; ``few_groups``, whether there are under `groups.FEW_GROUPS` in effect.
    """
    return {
        "unit": groups.unit,
        "pairs": groups.pairs,
        "groups": groups.count,
        "effective_groups": groups.effective,
        "effective_pairs": ScoredPairs(correct[np.newaxis], labels, groups).effective_pairs,
        "few_groups": groups.few,
    }


def confusion_matrix(predictions: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count pairs by truth (rows) and prediction (columns): shape (2, 2)."""
    counts: NDArray[np.int64] = np.bincount(labels.astype(np.int64) * 2 + predictions, minlength=4)
    return counts.reshape(2, 2)


def _accuracy(counts: NDArray[Any]) -> NDArray[np.float64]:
    return _ratio(counts[:, 0] + counts[:, 3], counts.sum(axis=1))


def _balanced_accuracy(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Mean of sensitivity and specificity."""
    tn, fp, fn, tp = counts.T
    rates: NDArray[np.float64] = (_ratio(tn, tn + fp) + _ratio(tp, tp + fn)) / 2
    return rates


def _f1(counts: NDArray[Any]) -> NDArray[np.float64]:
    """2 TP / (2 TP + FP + FN)."""
    _, fp, fn, tp = counts.T
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _mcc(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Matthews correlation; 0 by convention where all predictions are the same.

    (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)).
    """
    tn, fp, fn, tp = counts.T.astype(np.float64)
    predictions = (tp + fp) * (tn + fn)
    scale = np.sqrt(predictions * (tp + fn) * (tn + fp))
    correlation = _ratio(tp * tn - fp * fn, scale)
    correlation[predictions == 0] = 0.0
    return np.clip(correlation, -1.0, 1.0)  # rounding


def _predicted_positive_rate(counts: NDArray[Any]) -> NDArray[np.float64]:
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
