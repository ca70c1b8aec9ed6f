"""AUDIT, from top to bottom: data set -> columns -> numbers -> checks of all -> checks of a sample -> findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bio_paws.audit.catalog import SEVERITIES
from bio_paws.audit.checks.baselines import check_alignment, check_baselines, measure_alignment, measure_baselines
from bio_paws.audit.checks.features import check_containment, check_features, check_letters
from bio_paws.audit.checks.frames import check_frames
from bio_paws.audit.checks.labels import check_labels
from bio_paws.audit.checks.leakage import check_leaks
from bio_paws.audit.checks.repeats import check_degrees, check_pairs, number_sequences, sequence_counts
from bio_paws.audit.findings import Example, Finding, Measurement
from bio_paws.audit.pairs import Pairs, collect, fetch
from bio_paws.audit.sampling.folds import design
from bio_paws.audit.sampling.sample import Sample, take_sample
from bio_paws.audit.tables.columns import Columns, find_columns
from bio_paws.audit.tables.dataset import DataSet
from bio_paws.audit.tables.request import Request

_GUESSED = Request()
_SHOWN = 60  # letters of an example


@dataclass(frozen=True)
class Audit:
    """What an audit says of one data set.

    Attributes
    ----------
    name : str
        A file, or a config.
    columns : Columns
        What was audited.
    notes : tuple of str
        What was guessed about the files, in words.
    rows : dict of str to int
        Pairs by split.
    label_names : tuple of str
        What labels 0 and 1 are called.
    labels : tuple of int
        Pairs with each.
    sequences : dict
        For each side, counts of sequences.
    how : str
        How baselines were fitted and measured.
    measurements : tuple of Measurement
        Baselines and upper bounds.
    findings : tuple of Finding
        The most severe first.
    """

    name: str
    columns: Columns
    notes: tuple[str, ...]
    rows: dict[str, int]
    label_names: tuple[str, str]
    labels: tuple[int, int]
    sequences: dict[str, dict[str, int]]
    how: str
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]

    @property
    def severe(self) -> bool:
        """Whether any finding is."""
        return any(one.severity == "severe" for one in self.findings)


def audit(data: DataSet, request: Request = _GUESSED) -> Audit:
    """Audit one data set.

    Parameters
    ----------
    data : DataSet
        As `reading.open_data` finds it.
    request : Request
        What the user says of the columns; the rest is guessed.

    Raises
    ------
    BioPawsError
        When the data cannot be read, columns cannot be guessed, or the label has not two values.
    """
    data, columns = find_columns(data, request)
    pairs = collect(data, columns, request)
    numbered = number_sequences(pairs)
    plan = design(pairs, numbered)
    findings = [
        *check_labels(pairs),
        *check_pairs(pairs, numbered),
        *check_degrees(pairs, numbered),
        *check_letters(pairs),
        *check_containment(pairs),
        *check_features(pairs, plan.clusters),
    ]
    sample = take_sample(pairs, fetch(pairs, plan.sample), plan)
    measurements, more = _baselines(pairs, sample)
    findings += [*more, *check_leaks(pairs, numbered)]
    ones = int(pairs.labels.sum(dtype=np.int64))
    return Audit(
        data.name,
        columns,
        data.notes,
        {split: int((pairs.part == part).sum()) for part, split in enumerate(pairs.splits)},
        pairs.label_names,
        (len(pairs) - ones, ones),
        sequence_counts(pairs, numbered),
        plan.how,
        tuple(measurements),
        tuple(_with_examples(pairs, sorted(findings, key=lambda one: SEVERITIES.index(one.severity)))),
    )


def _baselines(pairs: Pairs, sample: Sample) -> tuple[list[Measurement], list[Finding]]:
    """Measure baselines and upper bounds, and judge them."""
    baselines = measure_baselines(sample)
    findings: list[Finding] = []
    translated_or_aligned: list[Measurement] = []
    first, second = pairs.columns.alphabets
    if {first.kind, second.kind} == {"dna", "protein"}:
        findings, translated_or_aligned = check_frames(pairs, sample)
    elif first.aligned_as is not None and first.aligned_as == second.aligned_as:
        alignment = measure_alignment(sample, first.aligned_as)
        if alignment is not None:
            measured, scores, aligned = alignment
            translated_or_aligned = [measured]
            findings = [*check_alignment(pairs, aligned, measured, scores)]
    upper_bounds = [measured for measured in translated_or_aligned if measured.role == "upper_bound"]
    best = max(upper_bounds, key=lambda measured: measured.auc.value, default=None)
    findings += check_baselines(pairs, sample, baselines, best)
    return [*(measured for measured, _ in baselines.values()), *translated_or_aligned], findings


def _with_examples(pairs: Pairs, findings: list[Finding]) -> Iterator[Finding]:
    """Read the rows that findings point at."""
    places = np.array(sorted({row for one in findings for row in one.rows}), dtype=np.int64)
    texts = fetch(pairs, places)
    examples = {}
    rows = zip(places.tolist(), texts.sentence1, texts.sentence2, texts.ids, strict=True)
    for place, first, second, row_id in rows:
        split = pairs.splits[pairs.part[place]]
        label = pairs.label_names[pairs.labels[place]]
        examples[place] = Example(split, int(pairs.row[place]), row_id, _short(first), _short(second), label)
    for one in findings:
        yield replace(one, examples=tuple(examples[row] for row in one.rows))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} letters)"
