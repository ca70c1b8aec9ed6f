"""A figure as SVG and PNG, the same bytes for the same figure."""

from __future__ import annotations

import io
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bio_paws.audit.plot_style import svg_of

_DPI = 150


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes
    ----------
    name : str
        Stem of its files.
    title, caption : str
        What it shows, and how to read it.
    svg : str
        As SVG.
    png : bytes
        As PNG.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes


def drawing_of(figure: Figure, name: str, title: str, caption: str) -> Drawing:
    """Render a figure as SVG and PNG; the same figure gives the same bytes."""
    svg, png = svg_of(figure), io.BytesIO()
    figure.set_layout_engine("none")  # it is laid out now, and that takes as long as drawing
    FigureCanvasAgg(figure)
    figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
    return Drawing(name, title, caption, svg, png.getvalue())
