"""Metrics of the pairs of each pair type: closer homologs apart from remote ones, say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.stats.decisions import predicted, score_margin
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import proportion
from bio_paws_eval.stats.metrics import auroc_interval


def measure_pair_types(
    logits: NDArray[np.float32], labels: NDArray[np.int8], pair_types: NDArray[np.object_], groups: PairGroups
) -> dict[str, dict[str, Any]]:
    """Measure the predictions of one (model, task) result by pair type.

    Parameters
    ----------
    logits : ndarray, shape=(n, 2)
        Scores of labels 0 and 1.
    labels : ndarray, shape=(n,)
        The truth.
    pair_types : ndarray, shape=(n,) or (0,), dtype=object
        How each pair came about, which decides its label; of length 0 where the task has no pair types.
    groups : PairGroups
        What is resampled.

    Returns
    -------
    dict of str to dict
        For each pair type ``label``, ``n``, ``groups`` (how many its pairs are of), ``predicted_positive_rate``
        (proportion of its pairs that were predicted to be similar, as `intervals.proportion` returns it) and ``auroc``
        (its pairs against all pairs of the other label, as `metrics.measure` returns it). Empty where no label has more
        than one pair type.
    """
    label_of = dict(zip(pair_types.tolist(), labels.tolist(), strict=False))
    if len(label_of) <= len(set(label_of.values())):
        return {}
    predictions = predicted(logits)
    margin = score_margin(logits)
    measured = {}
    for pair_type, label in sorted(label_of.items()):
        own = pair_types == pair_type
        rows = own | (labels != label)
        own_groups = groups.take(own)
        measured[pair_type] = {
            "label": label,
            "n": int(own.sum()),
            "groups": own_groups.count,
            "predicted_positive_rate": proportion(predictions[own], own_groups),
            "auroc": auroc_interval(margin[rows], labels[rows], groups.take(rows)),
        }
    return measured
