"""Reads the files of assemblies into sequences, proteins and genes, and counts by reason what it leaves out.

Ids are those of the files. Where an id is taken by another assembly, the assembly's accession is put before it.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from Bio.SeqFeature import SeqFeature

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.align.translation import reads_as
from bio_paws.errors import SourceError
from bio_paws.sequences import fasta, genes, gff, masks
from bio_paws.sequences.fasta import FastaRecord
from bio_paws.sequences.flatfile import read_flat_file
from bio_paws.sequences.genes import Place
from bio_paws.sequences.records import Gene, Interval, Sequence
from bio_paws.sources.resolve import Assembly, SourceFile
from bio_paws.sources.text import read_text, uncompressed_name

_DNA = frozenset("ACGTRYSWKMBDHVNacgtryswkmbdhvn")
_PROTEIN = frozenset("ACDEFGHIKLMNPQRSTVWYBJOUXZ")
_MAX_GENOME_MISMATCH = 0.5
_GENOME_ROLES = frozenset({"genomic", "genbank", "genbank_zip", "gff_fasta"})
_INFERRED = 100  # CDS that are tried with every genetic code where their source names none


@dataclass
class _Cds:
    """A coding sequence as its file describes it: `protein` is the id of a protein, `translation` the protein."""

    place: Place
    locus: str
    symbol: str = ""
    protein: str = ""
    translation: str | None = None
    residues: str | None = None
    code: int | None = None
    recoded: dict[int, str] = field(default_factory=dict)


@dataclass
class _Scope:
    """The ids of an assembly, and the ids that its sequences have in the corpus.

    `number` tells assemblies apart: two sources may hold parts of one, under the same accession.
    """

    assembly: Assembly
    number: int
    organism: str | None
    dna: dict[str, str] = field(default_factory=dict)
    proteins: dict[str, str] = field(default_factory=dict)


class Reader:
    """Collects the records of all assemblies.

    Attributes
    ----------
    dna, proteins : dict of str to Sequence
    genes : dict of str to Gene
    rejected : Counter of str
        Records left out, by reason.
    notes : Counter of str
        What was changed or guessed, by kind: records or assemblies.
    masks : dict of str to str
        Program that made the soft mask, by sequence.
    """

    def __init__(self) -> None:
        self.dna: dict[str, Sequence] = {}
        self.proteins: dict[str, Sequence] = {}
        self.genes: dict[str, Gene] = {}
        self.rejected: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.masks: dict[str, str] = {}
        self._without_genome: list[str] = []  # genes whose genome may come with another assembly
        self._by_sequence: dict[bytes, str] = {}
        self._assemblies = 0
        self._origin: dict[str, int] = {}  # number of the assembly that a sequence or a gene came with
        self._owners: dict[str, str] = {}  # assembly, or sequence of it, that a locus or a symbol was read in first
        self._places: dict[tuple[Interval, tuple[tuple[int, int], ...]], str] = {}
        self._symbols: dict[tuple[str, str, str], list[tuple[Interval, str]]] = {}

    def read(self, assembly: Assembly) -> None:
        """Read the files of an assembly.

        Raises
        ------
        SourceError
            When a file cannot be read as what it is, holds no good record, or genes and genome do not belong together.
        """
        files = {file.role: file for file in assembly.files}
        proteins = files.get("protein") or files.get("protein_fasta")
        protein_records = self._records(proteins) if proteins else []
        self._assemblies += 1
        scope = _Scope(assembly, self._assemblies, self._organism(assembly, protein_records))
        before = len(self.dna)
        if "genbank" in files:
            file = files["genbank"]
            self._flat_file(file.shown, read_text(file.path, file.member), scope)
        if "genbank_zip" in files:
            path = files["genbank_zip"].path
            for name, text in _zipped_genbank(path):
                self._flat_file(str(path / name), text, scope)
        for role in ("genomic", "dna_fasta"):
            if role in files:
                self._dna_fasta(files[role].shown, self._records(files[role]), scope)
        rows = ""
        if "gff_fasta" in files:
            file = files["gff_fasta"]
            rows, letters = gff.split_fasta(read_text(file.path, file.member))
            self._dna_fasta(file.shown, list(fasta.read_fasta(letters, file.shown)), scope)
        if proteins:
            self._protein_fasta(proteins.shown, protein_records, scope)
        if "cds" in files:
            self._cds_fasta(files["cds"].shown, self._records(files["cds"]), scope, with_genome="genomic" in files)
        if "ensembl_cds" in files:
            self._ensembl(files["ensembl_cds"].shown, self._records(files["ensembl_cds"]), scope)
        for role in ("gff", "gtf", "gff_fasta"):
            if role in files:
                file = files[role]
                text = rows or read_text(file.path, file.member)
                self._gff(file.shown, text, scope, gtf=role == "gtf")
        self._mask(list(self.dna)[before:])

    def leave_out_misplaced(self) -> None:
        """Leave out genes of assemblies without a genome that are not where they say in the genome of another."""
        for protein_id in self._without_genome:
            gene = self.genes[protein_id]
            spliced = self._spliced(gene.span, gene.exons)
            if spliced is not None and not genes.translates(spliced, gene.protein, gene.code):
                del self.genes[protein_id]
                self.rejected["cds_not_in_genome"] += 1

    def genetic_codes(self) -> dict[str, int]:
        """Return the genetic code of each genome sequence that is not read by the standard one.

        Genes of another code than most genes of their sequence are left out.
        """
        counts: dict[str, Counter[int]] = {}
        for gene in self.genes.values():
            counts.setdefault(gene.span.source, Counter())[reads_as(gene.code)] += 1
        most = {source: max(sorted(count), key=count.__getitem__) for source, count in counts.items()}
        for name in [name for name, gene in self.genes.items() if reads_as(gene.code) != most[gene.span.source]]:
            del self.genes[name]
            self.rejected["cds_other_genetic_code"] += 1
        return {source: code for source, code in most.items() if code != 1}

    # --- sequences ---

    def _records(self, file: SourceFile) -> list[FastaRecord]:
        return list(fasta.read_fasta(read_text(file.path, file.member), file.shown))

    def _organism(self, assembly: Assembly, proteins: list[FastaRecord]) -> str | None:
        """Return the organism of an assembly that has a genome or genes: one for all of it; None to ask each record."""
        if assembly.organism:
            return assembly.organism
        if any(file.role in (*_GENOME_ROLES, "cds") for file in assembly.files):
            named = (fasta.organism_in(one.title) or fasta.organism_in_brackets(one.title) for one in proteins)
            counts = Counter(name for name in named if name)
            if counts:
                return max(counts, key=counts.__getitem__)
        return None

    def _organism_of(self, title: str, scope: _Scope) -> str:
        return scope.organism or fasta.organism_in(title) or self._guessed(scope)

    def _guessed(self, scope: _Scope) -> str:
        """Return the name of the file or the assembly: the last resort."""
        name = uncompressed_name(scope.assembly.accession)
        name = (
            Path(name).stem
            if any(file.path.name == scope.assembly.accession for file in scope.assembly.files)
            else name
        )
        self.notes[f"organism not named: {name!r} is the name of the file"] += 1
        return name

    def _dna_fasta(self, where: str, records: list[FastaRecord], scope: _Scope) -> None:
        first = ""
        kept = 0
        for name, title, letters in records:
            residues = fasta.as_dna(letters, self.notes)
            problem = self._dna_problem(name, residues, scope)
            if problem:
                self.rejected[f"dna_{problem}"] += 1
                first = first or f"{_shown(name)}: {_explain(problem, residues)}"
                continue
            self._add_dna(name, self._organism_of(title, scope), residues, scope)
            kept += 1
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file is empty'})")

    def _dna_problem(self, name: str, residues: str, scope: _Scope) -> str:
        if problem := _name_problem(name):
            return problem
        if name in scope.dna:
            return "duplicate_id"
        if not residues:
            return "empty"
        if not _DNA.issuperset(residues):
            return "alphabet"
        return ""

    def _add_dna(self, name: str, organism: str, residues: str, scope: _Scope) -> None:
        digest = sha256(residues.upper().encode("ascii")).digest()
        twin = self._by_sequence.get(digest)
        if twin is not None and self._origin[twin] != scope.number:
            scope.dna[name] = twin
            self.rejected["dna_identical_record"] += 1
            return
        scope.dna[name] = unique = _unique(name, scope.assembly.accession, self.dna)
        self._by_sequence.setdefault(digest, unique)
        self._origin[unique] = scope.number
        self.dna[unique] = Sequence(unique, organism, "dna", residues)

    def _protein_fasta(self, where: str, records: list[FastaRecord], scope: _Scope) -> None:
        first = ""
        kept = 0
        for name, title, letters in records:
            residues = fasta.as_protein(letters, self.notes)
            problem = self._protein_problem(name, residues, scope)
            if not problem and _DNA.issuperset(residues) and len(residues) >= 100:
                problem = "looks_like_dna"
            if problem:
                self.rejected[f"protein_{problem}"] += 1
                first = first or f"{_shown(name)}: {_explain(problem, residues, protein=True)}"
                continue
            organism = scope.organism or fasta.organism_in(title) or fasta.organism_in_brackets(title)
            self._add_protein(name, organism or self._guessed(scope), residues, scope)
            kept += 1
        if not kept:
            raise SourceError(f"{where}: no usable protein ({first or 'the file is empty'})")

    def _protein_problem(self, name: str, residues: str, scope: _Scope) -> str:
        if problem := _name_problem(name):
            return problem
        if name in scope.proteins:
            return "duplicate_id"
        if not residues:
            return "empty"
        if not _PROTEIN.issuperset(residues):
            return "alphabet"
        return ""

    def _add_protein(self, name: str, organism: str, residues: str, scope: _Scope) -> str:
        twin = self.proteins.get(name)
        if twin and twin.residues == residues and not {file.role for file in scope.assembly.files} - {"protein_fasta"}:
            scope.proteins[name] = name
            self.rejected["protein_identical_record"] += 1
            return name
        scope.proteins[name] = unique = _unique(name, scope.assembly.accession, self.proteins)
        self.proteins[unique] = Sequence(unique, organism, "protein", residues)
        return unique

    def _mask(self, names: list[str]) -> None:
        whole = [self.dna[name] for name in names]
        if not masks.lacks_mask([one.residues for one in whole]):
            return
        masked, program = masks.soft_masked([one.residues for one in whole])
        for one, residues in zip(whole, masked, strict=True):
            self.dna[one.id] = Sequence(one.id, one.organism, one.molecule, residues)
            self.masks[one.id] = program

    # --- genes ---

    def _cds_fasta(self, where: str, records: list[FastaRecord], scope: _Scope, *, with_genome: bool) -> None:
        compared = differ = 0
        found: list[_Cds] = []
        for name, title, letters in records:
            tags = fasta.tags_in(title)
            match = re.match(r"(?:lcl\|)?(.+?)_cds(?:_|$)", name)
            if match is None or "location" not in tags:
                self.rejected["cds_no_location"] += 1
                continue
            if "protein_id" not in tags:
                self.rejected["cds_pseudogene"] += 1
                continue
            code = genes.code_of(tags.get("transl_table"), 0)
            if code is None:
                self.rejected["cds_unknown_genetic_code"] += 1
                continue
            residues = letters.upper().replace("U", "T")
            place = genes.parse_place(match.group(1), tags["location"])
            if place.span and with_genome:
                compared += 1
                if self._spliced(self._placed(place, scope).span, place.exons) != residues:
                    differ += 1
                    place = Place(None, (), "not_in_genome")
            locus = tags.get("locus_tag") or _gene_number(tags.get("db_xref", ""))
            symbol = tags.get("gene", "")
            found.append(_Cds(place, locus, symbol, tags["protein_id"], residues=residues, code=code or None))
        if compared and differ > _MAX_GENOME_MISMATCH * compared:
            raise SourceError(
                f"{where}: {differ} of {compared} CDS are not in the genome beside it: fetch both files of one assembly"
            )
        taken = self._add_genes(found, scope)
        if not taken:
            raise SourceError(f"{where}: no CDS in it translates to a protein of its assembly")
        if not with_genome:
            self._without_genome += taken

    def _ensembl(self, where: str, records: list[FastaRecord], scope: _Scope) -> None:
        """Place CDS that name a stretch of the genome but not their exons: those without introns can be placed."""
        names = {_bare(name): name for name in scope.proteins}
        found: list[_Cds] = []
        for name, title, letters in records:
            match = re.search(r"\b\w+:[^:\s]*:([^:\s]+):(\d+):(\d+):-?1\b", title)
            source = self.dna.get(scope.dna.get(match.group(1), "")) if match else None
            if match is None or source is None:
                self.rejected["cds_no_location"] += 1
                continue
            residues = letters.upper()
            first, last = int(match.group(2)) - 1, int(match.group(3))
            stretch = source.residues[first:last].upper()
            gene = re.search(r"\bgene:(\S+)", title)
            protein = names.get(_bare(name), name)
            for strand in ("+", "-"):
                at = stretch.find(residues if strand == "+" else reverse_complement(residues))
                if at >= 0:
                    part = (first + at, first + at + len(residues))
                    place = genes.place_of_parts(match.group(1), [part], "+" if strand == "+" else "-")
                    found.append(_Cds(place, gene.group(1) if gene else "", protein=protein, residues=residues))
                    break
            else:
                self.rejected["cds_exons_not_given"] += 1
        if not self._add_genes(found, scope):
            raise SourceError(f"{where}: no CDS in it lies in the genome in one piece: put the GFF3 file beside it")

    def _gff(self, where: str, text: str, scope: _Scope, *, gtf: bool) -> None:
        names = {_bare(name): name for name in scope.proteins}
        found: list[_Cds] = []
        for cds in gff.read_gff(text, where, self.rejected, gtf=gtf):
            if cds.pseudo:
                self.rejected["cds_pseudogene"] += 1
                continue
            if cds.source not in scope.dna:
                self.rejected["cds_no_genome"] += 1
                continue
            code = genes.code_of(cds.tags.get("transl_table"), 0)
            if code is None:
                self.rejected["cds_unknown_genetic_code"] += 1
                continue
            keys = ("protein_id", "Name", "ID", "locus_tag", "transcript_id", "Parent")
            ids = [re.sub(r"^(cds-|CDS:|transcript:|rna-)", "", cds.tags[key]) for key in keys if cds.tags.get(key)]
            known = next((names[_bare(name)] for name in ids if _bare(name) in names), "")
            place = cds.place()
            protein = known or (cds.tags.get("protein_id") or (ids[0] if ids else ""))
            given = _Cds(place, cds.locus, cds.tags.get("gene", ""), protein, code=code or None)
            if not known:
                if names:
                    self.rejected["cds_no_protein"] += 1
                    continue
                given.translation = ""
            if place.span and cds.tags.get("transl_except"):
                given.recoded = genes.recoded_codons(
                    re.findall(r"\([^()]*\)", cds.tags["transl_except"]), place.span, place.exons
                )
            found.append(given)
        if not self._add_genes(found, scope) and found:
            raise SourceError(f"{where}: no CDS in it translates to a protein of its assembly")

    def _flat_file(self, where: str, text: str, scope: _Scope) -> None:
        kept = 0
        first = ""
        found: list[_Cds] = []
        for record in read_flat_file(text, where, self.notes):
            residues = fasta.as_dna(record.residues, self.notes)
            problem = self._dna_problem(record.id, residues, scope)
            if problem:
                self.rejected[f"dna_{problem}"] += 1
                first = first or f"{_shown(record.id)}: {_explain(problem, residues)}"
                continue
            self._add_dna(record.id, scope.organism or record.organism or self._guessed(scope), residues, scope)
            kept += 1
            found += filter(None, (self._cds_of(record.id, feature, scope) for feature in record.cds))
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file holds no record'})")
        self._add_genes(found, scope)

    def _cds_of(self, source: str, feature: SeqFeature, scope: _Scope) -> _Cds | None:
        tags: dict[str, list[str]] = feature.qualifiers
        translation = "".join(tags.get("translation", [""])[0].split()) if "translation" in tags else None
        if translation is None and ("pseudo" in tags or "pseudogene" in tags):
            self.rejected["cds_pseudogene"] += 1
            return None
        code = genes.code_of(next(iter(tags.get("transl_table", [])), None))
        if code is None:
            self.rejected["cds_unknown_genetic_code"] += 1
            return None
        place = genes.place_of(source, feature.location)
        if not place.problem and (tags.get("codon_start") or ["1"])[0] != "1":
            place = Place(None, (), "partial")
        locus = (tags.get("locus_tag") or [""])[0] or _gene_number(" ".join(tags.get("db_xref", [])))
        protein = (tags.get("protein_id") or [""])[0] if "protein_id" in tags else ""
        if not protein:
            protein = f"{source}:{locus or _shown_place(place, feature)}"
        recoded = {}
        if place.span and translation is None:
            recoded = genes.recoded_codons(tags.get("transl_except", []), place.span, place.exons)
        symbol = (tags.get("gene") or [""])[0]
        text = None if translation is None else fasta.as_protein(translation, self.notes)
        if text is None:
            return _Cds(place, locus, symbol, protein, "", code=code, recoded=recoded)
        if problem := self._protein_problem(protein, text, scope):
            if problem != "duplicate_id":
                self.rejected[f"protein_{problem}"] += 1
                return None
        else:
            organism = self.dna[scope.dna[source]].organism
            self._add_protein(protein, organism, text, scope)
        return _Cds(place, locus, symbol, protein, text, code=code, recoded=recoded)

    def _add_genes(self, found: list[_Cds], scope: _Scope) -> list[str]:
        """Take in the genes whose CDS translate to their proteins; return their ids."""
        codes = self._codes(found, scope)
        taken = []
        for cds in found:
            place = self._placed(cds.place, scope)
            problem = place.problem
            unique = ""
            if not problem and place.span:
                code = cds.code or codes.get(place.span.source, 1)
                unique, problem = self._gene(cds, place.span, place.exons, code, scope)
            if problem:
                self.rejected[f"cds_{problem}"] += 1
            else:
                taken.append(unique)
        return taken

    def _gene(
        self, cds: _Cds, span: Interval, exons: tuple[tuple[int, int], ...], code: int, scope: _Scope
    ) -> tuple[str, str]:
        """Take in a gene; return its id, or the problem because of which it is left out."""
        spliced = cds.residues if cds.residues is not None else self._spliced(span, exons)
        if spliced is None or (span.source in self.dna and span.end > len(self.dna[span.source].residues)):
            return "", "no_genome" if spliced is None else "beyond_the_sequence"
        unique = scope.proteins.get(cds.protein, "")
        residues = cds.translation
        if residues == "":
            residues, problem = genes.translated(spliced, code, cds.recoded)
            if problem:
                return "", problem
            self.notes["CDS without a protein, translated"] += 1
        elif residues is None:
            if not unique:
                return "", "no_protein"
            residues = self.proteins[unique].residues
        if not genes.translates(spliced, residues, code):
            return "", "translation_differs"
        twin = self._places.get((span, exons))
        if twin and self._origin.get(twin) != scope.number and self.genes[twin].protein == residues:
            if unique and unique not in self.genes and unique != twin:
                del self.proteins[unique]
                del scope.proteins[cds.protein]
            return "", "identical_record"
        dna = self.dna.get(span.source)
        known = self.proteins.get(unique)
        organism = scope.organism or (known.organism if known else dna.organism if dna else self._guessed(scope))
        if unique in self.genes and (self.genes[unique].span, self.genes[unique].exons) == (span, exons):
            return "", "duplicate_id"
        if not unique or unique in self.genes or (known and known.residues != residues):
            # The protein is that of another gene as well, or has no record of its own.
            name = cds.protein if not unique and cds.protein else f"{cds.protein}:{cds.locus or _interval(span)}"
            if _name_problem(name):
                return "", "unnamed"
            unique = _unique(name, scope.assembly.accession, self.proteins)
            scope.proteins.setdefault(cds.protein, unique)
            self.proteins[unique] = Sequence(unique, organism, "protein", residues)
        self.genes[unique] = Gene(unique, self._locus(cds, unique, span, scope), organism, span, exons, residues, code)
        self._places.setdefault((span, exons), unique)
        self._origin.setdefault(unique, scope.number)
        return unique, ""

    def _locus(self, cds: _Cds, unique: str, span: Interval, scope: _Scope) -> str:
        """Return the gene that isoforms share; a symbol names a gene only where its isoforms overlap."""
        accession = scope.assembly.accession
        if cds.locus:
            owner = self._owners.setdefault(f"locus {cds.locus}", accession)
            return cds.locus if owner == accession else f"{accession}:{cds.locus}"
        if not cds.symbol:
            return unique
        places = self._symbols.setdefault((accession, span.source, cds.symbol), [])
        for other, locus in places:
            if other.strand == span.strand and other.start < span.end and span.start < other.end:
                places.append((span, locus))
                return locus
        owner = self._owners.setdefault(f"symbol {cds.symbol}", f"{accession} {span.source}")
        first = not places and owner == f"{accession} {span.source}"
        locus = cds.symbol if first else f"{cds.symbol}@{_interval(span)}"
        places.append((span, locus))
        return locus

    def _codes(self, found: list[_Cds], scope: _Scope) -> dict[str, int]:
        """Find the genetic code of each sequence from its CDS and their proteins, where their source names none."""
        by_source: dict[str, list[tuple[str, str]]] = {}
        for cds in found:
            place = self._placed(cds.place, scope)
            protein = self.proteins.get(scope.proteins.get(cds.protein, ""))
            if cds.code is None and protein and place.span:
                pairs = by_source.setdefault(place.span.source, [])
                spliced = cds.residues if cds.residues is not None else self._spliced(place.span, place.exons)
                if spliced and len(pairs) < _INFERRED:
                    pairs.append((spliced, protein.residues))
        codes = {}
        for source, pairs in by_source.items():
            right = _agreeing(pairs, 1)
            if 2 * right < len(pairs):
                best = max(sorted(genes.CODES), key=lambda code: _agreeing(pairs, code))
                if _agreeing(pairs, best) > max(right, len(pairs) // 2):
                    codes[source] = best
                    self.notes[f"genetic code {best} found from the proteins of {source}"] += 1
        return codes

    def _placed(self, place: Place, scope: _Scope) -> Place:
        """Return a place on the sequence as the corpus names it."""
        if place.span is None:
            return place
        source = scope.dna.get(place.span.source, place.span.source)
        return Place(place.span._replace(source=source), place.exons, "")

    def _spliced(self, span: Interval | None, exons: tuple[tuple[int, int], ...]) -> str | None:
        if span is None or span.source not in self.dna:
            return None
        genome = self.dna[span.source].residues
        spliced = "".join(genome[start:end] for start, end in exons).upper()
        return spliced if span.strand == "+" else reverse_complement(spliced)


def _agreeing(pairs: list[tuple[str, str]], code: int) -> int:
    return sum(genes.translates(cds, protein, code) for cds, protein in pairs)


def _unique(name: str, accession: str, taken: dict[str, Sequence]) -> str:
    if name not in taken:
        return name
    scoped = f"{accession}:{name}"
    number = 2
    while scoped in taken:
        scoped = f"{accession}:{name}:{number}"
        number += 1
    return scoped


def _interval(span: Interval) -> str:
    return f"{span.source}:{span.start + 1}..{span.end}"


def _shown_place(place: Place, feature: SeqFeature) -> str:
    if place.span:
        return f"{place.span.start + 1}..{place.span.end}{'' if place.span.strand == '+' else 'c'}"
    return str(feature.location)


def _gene_number(references: str) -> str:
    match = re.search(r"\bGeneID:(\d+)", references)
    return f"GeneID:{match.group(1)}" if match else ""


def _bare(name: str) -> str:
    return re.sub(r"\.\d+$", "", name)


def _name_problem(name: str) -> str:
    if not name.strip():
        return "unnamed"
    return "" if name.isprintable() else "unprintable_id"


def _shown(name: str) -> str:
    return (name if name.isprintable() else ascii(name)) or "a record without a name"


def _zipped_genbank(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of the GenBank files of an archive that is pinned by its sha256."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".gb"):
                yield name, archive.read(name).decode("ascii")


def _explain(problem: str, residues: str, *, protein: bool = False) -> str:
    if problem == "alphabet":
        letters = _PROTEIN if protein else _DNA
        at, letter = next((i, c) for i, c in enumerate(residues) if c not in letters)
        kind = "an amino acid" if protein else "a nucleotide of the IUPAC code; proteins belong in a .faa file"
        return f"letter {letter!r} at position {at} is not {kind}"
    if problem == "looks_like_dna":
        return "these are nucleotides; DNA belongs in a .fna file"
    return problem.replace("_", " ")
