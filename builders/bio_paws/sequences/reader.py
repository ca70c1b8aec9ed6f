"""Reads the files of assemblies into sequences, proteins and genes, and counts by reason what it leaves out.

Ids are those of the files. Where an id is taken by another assembly, the assembly's accession is put before it.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.sequences import cds_readers, fasta, gff, gff_reader
from bio_paws.sequences.fasta import FastaRecord
from bio_paws.sequences.flatfile import read_flat_file
from bio_paws.sequences.gene_pool import Cds, GenePool
from bio_paws.sequences.pool import SequencePool
from bio_paws.sequences.scope import Scope, printable
from bio_paws.sources.resolve import Assembly, SourceFile
from bio_paws.sources.text import read_text

_WITH_GENES = frozenset({"genomic", "genbank", "genbank_zip", "gff_fasta", "cds"})
"""Roles of files whose assembly has one organism; proteins alone may be of many."""


class Reader:
    """Reads assemblies one after the other.

    Attributes
    ----------
    pool : SequencePool
        DNA and proteins, and what was left out, changed or guessed.
    gene_pool : GenePool
        Genes.
    """

    def __init__(self) -> None:
        self.pool = SequencePool()
        self.gene_pool = GenePool(self.pool)
        self._assemblies = 0

    def read(self, assembly: Assembly) -> None:
        """Read the files of an assembly.

        Raises
        ------
        SourceError
            When a file cannot be read as what it is, holds no good record, or genes and genome do not belong together.
        """
        files = {file.role: file for file in assembly.files}
        proteins = files.get("protein") or files.get("protein_fasta")
        protein_records = _records(proteins) if proteins else []
        genome = files.get("genomic") or files.get("dna_fasta")
        genome_records = _records(genome) if genome else []
        rows = ""
        if "gff_fasta" in files:
            genome = files["gff_fasta"]
            rows, text = gff.split_fasta(read_text(genome.path, genome.member))
            genome_records = list(fasta.read_fasta(text, genome.shown))
        self._assemblies += 1
        scope = Scope(assembly, self._assemblies, _organism(assembly, genome_records, protein_records))
        before = len(self.pool.dna)
        if "genbank" in files:
            file = files["genbank"]
            self._flat_file(file.shown, read_text(file.path, file.member), scope)
        if "genbank_zip" in files:
            path = files["genbank_zip"].path
            for name, text in _zipped_genbank(path):
                self._flat_file(str(path / name), text, scope)
        if genome:
            self.pool.add_dna_records(genome.shown, genome_records, scope)
        # Before the genes, which name their proteins.
        if proteins:
            self.pool.add_protein_records(proteins.shown, protein_records, scope)
        if "cds" in files:
            self._ncbi_cds(files["cds"], scope, with_genome="genomic" in files)
        if "ensembl_cds" in files:
            self._ensembl_cds(files["ensembl_cds"], scope)
        for role in ("gff", "gtf", "gff_fasta"):
            if role in files:
                file = files[role]
                self._gff(file.shown, rows or read_text(file.path, file.member), scope, gtf=role == "gtf")
        self.pool.mask(list(self.pool.dna)[before:])

    def _flat_file(self, where: str, text: str, scope: Scope) -> None:
        described: list[Cds | None] = []
        kept = 0
        first = ""
        for record in read_flat_file(text, where, self.pool.notes):
            residues = fasta.as_dna(record.residues, self.pool.notes)
            organism = scope.organism or record.organism
            if problem := self.pool.add_dna(record.id, organism, residues, scope):
                first = first or f"{printable(record.id)}: {problem}"
                continue
            kept += 1
            described += (cds_readers.read_cds_feature(record.id, feature, scope, self.pool) for feature in record.cds)
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file holds no record'})")
        self.gene_pool.add([cds for cds in described if cds], scope)

    def _ncbi_cds(self, file: SourceFile, scope: Scope, *, with_genome: bool) -> None:
        before = self.pool.rejected.copy()
        described = cds_readers.read_ncbi_cds(
            file.shown, _records(file), scope, self.pool, self.gene_pool, with_genome=with_genome
        )
        if not self.gene_pool.add(described, scope, with_genome=with_genome):
            raise SourceError(f"{file.shown}: no CDS in it translates to a protein of its assembly{self._why(before)}")

    def _ensembl_cds(self, file: SourceFile, scope: Scope) -> None:
        before = self.pool.rejected.copy()
        described = cds_readers.read_ensembl_cds(_records(file), scope, self.pool)
        if not self.gene_pool.add(described, scope):
            raise SourceError(
                f"{file.shown}: no CDS in it lies in the genome in one piece{self._why(before)}: "
                "put the GFF3 file beside it"
            )

    def _gff(self, where: str, text: str, scope: Scope, *, gtf: bool) -> None:
        before = self.pool.rejected.copy()
        described = gff_reader.read_gff_cds(where, text, scope, self.pool, self.gene_pool, gtf=gtf)
        if not self.gene_pool.add(described, scope) and described:
            raise SourceError(f"{where}: no CDS in it translates to a protein of its assembly{self._why(before)}")

    def _why(self, before: Counter[str]) -> str:
        """Return what was left out since `before`, by reason, for messages."""
        reasons = self.pool.rejected - before
        return f" ({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))})" if reasons else ""


def _records(file: SourceFile) -> list[FastaRecord]:
    return list(fasta.read_fasta(read_text(file.path, file.member), file.shown))


def _organism(assembly: Assembly, genome: list[FastaRecord], proteins: list[FastaRecord]) -> str | None:
    """Return the organism of an assembly that has a genome or genes: one for all of it; None to ask each record."""
    if assembly.organism:
        return assembly.organism
    if any(file.role in _WITH_GENES for file in assembly.files):
        for named in (
            Counter(fasta.organism_in(record.title) for record in genome),
            Counter(fasta.organism_in(record.title) or fasta.organism_in_brackets(record.title) for record in proteins),
        ):
            del named[None]
            if named:
                return max(named, key=lambda name: named[name])
    return None


def _zipped_genbank(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of the GenBank files of an archive that is pinned by its sha256."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".gb"):
                yield name, archive.read(name).decode("ascii")
