"""Invariance tests: whether predictions stay the same when pairs are perturbed in a way that keeps their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.features.perturbations import STRAND_PERTURBATIONS
from bio_paws_eval.stats.decisions import predicted, score_margin
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import Interval, proportion
from bio_paws_eval.stats.resampling import ScoredPairs
from bio_paws_eval.stats.significance import SIGNIFICANT, compare, holm


def measure_perturbations(
    logits: NDArray[np.float32],
    labels: NDArray[np.int8],
    perturbed: Mapping[str, NDArray[np.float32]],
    groups: PairGroups,
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
    groups : PairGroups
        What is resampled: the groups of the pairs as they are stored.

    Returns
    -------
    dict
        Empty where there are no perturbations; else

        ``n``
            The m pairs that were perturbed.
        ``groups``
            How many groups they are of.
        ``original``
            Of these pairs as stored, ``accuracy`` and ``recall`` (proportion of the similar ones that were predicted
            to be similar), as `intervals.proportion` returns them.
        ``perturbed``
            For each perturbation these two; ``consistency``, proportion of the pairs with the same prediction as
            stored, as `intervals.proportion` returns it; ``margin_change``, mean absolute change of the score of label
            1 less that of label 0; ``only_original``, ``only_perturbed`` and ``p_value`` as `significance.compare`
            returns them; ``p_corrected``, by `significance.holm` over the perturbations.
        ``tells_strands``
            Whether the model tells the strands of DNA apart: the corrected p-value of either of `STRAND_PERTURBATIONS`
            is under `SIGNIFICANT`. Predictions that change as often for the better as for the worse pass this test,
            and show in ``consistency``. None without such perturbations.
    """
    if not perturbed:
        return {}
    n = len(next(iter(perturbed.values())))
    logits, labels, groups = logits[:n], labels[:n], groups.take(slice(n))
    predictions, margin = predicted(logits), score_margin(logits)

    def scored(scores: NDArray[np.float32]) -> ScoredPairs:
        return ScoredPairs((predicted(scores) == labels)[np.newaxis], labels, groups)

    stored = scored(logits)
    tests = {name: compare(stored, scored(scores)) for name, scores in perturbed.items()}
    corrected = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    measured = {
        name: {
            **_accuracy_and_recall(scores, labels, groups),
            "consistency": proportion(predicted(scores) == predictions, groups),
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
        "groups": groups.count,
        "original": _accuracy_and_recall(logits, labels, groups),
        "perturbed": measured,
        "tells_strands": any(strands) if strands else None,
    }


def _accuracy_and_recall(
    logits: NDArray[np.float32], labels: NDArray[np.int8], groups: PairGroups
) -> dict[str, Interval]:
    predictions, similar = predicted(logits), labels == 1
    return {
        "accuracy": proportion(predictions == labels, groups),
        "recall": proportion(predictions[similar], groups.take(similar)),
    }
