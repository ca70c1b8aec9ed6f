"""Pages of results: one HTML file each, figures included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from bio_paws_eval.layout.drawing import Drawing

_ENVIRONMENT = Environment(
    loader=PackageLoader("bio_paws_eval.layout"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=True,
)


def render_page(template: str, drawings: Sequence[Drawing], **values: Any) -> str:
    """Render a page from a template, which finds what goes in for each of the `drawings` as `figures`, by name."""
    # Markup: matplotlib has escaped the names that it wrote into the SVG.
    figures = {
        drawing.name: Markup(_inline(drawing.svg, f"figure{number}-")) for number, drawing in enumerate(drawings)
    }
    return _ENVIRONMENT.get_template(template).render(drawings=drawings, figures=figures, **values)


def _inline(svg: str, prefix: str) -> str:
    """Make an SVG part of a page: without its prolog, and with ids that no other figure of the page has."""
    body = svg[svg.index("<svg") :]
    return re.sub(r'( id="|href="#|url\(#)', rf"\1{prefix}", body)
