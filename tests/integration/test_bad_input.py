"""Bad input: one line that says what, where and what to do; exit 2; the data set that was there untouched."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from test_build import digests

from bio_paws.configs import CONFIGS
from conftest import Run


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("bio-paws: error: ")
    for words in says:
        assert words in done.stderr


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.fna", b"", "no usable DNA sequence (the file is empty)"),
        ("proteins.fna", b">p1\nMKLVWERTY\n", "proteins belong in a .faa file"),
        ("cut.fna.gz", gzip.compress(b">a\n" + os.urandom(500).hex().encode())[:-200], "gzip stream truncated"),
        ("notes.txt", b"hello", "cannot tell its format"),
        ("binary.fna", b">a\n\xff\x00", "not a text file"),
    ],
)
def test_bad_files(name: str, data: bytes, says: str, built_copy: Path, tmp_path: Path, bio_paws: Run) -> None:
    before = digests(built_copy)
    (tmp_path / name).write_bytes(data)
    refused(bio_paws("build", "--source", tmp_path / name, "--out", built_copy, "--workers", 1), name, says)
    assert digests(built_copy) == before
    assert not [path for path in built_copy.parent.iterdir() if path.name.endswith((".new", ".old"))]


def test_cds_of_another_genome(source: Path, built_copy: Path, tmp_path: Path, bio_paws: Run) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for path in source.glob("GCF_000000001*"):
        shutil.copy(path, mixed)
    wrong = gzip.decompress((source / "GCF_000000002.1_Test2_genomic.fna.gz").read_bytes())
    (mixed / "GCF_000000001.1_Test1_genomic.fna.gz").write_bytes(
        gzip.compress(wrong.replace(b"NC_000002", b"NC_000001"))
    )
    before = digests(built_copy)
    refused(bio_paws("build", "--source", mixed, "--out", built_copy, "--workers", 1), "CDS are not in the genome")
    assert digests(built_copy) == before


def test_json_has_what_ended_a_build(source: Path, tmp_path: Path, bio_paws: Run) -> None:
    read = tmp_path / "read.fna"
    read.write_text(">a\nACGTACGT\n>b\nMKLEFPQ\n")
    (tmp_path / "cut.gb").write_text("LOCUS")
    cases: list[tuple[tuple[object, ...], dict[str, int] | None]] = [
        (("dna15",), None),
        (("--colour",), None),
        (("dna150", "--pairs", 10**30), None),
        (("--source", tmp_path / "none"), None),
        (("dna150", "--source", source, "--pairs", 10), None),
        (("protein150", "--source", read), {"dna_alphabet": 1}),
        (("--source", read, "--source", tmp_path / "cut.gb"), {"dna_alphabet": 1}),
    ]
    for arguments, counts in cases:
        done = bio_paws("build", *arguments, "--out", tmp_path / "o", "--workers", 1, "--json")
        refused(done)
        said = json.loads(done.stdout)
        assert done.stderr == f"bio-paws: error: {said['error']}\n"
        assert said.get("rejected_records") == counts


def test_counts_are_printed_where_a_build_ends(tmp_path: Path, bio_paws: Run) -> None:
    (tmp_path / "read.fna").write_text(">a\nACGTACGT\n>b\nMKLEFPQ\n")
    done = bio_paws("build", "protein150", "--source", tmp_path / "read.fna", "--out", tmp_path / "o", "--workers", 1)
    refused(done)
    assert done.stdout == "Source records rejected: dna_alphabet 1\n"


def test_unknown_config_and_source(tmp_path: Path, bio_paws: Run) -> None:
    refused(
        bio_paws("build", "dna15", "--out", tmp_path / "o"), "unknown config 'dna15'", "dna150_paws, protein150_paws"
    )
    refused(
        bio_paws("build", "--source", "bundeled", "--out", tmp_path / "o"),
        "source 'bundeled'",
        "bundled, cress, yeast, bacteria, model-organisms, refseq13",
    )
    assert not (tmp_path / "o").exists()


def test_a_folder_that_is_no_data_set_is_never_replaced(source: Path, tmp_path: Path, bio_paws: Run) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("ten years of work")
    refused(bio_paws("build", "--source", source, "--out", tmp_path / "home"), "not a bioPAWS data set")
    assert (tmp_path / "home/thesis.txt").read_text() == "ten years of work"
    (tmp_path / "file").write_text("x")
    refused(bio_paws("build", "--source", source, "--out", tmp_path / "file"), "not a folder")


def test_no_permission_to_write(source: Path, tmp_path: Path, bio_paws: Run) -> None:
    out = Path("/proc/bioPAWS") if os.geteuid() == 0 else tmp_path / "locked/bioPAWS"
    if os.geteuid() != 0:
        out.parent.mkdir(mode=0o500)
    work = tmp_path / "work"
    refused(bio_paws("build", "--source", source, "--out", out, "--work", work), str(out), "--out")


def test_blast_missing(
    source: Path, built_copy: Path, tmp_path: Path, bio_paws: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(built_copy)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = bio_paws("build", "--source", source, "--out", built_copy)
    refused(done, "was not found on PATH", "apt-get install ncbi-blast+")
    assert digests(built_copy) == before


def test_engine_missing(source: Path, tmp_path: Path, bio_paws: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("blastn", "blastp", "makeblastdb"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    arguments = ("build", "--source", source, "--out", tmp_path / "o", "--engine", "diamond")
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(bio_paws(*arguments), "diamond was not found on PATH", "apt-get install diamond-aligner")
    assert not (tmp_path / "o").exists()


def test_list_says_what_there_is(built: Path, tmp_path: Path, bio_paws: Run) -> None:
    done = bio_paws("list", built)
    assert done.returncode == 0
    assert "dna150s" in done.stdout
    assert done.stdout.count("not built") == sum(config.needs_large_source for config in CONFIGS)
    assert bio_paws("list", tmp_path).stdout.count("not built") == len(CONFIGS)
