"""The corpus: genomes with their soft mask, genes with their exons, and proteins, as all sources together give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.errors import BioPawsError
from bio_paws.execution.progress import progress
from bio_paws.sequences.reader import Reader
from bio_paws.sequences.records import Gene, Sequence
from bio_paws.sequences.store import ResidueFile
from bio_paws.sources.resolve import Assembly


class Place(NamedTuple):
    """Where a region lies: genome sequence, and position of its first base, 0-based."""

    source: str
    start: int


@dataclass(frozen=True)
class Corpus:
    """All sequences of a build.

    Attributes
    ----------
    dna : mapping of str to Sequence
        Genome sequences by accession, in the order of the sources.
    proteins : mapping of str to Sequence
        Proteins by accession.
    genes : mapping of str to Gene
        By protein accession. A gene's genome sequence may be missing from `dna`, a protein's gene from here.
    rejected : dict of str to int
        Records left out, by reason.
    genetic_codes : dict of str to int
        Genetic code of each genome sequence that is not read by the standard one.
    masks : dict of str to str
        Program that made the soft mask of a genome sequence that came without one.
    notes : dict of str to int
        What was changed or guessed, by kind.
    places : dict of str to Place
        Where the sequences of `dna` lie, if these are regions of genomes (`bio_paws.build.gene_regions`).
    organisms : tuple of tuple of str
        Organisms of each assembly, in the order of the assemblies.
    """

    dna: Mapping[str, Sequence]
    proteins: Mapping[str, Sequence]
    genes: Mapping[str, Gene]
    rejected: dict[str, int]
    genetic_codes: dict[str, int] = field(default_factory=dict)
    masks: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    organisms: tuple[tuple[str, ...], ...] = ()

    @property
    def organism(self) -> dict[str, str]:
        """Organism of every accession."""
        return {sequence.id: sequence.organism for sequence in (*self.dna.values(), *self.proteins.values())}

    def genetic_code(self, source: str) -> int:
        """Return the genetic code of a sequence of `dna`, by NCBI's number."""
        genome = self.places[source].source if source in self.places else source
        return self.genetic_codes.get(genome, 1)


def read_corpus(
    assemblies: tuple[Assembly, ...], store: ResidueFile | None = None, *, make_masks: bool = True
) -> Corpus:
    """Parse every file of every assembly.

    Parameters
    ----------
    assemblies : tuple of Assembly
        What is read.
    store : ResidueFile, optional
        Takes the residues; by default a file that is gone with the corpus.
    make_masks : bool
        Give genomes without a soft mask one, which takes most of the time; else only name the program that would.

    Raises
    ------
    SourceError
        When a file cannot be read as what it is, holds no good record, or genes and genome do not belong together.
    """
    reader = Reader(store or ResidueFile(), make_masks=make_masks)
    with explained_by(reader.pool.rejected):
        for assembly in progress(assemblies, desc="read sources", total=len(assemblies)):
            reader.read(assembly)
    reader.gene_pool.move_from_copies()
    reader.gene_pool.leave_out_misplaced()
    codes = reader.gene_pool.genetic_codes()
    pool = reader.pool
    pool.name_organisms()
    pool.leave_out_copies_of_proteins()
    reader.gene_pool.name_organisms()
    rejected, notes = (dict(sorted(counts.items())) for counts in (pool.rejected, pool.notes))
    organisms = tuple(tuple(sorted({pool.renamed.get(name, name) for name in names})) for names in reader.organisms)
    return Corpus(
        pool.dna, pool.proteins, reader.gene_pool.genes, rejected, codes, pool.masks, notes, organisms=organisms
    )


@contextmanager
def explained_by(rejected: Mapping[str, int]) -> Iterator[None]:
    """Give an error that ends the block the counts of the records that were rejected until then."""
    try:
        yield
    except BioPawsError as error:
        error.counts = error.counts or {"rejected_records": dict(sorted(rejected.items()))}
        raise


def representative_proteins(corpus: Corpus) -> list[Sequence]:
    """Return one protein per gene, the longest: isoforms of a gene share most of their residues."""
    best: dict[tuple[str, str], Sequence] = {}
    for protein in corpus.proteins.values():
        gene = corpus.genes.get(protein.id)
        key = (protein.organism, gene.locus if gene else protein.id)
        so_far = best.get(key)
        if so_far is None or (-len(protein.residues), protein.id) < (-len(so_far.residues), so_far.id):
            best[key] = protein
    return list(best.values())


def gene_dna(corpus: Corpus, gene: Gene) -> str | None:
    """Genomic span of a gene's CDS on its strand, introns kept, upper case; None without its genome."""
    if gene.span.source not in corpus.dna:
        return None
    dna = corpus.dna[gene.span.source].residues[gene.span.start : gene.span.end].upper()
    return dna if gene.span.strand == "+" else reverse_complement(dna)
