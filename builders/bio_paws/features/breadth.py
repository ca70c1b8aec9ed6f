"""How broad a split is: of how many homology groups, organisms and distinct bases its pairs were made."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws_cards.manifest import Breadth, BreadthBounds

BREADTH_COLUMNS = tuple(f"{name}{side}" for side in (1, 2) for name in ("source", "start", "end", "organism", "group"))
"""Columns of a split that `breadth_of` reads."""

BROAD = BreadthBounds(min_groups=300, max_group=0.02, min_organisms=5, max_organism=0.3334)
"""Bounds of a broad validation or test split: a score there tells of many families, not of a few long ones."""

BOUNDED_SPLITS = ("validation", "test")

_DECIMALS = 4


def breadth_of(rows: pa.Table) -> Breadth:
    """Measure the breadth of a split.

    Parameters
    ----------
    rows : pyarrow.Table
        At least `BREADTH_COLUMNS`, and at least one row.

    Returns
    -------
    Breadth
        A pair counts half for the group, and half for the organism, of each side.

    Examples
    --------
    >>> sides = {"source": "chr1", "start": 0, "end": 50, "organism": "A", "group": "g0"}
    >>> row = {f"{name}1": value for name, value in sides.items()}
    >>> row |= {f"{name}2": value for name, value in (sides | {"start": 40, "end": 90, "group": "g1"}).items()}
    >>> breadth_of(pa.Table.from_pylist([row]))
    Breadth(groups=2, largest_group=0.5, organisms={'A': 1.0}, distinct_residues=90)
    """
    groups, organisms = (_shares(_both_sides(rows, name)) for name in ("group", "organism"))
    source = _both_sides(rows, "source").combine_chunks().dictionary_encode().indices.to_numpy()
    start, end = (_both_sides(rows, name).to_numpy() for name in ("start", "end"))
    return Breadth(
        groups=len(groups),
        largest_group=max(groups.values()),
        organisms=dict(sorted(organisms.items())),
        distinct_residues=_covered(source, start, end),
    )


def out_of_bounds(breadth: Breadth, bounds: BreadthBounds) -> str:
    """Say by what a split is less broad than bounds ask for; empty where it is not.

    Examples
    --------
    >>> narrow = Breadth(groups=12, largest_group=0.3, organisms={"A": 1.0}, distinct_residues=900)
    >>> out_of_bounds(narrow, BROAD)
    '12 homology groups, the largest with 30.0%, 1 organisms, the largest with 100.0%'
    """
    largest = max(breadth.organisms.values())
    kept = (
        breadth.groups >= bounds.min_groups
        and breadth.largest_group <= bounds.max_group
        and len(breadth.organisms) >= bounds.min_organisms
        and largest <= bounds.max_organism
    )
    if kept:
        return ""
    return (
        f"{breadth.groups:,} homology groups, the largest with {breadth.largest_group:.1%}, "
        f"{len(breadth.organisms)} organisms, the largest with {largest:.1%}"
    )


def _both_sides(rows: pa.Table, name: str) -> pa.ChunkedArray:
    return pa.chunked_array([*rows[f"{name}1"].chunks, *rows[f"{name}2"].chunks])


def _shares(values: pa.ChunkedArray) -> dict[str, float]:
    counts = pc.value_counts(values)
    total = len(values)
    pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    return {value: round(count / total, _DECIMALS) for value, count in pairs}


def _covered(source: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]) -> int:
    """Count the positions of sources that intervals, 0-based and half-open, cover."""
    order = np.lexsort((start, source))
    # All sources on one axis: the furthest end so far is then a running maximum.
    offset = source[order].astype(np.int64) * (int(end.max()) + 1)
    start, end = start[order] + offset, end[order] + offset
    reach = np.append(start[0], np.maximum.accumulate(end)[:-1])
    return int(np.maximum(end - np.maximum(start, reach), 0).sum())
