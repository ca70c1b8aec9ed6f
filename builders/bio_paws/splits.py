"""Loci and their splits: homology groups of genome stretches and proteins, assigned to train, validation and test.

1. *Atoms*: each sequence is cut between its genes and, where there are none, every 5 kb. A gene is never cut, and a
   protein belongs to the atom of its gene.
2. *Groups*: atoms are joined by significant hits, DNA on both strands and protein, the best covered first. Repeats
   and chains of neighbouring genes would join everything, so a join is refused where a group would pass 5% of the
   whole, or where hits cover less than a quarter of the smaller side. Windows that lie in such a refused join are
   dropped later, and counted.
3. *Splits*: whole groups, so that each organism's bases and proteins are shared out 80/10/10.

Nothing here depends on which configs are built: all configs of a source share its groups.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.configs import SPLIT_SHARES, SPLITS
from bio_paws.sequences import Corpus

MAX_ATOM = 5_000
"""Longest stretch without a gene, bp."""
MAX_GROUP_SHARE = 0.05
"""Largest part of the source that one group may hold."""
MIN_COVERAGE = 0.25
"""Part of the smaller atom, or of the shorter protein, that hits must cover to join two."""

LOCI = pa.schema(
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
class Atoms:
    """The atoms of a corpus on one long axis of positions.

    Attributes
    ----------
    sources : tuple of str
        Accessions, in order along the axis.
    offsets : ndarray, shape (sources + 1,), int64
        Where each source starts on the axis.
    bounds : ndarray, shape (atoms + 1,), int64
        Where each atom starts on the axis.
    """

    sources: tuple[str, ...]
    offsets: Ints
    bounds: Ints

    @property
    def sizes(self) -> Ints:
        """Length of each atom, bp."""
        return np.diff(self.bounds)


def cut_atoms(lengths: dict[str, int], spans: Iterable[tuple[str, int, int]]) -> Atoms:
    """Cut sources between their genes and, in long stretches without one, every `MAX_ATOM`.

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
            cuts.update(range(free_start + MAX_ATOM, free_end, MAX_ATOM))
        bounds += (offset + cut for cut in sorted(cuts))
    return Atoms(tuple(lengths), offsets, np.array([*bounds, int(offsets[-1])], dtype=np.int64))


def dna_edges(atoms: Atoms, hits: pa.Table) -> dict[tuple[int, int], float]:
    """Sum over DNA hits, for each pair of atoms, the part of the smaller atom that they cover.

    Within a hit positions are paired by linear interpolation: gaps are short against atoms.
    """
    index = {source: i for i, source in enumerate(atoms.sources)}
    query = atoms.offsets[[index[s] for s in hits["source1"].to_pylist()]]
    subject = atoms.offsets[[index[s] for s in hits["source2"].to_pylist()]]
    q0, q1 = query + hits["start1"].to_numpy(), query + hits["end1"].to_numpy()
    s0, s1 = subject + hits["start2"].to_numpy(), subject + hits["end2"].to_numpy()
    reverse = np.array(hits["strand2"].to_pylist(), dtype=object) == "-"
    hit, x0, x1 = _cut_at(atoms.bounds, q0, q1)
    rate = (s1 - s0)[hit] / (q1 - q0)[hit]
    near, far = (x0 - q0[hit]) * rate, (x1 - q0[hit]) * rate
    y0 = np.where(reverse[hit], s1[hit] - far, s0[hit] + near).astype(np.int64)
    y1 = np.where(reverse[hit], s1[hit] - near, s0[hit] + far).astype(np.int64)
    keep = y1 > y0
    u = np.searchsorted(atoms.bounds, x0[keep], "right") - 1
    part, z0, z1 = _cut_at(atoms.bounds, y0[keep], y1[keep])
    v = np.searchsorted(atoms.bounds, z0, "right") - 1
    pairs = np.stack([np.minimum(u[part], v), np.maximum(u[part], v)])
    different = pairs[0] != pairs[1]
    codes, inverse = np.unique(pairs[0] * np.int64(len(atoms.sizes)) + pairs[1], return_inverse=True)
    covered = np.bincount(inverse, weights=(z1 - z0) * different, minlength=len(codes))
    first, second = np.divmod(codes, len(atoms.sizes))
    share = covered / np.minimum(atoms.sizes[first], atoms.sizes[second])
    return {(int(a), int(b)): float(c) for a, b, c in zip(first, second, share, strict=True) if c > 0}


def _cut_at(bounds: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut intervals at the bounds they span: index of the interval, and the pieces' starts and ends."""
    first = np.searchsorted(bounds, start, "right") - 1
    last = np.searchsorted(bounds, end, "left") - 1
    count = last - first + 1
    owner = np.repeat(np.arange(len(start)), count)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    at = first[owner] + step
    return owner, np.maximum(start[owner], bounds[at]), np.minimum(end[owner], bounds[at + 1])


def join_groups(sizes: Ints, edges: dict[tuple[int, int], float]) -> Ints:
    """Join atoms along edges, the best covered first, where the group stays under its cap.

    Returns
    -------
    ndarray, shape (atoms,), int64
        Group of each atom: the number of its first atom.
    """
    parent = np.arange(len(sizes))
    mass = sizes.astype(np.int64).copy()
    cap = max(MAX_GROUP_SHARE * float(sizes.sum()), float(sizes.max(initial=0)))

    def root(atom: int) -> int:
        while parent[atom] != atom:
            parent[atom] = parent[parent[atom]]
            atom = int(parent[atom])
        return atom

    for (u, v), coverage in sorted(edges.items(), key=lambda edge: (-edge[1], edge[0])):
        if coverage < MIN_COVERAGE:
            break
        a, b = sorted((root(u), root(v)))
        if a != b and mass[a] + mass[b] <= cap:
            parent[b] = a
            mass[a] += mass[b]
    return np.array([root(atom) for atom in range(len(sizes))], dtype=np.int64)


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


def make_loci(corpus: Corpus, dna_hits: pa.Table, protein_hits: pa.Table, seed: int) -> pa.Table:
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
        Schema `LOCI`: stretches of genome, and whole proteins, each with its group and split.
    """
    lengths = {one.id: len(one.residues) for one in corpus.dna.values()}
    for gene in corpus.genes.values():
        if gene.span.source not in corpus.dna:
            lengths[gene.span.source] = max(lengths.get(gene.span.source, 0), gene.span.end)
    spans = [gene.span[:3] for gene in corpus.genes.values()]
    atoms = cut_atoms(lengths, spans)
    offset = dict(zip(atoms.sources, atoms.offsets.tolist(), strict=False))
    sizes = atoms.sizes.tolist()
    atom_of: dict[str, int] = {}
    for protein in corpus.proteins.values():
        known = corpus.genes.get(protein.id)
        if known:
            at = offset[known.span.source] + known.span.start
            atom_of[protein.id] = int(np.searchsorted(atoms.bounds, at, "right")) - 1
        else:
            atom_of[protein.id] = len(sizes)
            sizes.append(3 * len(protein.residues))
    edges = dna_edges(atoms, dna_hits)
    for pair, coverage in _protein_edges(corpus, protein_hits, atom_of).items():
        edges[pair] = max(coverage, edges.get(pair, 0.0))
    group_of_atom = join_groups(np.array(sizes, dtype=np.int64), edges)
    names, group = np.unique(group_of_atom, return_inverse=True)

    organism = corpus.organism
    organisms = {name: i for i, name in enumerate(dict.fromkeys(organism.values()))}
    resources = np.zeros((len(names), 2 * len(organisms)))
    source_of_atom = np.searchsorted(atoms.offsets, atoms.bounds[:-1], "right") - 1
    for atom, source in enumerate(source_of_atom.tolist()):
        if atoms.sources[source] in corpus.dna:
            resources[group[atom], organisms[organism[atoms.sources[source]]]] += sizes[atom]
    for protein in corpus.proteins.values():
        column = len(organisms) + organisms[protein.organism]
        resources[group[atom_of[protein.id]], column] += len(protein.residues)
    split = assign_splits(resources, seed)

    rows: list[tuple[str, int, int, int]] = []
    for atom, source in enumerate(source_of_atom.tolist()):
        start = int(atoms.bounds[atom] - atoms.offsets[source])
        end = int(atoms.bounds[atom + 1] - atoms.offsets[source])
        name = atoms.sources[source]
        if rows and rows[-1][0] == name and rows[-1][3] == group[atom]:
            rows[-1] = (name, rows[-1][1], end, rows[-1][3])  # neighbours of one group are one stretch
        else:
            rows.append((name, start, end, int(group[atom])))
    rows += ((one.id, 0, len(one.residues), int(group[atom_of[one.id]])) for one in corpus.proteins.values())
    columns = list(zip(*rows, strict=True))
    groups = [f"g{number:06d}" for number in columns[3]]
    splits = [SPLITS[split[number]] for number in columns[3]]
    return pa.table([columns[0], columns[1], columns[2], groups, splits], schema=LOCI)


def _protein_edges(corpus: Corpus, hits: pa.Table, atom_of: dict[str, int]) -> dict[tuple[int, int], float]:
    covered: dict[tuple[str, str], int] = {}
    for row in hits.select(["source1", "start1", "end1", "source2"]).to_pylist():
        pair = row["source1"], row["source2"]
        covered[pair] = covered.get(pair, 0) + row["end1"] - row["start1"]
    edges: dict[tuple[int, int], float] = {}
    for (one, other), residues in covered.items():
        u, v = sorted((atom_of[one], atom_of[other]))
        if u != v:
            shorter = min(len(corpus.proteins[one].residues), len(corpus.proteins[other].residues))
            edges[u, v] = max(edges.get((u, v), 0.0), residues / shorter)
    return edges


class Lookup:
    """Answers which group and split an interval lies in."""

    def __init__(self, loci: pa.Table) -> None:
        self._of: dict[str, tuple[list[int], list[int], list[str], list[str]]] = {}
        by_source: dict[str, list[tuple[int, int, str, str]]] = {}
        for row in zip(*(loci[name].to_pylist() for name in LOCI.names), strict=True):
            by_source.setdefault(row[0], []).append(row[1:])
        for source, stretches in by_source.items():
            starts, ends, groups, splits = zip(*sorted(stretches), strict=True)
            self._of[source] = list(starts), list(ends), list(groups), list(splits)

    def find(self, source: str, start: int, end: int) -> tuple[str, str] | None:
        """Return (group, split) of an interval, or None where it crosses from one group into another."""
        starts, ends, groups, splits = self._of[source]
        at = bisect_right(starts, start) - 1
        return (groups[at], splits[at]) if end <= ends[at] else None

    def split_at(self, source: str, position: int) -> str:
        """Return the split of one position."""
        starts, _, _, splits = self._of[source]
        return splits[bisect_right(starts, position) - 1]

    def stretches(self, splits: tuple[str, ...]) -> list[tuple[str, int, int, str]]:
        """Return (source, start, end, split) of all that these splits hold; neighbours of one split are joined."""
        found: list[tuple[str, int, int, str]] = []
        for source, (starts, ends, _, names) in self._of.items():
            for start, end, split in zip(starts, ends, names, strict=True):
                if split not in splits:
                    continue
                if found and found[-1][0] == source and found[-1][2] == start and found[-1][3] == split:
                    found[-1] = (source, found[-1][1], end, split)
                else:
                    found.append((source, start, end, split))
        return found
