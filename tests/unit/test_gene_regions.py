"""Regions around genes in place of whole genomes: which genes, where, and that rows name intervals of the genomes."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws.build import pipeline
from bio_paws.build.gene_regions import FLANK, describe_regions, draw_genes, family_key, on_genomes, restrict_to_genes
from bio_paws.cli.app import main
from bio_paws.dataset.manifest import read_manifest
from bio_paws.execution.stages import Workdir
from bio_paws.schema import UNLABELED_SCHEMA
from bio_paws.sequences.corpus import Corpus, gene_dna, read_corpus
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.records import Gene, Interval
from bio_paws.sources.resolve import resolve
from genomes import reverse_complement, write_source


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read_corpus(resolve((str(write_source(tmp_path_factory.mktemp("genes") / "s", genes=40)),)))


@pytest.fixture(scope="module")
def restricted(whole: Corpus) -> Corpus:
    corpus = restrict_to_genes(whole, 30, seed=0)
    assert corpus is not None
    return corpus


def test_regions_are_intervals_of_the_genomes(whole: Corpus, restricted: Corpus) -> None:
    for name, region in restricted.dna.items():
        source, start = restricted.places[name]
        assert region.residues[:] == whole.dna[source].residues[start : start + len(region.residues)]
        assert region.organism == whole.dna[source].organism
    taken = sorted(
        (place.source, place.start, len(restricted.dna[name].residues)) for name, place in restricted.places.items()
    )
    for (source, start, length), (following, next_start, _) in itertools.pairwise(taken):
        assert source != following or start + length < next_start


def test_genes_are_drawn_evenly_and_keep_their_sequence(whole: Corpus, restricted: Corpus) -> None:
    assert Counter(gene.organism for gene in restricted.genes.values()) == dict.fromkeys(
        ("Testus primus", "Testus secundus", "Testus tertius"), 10
    )
    assert restricted.proteins.keys() == restricted.genes.keys()
    for name, gene in restricted.genes.items():
        assert gene_dna(restricted, gene) == gene_dna(whole, whole.genes[name])
        assert gene.protein == whole.genes[name].protein
        region = restricted.dna[gene.span.source]
        assert gene.span.start == FLANK or restricted.places[region.id].start == 0 or gene.span.start > FLANK
    counts = describe_regions(restricted, 1_000)
    assert (counts.genes, counts.regions, counts.of_bases) == (30, len(restricted.dna), 1_000)


def gene(name: str, organism: str, protein: str) -> Gene:
    return Gene(name, name, organism, Interval("chr", 0, 30, "+"), ((0, 30),), protein)


def test_an_organism_with_few_genes_leaves_its_share_to_the_others() -> None:
    letters = "ACDEFGHIKLMNPQRSTVWY"
    proteins = ["".join(letters[(i * j + j) % 20] for j in range(40)) for i in range(60)]
    genes = {"many": [gene(f"m{i}", "many", proteins[i]) for i in range(50)], "few": [gene("f", "few", proteins[50])]}
    drawn = draw_genes(genes, 11, seed=0)
    assert Counter(drawn_gene.organism for drawn_gene in drawn) == {"few": 1, "many": 10}
    assert draw_genes(genes, 11, seed=0) == drawn != draw_genes(genes, 11, seed=1)


def test_relatives_are_drawn_together(whole: Corpus) -> None:
    """Of forty families in three species, a quarter is drawn of each: 0.6 would be whole by chance, in each of five."""
    families: Counter[str] = Counter()
    for seed in range(5):
        corpus = restrict_to_genes(whole, 30, seed)
        assert corpus is not None
        families.update(f"{seed} {name[-5:]}" for name in corpus.genes)
    assert sum(count == 3 for count in families.values()) > 9


def test_the_family_is_told_by_the_protein_and_the_seed() -> None:
    key = family_key("MKVLAAGIVALLAAC", 0)
    assert key == family_key("MKVLAAGIVALLAAC", 0) != family_key("MKVLAAGIVALLAAC", 1)
    assert family_key("MA", 0) == family_key("MA", 0)


def test_rows_name_intervals_of_the_genomes(restricted: Corpus) -> None:
    name, place = next((name, place) for name, place in restricted.places.items() if place.start)
    columns = {field.name: pa.array([None, None], field.type) for field in UNLABELED_SCHEMA}
    columns |= {"source1": pa.array([name, "P1"]), "start1": pa.array([5, 6]), "end1": pa.array([50, 60])}
    columns |= {"source2": pa.array(["P1", name]), "start2": pa.array([0, 1]), "end2": pa.array([9, 10])}
    table = on_genomes(
        pa.table([columns[name] for name in UNLABELED_SCHEMA.names], schema=UNLABELED_SCHEMA), restricted
    )
    assert table["source1"].to_pylist() == [place.source, "P1"]
    assert table["start1"].to_pylist() == [place.start + 5, 6]
    assert table["end1"].to_pylist() == [place.start + 50, 60]
    assert (table["source2"].to_pylist(), table["end2"].to_pylist()) == (["P1", place.source], [9, place.start + 10])


def test_regions_survive_their_files(tmp_path: Path) -> None:
    files = CorpusFiles.of(Workdir(tmp_path / "work", "key"))
    files.make(resolve((str(write_source(tmp_path / "s", genes=6)),)))
    corpus = restrict_to_genes(files.load(), 9, seed=0)
    assert corpus is not None
    files.write_tables(corpus)
    files.forget()
    assert files.load() == corpus
    files.forget()


def test_a_large_source_is_searched_from_its_genes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "LARGEST_WHOLE", 1_000)
    source, out = write_source(tmp_path / "s", genes=60), tmp_path / "bioPAWS"
    arguments = ["dna150", "dna_protein", "--source", str(source), "--out", str(out), "--pairs", "90", "--workers", "1"]
    assert main(["build", *arguments]) == 0
    manifest = read_manifest(out)
    assert manifest.gene_regions is not None
    assert (manifest.gene_regions.genes, manifest.arguments.search_from) == (90, "auto")
    assert manifest.database_size.dna == manifest.gene_regions.bases < manifest.gene_regions.of_bases
    genomes = read_corpus(resolve((str(source),))).dna
    rows = pq.read_table(out / "dna150").to_pylist()
    assert rows
    for row in rows:
        for side in (1, 2):
            text = genomes[row[f"source{side}"]].residues[row[f"start{side}"] : row[f"end{side}"]].upper()
            assert row[f"sentence{side}"] == (text if row[f"strand{side}"] == "+" else reverse_complement(text))
    assert main(["verify", str(out), "--workers", "1"]) == 0
