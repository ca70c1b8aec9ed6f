"""Reads the files of assemblies into sequences, proteins and genes, and counts by reason what it leaves out.

Ids are those of the files. Where an id is taken by another assembly, the assembly's accession is put before it.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from bio_paws.errors import SourceError
from bio_paws.sequences import cds_readers, fasta, gff, gff_reader
from bio_paws.sequences.fasta import FastaPieces, FastaRecord
from bio_paws.sequences.flatfile import read_flat_file
from bio_paws.sequences.gene_pool import Cds, GenePool
from bio_paws.sequences.pool import SequencePool
from bio_paws.sequences.scope import Scope, as_word, printable
from bio_paws.sequences.store import ResidueFile
from bio_paws.sources.pinned import FileRole
from bio_paws.sources.resolve import Assembly, SourceFile
from bio_paws.sources.text import head_of_text, kind_of_text, lines_of, text_pieces

_WITH_GENES = frozenset({"genomic", "genbank", "genbank_zip", "gff_fasta", "cds"})
"""Roles of files whose assembly has one organism; proteins alone may be of many."""
_GENOMES: tuple[FileRole, ...] = ("gff_fasta", "genomic", "dna_fasta")


class Reader:
    """Reads assemblies one after the other.

    Parameters
    ----------
    store : ResidueFile
        Takes their residues.
    make_masks : bool
        As in `SequencePool`.

    Attributes
    ----------
    pool : SequencePool
        DNA and proteins, and what was left out, changed or guessed.
    gene_pool : GenePool
        Genes.
    organisms : list of tuple of str
        Organisms of each assembly that was read.
    """

    def __init__(self, store: ResidueFile, *, make_masks: bool = True) -> None:
        self.pool = SequencePool(store, make_masks=make_masks)
        self.gene_pool = GenePool(self.pool)
        self.organisms: list[tuple[str, ...]] = []

    def read(self, assembly: Assembly) -> None:
        """Read the files of an assembly.

        Raises
        ------
        SourceError
            When a file cannot be read as what it is, holds no good record, or genes and genome do not belong together.
        """

        def files(*roles: FileRole) -> list[SourceFile]:
            return [file for file in assembly.files if file.role in roles]

        genomes, proteins = files(*_GENOMES), files("protein", "protein_fasta")
        titles = _read_titles(assembly, genomes)
        scope = Scope(assembly, len(self.organisms) + 1, _organism(assembly, titles.organisms, proteins))
        for file in files("genbank"):
            scope.file += 1
            embl = kind_of_text(head_of_text(file.path, file.member, 1)) == "embl"
            self._flat_file(file.shown, lines_of(self._text(file)), scope, embl=embl)
        for file in files("genbank_zip"):
            for name, text in _zipped_genbank(file.path):
                scope.file += 1
                self._flat_file(str(file.path / name), text.split("\n"), scope)
        scope.ambiguous |= titles.shared_words
        for file in genomes:
            scope.file += 1
            records = _genome_records(file, self._text(file), self.pool.notes)
            self.pool.add_dna_records(file.shown, _with_new_titles(file, records, scope), scope)
        # Before the genes, which name their proteins.
        for file in proteins:
            self.pool.add_protein_records(file.shown, self._records(file), scope)
        for file in files("cds"):
            self._ncbi_cds(file, scope, with_genome=any(genome.role == "genomic" for genome in genomes))
        for file in files("ensembl_cds"):
            self._ensembl_cds(file, scope)
        self._gff(files("gff", "gtf", "gff_fasta"), scope)
        self.pool.mask(scope)
        pool = self.pool
        of_dna = {pool.dna[name].organism for name in scope.dna.values()}
        of_proteins = {pool.proteins[name].organism for name in scope.proteins.values() if name in pool.proteins}
        self.organisms.append(tuple(sorted(of_dna | of_proteins)))

    def _flat_file(self, where: str, lines: Iterable[str], scope: Scope, *, embl: bool = False) -> None:
        described: list[Cds | None] = []
        kept = 0
        first = ""
        for record in read_flat_file(lines, where, self.pool.notes, embl=embl):
            organism = scope.organism or record.organism
            name, problem = self.pool.add_dna(record.id, organism, record.residues, scope)
            if problem:
                first = first or f"{printable(record.id)}: {problem}"
                continue
            kept += 1
            described += (cds_readers.read_cds_feature(name, feature, scope, self.pool) for feature in record.cds)
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file holds no record'})")
        whole = cds_readers.without_exons([cds for cds in described if cds], scope, self.pool, self.gene_pool)
        self.gene_pool.add(whole, scope)

    def _ncbi_cds(self, file: SourceFile, scope: Scope, *, with_genome: bool) -> None:
        before = self.pool.rejected.copy()
        described = cds_readers.read_ncbi_cds(
            file.shown, self._records(file), scope, self.pool, self.gene_pool, with_genome=with_genome
        )
        if not self.gene_pool.add(described, scope, with_genome=with_genome):
            raise SourceError(f"{file.shown}: no CDS in it translates to a protein of its assembly{self._why(before)}")

    def _ensembl_cds(self, file: SourceFile, scope: Scope) -> None:
        before = self.pool.rejected.copy()
        described = cds_readers.read_ensembl_cds(self._records(file), scope, self.pool)
        if not self.gene_pool.add(described, scope):
            raise SourceError(
                f"{file.shown}: no CDS in it lies in the genome in one piece{self._why(before)}: "
                "put the GFF3 file beside it"
            )

    def _gff(self, files: list[SourceFile], scope: Scope) -> None:
        before = self.pool.rejected.copy()
        described: list[Cds] = []
        for file in files:
            rows = takewhile(gff.is_before_fasta, lines_of(self._text(file)))
            described += gff_reader.read_gff_cds(
                file.shown, rows, scope, self.pool, self.gene_pool, gtf=file.role == "gtf"
            )
        may_be_exons = self.pool.rejected["cds_gene_or_exon"] > before["cds_gene_or_exon"]
        if not self.gene_pool.add(described, scope) and (described or may_be_exons):
            advice = ": give the rows of a gene one ID, Parent or locus_tag, or put its proteins beside it"
            raise SourceError(
                f"{files[0].shown}: no CDS in it translates to a protein of its assembly{self._why(before)}"
                f"{advice if may_be_exons else ''}"
            )

    def _text(self, file: SourceFile) -> Iterator[str]:
        return text_pieces(file.path, file.member, self.pool.notes)

    def _records(self, file: SourceFile) -> Iterator[FastaRecord]:
        return fasta.read_fasta(self._text(file), file.shown, self.pool.notes)

    def _why(self, before: Counter[str]) -> str:
        """Return what was left out since `before`, by reason, for messages."""
        reasons = self.pool.rejected - before
        return f" ({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))})" if reasons else ""


def _genome_records(
    file: SourceFile, pieces: Iterator[str], notes: Counter[str] | None = None
) -> Iterator[FastaPieces]:
    if file.role == "gff_fasta":
        pieces = gff.fasta_behind_rows(pieces)
    return fasta.read_fasta_pieces(pieces, file.shown, notes)


def _titles(file: SourceFile) -> Iterator[str]:
    """Yield the titles of a file's records."""
    return (record.title for record in _genome_records(file, text_pieces(file.path, file.member)))


class _Titles(NamedTuple):
    """What the titles of a genome's files say: organisms, and first words that titles in several files begin with."""

    organisms: frozenset[str] = frozenset()
    shared_words: frozenset[str] = frozenset()


def _read_titles(assembly: Assembly, genomes: list[SourceFile]) -> _Titles:
    """Read the titles of a genome once, before its sequences, where anything is to be told from them."""
    is_named = assembly.organism or assembly.organisms or not _has_genes(assembly)
    if is_named and len(genomes) < 2:
        return _Titles()
    organisms: set[str | None] = set()
    files: Counter[str] = Counter()
    for file in genomes:
        words = set()
        for title in _titles(file):
            if not is_named:
                organisms.add(fasta.organism_in(title))
            if len(genomes) > 1:
                words.add((title.split() or [""])[0])
        files.update(words)
    named = frozenset(organism for organism in organisms if organism)
    return _Titles(named, frozenset(word for word, count in files.items() if count > 1))


def _with_new_titles(file: SourceFile, records: Iterator[FastaPieces], scope: Scope) -> Iterator[FastaPieces]:
    """Yield the records of a genome's file.

    Raises
    ------
    SourceError
        When another file of the genome has a sequence of that title: which of them genes lie on, nothing tells.
    """
    taken = frozenset(scope.titles)
    for record in records:
        if as_word(record.title) in taken:
            raise SourceError(
                f"{file.shown}: {printable(record.id)!r} is a sequence in another file of the genome as well: leave "
                "one of the files out, or rename it"
            )
        yield record


def _organism(assembly: Assembly, of_genome: frozenset[str], proteins: list[SourceFile]) -> str | None:
    """Return the organism of an assembly that has a genome or genes: one for all of it; None to ask each record."""
    if assembly.organism or assembly.organisms:
        return assembly.organism
    if _has_genes(assembly):
        if of_genome:
            return next(iter(of_genome)) if len(of_genome) == 1 else None
        of_proteins = Counter(
            fasta.organism_in(title) or fasta.organism_in_brackets(title)
            for file in proteins
            for title in _titles(file)
        )
        del of_proteins[None]
        if of_proteins:
            return max(of_proteins, key=lambda name: of_proteins[name] if name else 0)
    return None


def _has_genes(assembly: Assembly) -> bool:
    return any(file.role in _WITH_GENES for file in assembly.files)


def _zipped_genbank(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of the GenBank files of an archive that is pinned by its sha256."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".gb"):
                yield name, archive.read(name).decode("ascii")
