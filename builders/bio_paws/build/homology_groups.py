"""Homology groups: segments that significant hits connect, joined in descending order of coverage under a cap.

`partition` says where the groups stand in the build.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.build.segments import Ints, Segments
from bio_paws.sequences.corpus import Corpus

MAX_GROUP_SHARE = 0.05
"""Largest share of the source's bp that one group may hold, unless the source is small (`partition.choose_limits`)."""
MIN_COVERAGE = 0.25
"""Share of the smaller segment, or of the shorter protein, that hits must cover for two segments to be joined."""
EDGES_PER_BATCH = 1 << 18
"""Edges whose groups are looked up together before they are joined one at a time."""


@dataclass(frozen=True)
class Edges:
    """Pairs of segments connected by hits; a pair may occur more than once.

    Attributes
    ----------
    first, second : ndarray, shape (edges,), int64
        Numbers of two different segments, the smaller number first.
    coverage : ndarray, shape (edges,), float64
        Share of the smaller segment, or of the shorter protein, that hits cover. Hits that overlap each other count
        separately, so it may exceed 1.
    """

    first: Ints
    second: Ints
    coverage: NDArray[np.float64]

    def __add__(self, edges: Edges) -> Edges:
        columns = zip(vars(self).values(), vars(edges).values(), strict=True)
        return Edges(*(np.concatenate(pair) for pair in columns))


def dna_edges(segments: Segments, hits: pa.Table) -> Edges:
    """Compute the coverage of each pair of segments that DNA hits connect.

    A hit can span several segments on either side. It is cut at the bounds of the query's segments, each piece is
    mapped to the subject, and the mapped piece is cut at the bounds of the subject's segments. Each resulting piece
    lies in one segment on either side, and its length counts for that pair.

    Parameters
    ----------
    segments : Segments
        The segments of all sources that hits refer to.
    hits : pyarrow.Table
        Schema `similarity_search.HIT_INTERVALS`, without hits of an interval against itself.

    Returns
    -------
    Edges
        Each pair of different segments once, with the bp of the hits between them divided by the length of the smaller
        segment.
    """
    query = segments.offsets[_numbers(hits["source1"], segments.sources)]
    subject = segments.offsets[_numbers(hits["source2"], segments.sources)]
    query_start, query_end = query + hits["start1"].to_numpy(), query + hits["end1"].to_numpy()
    subject_start, subject_end = subject + hits["start2"].to_numpy(), subject + hits["end2"].to_numpy()
    reverse = pc.equal(hits["strand2"], "-").to_numpy()
    hit, piece_start, piece_end = _cut_at(segments.bounds, query_start, query_end)
    # Linear interpolation maps a piece to the subject. Tracing the alignment would be exact, but its gaps are short
    # compared with segments of several kb, and edges need a coverage of a quarter only.
    rate = (subject_end - subject_start)[hit] / (query_end - query_start)[hit]
    near, far = (piece_start - query_start[hit]) * rate, (piece_end - query_start[hit]) * rate
    # On the reverse strand the query's first base is aligned with the subject's last one.
    mapped_start = np.where(reverse[hit], subject_end[hit] - far, subject_start[hit] + near).astype(np.int64)
    mapped_end = np.where(reverse[hit], subject_end[hit] - near, subject_start[hit] + far).astype(np.int64)
    nonempty = mapped_end > mapped_start  # a piece of a few bases can round to nothing
    query_segment = np.searchsorted(segments.bounds, piece_start[nonempty], "right") - 1
    piece, start, end = _cut_at(segments.bounds, mapped_start[nonempty], mapped_end[nonempty])
    u, v = query_segment[piece], np.searchsorted(segments.bounds, start, "right") - 1
    different = u != v  # a repeat within a segment joins nothing
    low, high = np.minimum(u, v)[different], np.maximum(u, v)[different]
    first, second, covered = _sum_by_pair(low, high, (end - start)[different], len(segments.sizes))
    return Edges(first, second, covered / np.minimum(segments.sizes[first], segments.sizes[second]))


def protein_edges(corpus: Corpus, hits: pa.Table, segment: Ints) -> Edges:
    """Compute the coverage of each pair of proteins that hits connect, as edges between their segments.

    Parameters
    ----------
    corpus : Corpus
        All sequences.
    hits : pyarrow.Table
        Schema `similarity_search.HIT_INTERVALS`, without hits of a protein against itself.
    segment : ndarray, shape (proteins,), int64
        Number of each protein's segment, in the order of ``corpus.proteins``.

    Returns
    -------
    Edges
        Each pair of proteins of different segments once, with the aa of the hits between them divided by the length of
        the shorter protein.
    """
    names = list(corpus.proteins)
    lengths = np.array([len(protein.residues) for protein in corpus.proteins.values()], dtype=np.int64)
    query, subject = (_numbers(hits[column], names) for column in ("source1", "source2"))
    residues = hits["end1"].to_numpy() - hits["start1"].to_numpy()
    query, subject, covered = _sum_by_pair(query, subject, residues, len(names))
    u, v = segment[query], segment[subject]
    different = u != v
    coverage = covered / np.minimum(lengths[query], lengths[subject])
    return Edges(np.minimum(u, v)[different], np.maximum(u, v)[different], coverage[different])


def _numbers(column: pa.ChunkedArray, names: Sequence[str]) -> Ints:
    """Return the index of each value in `names`."""
    numbers: Ints = pc.index_in(column, pa.array(names, pa.string())).to_numpy().astype(np.int64)
    return numbers


def _sum_by_pair(u: Ints, v: Ints, weight: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """Sum the weights of equal pairs of numbers below `count`: each pair once, ascending, and its sum."""
    code = u * np.int64(count) + v
    order = np.argsort(code, kind="stable")
    code = code[order]
    begin = np.flatnonzero(np.diff(code, prepend=-1))
    first, second = np.divmod(code[begin], max(count, 1))
    # reduceat refuses an empty list of beginnings.
    return first, second, np.add.reduceat(weight[order], begin) if len(begin) else weight[:0]


def _cut_at(bounds: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut intervals at the bounds they span: index of the interval, start and end of each piece."""
    first = np.searchsorted(bounds, start, "right") - 1
    last = np.searchsorted(bounds, end, "left") - 1
    count = last - first + 1
    owner = np.repeat(np.arange(len(start)), count)
    # Number of each piece within its interval: 0, 1, .. count - 1.
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    segment = first[owner] + step
    return owner, np.maximum(start[owner], bounds[segment]), np.minimum(end[owner], bounds[segment + 1])


def join_groups(sizes: Ints, edges: Edges, max_group_share: float = MAX_GROUP_SHARE) -> Ints:
    """Join segments along edges in descending order of coverage, unless the group would exceed its cap.

    Parameters
    ----------
    sizes : ndarray, shape (segments,), int64
        Length of each segment, bp.
    edges : Edges
        Those with less than `MIN_COVERAGE` are ignored; ties are broken by the numbers of the segments.
    max_group_share : float
        Largest share of all bp that a group may hold.

    Returns
    -------
    ndarray, shape (segments,), int64
        Group of each segment: the number of the group's first segment. No group exceeds `max_group_share` of all bp,
        or the largest segment where that is larger.

    Examples
    --------
    Three of sixty segments are joined; the weak edge to the last one is ignored.

    >>> edges = Edges(np.array([0, 1, 2]), np.array([1, 2, 59]), np.array([0.9, 0.5, 0.1]))
    >>> join_groups(np.full(60, 1_000), edges)[[0, 1, 2, 59]].tolist()
    [0, 0, 0, 59]
    """
    count = len(sizes)
    cap = max(max_group_share * float(sizes.sum()), float(sizes.max(initial=0)))
    covered = edges.coverage >= MIN_COVERAGE
    u, v, coverage = edges.first[covered], edges.second[covered], edges.coverage[covered]
    components, component = connected_components(
        coo_array((np.ones(len(u)), (u, v)), shape=(count, count)), directed=False
    )
    first = np.full(components, count)
    np.minimum.at(first, component, np.arange(count))
    # A component under the cap becomes one group whatever the order of its joins, so only the edges of larger
    # components have to be followed one at a time.
    over = (np.bincount(component, weights=sizes, minlength=components) > cap)[component]
    group = np.where(over, np.arange(count), first[component])
    remaining = np.flatnonzero(over[u])
    remaining = remaining[np.lexsort((u[remaining] * np.int64(count) + v[remaining], -coverage[remaining]))]
    return _join_in_order(group, sizes, u[remaining], v[remaining], cap)


def _join_in_order(group: Ints, sizes: Ints, u: Ints, v: Ints, cap: float) -> Ints:
    """Join the groups of `u` and `v`, edge by edge in their order, where their total stays under the cap."""
    mass = np.bincount(group, weights=sizes, minlength=len(sizes)).astype(np.int64)
    mass_of = mass.data  # indexing a memoryview is faster than indexing an array
    for at in range(0, len(u), EDGES_PER_BATCH):
        a, b = group[u[at : at + EDGES_PER_BATCH]], group[v[at : at + EDGES_PER_BATCH]]
        parent: dict[int, int] = {}

        def root(node: int, parent: dict[int, int] = parent) -> int:
            """Return the root of a group in the union-find forest, halving the path to it."""
            while node in parent:
                above = parent[node]
                parent[node] = parent.get(above, above)
                node = above
            return node

        # Groups only grow, so an edge that is inside a group or too heavy at the beginning of the batch stays so.
        possible = (a != b) & (mass[a] + mass[b] <= cap)
        for left, right in zip(a[possible].tolist(), b[possible].tolist(), strict=True):
            low, high = sorted((root(left), root(right)))
            if low != high and mass_of[low] + mass_of[high] <= cap:
                parent[high] = low
                mass_of[low] += mass_of[high]
        moved = np.arange(len(sizes))
        moved[list(parent)] = [root(node) for node in list(parent)]
        group = moved[group]
    return group


def joined_share(sizes: Ints, edges: Edges, group: Ints) -> float:
    """Return the share of the similar bp whose two sides are in one group; 1 where nothing is similar.

    Parameters
    ----------
    sizes : ndarray, shape (segments,), int64
        Length of each segment, bp.
    edges : Edges
        Those with less than `MIN_COVERAGE` are ignored.
    group : ndarray, shape (segments,), int64
        Group of each segment.

    Examples
    --------
    >>> edges = Edges(np.array([0, 2]), np.array([1, 3]), np.array([1.0, 0.5]))
    >>> round(joined_share(np.full(4, 1_000), edges, np.array([0, 0, 2, 3])), 3)
    0.667
    """
    covered = edges.coverage >= MIN_COVERAGE
    u, v = edges.first[covered], edges.second[covered]
    similar = np.minimum(edges.coverage[covered], 1) * np.minimum(sizes[u], sizes[v])
    total = float(similar.sum())
    return float(similar[group[u] == group[v]].sum()) / total if total else 1.0
