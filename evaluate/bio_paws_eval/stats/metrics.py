"""Metrics of binary predictions, each with a 95% bootstrap interval over the pairs (`intervals`).

Accuracy, balanced accuracy, F1, Matthews correlation (Matthews 1975, Biochim Biophys Acta 405:442-451), area under the
ROC curve, and the rate of predicted positives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.features.thresholds import auroc
from bio_paws_eval.stats.intervals import RESAMPLES, with_interval

METRICS = ("accuracy", "balanced_accuracy", "f1", "mcc", "auroc", "predicted_positive_rate")


def measure(logits: NDArray[np.float32], labels: NDArray[np.int8]) -> dict[str, Any]:
    """Measure the predictions of one (model, task) result.

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
    # The four counts of resampled pairs are multinomial: drawing them is drawing pairs.
    resampled = rng.multinomial(counts.sum(), counts[0] / counts.sum(), RESAMPLES)
    values = {name: function(counts)[0] for name, function in _OF_COUNTS.items()}
    draws = {name: function(resampled) for name, function in _OF_COUNTS.items()}
    margin = score_margin(logits)
    values["auroc"] = auroc(margin, labels)
    draws["auroc"] = resampled_auroc(margin, labels, rng)
    return {name: with_interval(values[name], draws[name]) for name in METRICS} | {"confusion": confusion.tolist()}


def score_margin(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score of label 1 less that of label 0: shape (n,)."""
    return logits[:, 1].astype(np.float64) - logits[:, 0]


def predicted(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return whether label 1 is predicted: where its score is the higher; shape (n,)."""
    return np.asarray(logits[:, 1] > logits[:, 0])


def confusion_matrix(predictions: NDArray[np.bool_], labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Count pairs by truth (rows) and prediction (columns): shape (2, 2)."""
    counts: NDArray[np.int64] = np.bincount(labels.astype(np.int64) * 2 + predictions, minlength=4)
    return counts.reshape(2, 2)


def _accuracy(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return _ratio(counts[:, 0] + counts[:, 3], counts.sum(axis=1))


def _balanced_accuracy(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of sensitivity and specificity."""
    tn, fp, fn, tp = counts.T
    rates: NDArray[np.float64] = (_ratio(tn, tn + fp) + _ratio(tp, tp + fn)) / 2
    return rates


def _f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """2 TP / (2 TP + FP + FN)."""
    _, fp, fn, tp = counts.T
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _mcc(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Matthews correlation; 0 by convention where all predictions are the same.

    (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)).
    """
    tn, fp, fn, tp = counts.T.astype(np.float64)
    predictions = (tp + fp) * (tn + fn)
    scale = np.sqrt(predictions * (tp + fn) * (tn + fp))
    correlation = _ratio(tp * tn - fp * fn, scale)
    correlation[predictions == 0] = 0.0
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


def resampled_auroc(
    margin: NDArray[np.float64], labels: NDArray[np.int8], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return areas under the ROC curve of resampled pairs: shape (RESAMPLES,).

    Scores are sorted once; in each resample a pair counts as often as it was drawn.
    """
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
