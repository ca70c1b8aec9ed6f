"""A linear probe: logistic regression on the embeddings of both sides, none of whose weights are trained.

Features `|u - v|` and `u * v` of the embeddings u and v, as SentEval takes them for pairs (Conneau A, Kiela D 2018,
LREC, arXiv:1803.05449): they do not change when the sides are swapped.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from bio_paws_eval.methods.embeddings import POOLING, Embedder, EmbeddingMethod, EmbeddingScorer, embed_sides
from bio_paws_eval.methods.interface import DevAnswers, Fitted, Fitting
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.stats.decisions import commoner_share

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the L2 penalty, of which the dev split chooses; of equally good ones, the strongest penalty."""

_STEPS = 1000


class Probe(EmbeddingMethod):
    """Train a logistic regression on embeddings."""

    @property
    def recipe(self) -> dict[str, Any]:
        """Pooling, features and penalties."""
        return {"pooling": POOLING, "features": "|u - v|, u * v, standardised", "inverse_penalties": list(PENALTIES)}

    def fit(self, fitting: Fitting) -> Fitted:
        """Fit a regression with each penalty on the train split, and keep that which is best on the dev split."""
        assert fitting.train is not None and fitting.dev is not None
        embedder = Embedder(fitting)
        (train, labels), (dev, dev_labels) = (_features_of(embedder, part) for part in (fitting.train, fitting.dev))
        if fitting.training.control == "shuffled-labels":
            rng = np.random.default_rng(fitting.training.seed)
            labels, dev_labels = rng.permutation(labels), rng.permutation(dev_labels)
        probes = [_probe(train, labels, penalty) for penalty in PENALTIES]
        answers = [DevAnswers((_margin(probe, dev) > 0) == dev_labels, dev_labels) for probe in probes]
        accuracies = [float(answer.correct.mean()) for answer in answers]
        best = int(np.argmax(accuracies))
        training = dataclasses.replace(
            fitting.training,
            dev_accuracies=(accuracies[best],),
            best_epoch=1,
            dev_pairs=len(dev_labels),
            dev_majority=commoner_share(dev_labels),
            fitted={"inverse_penalty": PENALTIES[best]},
        )

        def score(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
            margin = _margin(probes[best], features(first, second))
            return np.stack([np.zeros_like(margin), margin], axis=1)

        return EmbeddingScorer(embedder, training, score, answers[best])


def features(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the features of pairs of embeddings, each shape=(n, d): shape=(n, 2 d)."""
    return np.concatenate([np.abs(first - second), first * second], axis=1)


def _features_of(embedder: Embedder, pairs: Encoded) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    parts = [(features(first, second), batch.labels) for batch, first, second in embed_sides(embedder, pairs)]
    return np.concatenate([part for part, _ in parts]), np.concatenate([labels for _, labels in parts])


def _probe(train: NDArray[np.float32], labels: NDArray[np.int8], penalty: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=_STEPS)).fit(train, labels)


def _margin(probe: Pipeline, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-odds of label 1: shape=(n,)."""
    margin: NDArray[np.float64] = probe.decision_function(values)
    return margin.astype(np.float32)
