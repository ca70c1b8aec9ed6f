"""The answer of a results folder: does what a model learnt on one task carry over to another, and beyond what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from bio_paws_cards.markdown import markdown_paragraph
from bio_paws_eval.layout.tables import Row, Table, markdown, text_frame
from bio_paws_eval.report.score_text import MISSING, SAMPLE, SAMPLE_NOTE, accuracy, area, decimal, interval, sample
from bio_paws_eval.report.systems import Grouped, System, TaskResult, config_names
from bio_paws_eval.report.transfers import ACCURACY, AUROC, CONTROLS, MEASURES, Difference, Measure, Transfer, best_of
from bio_paws_eval.stats.significance import SIGNIFICANT
from bio_paws_eval.tasks.registry import is_biopaws


def seed_agreement(result: TaskResult) -> float | None:
    """Return the fraction of the pairs that two seeds predict alike, mean over all two seeds; None for one seed."""
    if len(result.correct) < 2:
        return None
    return float(np.mean([(first == second).mean() for first, second in combinations(result.correct, 2)]))


def answer_lines(grouped: Grouped, transfers: Sequence[Transfer]) -> list[str]:
    """Say in a few lines what a results folder shows."""
    if not grouped.systems:
        return ["Baselines and upper bounds only: no model was evaluated."]
    # What one config teaches of another is no transfer from language.
    between = [transfer for transfer in transfers if is_biopaws(transfer.system.training.on) and transfer.counts]
    from_elsewhere = [transfer for transfer in transfers if not is_biopaws(transfer.system.training.on)]
    return [
        line
        for line in (
            _sources_line(grouped.systems),
            *(_transfer_line("Transfer", measure, from_elsewhere) for measure in MEASURES),
            *(_baseline_line(measure, from_elsewhere) for measure in MEASURES),
            _spread_line(from_elsewhere),
            *(
                _transfer_line("Transfer from one config to another", measure, between)
                for measure in MEASURES
                if between
            ),
            _supervised_line(grouped),
            *(_embeddings_line(method, grouped.systems) for method in _EMBEDDINGS),
            _seeds_line(transfers),
        )
        if line
    ]


def _sources_line(systems: Sequence[System]) -> str:
    trained = [system for system in systems if system.training.is_plain and system.training.on != "none"]
    if not trained:
        return "No model was fine-tuned: nothing can be said of transfer."
    parts = [f"{system.name} ({_dev(system)})" for system in trained if system.source_learnt]
    failed = [f"{system.name} ({_dev(system)})" for system in trained if system.source_learnt is False]
    line = f"Learnt, by accuracy on dev against the commoner label: {_listed(parts) or 'no source'}."
    return line + (f" Not learnt, and left out of all claims: {_listed(failed)}." if failed else "")


def _dev(system: System) -> str:
    measured = system.dev_accuracy
    return MISSING if measured is None else f"{decimal(measured['value'])} against {system.training.dev_majority:.3f}"


def _transfer_line(what: str, measure: Measure, transfers: Sequence[Transfer]) -> str:
    judged = [transfer for transfer in transfers if transfer.counts and transfer.measure is measure]
    if not judged:
        no_claim = "No result allows a claim of transfer: no source that was learnt was tested on a config of bioPAWS."
        return no_claim if measure is ACCURACY else ""
    positive = [transfer for transfer in judged if transfer.transfers]
    above_controls = [transfer for transfer in judged if transfer.above_controls and not transfer.transfers]
    line = f"{what} by {measure.name}, above the best baseline and all three controls: {_counted(positive)} of "
    line += (
        f"{len(judged)} results after a source that was learnt. Above all controls, but not above the best baseline: "
    )
    return f"{line}{_counted(above_controls)}."


def _baseline_line(measure: Measure, transfers: Sequence[Transfer]) -> str:
    judged = [transfer for transfer in transfers if transfer.counts and transfer.measure is measure]
    judged = [transfer for transfer in judged if "baseline" in transfer.differences]
    if not judged:
        return ""
    above = [transfer for transfer in judged if transfer.differences["baseline"].above]
    below = [transfer for transfer in judged if transfer.differences["baseline"].comparison.high < 0]
    line = f"Against the best baseline of the config, by {measure.name}: {len(above)} above, {len(below)} below, "
    line += f"{len(judged) - len(above) - len(below)} not told apart."
    closest = max(judged, key=lambda transfer: transfer.differences["baseline"].comparison.difference)
    rival = closest.differences["baseline"].system
    bar = f"{measure.mean(rival.results[closest.task]):.3f} ({rival.model.id})"
    return f"{line} Best: {_score(closest)} against {bar}."


def _spread_line(transfers: Sequence[Transfer]) -> str:
    """Say how far seeds lie apart, and how often the threshold that the source left behind gives one label."""
    judged = [transfer for transfer in transfers if transfer.counts and transfer.measure is AUROC]
    if not judged:
        return ""
    one_label = sum(min(transfer.result.confusion.sum(axis=0)) == 0 for transfer in judged)
    line = f"One label for all pairs, whatever their order: {one_label} of {len(judged)} results."
    summaries = [(summary, transfer) for transfer in judged if (summary := transfer.measure.summary(transfer.result))]
    widest, transfer = max(summaries, key=lambda pair: pair[0].max - pair[0].min)
    if widest.seeds == 1:
        return line
    ends = f"{widest.min:.3f} to {widest.max:.3f}"
    return f"{line} Seeds lie furthest apart for {transfer.system.name} on {transfer.task}: AUROC {ends}."


def _supervised_line(grouped: Grouped) -> str:
    scores = []
    for task in config_names():
        own = [system for system in grouped.systems if system.training.on == task and task in system.scored]
        own = [system for system in own if system.training.is_plain]
        bound = best_of(grouped.baselines, task, "upper_bound")
        if own:
            best = max(own, key=lambda system: system.scored[task].summary.mean)
            limit = f", upper bound {bound.scored[task].summary.mean:.3f}" if bound else ""
            scores.append(f"{task} {best.scored[task].summary.mean:.3f}{limit}")
    return f"Fine-tuned on the config itself: {_listed(scores)}." if scores else ""


_EMBEDDINGS = {
    "cosine": "Cosine of embeddings, no weight trained, by AUROC",
    "probe": "Linear probe of embeddings, trained on the config itself, by AUROC",
}
"""Methods that leave a model as it is: what fine-tuning on another task is worth shows beside them."""


def _embeddings_line(method: str, systems: Sequence[System]) -> str:
    scores = []
    for task in config_names():
        for system in systems:
            trained = system.training
            if trained.method != method or trained.control != "none" or task not in system.scored:
                continue
            if method == "probe" and trained.on != task:
                continue
            if (area_over_seeds := AUROC.summary(system.scored[task])) is not None:
                scores.append(f"{system.model.id} on {task} {area_over_seeds.mean:.3f}")
    return f"{_EMBEDDINGS[method]}: {_listed(scores)}." if scores else ""


def _seeds_line(transfers: Sequence[Transfer]) -> str:
    results = [transfer.result for transfer in transfers if transfer.counts and transfer.measure is ACCURACY]
    agreements = [value for result in results if (value := seed_agreement(result)) is not None]
    single = sum(result.summary.seeds == 1 for result in results)
    line = ""
    if agreements:
        line = f"Two seeds answer alike on {min(agreements):.0%} to {max(agreements):.0%} of the pairs of a config."
    if single:
        line += f" {single} of these results are of one seed: their intervals leave out how seeds differ."
    return line.strip()


def _counted(transfers: Sequence[Transfer]) -> str:
    """Say how many there are, and name them."""
    scores = _listed([_score(transfer) for transfer in transfers])
    return f"{len(transfers)} ({scores})" if transfers else "none"


def _score(transfer: Transfer) -> str:
    summary = transfer.measure.summary(transfer.result)
    score = MISSING if summary is None else f"{summary.mean:.3f} {interval(summary.low, summary.high)}"
    return f"{transfer.system.name} on {transfer.task} {score}"


def _listed(parts: Sequence[str]) -> str:
    return "; ".join(parts)


def answers_tables(grouped: Grouped, transfers: Sequence[Transfer]) -> list[Table]:
    """Lay out each transfer with what it must beat, config by config: a table by accuracy, one by AUROC."""
    return [_by_accuracy(grouped, transfers), _by_auroc(grouped, transfers)]


def _by_accuracy(grouped: Grouped, transfers: Sequence[Transfer]) -> Table:
    def row(transfer: Transfer) -> Row:
        return (
            *_compared(transfer, accuracy(transfer.result), grouped),
            decimal(seed_agreement(transfer.result)),
            sample(transfer.result),
        )

    return Table(
        "answers",
        "What carries over, by accuracy",
        text_frame((*_columns(ACCURACY), "seeds alike", SAMPLE), _by_config(ACCURACY, transfers, row)),
        labels=3,
        note=f"Accuracy: mean over seeds with its 95% interval over seeds and groups. {_LESS} Seeds alike: part "
        f"of the pairs that two seeds answer alike. {SAMPLE_NOTE} Transfers: the source was learnt, no pair was cut, "
        "and all four differences have their *.",
    )


def _by_auroc(grouped: Grouped, transfers: Sequence[Transfer]) -> Table:
    def row(transfer: Transfer) -> Row:
        return _compared(transfer, area(transfer.result), grouped)

    return Table(
        "answers-auroc",
        "What carries over, by AUROC",
        text_frame(_columns(AUROC), _by_config(AUROC, transfers, row)),
        labels=3,
        note="AUROC: area under the ROC curve, mean over seeds with its 95% interval over seeds and groups. It "
        "tells whether similar pairs are ranked above dissimilar ones, whatever threshold the source left behind: 0.5 "
        f"is chance, less is the reverse order. {_LESS}",
    )


_LESS = (
    "Less: difference of the means with its 95% interval by paired bootstrap. *: the interval lies above 0, and the "
    f"p-value of the same resamples is significant ({SIGNIFICANT:g}) after Holm's correction for all differences by "
    "accuracy and by AUROC of results after a source that was learnt: others have no *. The best baseline is chosen "
    "on this very test, so that the bar is high."
)


def _columns(measure: Measure) -> tuple[str, ...]:
    rivals = ("less best baseline", "less shuffled labels", "less random weights", "less untuned")
    return ("config", "system", "verdict", measure.name, *rivals, "upper bound")


def _by_config(measure: Measure, transfers: Sequence[Transfer], row: Callable[[Transfer], Row]) -> list[list[Row]]:
    """Return the rows of one measure, grouped by config."""
    own = [transfer for transfer in transfers if transfer.measure is measure]
    groups = [[row(transfer) for transfer in own if transfer.task == task] for task in config_names()]
    return [group for group in groups if group]


def _compared(transfer: Transfer, score: str, grouped: Grouped) -> Row:
    """Return a score beside what it must beat and the best upper bound."""
    bound = best_of(grouped.baselines, transfer.task, "upper_bound", transfer.measure)
    return (
        transfer.task,
        transfer.system.name,
        transfer.verdict,
        score,
        *(_difference(transfer.differences.get(name)) for name in ("baseline", *CONTROLS)),
        f"{bound.model.id}\n{transfer.measure.mean(bound.scored[transfer.task]):.3f}" if bound else MISSING,
    )


def answer_markdown(grouped: Grouped, transfers: Sequence[Transfer]) -> str:
    """Return the answer alone, to be included in a page: its lines and its tables."""
    parts = ["\n".join(f"- {markdown_paragraph(line)}" for line in answer_lines(grouped, transfers))]
    for table in (*answers_tables(grouped, transfers), sources_table(grouped.systems)):
        if not table.frame.empty:
            # Beside each other: a page wraps lines, a terminal does not.
            joined = replace(table, frame=table.frame.map(lambda entry: entry.replace("\n", " ")))
            parts += [f"**{markdown_paragraph(table.title)}**", markdown(joined), markdown_paragraph(table.note)]
    return "\n\n".join(parts) + "\n"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return MISSING
    comparison = difference.comparison
    rival = f" {difference.system.model.id}" if difference.against == "baseline" else ""
    bounds = interval(comparison.low, comparison.high)
    return f"{comparison.difference:+z.3f}{' *' if difference.above else ''}{rival}\n{bounds}"


def sources_table(systems: Sequence[System]) -> Table:
    """Lay out what each training learnt of its own task."""
    rows = []
    for system in systems:
        measured = system.dev_accuracy
        if measured is None:
            continue
        learnt = system.source_learnt
        low, high = measured["low"], measured["high"]
        rows.append(
            (
                system.name,
                f"{system.training.rows:,}",
                str(len(system.seeds)),
                decimal(measured["value"]),
                interval(low, high) if low is not None and high is not None else MISSING,
                system.dev_groups or "pairs",
                decimal(system.training.dev_majority) if learnt is not None else MISSING,
                MISSING if learnt is None else "yes" if learnt else "no",
            )
        )
    columns = ("system", "pairs", "seeds", "accuracy on dev", "95% interval", "resampled", "commoner label", "learnt")
    return Table(
        "sources",
        "What was learnt of the source",
        text_frame(columns, [rows]),
        note="Accuracy on the development split of the task that was trained on, of the epoch that was kept, mean over "
        "seeds. Learnt: its 95% interval lies above what always giving the commoner label reaches. What the interval "
        "resamples is told since results of schema 2.4; before, pairs were taken as independent. Shuffled labels are "
        "not to be learnt: their development split is shuffled too.",
    )
