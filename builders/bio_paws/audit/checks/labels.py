"""Labels by themselves: their balance, and their order in the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bio_paws.audit.catalog import SIGNIFICANT
from bio_paws.audit.findings import Chart, Estimate, Finding, finding
from bio_paws.audit.pairs import Pairs
from bio_paws.audit.sampling.intervals import auc_estimate, either_way

_BINS = 50
_FEW = 100  # rows of a split below which its order says nothing


def check_labels(pairs: Pairs) -> Iterator[Finding]:
    """Check balance, order and missing values."""
    if pairs.missing:
        whole = len(pairs) + pairs.missing
        at = ", ".join(f"{pairs.splits[part]} {row}" for part, row in pairs.missing_at)
        yield finding(
            "missing_values",
            Estimate.counted(pairs.missing, whole),
            f"{pairs.missing:,} of {whole:,} rows lack a side or the label (rows {at}, ...)",
            numbers={"rows": pairs.missing},
        )
    yield from _balance(pairs)
    for part in np.unique(pairs.part).tolist():
        yield from _order(pairs, part)


def _balance(pairs: Pairs) -> Iterator[Finding]:
    ones = int(pairs.labels.sum(dtype=np.int64))
    counts = (len(pairs) - ones, ones)
    share = max(counts) / len(pairs)
    if share >= 0.55:
        yield finding(
            "label_balance",
            Estimate.counted(max(counts), len(pairs)),
            f"label {pairs.label_names[int(np.argmax(counts))]!r} is {share:.1%} of the rows",
            numbers={f"label {name}": count for name, count in zip(pairs.label_names, counts, strict=True)},
            chart=Chart(
                "bars", "label", pairs.label_names, {"all": tuple(count / len(pairs) for count in counts)}, "part"
            ),
        )


def _order(pairs: Pairs, part: int) -> Iterator[Finding]:
    labels = pairs.labels[pairs.part == part]
    split = pairs.splits[part]
    n, ones = len(labels), int(labels.sum(dtype=np.int64))
    if n < _FEW or not 0 < ones < n:
        return
    area = auc_estimate(np.arange(n, dtype=np.float64), labels, np.arange(n))
    if either_way(area).low > 0.55:
        middle = "first" if area.value < 0.5 else "last"
        yield finding(
            "label_order",
            either_way(area),
            f"{split}: the number of a row tells its label; {pairs.label_names[1]!r} comes {middle}",
            chart=_chart(labels),
        )
    # Runs test: Wald A, Wolfowitz J (1940) Ann Math Stat 11:147-162.
    runs = 1 + int(np.count_nonzero(np.diff(labels)))
    expected = 1 + 2 * ones * (n - ones) / n
    variance = (expected - 1) * (expected - 2) / (n - 1)
    if 2 * norm.sf(abs(runs - expected) / np.sqrt(variance)) < SIGNIFICANT:
        yield finding(
            "label_runs",
            Estimate.counted(round(abs(runs - expected)), round(expected)),
            f"{split}: labels {'come in runs' if runs < expected else 'alternate'}: {runs:,} runs of one label, where "
            f"a shuffled file has {expected:,.0f}",
            numbers={"runs": runs, "expected": round(expected)},
            chart=_chart(labels),
        )


def _chart(labels: NDArray[np.int8]) -> Chart:
    """Share of label 1 along the file."""
    edges = np.linspace(0, len(labels), min(_BINS, len(labels)) + 1).astype(int)
    shares = tuple(float(labels[a:b].mean()) for a, b in pairwise(edges))
    return Chart("steps", "row", tuple(edges.astype(float)), {"label 1": shares}, "part with label 1")
