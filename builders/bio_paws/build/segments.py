"""Segments: a genome cut between its genes and, where there are none, every 5 kb. They are what a partition divides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MAX_SEGMENT = 5_000
"""Longest segment without a gene, bp, unless the source is small (`partition.choose_limits`)."""


@dataclass(frozen=True)
class Segments:
    """The segments of a corpus, on one axis that holds all sources end to end.

    Attributes
    ----------
    sources : tuple of str
        Accessions, in the order of the axis.
    offsets : ndarray, shape (sources + 1,), int64
        Position on the axis, bp, at which each source starts; the last one is the length of the axis.
    bounds : ndarray, shape (segments + 1,), int64
        Position on the axis, bp, at which each segment starts; the last one is the length of the axis.
    """

    sources: tuple[str, ...]
    offsets: Ints
    bounds: Ints

    @property
    def sizes(self) -> Ints:
        """Length of each segment, bp."""
        return np.diff(self.bounds)


def cut_segments(
    lengths: dict[str, int], spans: Iterable[tuple[str, int, int]], max_segment: int = MAX_SEGMENT
) -> Segments:
    """Cut sources between their genes and, in long intervals without a gene, every `max_segment` bp.

    Parameters
    ----------
    lengths : dict of str to int
        Length of each source, bp.
    spans : iterable of (source, start, end)
        Genes, 0-based half-open intervals in bp; genes that overlap share a segment.
    max_segment : int
        Longest segment without a gene, bp.

    Returns
    -------
    Segments
        They cover every source, and none cuts a gene.

    Examples
    --------
    >>> segments = cut_segments({"chr1": 900, "chr2": 6_000}, [("chr1", 100, 300), ("chr1", 500, 700)])
    >>> segments.bounds.tolist()
    [0, 400, 900, 5900, 6900]
    """
    genes: dict[str, list[tuple[int, int]]] = {source: [] for source in lengths}
    for source, start, end in spans:
        genes[source].append((start, end))
    offsets = np.cumsum([0, *lengths.values()])
    bounds: list[int] = []
    for offset, (source, length) in zip(offsets.tolist(), lengths.items(), strict=False):
        merged: list[list[int]] = []
        for start, end in sorted(genes[source]):
            if merged and start < merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        cuts = {0, *((left[1] + right[0]) // 2 for left, right in pairwise(merged))}
        ends = [0, *(end for _, end in merged)]
        starts = [*(start for start, _ in merged), length]
        for gap_start, gap_end in zip(ends, starts, strict=True):
            cuts.update(range(gap_start + max_segment, gap_end, max_segment))
        bounds += (offset + cut for cut in sorted(cuts))
    return Segments(tuple(lengths), offsets, np.array([*bounds, int(offsets[-1])], dtype=np.int64))
