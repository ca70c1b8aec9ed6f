"""What figures of a report share: how lines look, how panels are labelled, where the legend stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bio_paws.audit.plot_style import BLUE, GREEN, ORANGE, PURPLE
from bio_paws_eval.report.systems import System

BASELINE_LINES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("baseline", {"color": PURPLE, "marker": "^", "linestyle": (0, (4, 3))}),
    ("upper_bound", {"color": GREEN, "marker": "v", "linestyle": (0, (4, 3))}),
)
"""How the best baseline and the best upper bound are drawn, by the method of a system."""

_COLORS, _MARKERS = (BLUE, ORANGE, "#56B4E9", "#E69F00", "black"), "osDPX*<"


def line_style(number: int) -> dict[str, Any]:
    """Return the colour and the marker of a line, counted from 0; the first 35 differ."""
    return {"color": _COLORS[number % len(_COLORS)], "marker": _MARKERS[number % len(_MARKERS)]}


def commoner_share(task: str, systems: Sequence[System]) -> float:
    """Accuracy of always giving the commoner label."""
    confusion = next(system.scored[task].confusion for system in systems if task in system.scored)
    return float(confusion.sum(axis=1).max() / confusion.sum())


def short(name: str, most: int = 48) -> str:
    """Cut the middle out of a long name: its end tells systems apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"


def label_panels(panels: NDArray[Any], used: int) -> None:
    """Give each panel the numbers of its axis, and hide those that nothing was drawn in."""
    for i, axes in enumerate(panels.flat):
        axes.tick_params(labelbottom=True)
        if i >= used:
            axes.set_axis_off()


def legend(figure: Figure, handles: list[Line2D], width: float) -> None:
    """Put a legend on top: in one line where the figure, so many inches wide, has room."""
    columns = len(handles) if width > 8.5 else 3
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, frameon=False)
