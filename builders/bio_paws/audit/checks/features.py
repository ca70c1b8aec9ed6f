"""What is seen without comparing letters: odd characters, lengths, composition, complexity, containment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, fisher_exact

from bio_paws.audit.catalog import FOREIGN, SIGNIFICANT, TAIL_PURITY
from bio_paws.audit.findings import Chart, Estimate, Finding, finding
from bio_paws.audit.pairs import LETTER_FAULTS, Pairs
from bio_paws.audit.sampling.intervals import auc_estimate, either_way

_TAIL = 0.02  # part of the rows at either end of a feature's range, at most
_SHORTEST_TAIL = 10  # rows
_BINS = 40
_WORDS = {
    "lower_case": "lower-case letters",
    "gaps": "gaps or stops (-, ., *)",
    "white_space": "white space",
    "other_letters": "letters outside the alphabet",
}


def check_letters(pairs: Pairs) -> Iterator[Finding]:
    """Check characters that do not belong, by label; and those that a side's alphabet has no place for."""
    for side, name in enumerate(pairs.columns.sides):
        foreign, total = pairs.foreign[side].sum(dtype=np.float64), pairs.features["length"][side].sum(dtype=np.float64)
        if foreign >= FOREIGN * total:
            yield finding(
                "foreign_letters",
                Estimate.counted(int(foreign), int(total)),
                f"{int(foreign):,} of {int(total):,} characters of {name} are no letters of {pairs.columns.kinds[side]}"
                f" (taken for that: {pairs.columns.evidence[side]})",
                rows=np.flatnonzero(pairs.foreign[side] > 0),
                numbers={"characters": int(foreign)},
            )
    for fault in LETTER_FAULTS:
        rows: NDArray[np.bool_] = np.logical_or(*pairs.faults[fault])
        if rows.all() or not rows.any():
            continue  # what all rows have tells nothing
        yield from _flag(pairs, fault, rows, f"hold {_WORDS[fault]}", always=True)


def check_containment(pairs: Pairs) -> Iterator[Finding]:
    """Check identical sides, and sides that contain each other, by label."""
    yield from _flag(pairs, "identical_sides", pairs.identical, "have identical sides", always=False)
    yield from _flag(pairs, "containment", pairs.contained, "have one side that contains the other", always=False)


def _flag(pairs: Pairs, check: str, rows: NDArray[np.bool_], words: str, *, always: bool) -> Iterator[Finding]:
    """Judge a property that a row has or has not; one that goes with no label is a note, where it is told at all."""
    by_label = [int(rows[pairs.labels == label].sum()) for label in (0, 1)]
    totals = [int((pairs.labels == label).sum()) for label in (0, 1)]
    count = sum(by_label)
    if not count:
        return
    rest = [total - own for total, own in zip(totals, by_label, strict=True)]
    p_value = float(fisher_exact([by_label, rest]).pvalue)
    if p_value >= SIGNIFICANT and not always:
        return
    name0, name1 = pairs.label_names
    what = f"{count:,} rows {words}: {by_label[1]:,} with label {name1!r}, {by_label[0]:,} with {name0!r}"
    # The figure is how far the property moves the odds: the difference of its shares under the two labels.
    tied = p_value < SIGNIFICANT
    gap = abs(by_label[1] / totals[1] - by_label[0] / totals[0])
    figure = Estimate(gap, gap, gap) if tied else Estimate(0.0, 0.0, 0.0)
    yield finding(
        check,
        figure,
        what if tied else f"{what}; no more than chance apart",
        rows=np.flatnonzero(rows),
        numbers={"rows": count, "p_value": p_value},
        chart=Chart(
            "bars",
            "label",
            pairs.label_names,
            {"rows": tuple(own / total for own, total in zip(by_label, totals, strict=True))},
        ),
    )


def check_features(pairs: Pairs, clusters: NDArray[np.int64]) -> Iterator[Finding]:
    """Check lengths, composition and complexity, of each side and of both, by label; clusters: shape (n,)."""
    for check, values in _features(pairs):
        yield from _feature(pairs, check, values.astype(np.float64), clusters)


def _features(pairs: Pairs) -> Iterator[tuple[str, NDArray[np.float32]]]:
    sequences = [alphabet.is_sequence for alphabet in pairs.columns.alphabets]
    for name, values in pairs.features.items():
        for side in (0, 1):
            if name == "length" or sequences[side]:
                yield f"{name}{side + 1}", values[side]
    yield "length_difference", np.abs(pairs.features["length"][0] - pairs.features["length"][1])
    if all(sequences):
        yield "composition_difference", np.abs(pairs.features["composition"][0] - pairs.features["composition"][1])


def _words(pairs: Pairs, check: str) -> str:
    """Name a feature; a composition by the letters that are counted."""
    if not check.startswith("composition"):
        return check.replace("_", " ").replace("1", " of sentence1").replace("2", " of sentence2")
    first, second = (f"share of {', '.join(alphabet.composition)}" for alphabet in pairs.columns.alphabets)
    if check.endswith("_difference"):
        return f"difference of the {first}" + (f" from the {second}" if first != second else "")
    return f"{first} of sentence1" if check.endswith("1") else f"{second} of sentence2"


def _feature(pairs: Pairs, check: str, values: NDArray[np.float64], clusters: NDArray[np.int64]) -> Iterator[Finding]:
    area = either_way(auc_estimate(values, pairs.labels, clusters))
    words = _words(pairs, check)
    tail = _tail(values, pairs.labels)
    if area.value < 0.6 or area.low < 0.55:
        if tail is None:
            return
        rows, what = tail
        yield finding(
            check,
            Estimate.counted(len(rows), len(values)),
            f"{words}: {what}",
            rows=rows,
            numbers={"tail_rows": len(rows)},
            chart=_histogram(pairs, values, words),
            at_least="warning",
            unit="share",
        )
        return
    yield finding(
        check,
        area,
        f"{words} tells the label" + (f"; {tail[1]}" if tail else ""),
        numbers={f"median, label {name}": float(np.median(values[pairs.labels == label])) for label, name in
                 enumerate(pairs.label_names)},
        chart=_histogram(pairs, values, words),
    )  # fmt: skip


def _tail(values: NDArray[np.float64], labels: NDArray[np.int8]) -> tuple[NDArray[np.int64], str] | None:
    """Find rows at one end of the range that nearly all carry one label: what an AUC over all rows does not show."""
    order = np.argsort(values, kind="stable")
    rate = float(labels.mean())
    best: tuple[float, NDArray[np.int64], str] | None = None
    for end, ends in (("lowest", order), ("highest", order[::-1])):
        reach = ends[: round(_TAIL * len(values)) + 1]
        # Ties stay together: a tail ends where the value changes.
        sizes = 1 + np.flatnonzero(np.diff(values[reach]))
        sizes = sizes[sizes >= _SHORTEST_TAIL]
        if not len(sizes):
            continue
        ones = np.cumsum(labels[reach], dtype=np.int64)[sizes - 1]
        more = np.minimum(binom.cdf(ones, sizes, rate), binom.sf(ones - 1, sizes, rate))
        p_values = np.where(np.maximum(ones, sizes - ones) >= TAIL_PURITY * sizes, 2 * more, 1.0)
        at = int(np.argmin(p_values))
        if p_values[at] < SIGNIFICANT and (best is None or p_values[at] < best[0]):
            size, purity = int(sizes[at]), max(ones[at], sizes[at] - ones[at]) / sizes[at]
            best = float(p_values[at]), ends[:size], f"the {end} {size:,} rows carry one label in {purity:.0%}"
    return None if best is None else best[1:]


def _histogram(pairs: Pairs, values: NDArray[np.float64], words: str) -> Chart:
    low, high = np.percentile(values, (0.1, 99.9))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    series = {}
    for label, name in enumerate(pairs.label_names):
        own = np.clip(values[pairs.labels == label], edges[0], edges[-1])
        series[f"label {name}"] = tuple((np.histogram(own, edges)[0] / max(1, len(own))).tolist())
    return Chart("steps", words, tuple(edges.tolist()), series)
