"""Figures of a report: forest plots, seeds, French beside DNA, similarity, confusion matrices, lengths in tokens.

The same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from bio_paws.audit.plot_style import BLUE, GREEN, GREY, ORANGE, PURPLE, styled
from bio_paws.configs import SIMILARITY_BINS
from bio_paws.execution.progress import progress
from bio_paws_eval.layout.drawing import Drawing, drawing_of
from bio_paws_eval.report.few_shot import draw_few_shot
from bio_paws_eval.report.panels import BASELINE_LINES, commoner_share, label_panels, legend, line_style, short
from bio_paws_eval.report.seed_study import TASKS, SeedStudy
from bio_paws_eval.report.systems import System, TaskResult, config_names, task_order, tasks_of
from bio_paws_eval.report.transfers import ACCURACY, MEASURES, Measure, best_of
from bio_paws_eval.results import slug
from bio_paws_eval.stats.seeds import SeedSummary

_SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#56A3D4"])  # black is legible on all of them

# Places in Encoding.lengths: minimum, then the 5th, 10th, .. 95th percentile, then maximum.
_MINIMUM, _P5, _P25, _MEDIAN, _P75, _P95, _MAXIMUM = 0, 1, 5, 10, 15, 19, 20

_FALSE_ALARMS_AT = 0.1  # left of the remote pairs


def draw_all(systems: Sequence[System], baselines: Sequence[System], studies: Sequence[SeedStudy]) -> list[Drawing]:
    """Draw every figure that there is something to draw for.

    Parameters
    ----------
    systems, baselines : sequence of System
        As `systems.group` returns them.
    studies : sequence of SeedStudy
        As `seed_study.study_seeds` returns them.
    """
    # Numbered, since two names may make the same name of a file.
    matrices = [
        draw_confusion(system, f"confusion-{number:02}-{slug(system.name)}")
        for number, system in enumerate(progress(systems, desc="draw", unit="system"), 1)
    ]
    seeds = draw_seeds(systems, baselines), draw_seed_study(studies)
    drawings = [
        *(draw_forest(systems, baselines, measure) for measure in MEASURES),
        *seeds,
        draw_similarity_bins(systems, baselines),
        draw_few_shot(systems, baselines),
        *matrices,
        draw_lengths(systems),
    ]
    return [drawing for drawing in drawings if drawing is not None]


def draw_forest(systems: Sequence[System], baselines: Sequence[System], measure: Measure) -> Drawing | None:
    """Draw each system's score with its interval, a panel a config; None where no model has a score on one."""
    tasks = [task for task in tasks_of(systems, scored=True) if task in config_names()]
    tasks = [task for task in tasks if any(_summary(system.scored.get(task), measure) for system in systems)]
    if not tasks:
        return None
    shown = [system for system in systems if set(tasks) & set(system.scored)]
    names = [_two_lines(system.name) for system in shown] + ["best baseline", "best upper bound"]
    with styled():
        figure, panels = _score_panels(len(tasks), names, _AXES[measure.name])
        lows = [_forest(axes, task, shown, baselines, measure) for axes, task in zip(panels.flat, tasks, strict=False)]
        panels.flat[0].set_xlim(np.floor(min(0.45, *lows) * 20) / 20, 1.02)
        legend(figure, _forest_legend(), figure.get_figwidth())
        return drawing_of(
            figure,
            "forest" if measure is ACCURACY else f"forest-{measure.name.lower()}",
            f"Each config, by {measure.name}: models, controls, baseline and upper bound",
            f"Mean {measure.name} over seeds with its 95% interval over seeds and groups. A hollow dot is a system "
            "whose source was not learnt, or a score with a mark in the tables. The shaded strip is the interval of "
            f"the best baseline; the dashed line is what {_CHANCE[measure.name]} gives.",
        )


_AXES = {"accuracy": "accuracy (part of the pairs)", "AUROC": "area under the ROC curve"}
_CHANCE = {"accuracy": "always answering the commoner label", "AUROC": "a random order of the pairs"}


def _forest(axes: Axes, task: str, systems: Sequence[System], baselines: Sequence[System], measure: Measure) -> float:
    """Draw one config: a row a system, then the best baseline and upper bound; return the lowest end."""
    _style_rows(axes, task)
    chance = commoner_share(task, systems) if measure is ACCURACY else 0.5
    axes.axvline(chance, color=GREY, linestyle=(0, (4, 3)), linewidth=0.9, zorder=1)
    rows: list[tuple[TaskResult | None, str, bool]] = [(system.scored.get(task), *_look(system)) for system in systems]
    for method, color in (("baseline", PURPLE), ("upper_bound", GREEN)):
        best = best_of(baselines, task, method, measure)
        rows.append((best.scored[task] if best else None, color, True))
    strip = _summary(rows[len(systems)][0], measure)
    if strip is not None:
        axes.axvspan(strip.low, strip.high, color=PURPLE, alpha=0.12, lw=0)
    ends = []
    for row, (result, color, full) in enumerate(rows):
        summary = _summary(result, measure)
        if result is None or summary is None:
            continue
        ends.append(summary.low)
        axes.hlines(row, summary.low, summary.high, color=color, linewidth=1.6, zorder=2)
        fill = color if full and not result.marked else "white"
        axes.scatter([summary.mean], [row], s=20, facecolor=fill, edgecolor=color, linewidth=1.2, zorder=3)
    return min(ends)


def _summary(result: TaskResult | None, measure: Measure) -> SeedSummary | None:
    """Return a score over seeds; None where there is none."""
    return None if result is None else measure.summary(result)


def _look(system: System) -> tuple[str, bool]:
    """Return the colour of a system in a forest plot, and whether its dot is full."""
    if system.training.control != "none" or system.training.on == "none":
        return GREY, True
    return BLUE, system.source_learnt is not False


def _forest_legend() -> list[Line2D]:
    looks = (("model", BLUE), ("control", GREY), ("best baseline", PURPLE), ("best upper bound", GREEN))
    return [Line2D([], [], color=color, marker="o", markersize=4.5, label=label) for label, color in looks]


def _score_panels(count: int, names: Sequence[str], axis: str) -> tuple[Figure, NDArray[Any]]:
    """Make so many panels of scores, up to four beside each other, with the same named rows."""
    columns = min(4, count)
    rows = -(-count // columns)
    label_width = 0.8 + 0.07 * max(len(line) for name in names for line in name.split("\n"))
    # Not narrower than the legend.
    width, height = max(5.2, label_width + 1.95 * columns), rows * (0.6 + 0.31 * len(names)) + 0.9
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    first = panels.flat[0]
    first.set_yticks(range(len(names)), names)
    first.set_ylim(len(names) - 0.4, -0.6)
    label_panels(panels, count)
    figure.supxlabel(axis, fontsize=8)
    return figure, panels


def _style_rows(axes: Axes, title: str) -> None:
    """Give a panel of rows its title and its grid."""
    axes.set_title(title, loc="left", fontweight="bold")
    axes.xaxis.grid(True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def draw_seeds(systems: Sequence[System], baselines: Sequence[System]) -> Drawing | None:
    """Draw each seed's accuracy as a dot, a panel a task; None where nothing has a score."""
    tasks = tasks_of(systems, scored=True)
    if not tasks:
        return None
    low = min(0.45, *(min(cell.summary.min for cell in system.scored.values()) for system in systems if system.scored))
    with styled():
        figure, panels = _score_panels(len(tasks), [_two_lines(system.name) for system in systems], _AXES["accuracy"])
        for axes, task in zip(panels.flat, tasks, strict=False):
            _strip(axes, task, systems, baselines)
        panels.flat[0].set_xlim(np.floor(low * 20 - 0.2) / 20, 1.02)
        legend(figure, _strip_legend(), figure.get_figwidth())
        return drawing_of(
            figure,
            "seeds",
            "Accuracy of each seed",
            "One dot a seed; the bar is their mean. A hollow dot stands for a cell with a mark in the tables: pairs "
            "cut off, unknown tokens, or rows left out. The dashed line is what always answering the commoner label "
            "gives. Triangles show the best baseline on the task: below the best baseline, above the best upper bound.",
        )


def _strip(axes: Axes, task: str, systems: Sequence[System], baselines: Sequence[System]) -> None:
    """Draw one task: a row a system."""
    _style_rows(axes, task)
    for row, system in enumerate(systems):
        cell = system.results.get(task)
        if cell is None:
            continue
        if not cell.scored:
            axes.text(0.5, row, "refused", transform=axes.get_yaxis_transform(), ha="center", va="center", color=GREY)
            continue
        accuracies = cell.correct.mean(axis=1)
        axes.vlines(cell.summary.mean, row - 0.32, row + 0.32, color=ORANGE, linewidth=2.2, zorder=2)
        fill = "white" if cell.marked else BLUE
        spread = np.linspace(-0.16, 0.16, len(accuracies)) if len(accuracies) > 1 else [0.0]
        axes.scatter(
            accuracies, row + np.asarray(spread), s=13, facecolor=fill, edgecolor=BLUE, linewidth=0.8, zorder=3
        )
    axes.axvline(commoner_share(task, systems), color=GREY, linestyle=(0, (4, 3)), linewidth=0.9, zorder=1)
    for method, marker, place, color in (("baseline", "^", 0.0, PURPLE), ("upper_bound", "v", 1.0, GREEN)):
        means = [
            baseline.scored[task].summary.mean
            for baseline in baselines
            if baseline.method == method and task in baseline.scored
        ]
        if means:
            axes.scatter(
                [max(means)],
                [place],
                transform=axes.get_xaxis_transform(),
                marker=marker,
                s=34,
                color=color,
                clip_on=False,
                zorder=4,
            )


def _strip_legend() -> list[Line2D]:
    def dot(label: str, marker: str, face: str, edge: str, size: float) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            markerfacecolor=face,
            markeredgecolor=edge,
            markersize=size,
            label=label,
        )

    return [
        dot("a seed", "o", BLUE, BLUE, 4),
        dot("a seed, cell has a mark", "o", "white", BLUE, 4),
        Line2D(
            [], [], linestyle="", marker="|", color=ORANGE, markersize=9, markeredgewidth=2.2, label="mean of seeds"
        ),
        Line2D([], [], linestyle=(0, (4, 3)), color=GREY, linewidth=0.9, label="commoner label"),
        dot("best baseline", "^", PURPLE, PURPLE, 6),
        dot("best upper bound", "v", GREEN, GREEN, 6),
    ]


def draw_seed_study(studies: Sequence[SeedStudy]) -> Drawing | None:
    """Draw a row a study: both distributions, and one accuracy against the other; None where there is none."""
    if not studies:
        return None
    with styled():
        figure = Figure(figsize=(7.6, 0.4 + 2.7 * len(studies)), layout="constrained")
        panels = figure.subplots(len(studies), 2, squeeze=False, width_ratios=(1.35, 1))
        for (left, right), study in zip(panels, studies, strict=True):
            _distributions(left, study)
            right.scatter(*study.accuracies, s=15, facecolor="none", edgecolor=BLUE, linewidth=1)
            right.set_xlabel(f"accuracy on {TASKS[0]}")
            right.set_ylabel(f"accuracy on {TASKS[1]}")
            correlation = f"r = {study.correlation:.2f} [{study.low:.2f}, {study.high:.2f}]"
            right.set_title(correlation, loc="left", fontweight="bold")
        return drawing_of(
            figure,
            "seed-study",
            "French beside DNA, seed by seed",
            "Left, how many seeds reach which accuracy, on one scale. Right, one dot a seed, with Pearson's "
            "correlation and its 95% interval. Seeds differ in the order of the pairs, the classifier that they start "
            "from, and dropout.",
        )


def _distributions(axes: Axes, study: SeedStudy) -> None:
    """Draw the histograms of both tasks over each other."""
    axes.set_title(short(study.system), loc="left", fontweight="bold")
    edges = np.histogram_bin_edges(np.concatenate(study.accuracies), bins=16)
    for (task, values), color, dash in zip(
        zip(TASKS, study.accuracies, strict=True), (BLUE, ORANGE), ("-", "--"), strict=True
    ):
        counts = np.histogram(values, edges)[0]
        axes.stairs(counts, edges, fill=True, color=color, alpha=0.15)
        axes.stairs(counts, edges, color=color, linestyle=dash, linewidth=1.3, label=task)
    axes.set_xlabel("accuracy (part of the pairs)")
    axes.set_ylabel("seeds")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def draw_similarity_bins(systems: Sequence[System], baselines: Sequence[System]) -> Drawing | None:
    """Draw what each system calls similar against similarity, a panel a graded task; None where there is none."""
    tasks = task_order(task for system in systems for task in _graded(system))
    if not tasks:
        return None
    with styled():
        width = max(5.2, 0.8 + 4.4 * len(tasks))
        lines = _band_lines(systems)
        figure = Figure(figsize=(width, 3.2 + 0.1 * (len(lines) + 3)), layout="constrained")
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)
        for axes, task in zip(panels.flat, tasks, strict=True):
            _psychometric(axes, task, lines, baselines)
        panels.flat[0].set_ylabel("called similar (part of the pairs)")
        handles = [
            Line2D([], [], label=short(system.name), **style, markersize=4.5, linewidth=1.3) for system, style in lines
        ]
        handles += [
            Line2D([], [], label=f"best {method.replace('_', ' ')}", **style, markersize=4.5)
            for method, style in BASELINE_LINES
            if any(baseline.method == method and _graded(baseline) for baseline in baselines)
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
        return drawing_of(
            figure,
            "similarity-bins",
            "Answers by similarity",
            "The psychometric curve of each system: the part of the similar pairs of each band of similarity that it "
            "calls similar, in the middle of the band, with its 95% interval over seeds and groups; at the far left "
            "its false alarms, the part of the dissimilar pairs that it calls similar. Whoever understood similarity "
            "would be high down to the remote pairs, and low at the far left.",
        )


def _graded(system: System) -> dict[str, TaskResult]:
    """Its cells whose similar pairs are graded by similarity."""
    return {task: cell for task, cell in system.scored.items() if cell.similarity_bins}


def _band_lines(systems: Sequence[System]) -> list[tuple[System, dict[str, Any]]]:
    """Give each system that was asked a graded task a colour and a marker of its own."""
    graded = [system for system in systems if _graded(system)]
    return [(system, line_style(number)) for number, system in enumerate(graded)]


def _psychometric(
    axes: Axes, task: str, lines: Sequence[tuple[System, dict[str, Any]]], baselines: Sequence[System]
) -> None:
    """Draw one task: a line a system, its false alarms at the far left."""
    axes.set_title(task, loc="left", fontweight="bold")
    axes.yaxis.grid(True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    places: dict[str, float] = {kind: (low + high) / 2 for kind, low, high in SIMILARITY_BINS}
    drawn = [(_graded(system)[task], style | {"linewidth": 1.3}) for system, style in lines if task in _graded(system)]
    for method, style in BASELINE_LINES:
        cells = [
            _graded(baseline)[task] for baseline in baselines if baseline.method == method and task in _graded(baseline)
        ]
        if cells:
            drawn.append((max(cells, key=lambda cell: cell.summary.mean), style | {"linewidth": 0.9}))
    # Beside each other, so that intervals do not hide each other.
    for shift, (cell, style) in zip(np.linspace(-0.012, 0.012, len(drawn)), drawn, strict=True):
        points = [(places[kind], cell.pair_types[kind].predicted_positive_rate) for kind in cell.similarity_bins]
        _with_bars(axes, [(at + shift, rate) for at, rate in points], style)
        _with_bars(axes, [(_FALSE_ALARMS_AT + shift, cell.false_positive_rate)], style)
    axes.axvline(_FALSE_ALARMS_AT + 0.06, color=GREY, linewidth=0.6)
    axes.set_ylim(-0.03, 1.03)
    bands = {
        places[kind]: f"{low:g}-{high:g}" if low else f"remote,\nunder {high:g}" for kind, low, high in SIMILARITY_BINS
    }
    ticks = {_FALSE_ALARMS_AT: "dissimilar"} | bands
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=7)
    axes.set_xlabel("similarity of the pairs")


def _with_bars(axes: Axes, points: Sequence[tuple[float, dict[str, float | None]]], style: dict[str, Any]) -> None:
    at = [place for place, _ in points]
    value, low, high = (np.array([rate[name] for _, rate in points], float) for name in ("value", "low", "high"))
    axes.plot(at, value, markersize=4.5, **style)
    axes.vlines(at, low, high, color=style["color"], linewidth=0.8)


def draw_confusion(system: System, name: str) -> Drawing | None:
    """Draw a system's confusion matrices under a name, a panel a task; None where it has no score."""
    if not system.scored:
        return None
    rows = [row for row in _families(list(system.scored)) if row]
    columns = max(3, *map(len, rows))
    with styled():
        figure = Figure(figsize=(0.8 + 1.5 * columns, 0.75 + 1.75 * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), columns, squeeze=False)
        for line, tasks in zip(panels, rows, strict=True):
            for axes, task in zip(line, tasks, strict=False):
                _matrix(axes, task, system.scored[task])
            for axes in line[len(tasks) :]:
                axes.set_axis_off()
            line[0].set_ylabel("true label")
        figure.supxlabel("answered label (0: dissimilar or not coding, 1: similar or coding)", fontsize=8)
        figure.suptitle(short(system.name), fontsize=9, fontweight="bold")
        return drawing_of(
            figure,
            name,
            f"Confusion matrices of {system.name}",
            "Rows are the truth and sum to 100%; beneath each rate stands the number of answers, summed over seeds. "
            "A dark column is a model that gives one answer to everything. *: the cell has a mark in the tables.",
        )


def _families(tasks: list[str]) -> Iterator[list[str]]:
    """Lay tasks out in rows of at most seven: the configs of bioPAWS, then the rest."""
    known = set(config_names())
    for family in ([task for task in tasks if task in known], [task for task in tasks if task not in known]):
        for at in range(0, len(family), 7):
            yield family[at : at + 7]


def _matrix(axes: Axes, name: str, cell: TaskResult) -> None:
    counts = cell.confusion
    totals = counts.sum(axis=1, keepdims=True)
    rates = np.divide(counts, totals, out=np.zeros((2, 2)), where=totals > 0)
    # Squares rather than an image: SVG keeps them as shapes, whose bytes do not hang on an image library.
    axes.pcolormesh(rates, cmap=_SHADES, vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    axes.set(aspect="equal", xlim=(0, 2), ylim=(2, 0))
    axes.set_xticks([0.5, 1.5], ["0", "1"])
    axes.set_yticks([0.5, 1.5], ["0", "1"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{name} *" if cell.marked else name)
    for (row, column), rate in np.ndenumerate(rates):
        at = column + 0.5, row + 0.5
        axes.text(*at, f"{rate:.0%}", ha="center", va="bottom", fontsize=9.5)
        axes.text(*at, f"\n{counts[row, column]:,}", ha="center", va="center", fontsize=6.5)


def draw_lengths(systems: Sequence[System]) -> Drawing | None:
    """Draw how many tokens the pairs have, a panel a tokenizer; None where none was measured."""
    encoders = _encoders(systems)
    if not encoders:
        return None
    tasks = task_order(task for cells in encoders.values() for task in cells)
    columns = min(2, len(encoders))
    rows = -(-len(encoders) // columns)
    with styled():
        size = 0.9 + 3.9 * columns, 0.75 + rows * (0.75 + 0.2 * len(tasks))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (name, cells) in zip(panels.flat, encoders.items(), strict=False):
            _boxes(axes, name, [cells.get(task) for task in tasks])
        first = panels.flat[0]
        first.set_yticks(range(len(tasks)), tasks)
        first.set_ylim(len(tasks) - 0.4, -0.6)
        first.set_xscale("log", base=2)
        left, right = first.get_xlim()
        first.set_xlim(left / 1.25, right)
        first.xaxis.set_major_locator(LogLocator(base=2, numticks=12))
        first.xaxis.set_minor_locator(NullLocator())
        first.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        label_panels(panels, len(encoders))
        figure.supxlabel("tokens a pair, special tokens included (logarithmic)", fontsize=8)
        legend(figure, _box_legend(), size[0])
        return drawing_of(
            figure,
            "lengths",
            "Length of the pairs in tokens",
            "Before anything was cut off. Whatever lies right of the dashed line is more than the model takes, and was "
            "cut off.",
        )


def _encoders(systems: Sequence[System]) -> dict[str, dict[str, TaskResult]]:
    """Cells by tokenizer and by how it was used, under the names of the models that share it."""
    cells: dict[tuple[object, ...], dict[str, TaskResult]] = {}
    names: dict[tuple[object, ...], list[str]] = {}
    for system in systems:
        for task, cell in system.results.items():
            encoding = cell.seed_results[0].encoding
            if encoding is None:
                continue
            # Words of a fixed length are chosen task by task: only where a task has two does that part encoders.
            key: tuple[object, ...] = (system.model.tokenizer_sha256 or system.model.id, encoding.max_length)
            while task in cells.get(key, {}) and cells[key][task].segment != cell.segment:
                key = (*key, cell.segment)
            cells.setdefault(key, {}).setdefault(task, cell)
            shared = names.setdefault(key, [])
            if system.model.id not in shared:
                shared.append(system.model.id)
    return {_unique(", ".join(names[key]), key, names): cells[key] for key in cells}


def _unique(name: str, key: tuple[object, ...], names: dict[tuple[object, ...], list[str]]) -> str:
    """Tell tokenizers of one name apart by their digest and options."""
    if sum(", ".join(parts) == name for parts in names.values()) == 1:
        return name
    return f"{name} #{' '.join(str(part)[:8] for part in key)}"


def _boxes(axes: Axes, name: str, cells: Sequence[TaskResult | None]) -> None:
    """Draw one tokenizer: a row a task."""
    axes.xaxis.grid(True, color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    limits = set()
    for row, cell in enumerate(cells):
        encoding = cell.seed_results[0].encoding if cell else None
        if encoding is None:
            continue
        at = encoding.lengths
        axes.plot([at[_MINIMUM], at[_MAXIMUM]], [row, row], "o", color=BLUE, markersize=2.2, zorder=3)
        axes.hlines(row, at[_P5], at[_P95], color=BLUE, linewidth=1.1, zorder=2)
        axes.barh(row, at[_P75] - at[_P25], left=at[_P25], height=0.55, color="#9ECAE9", edgecolor=BLUE, linewidth=0.8)
        axes.vlines(at[_MEDIAN], row - 0.28, row + 0.28, color=ORANGE, linewidth=2, zorder=3)
        limits.add(encoding.max_length)
    title = short(name)
    for limit in sorted(limit for limit in limits if limit):
        axes.axvline(limit, color="black", linestyle=(0, (4, 3)), linewidth=1)
        title += f" (takes {limit:,})"
    axes.set_title(title, loc="left", fontweight="bold")


def _box_legend() -> list[Line2D]:
    return [
        Line2D([], [], linestyle="", marker="o", color=BLUE, markersize=2.5, label="shortest, longest"),
        Line2D([], [], color=BLUE, linewidth=1.1, label="5% to 95%"),
        Line2D([], [], color="#9ECAE9", linewidth=6, label="25% to 75%"),
        Line2D([], [], linestyle="", marker="|", color=ORANGE, markersize=9, markeredgewidth=2, label="median"),
        Line2D([], [], color="black", linestyle=(0, (4, 3)), linewidth=1, label="most the model takes"),
    ]


def _two_lines(name: str) -> str:
    """Put a model over its training."""
    return "\n".join(short(part, 40) for part in name.split(", ", maxsplit=1))
