"""Sources in the kinds that people have, written from one truth: what is read from each must be that truth."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from Bio import SeqIO
from Bio.Data import CodonTable

from genomes import TestGene, ancestor, evolve, spliced

Truth = set[tuple[str, str, tuple[tuple[int, int], ...], str, str]]
"""Of each gene: its genome in upper case, its organism, exons, strand, protein."""


@dataclass(frozen=True)
class Species:
    """A genome of one chromosome, its genes, and their proteins by a genetic code."""

    number: int
    organism: str
    dna: str
    genes: tuple[TestGene, ...]
    code: int = 1

    @property
    def chromosome(self) -> str:
        return f"NC_00000{self.number}.1"

    def protein_id(self, index: int) -> str:
        return f"NP_{self.number}{index:05d}.1"

    def protein(self, index: int) -> str:
        table = CodonTable.unambiguous_dna_by_id[self.code].forward_table
        cds = spliced(self.dna, self.genes[index])
        return "".join(table[cds[at : at + 3]] for at in range(0, len(cds) - 3, 3))

    def truth(self) -> Truth:
        return {
            (self.dna, self.organism, gene.exons, gene.strand, self.protein(index))
            for index, gene in enumerate(self.genes)
        }


def two_species(genes: int = 6, code: int = 1) -> list[Species]:
    """Two related species; where TGA is read as tryptophan, every other TGG of their genes is a TGA."""
    rng = np.random.default_rng(7)
    dna, placed = ancestor(rng, genes)
    names = ("Testus primus", "Testus secundus")
    genomes = [evolve(dna, placed, rng, rate) for rate in (0.01, 0.03)]
    if code == 4:
        genomes = [with_tga(genome, placed) for genome in genomes]
    return [
        Species(number, name, genome, tuple(placed), code)
        for number, (name, genome) in enumerate(zip(names, genomes, strict=True), start=1)
    ]


def with_tga(dna: str, genes: list[TestGene]) -> str:
    letters = list(dna)
    for gene in genes:
        places = [at for start, end in gene.exons for at in range(start, end)]
        places = places if gene.strand == "+" else places[::-1]
        cds = spliced(dna, gene)
        at = [at for at in range(3, len(cds) - 3, 3) if cds[at : at + 3] == "TGG"]
        for codon in at[::2]:
            letters[places[codon + 2]] = "A" if gene.strand == "+" else "T"
    return "".join(letters)


def location(gene: TestGene) -> str:
    ranges = ",".join(f"{start + 1}..{end}" for start, end in gene.exons)
    joined = f"join({ranges})" if len(gene.exons) > 1 else ranges
    return f"complement({joined})" if gene.strand == "-" else joined


def lines(text: str, width: int = 60) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def genome_fasta(species: Species, title: str | None = None) -> str:
    return f">{species.chromosome} {title or species.organism + ' chromosome'}\n{lines(species.dna)}\n"


def cds_fasta(species: Species) -> str:
    return "".join(
        f">lcl|{species.chromosome}_cds_{species.protein_id(i)}_{i + 1} [gene=g{i}] "
        f"[protein_id={species.protein_id(i)}] [location={location(gene)}] [gbkey=CDS]\n"
        f"{lines(spliced(species.dna, gene))}\n"
        for i, gene in enumerate(species.genes)
    )


def protein_fasta(species: Species, stop: str = "") -> str:
    return "".join(
        f">{species.protein_id(i)} protein {i} [{species.organism}]\n{lines(species.protein(i) + stop)}\n"
        for i in range(len(species.genes))
    )


def gff(species: Species, table: str = "") -> str:
    rows = ["##gff-version 3"]
    for i, gene in enumerate(species.genes):
        phase = 0
        parts = gene.exons if gene.strand == "+" else gene.exons[::-1]
        for start, end in parts:
            tags = f"ID=cds-{species.protein_id(i)};locus_tag=T{i:03d};protein_id={species.protein_id(i)}{table}"
            place = (species.chromosome, "made", "CDS", start + 1, end, ".", gene.strand, phase, tags)
            rows.append("\t".join(map(str, place)))
            phase = (phase - (end - start)) % 3
    return "\n".join(rows) + "\n"


def genbank(
    species: Species,
    *,
    translation: str | None = "",
    ids: Callable[[int], dict[str, str]] | None = None,
    comment: str = "none",
) -> str:
    """A GenBank record; its translations end with `translation`, and are left out where that is None."""
    features = [f'     source          1..{len(species.dna)}\n                     /organism="{species.organism}"\n']
    for i, gene in enumerate(species.genes):
        tags = ids(i) if ids else {"locus_tag": f"T{i:03d}", "protein_id": species.protein_id(i)}
        if species.code != 1:
            tags["transl_table"] = str(species.code)
        if translation is not None:
            tags["translation"] = species.protein(i) + translation
        features.append(f"     CDS             {location(gene)}\n")
        for key, value in tags.items():
            text = f"/{key}={value}" if key == "transl_table" else f'/{key}="{value}"'
            features += [f"                     {part}\n" for part in lines(text, 58).split("\n")]
    letters = "".join(
        f"{at + 1:>9} "
        + " ".join(species.dna[i : i + 10].lower() for i in range(at, min(at + 60, len(species.dna)), 10))
        + "\n"
        for at in range(0, len(species.dna), 60)
    )
    name = species.chromosome.split(".", maxsplit=1)[0]
    return (
        f"LOCUS       {name:<16} {len(species.dna):>11} bp    DNA     linear   BCT 01-JAN-2020\n"
        f"DEFINITION  {species.organism} chromosome.\nACCESSION   {name}\nVERSION     {species.chromosome}\n"
        f"SOURCE      {species.organism}\n  ORGANISM  {species.organism}\n            Bacteria.\n"
        f"COMMENT     {comment}\nFEATURES             Location/Qualifiers\n{''.join(features)}ORIGIN\n{letters}//\n"
    )


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def ncbi(folder: Path, all_species: list[Species], stop: str = "") -> Path:
    files = {}
    for species in all_species:
        prefix = f"GCF_00000000{species.number}.1_T{species.number}"
        files[f"{prefix}_genomic.fna"] = genome_fasta(species)
        files[f"{prefix}_cds_from_genomic.fna"] = cds_fasta(species)
        files[f"{prefix}_protein.faa"] = protein_fasta(species, stop)
    return written(folder, files)


def datasets_package(folder: Path, all_species: list[Species]) -> Path:
    """The layout that `datasets download genome` writes: only the genome's name has the accession."""
    files = {}
    reports = []
    for species in all_species:
        accession = f"GCF_00000000{species.number}.1"
        inside = f"ncbi_dataset/data/{accession}"
        files[f"{inside}/{accession}_T_genomic.fna"] = genome_fasta(species, "Whole genome shotgun sequence")
        files[f"{inside}/cds_from_genomic.fna"] = cds_fasta(species)
        files[f"{inside}/protein.faa"] = protein_fasta(species)
        files[f"{inside}/genomic.gff"] = gff(species)
        reports.append(json.dumps({"accession": accession, "organism": {"organismName": species.organism}}))
    files["ncbi_dataset/data/assembly_data_report.jsonl"] = "\n".join(reports) + "\n"
    return written(folder, files)


def datasets_archive(folder: Path, all_species: list[Species]) -> Path:
    package = datasets_package(folder / "unpacked", all_species)
    archive = folder / "ncbi_dataset.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(package.rglob("*")):
            packed.write(path, path.relative_to(package))
    return archive


def datasets_genbank(folder: Path, all_species: list[Species]) -> Path:
    files = {}
    for species in all_species:
        inside = f"ncbi_dataset/data/GCF_00000000{species.number}.1"
        files[f"{inside}/GCF_00000000{species.number}.1_T_genomic.fna"] = genome_fasta(species)
        files[f"{inside}/genomic.gbff"] = genbank(species)
    return written(folder, files) / "ncbi_dataset"


def gff_folders(folder: Path, all_species: list[Species]) -> Path:
    """Genome, proteins and GFF3, no CDS."""
    files = {}
    for species in all_species:
        prefix = f"GCF_00000000{species.number}.1_T{species.number}"
        files[f"{prefix}_genomic.fna"] = genome_fasta(species)
        files[f"{prefix}_genomic.gff"] = gff(species)
        files[f"{prefix}_protein.faa"] = protein_fasta(species)
    return written(folder, files)


def prokka(folder: Path, all_species: list[Species]) -> Path:
    """GFF3 with the genome behind ##FASTA, the genome and its GenBank file again, and genes without their places."""
    files = {}
    for species in all_species:
        name = species.organism.replace(" ", "_")
        files[f"{name}.gff"] = f"{gff(species)}##FASTA\n{genome_fasta(species)}"
        files[f"{name}.ffn"] = cds_fasta(species)
        files[f"{name}.gbk"] = genbank(species)
        files[f"{name}.fna"] = genome_fasta(species)
        files[f"{name}.faa"] = protein_fasta(species)
    return written(folder, files)


def one_genbank(**options: object) -> Callable[[Path, list[Species]], Path]:
    """Return a writer of all species into one GenBank file."""

    def write(folder: Path, all_species: list[Species]) -> Path:
        return written(folder, {"s.gbk": "".join(genbank(species, **options) for species in all_species)}) / "s.gbk"  # type: ignore[arg-type]

    return write


def recoded(change: Callable[[bytes], bytes], **options: object) -> Callable[[Path, list[Species]], Path]:
    """Return a writer of one GenBank file whose bytes are changed: other line ends, encodings, compressions."""

    def write(folder: Path, all_species: list[Species]) -> Path:
        path = one_genbank(**options)(folder, all_species)
        path.write_bytes(change(path.read_bytes()))
        return path

    return write


def _packed_folder(folder: Path, all_species: list[Species]) -> Path:
    for path, pack in zip(sorted(ncbi(folder, all_species).iterdir()), (bz2, gzip, lzma) * 2, strict=True):
        ending = {bz2: "bz2", gzip: "gz", lzma: "xz"}[pack]
        (folder / f"{path.name}.{ending}").write_bytes(pack.compress(path.read_bytes()))
        path.unlink()
    return folder


def _no_ids(index: int) -> dict[str, str]:
    return {}


def _shared_symbols(index: int) -> dict[str, str]:
    return {"locus_tag": f"T{index:03d}"} | ({"gene": "tnpA"} if index % 2 else {})


def embl(folder: Path, all_species: list[Species]) -> Path:
    text = io.StringIO()
    for species in all_species:
        record = SeqIO.read(io.StringIO(genbank(species)), "genbank")
        record.id = species.chromosome
        SeqIO.write(record, text, "embl")
    return written(folder, {"s.embl": text.getvalue()}) / "s.embl"


def gtf_folders(folder: Path, all_species: list[Species]) -> Path:
    """Genome, proteins and GTF, whose CDS end before the stop codon, a feature of its own."""
    files = {}
    for species in all_species:
        rows = []
        for i, gene in enumerate(species.genes):
            (first, *_), (*_, last) = gene.exons[0], gene.exons[-1]
            ends = (first, last - 3) if gene.strand == "+" else (first + 3, last)
            tags = f'gene_id "T{i:03d}"; transcript_id "t{i}"; protein_id "{species.protein_id(i)}";'
            for start, end in gene.exons:
                place = (species.chromosome, "made", "CDS", max(start, ends[0]) + 1, min(end, ends[1]))
                rows.append("\t".join(map(str, (*place, ".", gene.strand, 0, tags))))
            stop = (last - 2, last) if gene.strand == "+" else (first + 1, first + 3)
            rows.append(
                "\t".join(map(str, (species.chromosome, "made", "stop_codon", *stop, ".", gene.strand, 0, tags)))
            )
        files[f"T{species.number}_genomic.fna"] = genome_fasta(species)
        files[f"T{species.number}_genomic.gtf"] = "\n".join(rows) + "\n"
        files[f"T{species.number}_protein.faa"] = protein_fasta(species)
    return written(folder, files)


KINDS: dict[str, Callable[[Path, list[Species]], Path]] = {
    "NCBI assembly folder": ncbi,
    "NCBI folder, stops shown as dots": partial(ncbi, stop="."),
    "datasets package": datasets_package,
    "datasets package as it comes": datasets_archive,
    "datasets package with GenBank": datasets_genbank,
    "GFF3, genome and proteins": gff_folders,
    "GTF, genome and proteins": gtf_folders,
    "Prokka": prokka,
    "EMBL": embl,
    "NCBI folder, three compressions": _packed_folder,
    "GenBank": one_genbank(),
    "GenBank without translations": one_genbank(translation=None),
    "GenBank whose translations end with a stop": one_genbank(translation="*"),
    "GenBank without ids": one_genbank(ids=_no_ids),
    "GenBank whose genes share a symbol": one_genbank(ids=_shared_symbols),
    "GenBank with a byte order mark": recoded(lambda data: b"\xef\xbb\xbf" + data),
    "GenBank in Latin-1": recoded(lambda data: data.decode().encode("latin-1"), comment="str. Müller"),
    "GenBank with CR": recoded(lambda data: data.replace(b"\n", b"\r")),
    "GenBank with CR LF": recoded(lambda data: data.replace(b"\n", b"\r\n")),
}
"""Writers of a source by kind: each takes a folder and the species, and returns what `--source` names."""

OTHER_CODE = (
    "NCBI assembly folder",
    "GenBank",
    "GenBank without translations",
    "GenBank whose translations end with a stop",
)
"""Kinds that say by which genetic code they are read, or whose proteins do."""
