"""Few-shot curves: accuracy over the number of pairs that a model was shown, by training or in its prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bio_paws.audit.plot_style import GREY, styled
from bio_paws_eval.layout.drawing import Drawing, drawing_of
from bio_paws_eval.report.panels import BASELINE_LINES, commoner_share, label_panels, line_style, short
from bio_paws_eval.report.systems import System, tasks_of
from bio_paws_eval.report.transfers import best_of
from bio_paws_eval.results import Training

_DATA = 2  # parts of an identity


@dataclass(frozen=True)
class Curve:
    """One model, fitted in one way on several numbers of pairs.

    Attributes
    ----------
    name : str
        What a figure calls it; no two curves of a report have the same.
    points : tuple of (int, System)
        Pairs that the model was shown, and the system; in the order of their numbers.
    """

    name: str
    points: tuple[tuple[int, System], ...]


def few_shot_curves(systems: Sequence[System]) -> list[Curve]:
    """Gather systems that differ in nothing but the number of pairs that they were shown; two numbers at least.

    A system that was trained on all pairs is the last point, one that was prompted without shots the first.
    """
    by_identity: dict[tuple[Any, ...], dict[int, System]] = defaultdict(dict)
    for system in systems:
        if pairs_shown(system.training):
            by_identity[_identity(system)].setdefault(pairs_shown(system.training), system)
    for identity, points in by_identity.items():
        for system in systems:
            # What is prompted without shots is trained on nothing, and belongs to the shots of all data.
            without_shots = system.training.method == "prompt" and not pairs_shown(system.training)
            if without_shots and _identity(system)[:-_DATA] == identity[:-_DATA]:
                points.setdefault(0, system)
    curves = [
        Curve(_name(points[max(points)]), tuple(sorted(points.items(), key=lambda point: point[0])))
        for points in by_identity.values()
        if len(points) > 1
    ]
    names = [curve.name for curve in curves]
    return [
        replace(curve, name=f"{curve.name} #{curve.points[0][1].run_key}") if names.count(curve.name) > 1 else curve
        for curve in curves
    ]


def pairs_shown(training: Training) -> int:
    """Return how many answered pairs a model was shown; 0 for none."""
    if training.method == "prompt":
        return int((training.recipe or {}).get("shots", 0))
    return training.train_pairs or training.rows


def _identity(system: System) -> tuple[Any, ...]:
    """Return what the points of a curve share; the data that pairs are drawn from are the last `_DATA` parts."""
    training = system.training
    recipe = {name: value for name, value in (training.recipe or {}).items() if name != "shots"}
    fitting = training.method, training.control, repr(sorted(recipe.items()))
    return *system.weights, *fitting, training.on, training.content_sha256


def _name(system: System) -> str:
    return f"{system.model.id}, {replace(system.training, train_pairs=None).name}"


def draw_few_shot(systems: Sequence[System], baselines: Sequence[System]) -> Drawing | None:
    """Draw accuracy over the number of pairs shown, a panel a task; None where there is no curve."""
    curves = few_shot_curves(systems)
    shown = [system for curve in curves for _, system in curve.points]
    tasks = tasks_of(shown, scored=True)
    if not tasks:
        return None
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    sizes = sorted({pairs for curve in curves for pairs, _ in curve.points})
    lines = _legend_of(curves, baselines, tasks)
    width = max(5.6, 0.7 + 3.1 * columns)
    names_per_line = int(width // 3.6)  # of 48 characters each
    with styled():
        height = 0.9 + 2.3 * rows + 0.18 * (len(lines) // names_per_line)
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, task in zip(panels.flat, tasks, strict=False):
            _panel(axes, task, curves, baselines, commoner_share(task, shown))
        _number_axis(panels.flat[0], sizes)
        label_panels(panels, len(tasks))
        figure.supxlabel("pairs that the model was shown (logarithmic)", fontsize=8)
        figure.supylabel("accuracy (part of the pairs)", fontsize=8)
        figure.legend(handles=lines, loc="outside upper center", ncols=names_per_line, frameon=False)
        return drawing_of(
            figure,
            "few-shot",
            "Accuracy by the number of pairs shown",
            "Mean accuracy over seeds with its 95% interval over seeds and groups. Each seed draws its pairs, of a "
            "small number among those of a larger one. A hollow dot is a score with a mark in the tables. The dashed "
            "lines are the best baseline, the shaded strip its interval, and the best upper bound, both fitted on the "
            "whole train split; the dotted line is what always answering the commoner label gives.",
        )


def _panel(axes: Axes, task: str, curves: Sequence[Curve], baselines: Sequence[System], commoner: float) -> None:
    axes.set_title(task, loc="left", fontweight="bold")
    axes.yaxis.grid(True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axhline(commoner, color=GREY, linestyle=":", linewidth=0.9, zorder=1)
    for method, style in BASELINE_LINES:
        best = best_of(baselines, task, method)
        if best:
            summary = best.scored[task].summary
            axes.axhline(summary.mean, color=style["color"], linestyle=style["linestyle"], linewidth=1, zorder=1)
            if method == "baseline":
                axes.axhspan(summary.low, summary.high, color=style["color"], alpha=0.12, linewidth=0)
    # Beside each other, so that intervals do not hide each other.
    for number, (curve, shift) in enumerate(zip(curves, np.linspace(-0.2, 0.2, len(curves) + 2)[1:-1], strict=True)):
        style = line_style(number)
        scored = [(pairs, system.scored[task]) for pairs, system in curve.points if task in system.scored]
        at = [_place(pairs) * (1 + shift) for pairs, _ in scored]
        axes.plot(at, [result.summary.mean for _, result in scored], color=style["color"], linewidth=1.3, zorder=2)
        for place, (_, result) in zip(at, scored, strict=True):
            summary = result.summary
            axes.vlines(place, summary.low, summary.high, color=style["color"], linewidth=1, zorder=2)
            axes.scatter(
                [place],
                [summary.mean],
                s=20,
                marker=style["marker"],
                facecolor="white" if result.marked else style["color"],
                edgecolor=style["color"],
                linewidth=1.1,
                zorder=3,
            )


def _place(pairs: int) -> float:
    """Return where a number of pairs stands on the axis: no pairs left of one pair."""
    return pairs or 0.5


def _number_axis(axes: Axes, sizes: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks([_place(size) for size in sizes], [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.margins(x=0.08)


def _legend_of(curves: Sequence[Curve], baselines: Sequence[System], tasks: Sequence[str]) -> list[Line2D]:
    lines = [
        Line2D([], [], label=short(curve.name), **line_style(number), markersize=4.5, linewidth=1.3)
        for number, curve in enumerate(curves)
    ]
    for method, style in BASELINE_LINES:
        if any(best_of(baselines, task, method) for task in tasks):
            label = f"best {method.replace('_', ' ')}"
            lines.append(Line2D([], [], color=style["color"], linestyle=style["linestyle"], linewidth=1, label=label))
    return [*lines, Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="commoner label")]
