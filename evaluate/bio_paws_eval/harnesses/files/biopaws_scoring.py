"""Scores of bioPAWS from the log-likelihoods of four continuations; lies beside the tasks and needs no other file.

A pair is asked about twice, as "yes or no" and as "no or yes"; each time "no" and "yes" are scored. The score of a pair
is the mean of both log-odds of "yes".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sklearn.metrics import roc_auc_score


def scores_of(log_likelihoods: Sequence[float], label: int) -> dict[str, Any]:
    """Return the scores of one pair.

    Parameters
    ----------
    log_likelihoods : sequence of float
        Of "no" and "yes" after "yes or no", then of "no" and "yes" after "no or yes".
    label : {0, 1}
        Of the pair.
    """
    no_first, yes_first, no_second, yes_second = map(float, log_likelihoods)
    odds = {"yes_no": yes_first - no_first, "no_yes": yes_second - no_second}
    mean = sum(odds.values()) / len(odds)
    by_order = {f"acc_{order}": float((value > 0) == bool(label)) for order, value in odds.items()}
    return {"acc": float((mean > 0) == bool(label)), "auroc": (mean, int(label)), **by_order}


def process_results(doc: dict[str, Any], results: Iterable[tuple[float, bool]]) -> dict[str, Any]:
    """Return the scores of one pair, as lm-evaluation-harness calls it."""
    return scores_of([log_likelihood for log_likelihood, _ in results], doc["label"])


def auroc(items: Iterable[tuple[float, int]]) -> float:
    """Return the area under the ROC curve of (score, label); NaN where all labels are the same."""
    scores, labels = zip(*items, strict=True)
    return float(roc_auc_score(labels, scores)) if len(set(labels)) == 2 else float("nan")
