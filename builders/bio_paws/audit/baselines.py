"""What baselines make of the pairs: floors that align nothing, and ceilings that align or read the sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.catalog import REACHED
from bio_paws.audit.findings import Chart, Estimate, Finding, Measurement, finding
from bio_paws.audit.folds import Design, Fold
from bio_paws.audit.intervals import auc_estimate, share_estimate
from bio_paws.audit.pairs import Pairs, Texts
from bio_paws.features.kmers import LONGEST_KMER, kmer_similarity
from bio_paws.features.pair_features import edit_similarities, one_sided_classifier
from bio_paws.features.thresholds import fit_threshold

ALIGNED_ROWS = 4_000
"""Pairs that are aligned or read, at most: half of them to fit on, half of them asked."""

_CELLS = 20_000_000_000  # of alignment matrices, at most: seconds
_DECIMALS = 12  # scores that differ by less do so by rounding only
_BINS = 40

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The sampled pairs, read.

    Attributes
    ----------
    texts : Texts
        Their strings, in upper case but for texts.
    labels, clusters : ndarray, shape=(k,)
        Of the sample.
    folds : tuple of Fold
        Places in the sample.
    """

    texts: Texts
    labels: NDArray[np.int8]
    clusters: NDArray[np.int64]
    folds: tuple[Fold, ...]

    def some(self, rows: int) -> Sample:
        """Return a part of the sample: of each fold's pairs as many as keep the whole under so many rows."""
        if not self.folds or len(self.labels) <= rows:
            return self
        rng = np.random.default_rng(0)
        asked_share = rows / 2 / sum(len(asked) for _, asked in self.folds)
        kept = np.zeros(len(self.labels), dtype=bool)
        for _, asked in self.folds:
            kept[_drawn(asked, asked_share, rng)] = True
        fitted = np.unique(np.concatenate([one for one, _ in self.folds]))
        kept[_drawn(fitted, rows / 2 / len(fitted), rng)] = True
        places = np.flatnonzero(kept)
        new = np.cumsum(kept) - 1
        folds = tuple((new[fit[kept[fit]]], new[ask[kept[ask]]]) for fit, ask in self.folds)
        texts = Texts(
            self.texts.places[places],
            [self.texts.sentence1[i] for i in places],
            [self.texts.sentence2[i] for i in places],
            [self.texts.ids[i] for i in places],
        )
        return Sample(texts, self.labels[places], self.clusters[places], folds)


def _drawn(places: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return places if share >= 1 else rng.permutation(places)[: max(20, round(share * len(places)))]


def take_sample(pairs: Pairs, texts: Texts, design: Design) -> Sample:
    """Put the sampled strings beside their labels and folds."""
    if pairs.columns.kinds[0] != "text":
        first, second = ([text.upper() for text in side] for side in (texts.sentence1, texts.sentence2))
        texts = Texts(texts.places, first, second, texts.ids)
    return Sample(texts, pairs.labels[design.sample], design.clusters[design.sample], design.folds)


def measure_score(name: str, kind: Literal["floor", "ceiling"], scores: Scores, sample: Sample) -> Measurement | None:
    """Fit direction and threshold of a score out of fold, and measure it; None where no fold is of use.

    Parameters
    ----------
    scores : ndarray, shape=(k,)
        One number a pair of the sample. The threshold that is told is that of the whole sample.
    """
    rounded = np.round(scores, _DECIMALS)

    def margins(fitted: NDArray[np.int64], asked: NDArray[np.int64]) -> Scores:
        cut = fit_threshold(rounded[fitted], sample.labels[fitted])
        return cut.direction * (rounded[asked] - cut.value)

    return _measure(name, kind, margins, sample, fit_threshold(rounded, sample.labels).value)


def measure_one_side(name: str, texts: list[str], sample: Sample) -> Measurement | None:
    """Fit a classifier on one side alone out of fold, and measure it."""

    def margins(fitted: NDArray[np.int64], asked: NDArray[np.int64]) -> Scores:
        try:
            classifier = one_sided_classifier().fit([texts[i] for i in fitted], sample.labels[fitted])
        except ValueError:
            return np.zeros(len(asked))  # no string has three letters
        found: Scores = classifier.decision_function([texts[i] for i in asked])
        return found

    return _measure(name, "floor", margins, sample, None)


def _measure(
    name: str,
    kind: Literal["floor", "ceiling"],
    margins: Callable[[NDArray[np.int64], NDArray[np.int64]], Scores],
    sample: Sample,
    threshold: float | None,
) -> Measurement | None:
    if not sample.folds:
        return None
    asked = np.concatenate([ask for _, ask in sample.folds])
    margin = np.concatenate([margins(fit, ask) for fit, ask in sample.folds])
    labels, clusters = sample.labels[asked], sample.clusters[asked]
    if len(np.unique(labels)) < 2:
        return None
    right = (margin > 0) == (labels == 1)
    area = auc_estimate(margin, labels, clusters)
    return Measurement(name, kind, area, share_estimate(right, clusters), threshold, len(asked))


def measure_baselines(sample: Sample) -> dict[str, tuple[Measurement, Scores | None]]:
    """Measure what aligns nothing: each side alone, the k-mers in common, the edits; with the scores of each pair."""
    first, second = sample.texts.sentence1, sample.texts.sentence2
    found: dict[str, tuple[Measurement | None, Scores | None]] = {
        "sentence1": (measure_one_side("sentence1", first, sample), None),
        "sentence2": (measure_one_side("sentence2", second, sample), None),
    }
    kmers = kmer_similarity(first, second, LONGEST_KMER)
    scores = {f"jaccard{k}": kmers.jaccard[k - 1] for k in range(1, LONGEST_KMER + 1)}
    scores |= {f"cosine{k}": kmers.cosine[k - 1] for k in range(1, LONGEST_KMER + 1)}
    scores["edit"] = edit_similarities(first, second)
    found |= {name: (measure_score(name, "floor", one, sample), one) for name, one in scores.items()}
    return {name: (measured, one) for name, (measured, one) in found.items() if measured is not None}


def affordable(texts: Texts, cells: int = _CELLS) -> int:
    """Return how many pairs may be aligned within so many cells of a matrix."""
    mean = np.mean([len(a) * len(b) for a, b in zip(texts.sentence1, texts.sentence2, strict=True)])
    return min(ALIGNED_ROWS, int(cells / max(1.0, float(mean))))


def check_floors(
    pairs: Pairs, sample: Sample, floors: dict[str, tuple[Measurement, Scores | None]], ceiling: Measurement | None
) -> Iterator[Finding]:
    """Judge the floors, against the ceiling where there is one."""
    for side in (1, 2):
        if (one := floors.get(f"sentence{side}")) and one[0].auc.value >= 0.6 and one[0].auc.low > 0.55:
            yield finding(
                f"sentence{side}_alone",
                one[0].auc,
                f"a classifier that sees sentence{side} only tells the label (accuracy {one[0].accuracy})",
                chart=_bars({name: measured for name, (measured, _) in floors.items()}, ceiling),
            )
    families: dict[str, Callable[[str], bool]] = {
        "kmers": lambda name: name.startswith(("jaccard", "cosine")),
        "edit": lambda name: name == "edit",
    }
    for check, belongs in families.items():
        found = [(measured, scores) for name, (measured, scores) in floors.items() if belongs(name)]
        if not found:
            continue
        best, scores = max(found, key=lambda one: one[0].auc.value)
        top = ceiling.auc.value if ceiling else 1.0
        if best.auc.low > 0.6 and best.auc.value >= top - REACHED:
            against = f"as well as {ceiling.name}, {ceiling.auc.value:.3f}" if ceiling else "nearly always"
            yield finding(
                check,
                best.auc,
                f"{best.name} tells the label {against} (accuracy {best.accuracy})",
                chart=None if scores is None else histogram(scores, sample.labels, best.name, pairs.label_names),
            )


def check_alignment(pairs: Pairs, sample: Sample, measured: Measurement, scores: Scores) -> Iterator[Finding]:
    """Judge whether the alignment decides."""
    lost = 1 - measured.auc.value
    if lost >= 0.1:
        yield finding(
            "alignment",
            Estimate(lost, 1 - measured.auc.high, 1 - measured.auc.low),
            f"the alignment does not decide the label: AUC {measured.auc}",
            chart=histogram(scores, sample.labels, "alignment score a letter", pairs.label_names),
        )


def histogram(scores: Scores, labels: NDArray[Any], x: str, names: tuple[str, str]) -> Chart:
    """Return the distribution of a score by label."""
    low, high = float(scores.min()), float(scores.max())
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    series = {}
    for label, name in enumerate(names):
        own = scores[labels == label]
        series[f"label {name}"] = tuple((np.histogram(own, edges)[0] / max(1, len(own))).tolist())
    return Chart("steps", x, tuple(edges.tolist()), series)


def _bars(floors: dict[str, Measurement], ceiling: Measurement | None) -> Chart:
    shown = {name: one.auc.value for name, one in floors.items()} | (
        {ceiling.name: ceiling.auc.value} if ceiling else {}
    )
    return Chart("bars", "baseline", tuple(shown), {"AUC": tuple(shown.values())}, "AUC")
