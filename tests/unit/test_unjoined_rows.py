"""Coding sequences whose rows no file joins: genes where the sequence leaves no doubt, else left out and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annotated_folders import cds_parts, named_genome
from bio_paws.errors import SourceError
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources.resolve import resolve
from genomes import TestGene as Gene
from genomes import random_dna, reverse_complement
from source_kinds import Species, Truth, genbank, lines, protein_fasta, written

_CODONS = ("GCT", "AAA", "GAC", "TTC", "CAT", "CGT")
EXONS = ((40,), (30, 30), (30, 10, 30), (40,), (20, 50))
"""Codons in the exons of genes, which all end between codons: each last exon reads as a gene by itself."""


def _species(structures: tuple[tuple[int, ...], ...]) -> Species:
    """Genes of these exons, each of which begins with a start codon, three after the other on each strand."""
    rng = np.random.default_rng(3)
    dna, genes = random_dna(rng, 300), []
    for number, codons in enumerate(structures):
        gene, exons = "", []
        for exon in codons:
            gene += f"GT{random_dna(rng, 60)}AG" if gene else ""
            coding = "ATG" + "".join(_CODONS[i] for i in rng.integers(0, len(_CODONS), exon))
            exons.append((len(gene), len(gene) + len(coding)))
            gene += coding
        gene += "TAA"
        exons[-1] = (exons[-1][0], len(gene))
        strand = "+-"[number // 3 % 2]
        if strand == "-":
            exons = [(len(gene) - end, len(gene) - start) for start, end in reversed(exons)]
        genes.append(Gene(tuple((len(dna) + start, len(dna) + end) for start, end in exons), strand))
        dna += (gene if strand == "+" else reverse_complement(gene)) + random_dna(rng, 200)
    return Species(1, "Testus primus", dna, tuple(genes))


SPLICED = _species(EXONS * 3)
BACTERIAL = _species(((40,), (50,), (60,)) * 5)
FEW_INTRONS = _species(((40,),) * 12 + ((30, 30), (40,), (40,)) + ((40,),) * 12)
ROWS = sum(len(gene.exons) for gene in SPLICED.genes)


def rows(species: Species, attributes: Callable[[int, int], str], *, phases: bool = False) -> str:
    text = ""
    for i, gene in enumerate(species.genes):
        for number, (start, end) in enumerate(cds_parts(gene)):
            place = (species.chromosome, "made", "CDS", start + 1, end, ".", gene.strand, "0" if phases else ".")
            text += "\t".join(map(str, (*place, attributes(i, number)))) + "\n"
    return text


def corpus_of(folder: Path, files: dict[str, str]) -> Corpus:
    return read_corpus(resolve((str(written(folder, files)),)), make_masks=False)


def truth_of(corpus: Corpus) -> Truth:
    return {
        (corpus.dna[gene.span.source].residues[:].upper(), gene.organism, gene.exons, gene.span.strand, gene.protein)
        for gene in corpus.genes.values()
    }


JOINED: dict[str, tuple[Species, str, Callable[[int, int], str]]] = {
    "locus tags": (SPLICED, "a.gff3", lambda i, _: f"locus_tag=T{i}"),
    "numbered rows with locus tags": (SPLICED, "a.gff3", lambda i, number: f"ID=c{i}.{number};locus_tag=T{i}"),
    "proteins": (SPLICED, "a.gff3", lambda i, _: f"protein_id=P{i}.1"),
    "proteins that two genes share": (BACTERIAL, "a.gff3", lambda i, _: f"protein_id=WP_{i // 2}.1"),
    "transcripts": (SPLICED, "a.gff3", lambda i, _: f"transcript_id=t{i}"),
    "names": (SPLICED, "a.gff3", lambda i, _: f"Name=abc{i} CDS;created by=User"),
    "numbered rows with gene symbols": (SPLICED, "a.gff3", lambda i, number: f"ID=c{i}.{number};gene=abc{i}"),
    "symbols of several copies": (SPLICED, "a.gff3", lambda i, _: f"gene=tnp{i % 4}"),
    "a product that all have": (SPLICED, "a.gff3", lambda i, _: "product=hypothetical protein"),
    "an attribute without a key": (SPLICED, "a.gff", lambda i, _: f"abc{i}"),
    "genes as parents": (SPLICED, "a.gff3", lambda i, number: f"ID=c{i}.{number};Parent=g{i}"),
    "operons as parents": (BACTERIAL, "a.gff3", lambda i, _: f"Parent=operon{i // 3}"),
    "GTF by gene symbols": (SPLICED, "a.gtf", lambda i, _: f'gene_name "abc{i}";'),
    "GTF whose genes have one transcript's name": (
        SPLICED,
        "a.gtf",
        lambda i, _: f'gene_id "g{i}"; transcript_id "unknown_transcript_1";',
    ),
    "whole genes without attributes": (BACTERIAL, "a.gff3", lambda *_: "."),
    "whole genes with ids": (BACTERIAL, "a.gff3", lambda i, _: f"ID=1_{i};partial=00"),
}


@pytest.mark.parametrize("kind", JOINED)
def test_rows_are_joined_by_what_they_share(kind: str, tmp_path: Path) -> None:
    species, name, attributes = JOINED[kind]
    corpus = corpus_of(tmp_path, {"a.fa": named_genome(species), name: rows(species, attributes)})
    assert (truth_of(corpus), corpus.rejected) == (species.truth(), {})


LONE: dict[str, tuple[str, Callable[[int, int], str]]] = {
    "no attributes": ("a.gff3", lambda *_: "."),
    "ids that number the rows": ("a.gff3", lambda i, number: f"ID=c{i}.{number}"),
    "names that number the rows": ("a.gff3", lambda i, number: f"Name=CDS {i}.{number}"),
    "GTF without attributes": ("a.gtf", lambda *_: "."),
    "GTF whose transcripts number the rows": ("a.gtf", lambda i, number: f'transcript_id "t{i}.{number}";'),
}


@pytest.mark.parametrize("phases", [True, False])
@pytest.mark.parametrize("kind", LONE)
def test_an_exon_is_not_read_as_a_gene(kind: str, phases: bool, tmp_path: Path) -> None:
    name, attributes = LONE[kind]
    with pytest.raises(
        SourceError, match=rf"{name}: no CDS .* \(cds_gene_or_exon {ROWS}\): give the rows of a gene one ID"
    ):
        corpus_of(tmp_path, {"a.fa": named_genome(SPLICED), name: rows(SPLICED, attributes, phases=phases)})


@pytest.mark.parametrize("kind", LONE)
def test_rows_beside_an_exon_may_be_exons(kind: str, tmp_path: Path) -> None:
    name, attributes = LONE[kind]
    files = {"a.fa": named_genome(FEW_INTRONS), name: rows(FEW_INTRONS, attributes)}
    corpus = corpus_of(tmp_path, files)
    assert truth_of(corpus) < FEW_INTRONS.truth()
    assert corpus.rejected["cds_gene_or_exon"] == (1 if "transcripts" in kind else 3)
    assert len(corpus.genes) == len(FEW_INTRONS.genes) - (1 if "transcripts" in kind else 2)
    proteins = {"a.faa": protein_fasta(FEW_INTRONS)}
    assert len(corpus_of(tmp_path, proteins).genes) == len(FEW_INTRONS.genes) - 1


def test_features_that_are_exons_are_not_read_as_genes(tmp_path: Path) -> None:
    """Flat files too: some programs write a CDS for each exon."""

    def apart(match: re.Match[str]) -> str:
        ranges = re.findall(r"\d+\.\.\d+", match[0])
        form = "complement({})" if "complement" in match[0] else "{}"
        return "\n".join(f'     CDS             {form.format(each)}\n{"":21}/gene="a"' for each in ranges) + "\n"

    text = re.sub(r" {5}CDS .*\n", apart, genbank(SPLICED, translation=None, ids=lambda _: {}))
    corpus = corpus_of(tmp_path, {"a.gbk": text})
    assert (corpus.genes, corpus.rejected) == ({}, {"cds_gene_or_exon": ROWS})


TITLES = ("gi|1|ref|{}| Testus", "ref|{}|", "gb|{}|x", "gi|1|gb|{}|LOCUS", "lcl|{}", "gnl|MyDB|{} x", "accn|{}   [T]")


@pytest.mark.parametrize("title", TITLES)
def test_genes_name_the_accession_between_bars(title: str, tmp_path: Path) -> None:
    name = BACTERIAL.chromosome
    genome, genes = lines(BACTERIAL.dna), rows(BACTERIAL, lambda i, _: f"ID=c{i}")
    files = {"a.fa": f">{title.format(name)}\n{genome}\n", "b.fa": f">other\n{genome[::-1]}\n", "c.gff3": genes}
    assert len(corpus_of(tmp_path / "a", files).genes) == len(BACTERIAL.genes)
    other_way = {"a.fa": f">{name}\n{genome}\n", "a.gff3": genes.replace(name, title.split(maxsplit=1)[0].format(name))}
    assert len(corpus_of(tmp_path / "b", other_way).genes) == len(BACTERIAL.genes)
    twice = f">{title.format(name)}\n{genome}\n>gb|{name}|twin\n{genome[::-1]}\n"
    with pytest.raises(SourceError, match=rf"{name}.* both have that accession: rename one"):
        corpus_of(tmp_path / "c", {"a.fa": twice, "a.gff3": genes})
