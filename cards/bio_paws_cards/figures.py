"""The card's figures as SVG: small multiples, one panel a config. The same data give the same bytes.

Colours are of Okabe & Ito's palette (2008), which colour-blind readers can tell apart; nothing hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from math import ceil, floor

from bio_paws_cards.description import Description, Histogram, SequenceSet
from bio_paws_cards.manifest import Manifest
from bio_paws_cards.render import render

_COLUMNS = 3
_PANEL, _PLOT = (272, 156), (218, 84)
"""Width and height of a panel, and of the plot in it."""
_PLOT_AT, _HEADER = (44, 26), 72
"""Where the plot stands in its panel, and the height of what stands above the panels."""
_ROUNDING = 1e-9

Span = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in the plot, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Series:
    """What a panel is to show: a histogram over a span of its values, which the axis tells `factor` times as large."""

    title: str
    axis: str
    histogram: Histogram
    span: Span
    factor: int = 1


@dataclass(frozen=True)
class Panel:
    """A small plot: `outlines` are SVG paths of label 0 and label 1, empty where there is nothing of a label."""

    place: tuple[int, int]
    title: str
    axis: str
    outlines: tuple[str, str]
    ticks: tuple[Tick, ...]
    top: str


def draw_figures(manifest: Manifest, description: Description) -> dict[str, str]:
    """Draw similarity, lengths and composition of every config, by label.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    description : Description
        What its rows hold.

    Returns
    -------
    dict of str to str
        SVG by file name.
    """
    configs = description.configs
    sequences = [
        (f"{name} {sequence.column}".strip(), sequence)
        for name, config in configs.items()
        for sequence in config.sequences
    ]
    shares = _span([histograms.composition for _, histograms in sequences])
    sides = "Both sides are counted, unless one is named."
    figures = {
        "similarity.svg": (
            "Similarity of the two sequences",
            "Pairs of each label by similarity, in every config.",
            [Series(name, "similarity", config.similarity, (0.0, 1.0)) for name, config in configs.items()],
        ),
        "length.svg": (
            "Length of the sequences",
            f"Sequences of each label by length, in every config. {sides}",
            [
                Series(name, f"length, {histograms.unit}", histograms.length, _span([histograms.length]))
                for name, histograms in sequences
            ],
        ),
        "composition.svg": (
            "Composition of the sequences",
            f"Sequences of each label by the share of some residues in them, in every config. {sides}",
            [
                Series(name, _composition_axis(histograms), histograms.composition, shares, 100)
                for name, histograms in sequences
            ],
        ),
    }
    labels = _label_names(manifest)
    return {name: _draw(title, tells, series, labels) for name, (title, tells, series) in figures.items()}


def _composition_axis(sequences: SequenceSet) -> str:
    unit = "bases" if sequences.unit == "bp" else "residues"
    return f"{', '.join(sequences.residues[:-1])} and {sequences.residues[-1]}, % of {unit}"


def _label_names(manifest: Manifest) -> tuple[str, str]:
    """Name labels 0 and 1, in all the words that the configs have for them."""
    zeros, ones = (
        ", or ".join(dict.fromkeys(entry.label_names[label] for entry in manifest.configs.values())) for label in (0, 1)
    )
    return zeros, ones


def _span(histograms: Sequence[Histogram]) -> Span:
    """From the lowest to the highest value that a filled bin can hold."""
    edges = [
        bounds
        for histogram in histograms
        for bounds, *counts in zip(pairwise(histogram.edges), *histogram.counts, strict=True)
        if any(counts)
    ]
    return min(low for low, _ in edges), max(high for _, high in edges)


def _draw(title: str, tells: str, series: Sequence[Series], labels: tuple[str, str]) -> str:
    places = [(_PANEL[0] * (at % _COLUMNS), _HEADER + _PANEL[1] * (at // _COLUMNS)) for at in range(len(series))]
    return render(
        "figure.svg.j2",
        title=title,
        tells=tells,
        labels=labels,
        panels=[_panel(entry, place) for entry, place in zip(series, places, strict=True)],
        size=(_PANEL[0] * _COLUMNS, places[-1][1] + _PANEL[1]),
        plot=_PLOT,
        plot_at=_PLOT_AT,
    )


def _panel(series: Series, place: tuple[int, int]) -> Panel:
    histogram, (low, high) = series.histogram, series.span
    inside = [at for at, (left, right) in enumerate(pairwise(histogram.edges)) if low <= left and right <= high]
    shares = [
        [100 * counts[at] / max(sum(counts), 1) for at in inside]  # of a label, which may have no pair
        for counts in histogram.counts
    ]
    top = next(number for number in _round_numbers(1, 2, 3, 4, 6, 8) if number >= max(map(max, shares)))
    edges = [_PLOT[0] * (histogram.edges[at] - low) / (high - low) for at in (*inside, inside[-1] + 1)]
    zeros, ones = (_outline(edges, [_PLOT[1] * (1 - share / top) for share in each]) for each in shares)
    ticks = _ticks(series.factor * low, series.factor * high)
    return Panel(place, series.title, series.axis, (zeros, ones), ticks, f"{top:g}%")


def _ticks(low: float, high: float) -> tuple[Tick, ...]:
    """Mark round numbers on an axis that goes from `low` to `high`."""
    step = next(number for number in _round_numbers(1, 2, 5) if (high - low) / number <= 6)
    marks = [step * number for number in range(ceil(low / step - _ROUNDING), floor(high / step + _ROUNDING) + 1)]
    return tuple(Tick(_PLOT[0] * (mark - low) / (high - low), f"{mark:g}") for mark in marks)


def _round_numbers(*digits: int) -> Iterator[float]:
    """Yield numbers of these first digits, from hundredths up."""
    return (digit * 10.0**power for power in count(-2) for digit in digits)


def _outline(edges: Sequence[float], heights: Sequence[float]) -> str:
    """Return the path along the tops of the filled bins, from the axis and back to it."""
    filled = [at for at, height in enumerate(heights) if height < _PLOT[1]]
    if not filled:
        return ""
    path = f"M{_short(edges[filled[0]])} {_PLOT[1]}"
    for at in range(filled[0], filled[-1] + 1):
        path += f"V{_short(heights[at])}H{_short(edges[at + 1])}"
    return f"{path}V{_PLOT[1]}"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
