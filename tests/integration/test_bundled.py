"""The bundled corpus: what `make dataset` promises.

`make test` names the data set that it has built by the code at hand in BIO_PAWS_BUILT; without it, these tests build
their own, which takes minutes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from Bio.Seq import Seq

from bio_paws.configs import CONFIGS
from bio_paws.features.baselines import SHORTCUTS
from bio_paws.sequences.corpus import read_corpus
from bio_paws.sources.resolve import resolve
from conftest import Run, run_program


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if built := os.environ.get("BIO_PAWS_BUILT"):
        return Path(built)
    out = tmp_path_factory.mktemp("bundled") / "bioPAWS"
    done = run_program("build", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_dna_configs_are_full_and_the_others_are_not_tiny(bundled: Path) -> None:
    configs = json.loads((bundled / "manifest.json").read_text())["configs"]
    for name in ("dna150s", "dna150", "dna50"):
        splits = {split: (entry["rows"], entry["similar"]) for split, entry in configs[name]["splits"].items()}
        assert splits == {"train": (16_000, 8_000), "validation": (2_000, 1_000), "test": (2_000, 1_000)}
    assert list(configs) == [config.name for config in CONFIGS if not config.needs_large_source]
    for entry in configs.values():
        assert sum(split["rows"] for split in entry["splits"].values()) > 500


def test_no_shortcut_tells_the_label(bundled: Path) -> None:
    measured = json.loads((bundled / "manifest.json").read_text())["configs"]
    for name in ("dna150", "dna50", "protein150", "protein450"):
        for shortcut in SHORTCUTS:
            assert abs(measured[name]["baselines"][shortcut] - 0.5) <= 0.05, (name, shortcut)
    for name, aucs in measured.items():
        assert max(aucs["upper_bounds"].values()) > 0.99, name
    assert measured["dna_protein"]["upper_bounds"]["six_frame"] > 0.7
    for name in ("dna150_paws", "protein150_paws", "protein450_paws", "dna_protein"):
        aucs = measured[name]["baselines"]
        assert max(aucs.values()) < 0.6, (name, aucs)
        assert max(aucs["sentence1"], aucs["sentence2"]) < 0.55, name


def test_sources_are_recorded_with_their_accessions(bundled: Path) -> None:
    manifest = json.loads((bundled / "manifest.json").read_text())
    assert len(manifest["sources"]) == 10
    for source in manifest["sources"]:
        assert source["accession"].startswith("GCF_")
        assert all(len(file["sha256"]) == 64 for file in source["files"])


@pytest.mark.skipif("BIO_PAWS_SHARED" not in os.environ, reason="BIO_PAWS_SHARED names no folder of shared data")
def test_the_genes_of_a_bacterium_agree_with_their_translations() -> None:
    """Of 4,315 CDS, 17 are pseudogenes, 2 slip; 3 of the rest read a stop as selenocysteine."""
    path = Path(os.environ["BIO_PAWS_SHARED"]) / "data/ecoli_k12/GCF_000005845.2_ASM584v2_genomic.gbff.gz"
    corpus = read_corpus(resolve((str(path),)))
    (genome,) = corpus.dna.values()
    plain = 0
    for gene in corpus.genes.values():
        coding = Seq("".join(genome.residues[start:end] for start, end in gene.exons).upper())
        coding = coding if gene.span.strand == "+" else coding.reverse_complement()
        plain += str(coding.translate(table=11, cds=False))[1:] == gene.protein[1:] + "*"
    recoded = [gene for gene in corpus.genes.values() if "U" in gene.protein]
    assert (len(corpus.genes), plain, len(recoded)) == (4_296, 4_293, 3)
    assert corpus.rejected == {"cds_pseudogene": 17, "cds_slippage": 2}


@pytest.mark.skipif("BIO_PAWS_SHARED" not in os.environ, reason="BIO_PAWS_SHARED names no folder of shared data")
def test_a_bacterium_builds_from_its_folder(tmp_path: Path, bio_paws: Run) -> None:
    """Its genome has few repeats: dna150 would have no pairs in test, and is an error when it is named."""
    folder = Path(os.environ["BIO_PAWS_SHARED"]) / "data/ecoli_k12"
    done = bio_paws("build", "protein150", "dna_protein", "--source", folder, "--out", tmp_path / "bioPAWS")
    assert done.returncode == 0, done.stderr
    assert "dna_protein: 7,506 of 25,600 pairs: each of the 3,892 readable genes gives at most one" in done.stdout
