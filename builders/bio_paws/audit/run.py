"""AUDIT, from top to bottom: data set -> columns -> numbers -> checks of all -> checks of a sample -> findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from bio_paws.audit.against import compare
from bio_paws.audit.catalog import BY_ID, SEVERITIES, Limits
from bio_paws.audit.checks.baselines import check_alignment, check_baselines, measure_alignment, measure_baselines
from bio_paws.audit.checks.features import check_containment, check_features, check_letters
from bio_paws.audit.checks.frames import check_frames
from bio_paws.audit.checks.labels import check_labels
from bio_paws.audit.checks.leakage import check_leaks
from bio_paws.audit.checks.positions import check_positions
from bio_paws.audit.checks.repeats import Numbered, check_degrees, check_pairs, number_sequences, sequence_counts
from bio_paws.audit.checks.shortcuts import Shortcut, measure_shortcuts
from bio_paws.audit.checks.similar import check_similar
from bio_paws.audit.findings import Example, Finding, Measurement, judge_again
from bio_paws.audit.pairs import Pairs, collect, fetch
from bio_paws.audit.sampling.folds import Design, design
from bio_paws.audit.sampling.sample import Sample, take_sample
from bio_paws.audit.tables.columns import Columns, find_columns
from bio_paws.audit.tables.dataset import DataSet
from bio_paws.audit.tables.request import Request
from bio_paws.execution.progress import report_stage
from bio_paws.execution.signals import number_of

_GUESSED = Request()
_SHOWN = 60  # letters of an example


@dataclass(frozen=True)
class Audit:
    """What an audit says of one data set.

    Attributes
    ----------
    name : str
        A file, or a config.
    interrupted : str or None
        The step that did not end; what is there was done before.
    ended_by : int or None
        Number of the signal that interrupted it.
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
    searches : tuple of str
        What was searched across splits, how, and with what result.
    measurements : tuple of Measurement
        Baselines and upper bounds.
    shortcuts : tuple of Shortcut
        What needs no biology, fitted on earlier splits as they are.
    findings : tuple of Finding
        The most severe first.
    """

    name: str
    interrupted: str | None
    ended_by: int | None
    columns: Columns
    notes: tuple[str, ...]
    rows: dict[str, int]
    label_names: tuple[str, str]
    labels: tuple[int, int]
    sequences: dict[str, dict[str, int]]
    how: str
    searches: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    shortcuts: tuple[Shortcut, ...]
    findings: tuple[Finding, ...]

    @property
    def severe(self) -> bool:
        """Whether any finding is."""
        return any(finding.severity == "severe" for finding in self.findings)


@dataclass
class _Results:
    """What the checks yield, step by step."""

    findings: list[Finding] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    shortcuts: tuple[Shortcut, ...] = ()
    how: str = "not measured"


def audit(data: DataSet, request: Request = _GUESSED, *, limits: Limits = BY_ID, against: str | None = None) -> Audit:
    """Audit one data set.

    Parameters
    ----------
    data : DataSet
        As `bio_paws.audit.tables.dataset.open_data` finds it.
    request : Request
        What the user says of the columns; the rest is guessed.
    limits : dict of str to Check
        The limits that findings are judged by.
    against : str, optional
        Another data set, or a FASTA file, that this one is compared with.

    Returns
    -------
    Audit
        When a signal ends the program after the data is read, what was done until then; `Audit.interrupted` says where.

    Raises
    ------
    BioPawsError
        When the data cannot be read, columns cannot be guessed, or the label has not two values.
    """
    with_sequences, columns = find_columns(data, request)
    pairs = collect(with_sequences, columns, request)
    numbered = number_sequences(pairs)
    results = _Results()
    interrupted, ended_by = None, None
    steps = _steps(pairs, numbered, results)
    if against is not None:
        steps["comparison"] = partial(_compare, data, request, against, results)
    for name, step in steps.items():
        report_stage(f"audit of {data.name}: {name}")
        try:
            step()
        except KeyboardInterrupt as error:
            interrupted, ended_by = name, number_of(error)
            break
    ones = int(pairs.labels.sum(dtype=np.int64))
    findings = sorted(
        (judge_again(finding, limits) for finding in results.findings),
        key=lambda finding: SEVERITIES.index(finding.severity),
    )
    return Audit(
        name=data.name,
        interrupted=interrupted,
        ended_by=ended_by,
        columns=columns,
        notes=pairs.data.notes,
        rows={split: int((pairs.part == part).sum()) for part, split in enumerate(pairs.splits)},
        label_names=pairs.label_names,
        labels=(len(pairs) - ones, ones),
        sequences=sequence_counts(pairs, numbered),
        how=results.how,
        searches=tuple(results.searches),
        measurements=tuple(results.measurements),
        shortcuts=results.shortcuts,
        findings=tuple(_with_examples(pairs, findings)),
    )


def _steps(pairs: Pairs, numbered: Numbered, results: _Results) -> dict[str, Callable[[], None]]:
    """Return the steps of an audit by name, the quick ones first; each adds to the results."""
    plans: list[Design] = []

    def count() -> None:
        for findings in (
            check_labels(pairs),
            check_pairs(pairs, numbered),
            check_degrees(pairs, numbered),
            check_letters(pairs),
            check_containment(pairs),
            check_leaks(pairs, numbered),
        ):
            results.findings += findings

    def plan() -> None:
        plans.append(design(pairs, numbered))
        results.how = plans[0].how
        results.findings += check_features(pairs, plans[0].clusters)

    def shortcuts() -> None:
        results.shortcuts = measure_shortcuts(pairs, numbered, plans[0].clusters)

    def baselines() -> None:
        measurements, findings = _baselines(pairs, take_sample(pairs, plans[0]))
        results.measurements += measurements
        results.findings += findings

    def searches() -> None:
        findings, search_notes = check_similar(pairs, numbered)
        results.findings += findings
        results.searches += search_notes

    return {
        "counts": count,
        "sample": plan,
        "baselines": baselines,
        "shortcuts": shortcuts,
        "similar sequences": searches,
    }


def _compare(data: DataSet, request: Request, against: str, results: _Results) -> None:
    findings, searches = compare(data, request, against)
    # Rows are those of both data sets together: none to show.
    results.findings += [replace(finding, rows=()) for finding in findings]
    results.searches += searches


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
    at_places, placed = check_positions(pairs, sample)
    measured_baselines = [*(measured for measured, _ in baselines.values()), *placed]
    return [*measured_baselines, *translated_or_aligned], [*findings, *at_places]


def _with_examples(pairs: Pairs, findings: list[Finding]) -> Iterator[Finding]:
    """Read the rows that findings point at."""
    places = np.array(sorted({row for finding in findings for row in finding.rows}), dtype=np.int64)
    texts = fetch(pairs, places)
    examples = {}
    rows = zip(places.tolist(), texts.sentence1, texts.sentence2, texts.ids, strict=True)
    for place, first, second, row_id in rows:
        split = pairs.splits[pairs.part[place]]
        label = pairs.label_names[pairs.labels[place]]
        examples[place] = Example(split, int(pairs.row[place]), row_id, _short(first), _short(second), label)
    for finding in findings:
        yield replace(finding, examples=tuple(examples[row] for row in finding.rows))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} letters)"
