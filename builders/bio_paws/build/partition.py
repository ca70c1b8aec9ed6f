"""Loci and their splits: homology groups of genome stretches and proteins, assigned to train, validation and test.

1. *Segments*: each sequence is cut between its genes and, where there are none, every 5 kb. A gene is never cut, and a
   protein belongs to the segment of its gene.
2. *Groups*: segments are joined by significant hits, DNA on both strands and protein, the best covered first. Repeats
   and chains of neighbouring genes would join everything, so a join is refused where a group would pass 5% of the
   whole, or where hits cover less than a quarter of the smaller side. Windows that lie in such a refused join are
   dropped later, and counted.
3. *Splits*: whole groups, so that each organism's bases and proteins are shared out 80/10/10.

Nothing here depends on which configs are built: all configs of a source share its groups.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.configs import SPLIT_SHARES, SPLITS
from bio_paws.sequences.corpus import Corpus
from bio_paws.sequences.records import Intervals

MAX_SEGMENT = 5_000
"""Longest stretch without a gene, bp."""
MAX_GROUP_SHARE = 0.05
"""Largest part of the source that one group may hold."""
MIN_COVERAGE = 0.25
"""Part of the smaller segment, or of the shorter protein, that hits must cover to join two."""
_EDGES_AT_ONCE = 1 << 18  # looked up together before they are joined one by one
_POSITION_BITS = 40  # of a key that holds a source's number above a position in it

REGIONS = pa.schema(
    [
        ("source", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("group", pa.string()),
        ("split", pa.string()),
    ]
)

Ints = NDArray[np.int64]


def seeded(*parts: object) -> np.random.Generator:
    """Return the random generator that belongs to these values and to nothing else."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32).tolist())


@dataclass(frozen=True)
class Segments:
    """The segments of a corpus on one long axis of positions.

    Attributes
    ----------
    sources : tuple of str
        Accessions, in order along the axis.
    offsets : ndarray, shape (sources + 1,), int64
        Where each source starts on the axis.
    bounds : ndarray, shape (segments + 1,), int64
        Where each segment starts on the axis.
    """

    sources: tuple[str, ...]
    offsets: Ints
    bounds: Ints

    @property
    def sizes(self) -> Ints:
        """Length of each segment, bp."""
        return np.diff(self.bounds)


def cut_segments(lengths: dict[str, int], spans: Iterable[tuple[str, int, int]]) -> Segments:
    """Cut sources between their genes and, in long stretches without one, every `MAX_SEGMENT`.

    Parameters
    ----------
    lengths : dict of str to int
        Length of each source.
    spans : iterable of (source, start, end)
        Genes, 0-based, half-open.
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
        for free_start, free_end in zip(ends, starts, strict=True):
            cuts.update(range(free_start + MAX_SEGMENT, free_end, MAX_SEGMENT))
        bounds += (offset + cut for cut in sorted(cuts))
    return Segments(tuple(lengths), offsets, np.array([*bounds, int(offsets[-1])], dtype=np.int64))


@dataclass(frozen=True)
class Edges:
    """Pairs of segments that hits join; a pair may stand more than once.

    Attributes
    ----------
    first, second : ndarray, shape (edges,), int64
        Numbers of two different segments, the smaller one first.
    coverage : ndarray, shape (edges,), float64
        Part of the smaller segment, or of the shorter protein, that hits cover.
    """

    first: Ints
    second: Ints
    coverage: NDArray[np.float64]

    def __add__(self, other: Edges) -> Edges:
        columns = zip(vars(self).values(), vars(other).values(), strict=True)
        return Edges(*(np.concatenate(pair) for pair in columns))


def dna_edges(segments: Segments, hits: pa.Table) -> Edges:
    """Sum over DNA hits, for each pair of segments, the part of the smaller segment that they cover.

    Within a hit positions are paired by linear interpolation: gaps are short against segments.
    """
    query = segments.offsets[_numbers(hits["source1"], segments.sources)]
    subject = segments.offsets[_numbers(hits["source2"], segments.sources)]
    q0, q1 = query + hits["start1"].to_numpy(), query + hits["end1"].to_numpy()
    s0, s1 = subject + hits["start2"].to_numpy(), subject + hits["end2"].to_numpy()
    reverse = pc.equal(hits["strand2"], "-").to_numpy()
    hit, x0, x1 = _cut_at(segments.bounds, q0, q1)
    rate = (s1 - s0)[hit] / (q1 - q0)[hit]
    near, far = (x0 - q0[hit]) * rate, (x1 - q0[hit]) * rate
    y0 = np.where(reverse[hit], s1[hit] - far, s0[hit] + near).astype(np.int64)
    y1 = np.where(reverse[hit], s1[hit] - near, s0[hit] + far).astype(np.int64)
    keep = y1 > y0
    u = np.searchsorted(segments.bounds, x0[keep], "right") - 1
    part, z0, z1 = _cut_at(segments.bounds, y0[keep], y1[keep])
    u, v = u[part], np.searchsorted(segments.bounds, z0, "right") - 1
    different = u != v
    low, high = np.minimum(u, v)[different], np.maximum(u, v)[different]
    first, second, covered = _summed(low, high, (z1 - z0)[different], len(segments.sizes))
    return Edges(first, second, covered / np.minimum(segments.sizes[first], segments.sizes[second]))


def _protein_edges(corpus: Corpus, hits: pa.Table, segment: Ints) -> Edges:
    """Sum the share of the shorter protein that hits cover, for each pair; `segment` holds each protein's segment."""
    names = list(corpus.proteins)
    lengths = np.array([len(one.residues) for one in corpus.proteins.values()], dtype=np.int64)
    one, other = (_numbers(hits[name], names) for name in ("source1", "source2"))
    residues = hits["end1"].to_numpy() - hits["start1"].to_numpy()
    one, other, covered = _summed(one, other, residues, len(names))
    u, v = segment[one], segment[other]
    different = u != v
    share = covered / np.minimum(lengths[one], lengths[other])
    return Edges(np.minimum(u, v)[different], np.maximum(u, v)[different], share[different])


def _numbers(column: pa.ChunkedArray, names: Sequence[str]) -> Ints:
    """Return the place of each value among names."""
    numbers: Ints = pc.index_in(column, pa.array(names, pa.string())).to_numpy().astype(np.int64)
    return numbers


def _summed(u: Ints, v: Ints, weight: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """Sum weights of equal pairs of numbers below `count`: each pair once, and its sum."""
    code = u * np.int64(count) + v
    order = np.argsort(code, kind="stable")
    code = code[order]
    begin = np.flatnonzero(np.diff(code, prepend=-1))
    first, second = np.divmod(code[begin], max(count, 1))
    return first, second, np.add.reduceat(weight[order], begin) if len(begin) else weight[:0]


def _cut_at(bounds: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut intervals at the bounds they span: index of the interval, and the pieces' starts and ends."""
    first = np.searchsorted(bounds, start, "right") - 1
    last = np.searchsorted(bounds, end, "left") - 1
    count = last - first + 1
    owner = np.repeat(np.arange(len(start)), count)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    at = first[owner] + step
    return owner, np.maximum(start[owner], bounds[at]), np.minimum(end[owner], bounds[at + 1])


def join_groups(sizes: Ints, edges: Edges) -> Ints:
    """Join segments along edges, the best covered first, where the group stays under its cap.

    Returns
    -------
    ndarray, shape (segments,), int64
        Group of each segment: the number of its first segment.
    """
    count = len(sizes)
    cap = max(MAX_GROUP_SHARE * float(sizes.sum()), float(sizes.max(initial=0)))
    enough = edges.coverage >= MIN_COVERAGE
    u, v, coverage = edges.first[enough], edges.second[enough], edges.coverage[enough]
    parts, component = connected_components(coo_array((np.ones(len(u)), (u, v)), shape=(count, count)), directed=False)
    first = np.full(parts, count)
    np.minimum.at(first, component, np.arange(count))
    # All that hangs together is one group, in whatever order it is joined, unless it passes the cap.
    over = (np.bincount(component, weights=sizes, minlength=parts) > cap)[component]
    group = np.where(over, np.arange(count), first[component])
    left = np.flatnonzero(over[u])
    left = left[np.lexsort((u[left] * np.int64(count) + v[left], -coverage[left]))]
    return _join_in_order(group, sizes, u[left], v[left], cap)


def _join_in_order(group: Ints, sizes: Ints, u: Ints, v: Ints, cap: float) -> Ints:
    """Join the groups of `u` and `v`, edge by edge in their order, where both together stay under the cap."""
    mass = np.bincount(group, weights=sizes, minlength=len(sizes)).astype(np.int64)
    mass_of = mass.data  # quicker one by one
    for at in range(0, len(u), _EDGES_AT_ONCE):
        a, b = group[u[at : at + _EDGES_AT_ONCE]], group[v[at : at + _EDGES_AT_ONCE]]
        parent: dict[int, int] = {}

        def root(one: int, parent: dict[int, int] = parent) -> int:
            while one in parent:
                above = parent[one]
                parent[one] = parent.get(above, above)
                one = above
            return one

        # Groups only grow: what is joined or too large stays so.
        open_ = (a != b) & (mass[a] + mass[b] <= cap)
        for one, other in zip(a[open_].tolist(), b[open_].tolist(), strict=True):
            low, high = sorted((root(one), root(other)))
            if low != high and mass_of[low] + mass_of[high] <= cap:
                parent[high] = low
                mass_of[low] += mass_of[high]
        moved = np.arange(len(sizes))
        moved[list(parent)] = [root(one) for one in list(parent)]
        group = moved[group]
    return group


def assign_splits(resources: NDArray[np.float64], seed: int) -> Ints:
    """Assign groups to splits so that every resource is shared out by `SPLIT_SHARES`.

    Groups come in random order, and each goes where most of what it brings is still missing.

    Parameters
    ----------
    resources : ndarray, shape (groups, resources)
        How much of each resource (bases or residues of an organism) a group holds.
    seed : int
        Seed of the order.

    Returns
    -------
    ndarray, shape (groups,), int64
        Index into `SPLITS`.

    References
    ----------
    The greedy rule is that of iterative stratification: Sechidis K et al. (2011) ECML PKDD, LNCS 6913:145-158.
    """
    shares = np.array([float(share) for share in SPLIT_SHARES])[:, None]
    portion = resources / np.maximum(resources.sum(axis=0), 1)
    filled = np.zeros((len(SPLITS), resources.shape[1]))
    split = np.zeros(len(resources), dtype=np.int64)
    for group in seeded(seed, "splits").permutation(len(resources)):
        missing = (shares - filled) / shares
        split[group] = int(np.argmax(missing @ portion[group]))
        filled[split[group]] += portion[group]
    return split


def make_regions(corpus: Corpus, dna_hits: pa.Table, protein_hits: pa.Table, seed: int) -> pa.Table:
    """Group and split everything in the corpus.

    Parameters
    ----------
    corpus : Corpus
        All sequences.
    dna_hits, protein_hits : pyarrow.Table
        Hits of the corpus against itself, in the schema of `similar.HITS`.
    seed : int
        Seed of the build.

    Returns
    -------
    pyarrow.Table
        Schema `REGIONS`: stretches of genome, and whole proteins, each with its group and split.
    """
    lengths = {one.id: len(one.residues) for one in corpus.dna.values()}
    for gene in corpus.genes.values():
        if gene.span.source not in corpus.dna:
            lengths[gene.span.source] = max(lengths.get(gene.span.source, 0), gene.span.end)
    spans = [gene.span[:3] for gene in corpus.genes.values()]
    segments = cut_segments(lengths, spans)
    proteins = list(corpus.proteins.values())
    residues = np.array([len(one.residues) for one in proteins], dtype=np.int64)
    segment = _segments_of_proteins(corpus, segments)
    lone = segment >= len(segments.sizes)
    sizes = np.concatenate([segments.sizes, 3 * residues[lone]])
    edges = dna_edges(segments, dna_hits) + _protein_edges(corpus, protein_hits, segment)
    names, group = np.unique(join_groups(sizes, edges), return_inverse=True)

    organism = corpus.organism
    organisms = {name: i for i, name in enumerate(dict.fromkeys(organism.values()))}
    resources = np.zeros((len(names), 2 * len(organisms)))
    source = np.searchsorted(segments.offsets, segments.bounds[:-1], "right") - 1
    columns = np.array(
        [organisms[organism[one]] if one in corpus.dna else -1 for one in segments.sources], dtype=np.int64
    )
    known = np.flatnonzero(columns[source] >= 0)
    np.add.at(resources, (group[known], columns[source[known]]), sizes[known])
    columns = np.array([len(organisms) + organisms[one.organism] for one in proteins], dtype=np.int64)
    np.add.at(resources, (group[segment], columns), residues)
    split = assign_splits(resources, seed)

    place = group[: len(source)]
    # Neighbours of one group are one stretch.
    begin = np.flatnonzero((np.diff(source, prepend=-1) != 0) | (np.diff(place, prepend=-1) != 0))
    offset = segments.offsets[source[begin]]
    ends = segments.bounds[np.append(begin[1:], len(source))] if len(begin) else begin
    group_of_row = np.concatenate([place[begin], group[segment]])
    group_names = pa.array([f"g{number:06d}" for number in range(len(names))], pa.string())
    return pa.table(
        [
            pa.array(
                [*(segments.sources[i] for i in source[begin].tolist()), *(one.id for one in proteins)], pa.string()
            ),
            np.concatenate([segments.bounds[begin] - offset, np.zeros_like(residues)]),
            np.concatenate([ends - offset, residues]),
            group_names.take(pa.array(group_of_row)),
            pa.array(SPLITS).take(pa.array(split[group_of_row])),
        ],
        schema=REGIONS,
    )


def _segments_of_proteins(corpus: Corpus, segments: Segments) -> Ints:
    """Return the segment of each protein: its gene's, or, behind the others, one of its own."""
    offset = dict(zip(segments.sources, segments.offsets.tolist(), strict=False))
    genes = [corpus.genes.get(name) for name in corpus.proteins]
    at = np.array([offset[gene.span.source] + gene.span.start if gene else -1 for gene in genes], dtype=np.int64)
    lone = at < 0
    return np.where(lone, len(segments.sizes) + np.cumsum(lone) - 1, np.searchsorted(segments.bounds, at, "right") - 1)


class RegionIndex:
    """Answers which group and split an interval lies in.

    Attributes
    ----------
    assignments : list of (group, split)
        What numbers of `find_many` stand for.
    """

    def __init__(self, regions: pa.Table) -> None:
        sources, starts, ends, groups, splits = (regions[name].to_pylist() for name in REGIONS.names)
        self._number: dict[str, int] = {}
        number = np.array([self._number.setdefault(one, len(self._number)) for one in sources], dtype=np.int64)
        key = (number << _POSITION_BITS) + np.array(starts, dtype=np.int64)
        order = np.argsort(key, kind="stable")
        self._keys, self._ends = key[order], np.array(ends, dtype=np.int64)[order]
        # Python's own lists are quicker one by one.
        self._sorted_keys: list[int] = self._keys.tolist()
        known: dict[tuple[str, str], int] = {}
        locus = [known.setdefault((groups[i], splits[i]), len(known)) for i in order.tolist()]
        self._locus = np.array(locus, dtype=np.int64)
        self.assignments: list[tuple[str, str]] = list(known)
        self._assignment = [self.assignments[i] for i in locus]

    def find(self, source: str, start: int, end: int) -> tuple[str, str] | None:
        """Return (group, split) of an interval, or None where it crosses from one group into another."""
        at = self._at(source, start)
        return self._assignment[at] if end <= self._ends[at] else None

    def find_many(self, intervals: Intervals) -> Ints:
        """Return the number in `assignments` of the (group, split) of each interval, or -1 where it crosses groups."""
        number = np.array([self._number[one] for one in intervals.source], dtype=np.int64)
        at = np.searchsorted(self._keys, (number << _POSITION_BITS) + intervals.start, "right") - 1
        return np.where(intervals.end <= self._ends[at], self._locus[at], -1)

    def split_at(self, source: str, position: int) -> str:
        """Return the split of one position."""
        return self._assignment[self._at(source, position)][1]

    def _at(self, source: str, position: int) -> int:
        return bisect_right(self._sorted_keys, (self._number[source] << _POSITION_BITS) + position) - 1

    def stretches(self, splits: tuple[str, ...]) -> list[tuple[str, int, int, str]]:
        """Return (source, start, end, split) of all that these splits hold; neighbours of one split are joined."""
        names = list(self._number)
        found: list[tuple[str, int, int, str]] = []
        for key, end, (_, split) in zip(self._sorted_keys, self._ends.tolist(), self._assignment, strict=True):
            if split not in splits:
                continue
            source, start = names[key >> _POSITION_BITS], key & ((1 << _POSITION_BITS) - 1)
            if found and found[-1][0] == source and found[-1][2] == start and found[-1][3] == split:
                found[-1] = (source, found[-1][1], end, split)
            else:
                found.append((source, start, end, split))
        return found
