"""How well the trivial baselines of `bio_paws.features.baselines` tell the label of a data set, fitted out of fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.catalog import REACHED
from bio_paws.audit.findings import Chart, Estimate, Finding, Measurement, finding
from bio_paws.audit.pairs import Pairs
from bio_paws.audit.sampling.intervals import auc_estimate, share_estimate
from bio_paws.audit.sampling.sample import Sample, affordable
from bio_paws.features.baselines import BASELINES, Content, Family, Fit, PairBatch, Role, get_baseline
from bio_paws.features.thresholds import equal_to_rounding, fit_threshold

_BINS = 40

_MEASURED: tuple[Family, ...] = ("one side", "k-mers", "edit")
"""What an audit compares with the local alignment: the baselines, but for lengths and composition, which have checks of
their own, and the edit similarity, an upper bound that needs no scores of residues."""

Scores = NDArray[np.float64]


def measure_baselines(sample: Sample) -> dict[str, tuple[Measurement, Scores | None]]:
    """Measure on a sample what is compared with the alignment: each side alone, the k-mers in common, the edits.

    Returns
    -------
    dict of str to (Measurement, ndarray or None)
        By name; beside each measurement the score of every pair, None for a classifier.
    """
    # The content decides nothing for these baselines.
    batch = PairBatch(sample.texts.sentence1, sample.texts.sentence2, "text")
    measured = {}
    for baseline in BASELINES:
        if baseline.family not in _MEASURED:
            continue
        scores = None if baseline.score is None else baseline.score(batch)
        if scores is None:
            measurement = measure_margins(
                baseline.name, baseline.role, partial(_margins, baseline.fit, batch, sample.labels), sample, None
            )
        else:
            measurement = measure_score(baseline.name, baseline.role, scores, sample)
        if measurement is not None:
            measured[baseline.name] = (measurement, scores)
    return measured


def _margins(
    fit: Fit, batch: PairBatch, labels: NDArray[np.int8], fitted: NDArray[np.int64], predicted: NDArray[np.int64]
) -> Scores:
    return fit(batch.take(fitted), labels[fitted]).margin(batch.take(predicted))


def measure_alignment(sample: Sample, molecule: Content) -> tuple[Measurement, Scores, Sample] | None:
    """Align the two sides of as many pairs as can be afforded, and measure the score.

    Returns
    -------
    tuple of Measurement, ndarray, Sample, or None
        The measurement, the score of each aligned pair, and the aligned pairs; None where no fold is of use.
    """
    aligned = sample.subsample(affordable(sample.texts))
    batch = PairBatch(aligned.texts.sentence1, aligned.texts.sentence2, molecule)
    scores = get_baseline("smith_waterman").scores(batch)
    measurement = measure_score("smith_waterman", "upper_bound", scores, aligned)
    return None if measurement is None else (measurement, scores, aligned)


def measure_score(name: str, role: Role, scores: Scores, sample: Sample) -> Measurement | None:
    """Fit direction and threshold of a score out of fold, and measure it; None where no fold is of use.

    Parameters
    ----------
    name, role : str
        Of the measurement.
    scores : ndarray, shape=(k,)
        One number per pair of the sample. The threshold that is reported is that of the whole sample.
    sample : Sample
        The pairs.
    """
    rounded = equal_to_rounding(scores)

    def margins(fitted: NDArray[np.int64], predicted: NDArray[np.int64]) -> Scores:
        cut = fit_threshold(rounded[fitted], sample.labels[fitted])
        return cut.direction * (rounded[predicted] - cut.value)

    return measure_margins(name, role, margins, sample, fit_threshold(rounded, sample.labels).value)


def measure_margins(
    name: str,
    role: Role,
    margins: Callable[[NDArray[np.int64], NDArray[np.int64]], Scores],
    sample: Sample,
    threshold: float | None,
) -> Measurement | None:
    """Measure margins out of fold; None where no fold is of use.

    Parameters
    ----------
    name, role : str
        Of the measurement.
    margins : callable
        Returns the margin of the pairs to predict, given those to fit on and those to predict, as places in the
        sample; label 1 is predicted above 0.
    sample : Sample
        The pairs.
    threshold : float or None
        What is reported as the cut.
    """
    if not sample.folds:
        return None
    predicted = np.concatenate([predict for _, predict in sample.folds])
    margin = np.concatenate([margins(fit, predict) for fit, predict in sample.folds])
    labels, clusters = sample.labels[predicted], sample.clusters[predicted]
    if len(np.unique(labels)) < 2:
        return None
    right = (margin > 0) == (labels == 1)
    area = auc_estimate(margin, labels, clusters)
    return Measurement(name, role, area, share_estimate(right, clusters), threshold, len(predicted))


def check_baselines(
    pairs: Pairs,
    sample: Sample,
    baselines: dict[str, tuple[Measurement, Scores | None]],
    upper_bound: Measurement | None,
) -> Iterator[Finding]:
    """Judge the baselines, against the upper bound where there is one."""
    for side in ("sentence1", "sentence2"):
        if side in baselines and (measured := baselines[side][0]).auc.value >= 0.6 and measured.auc.low > 0.55:
            yield finding(
                f"{side}_alone",
                measured.auc,
                f"a classifier that sees {side} only tells the label (accuracy {measured.accuracy})",
                chart=_bars({name: measurement for name, (measurement, _) in baselines.items()}, upper_bound),
            )
    families: dict[str, Family] = {"kmers": "k-mers", "edit": "edit"}
    for check, family in families.items():
        members = [entry.name for entry in BASELINES if entry.family == family and entry.name in baselines]
        if not members:
            continue
        best, scores = max((baselines[name] for name in members), key=lambda item: item[0].auc.value)
        top = upper_bound.auc.value if upper_bound else 1.0
        if best.auc.low > 0.6 and best.auc.value >= top - REACHED:
            against = f"as well as {upper_bound.name}, {upper_bound.auc.value:.3f}" if upper_bound else "nearly always"
            yield finding(
                check,
                best.auc,
                f"{best.name} tells the label {against} (accuracy {best.accuracy})",
                chart=None if scores is None else histogram(scores, sample.labels, best.name, pairs.label_names),
            )


def check_alignment(pairs: Pairs, aligned: Sample, measured: Measurement, scores: Scores) -> Iterator[Finding]:
    """Judge whether the alignment decides."""
    lost = 1 - measured.auc.value
    if lost >= 0.1:
        yield finding(
            "alignment",
            Estimate(lost, 1 - measured.auc.high, 1 - measured.auc.low),
            f"the alignment does not decide the label: AUC {measured.auc}",
            chart=histogram(scores, aligned.labels, "alignment score per residue", pairs.label_names),
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


def _bars(baselines: dict[str, Measurement], upper_bound: Measurement | None) -> Chart:
    measured = [*baselines.values(), *([upper_bound] if upper_bound else [])]
    areas = {measurement.name: measurement.auc.value for measurement in measured}
    return Chart("bars", "baseline", tuple(areas), {"AUC": tuple(areas.values())}, "AUC")
