"""The leaderboard: every (model, task) result of a results folder as one sortable page that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bio_paws_eval.layout.pages import render_page
from bio_paws_eval.report.score_text import MARKS, marks
from bio_paws_eval.report.systems import Entry, Grouped, System, TaskResult, tasks_of
from bio_paws_eval.report.transfers import best_of


@dataclass(frozen=True)
class LeaderboardRow:
    """A system on a task.

    Attributes
    ----------
    task, model, trained_on, method : str
        The config or language; what predicted; the task and control of its training; "fine-tuned", "control",
        "supervised", "baseline", "upper bound", or the method where that is another than fine-tuning.
    accuracy, low, high : float
        Mean over seeds, and its 95% interval over seeds and groups.
    marks : str
        As in the tables of a report.
    auroc : float or None
        Mean over seeds.
    seeds : int
        How many.
    pairs : int
        How many were predicted.
    groups, effective : int or None
        Groups that were resampled; as many independent pairs as would give as wide an interval. None where they are not
        known, or not defined.
    baseline, upper_bound : float or None
        Accuracy of the best baseline and of the best upper bound of the task.
    position : str
        Where the interval lies: "above", "below" or "across" the best baseline; "" without one, or for itself.
    predictions : tuple of str
        Links to the predictions, seed by seed.
    """

    task: str
    model: str
    trained_on: str
    method: str
    accuracy: float
    low: float
    high: float
    marks: str
    auroc: float | None
    seeds: int
    pairs: int
    groups: int | None
    effective: int | None
    baseline: float | None
    upper_bound: float | None
    position: str
    predictions: tuple[str, ...]


def leaderboard_rows(grouped: Grouped, entries: Sequence[Entry], base: str) -> list[LeaderboardRow]:
    """List all scored results, task by task, the most accurate first.

    Parameters
    ----------
    grouped : Grouped
        What a results folder holds.
    entries : sequence of (Path, Result)
        Its results, whose predictions the rows link to.
    base : str
        Address of the results folder, without a slash at its end.
    """
    folder = Path(os.path.commonpath([path.parents[3] for path, _ in entries]))
    files = {id(result): path for path, result in entries}
    rows = []
    for task in tasks_of(grouped.everything, scored=True):
        scored = [system for system in grouped.everything if task in system.scored]
        for system in sorted(scored, key=lambda system: -system.scored[task].summary.mean):
            result = system.scored[task]
            links = tuple(
                f"{base}/{files[id(seed)].with_name(seed.predictions).relative_to(folder).as_posix()}"
                for seed in result.seed_results
            )
            rows.append(_row(task, system, result, grouped.baselines, links))
    return rows


def _row(
    task: str, system: System, result: TaskResult, baselines: Sequence[System], links: tuple[str, ...]
) -> LeaderboardRow:
    best, bound = best_of(baselines, task, "baseline"), best_of(baselines, task, "upper_bound")
    baseline = best.scored[task].summary.mean if best else None
    summary, effective = result.summary, result.scored_pairs.effective_pairs
    position = ""
    if baseline is not None and system.method == "model":
        position = "above" if summary.low > baseline else "below" if summary.high < baseline else "across"
    return LeaderboardRow(
        task,
        system.model.id,
        system.training.name if system.method == "model" else "-",
        _method(system, task),
        summary.mean,
        summary.low,
        summary.high,
        marks(result).strip(),
        result.metric("auroc"),
        summary.seeds,
        result.groups.pairs,
        None if result.groups.unit == "pairs" else result.groups.count,
        None if effective is None else round(effective),
        baseline,
        bound.scored[task].summary.mean if bound else None,
        position,
        links,
    )


def _method(system: System, task: str) -> str:
    if system.method != "model":
        return system.method.replace("_", " ")
    if system.training.control != "none" or system.training.on == "none":
        return "control"
    if system.training.method != "fine-tune":
        return system.training.method
    return "supervised" if system.training.on == task else "fine-tuned"


def leaderboard_page(grouped: Grouped, entries: Sequence[Entry], base: str) -> str:
    """Return the page; arguments as for `leaderboard_rows`. Without JavaScript it is the table as it stands."""
    return render_page("leaderboard.html.j2", [], rows=leaderboard_rows(grouped, entries, base), marks=MARKS)
