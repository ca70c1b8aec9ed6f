"""Genomes in several files, from the truth of `source_kinds`: each chromosome is half of a genome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from annotated_folders import gff_rows
from genomes import TestGene
from source_kinds import Species, Truth, cds_fasta, gff, lines, protein_fasta, written


@dataclass(frozen=True)
class Chromosome(Species):
    """Part of a genome: its genes are those of the species from `first` on, by which their proteins are numbered."""

    name: str = ""
    first: int = 0

    @property
    def chromosome(self) -> str:
        return self.name

    def protein_id(self, index: int) -> str:
        return f"NP_{self.number}{self.first + index:05d}.1"


def halves(species: Species, names: tuple[str, str] | None = None) -> list[Chromosome]:
    """Cut a genome before its middle gene."""
    middle = len(species.genes) // 2
    at = species.genes[middle].exons[0][0] - 100
    names = names or (f"S{species.number}a", f"S{species.number}b")
    moved = tuple(
        TestGene(tuple((start - at, end - at) for start, end in gene.exons), gene.strand)
        for gene in species.genes[middle:]
    )
    parts = ((species.dna[:at], species.genes[:middle], 0), (species.dna[at:], moved, middle))
    return [
        Chromosome(species.number, species.organism, dna, tuple(genes), species.code, name, first)
        for name, (dna, genes, first) in zip(names, parts, strict=True)
    ]


def fasta(chromosome: Species) -> str:
    return f">{chromosome.chromosome} [organism={chromosome.organism}]\n{lines(chromosome.dna)}\n"


def joined(texts: list[str]) -> str:
    return "##gff-version 3\n" + "".join(texts).replace("##gff-version 3\n", "")


def truth(all_species: list[Species]) -> Truth:
    return {row for species in all_species for half in halves(species) for row in half.truth()}


def split(files: Callable[[Species, list[Chromosome]], dict[str, str]]) -> Callable[[Path, list[Species]], Path]:
    """Return a writer of the files of all species, each of two chromosomes, into one folder."""

    def write(folder: Path, all_species: list[Species]) -> Path:
        return written(
            folder,
            {name: text for species in all_species for name, text in files(species, halves(species)).items()},
        )

    return write


def beside_one_gff(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    chromosomes = {f"s{species.number}/chr{i}.fa": fasta(part) for i, part in enumerate(parts, start=1)}
    return {**chromosomes, f"s{species.number}/genes.gff3": joined(list(map(gff, parts)))}


def beside_one_gtf_and_proteins(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    rows = [gff_rows(part, lambda i, _: f'gene_id "G{i}"; transcript_id "t{i}";', gtf=True) for part in parts]
    files = {f"s{species.number}/{part.name}.fna": fasta(part) for part in parts}
    proteins = "".join(map(protein_fasta, parts))
    return {**files, f"s{species.number}/all.gtf": "".join(rows), f"s{species.number}/all.faa": proteins}


def all_in_one_folder(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    """Sequences of unlike names: only what the genes name says which belong together."""
    files = {f"{part.name}.fasta": fasta(part) for part in parts}
    return {**files, f"genes_of_{species.number}.gff": joined(list(map(gff, parts)))}


def gff_by_chromosome(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    files = {f"s{species.number}/genes_{part.name}.gff3": gff(part) for part in parts}
    return {**files, f"s{species.number}/genome.fa": "".join(map(fasta, parts))}


def all_by_chromosome(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    files: dict[str, str] = {}
    for i, part in enumerate(parts, start=1):
        name = f"T{species.number}_chromosome_{i}"
        files |= {f"{name}.fa": fasta(part), f"{name}.gff3": gff(part), f"{name}.faa": protein_fasta(part)}
    return files


def folder_by_kind(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    name = f"T{species.number}"
    return {
        f"genomes/{name}.fa": "".join(map(fasta, parts)),
        f"annotation/{name}.gff3": joined(list(map(gff, parts))),
        f"proteins/{name}.fa": "".join(map(protein_fasta, parts)),
    }


def ensembl_by_chromosome(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    name = f"{species.organism.replace(' ', '_')}.R{species.number}"
    files: dict[str, str] = {}
    for i, part in enumerate(parts, start=1):
        files[f"{name}.dna.chromosome.{i}.fa"] = f">{part.name} dna:chromosome\n{lines(part.dna)}\n"
        files[f"{name}.57.chromosome.{i}.gff3"] = gff(part)
    return files


def earlier_datasets_package(species: Species, parts: list[Chromosome]) -> dict[str, str]:
    """As the program wrote packages until 2022: a file for each chromosome, none of which has the accession."""
    folder = f"ncbi_dataset/data/GCF_00000000{species.number}.1"
    files = {f"{folder}/chr{i}.fna": fasta(part) for i, part in enumerate(parts, start=1)}
    return {
        **files,
        f"{folder}/cds_from_genomic.fna": "".join(map(cds_fasta, parts)),
        f"{folder}/protein.faa": "".join(map(protein_fasta, parts)),
        f"{folder}/genomic.gff": joined(list(map(gff, parts))),
    }


SPLIT: dict[str, Callable[[Path, list[Species]], Path]] = {
    "chromosomes beside one GFF3": split(beside_one_gff),
    "chromosomes beside one GTF and one file of proteins": split(beside_one_gtf_and_proteins),
    "two genomes in four files beside two GFF3": split(all_in_one_folder),
    "a GFF3 for each chromosome of one FASTA file": split(gff_by_chromosome),
    "FASTA, GFF3 and proteins for each chromosome": split(all_by_chromosome),
    "a folder for each kind of file": split(folder_by_kind),
    "Ensembl, by chromosome": split(ensembl_by_chromosome),
    "datasets package, by chromosome": split(earlier_datasets_package),
}
"""Writers by kind, as `source_kinds.KINDS`; their truth is `truth`."""
