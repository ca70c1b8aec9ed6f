"""Every kind of source gives the truth it was written from; so do the cases of the shared data (BIO_PAWS_SHARED)."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from Bio.Seq import Seq

from annotated_folders import FOLDERS
from bio_paws.cli.app import main
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources.resolve import resolve
from program_outputs import PROGRAMS
from source_kinds import KINDS, OTHER_CODE, Truth, genbank, two_species
from split_genomes import SPLIT, truth

CASES = Path(os.environ.get("BIO_PAWS_SHARED", "nowhere")) / "data/cases/sequences"


def truth_of(corpus: Corpus) -> Truth:
    return {
        (corpus.dna[gene.span.source].residues[:].upper(), gene.organism, gene.exons, gene.span.strand, gene.protein)
        for gene in corpus.genes.values()
    }


ALL_KINDS = KINDS | FOLDERS


@pytest.mark.parametrize(("kind", "code"), [*((kind, 1) for kind in ALL_KINDS), *((kind, 4) for kind in OTHER_CODE)])
def test_a_kind_of_source_gives_its_truth(kind: str, code: int, tmp_path: Path) -> None:
    species = two_species(code=code)
    corpus = read_corpus(resolve((str(ALL_KINDS[kind](tmp_path / "s", species)),)), make_masks=False)
    assert truth_of(corpus) == species[0].truth() | species[1].truth()
    assert len(corpus.genes) == sum(len(genome.genes) for genome in species)
    assert {sequence.residues[:].upper(): sequence.organism for sequence in corpus.dna.values()} == {
        genome.dna: genome.organism for genome in species
    }
    assert set(corpus.genetic_codes.values()) == ({4} if code == 4 else set())
    assert corpus.rejected == {}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_what_programs_and_databases_write_gives_its_truth(kind: str, tmp_path: Path) -> None:
    species = two_species()
    corpus = read_corpus(resolve((str(PROGRAMS[kind](tmp_path / "s", species)),)), make_masks=False)
    assert truth_of(corpus) == species[0].truth() | species[1].truth()
    assert len(corpus.genes) == len(corpus.proteins) == sum(len(genome.genes) for genome in species)
    assert {sequence.residues[:].upper(): sequence.organism for sequence in corpus.dna.values()} == {
        genome.dna: genome.organism for genome in species
    }
    assert corpus.rejected == {}


@pytest.mark.parametrize("kind", SPLIT)
def test_a_genome_in_several_files_is_one_genome(kind: str, tmp_path: Path) -> None:
    species = two_species()
    assemblies = resolve((str(SPLIT[kind](tmp_path / "s", species)),))
    assert [assembly.unused for assembly in assemblies if set(assembly.unused) - {"genomic.gff"}] == []
    assert len(assemblies) == 2
    corpus = read_corpus(assemblies, make_masks=False)
    assert truth_of(corpus) == truth(species)
    assert len(corpus.genes) == len(truth(species))
    assert sorted(corpus.dna) == ["S1a", "S1b", "S2a", "S2b"]
    assert corpus.rejected == {}


def test_pairs_of_another_genetic_code_are_its_strings_and_translate_by_it(tmp_path: Path) -> None:
    species = two_species(genes=40, code=4)
    source = tmp_path / "both.gbff"
    source.write_text("".join(genbank(genome, translation=None) for genome in species))
    out = str(tmp_path / "bioPAWS")
    names = ("dna150", "dna_protein")
    assert main(["build", *names, "--source", str(source), "--out", out, "--pairs", "100", "--workers", "1"]) == 0
    assert main(["verify", out, "--workers", "1"]) == 0
    genomes = {genome.chromosome: genome.dna for genome in species}
    rows = {
        name: [row for path in Path(out, name).glob("*.parquet") for row in pq.read_table(path).to_pylist()]
        for name in names
    }
    for row in rows["dna150"]:
        for side in "12":
            place = genomes[row[f"source{side}"]][row[f"start{side}"] : row[f"end{side}"]]
            read = place if row[f"strand{side}"] == "+" else str(Seq(place).reverse_complement())
            assert row[f"sentence{side}"] == read
    coding = [row for row in rows["dna_protein"] if row["label"] == 1]
    assert coding
    proteins = {
        genome.chromosome: {genome.protein(i): gene for i, gene in enumerate(genome.genes)} for genome in species
    }
    for row in coding:
        gene = proteins[row["source1"]][row["sentence2"]]
        joined = Seq("".join(genomes[row["source1"]][start:end] for start, end in gene.exons))
        joined = joined if gene.strand == "+" else joined.reverse_complement()
        assert str(joined.translate(table=4)) == row["sentence2"] + "*"
        assert (row["start1"], row["end1"]) == (gene.exons[0][0], gene.exons[-1][1])


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not there (BIO_PAWS_SHARED)")
def test_the_cases_give_their_truth() -> None:
    compared = 0
    for path in sorted(CASES.glob("*/truth.json.gz")):
        truth = json.loads(gzip.decompress(path.read_bytes()))
        genomes = {name: (residues.upper(), organism) for name, (residues, organism) in truth["dna"].items()}
        expected = {
            (
                genomes[gene["source"]][0],
                gene["organism"],
                tuple(map(tuple, gene["exons"])),
                gene["strand"],
                gene["prot"],
            )
            for gene in truth["genes"].values()
        }
        names = ("src", "ncbi_dataset", "ncbi_dataset.zip", "n.gbk", "s.gbk")
        for source in [place for name in names if (place := path.parent / name).exists()]:
            corpus = read_corpus(resolve((str(source),)))
            assert truth_of(corpus) == expected, source
            assert {(sequence.residues[:].upper(), sequence.organism) for sequence in corpus.dna.values()} == set(
                genomes.values()
            )
            assert set(corpus.genetic_codes.values()) == {gene["table"] for gene in truth["genes"].values()} - {1}
            compared += len(expected)
    assert compared > 1_000
