"""The cosine of the embeddings of both sides; a pair is similar above a threshold that the dev split chooses.

MTEB's pair classification (Muennighoff N et al. 2023, EACL, arXiv:2210.07316) chooses the threshold on the very pairs
that it scores. Its numbers stand in `results.Result.details`, beside the accuracy at the threshold of the dev split.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from bio_paws.features.thresholds import fit_threshold
from bio_paws_eval.methods.embeddings import POOLING, Embedder, EmbeddingMethod, EmbeddingScorer, embed_sides
from bio_paws_eval.methods.interface import DevAnswers, Fitted, Fitting
from bio_paws_eval.results import Predictions
from bio_paws_eval.stats.decisions import commoner_share, predicted


class Cosine(EmbeddingMethod):
    """Compare mean-pooled embeddings, none of whose weights are trained."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The pooling."""
        return {"pooling": POOLING}

    def fit(self, fitting: Fitting) -> Fitted:
        """Choose the threshold on the dev split."""
        assert fitting.dev is not None
        embedder = Embedder(fitting)
        parts = [(cosine(first, second), batch.labels) for batch, first, second in embed_sides(embedder, fitting.dev)]
        cosines, labels = (np.concatenate(values) for values in zip(*parts, strict=True))
        threshold = best_threshold(cosines, labels)
        dev = DevAnswers((cosines > threshold) == labels, labels)
        training = dataclasses.replace(
            fitting.training,
            dev_accuracies=(float(dev.correct.mean()),),
            best_epoch=1,
            dev_pairs=len(labels),
            dev_majority=commoner_share(labels),
            fitted={"threshold": float(threshold), "average_precision": average_precision(cosines, labels)},
        )

        def score(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
            cosines = cosine(first, second)
            return np.stack([np.full_like(cosines, threshold), cosines], axis=1)

        return EmbeddingScorer(embedder, training, score, dev, details_of)


def details_of(predictions: Predictions) -> dict[str, Any]:
    """Return MTEB's numbers of a task: average precision, and the best threshold of its own pairs with its accuracy."""
    cosines, labels = predictions.logits[:, 1], predictions.labels
    threshold = best_threshold(cosines, labels)
    own = np.stack([np.full_like(cosines, threshold), cosines], axis=1)
    return {
        "average_precision": average_precision(cosines, labels),
        "best_threshold": float(threshold),
        "best_accuracy": float((predicted(own) == labels).mean()),
    }


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of the angles between vectors, each shape=(n, d); 0 where one of them is 0.

    Examples
    --------
    >>> cosine(np.array([[1, 0], [3, 4]], "f"), np.array([[1, 1], [0, 0]], "f")).round(4)
    array([0.7071, 0.    ], dtype=float32)
    """
    u, v = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    products = (u * v).sum(axis=1)
    cosines: NDArray[np.float64] = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return cosines.astype(np.float32)


def best_threshold(scores: NDArray[np.float32], labels: NDArray[np.int8]) -> np.float32:
    """Return the threshold above which label 1 gets most labels right, as a number that scores can be compared with."""
    value = fit_threshold(scores.astype(np.float64), labels, rising=True).value
    threshold = np.float32(value)
    # Rounding to 32 bits may reach the next score above, which must stay above.
    return np.nextafter(threshold, np.float32(-np.inf)) if float(threshold) > value else threshold


def average_precision(scores: NDArray[np.float32], labels: NDArray[np.int8]) -> float | None:
    """Return the mean precision at each similar pair, in the order of the scores; None where no pair is similar."""
    return float(average_precision_score(labels, scores)) if labels.any() else None
