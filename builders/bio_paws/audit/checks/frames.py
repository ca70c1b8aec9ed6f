"""Pairs of DNA and protein: whether a translation decides the label, and where the coding sequence starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws.align.karlin_altschul import evalue
from bio_paws.align.smith_waterman import align_scores, local_start, reverse_complement
from bio_paws.align.translation import translations
from bio_paws.audit.catalog import REACHED
from bio_paws.audit.checks.baselines import Scores, histogram, measure_score
from bio_paws.audit.findings import Chart, Estimate, Finding, Measurement, finding
from bio_paws.audit.pairs import Pairs
from bio_paws.audit.sampling.sample import Sample, affordable
from bio_paws.features.baselines import PairBatch, get_baseline

_SPLICED_CELLS = 400_000_000  # bases times residues that are read with introns left out, at most: seconds
_FEWEST = 200  # pairs that a spliced reading is worth reporting for
_MAX_EVALUE = 0.01  # of a reading that is no chance
_BINS = 30


@dataclass(frozen=True)
class Readings:
    """How DNA reads as protein, pair by pair.

    Attributes
    ----------
    six_frame, frame0 : ndarray, shape=(k,)
        Best local alignment score of the protein with any of the six frames, and with the first one, a residue of the
        protein.
    starts : ndarray, shape=(k,)
        Where the protein's first residue would lie on the strand that is read, bases from its start; nan where no
        frame reads well.
    """

    six_frame: Scores
    frame0: Scores
    starts: Scores


def read_frames(dna: list[str], proteins: list[str]) -> Readings:
    """Translate DNA in six frames and align the protein with each."""
    frames = [[*translations(text), *translations(reverse_complement(text))] for text in dna]
    pairs = [(protein, frame) for protein, six in zip(proteins, frames, strict=True) for frame in six if frame]
    aligned = iter(align_scores(pairs, "protein"))
    scores = [[next(aligned) if frame else 0 for frame in six] for six in frames]
    rows = [_read(*row) for row in zip(map(len, dna), proteins, frames, scores, strict=True)]
    columns = np.array(rows, dtype=np.float64).T
    return Readings(*columns)


def _read(bases: int, protein: str, frames: list[str], scores: list[int]) -> tuple[float, float, float]:
    best = int(np.argmax(scores))
    start = float("nan")
    if scores[best] and evalue(scores[best], len(protein), 2 * bases, "protein") < _MAX_EVALUE:
        in_protein, in_frame = local_start(protein, frames[best], "protein")
        start = best % 3 + 3.0 * (in_frame - in_protein)
    return scores[best] / len(protein), scores[0] / len(protein), start


def check_frames(pairs: Pairs, sample: Sample) -> tuple[list[Finding], list[Measurement]]:
    """Check what translations make of the pairs; returns the findings, and ``frame0`` before the upper bounds."""
    translated = sample.subsample(affordable(sample.texts))
    batch = _dna_first(pairs, translated)
    readings = read_frames(batch.sentence1, batch.sentence2)
    six = measure_score("six_frame", "upper_bound", readings.six_frame, translated)
    frame0 = measure_score("frame0", "baseline", readings.frame0, translated)
    if six is None or frame0 is None:
        return [], []
    measured = [six]
    drawn = histogram(readings.six_frame, translated.labels, "best of six frames, score per residue", pairs.label_names)
    fewer = affordable(sample.texts, _SPLICED_CELLS)
    if fewer >= _FEWEST:
        smallest = translated.subsample(fewer)
        identities = get_baseline("spliced").scores(_dna_first(pairs, smallest))
        if (spliced := measure_score("spliced", "upper_bound", identities, smallest)) is not None:
            measured.append(spliced)
    findings = [*_decides(max(measured, key=lambda measurement: measurement.auc.value), drawn)]
    best = max(measurement.auc.value for measurement in measured)
    if frame0.auc.low > 0.6 and frame0.auc.value >= best - REACHED:
        chart = histogram(readings.frame0, translated.labels, "first frame, score per residue", pairs.label_names)
        findings.append(
            finding(
                "frame0",
                frame0.auc,
                f"translation from the first base on decides the label (accuracy {frame0.accuracy})",
                chart=chart,
            )
        )
    findings += _starts(pairs, readings.starts[translated.labels == 1])
    return findings, [frame0, *measured]


def _dna_first(pairs: Pairs, sample: Sample) -> PairBatch:
    sides = sample.texts.sentence1, sample.texts.sentence2
    dna, protein = sides if pairs.columns.kinds[0] == "dna" else sides[::-1]
    return PairBatch(dna, protein, "dna_protein")


def _decides(best: Measurement, drawn: Chart) -> Iterator[Finding]:
    lost = 1 - best.auc.value
    if lost >= 0.05:
        yield finding(
            "translation",
            Estimate(lost, 1 - best.auc.high, 1 - best.auc.low),
            f"no translation decides the label: the best, {best.name}, has AUC {best.auc} and at its best threshold "
            f"accuracy {best.accuracy}",
            chart=drawn,
        )


def _starts(pairs: Pairs, starts: NDArray[np.float64]) -> Iterator[Finding]:
    """Say where the coding sequence starts, where that is anything but the first base."""
    read = starts[~np.isnan(starts)]
    part = len(read) / max(1, len(starts))
    if not len(read):
        return
    low, middle, high = np.percentile(read, (5, 50, 95))
    places, counts = np.unique(read, return_counts=True)
    usual, share = float(places[np.argmax(counts)]), float(counts.max() / len(read))
    # Nothing to tell where nearly all are read, here and there.
    if part >= 0.9 and share < 0.5:
        return
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    drawn = np.histogram(np.clip(read, edges[0], edges[-1]), edges)[0] / len(read)
    yield finding(
        "coding_start",
        Estimate.sampled(len(read), len(starts)),
        f"label {pairs.label_names[1]!r}: a coding sequence is found in {part:.0%} of {len(starts):,} pairs; it "
        f"starts at base {usual:,.0f}, counted from 0, in {share:.0%} of these (median {middle:,.0f}, "
        f"90% within {low:,.0f} to {high:,.0f})",
        numbers={"found": len(read), "usual": usual, "usual_share": share, "median": float(middle)},
        chart=Chart(
            "steps", "start of the coding sequence, base", tuple(edges.tolist()), {"found": tuple(drawn.tolist())}
        ),
    )
