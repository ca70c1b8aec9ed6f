"""Tables as text: Markdown for terminals and repositories, LaTeX for papers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

Row = tuple[str, ...]

_LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"},
    **{"|": r"\textbar{}", "±": r"$\pm$", "†": r"$\dagger$", "‡": r"$\ddagger$", "§": r"\S{}", "¶": r"\P{}"},
}


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    name : str
        Stem of its file, and its anchor.
    title : str
        Its heading.
    columns : tuple of str
        Heads of the columns.
    groups : tuple of tuple of Row
        Rows, in groups with a rule between. A cell may hold several lines.
    labels : int
        So many columns at the left hold names; the others hold values.
    note : str
        What a reader must know, beneath it.
    """

    name: str
    title: str
    columns: Row
    groups: tuple[tuple[Row, ...], ...]
    labels: int = 1
    note: str = ""


def percent(rate: float) -> str:
    """Write a part of one in percent, with two digits."""
    return f"{100 * rate:.0f}%" if rate >= 0.0995 else f"{100 * rate:.2g}%"


def markdown(table: Table) -> str:
    """Render as a Markdown table; further lines of a cell become rows of their own."""
    lines = [_markdown_row(line) for group in table.groups for row in group for line in _lines(row)]
    head = _markdown_row(table.columns)
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    rule = ["-" * width if i < table.labels else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(_padded(line, widths, table.labels) for line in [head, rule, *lines])


def _markdown_row(row: Sequence[str]) -> list[str]:
    return [re.sub(r"([\\|<*`])", r"\\\1", cell) for cell in row]


def _padded(row: Sequence[str], widths: Sequence[int], labels: int) -> str:
    sides = [
        cell.ljust(width) if i < labels else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(sides)} |"


def latex(table: Table, preamble: Sequence[str] = ()) -> str:
    r"""Render as a LaTeX tabular, for ``\input`` into a float.

    Parameters
    ----------
    table : Table
        The table.
    preamble : sequence of str
        Lines of comment to put first.
    """
    groups = [
        "\n".join(f"{' & '.join(map(escape_latex, line))} \\\\" for row in group for line in _lines(row))
        for group in table.groups
        if group
    ]
    comments = [table.title, "Needs \\usepackage{booktabs}.", table.note, *preamble]
    return "\n".join(
        [
            *(f"% {line}" for line in comments if line),
            f"\\begin{{tabular}}{{{'l' * table.labels}{'r' * (len(table.columns) - table.labels)}}}",
            "\\toprule",
            f"{' & '.join(map(escape_latex, table.columns))} \\\\",
            "\\midrule",
            "\n\\midrule\n".join(groups),
            "\\bottomrule",
            "\\end{tabular}",
            "",
        ]
    )


def escape_latex(text: str) -> str:
    """Write text so that LaTeX sets it as it stands."""
    if text == "-":
        return "--"
    escaped = "".join(_LATEX.get(char, char) for char in text)
    escaped = re.sub(r"(?<!\w)-(?=\d)", "$-$", escaped)  # a minus, not a hyphen
    return f"{{{escaped}}}" if escaped.startswith("[") else escaped  # after \\ a bracket would be taken for an option


def _lines(row: Row) -> list[Row]:
    """Divide a row into one for each line of its longest cell."""
    return list(zip_longest(*(cell.split("\n") for cell in row), fillvalue=""))
