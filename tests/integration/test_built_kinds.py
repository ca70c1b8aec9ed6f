"""A data set built from sources of all families at once: each row again, from what the sources were written from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from Bio.Seq import Seq

from annotated_folders import FOLDERS
from bio_paws.cli.app import main
from genomes import ancestor, evolve
from program_outputs import PROGRAMS
from source_kinds import KINDS, Species, with_tga
from split_genomes import SPLIT, halves

CLADE = 4
"""Families whose genomes are related: each clade has genes of its own."""
CHOSEN = (
    (
        PROGRAMS,
        ("MAKER", "JGI", "VEuPathDB", "Prodigal", "WormBase", "BRAKER", "funannotate", "PATRIC", "IMG", "FlyBase"),
    ),
    (PROGRAMS, ("UniProt's proteins", "miniprot", "GenBank with complements within a join")),
    (FOLDERS, ("Phytozome", "TAIR", "names without known endings", "NCBI files without proteins")),
    (FOLDERS, (".2bit, proteins, and GTF without stop codons", "Bakta, everything it writes")),
    (FOLDERS, ("Ensembl, everything it has",)),
    (KINDS, ("NCBI assembly folder", "datasets package as it comes", "EMBL", "GenBank with CR", "GenBank without ids")),
    (KINDS, ("Prokka", "GTF, genome and proteins", "datasets package with GenBank", "GFF3, genome and proteins")),
    (SPLIT, ("chromosomes beside one GFF3", "Ensembl, by chromosome", "two genomes in four files beside two GFF3")),
)
FAMILIES: dict[str, Callable[[Path, list[Species]], Path]] = {
    kind: writers[kind] for writers, kinds in CHOSEN for kind in kinds
}
CONFIGS = ("dna150", "dna_protein")
Part = tuple[str, Species]
"""A family, and the genome or chromosome of it."""
Row = dict[str, Any]
OTHER_CODE = "GenBank without ids"


def all_species() -> dict[str, Species]:
    """A genome for each family."""
    rng = np.random.default_rng(11)
    made: dict[str, Species] = {}
    for number, family in enumerate(FAMILIES, start=1):
        if number % CLADE == 1:
            dna, genes = ancestor(rng, 20)
        genome = evolve(dna, genes, rng, 0.02)
        code = 4 if family == OTHER_CODE else 1
        name = f"Testus {'abcdefghij'[number // 10]}{'abcdefghij'[number % 10]}us"
        made[family] = Species(number, name, with_tga(genome, genes) if code == 4 else genome, tuple(genes), code)
    return made


@pytest.fixture(scope="module")
def truth_and_rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Part], dict[str, list[Row]]]:
    """What the sources were written from, by the names of sequences; and the rows of both configs."""
    folder = tmp_path_factory.mktemp("families")
    sources: list[str] = []
    parts: dict[str, Part] = {}
    for number, (family, genome) in enumerate(all_species().items()):
        sources += ["--source", str(FAMILIES[family](folder / f"f{number}", [genome]))]
        for part in halves(genome) if family in SPLIT else [genome]:
            parts[f"accn|{part.chromosome}" if family == "PATRIC" else part.chromosome] = (family, part)
    out = folder / "bioPAWS"
    assert main(["build", *CONFIGS, *sources, "--out", str(out), "--pairs", "400", "--workers", "1"]) == 0
    assert main(["verify", str(out), "--workers", "1"]) == 0
    (other_code,) = (name for name, (family, _) in parts.items() if family == OTHER_CODE)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["genetic_codes"] == {other_code: 4}
    assert manifest["rejected_records"] == {}
    return parts, {
        config: [row for path in (out / config).glob("*.parquet") for row in pq.read_table(path).to_pylist()]
        for config in CONFIGS
    }


def test_every_place_has_its_string(truth_and_rows: tuple[dict[str, Part], dict[str, list[Row]]]) -> None:
    parts, rows = truth_and_rows
    for config, sides in (("dna150", "12"), ("dna_protein", "1")):
        families = set()
        for row in rows[config]:
            for side in sides:
                family, genome = parts[row[f"source{side}"]]
                place = Seq(genome.dna[row[f"start{side}"] : row[f"end{side}"]])
                read = place if row[f"strand{side}"] == "+" else place.reverse_complement()
                # A reading frame that is broken is the only string that is made, not read.
                assert (row[f"sentence{side}"] == str(read)) == (row["kind"] != "frameshift"), family
                assert row[f"organism{side}"] == genome.organism, family
                families.add(family)
        assert families == set(FAMILIES), config


def test_every_coding_row_translates(truth_and_rows: tuple[dict[str, Part], dict[str, list[Row]]]) -> None:
    parts, rows = truth_and_rows
    families = set()
    for row in rows["dna_protein"]:
        family, genome = parts[row["source1"]]
        (gene,) = (gene for gene in genome.genes if gene.exons[0][0] == row["start1"])
        assert (gene.exons[-1][1], gene.strand) == (row["end1"], row["strand1"]), family
        joined = Seq("".join(genome.dna[start:end] for start, end in gene.exons))
        coding = joined if gene.strand == "+" else joined.reverse_complement()
        agrees = str(coding.translate(table=genome.code)) == row["sentence2"] + "*"
        assert agrees == (row["label"] == 1 or row["kind"] == "frameshift"), family
        families |= {family} if row["label"] == 1 else set()
    assert families == set(FAMILIES)
