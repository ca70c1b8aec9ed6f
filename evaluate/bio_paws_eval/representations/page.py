"""The output of a comparison of representations: HTML page, JSON, Parquet files and figures."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic, write_json
from bio_paws_eval.layout.pages import render_page
from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.representations.distances import METRICS, SCALE_FREE
from bio_paws_eval.representations.results import RESULTS_FILE, Change, Comparison, Distance

PAPER = (("the paper, before", "50.09"), ("the paper, after", "29.79"))
"""Mean distance from a DNA token to the nearest English word that the paper reports, before and after fine-tuning."""

_NAMES = {"dna": "DNA", "english": "English", "protein": "protein"}


def write_comparison(out: Path, comparison: Comparison, tables: dict[str, pa.Table]) -> tuple[Path, ...]:
    """Write the page, the figures and the tables of a comparison, and the JSON last.

    Parameters
    ----------
    out : Path
        Folder for ``vectors.html``, ``vectors.json``, ``<table>.parquet`` and ``figures``.
    comparison : Comparison
        The measurements.
    tables : dict of str to pyarrow.Table
        ``distances`` and ``projections``: a row for each model and item.

    Returns
    -------
    tuple of Path
        The page, the JSON and the Parquet files.
    """
    try:
        from bio_paws_eval.representations.figures import draw_comparison
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    drawings = draw_comparison(comparison, tables["projections"])
    contents = {f"figures/{drawing.name}.svg": drawing.svg.encode() for drawing in drawings}
    contents |= {f"figures/{drawing.name}.png": drawing.png for drawing in drawings}
    main_table, *further_tables = comparison_tables(comparison)
    page = render_page(
        "vectors.html.j2",
        drawings,
        main_table=main_table,
        explanations=explain_changes(comparison),
        further_tables=further_tables,
        notes=comparison.notes,
    )
    contents["vectors.html"] = page.encode()
    for name, content in contents.items():
        with atomic(out / name) as part:
            part.write_bytes(content)
    for name, table in tables.items():
        with atomic(out / f"{name}.parquet") as part:
            pq.write_table(table, part, compression="zstd")
    write_json(out / RESULTS_FILE, dataclasses.asdict(comparison))
    return tuple(out / name for name in ("vectors.html", RESULTS_FILE, *(f"{name}.parquet" for name in tables)))


def explain_changes(comparison: Comparison) -> list[str]:
    """Return a sentence on each change of the distance from DNA to English: how much of it is a change of scale."""
    sentences = []
    for euclidean in comparison.changes:
        if (euclidean.metric, euclidean.source, euclidean.target) != ("euclidean", "dna", "english"):
            continue
        key = (euclidean.first, euclidean.second, euclidean.source, euclidean.target, "scaled")
        scaled = next(
            change
            for change in comparison.changes
            if (change.first, change.second, change.source, change.target, change.metric) == key
        )
        if scaled.null is None or scaled.corrected is None:
            raise ValueError("a scaled distance must have a test")
        sentences.append(
            f"From {euclidean.first} to {euclidean.second} the distance from DNA to the nearest English word changed "
            f"by a factor of {euclidean.after / euclidean.before:.3g} ({euclidean.before:.4g} to "
            f"{euclidean.after:.4g}). The scale of the space changed by a factor of {euclidean.radius_ratio:.3g}; the "
            f"remaining factor of {scaled.after / scaled.before:.3g} is not explained by scale ({_p(scaled.null.p)}, "
            f"corrected {_p(scaled.corrected)})."
        )
    return sentences


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Return the tables of the page; the first is the paper's distance, with and without scale."""
    return [
        _main_table(comparison),
        _changes(comparison),
        _distances(comparison),
        _separation_tests(comparison),
        _vocabulary(comparison),
        _alignments(comparison),
    ]


def _main_table(comparison: Comparison) -> Table:
    paper: list[Row] = [(name, value, *("-",) * (1 + len(SCALE_FREE))) for name, value in PAPER]
    rows: list[Row] = []
    for compared in comparison.models:
        euclidean, *scale_free = (
            _with_interval(comparison.distance(compared.label, metric, "dna", "english")) for metric in METRICS
        )
        rows.append((f"{compared.label}  {compared.model.id}", euclidean, f"{compared.radius:.4g}", *scale_free))
    return Table(
        "dna-english",
        "Distance from a DNA token to the nearest English word",
        text_frame(("model", "Euclidean, own units", "radius of the space", *SCALE_FREE), (paper, rows)),
        note="Mean over the DNA tokens and its 95% interval. The first column is the paper's metric. The radius is the "
        "root mean square distance of all items to their centre. The remaining columns do not change when the entire "
        "space is scaled.",
    )


def _changes(comparison: Comparison) -> Table:
    groups = [
        tuple(_change_row(change) for change in changes)
        for _, changes in itertools.groupby(comparison.changes, key=lambda change: (change.first, change.second))
    ]
    columns = ("models", "from", "to", "metric", "before", "after", "ratio", "p", "p corrected")
    return Table(
        "changes",
        "Changes of distances between models",
        text_frame(columns, groups),
        labels=4,
        note="Two-sided p-values of a sign-flip test of the difference per item, corrected for all rows (Holm). The "
        "test treats the items as independent.",
    )


def _change_row(change: Change) -> Row:
    tested = (_p(change.null.p), _p(change.corrected)) if change.null and change.corrected is not None else ("-", "-")
    ratio = f"{change.after / change.before:.3g}" if change.before else "-"
    names = (f"{change.first} to {change.second}", _NAMES[change.source], _NAMES[change.target], change.metric)
    return (*names, f"{change.before:.4g}", f"{change.after:.4g}", ratio, *tested)


def _distances(comparison: Comparison) -> Table:
    groups = []
    for compared in comparison.models:
        label = compared.label
        group_pairs = dict.fromkeys((row.source, row.target) for row in comparison.distances if row.label == label)
        groups.append(
            tuple(
                (
                    label,
                    _NAMES[source],
                    _NAMES[target],
                    *(_with_interval(comparison.distance(label, metric, source, target)) for metric in METRICS),
                )
                for source, target in group_pairs
            )
        )
    return Table(
        "distances",
        "Mean distance to the nearest item, within and between groups",
        text_frame(("model", "from", "to", *METRICS), groups),
        labels=3,
        note="The distance to the nearest item falls with the size of the target group: compare models, and groups of "
        "similar size.",
    )


def _separation_tests(comparison: Comparison) -> Table:
    groups = []
    for compared in comparison.models:
        rows = []
        for distance in comparison.distances:
            if distance.label == compared.label and distance.null:
                test = distance.null
                ratio = f"{test.observed / test.mean:.3g}" if test.mean else "-"
                interval = f"{test.mean:.4g} [{test.low:.4g}, {test.high:.4g}]"
                names = (distance.label, _NAMES[distance.source], _NAMES[distance.target], distance.metric)
                rows.append((*names, f"{test.observed:.4g}", interval, ratio, _p(test.p)))
        groups.append(tuple(rows))
    return Table(
        "nulls",
        "Are the groups separated?",
        text_frame(("model", "from", "to", "metric", "observed", "permuted", "ratio", "p"), groups),
        labels=4,
        note="Mean nearest distance in a sample of both groups, and the same with the items assigned to the groups at "
        "random. A ratio of 1 means that the groups are mixed.",
    )


def _vocabulary(comparison: Comparison) -> Table:
    rows = [
        (_NAMES[name], f"{size:,}", "; ".join(f"{n:,} {why}" for why, n in comparison.left_out[name].items()) or "-")
        for name, size in comparison.words.items()
    ]
    return Table(
        "words",
        "Vocabulary",
        text_frame(("group", "items", "candidates excluded"), [rows]),
        note="DNA and protein items are the most frequent tokens of two or more characters into which the tokenizer of "
        "the first model cuts the train splits of dna150 and protein150. English items are a random sample of the "
        "words that two dictionaries share.",
    )


def _alignments(comparison: Comparison) -> Table:
    groups = [
        tuple(
            (
                row.first if row.first == row.second else f"{row.first} with {row.second}",
                row.task,
                str(row.layer),
                str(row.pairs),
                f"{row.cka:.3f}",
                f"{row.debiased.observed:.3f}",
                f"[{row.debiased.low:.3f}, {row.debiased.high:.3f}]",
                _p(row.debiased.p),
            )
            for row in rows
        )
        for _, rows in itertools.groupby(comparison.alignments, key=lambda row: (row.first, row.second, row.task))
    ]
    return Table(
        "cka",
        "Linear CKA by layer",
        text_frame(("models", "pairs of", "layer", "pairs", "CKA", "debiased", "permuted", "p"), groups),
        labels=2,
        note="One model: between the two sides of similar test pairs. Two models: between their representations of the "
        "first sides.",
    )


def _with_interval(distance: Distance) -> str:
    return f"{distance.value:.4g}\n[{distance.low:.4g}, {distance.high:.4g}]"


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"
