"""BLAST+ and its relatives in folders whose names they read otherwise: with colons, blanks and quotes."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest

from bio_paws.errors import BioPawsError
from bio_paws.search import blast
from bio_paws.sequences.masks import soft_mask
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.store import ResidueFile, StoredResidues

DNA = ["".join(random.Random(seed).choices("ACGT", k=300)) for seed in range(3)]
PROTEINS = ["".join(random.Random(seed).choices("ACDEFGHIKLMNPQRSTVWY", k=100)) for seed in range(3)]


@pytest.mark.parametrize("name", ["plain", "a:b", "a b", "a:b c", ":", "a'b", "-a"])
def test_a_search_works_in_any_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / name / "inner"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for molecule, sequences in (("dna", DNA), ("protein", PROTEINS)):
        blast.write_database(folder / "all", sequences, molecule)  # type: ignore[arg-type]
        hits = blast.search_widely(enumerate(sequences), folder / "all", molecule, ("-evalue", "1e-5"))  # type: ignore[arg-type]
        assert hits["query"].to_pylist() == hits["subject"].to_pylist() == ["0", "1", "2"]
    store, genome = ResidueFile(), []
    for number, bases in enumerate([*DNA, "A" * 200]):
        genome.append(Sequence(str(number), "Testus primus", "dna", StoredResidues(store, store.length, len(bases))))
        store.append(bases.encode())
    assert soft_mask(store, genome) == "dustmasker"
    assert genome[-1].residues[:] == "a" * 200


def test_what_blast_cannot_name_is_told(tmp_path: Path) -> None:
    folder = tmp_path / 'a:b"c'
    folder.mkdir()
    blast.write_database(folder / "all", DNA, "dna")
    with pytest.raises(BioPawsError, match="BLAST\\+ cannot use a path with a colon and a quote"):
        blast.search_widely(enumerate(DNA), folder / "all", "dna", ())
