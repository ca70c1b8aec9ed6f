"""The corpus: genomes with their soft mask, genes with their exons, and proteins, as all sources together give them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import PairConfig
from bio_paws.sequences.reader import Reader
from bio_paws.sequences.records import Gene, Interval, Sequence
from bio_paws.sources.resolve import Assembly


@dataclass(frozen=True)
class Corpus:
    """All sequences of a build.

    Attributes
    ----------
    dna : dict of str to Sequence
        Genome sequences by accession, in the order of the sources.
    proteins : dict of str to Sequence
        Proteins by accession.
    genes : dict of str to Gene
        By protein accession. A gene's genome sequence may be missing from `dna`, a protein's gene from here.
    rejected : dict of str to int
        Records left out, by reason.
    genetic_codes : dict of str to int
        Genetic code of each genome sequence that is not read by the standard one.
    masks : dict of str to str
        Program that made the soft mask of a genome sequence that came without one.
    notes : dict of str to int
        What was changed or guessed, by kind.
    """

    dna: dict[str, Sequence]
    proteins: dict[str, Sequence]
    genes: dict[str, Gene]
    rejected: dict[str, int]
    genetic_codes: dict[str, int] = field(default_factory=dict)
    masks: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def organism(self) -> dict[str, str]:
        """Organism of every accession."""
        return {sequence.id: sequence.organism for sequence in (*self.dna.values(), *self.proteins.values())}


def missing_input(config: PairConfig, corpus: Corpus) -> str:
    """Say what a config needs that the corpus does not hold; empty when nothing is missing."""
    if config.molecule == "dna":
        return "" if corpus.dna else "DNA sequences"
    if config.molecule == "protein":
        return "" if corpus.proteins else "proteins"
    return "" if any(gene.span.source in corpus.dna for gene in corpus.genes.values()) else "genes on their genome"


def read_corpus(assemblies: tuple[Assembly, ...]) -> Corpus:
    """Parse every file of every assembly.

    Raises
    ------
    SourceError
        When a file cannot be read as what it is, holds no good record, or genes and genome do not belong together.
    """
    reader = Reader()
    for assembly in assemblies:
        reader.read(assembly)
    reader.gene_pool.leave_out_misplaced()
    codes = reader.gene_pool.genetic_codes()
    pool = reader.pool
    rejected, notes = (dict(sorted(counts.items())) for counts in (pool.rejected, pool.notes))
    return Corpus(pool.dna, pool.proteins, reader.gene_pool.genes, rejected, codes, pool.masks, notes)


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


_SEQUENCES = pa.schema([(name, pa.large_string()) for name in ("id", "organism", "molecule", "residues")])
_GENES = pa.schema(
    [
        ("protein_id", pa.string()),
        ("locus", pa.string()),
        ("organism", pa.string()),
        ("source", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("exons", pa.list_(pa.list_(pa.int64(), 2))),
        ("code", pa.int64()),
    ]
)
_REMARKS = pa.schema([(name, pa.string()) for name in ("kind", "name", "value")])

TABLES = ("sequences", "genes", "rejected", "remarks")
"""Tables that a corpus is stored as."""


def corpus_to_tables(corpus: Corpus) -> dict[str, pa.Table]:
    """Return the corpus as Arrow tables: what the stages read from disk."""
    sequences = [vars(sequence) for sequence in (*corpus.dna.values(), *corpus.proteins.values())]
    genes = [
        {
            "protein_id": gene.protein_id,
            "locus": gene.locus,
            "organism": gene.organism,
            **gene.span._asdict(),
            "exons": [list(exon) for exon in gene.exons],
            "code": gene.code,
        }
        for gene in corpus.genes.values()
    ]
    rejected = {"reason": list(corpus.rejected), "count": list(corpus.rejected.values())}
    remarks = [
        *({"kind": "code", "name": name, "value": str(code)} for name, code in corpus.genetic_codes.items()),
        *({"kind": "mask", "name": name, "value": program} for name, program in corpus.masks.items()),
        *({"kind": "note", "name": note, "value": str(count)} for note, count in corpus.notes.items()),
    ]
    return {
        "remarks": pa.Table.from_pylist(remarks, schema=_REMARKS),
        "sequences": pa.Table.from_pylist(sequences, schema=_SEQUENCES),
        "genes": pa.Table.from_pylist(genes, schema=_GENES),
        "rejected": pa.table(rejected, schema=pa.schema([("reason", pa.string()), ("count", pa.int64())])),
    }


def corpus_from_tables(tables: dict[str, pa.Table]) -> Corpus:
    """Inverse of `corpus_to_tables`."""
    sequences = [Sequence(**row) for row in tables["sequences"].to_pylist()]
    proteins = {sequence.id: sequence for sequence in sequences if sequence.molecule == "protein"}
    genes = {
        row["protein_id"]: Gene(
            row["protein_id"],
            row["locus"],
            row["organism"],
            Interval(row["source"], row["start"], row["end"], row["strand"]),
            tuple((start, end) for start, end in row["exons"]),
            proteins[row["protein_id"]].residues,
            row["code"],
        )
        for row in tables["genes"].to_pylist()
    }
    dna = {sequence.id: sequence for sequence in sequences if sequence.molecule == "dna"}
    rejected = {row["reason"]: row["count"] for row in tables["rejected"].to_pylist()}
    remarks: dict[str, dict[str, str]] = {"code": {}, "mask": {}, "note": {}}
    for row in tables["remarks"].to_pylist():
        remarks[row["kind"]][row["name"]] = row["value"]
    codes, notes = ({name: int(value) for name, value in remarks[kind].items()} for kind in ("code", "note"))
    return Corpus(dna, proteins, genes, rejected, codes, remarks["mask"], notes)
