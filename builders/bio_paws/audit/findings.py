"""What an audit finds: figures with intervals, findings, and the charts that show them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.catalog import BY_ID, INTERVAL_SLACK, SEVERITIES, Limits, Severity, Unit

EXAMPLES = 3
"""Rows that a finding shows, at most."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval; `low` and `high` equal `value` where every row was counted."""

    value: float
    low: float
    high: float

    @classmethod
    def counted(cls, part: int, whole: int) -> Estimate:
        """Share of all rows there are: no interval."""
        value = part / whole if whole else 0.0
        return cls(value, value, value)

    @classmethod
    def sampled(cls, part: int, whole: int) -> Estimate:
        """Share in a sample, with Wilson's score interval (1927, JASA 22:209-212)."""
        if not whole:
            return cls(0.0, 0.0, 1.0)
        z, share = 1.96, part / whole
        middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
        half = z / (1 + z * z / whole) * float(np.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)))
        return cls(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))

    def __str__(self) -> str:
        if self.low == self.high == self.value:
            return f"{self.value:.3g}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Chart:
    """Numbers by label, to be drawn.

    Attributes
    ----------
    kind : {"steps", "bars"}
        A histogram over edges, or a bar for each name.
    x : str
        What the edges are, or the bars.
    places : tuple
        Edges, one more than values; or names of bars.
    series : dict of str to tuple of float
        Values under the name of each label.
    y : str
        What the values are.
    """

    kind: Literal["steps", "bars"]
    x: str
    places: tuple[float, ...] | tuple[str, ...]
    series: dict[str, tuple[float, ...]]
    y: str = "part of the pairs of a label"


@dataclass(frozen=True)
class Example:
    """A row: its split and its number there, from 0; its id where it has one; its values, cut short."""

    split: str
    row: int
    id: str | None
    sentence1: str | None
    sentence2: str | None
    label: str | None


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    check : str
        Id of the check.
    severity : {"severe", "warning", "note"}
        By the limits of `catalog.CHECKS`.
    figure : Estimate
        The number that was judged, in `unit`.
    what : str
        What was found, in words.
    advice : str
        What to do.
    rows : tuple of int
        Places of example rows in the pairs.
    numbers : dict
        Counts behind the figure.
    chart : Chart or None
        What to draw.
    examples : tuple of Example
        The rows, read.
    """

    check: str
    severity: Severity
    figure: Estimate
    unit: Unit
    what: str
    advice: str
    rows: tuple[int, ...] = ()
    numbers: dict[str, float | int | str] = field(default_factory=dict)
    chart: Chart | None = None
    examples: tuple[Example, ...] = ()


def finding(
    check: str,
    figure: Estimate,
    what: str,
    *,
    rows: NDArray[np.int64] | None = None,
    numbers: dict[str, float | int | str] | None = None,
    chart: Chart | None = None,
    at_least: Severity = "note",
    unit: Unit | None = None,
) -> Finding:
    """Judge a figure by the limits of its check; `unit` where it is not that of the check."""
    known = BY_ID[check]
    severity = min(known.severity(_judged(figure, unit or known.unit)), at_least, key=SEVERITIES.index)
    shown = () if rows is None else tuple(int(row) for row in rows[:EXAMPLES])
    return Finding(check, severity, figure, unit or known.unit, what, known.advice, shown, numbers or {}, chart)


def _judged(figure: Estimate, unit: Unit) -> float:
    """Return the number that limits are held against: an AUC's interval must not lie far below them."""
    return min(figure.value, figure.low + INTERVAL_SLACK) if unit == "AUC" else figure.value


def judge_again(finding: Finding, limits: Limits) -> Finding:
    """Judge a finding by other limits, where they differ from those of its check."""
    limit, known = limits[finding.check], BY_ID[finding.check]
    if limit == known:
        return finding
    return replace(finding, severity=limit.severity(_judged(finding.figure, finding.unit)))


@dataclass(frozen=True)
class Measurement:
    """How well one way of telling the label does.

    Attributes
    ----------
    name : str
        The way.
    role : {"baseline", "upper_bound"}
        Whether it aligns or translates the sides.
    auc, accuracy : Estimate
        Out of fold, or on the test split.
    threshold : float or None
        The best cut through the score; None for a classifier.
    rows : int
        Pairs it was measured on.
    """

    name: str
    role: Literal["baseline", "upper_bound"]
    auc: Estimate
    accuracy: Estimate
    threshold: float | None
    rows: int
