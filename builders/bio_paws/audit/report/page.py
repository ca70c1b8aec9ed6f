"""An audit as one HTML page with its figures, and as JSON beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bio_paws.audit.catalog import SEVERITIES
from bio_paws.audit.checks.shortcuts import FEWEST, by_split
from bio_paws.audit.report.text import audit_json, example_text, facts
from bio_paws.audit.report.verdict import verdict
from bio_paws.audit.run import Audit
from bio_paws.errors import DataError
from bio_paws.execution.files import atomic, write_json

PAGE, DATA = "audit.html", "audit.json"

_BEGINNINGS = {
    PAGE: b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    b'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Audit of ',
    DATA: b'{\n  "dataset": ',
}
"""How the files of an earlier audit begin, which are replaced."""


def check_page(out: Path) -> None:
    """Find out before the long part whether a page can be drawn, and written.

    Parameters
    ----------
    out : Path
        The folder.

    Raises
    ------
    DataError
        When matplotlib is missing, or a file of the user would be replaced.
    """
    _need_figures()
    there = next(path for path in (out, *out.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise DataError(f"{there}: not a folder: name another one with --out")
    for name, beginning in _BEGINNINGS.items():
        path = out / name
        if os.path.lexists(path) and not (path.is_file() and path.read_bytes().startswith(beginning)):
            raise DataError(f"{path}: is not of an audit, and would be replaced: name another folder with --out")


def _need_figures() -> None:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise DataError("the page draws with matplotlib: pip install 'bio-paws[plots]', or drop --out") from error


def write_page(dataset: str, audits: Sequence[Audit], out: Path) -> tuple[Path, Path]:
    """Write ``audit.html`` and ``audit.json`` into a folder, over earlier ones.

    Raises
    ------
    DataError
        As `check_page`.
    BioPawsError
        When the folder cannot be written to.
    """
    check_page(out)
    with atomic(out / PAGE) as part:
        part.write_text(render_page(dataset, audits), encoding="utf-8")
    write_json(out / DATA, json_of(dataset, audits))
    return out / PAGE, out / DATA


def json_of(dataset: str, audits: Sequence[Audit]) -> dict[str, object]:
    """Return what ``--json`` prints."""
    return {"dataset": dataset, "audits": [audit_json(audit) for audit in audits]}


def render_page(dataset: str, audits: Sequence[Audit]) -> str:
    """Return the page: self-contained, the same bytes for the same audits."""
    from bio_paws.audit.report.figures import draw_baselines, draw_chart

    template = resources.files("bio_paws.audit.report").joinpath("templates/audit.html.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    environment.globals.update(
        facts=facts,
        verdict=verdict,
        by_split=by_split,
        example_text=example_text,
        fewest=FEWEST,
        draw_chart=lambda chart: Markup(draw_chart(chart)),
        draw_baselines=lambda measured: Markup(draw_baselines(measured)),
    )
    counts = [
        {name: sum(finding.severity == name for finding in audit.findings) for name in SEVERITIES} for audit in audits
    ]
    text = environment.from_string(template).render(
        dataset=dataset, audits=list(zip(audits, counts, strict=True)), severities=SEVERITIES
    )
    return text + "\n"
