"""The page, the JSON, the Parquet files and the figures of a comparison of vectors."""

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
from bio_paws_eval.representations.results import Change, Comparison, Distance

PAPER = (("the paper, before", "50.09"), ("the paper, after", "29.79"))
"""Mean distance of a word of DNA to the nearest English word that the paper reports, before and after fine-tuning."""

JSON = "vectors.json"
"""The numbers, written last: where it stands, all does."""

_NAMES = {"dna": "DNA", "english": "English", "protein": "protein"}


def write_all(out: Path, comparison: Comparison, tables: dict[str, pa.Table]) -> tuple[Path, ...]:
    """Write everything, the JSON last.

    Parameters
    ----------
    out : Path
        Folder for ``vectors.html``, ``vectors.json``, ``<table>.parquet`` and ``figures``.
    comparison : Comparison
        The numbers.
    tables : dict of str to pyarrow.Table
        ``distances`` and ``projections``: a row for each model and word.
    """
    try:
        from bio_paws_eval.representations.figures import draw_all
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    drawings = draw_all(comparison, tables["projections"])
    contents = {f"figures/{one.name}.svg": one.svg.encode() for one in drawings}
    contents |= {f"figures/{one.name}.png": one.png for one in drawings}
    main, *others = all_tables(comparison)
    page = render_page(
        "vectors.html.j2",
        drawings,
        main=main,
        told=told(comparison),
        others=others,
        notes=comparison.notes,
    )
    contents["vectors.html"] = page.encode()
    for name, content in contents.items():
        with atomic(out / name) as part:
            part.write_bytes(content)
    for name, table in tables.items():
        with atomic(out / f"{name}.parquet") as part:
            pq.write_table(table, part, compression="zstd")
    write_json(out / JSON, dataclasses.asdict(comparison))
    return tuple(out / name for name in ("vectors.html", JSON, *(f"{name}.parquet" for name in tables)))


def told(comparison: Comparison) -> list[str]:
    """Say in words what became of the distance from DNA to English: what shrank, and what moved."""
    lines = []
    for raw in comparison.changes:
        if (raw.metric, raw.source, raw.target) != ("euclidean", "dna", "english"):
            continue
        scaled = next(
            one
            for one in comparison.changes
            if (one.first, one.second, one.source, one.target) == (raw.first, raw.second, raw.source, raw.target)
            and one.metric == "scaled"
        )
        if scaled.null is None or scaled.corrected is None:
            raise ValueError("a scaled distance has a null")
        lines.append(
            f"From {raw.first} to {raw.second} the distance from DNA to the nearest English word changed by a factor "
            f"of {raw.after / raw.before:.3g} ({raw.before:.4g} to {raw.after:.4g}). The whole space changed its size "
            f"by {raw.radius_ratio:.3g}; the rest, a factor of {scaled.after / scaled.before:.3g}, is "
            f"not explained by that ({_p(scaled.null.p)}, corrected {_p(scaled.corrected)})."
        )
    return lines


def all_tables(comparison: Comparison) -> list[Table]:
    """Return the tables of the page; the first is the paper's distance, with and without scale."""
    return [
        _headline(comparison),
        _changes(comparison),
        _all_distances(comparison),
        _nulls(comparison),
        _words(comparison),
        _alignments(comparison),
    ]


def _headline(comparison: Comparison) -> Table:
    paper: list[Row] = [(name, value, *("-",) * (1 + len(SCALE_FREE))) for name, value in PAPER]
    rows: list[Row] = []
    for one in comparison.models:
        raw, *others = (_value(comparison.distance(one.label, metric, "dna", "english")) for metric in METRICS)
        rows.append((f"{one.label}  {one.model.id}", raw, f"{one.radius:.4g}", *others))
    return Table(
        "dna-english",
        "From a word of DNA to the nearest English word",
        text_frame(("model", "Euclidean, own units", "radius of the space", *SCALE_FREE), (paper, rows)),
        note="Mean over the words of DNA and its 95% interval. The first column is the paper's; the radius is the root "
        "mean square distance of all words to their centre. The others do not change when the whole space is shrunk.",
    )


def _changes(comparison: Comparison) -> Table:
    groups = [
        tuple(_change_row(one) for one in found)
        for _, found in itertools.groupby(comparison.changes, key=lambda one: (one.first, one.second))
    ]
    columns = ("models", "from", "to", "metric", "before", "after", "times", "p", "p corrected")
    return Table(
        "changes",
        "Changes of distances between models",
        text_frame(columns, groups),
        labels=4,
        note="Two-sided p from random signs of each word's difference; corrected for all of them (Holm). It takes "
        "words as independent of each other.",
    )


def _change_row(one: Change) -> Row:
    tested = (_p(one.null.p), _p(one.corrected)) if one.null and one.corrected is not None else ("-", "-")
    times = f"{one.after / one.before:.3g}" if one.before else "-"
    names = (f"{one.first} to {one.second}", _NAMES[one.source], _NAMES[one.target], one.metric)
    return (*names, f"{one.before:.4g}", f"{one.after:.4g}", times, *tested)


def _all_distances(comparison: Comparison) -> Table:
    groups = []
    for model in comparison.models:
        found = {(one.source, one.target): one for one in comparison.distances if one.label == model.label}
        groups.append(
            tuple(
                (
                    model.label,
                    _NAMES[source],
                    _NAMES[target],
                    *(_value(comparison.distance(model.label, metric, source, target)) for metric in METRICS),
                )
                for source, target in found
            )
        )
    return Table(
        "distances",
        "Mean distance to the nearest word, within and between groups",
        text_frame(("model", "from", "to", *METRICS), groups),
        labels=3,
        note="The more words a group has, the nearer its nearest: compare models, and groups of like size.",
    )


def _nulls(comparison: Comparison) -> Table:
    groups = []
    for model in comparison.models:
        rows = []
        for one in comparison.distances:
            if one.label == model.label and one.null:
                times = f"{one.null.observed / one.null.mean:.3g}" if one.null.mean else "-"
                interval = f"{one.null.mean:.4g} [{one.null.low:.4g}, {one.null.high:.4g}]"
                names = (one.label, _NAMES[one.source], _NAMES[one.target], one.metric)
                rows.append((*names, f"{one.null.observed:.4g}", interval, times, _p(one.null.p)))
        groups.append(tuple(rows))
    return Table(
        "nulls",
        "Do the groups lie apart?",
        text_frame(("model", "from", "to", "metric", "found", "permuted", "times", "p"), groups),
        labels=4,
        note="A sample of both groups, beside the same words with their groups at random: a ratio of 1 is a mixture.",
    )


def _words(comparison: Comparison) -> Table:
    rows = [
        (_NAMES[name], f"{count:,}", "; ".join(f"{n:,} {why}" for why, n in comparison.left_out[name].items()) or "-")
        for name, count in comparison.words.items()
    ]
    return Table(
        "words",
        "Words",
        text_frame(("group", "words", "candidates left out"), [rows]),
        note="Words of DNA and proteins are the pieces of two letters and more that the tokenizer of the first model "
        "cuts the train splits of dna150 and protein150 into, commonest first; English words are a random part of "
        "those that two dictionaries share.",
    )


def _alignments(comparison: Comparison) -> Table:
    groups = [
        tuple(
            (
                one.first if one.first == one.second else f"{one.first} with {one.second}",
                one.task,
                str(one.layer),
                str(one.pairs),
                f"{one.cka:.3f}",
                f"{one.debiased.observed:.3f}",
                f"[{one.debiased.low:.3f}, {one.debiased.high:.3f}]",
                _p(one.debiased.p),
            )
            for one in found
        )
        for _, found in itertools.groupby(comparison.alignments, key=lambda one: (one.first, one.second, one.task))
    ]
    return Table(
        "cka",
        "Linear CKA by layer",
        text_frame(("models", "pairs of", "layer", "pairs", "CKA", "debiased", "permuted", "p"), groups),
        labels=2,
        note="One model: its vectors of the two sides of similar test pairs. Two: their vectors of the first sides.",
    )


def _value(one: Distance) -> str:
    return f"{one.value:.4g}\n[{one.low:.4g}, {one.high:.4g}]"


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"
