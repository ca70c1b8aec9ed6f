"""The sampled pairs that baselines are measured on, and smaller parts of them where an alignment is dear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.pairs import Pairs, Texts
from bio_paws.audit.sampling.folds import Design, Fold

ALIGNED_ROWS = 4_000
"""Pairs that are aligned or translated, at most: half of them to fit on, half of them to predict."""

_MATRIX_CELLS = 20_000_000_000  # of alignment matrices, at most: seconds


@dataclass(frozen=True)
class Sample:
    """The sampled pairs, read.

    Attributes
    ----------
    texts : Texts
        Their sentences, sequences in upper case.
    labels, clusters : ndarray, shape=(k,)
        Of the sample.
    folds : tuple of Fold
        Positions in the sample: those to fit on, and those to predict.
    """

    texts: Texts
    labels: NDArray[np.int8]
    clusters: NDArray[np.int64]
    folds: tuple[Fold, ...]

    def subsample(self, rows: int) -> Sample:
        """Return a part of the sample: of each fold's pairs as many as keep the total under so many rows."""
        if not self.folds or len(self.labels) <= rows:
            return self
        rng = np.random.default_rng(0)
        predicted_share = rows / 2 / sum(len(predicted) for _, predicted in self.folds)
        kept = np.zeros(len(self.labels), dtype=bool)
        for _, predicted in self.folds:
            kept[_drawn(predicted, predicted_share, rng)] = True
        fitted = np.unique(np.concatenate([fit for fit, _ in self.folds]))
        kept[_drawn(fitted, rows / 2 / len(fitted), rng)] = True
        places = np.flatnonzero(kept)
        new = np.cumsum(kept) - 1
        folds = tuple((new[fit[kept[fit]]], new[predict[kept[predict]]]) for fit, predict in self.folds)
        texts = Texts(
            self.texts.places[places],
            [self.texts.sentence1[i] for i in places],
            [self.texts.sentence2[i] for i in places],
            [self.texts.ids[i] for i in places],
        )
        return Sample(texts, self.labels[places], self.clusters[places], folds)


def _drawn(places: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return places if share >= 1 else rng.permutation(places)[: max(20, round(share * len(places)))]


def take_sample(pairs: Pairs, plan: Design) -> Sample:
    """Put the sampled pairs beside their labels and folds."""
    return Sample(plan.texts, pairs.labels[plan.sample], plan.clusters[plan.sample], plan.folds)


def affordable(texts: Texts, cells: int = _MATRIX_CELLS) -> int:
    """Return how many pairs may be aligned within so many cells of alignment matrices."""
    return affordable_texts(texts.sentence1, texts.sentence2, cells)


def affordable_texts(first: Sequence[str], second: Sequence[str], cells: int = _MATRIX_CELLS) -> int:
    """Return how many pairs of these sides may be aligned within so many cells of alignment matrices."""
    mean = np.mean([len(a) * len(b) for a, b in zip(first, second, strict=True)])
    return min(ALIGNED_ROWS, int(cells / max(1.0, float(mean))))
