"""Small genomes with genes, introns and homologs, in NCBI assembly layout: what tests build from."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from Bio.Data import CodonTable

_TABLE = CodonTable.unambiguous_dna_by_id[1].forward_table
_CODONS = sorted(_TABLE)
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class TestGene:
    """A gene on the forward axis of its chromosome: exons, strand."""

    exons: tuple[tuple[int, int], ...]
    strand: str


def reverse_complement(dna: str) -> str:
    return dna.translate(_COMPLEMENT)[::-1]


def random_dna(rng: np.random.Generator, length: int) -> str:
    return "".join("ACGT"[i] for i in rng.integers(0, 4, length))


def ancestor(rng: np.random.Generator, genes: int) -> tuple[str, list[TestGene]]:
    """A chromosome of genes, every third with an intron, every other on the reverse strand."""
    parts: list[str] = []
    placed: list[TestGene] = []
    at = 0
    for number in range(genes):
        spacer = random_dna(rng, int(rng.integers(300, 900)))
        codons = [_CODONS[i] for i in rng.integers(0, len(_CODONS), int(rng.integers(120, 320)))]
        cds = "ATG" + "".join(codons) + "TAA"
        cut = int(rng.integers(60, len(cds) - 60))
        intron = "GT" + random_dna(rng, int(rng.integers(50, 120))) + "AG" if number % 3 == 0 else ""
        gene = cds[:cut] + intron + cds[cut:]
        exons = [(0, cut), (cut + len(intron), len(gene))] if intron else [(0, len(gene))]
        strand = "-" if number % 2 else "+"
        if strand == "-":
            gene = reverse_complement(gene)
            exons = [(len(gene) - end, len(gene) - start) for start, end in reversed(exons)]
        start = at + len(spacer)
        placed.append(TestGene(tuple((start + a, start + b) for a, b in exons), strand))
        parts += (spacer, gene)
        at = start + len(gene)
    parts.append(random_dna(rng, 600))
    return "".join(parts), placed


def evolve(dna: str, genes: list[TestGene], rng: np.random.Generator, rate: float) -> str:
    """Substitute bases, never making a stop in a gene nor touching its start, stop and splice sites."""
    letters = list(dna)
    coding = np.zeros(len(dna), dtype=bool)
    for gene in genes:
        coding[gene.exons[0][0] - 2 : gene.exons[-1][1] + 2] = True
    for at in np.flatnonzero((rng.random(len(dna)) < rate) & ~coding).tolist():
        letters[at] = "ACGT"[int(rng.integers(0, 4))]
    for gene in genes:
        places = [at for start, end in gene.exons for at in range(start, end)]
        if gene.strand == "-":
            places.reverse()
        for codon in range(3, len(places) - 3, 3):
            if rng.random() < 3 * rate:
                three = places[codon : codon + 3]
                read = [letters[at] if gene.strand == "+" else letters[at].translate(_COMPLEMENT) for at in three]
                read[int(rng.integers(0, 3))] = "ACGT"[int(rng.integers(0, 4))]
                if "".join(read) in _TABLE:
                    for at, base in zip(three, read, strict=True):
                        letters[at] = base if gene.strand == "+" else base.translate(_COMPLEMENT)
    return "".join(letters)


def spliced(dna: str, gene: TestGene) -> str:
    joined = "".join(dna[start:end] for start, end in gene.exons)
    return joined if gene.strand == "+" else reverse_complement(joined)


def translated(cds: str) -> str:
    return "".join(_TABLE[cds[i : i + 3]] for i in range(0, len(cds) - 3, 3))


def write_assembly(folder: Path, number: int, organism: str, dna: str, genes: list[TestGene]) -> None:
    """Write genome, CDS and proteins as NCBI does, gzipped."""
    prefix = f"GCF_00000000{number}.1_Test{number}"
    chromosome = f"NC_00000{number}.1"
    folder.mkdir(parents=True, exist_ok=True)
    masked = dna[:200].lower() + dna[200:]  # a soft-masked end, as in RefSeq
    _write(folder / f"{prefix}_genomic.fna.gz", f">{chromosome} {organism} chromosome 1\n{masked}\n")
    cds, proteins = [], []
    for index, gene in enumerate(genes):
        protein_id = f"NP_{number}{index:05d}.1"
        ranges = ",".join(f"{start + 1}..{end}" for start, end in gene.exons)
        location = f"join({ranges})" if len(gene.exons) > 1 else ranges
        if gene.strand == "-":
            location = f"complement({location})"
        read = spliced(dna, gene)
        tags = f"[gene=g{index}] [protein_id={protein_id}] [location={location}] [gbkey=CDS]"
        cds.append(f">lcl|{chromosome}_cds_{protein_id}_{index + 1} {tags}\n{read}\n")
        proteins.append(f">{protein_id} protein {index} [{organism}]\n{translated(read)}\n")
    _write(folder / f"{prefix}_cds_from_genomic.fna.gz", "".join(cds))
    _write(folder / f"{prefix}_protein.faa.gz", "".join(proteins))


def _write(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def write_source(folder: Path, genes: int = 60, seed: int = 1) -> Path:
    """Write three related species into `folder`."""
    rng = np.random.default_rng(seed)
    dna, placed = ancestor(rng, genes)
    for number, (organism, rate) in enumerate(
        (("Testus primus", 0.01), ("Testus secundus", 0.03), ("Testus tertius", 0.05)), start=1
    ):
        write_assembly(folder, number, organism, evolve(dna, placed, rng, rate), placed)
    return folder
