"""Partition regions: genome intervals and proteins, in homology groups that are assigned to train, validation and test.

1. *Segments* (`segments`): each sequence is cut between its genes and, where there are none, every 5 kb. A gene is
   never cut, and a protein belongs to the segment of its gene.
2. *Groups* (`homology_groups`): segments are joined by significant hits, DNA on both strands and protein, in descending
   order of coverage. Repeats and chains of neighbouring genes would join everything, so a join is refused where the
   group would exceed 5% of the source, or where hits cover less than a quarter of the smaller side. Windows whose two
   sides lie in different groups because of a refused join are rejected later, and counted.
3. *Splits* (`splits`): entire groups are assigned so that each organism's bases and residues are divided 80/10/10.

Large genomes hold some groups of thousands of segments, as of transposons and of families that share a domain. One of
them would fill a tenth of the source, so that a split of many pairs would tell of a few groups. Where the other groups
suffice for validation and test, the large ones are therefore all in train (`splits.choose_held_out`).

Where sequences are short, as those of viruses and phages, the homologs of one 5-kb segment alone may exceed 5% of the
source, so that almost every join would be refused: `choose_limits` then takes shorter segments or larger groups.

Regions depend on the sources, on the seed, and on whether DNA, proteins or both were searched for hits; on nothing else
of the configs that are built.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.build.homology_groups import MAX_GROUP_SHARE, Edges, dna_edges, join_groups, joined_share, protein_edges
from bio_paws.build.regions import REGIONS
from bio_paws.build.segments import MAX_SEGMENT, Ints, Segments, cut_segments
from bio_paws.build.splits import assign_splits, choose_held_out
from bio_paws.configs import SPLITS
from bio_paws.sequences.corpus import Corpus

SHORT_SEQUENCE = 200_000
"""A source is small where its longest sequence is at most this long, bp: viruses, phages, plasmids, organelles."""
MIN_JOINED_SHARE = 0.9
"""Share of the similar bp that must end up within groups; where less does in a small source, its limits are changed."""


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
        edges = dna_edges(segments, dna_hits) + protein_edges(corpus, protein_hits, protein_segment)
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
