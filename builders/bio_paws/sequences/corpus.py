"""Parse and validate source files: genomes with their soft mask, genes with their exons, proteins.

Records that break a rule are left out and counted by reason; a file without a single good record is an error.
"""

from __future__ import annotations

import gzip
import io
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from Bio import BiopythonWarning, SeqIO
from Bio.Data import CodonTable
from Bio.Seq import translate
from Bio.SeqFeature import Location, SeqFeature
from Bio.SeqIO.FastaIO import SimpleFastaParser

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import PairConfig
from bio_paws.errors import SourceError
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws.sequences.records import Gene, Interval, Sequence, Strand
from bio_paws.sources.resolve import Assembly, SourceFile

_DNA = frozenset("ACGTRYSWKMBDHVNacgtryswkmbdhvn")
_PROTEIN = frozenset("ACDEFGHIKLMNPQRSTVWYBJOUXZ")
# Any start codon of the bacterial code is read as methionine at the first position.
_STARTS = frozenset(CodonTable.unambiguous_dna_by_id[11].start_codons)
_MAX_GENOME_MISMATCH = 0.5
# Genomes shrink to a quarter, and one that is mostly gaps to a tenth: what grows more is made to fill the memory.
_MAX_GROWTH = 100
_ALWAYS_TAKEN = 1 << 20  # bytes, whatever they grew from
_CHUNK = 1 << 20
_LONGEST = 1 << 40  # bases: far beyond any chromosome, and within 64 bits
# A file that bgzip wrote ends with this empty block (SAM specification, 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


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
    """

    dna: dict[str, Sequence]
    proteins: dict[str, Sequence]
    genes: dict[str, Gene]
    rejected: dict[str, int]

    @property
    def organism(self) -> dict[str, str]:
        """Organism of every accession."""
        return {one.id: one.organism for one in (*self.dna.values(), *self.proteins.values())}


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
    reader = _Reader()
    for assembly in assemblies:
        reader.read(assembly)
    reader.leave_out_misplaced()
    return Corpus(reader.dna, reader.proteins, reader.genes, dict(sorted(reader.rejected.items())))


def representative_proteins(corpus: Corpus) -> list[Sequence]:
    """One protein a gene, the longest: isoforms of a gene share most of their residues."""
    best: dict[tuple[str, str], Sequence] = {}
    for protein in corpus.proteins.values():
        gene = corpus.genes.get(protein.id)
        key = (protein.organism, gene.locus if gene else protein.id)
        other = best.get(key)
        if other is None or (-len(protein.residues), protein.id) < (-len(other.residues), other.id):
            best[key] = protein
    return list(best.values())


def gene_dna(corpus: Corpus, gene: Gene) -> str | None:
    """Genomic span of a gene's CDS on its strand, introns kept, upper case; None without its genome."""
    if gene.span.source not in corpus.dna:
        return None
    dna = corpus.dna[gene.span.source].residues[gene.span.start : gene.span.end].upper()
    return dna if gene.span.strand == "+" else reverse_complement(dna)


def read_text(path: Path) -> str:
    """Read a text file, gzipped or not.

    Raises
    ------
    SourceError
        When it cannot be read, is not text, or its gzip stream is truncated, damaged, or grows beyond measure.
    """
    try:
        data: bytes | bytearray = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = _unzipped(path, bytes(data))
        elif path.suffix == ".gz":
            raise SourceError(f"{path}: not a gzip file though it is named .gz: fetch it again")
        return data.decode("ascii")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path}: gzip stream truncated or damaged ({error}): fetch it again") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not a text file (byte {error.start} is not ASCII)") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error


def _unzipped(path: Path, data: bytes) -> bytearray:
    if data[:4] == _BGZF_END[:4] and data[12:14] == b"BC" and not data.endswith(_BGZF_END):
        raise EOFError("the last block is missing")
    text = bytearray()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        while chunk := stream.read(_CHUNK):
            text += chunk
            if len(text) > max(_ALWAYS_TAKEN, _MAX_GROWTH * len(data)):
                raise SourceError(f"{path}: unzips to over {_MAX_GROWTH} times its size: unzip it, and look into it")
    return text


class _Reader:
    """Collects the records of all assemblies and counts what it leaves out."""

    def __init__(self) -> None:
        self.dna: dict[str, Sequence] = {}
        self.proteins: dict[str, Sequence] = {}
        self.genes: dict[str, Gene] = {}
        self.rejected: Counter[str] = Counter()
        self._without_genome: list[str] = []  # genes whose genome may come with another assembly

    def read(self, assembly: Assembly) -> None:
        files = {file.role: file for file in assembly.files}
        if "genbank" in files:
            self._genbank(files["genbank"].path, read_text(files["genbank"].path), assembly)
        if "genbank_zip" in files:
            path = files["genbank_zip"].path
            for name, text in _zipped_genbank(path):
                self._genbank(path / name, text, assembly)
        for role in ("genomic", "dna_fasta"):
            if role in files:
                self._dna_fasta(files[role], assembly)
        for role in ("protein", "protein_fasta"):
            if role in files:
                self._protein_fasta(files[role], assembly)
        if "cds" in files:
            self._cds(files["cds"].path, assembly, with_genome="genomic" in files)

    def _dna_fasta(self, file: SourceFile, assembly: Assembly) -> None:
        first = ""
        kept = 0
        for name, title, residues in _fasta(file.path):
            problem = self._dna_problem(name, residues)
            if problem:
                self.rejected[f"dna_{problem}"] += 1
                first = first or f"{_shown(name)}: {_explain(problem, residues)}"
                continue
            organism = assembly.organism or _organism_in_title(title) or assembly.name
            self.dna[name] = Sequence(name, organism, "dna", residues)
            kept += 1
        if not kept:
            raise SourceError(f"{file.path}: no usable DNA sequence ({first or 'the file is empty'})")

    def _dna_problem(self, name: str, residues: str) -> str:
        if problem := _name_problem(name):
            return problem
        if name in self.dna:
            return "duplicate_id"
        if not residues:
            return "empty"
        if not _DNA.issuperset(residues):
            return "alphabet"
        return ""

    def _protein_fasta(self, file: SourceFile, assembly: Assembly) -> None:
        first = ""
        kept = 0
        for name, title, text in _fasta(file.path):
            residues = text.upper().removesuffix("*")
            problem = self._protein_problem(name, residues)
            if not problem and _DNA.issuperset(residues) and len(residues) >= 100:
                problem = "looks_like_dna"
            if problem:
                self.rejected[f"protein_{problem}"] += 1
                first = first or f"{_shown(name)}: {_explain(problem, residues, protein=True)}"
                continue
            organism = assembly.organism or _organism_in_brackets(title) or assembly.name
            self.proteins[name] = Sequence(name, organism, "protein", residues)
            kept += 1
        if not kept:
            raise SourceError(f"{file.path}: no usable protein ({first or 'the file is empty'})")

    def _protein_problem(self, name: str, residues: str) -> str:
        if problem := _name_problem(name):
            return problem
        if name in self.proteins:
            return "duplicate_id"
        if not residues:
            return "empty"
        if not _PROTEIN.issuperset(residues):
            return "alphabet"
        return ""

    def _cds(self, path: Path, assembly: Assembly, *, with_genome: bool) -> None:
        compared = differ = 0
        kept = 0
        for _, title, residues in _fasta(path):
            # What stands in a tag's brackets ends where others begin: else a title of a million takes for ever.
            tags = dict(re.findall(r"\[(\w+)=([^][]*)\]", title))
            match = re.match(r"(?:lcl\|)?(.+?)_cds(?:_|$)", title.split()[0]) if title else None
            if match is None or "location" not in tags:
                self.rejected["cds_no_location"] += 1
                continue
            if "protein_id" not in tags:
                self.rejected["cds_pseudogene"] += 1
                continue
            span, exons, problem = _place(match.group(1), tags["location"])
            if span and with_genome:
                compared += 1
                if self._spliced(span, exons) != residues.upper():
                    differ += 1
                    problem = problem or "not_in_genome"
            locus = tags.get("gene") or tags.get("locus_tag") or tags["protein_id"]
            organism = assembly.organism or self._organism_of(tags["protein_id"], span) or assembly.name
            taken = self._gene(tags["protein_id"], locus, organism, span, exons, residues.upper(), problem)
            kept += taken
            if taken and not with_genome:
                self._without_genome.append(tags["protein_id"])
        if compared and differ > _MAX_GENOME_MISMATCH * compared:
            raise SourceError(
                f"{path}: {differ} of {compared} CDS are not in the genome beside it: fetch both files of one assembly"
            )
        if not kept:
            raise SourceError(f"{path}: no CDS in it translates to a protein of its assembly")

    def leave_out_misplaced(self) -> None:
        """Leave out genes of assemblies without a genome that are not where they say in the genome of another."""
        for protein_id in self._without_genome:
            gene = self.genes[protein_id]
            spliced = self._spliced(gene.span, gene.exons)
            if spliced is not None and not _translates(spliced, gene.protein):
                del self.genes[protein_id]
                self.rejected["cds_not_in_genome"] += 1

    def _organism_of(self, protein_id: str, span: Interval | None) -> str | None:
        known = self.proteins.get(protein_id) or (self.dna.get(span.source) if span else None)
        return known.organism if known else None

    def _spliced(self, span: Interval, exons: tuple[tuple[int, int], ...]) -> str | None:
        if span.source not in self.dna:
            return None
        genome = self.dna[span.source].residues
        spliced = "".join(genome[start:end] for start, end in exons).upper()
        return spliced if span.strand == "+" else reverse_complement(spliced)

    def _gene(
        self,
        protein_id: str,
        locus: str,
        organism: str,
        span: Interval | None,
        exons: tuple[tuple[int, int], ...],
        cds: str,
        problem: str,
    ) -> bool:
        """Take a gene in if its CDS translates to its protein; say whether it did."""
        protein = self.proteins.get(protein_id)
        if not problem:
            if protein is None:
                problem = "no_protein"
            elif protein_id in self.genes:
                problem = "duplicate_id"
            elif not _translates(cds, protein.residues):
                problem = "translation_differs"
        if problem or span is None or protein is None:
            self.rejected[f"cds_{problem}"] += 1
            return False
        self.genes[protein_id] = Gene(protein_id, locus, organism, span, exons, protein.residues)
        return True

    def _genbank(self, path: Path, text: str, assembly: Assembly) -> None:
        kept = 0
        first = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BiopythonWarning)
                records = list(SeqIO.parse(io.StringIO(text), "genbank"))
                sequences = [str(record.seq) for record in records]
        except Exception as error:  # Biopython's parser raises whatever it stumbles over
            reraise_if_out_of_memory(error)
            why = (str(error).splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{path}: not a GenBank flat file that can be parsed ({why})") from error
        for record, residues in zip(records, sequences, strict=True):
            problem = self._dna_problem(record.id, residues)
            if problem:
                self.rejected[f"dna_{problem}"] += 1
                first = first or f"{_shown(record.id)}: {_explain(problem, residues)}"
                continue
            organism = assembly.organism or record.annotations.get("organism") or assembly.name
            self.dna[record.id] = Sequence(record.id, organism, "dna", residues)
            kept += 1
            for feature in record.features:
                if feature.type == "CDS":
                    self._genbank_cds(record.id, organism, feature)
        if not kept:
            raise SourceError(f"{path}: no usable DNA sequence ({first or 'the file holds no record'})")

    def _genbank_cds(self, source: str, organism: str, feature: SeqFeature) -> None:
        tags: dict[str, list[str]] = feature.qualifiers
        if "translation" not in tags:
            self.rejected["cds_pseudogene"] += 1
            return
        locus = (tags.get("gene") or tags.get("locus_tag") or tags.get("protein_id") or ["?"])[0]
        protein_id = (tags.get("protein_id") or [f"{source}:{locus}"])[0]
        residues = tags["translation"][0].upper()
        if problem := self._protein_problem(protein_id, residues):
            self.rejected[f"protein_{problem}"] += 1
            return
        self.proteins[protein_id] = Sequence(protein_id, organism, "protein", residues)
        span, exons, problem = _interval_of(source, feature.location)
        spliced = (self._spliced(span, exons) if span else None) or ""
        self._gene(protein_id, locus, organism, span, exons, spliced, problem)


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


def _fasta(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (id, title, residues); blanks inside the residues are gone."""
    text = read_text(path)
    if text.strip() and not text.lstrip().startswith(">"):
        raise SourceError(f"{path}: not FASTA: its first line does not start with '>'")
    for title, residues in SimpleFastaParser(io.StringIO(text)):
        yield (title.split() or [""])[0], title, residues.replace(" ", "").replace("\t", "")


def _explain(problem: str, residues: str, *, protein: bool = False) -> str:
    if problem == "alphabet":
        letters = _PROTEIN if protein else _DNA
        at, letter = next((i, c) for i, c in enumerate(residues) if c not in letters)
        kind = "an amino acid" if protein else "a nucleotide of the IUPAC code; proteins belong in a .faa file"
        return f"letter {letter!r} at position {at} is not {kind}"
    if problem == "looks_like_dna":
        return "these are nucleotides; DNA belongs in a .fna file"
    return problem.replace("_", " ")


def _organism_in_brackets(title: str) -> str | None:
    match = re.search(r"\[([A-Z][a-z]+ [^][]+)\]\s*$", title)
    return match.group(1) if match else None


def _organism_in_title(title: str) -> str | None:
    match = re.match(r"\S+\s+([A-Z][a-z]+ [a-z]+)\b", title)
    return match.group(1) if match else None


def _place(source: str, location: str) -> tuple[Interval | None, tuple[tuple[int, int], ...], str]:
    try:
        parsed = Location.fromstring(location)
    except Exception as error:  # Biopython's parser raises whatever it stumbles over
        reraise_if_out_of_memory(error)
        return None, (), "no_location"
    return _interval_of(source, parsed)


def _interval_of(source: str, location: Any) -> tuple[Interval | None, tuple[tuple[int, int], ...], str]:
    """Turn a Biopython location into a span and its exons, or say why it cannot be used."""
    if location is None:
        return None, (), "no_location"
    parts = sorted((int(part.start), int(part.end)) for part in location.parts)
    if len({part.strand for part in location.parts}) != 1 or location.strand not in (1, -1):
        return None, (), "mixed_strands"
    if any(part.ref is not None and part.ref != source for part in location.parts):
        return None, (), "trans_spliced"
    if any(not str(end).isdigit() for part in location.parts for end in (part.start, part.end)):
        return None, (), "partial"
    # Biopython keeps biological order: descending on the reverse strand, and broken where a ring is closed.
    order = [int(part.start) for part in location.parts]
    if order != sorted(order, reverse=location.strand == -1):
        return None, (), "crosses_origin"
    # Exons that overlap or touch: ribosomal slippage.
    if any(left[1] >= right[0] for left, right in pairwise(parts)):
        return None, (), "slippage"
    if parts[0][0] < 0 or parts[-1][1] > _LONGEST:
        return None, (), "no_location"
    strand: Strand = "+" if location.strand == 1 else "-"
    return Interval(source, parts[0][0], parts[-1][1], strand), tuple(parts), ""


def _translates(cds: str, protein: str) -> bool:
    """Whether a CDS with its stop codon reads as exactly this protein in the standard code."""
    if len(cds) % 3 or len(cds) != 3 * len(protein) + 3 or not set("ACGT").issuperset(cds):
        return False
    read = str(translate(cds))
    if read[-1] != "*":
        return False
    start = read[0] == protein[0] or (protein[0] == "M" and cds[:3] in _STARTS)
    return start and read[1:-1] == protein[1:]


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
    ]
)

TABLES = ("sequences", "genes", "rejected")
"""Tables that a corpus is stored as."""


def corpus_to_tables(corpus: Corpus) -> dict[str, pa.Table]:
    """Return the corpus as Arrow tables: what the stages read from disk."""
    sequences = [vars(one) for one in (*corpus.dna.values(), *corpus.proteins.values())]
    genes = [
        {
            "protein_id": gene.protein_id,
            "locus": gene.locus,
            "organism": gene.organism,
            **gene.span._asdict(),
            "exons": [list(exon) for exon in gene.exons],
        }
        for gene in corpus.genes.values()
    ]
    rejected = {"reason": list(corpus.rejected), "count": list(corpus.rejected.values())}
    return {
        "sequences": pa.Table.from_pylist(sequences, schema=_SEQUENCES),
        "genes": pa.Table.from_pylist(genes, schema=_GENES),
        "rejected": pa.table(rejected, schema=pa.schema([("reason", pa.string()), ("count", pa.int64())])),
    }


def corpus_from_tables(tables: dict[str, pa.Table]) -> Corpus:
    """Inverse of `corpus_to_tables`."""
    sequences = [Sequence(**row) for row in tables["sequences"].to_pylist()]
    proteins = {one.id: one for one in sequences if one.molecule == "protein"}
    genes = {
        row["protein_id"]: Gene(
            row["protein_id"],
            row["locus"],
            row["organism"],
            Interval(row["source"], row["start"], row["end"], row["strand"]),
            tuple((start, end) for start, end in row["exons"]),
            proteins[row["protein_id"]].residues,
        )
        for row in tables["genes"].to_pylist()
    }
    dna = {one.id: one for one in sequences if one.molecule == "dna"}
    rejected = {row["reason"]: row["count"] for row in tables["rejected"].to_pylist()}
    return Corpus(dna, proteins, genes, rejected)
