"""Partition regions: genome intervals and proteins, in homology groups that are assigned to train, validation and test.

1. *Segments*: each sequence is cut between its genes and, where there are none, every 5 kb. A gene is never cut, and a
   protein belongs to the segment of its gene.
2. *Groups*: segments are joined by significant hits, DNA on both strands and protein, in descending order of coverage.
   Repeats and chains of neighbouring genes would join everything, so a join is refused where the group would exceed 5%
   of the source, or where hits cover less than a quarter of the smaller side. Windows whose two sides lie in different
   groups because of a refused join are rejected later, and counted.
3. *Splits*: entire groups are assigned so that each organism's bases and residues are divided 80/10/10.

Large genomes hold some groups of thousands of segments, as of transposons and of families that share a domain. One of
them would fill a tenth of the source, so that a split of many pairs would tell of a few groups. Where the other groups
suffice for validation and test, the large ones are therefore all in train (`choose_held_out`).

Where sequences are short, as those of viruses and phages, the homologs of one 5-kb segment alone may exceed 5% of the
source, so that almost every join would be refused: `choose_limits` then takes shorter segments or larger groups.

Regions depend on the sources, on the seed, and on whether DNA, proteins or both were searched for hits; on nothing else
of the configs that are built.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.configs import SPLIT_SHARES, SPLITS
from bio_paws.features.breadth import BOUNDED_SPLITS, BROAD
from bio_paws.sequences.corpus import Corpus
from bio_paws.sequences.records import Intervals

MAX_SEGMENT = 5_000
"""Longest segment without a gene, bp, unless the source is small (`choose_limits`)."""
MAX_GROUP_SHARE = 0.05
"""Largest share of the source's bp that one group may hold, unless the source is small (`choose_limits`)."""
SHORT_SEQUENCE = 200_000
"""A source is small where its longest sequence is at most this long, bp: viruses, phages, plasmids, organelles."""
MIN_JOINED_SHARE = 0.9
"""Share of the similar bp that must end up within groups; where less does in a small source, its limits are changed."""
MIN_COVERAGE = 0.25
"""Share of the smaller segment, or of the shorter protein, that hits must cover for two segments to be joined."""
EDGES_PER_BATCH = 1 << 18
"""Edges whose groups are looked up together before they are joined one at a time."""
LARGEST_HELD_OUT = BROAD.max_group * float(SPLIT_SHARES[SPLITS.index("test")])
"""Largest share of the source's bp that a group of validation or test holds, where smaller groups suffice."""
GROUPS_PER_PAIRED = 2
"""Groups of several segments that a split must have for each that its pairs come from: not every group gives pairs."""
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

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Limits:
    """How long segments and how large groups may be.

    Attributes
    ----------
    max_segment : int
        Longest segment without a gene, bp.
    max_group_share : float
        Largest share of the source's bp that one group may hold.
    max_held_out_share : float or None
        The same of a group of validation or test; None where it may hold as much as those of train.
    """

    max_segment: int = MAX_SEGMENT
    max_group_share: float = MAX_GROUP_SHARE
    max_held_out_share: float | None = None

    @property
    def of_small_source(self) -> bool:
        """Whether segments are shorter, or groups larger, than in ordinary sources."""
        return (self.max_segment, self.max_group_share) != (MAX_SEGMENT, MAX_GROUP_SHARE)


SMALL_SOURCE_LIMITS: tuple[Limits, ...] = (
    Limits(max_segment=2_000),
    Limits(max_segment=1_000),
    Limits(max_segment=500),
    Limits(500, 0.1),
    Limits(500, 1 / 6),
)
"""Limits tried for small sources, in this order: many small groups divide better than few large ones. The last share
still leaves each of three splits two groups, which a dissimilar pair needs."""


def seeded(*parts: object) -> np.random.Generator:
    """Return a random generator seeded by these values, independent of any shared stream.

    Parameters
    ----------
    *parts : object
        Values whose string forms are digested with SHA-256: the seed of the build, then what the stream is for.

    Examples
    --------
    >>> first, second = (seeded(0, "dna150", "windows", 7).integers(0, 100, 3).tolist() for _ in range(2))
    >>> first == second
    True
    """
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32).tolist())


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


def _protein_edges(corpus: Corpus, hits: pa.Table, segment: Ints) -> Edges:
    """Compute the coverage of each pair of proteins that hits connect, as edges between their segments.

    `segment` holds the number of each protein's segment, in the order of ``corpus.proteins``.
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


def choose_held_out(bases: NDArray[Any], segments: Ints) -> float | None:
    """Choose how large a group of validation or test may be.

    Parameters
    ----------
    bases : ndarray, shape (groups,), float64
        bp of each group.
    segments : ndarray, shape (groups,), int64
        Segments of each group.

    Returns
    -------
    float or None
        `LARGEST_HELD_OUT`, as a share of all bp, where the groups up to it hold as much as both splits do, and enough
        of them several segments, as similar pairs need: `GROUPS_PER_PAIRED` for each of a broad split's groups. Else
        None: the source is too small for broad splits.
    """
    small = bases <= LARGEST_HELD_OUT * bases.sum()
    held_out = float(sum(SPLIT_SHARES[SPLITS.index(split)] for split in BOUNDED_SPLITS))
    share = float(bases[small].sum() / max(bases.sum(), 1))
    wanted = GROUPS_PER_PAIRED * len(BOUNDED_SPLITS) * BROAD.min_groups
    several = int((small & (segments > 1)).sum())
    return LARGEST_HELD_OUT if share >= held_out and several * held_out / share >= wanted else None


def assign_splits(
    resources: NDArray[np.float64],
    seed: int,
    *,
    largest_first: bool = False,
    in_train: NDArray[np.bool_] | None = None,
    in_test: NDArray[np.bool_] | None = None,
) -> Ints:
    """Assign groups to splits so that every resource is divided by `SPLIT_SHARES`.

    Groups are taken in random order, and each is assigned to the split that lacks most of what the group holds.

    Parameters
    ----------
    resources : ndarray, shape (groups, resources)
        How much of each resource (bp or aa of an organism) a group holds.
    seed : int
        Seed of the build, which decides the order.
    largest_first : bool
        Take large groups before small ones, equally large ones in random order: where a single group exceeds the share
        of a split, a large one that came late would go to validation or test.
    in_train, in_test : ndarray, shape (groups,), bool, optional
        Groups that are assigned to a split whatever they hold; the others fill what is left of each. A group in both
        is in test.

    Returns
    -------
    ndarray, shape (groups,), int64
        Index into `SPLITS`.

    References
    ----------
    The greedy rule follows iterative stratification: Sechidis K et al. (2011) ECML PKDD, LNCS 6913:145-158.
    """
    shares = np.array([float(share) for share in SPLIT_SHARES])[:, None]
    portion = resources / np.maximum(resources.sum(axis=0), 1)
    filled = np.zeros((len(SPLITS), resources.shape[1]))
    split = np.zeros(len(resources), dtype=np.int64)
    order = seeded(seed, "splits").permutation(len(resources))
    if largest_first:
        order = order[np.argsort(-portion.sum(axis=1)[order], kind="stable")]
    free = np.ones(len(resources), dtype=bool)
    for name, fixed in (("test", in_test), ("train", in_train)):
        if fixed is not None:
            split[fixed & free] = SPLITS.index(name)
            filled[SPLITS.index(name)] = portion[fixed & free].sum(axis=0)
            free &= ~fixed
    order = order[free[order]]
    for group in order:
        missing = (shares - filled) / shares
        split[group] = int(np.argmax(missing @ portion[group]))
        filled[split[group]] += portion[group]
    return split


@dataclass(frozen=True)
class _Connected:
    """Segments and what connects them.

    Attributes
    ----------
    segments : Segments
        Those of the genomes.
    protein_segment : ndarray, shape (proteins,), int64
        Segment of each protein. Proteins without a gene have one each, numbered behind those of the genomes.
    sizes : ndarray, shape (segments,), int64
        Length of each segment, bp; three for each residue of a protein without a gene.
    edges : Edges
        What hits connect.
    """

    segments: Segments
    protein_segment: Ints
    sizes: Ints
    edges: Edges

    @classmethod
    def of(cls, corpus: Corpus, dna_hits: pa.Table, protein_hits: pa.Table, max_segment: int) -> _Connected:
        """Cut a corpus into segments, and connect them by hits."""
        lengths = {sequence.id: len(sequence.residues) for sequence in corpus.dna.values()}
        # A source may hold genes without their chromosome: its segments end with the last gene.
        for gene in corpus.genes.values():
            if gene.span.source not in corpus.dna:
                lengths[gene.span.source] = max(lengths.get(gene.span.source, 0), gene.span.end)
        segments = cut_segments(lengths, (gene.span[:3] for gene in corpus.genes.values()), max_segment)
        residues = np.array([len(protein.residues) for protein in corpus.proteins.values()], dtype=np.int64)
        protein_segment = _segments_of_proteins(corpus, segments)
        without_gene = protein_segment >= len(segments.sizes)
        sizes = np.concatenate([segments.sizes, 3 * residues[without_gene]])
        edges = dna_edges(segments, dna_hits) + _protein_edges(corpus, protein_hits, protein_segment)
        return cls(segments, protein_segment, sizes, edges)


def choose_limits(corpus: Corpus, dna_hits: pa.Table, protein_hits: pa.Table) -> Limits:
    """Choose limits under which most of what is similar can be joined.

    Parameters
    ----------
    corpus : Corpus
        All sequences.
    dna_hits, protein_hits : pyarrow.Table
        As for `make_regions`.

    Returns
    -------
    Limits
        The ordinary ones, unless no sequence is longer than `SHORT_SEQUENCE` (without genomes: all proteins together,
        at 3 bp a residue) and the ordinary limits join less than `MIN_JOINED_SHARE` of the similar bp. Then the first
        of `SMALL_SOURCE_LIMITS` that join so much, or else those that join most.
    """
    if corpus.dna:
        length = max(len(sequence.residues) for sequence in corpus.dna.values())
    else:
        length = 3 * sum(len(protein.residues) for protein in corpus.proteins.values())
    if length > SHORT_SEQUENCE:
        return Limits()
    shares: dict[Limits, float] = {}
    for limits in (Limits(), *SMALL_SOURCE_LIMITS):
        connected = _Connected.of(corpus, dna_hits, protein_hits, limits.max_segment)
        group = join_groups(connected.sizes, connected.edges, limits.max_group_share)
        shares[limits] = joined_share(connected.sizes, connected.edges, group)
        if shares[limits] >= MIN_JOINED_SHARE:
            return limits
    return max(shares, key=lambda limits: shares[limits])


def limits_of(regions: pa.Table) -> Limits:
    """Return the limits that regions were made under, which `make_regions` leaves in their metadata."""
    return Limits(**json.loads(regions.schema.metadata[b"limits"]))


def make_regions(
    corpus: Corpus, dna_hits: pa.Table, protein_hits: pa.Table, seed: int, holdout: Sequence[str] = ()
) -> pa.Table:
    """Assign every interval of the corpus to a homology group and a split.

    Parameters
    ----------
    corpus : Corpus
        All sequences.
    dna_hits, protein_hits : pyarrow.Table
        Hits of the corpus against itself, schema `similarity_search.HIT_INTERVALS`; none where that molecule was not
        searched.
    seed : int
        Seed of the build.
    holdout : sequence of str
        Organisms of test alone: every group that holds anything of theirs is assigned to it.

    Returns
    -------
    pyarrow.Table
        Schema `REGIONS`: merged intervals of the genomes, then proteins from end to end; `limits_of` reads the limits
        from its metadata.
    """
    limits = choose_limits(corpus, dna_hits, protein_hits)
    connected = _Connected.of(corpus, dna_hits, protein_hits, limits.max_segment)
    segments, protein_segment, sizes = connected.segments, connected.protein_segment, connected.sizes
    proteins = list(corpus.proteins.values())
    residues = np.array([len(protein.residues) for protein in proteins], dtype=np.int64)
    joined = join_groups(sizes, connected.edges, limits.max_group_share)
    names, group = np.unique(joined, return_inverse=True)
    bases: NDArray[Any] = np.bincount(group, weights=sizes)  # floats, which the type of bincount does not say
    limits = replace(limits, max_held_out_share=choose_held_out(bases, np.bincount(group)))

    # Splits are balanced in each organism's bp (first half of the columns) and in its aa (second half), so that no
    # organism is missing from a split of any molecule.
    organism = corpus.organism
    organisms = {name: i for i, name in enumerate(dict.fromkeys(organism.values()))}
    resources = np.zeros((len(names), 2 * len(organisms)))
    source = np.searchsorted(segments.offsets, segments.bounds[:-1], "right") - 1
    # -1: a source whose chromosome is missing has no bp to balance.
    dna_column = np.array(
        [organisms[organism[name]] if name in corpus.dna else -1 for name in segments.sources], dtype=np.int64
    )
    stored = np.flatnonzero(dna_column[source] >= 0)
    np.add.at(resources, (group[stored], dna_column[source[stored]]), sizes[stored])
    protein_column = np.array([len(organisms) + organisms[protein.organism] for protein in proteins], dtype=np.int64)
    np.add.at(resources, (group[protein_segment], protein_column), residues)
    columns = [
        number + offset for name, number in organisms.items() if name in holdout for offset in (0, len(organisms))
    ]
    split = assign_splits(
        resources,
        seed,
        largest_first=limits.max_group_share > MAX_GROUP_SHARE,
        in_train=bases > limits.max_held_out_share * bases.sum() if limits.max_held_out_share else None,
        in_test=(resources[:, columns] > 0).sum(axis=1) > 0,
    )

    # Adjacent segments of one group are merged into one region: a window may cross the bound between them.
    genome_group = group[: len(source)]
    begin = np.flatnonzero((np.diff(source, prepend=-1) != 0) | (np.diff(genome_group, prepend=-1) != 0))
    offset = segments.offsets[source[begin]]
    ends = segments.bounds[np.append(begin[1:], len(source))] if len(begin) else begin
    group_of_row = np.concatenate([genome_group[begin], group[protein_segment]])
    group_names = pa.array([f"g{number:06d}" for number in range(len(names))], pa.string())
    sources = [*(segments.sources[i] for i in source[begin].tolist()), *(protein.id for protein in proteins)]
    table = pa.table(
        [
            pa.array(sources, pa.string()),
            np.concatenate([segments.bounds[begin] - offset, np.zeros_like(residues)]),
            np.concatenate([ends - offset, residues]),
            group_names.take(pa.array(group_of_row)),
            pa.array(SPLITS).take(pa.array(split[group_of_row])),
        ],
        schema=REGIONS,
    )
    return table.replace_schema_metadata({"limits": json.dumps(vars(limits))})


def _segments_of_proteins(corpus: Corpus, segments: Segments) -> Ints:
    """Return the number of each protein's segment: that of its gene, or a new one behind the others."""
    offset = dict(zip(segments.sources, segments.offsets.tolist(), strict=False))
    genes = [corpus.genes.get(name) for name in corpus.proteins]
    position = np.array([offset[gene.span.source] + gene.span.start if gene else -1 for gene in genes], dtype=np.int64)
    without_gene = position < 0
    new = len(segments.sizes) + np.cumsum(without_gene) - 1
    return np.where(without_gene, new, np.searchsorted(segments.bounds, position, "right") - 1)


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
