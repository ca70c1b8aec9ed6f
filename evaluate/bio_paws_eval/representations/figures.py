"""Figures of representations in the paper's layout: one panel per model; DNA blue, English orange, proteins green.

Each group also has its own marker, so that the figures can be read without colour.
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

_STYLES: dict[str, dict[str, Any]] = {
    "dna": {"color": BLUE, "marker": "o"},
    "english": {"color": ORANGE, "marker": "s"},
    "protein": {"color": GREEN, "marker": "^"},
}
_NAMES = {"dna": "DNA", "english": "English", "protein": "protein"}
_MAX_NAME = 30  # characters of a model's name above a panel; its end is what distinguishes it
_PROJECTIONS = (
    ("pca_together", "Principal components of all models together",
     "All models on the same two axes, fitted to the items of all of them, in the models' own units: shows whether "
     "a cloud shrank, moved or turned. "),
    ("pca", "Principal components of each model",
     "Each model on its own first two axes, in units of the root mean square distance to the centre: shows the "
     "relative positions of the groups, whatever the scale of the space. "),
    ("umap", "UMAP of each model",
     "Preserves neighbours; distances, sizes and directions have no meaning. "),
)  # fmt: skip


def draw_comparison(comparison: Comparison, projections: pa.Table) -> list[Drawing]:
    """Draw the projections, the distances from DNA to English and, where it was measured, CKA.

    Parameters
    ----------
    comparison : Comparison
        The measurements.
    projections : pyarrow.Table
        A row for each model and sampled item: ``model``, ``group``, ``word``, and ``<projection>_x``, ``_y`` for each
        projection; its metadata holds the fractions of variance.
    """
    drawings = [
        _projection(comparison, projections, name, title, caption)
        for name, title, caption in _PROJECTIONS
        if f"{name}_x" in projections.schema.names
    ]
    drawings.append(_distances(comparison))
    return [*drawings, _alignments(comparison)] if comparison.alignments else drawings


def _panels(count: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """Return a figure and its panels, four per row; `height` is the height of a row in inches."""
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
    name = next(compared.model.id for compared in comparison.models if compared.label == label)
    if len(name) > _MAX_NAME:
        name = f"…{name[1 - _MAX_NAME :]}"
    return f"{label}  {name}"


def _projection(comparison: Comparison, projections: pa.Table, name: str, title: str, caption: str) -> Drawing:
    shared = name == "pca_together"
    table = projections.select(["model", "group", f"{name}_x", f"{name}_y"]).rename_columns(
        ["model", "group", "x", "y"]
    )
    models, groups, x, y = (table[column].to_numpy(zero_copy_only=False) for column in table.schema.names)
    counts = {group: int((groups == group).sum()) for group in _STYLES}
    with styled():
        figure, panels = _panels(len(comparison.models), 3.4, sharex=shared, sharey=shared)
        for axes, compared in zip(panels, comparison.models, strict=True):
            # Smaller groups are drawn later and with larger points: larger groups would hide them.
            for group in sorted(counts, key=lambda group: -counts[group]):
                rows = (models == compared.label) & (groups == group)
                size = min(30.0, max(7.0, 3000 / max(1, counts[group])))
                axes.scatter(x[rows], y[rows], s=size, alpha=0.55, linewidths=0, **_STYLES[group])
            axes.set_title(_heading(comparison, compared.label), loc="left", fontweight="bold")
            variance = (projections.schema.metadata or {}).get(f"{name}_{compared.label}".encode(), b"").decode()
            parts = variance.split(", ") if variance else ["", ""]
            axes.set_xlabel(f"first axis, {parts[0]}" if parts[0] else "first axis")
            axes.set_ylabel(f"second axis, {parts[1]}" if parts[1] else "second axis")
            if not variance:
                axes.set_xticks([])
                axes.set_yticks([])
        handles = [Line2D([], [], linestyle="", label=_NAMES[group], **style) for group, style in _STYLES.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
        return drawing_of(figure, name, title, caption + _caption_end(name))


def _caption_end(name: str) -> str:
    percentages = "" if name == "umap" else "Percentages are fractions of the variance. "
    return f"{percentages}One point per item, in a random sample of each group."


def _distances(comparison: Comparison) -> Drawing:
    """Draw the distance from DNA to English in each model: in its own units, and scale-free with its permutations."""
    labels = [compared.label for compared in comparison.models]
    with styled():
        figure, panels = _panels(1 + len(SCALE_FREE), 0.9 + 0.42 * len(labels), sharey=True)
        for axes, metric in zip(panels, ("euclidean", *SCALE_FREE), strict=True):
            for y, label in enumerate(labels):
                _distance_row(axes, y, comparison.distance(label, metric, "dna", "english"))
            axes.set_title("Euclidean, own units" if metric == "euclidean" else metric, loc="left", fontweight="bold")
            axes.margins(x=0.1)
            axes.set_xlim(left=0)
            axes.xaxis.grid(True, color="#E6E6E6", linewidth=0.6)
        panels[0].set_yticks(range(len(labels)), [_heading(comparison, label) for label in labels])
        panels[0].set_ylim(len(labels) - 0.5, -0.5)
        handles = [
            Line2D([], [], color=BLUE, marker="o", label="mean and 95% interval"),
            Line2D([], [], color="#CCCCCC", linewidth=6, label="95% of group permutations (sample)"),
            Line2D([], [], linestyle="", color=BLUE, marker="o", markerfacecolor="white", label="mean of that sample"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
        return drawing_of(
            figure,
            "distances",
            "Distance from a DNA token to the nearest English word",
            "Left: in each model's own units, as in the paper. The remaining metrics do not change when the entire "
            "space shrinks or grows. Grey: the same distance when items are assigned to the two groups at random, in a "
            "sample of the items. The hollow dot is the distance in that sample: where it lies to the right of the "
            "grey bar, DNA and English are separated.",
        )


def _distance_row(axes: Any, y: int, distance: Distance) -> None:
    test = distance.null
    if test:
        axes.plot([test.low, test.high], [y, y], color="#CCCCCC", linewidth=6, solid_capstyle="butt")
        axes.plot(test.observed, y, color=BLUE, marker="o", markerfacecolor="white", zorder=3)
    axes.plot([distance.low, distance.high], [y, y], color=BLUE, zorder=4)
    axes.plot(distance.value, y, color=BLUE, marker="o", markersize=4, zorder=5)


def _alignments(comparison: Comparison) -> Drawing:
    """Draw debiased CKA by layer: between the sides of similar pairs in each model, and between each two models."""
    model_pairs = list(dict.fromkeys((row.first, row.second) for row in comparison.alignments))
    tasks = list(dict.fromkeys(row.task for row in comparison.alignments))
    colours = matplotlib.colormaps["cividis"](np.linspace(0.1, 0.75, len(tasks)))
    with styled():
        figure, panels = _panels(len(model_pairs), 3.0, sharey=True)
        for axes, (first, second) in zip(panels, model_pairs, strict=True):
            for task, colour, marker in zip(tasks, colours, "osD^v", strict=False):
                key = (first, second, task)
                rows = [row for row in comparison.alignments if (row.first, row.second, row.task) == key]
                _curve(axes, rows, {"color": colour, "marker": marker, "label": task})
            title = f"{first}: sides of similar pairs" if first == second else f"{first} with {second}"
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_xlabel("layer (0: embedding)")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_ylabel("debiased linear CKA")
        handles, _ = panels[0].get_legend_handles_labels()
        figure.legend(handles=handles, loc="outside upper center", ncols=len(tasks), frameon=False)
        return drawing_of(
            figure,
            "cka",
            "Linear CKA by layer",
            "Similarity between the representations of the two sides of similar pairs in a model, or of the same "
            "sentences in two models; 1 means equal up to rotation and scale. The band holds 95% of the values of "
            "randomly matched pairs.",
        )


def _curve(axes: Any, rows: list[Alignment], style: dict[str, Any]) -> None:
    layers = [row.layer for row in rows]
    axes.plot(layers, [row.debiased.observed for row in rows], markersize=4, **style)
    low, high = ([getattr(row.debiased, end) for row in rows] for end in ("low", "high"))
    axes.fill_between(layers, low, high, color=style["color"], alpha=0.2, linewidth=0)
