"""Partition regions: intervals of the sources with their homology group and split, and where to find one."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import pyarrow as pa

from bio_paws.build.segments import Ints
from bio_paws.sequences.records import Intervals

_POSITION_BITS = 40  # lower bits of a region's key, which hold its start (bp); the source's number stands above them

REGIONS = pa.schema(
    [
        ("source", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("group", pa.string()),
        ("split", pa.string()),
    ]
)
"""A partition region: a 0-based half-open interval of a source (bp or aa), its homology group and its split. The
regions of a source cover all of it."""


class RegionIndex:
    """Finds the homology group and split of intervals.

    Parameters
    ----------
    regions : pyarrow.Table
        Schema `REGIONS`; the regions of each source must cover all of it.

    Attributes
    ----------
    assignments : list of (group, split)
        The groups with their splits; `find_many` returns indices into this list.

    Examples
    --------
    >>> columns = [["chr1", "chr1"], [0, 400], [400, 900], ["g0", "g1"], ["train", "test"]]
    >>> index = RegionIndex(pa.table(columns, schema=REGIONS))
    >>> index.find("chr1", 450, 600)
    ('g1', 'test')
    >>> index.find("chr1", 350, 450) is None
    True
    >>> index.merged_intervals(("test",))
    [('chr1', 400, 900, 'test')]
    """

    def __init__(self, regions: pa.Table) -> None:
        sources, starts, ends, groups, splits = (regions[name].to_pylist() for name in REGIONS.names)
        self._number: dict[str, int] = {}
        number = np.array([self._number.setdefault(source, len(self._number)) for source in sources], dtype=np.int64)
        # One sorted key for (source, start): a single binary search finds the region that holds a position.
        key = (number << _POSITION_BITS) + np.array(starts, dtype=np.int64)
        order = np.argsort(key, kind="stable")
        self._keys, self._ends = key[order], np.array(ends, dtype=np.int64)[order]
        self._key_list: list[int] = self._keys.tolist()  # for single look-ups bisect in a list beats NumPy
        index: dict[tuple[str, str], int] = {}
        assignment = [index.setdefault((groups[i], splits[i]), len(index)) for i in order.tolist()]
        self._assignment = np.array(assignment, dtype=np.int64)
        self.assignments: list[tuple[str, str]] = list(index)
        self._assignment_of = [self.assignments[i] for i in assignment]

    def find(self, source: str, start: int, end: int) -> tuple[str, str] | None:
        """Return (group, split) of an interval, or None where it crosses from one region into another."""
        at = self._region_at(source, start)
        return self._assignment_of[at] if end <= self._ends[at] else None

    def find_many(self, intervals: Intervals) -> Ints:
        """Find the region of each interval.

        Returns
        -------
        ndarray, shape (intervals,), int64
            Index into `assignments`, or -1 where the interval crosses from one region into another.
        """
        number = np.array([self._number[source] for source in intervals.source], dtype=np.int64)
        at = np.searchsorted(self._keys, (number << _POSITION_BITS) + intervals.start, "right") - 1
        return np.where(intervals.end <= self._ends[at], self._assignment[at], -1)

    def assignment_at(self, source: str, position: int) -> tuple[str, str]:
        """Return (group, split) of a position, 0-based."""
        return self._assignment_of[self._region_at(source, position)]

    def _region_at(self, source: str, position: int) -> int:
        return bisect_right(self._key_list, (self._number[source] << _POSITION_BITS) + position) - 1

    def merged_intervals(self, splits: tuple[str, ...]) -> list[tuple[str, int, int, str]]:
        """Return (source, start, end, split) of all regions of these splits, adjacent ones of one split merged."""
        names = list(self._number)
        merged: list[tuple[str, int, int, str]] = []
        for key, end, (_, split) in zip(self._key_list, self._ends.tolist(), self._assignment_of, strict=True):
            if split not in splits:
                continue
            source, start = names[key >> _POSITION_BITS], key & ((1 << _POSITION_BITS) - 1)
            if merged and merged[-1][0] == source and merged[-1][2] == start and merged[-1][3] == split:
                merged[-1] = (source, merged[-1][1], end, split)
            else:
                merged.append((source, start, end, split))
        return merged
