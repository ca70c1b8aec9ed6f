"""Metrics of the pairs of each pair type: closer homologs apart from remote ones, say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.features.thresholds import auroc
from bio_paws_eval.stats.intervals import share, with_interval
from bio_paws_eval.stats.metrics import predicted, resampled_auroc, score_margin


def measure_pair_types(
    logits: NDArray[np.float32], labels: NDArray[np.int8], pair_types: NDArray[np.object_]
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

    Returns
    -------
    dict of str to dict
        For each pair type ``label``, ``n``, ``predicted_positive_rate`` (proportion of its pairs that were predicted
        to be similar, as `intervals.share` returns it) and ``auroc`` (its pairs against all pairs of the other label,
        as `metrics.measure` returns it). Empty where no label has more than one pair type.
    """
    label_of = dict(zip(pair_types.tolist(), labels.tolist(), strict=False))
    if len(label_of) <= len(set(label_of.values())):
        return {}
    predictions = predicted(logits)
    margin = score_margin(logits)
    rng = np.random.default_rng(0)
    measured = {}
    for pair_type, label in sorted(label_of.items()):
        own = pair_types == pair_type
        rows = own | (labels != label)
        draws = resampled_auroc(margin[rows], labels[rows], rng)
        measured[pair_type] = {
            "label": label,
            "n": int(own.sum()),
            "predicted_positive_rate": share([int(predictions[own].sum())], int(own.sum())),
            "auroc": with_interval(auroc(margin[rows], labels[rows]), draws),
        }
    return measured
