"""Tables for readers: pandas DataFrames of formatted text, written as Markdown or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import pandas as pd

from bio_paws_cards.markdown import escape_markdown

Row = tuple[str, ...]

_LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"},
    **{
        "|": r"\textbar{}",
        "±": r"$\pm$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "§": r"\S{}",
        "¶": r"\P{}",
        "◊": r"$\diamond$",
        "△": r"$\triangle$",
        "≈": r"$\approx$",
    },
}


@dataclass(frozen=True, eq=False)
class Table:
    """A table of formatted text, ready to be written.

    Attributes
    ----------
    name : str
        Stem of its file, and its anchor on a page.
    title : str
        Heading.
    frame : DataFrame
        The entries as text, as `text_frame` builds it: the index holds the number of each row's group. An entry may
        have several lines.
    labels : int
        Number of columns at the left that hold names. They are aligned to the left, all others to the right.
    note : str
        Explanation below the table.
    """

    name: str
    title: str
    frame: pd.DataFrame
    labels: int = 1
    note: str = ""

    @property
    def groups(self) -> list[list[Row]]:
        """Rows by group, in the order of the frame."""
        by_group = self.frame.groupby(level="group", sort=False)
        return [list(group.itertuples(index=False, name=None)) for _, group in by_group]


def text_frame(columns: Sequence[str], groups: Iterable[Iterable[Row]]) -> pd.DataFrame:
    """Build the frame of a `Table` from rows of text.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns.
    groups : iterable of iterable of Row
        Rows in groups, which a rule separates in LaTeX and on a page.

    Returns
    -------
    DataFrame
        One row for each row of text, indexed by the number of its group.

    Examples
    --------
    >>> text_frame(["system", "accuracy"], [[("gpt2", "0.790")], [("k-mers", "0.530")]]).reset_index()
       group  system accuracy
    0      0    gpt2    0.790
    1      1  k-mers    0.530
    """
    numbered = [(number, row) for number, group in enumerate(groups) for row in group]
    index = pd.Index([number for number, _ in numbered], name="group", dtype="int64")
    return pd.DataFrame([row for _, row in numbered], index=index, columns=list(columns), dtype="str")


def percent(rate: float) -> str:
    """Format a fraction as a percentage with two significant digits.

    Examples
    --------
    >>> percent(0.12), percent(0.0312), percent(0.0003)
    ('12%', '3.1%', '0.03%')
    """
    return f"{100 * rate:.0f}%" if rate >= 0.0995 else f"{100 * rate:.2g}%"


def markdown(table: Table) -> str:
    """Render a table as Markdown. Further lines of an entry become rows of their own, which a terminal shows best."""
    frame = _one_line_per_row(table.frame).map(escape_markdown).rename(columns=escape_markdown)
    values = len(frame.columns) - table.labels
    text: str = frame.to_markdown(
        index=False, disable_numparse=True, colalign=("left",) * table.labels + ("right",) * values
    )
    return text


def latex(table: Table, preamble: Sequence[str] = ()) -> str:
    r"""Render a table as a LaTeX tabular, for ``\input`` into a float.

    Parameters
    ----------
    table : Table
        The table.
    preamble : sequence of str
        Further lines of comment at the top, such as the meaning of the marks.
    """
    frame = _one_line_per_row(table.frame)
    starts = [number != previous for number, previous in zip(frame.index[1:], frame.index[:-1], strict=True)]
    frame = frame.map(escape_latex).rename(columns=escape_latex)
    # pandas draws no rule between rows; a rule in front of a row's first entry has the same effect.
    first = frame.columns[0]
    frame[first] = [
        f"\\midrule\n{entry}" if start else entry for start, entry in zip([False, *starts], frame[first], strict=True)
    ]
    columns = "l" * table.labels + "r" * (len(frame.columns) - table.labels)
    comments = [table.title, "Needs \\usepackage{booktabs}.", table.note, *preamble]
    return "".join(f"% {' '.join(line.split())}\n" for line in comments if line) + frame.to_latex(
        index=False, escape=False, column_format=columns
    )


def escape_latex(text: str) -> str:
    r"""Escape text for LaTeX, with a proper minus sign for negative numbers.

    Examples
    --------
    >>> print(escape_latex("dna_protein -0.5"))
    dna\_protein $-$0.5
    """
    if text == "-":
        return "--"
    escaped = "".join(_LATEX.get(char, char) for char in text)
    escaped = re.sub(r"(?<!\w)-(?=\d)", "$-$", escaped)
    # After \\ LaTeX takes a bracket for the start of an optional argument.
    return f"{{{escaped}}}" if escaped.startswith("[") else escaped


def _one_line_per_row(frame: pd.DataFrame) -> pd.DataFrame:
    """Divide each row into as many rows as its longest entry has lines."""
    numbers, lines = [], []
    for number, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        for line in zip_longest(*(entry.split("\n") for entry in row), fillvalue=""):
            numbers.append(number)
            lines.append(line)
    return pd.DataFrame(lines, index=pd.Index(numbers, name=frame.index.name), columns=frame.columns, dtype="str")
