"""The answer of a results folder: does what a model learnt on one task carry over to another, and beyond what.

A score after fine-tuning on another task counts as transfer where that task was learnt, and where it lies above the
best baseline, above the same model untuned, from random weights, and fine-tuned on shuffled labels; each difference
by its interval and by a test of the same resamples with Holm's correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from bio_paws_cards.markdown import markdown_paragraph
from bio_paws_eval.layout.tables import Row, Table, markdown, text_frame
from bio_paws_eval.report.comparisons import pairs_key
from bio_paws_eval.report.score_text import MISSING, SAMPLE, SAMPLE_NOTE, accuracy, decimal, interval, sample
from bio_paws_eval.report.systems import Grouped, System, TaskResult, config_names
from bio_paws_eval.stats.significance import SIGNIFICANT, Comparison, compare, holm

CONTROLS = ("shuffled-labels", "random-init", "untuned")
"""Controls that a transfer must beat; the same model, on the same source where it is trained."""


@dataclass(frozen=True)
class Difference:
    """A (model, task) result against another.

    Attributes
    ----------
    against : str
        "baseline", or one of `CONTROLS`.
    system : System
        The other.
    comparison : Comparison
        What came out.
    corrected : float
        P-value after Holm's correction for all differences of the answer.
    """

    against: str
    system: System
    comparison: Comparison
    corrected: float = 1.0

    @property
    def above(self) -> bool:
        """Whether the first is significantly better."""
        return self.comparison.low > 0 and self.corrected < SIGNIFICANT


@dataclass(frozen=True)
class Transfer:
    """A model that was fine-tuned on one task, on a config of bioPAWS.

    Attributes
    ----------
    system : System
        The model and its training.
    task : str
        The config.
    differences : dict of str to Difference
        By what it is compared with; without what there is no result of.
    """

    system: System
    task: str
    differences: dict[str, Difference]

    @property
    def result(self) -> TaskResult:
        """The result that is judged."""
        return self.system.results[self.task]

    @property
    def counts(self) -> bool:
        """Whether a claim may rest on it: the source was learnt, the pairs are complete."""
        return self.result.source_learnt is True and self.result.in_means and not self.result.limited

    @cached_property
    def missing(self) -> list[str]:
        """What it should be compared with and is not."""
        return [name for name in ("baseline", *CONTROLS) if name not in self.differences]

    @property
    def transfers(self) -> bool:
        """Whether it counts and is above the best baseline and every control."""
        return self.counts and not self.missing and all(difference.above for difference in self.differences.values())

    @property
    def verdict(self) -> str:
        """What can be said of it."""
        learnt = self.result.source_learnt
        if learnt is None:
            return "not known whether the source was learnt"
        if not learnt:
            return "source not learnt"
        if not self.counts:
            return "cut pairs: no claim"
        below = [_NAMES[name] for name, difference in self.differences.items() if not difference.above]
        if below:
            return f"no transfer shown: not above {_listed(below)}"
        if self.missing:
            return f"open: no result of {_listed([_NAMES[name] for name in self.missing])}"
        return "transfers"


_NAMES = {
    "baseline": "the best baseline",
    "shuffled-labels": "shuffled labels",
    "random-init": "random weights",
    "untuned": "the untuned model",
}


def judge_transfers(grouped: Grouped) -> list[Transfer]:
    """Compare every model that was fine-tuned on another task with the best baseline and with its controls."""
    transfers = [
        Transfer(system, task, _differences(system, task, grouped))
        for task in config_names()
        for system in grouped.systems
        if task in system.scored and system.training.is_plain and system.training.on not in {"none", task}
    ]
    tests = [difference.comparison.p_value for transfer in transfers for difference in transfer.differences.values()]
    corrected = iter(holm(tests))
    return [
        replace(
            transfer,
            differences={
                name: replace(difference, corrected=next(corrected))
                for name, difference in transfer.differences.items()
            },
        )
        for transfer in transfers
    ]


def _differences(system: System, task: str, grouped: Grouped) -> dict[str, Difference]:
    rivals = {"baseline": best_of(grouped.baselines, task, "baseline")}
    for control in CONTROLS:
        rivals[control] = _control_of(system, task, control, grouped.systems)
    result = system.results[task]
    differences = {}
    for name, rival in rivals.items():
        if rival is not None and pairs_key(rival.results[task]) == pairs_key(result):
            against = rival.results[task]
            comparison = compare(result.scored_pairs, against.scored_pairs, result.chosen, against.chosen)
            differences[name] = Difference(name, rival, comparison)
    return differences


def _control_of(system: System, task: str, control: str, systems: Sequence[System]) -> System | None:
    on = "none" if control == "untuned" else system.training.on
    matching = [
        rival
        for rival in systems
        if rival.weights == system.weights
        and (rival.training.on, rival.training.control) == (on, control)
        and rival.training.of_all_pairs
        and task in rival.scored
    ]
    return max(matching, key=lambda rival: rival.results[task].summary.seeds, default=None)


def best_of(baselines: Sequence[System], task: str, method: str) -> System | None:
    """Return the baseline, or the upper bound, with the highest accuracy on a task."""
    scored = [system for system in baselines if system.method == method and task in system.scored]
    return max(scored, key=lambda system: system.scored[task].summary.mean, default=None)


def seed_agreement(result: TaskResult) -> float | None:
    """Return the fraction of the pairs that two seeds predict alike, mean over all two seeds; None for one seed."""
    if len(result.correct) < 2:
        return None
    return float(np.mean([(first == second).mean() for first, second in combinations(result.correct, 2)]))


def answer_lines(grouped: Grouped, transfers: Sequence[Transfer]) -> list[str]:
    """Say in a few lines what a results folder shows."""
    if not grouped.systems:
        return ["Baselines and upper bounds only: no model was evaluated."]
    return [
        line
        for line in (
            _sources_line(grouped.systems),
            _transfer_line(transfers),
            _baseline_line(transfers),
            _order_line(transfers),
            _supervised_line(grouped),
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


def _transfer_line(transfers: Sequence[Transfer]) -> str:
    judged = [transfer for transfer in transfers if transfer.counts]
    if not judged:
        return "No result allows a claim of transfer: no source that was learnt was tested on a config of bioPAWS."
    positive = [transfer for transfer in judged if transfer.transfers]
    tested = f"of {len(judged)} results after a source that was learnt"
    if not positive:
        return f"Transfer, above the best baseline and all three controls: none {tested}."
    return f"Transfer, above the best baseline and all three controls: {len(positive)} {tested}: {_scores(positive)}."


def _baseline_line(transfers: Sequence[Transfer]) -> str:
    judged = [transfer for transfer in transfers if transfer.counts and "baseline" in transfer.differences]
    if not judged:
        return ""
    above = [transfer for transfer in judged if transfer.differences["baseline"].above]
    below = [transfer for transfer in judged if transfer.differences["baseline"].comparison.high < 0]
    line = f"Against the best baseline of the config: {len(above)} above, {len(below)} below, "
    line += f"{len(judged) - len(above) - len(below)} not told apart."
    closest = max(judged, key=lambda transfer: transfer.differences["baseline"].comparison.difference)
    difference = closest.differences["baseline"]
    return line + (
        f" Best: {_score(closest)} against {difference.system.results[closest.task].summary.mean:.3f} "
        f"({difference.system.model.id})."
    )


def _order_line(transfers: Sequence[Transfer]) -> str:
    """Say whether the scores order the pairs, whatever threshold the source left behind."""
    measured = [
        (value, transfer)
        for transfer in transfers
        if transfer.counts and (value := transfer.result.metric("auroc")) is not None
    ]
    if not measured:
        return ""
    (low, worst), (high, best) = (choose(measured, key=lambda pair: pair[0]) for choose in (min, max))
    one_label = sum(min(transfer.result.confusion.sum(axis=0)) == 0 for _, transfer in measured)
    seeds = [transfer.result.metric_values("auroc") for _, transfer in measured]
    single = [value for values in seeds if len(values) > 1 for value in values]
    spread = f"; these are means, single seeds lie from {min(single):.3f} to {max(single):.3f}" if single else ""
    return (
        f"By AUROC, which needs no threshold: {low:.3f} ({worst.system.name} on {worst.task}) to {high:.3f} "
        f"({best.system.name} on {best.task}){spread}. One label for all pairs: {one_label} of {len(measured)} results."
    )


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


def _seeds_line(transfers: Sequence[Transfer]) -> str:
    agreements = [
        value for transfer in transfers if transfer.counts and (value := seed_agreement(transfer.result)) is not None
    ]
    single = sum(transfer.result.summary.seeds == 1 for transfer in transfers if transfer.counts)
    line = ""
    if agreements:
        line = f"Two seeds answer alike on {min(agreements):.0%} to {max(agreements):.0%} of the pairs of a config."
    if single:
        line += f" {single} of these results are of one seed: their intervals leave out how seeds differ."
    return line.strip()


def _scores(transfers: Iterable[Transfer]) -> str:
    return _listed([_score(transfer) for transfer in transfers])


def _score(transfer: Transfer) -> str:
    summary = transfer.result.summary
    return f"{transfer.system.name} on {transfer.task} {summary.mean:.3f} {interval(summary.low, summary.high)}"


def _listed(parts: Sequence[str]) -> str:
    return "; ".join(parts)


def _auroc(result: TaskResult) -> str:
    """Return the mean area over seeds, beneath it the least and the most of several."""
    values = result.metric_values("auroc")
    spread = f"\n{min(values):.3f} to {max(values):.3f}" if len(values) > 1 else ""
    return f"{decimal(result.metric('auroc'))}{spread}"


def answers_table(grouped: Grouped, transfers: Sequence[Transfer]) -> Table:
    """Lay out each transfer with what it must beat, config by config."""

    def row(transfer: Transfer) -> Row:
        bound = best_of(grouped.baselines, transfer.task, "upper_bound")
        return (
            transfer.task,
            transfer.system.name,
            accuracy(transfer.result),
            _auroc(transfer.result),
            *(_difference(transfer.differences.get(name)) for name in ("baseline", *CONTROLS)),
            f"{bound.model.id}\n{bound.scored[transfer.task].summary.mean:.3f}" if bound else MISSING,
            decimal(seed_agreement(transfer.result)),
            sample(transfer.result),
            transfer.verdict,
        )

    groups = [[row(transfer) for transfer in transfers if transfer.task == task] for task in config_names()]
    return Table(
        "answers",
        "What carries over",
        text_frame(
            (
                *("config", "system", "accuracy", "AUROC", "less best baseline", "less shuffled labels"),
                *("less random weights", "less untuned", "upper bound", "seeds alike", SAMPLE, "verdict"),
            ),
            [group for group in groups if group],
        ),
        labels=2,
        note="Accuracy: mean over seeds, beneath it the 95% interval over seeds and groups. AUROC: mean, least and "
        "most of the seeds. Less: difference of the mean accuracies with its 95% interval by paired bootstrap. *: the "
        "interval lies above 0, and the p-value of the same resamples is significant "
        f"({SIGNIFICANT:g}) after Holm's correction for all differences of this table. The best baseline is chosen on "
        "this very test, so that the bar is high. Seeds alike: part of the pairs that two seeds answer alike. "
        f"{SAMPLE_NOTE} Transfers: the source was learnt, no pair was cut, and all four differences have their *.",
    )


def answer_markdown(grouped: Grouped, transfers: Sequence[Transfer]) -> str:
    """Return the answer alone, to be included in a page: its lines and its two tables."""
    parts = ["\n".join(f"- {markdown_paragraph(line)}" for line in answer_lines(grouped, transfers))]
    for table in (answers_table(grouped, transfers), sources_table(grouped.systems)):
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
