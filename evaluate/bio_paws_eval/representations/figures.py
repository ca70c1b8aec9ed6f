"""Figures of vectors in the paper's layout: a panel a model, DNA blue, English red, proteins green.

Each group has a marker of its own too, so that nothing hangs on colour alone.
"""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bio_paws.audit.plot_style import BLUE, GREEN, ORANGE, styled
from bio_paws_eval.layout.drawing import Drawing, drawing_of
from bio_paws_eval.representations.distances import SCALE_FREE
from bio_paws_eval.representations.results import Alignment, Comparison, Distance

_LOOKS: dict[str, dict[str, Any]] = {
    "dna": {"color": BLUE, "marker": "o"},
    "english": {"color": ORANGE, "marker": "s"},
    "protein": {"color": GREEN, "marker": "^"},
}
_NAMES = {"dna": "DNA", "english": "English", "protein": "protein"}
_LONGEST = 30  # letters of a model's name over a panel; its end tells it from others
_PROJECTIONS = (
    ("pca_together", "Principal components of all models together",
     "All models on the same two axes, fitted to the words of all of them, in the models' own units: a cloud that "
     "shrank, moved or turned is seen to have. "),
    ("pca", "Principal components of each model",
     "Each model on its own first two axes, in units of the root mean square distance to the centre: how groups lie to "
     "each other, whatever the size of the space. "),
    ("umap", "UMAP of each model",
     "Neighbours stay neighbours; distances, sizes and directions mean nothing. "),
)  # fmt: skip


def draw_all(comparison: Comparison, projections: pa.Table) -> list[Drawing]:
    """Draw the projections, the distances from DNA to English, and CKA where it was measured."""
    drawn = [
        _projection(comparison, projections, *one) for one in _PROJECTIONS if f"{one[0]}_x" in projections.schema.names
    ]
    drawn.append(_distances(comparison))
    return [*drawn, _alignments(comparison)] if comparison.alignments else drawn


def _panels(count: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """Return a figure and its panels, four a row; ``height`` is that of a row, in inches."""
    columns = min(4, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(3.6, 3.0 * columns), height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in panels.flat[count:]:
        axes.set_axis_off()
    for axes in panels.flat:
        axes.tick_params(labelbottom=True)
    return figure, panels.flat[:count]


def _heading(comparison: Comparison, label: str) -> str:
    one = next(one for one in comparison.models if one.label == label)
    name = one.model.id if len(one.model.id) <= _LONGEST else f"…{one.model.id[1 - _LONGEST :]}"
    return f"{label}  {name}"


def _projection(comparison: Comparison, projections: pa.Table, name: str, title: str, caption: str) -> Drawing:
    shared = name == "pca_together"
    table = projections.select(["model", "group", f"{name}_x", f"{name}_y"]).rename_columns(
        ["model", "group", "x", "y"]
    )
    models, groups, x, y = (table[column].to_numpy(zero_copy_only=False) for column in table.schema.names)
    counts = {group: int((groups == group).sum()) for group in _LOOKS}
    with styled():
        figure, panels = _panels(len(comparison.models), 3.4, sharex=shared, sharey=shared)
        for axes, one in zip(panels, comparison.models, strict=True):
            # The fewer points a group has, the larger they are, and the later drawn: else the others would hide them.
            for group in sorted(counts, key=lambda group: -counts[group]):
                rows = (models == one.label) & (groups == group)
                size = min(30.0, max(7.0, 3000 / max(1, counts[group])))
                axes.scatter(x[rows], y[rows], s=size, alpha=0.55, linewidths=0, **_LOOKS[group])
            axes.set_title(_heading(comparison, one.label), loc="left", fontweight="bold")
            variance = (projections.schema.metadata or {}).get(f"{name}_{one.label}".encode(), b"").decode()
            parts = variance.split(", ") if variance else ["", ""]
            axes.set_xlabel(f"first axis, {parts[0]}" if parts[0] else "first axis")
            axes.set_ylabel(f"second axis, {parts[1]}" if parts[1] else "second axis")
            if not variance:
                axes.set_xticks([])
                axes.set_yticks([])
        handles = [Line2D([], [], linestyle="", label=_NAMES[group], **look) for group, look in _LOOKS.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
        return drawing_of(figure, name, title, caption + _shares(name))


def _shares(name: str) -> str:
    per_cent = "" if name == "umap" else "Percentages are parts of the variance. "
    return f"{per_cent}One point a word, of a random part of each group."


def _distances(comparison: Comparison) -> Drawing:
    """Draw the distance from DNA to English in each model: as it is, and without scale beside its null."""
    labels = [one.label for one in comparison.models]
    with styled():
        figure, panels = _panels(1 + len(SCALE_FREE), 0.9 + 0.42 * len(labels), sharey=True)
        for axes, metric in zip(panels, ("euclidean", *SCALE_FREE), strict=True):
            for at, label in enumerate(labels):
                _row(axes, at, comparison.distance(label, metric, "dna", "english"))
            axes.set_title("Euclidean, own units" if metric == "euclidean" else metric, loc="left", fontweight="bold")
            axes.margins(x=0.1)
            axes.set_xlim(left=0)
            axes.xaxis.grid(True, color="#E6E6E6", linewidth=0.6)
        panels[0].set_yticks(range(len(labels)), [_heading(comparison, label) for label in labels])
        panels[0].set_ylim(len(labels) - 0.5, -0.5)
        handles = [
            Line2D([], [], color=BLUE, marker="o", label="mean and 95% interval"),
            Line2D([], [], color="#CCCCCC", linewidth=6, label="95% of permutations of the groups (sample)"),
            Line2D([], [], linestyle="", color=BLUE, marker="o", markerfacecolor="white", label="of that sample"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
        return drawing_of(
            figure,
            "distances",
            "From a word of DNA to the nearest English word",
            "On the left in each model's own units, as in the paper; the others do not change when the whole space "
            "shrinks or grows. Grey: the same distance where group and word are put together at random, in a sample of "
            "the words, for which the hollow dot stands; where it lies to the right of the grey, DNA and English lie "
            "apart.",
        )


def _row(axes: Any, at: int, found: Distance) -> None:
    if found.null:
        axes.plot([found.null.low, found.null.high], [at, at], color="#CCCCCC", linewidth=6, solid_capstyle="butt")
        axes.plot(found.null.observed, at, color=BLUE, marker="o", markerfacecolor="white", zorder=3)
    axes.plot([found.low, found.high], [at, at], color=BLUE, zorder=4)
    axes.plot(found.value, at, color=BLUE, marker="o", markersize=4, zorder=5)


def _alignments(comparison: Comparison) -> Drawing:
    """Draw debiased CKA by layer: of the sides of similar pairs in each model, and of each two models."""
    couples = list(dict.fromkeys((one.first, one.second) for one in comparison.alignments))
    tasks = list(dict.fromkeys(one.task for one in comparison.alignments))
    colours = matplotlib.colormaps["cividis"](np.linspace(0.1, 0.75, len(tasks)))
    with styled():
        figure, panels = _panels(len(couples), 3.0, sharey=True)
        for axes, (first, second) in zip(panels, couples, strict=True):
            for task, colour, marker in zip(tasks, colours, "osD^v", strict=False):
                rows = [
                    one for one in comparison.alignments if (one.first, one.second, one.task) == (first, second, task)
                ]
                _curve(axes, rows, {"color": colour, "marker": marker, "label": task})
            both = f"{first}: sides of similar pairs" if first == second else f"{first} with {second}"
            axes.set_title(both, loc="left", fontweight="bold")
            axes.set_xlabel("layer (0: embedding)")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("debiased linear CKA")
        handles, _ = panels[0].get_legend_handles_labels()
        figure.legend(handles=handles, loc="outside upper center", ncols=len(tasks), frameon=False)
        return drawing_of(
            figure,
            "cka",
            "Linear CKA by layer",
            "How alike the two sides of similar pairs are laid out in a model, or the same sentences in two models; 1 "
            "is the same but for axes and units. The band holds 95% of what pairs put together at random give.",
        )


def _curve(axes: Any, rows: list[Alignment], look: dict[str, Any]) -> None:
    layers = [one.layer for one in rows]
    axes.plot(layers, [one.debiased.observed for one in rows], markersize=4, **look)
    low, high = ([getattr(one.debiased, end) for one in rows] for end in ("low", "high"))
    axes.fill_between(layers, low, high, color=look["color"], alpha=0.2, linewidth=0)
