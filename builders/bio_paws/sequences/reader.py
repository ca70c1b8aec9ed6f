"""Reads the files of assemblies into sequences, proteins and genes, and counts by reason what it leaves out.

Ids are those of the files. Where an id is taken by another assembly, the assembly's accession is put before it.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.sequences import cds_readers, fasta, gff, gff_reader
from bio_paws.sequences.fasta import FastaPieces, FastaRecord
from bio_paws.sequences.flatfile import read_flat_file
from bio_paws.sequences.gene_pool import Cds, GenePool
from bio_paws.sequences.pool import SequencePool
from bio_paws.sequences.scope import Scope, printable
from bio_paws.sequences.store import ResidueFile
from bio_paws.sources.resolve import Assembly, SourceFile
from bio_paws.sources.text import head_of_text, kind_of_text, lines_of, text_pieces

_WITH_GENES = frozenset({"genomic", "genbank", "genbank_zip", "gff_fasta", "cds"})
"""Roles of files whose assembly has one organism; proteins alone may be of many."""


class Reader:
    """Reads assemblies one after the other.

    Parameters
    ----------
    store : ResidueFile
        Takes their residues.

    Attributes
    ----------
    pool : SequencePool
        DNA and proteins, and what was left out, changed or guessed.
    gene_pool : GenePool
        Genes.
    """

    def __init__(self, store: ResidueFile) -> None:
        self.pool = SequencePool(store)
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
        genome = files.get("gff_fasta") or files.get("genomic") or files.get("dna_fasta")
        self._assemblies += 1
        scope = Scope(assembly, self._assemblies, _organism(assembly, genome, proteins))
        before = len(self.pool.dna)
        if "genbank" in files:
            file = files["genbank"]
            embl = kind_of_text(head_of_text(file.path, file.member, 1)) == "embl"
            self._flat_file(file.shown, lines_of(text_pieces(file.path, file.member)), scope, embl=embl)
        if "genbank_zip" in files:
            path = files["genbank_zip"].path
            for name, text in _zipped_genbank(path):
                self._flat_file(str(path / name), text.split("\n"), scope)
        if genome:
            self.pool.add_dna_records(genome.shown, _genome_records(genome), scope)
        # Before the genes, which name their proteins.
        if proteins:
            self.pool.add_protein_records(proteins.shown, _records(proteins), scope)
        if "cds" in files:
            self._ncbi_cds(files["cds"], scope, with_genome="genomic" in files)
        if "ensembl_cds" in files:
            self._ensembl_cds(files["ensembl_cds"], scope)
        for role in ("gff", "gtf", "gff_fasta"):
            if role in files:
                file = files[role]
                lines = lines_of(text_pieces(file.path, file.member))
                rows = takewhile(gff.is_before_fasta, lines)
                self._gff(file.shown, rows, scope, gtf=role == "gtf")
        self.pool.mask(list(self.pool.dna)[before:])

    def _flat_file(self, where: str, lines: Iterable[str], scope: Scope, *, embl: bool = False) -> None:
        described: list[Cds | None] = []
        kept = 0
        first = ""
        for record in read_flat_file(lines, where, self.pool.notes, embl=embl):
            organism = scope.organism or record.organism
            if problem := self.pool.add_dna(record.id, organism, [record.residues], scope):
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

    def _gff(self, where: str, lines: Iterable[str], scope: Scope, *, gtf: bool) -> None:
        before = self.pool.rejected.copy()
        described = gff_reader.read_gff_cds(where, lines, scope, self.pool, self.gene_pool, gtf=gtf)
        if not self.gene_pool.add(described, scope) and described:
            raise SourceError(f"{where}: no CDS in it translates to a protein of its assembly{self._why(before)}")

    def _why(self, before: Counter[str]) -> str:
        """Return what was left out since `before`, by reason, for messages."""
        reasons = self.pool.rejected - before
        return f" ({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))})" if reasons else ""


def _records(file: SourceFile) -> Iterator[FastaRecord]:
    return fasta.read_fasta(text_pieces(file.path, file.member), file.shown)


def _genome_records(file: SourceFile) -> Iterator[FastaPieces]:
    pieces = text_pieces(file.path, file.member)
    if file.role == "gff_fasta":
        pieces = gff.fasta_behind_rows(pieces)
    return fasta.read_fasta_pieces(pieces, file.shown)


def _organism(assembly: Assembly, genome: SourceFile | None, proteins: SourceFile | None) -> str | None:
    """Return the organism of an assembly that has a genome or genes: one for all of it; None to ask each record."""
    if assembly.organism:
        return assembly.organism
    if any(file.role in _WITH_GENES for file in assembly.files):
        for named in (
            Counter(fasta.organism_in(record.title) for record in (_genome_records(genome) if genome else ())),
            Counter(
                fasta.organism_in(record.title) or fasta.organism_in_brackets(record.title)
                for record in (_records(proteins) if proteins else ())
            ),
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
