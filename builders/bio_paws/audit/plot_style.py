"""The style of all figures, and their bytes: the same figure gives the same.

Colours are of Okabe & Ito's palette (2008), which colour-blind readers can tell apart; nothing hangs on colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a name may hold a dollar sign
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "bio-paws",
    "figure.facecolor": "white",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of this project, whatever the user's matplotlibrc says."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def svg_of(figure: Figure) -> str:
    """Return a figure as SVG."""
    svg = io.StringIO()
    FigureCanvasSVG(figure)
    # Neither time nor version is written.
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return svg.getvalue()
