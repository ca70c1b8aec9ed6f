"""Databases and FASTA files that are read by other programs: whatever changes in one is found before it is used."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bio_paws.errors import DamagedFile
from bio_paws.search import blast, prefilter
from bio_paws.search.digests import require_intact, write_digests
from bio_paws.search.engines import get_engine

PROTEINS = ["".join(random.Random(seed).choices("ACDEFGHIKLMNPQRSTVWY", k=100)) for seed in range(3)]
DNA = ["".join(random.Random(seed).choices("ACGT", k=300)) for seed in range(3)]


def flip(file: Path, at: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("engine", ["blast", "mmseqs"])
def test_one_changed_bit_in_any_file_of_a_database_is_found(engine: str, tmp_path: Path) -> None:
    query = tmp_path / "query.fasta"
    blast.write_fasta(query, [("0", PROTEINS[0])])
    database = tmp_path / "all"
    get_engine(engine).write_database(database, PROTEINS)
    assert get_engine(engine).search(query, database, "1e-5", 300).num_rows == 1
    files = sorted(tmp_path.glob("all*"))
    assert len(files) >= 5
    for file in files:
        if not file.stat().st_size:
            continue
        flip(file)
        with pytest.raises(DamagedFile, match="all: damaged since it was written: run again"):
            get_engine(engine).search(query, database, "1e-5", 300)
        flip(file)
    assert get_engine(engine).search(query, database, "1e-5", 300).num_rows == 1
    files[-1].unlink()
    with pytest.raises(DamagedFile):
        get_engine(engine).search(query, database, "1e-5", 300)


def test_a_changed_fasta_file_becomes_no_database_and_is_not_searched(tmp_path: Path) -> None:
    fasta = tmp_path / "all.fasta"
    blast.write_texts(fasta, DNA)
    flip(fasta, 5)
    with pytest.raises(DamagedFile):
        blast.make_database(fasta.with_suffix(""), "dna")
    if prefilter.available():
        with pytest.raises(DamagedFile):
            prefilter.near_homologs(DNA, fasta.with_suffix(""), 900, 1e-3)


def test_files_of_another_stem_are_left_alone(tmp_path: Path) -> None:
    for name in ("all.fasta", "all_h", "all2.fasta", "rest.fasta"):
        (tmp_path / name).write_text(name)
    write_digests(tmp_path / "all")
    flip(tmp_path / "all2.fasta")
    require_intact(tmp_path / "all")
    (tmp_path / "all_h").rename(tmp_path / "kept")
    (tmp_path / "all.fasta").rename(tmp_path / "all_h")
    (tmp_path / "kept").rename(tmp_path / "all.fasta")
    with pytest.raises(DamagedFile):
        require_intact(tmp_path / "all")
