"""Invariance tests: whether predictions stay the same when pairs are perturbed in a way that keeps their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.features.perturbations import STRAND_PERTURBATIONS
from bio_paws_eval.stats.intervals import Interval, share
from bio_paws_eval.stats.metrics import confusion_matrix, predicted, score_margin
from bio_paws_eval.stats.significance import SIGNIFICANT, holm, mcnemar


def measure_perturbations(
    logits: NDArray[np.float32], labels: NDArray[np.int8], perturbed: Mapping[str, NDArray[np.float32]]
) -> dict[str, Any]:
    """Measure whether predictions stay the same when pairs are perturbed (`bio_paws.features.perturbations`).

    Parameters
    ----------
    logits : ndarray, shape=(n, 2)
        Scores of labels 0 and 1 of the pairs as they are stored.
    labels : ndarray, shape=(n,)
        The truth, which no perturbation changes.
    perturbed : mapping of str to ndarray, shape=(m, 2)
        Scores of the first m of these pairs under each perturbation, by its name.

    Returns
    -------
    dict
        Empty where there are no perturbations; else

        ``n``
            The m pairs that were perturbed.
        ``original``
            Of these pairs as stored, ``accuracy`` and ``recall`` (proportion of the similar ones that were predicted
            to be similar), as `intervals.share` returns them.
        ``perturbed``
            For each perturbation these two; ``consistency``, proportion of the pairs with the same prediction as
            stored, as `intervals.share` returns it; ``margin_change``, mean absolute change of the score of label 1
            less that of label 0; ``only_original``, ``only_perturbed`` and ``p_value`` as `significance.mcnemar`
            returns them; ``p_corrected``, by `significance.holm` over the perturbations.
        ``tells_strands``
            Whether the model tells the strands of DNA apart: the corrected p-value of either of `STRAND_PERTURBATIONS`
            is under `SIGNIFICANT`. Predictions that change as often for the better as for the worse pass this test,
            and show in ``consistency``. None without such perturbations.
    """
    if not perturbed:
        return {}
    n = len(next(iter(perturbed.values())))
    logits, labels = logits[:n], labels[:n]
    predictions, margin = predicted(logits), score_margin(logits)
    tests = {name: mcnemar(predictions == labels, predicted(scores) == labels) for name, scores in perturbed.items()}
    corrected = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    measured = {
        name: {
            **_accuracy_and_recall(scores, labels),
            "consistency": share([int((predicted(scores) == predictions).sum())], n),
            "margin_change": float(np.abs(score_margin(scores) - margin).mean()),
            "only_original": tests[name].only_first,
            "only_perturbed": tests[name].only_second,
            "p_value": tests[name].p_value,
            "p_corrected": corrected[name],
        }
        for name, scores in perturbed.items()
    }
    strands = [corrected[name] < SIGNIFICANT for name in STRAND_PERTURBATIONS if name in perturbed]
    return {
        "n": n,
        "original": _accuracy_and_recall(logits, labels),
        "perturbed": measured,
        "tells_strands": any(strands) if strands else None,
    }


def _accuracy_and_recall(logits: NDArray[np.float32], labels: NDArray[np.int8]) -> dict[str, Interval]:
    (tn, _), (fn, tp) = confusion_matrix(predicted(logits), labels).tolist()
    return {"accuracy": share([tn + tp], len(labels)), "recall": share([tp], fn + tp)}
