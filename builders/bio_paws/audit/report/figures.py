"""Charts of an audit as SVG. The same audit gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bio_paws.audit.findings import Chart, Measurement
from bio_paws.audit.plot_style import BLUE, GREY, ORANGE, styled, svg_of

_COLOURS = (ORANGE, BLUE)
_DASHES: tuple[str, ...] = ("-", "--")
_GREEN = "#007A5A"


def draw_chart(chart: Chart) -> str:
    """Draw the chart of a finding."""
    with styled():
        figure = Figure(figsize=(5.2, 2.1), layout="constrained")
        axes = figure.subplots()
        (_draw_steps if chart.kind == "steps" else _draw_bars)(axes, chart)
        axes.set_xlabel(chart.x)
        axes.set_ylabel(chart.y)
        axes.set_ylim(bottom=0)
        return _svg(figure)


def _draw_steps(axes: Axes, chart: Chart) -> None:
    edges = np.array(chart.places, dtype=np.float64)
    for number, (name, values) in enumerate(chart.series.items()):
        line = axes.stairs(values, edges, color=_COLOURS[number % 2], linestyle=_DASHES[number % 2], linewidth=1.4)
        axes.stairs(values, edges, fill=True, color=_COLOURS[number % 2], alpha=0.12)
        line.set_label(name)
    if len(chart.series) > 1:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _draw_bars(axes: Axes, chart: Chart) -> None:
    (values,) = chart.series.values()
    names = [str(place) for place in chart.places]
    bars = axes.bar(range(len(names)), values, color=_COLOURS[1], width=0.6)
    few = len(names) <= 4
    axes.set_xticks(range(len(names)), names, rotation=0 if few else 90)
    if few:
        axes.bar_label(bars, [f"{value:.3g}" for value in values], fontsize=7, padding=1)
        axes.set_xlim(-0.8, len(names) - 0.2)


def draw_baselines(measurements: Sequence[Measurement]) -> str:
    """Draw the AUC of every baseline and upper bound, with its interval."""
    with styled():
        figure = Figure(figsize=(6.4, 0.8 + 0.19 * len(measurements)), layout="constrained")
        axes = figure.subplots()
        for row, measured in enumerate(measurements):
            trivial = measured.role == "baseline"
            axes.hlines(
                row, measured.auc.low, measured.auc.high, color=_COLOURS[1] if trivial else _GREEN, linewidth=1.4
            )
            axes.plot(
                [measured.auc.value], [row], "o" if trivial else "D", color=_COLOURS[1] if trivial else _GREEN, ms=4
            )
        axes.plot([], [], "o-", color=_COLOURS[1], markersize=4, label="baseline: aligns nothing")
        axes.plot([], [], "D-", color=_GREEN, markersize=4, label="upper bound: aligns or translates")
        axes.axvline(0.5, color=GREY, linestyle=(0, (4, 3)), linewidth=0.9)
        axes.set_yticks(range(len(measurements)), [measured.name for measured in measurements])
        axes.set_ylim(len(measurements) - 0.4, -0.6)
        axes.set_xlim(min(0.4, *(measured.auc.low for measured in measurements)) - 0.02, 1.02)
        axes.xaxis.grid(True, color="#E6E6E6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("area under the ROC curve; dashed: chance")
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return _svg(figure)


def _svg(figure: Figure) -> str:
    text = svg_of(figure)
    return text[text.index("<svg") :]
