"""Large sources: regions around drawn genes take the place of whole genomes, as in the paper.

All-against-all search grows with the square of what is searched, and thirteen model organisms have sixteen billion
bases. Above `bio_paws.configs.LARGEST_WHOLE` a build therefore takes as many genes as its configs have pairs, evenly
over the organisms, and goes on as if these regions, with the introns of their genes and flanks, were all that the
sources hold: they are queries and database of the search, are divided into homology groups and splits, and are what the
cross-split filter searches. So nothing can be in a pair that was not searched. Rows name intervals of the genomes, as
in any build.

Genes are drawn by family: the order in which an organism's genes are taken depends on a k-mer of their protein (the one
with the smallest hash), so relatives that share it are taken together. Drawn one by one, of a family few would meet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.build.seeding import seeded
from bio_paws.sequences.corpus import Corpus, Place, representative_proteins
from bio_paws.sequences.records import Gene, Interval, Sequence
from bio_paws.sequences.store import StoredResidues

FLANK = 1_000
"""Bases on either side of a gene."""
LONGEST_GENE = 20_000
"""Longest gene that is drawn, from the first to the last base of its CDS, bp."""
_KMER = 5
"""Residues of the k-mers that tell a family. Two proteins that share nine tenths of their residues share the k-mer with
the smallest hash with a probability of some 0.42."""


@dataclass(frozen=True)
class GeneRegions:
    """What the regions hold.

    Attributes
    ----------
    genes, regions, bases : int
        Genes drawn, regions with their flanks, those that overlap merged, and bp in them.
    of_bases : int
        bp of the genomes.
    """

    genes: int
    regions: int
    bases: int
    of_bases: int


def restrict_to_genes(corpus: Corpus, count: int, seed: int) -> Corpus | None:
    """Return the corpus of the regions around so many genes; None where no gene lies on a genome.

    Parameters
    ----------
    corpus : Corpus
        Of whole genomes, read from files.
    count : int
        Genes to draw, all organisms together.
    seed : int
        Seed of the build.

    Returns
    -------
    Corpus
        Its `dna` are regions, its `places` say where they lie on the genomes, and its genes lie on them. Of genes on
        genomes only those that were drawn remain, with all isoforms in the same span, and their proteins; genes and
        proteins without a genome all do.
    """
    by_organism: dict[str, list[Gene]] = {}
    for protein in representative_proteins(corpus):
        gene = corpus.genes.get(protein.id)
        if gene and gene.span.source in corpus.dna and gene.span.end - gene.span.start <= LONGEST_GENE:
            by_organism.setdefault(gene.organism, []).append(gene)
    drawn = draw_genes(by_organism, count, seed)
    if not drawn:
        return None
    dna, places = _cut_regions(corpus, drawn)
    region_of = _RegionFinder(places, dna)
    loci = {(gene.organism, gene.locus) for gene in drawn}
    genes: dict[str, Gene] = {}
    left_out: set[str] = set()
    for name, gene in corpus.genes.items():
        if gene.span.source not in corpus.dna:
            genes[name] = gene
            continue
        region = region_of.find(gene.span) if (gene.organism, gene.locus) in loci else None
        if region is None:
            left_out.add(name)
            continue
        offset = places[region].start
        span = Interval(region, gene.span.start - offset, gene.span.end - offset, gene.span.strand)
        genes[name] = replace(gene, span=span, exons=tuple((start - offset, end - offset) for start, end in gene.exons))
    proteins = {name: protein for name, protein in corpus.proteins.items() if name not in left_out}
    return replace(corpus, dna=dna, proteins=proteins, genes=genes, places=places)


def draw_genes(by_organism: dict[str, list[Gene]], count: int, seed: int) -> list[Gene]:
    """Draw genes evenly over organisms: an organism that has fewer than its share leaves the rest to the others.

    Parameters
    ----------
    by_organism : dict of str to list of Gene
        The genes of each organism, one a locus.
    count : int
        Genes of all organisms together.
    seed : int
        Seed of the build.
    """
    drawn: list[Gene] = []
    ascending = sorted(by_organism, key=lambda organism: (len(by_organism[organism]), organism))
    for number, organism in enumerate(ascending):
        share = (count - len(drawn)) // (len(ascending) - number)
        keyed = sorted((family_key(gene.protein, seed), gene.protein_id) for gene in by_organism[organism])
        taken = {name for _, name in keyed[:share]}
        drawn += (gene for gene in by_organism[organism] if gene.protein_id in taken)
    return drawn


def family_key(protein: str, seed: int) -> int:
    """Return a random number that proteins with the same k-mer of the smallest hash share.

    References
    ----------
    Broder AZ (1997) On the resemblance and containment of documents. Compression and Complexity of Sequences, 21-29.
    """
    residues = np.frombuffer(protein.encode("ascii").ljust(_KMER), dtype=np.uint8).astype(np.uint64)
    words = np.zeros(len(residues) - _KMER + 1, dtype=np.uint64)
    for at in range(_KMER):
        words |= residues[at : at + len(words)] << np.uint64(8 * at)
    salt = seeded(seed, "gene families").integers(0, 1 << 63, 2, dtype=np.uint64)
    smallest = words[[int(np.argmin(_mixed(words ^ salt[0])))]]
    return int(_mixed(smallest ^ salt[1])[0])


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash words: the finalizer of splitmix64 (Steele GL et al. (2014) OOPSLA, 453-472)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _cut_regions(corpus: Corpus, genes: list[Gene]) -> tuple[dict[str, Sequence], dict[str, Place]]:
    """Return the regions around genes, in the order of the genomes, and where they lie."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for gene in genes:
        length = len(corpus.dna[gene.span.source].residues)
        bounds = max(gene.span.start - FLANK, 0), min(gene.span.end + FLANK, length)
        spans.setdefault(gene.span.source, []).append(bounds)
    dna: dict[str, Sequence] = {}
    places: dict[str, Place] = {}
    for source in corpus.dna:
        for start, end in _merged(spans.get(source, ())):
            name = f"{source}:{start}-{end}"
            whole = corpus.dna[source]
            assert isinstance(whole.residues, StoredResidues)  # what was read from files
            dna[name] = replace(whole, id=name, residues=whole.residues.part(start, end))
            places[name] = Place(source, start)
    return dna, places


def _merged(bounds: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(bounds):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


class _RegionFinder:
    """Finds the region that holds an interval of a genome."""

    def __init__(self, places: dict[str, Place], dna: dict[str, Sequence]) -> None:
        self._regions: dict[str, tuple[list[str], NDArray[np.int64], list[int]]] = {}
        by_source: dict[str, list[str]] = {}
        for name, place in places.items():
            by_source.setdefault(place.source, []).append(name)
        for source, names in by_source.items():
            starts = np.array([places[name].start for name in names], dtype=np.int64)
            ends = [places[name].start + len(dna[name].residues) for name in names]
            self._regions[source] = names, starts, ends

    def find(self, span: Interval) -> str | None:
        if span.source not in self._regions:
            return None
        names, starts, ends = self._regions[span.source]
        at = int(np.searchsorted(starts, span.start, "right")) - 1
        return names[at] if at >= 0 and span.end <= ends[at] else None


def describe_regions(corpus: Corpus, of_bases: int) -> GeneRegions:
    """Count what a corpus of regions holds; `of_bases` are those of the genomes."""
    loci = {(gene.organism, gene.locus) for gene in corpus.genes.values() if gene.span.source in corpus.places}
    bases = sum(len(region.residues) for region in corpus.dna.values())
    return GeneRegions(len(loci), len(corpus.dna), bases, of_bases)


def on_genomes(pairs: pa.Table, corpus: Corpus) -> pa.Table:
    """Turn intervals of regions into intervals of their genomes: columns source, start and end of both sides."""
    if not corpus.places:
        return pairs
    regions = pa.array(corpus.places, pa.string())
    sources = pa.array([place.source for place in corpus.places.values()], pa.string())
    starts = pa.array([place.start for place in corpus.places.values()], pa.int64())
    for side in (1, 2):
        at = pc.index_in(pairs[f"source{side}"], regions)
        offset = pc.fill_null(pc.take(starts, at), 0)
        columns = {
            f"source{side}": pc.coalesce(pc.take(sources, at), pairs[f"source{side}"]),
            f"start{side}": pc.add(pairs[f"start{side}"], offset),
            f"end{side}": pc.add(pairs[f"end{side}"], offset),
        }
        for name, column in columns.items():
            pairs = pairs.set_column(pairs.schema.get_field_index(name), pairs.schema.field(name), column)
    return pairs
