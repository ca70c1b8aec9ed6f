"""Assemblies from NCBI's layout, over a loopback server: resumed, retried, checked, cached."""

from __future__ import annotations

import json
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bio_paws.errors import BioPawsError, SourceError
from bio_paws.sources import ncbi
from bio_paws.sources.resolve import resolve
from conftest import Run
from genomes import ancestor, evolve, write_assembly, write_source
from ncbi_server import NcbiServer, serving

Usage = namedtuple("Usage", "total used free")
ACCESSION, PREFIX = "GCF_000000001.1", "GCF_000000001.1_Test1"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NcbiServer]:
    rng = np.random.default_rng(4)
    dna, genes = ancestor(rng, 150)
    # One organism with paralogs: the chromosome holds a second, evolved copy of itself.
    copies = dna + evolve(dna, genes, rng, 0.04)
    write_assembly(tmp_path / "served", 1, "Testus primus", copies, genes)
    report = tmp_path / "served" / f"{PREFIX}_assembly_report.txt"
    report.write_text("# Assembly name:  Test1\n# Organism name:  Testus primus (a test)\n")
    with serving(tmp_path / "served", PREFIX) as running:
        monkeypatch.setenv("BIO_PAWS_NCBI_URL", running.url)
        yield running


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("GCF")}


def test_an_assembly_is_fetched_once(server: NcbiServer, tmp_path: Path) -> None:
    (assembly,) = resolve((f"ncbi:{ACCESSION}",), cache=tmp_path / "cache")
    assert [file.role for file in assembly.files] == ["genomic", "cds", "protein"]
    assert (assembly.accession, assembly.name, assembly.organism) == (ACCESSION, "Test1", "Testus primus")
    assert files(tmp_path / "cache/ncbi" / ACCESSION) == files(server.folder)
    request_count = len(server.requests)
    resolve((f"ncbi:{ACCESSION}",), cache=tmp_path / "cache")
    assert len(server.requests) == request_count


def test_a_damaged_file_of_the_cache_is_fetched_again(
    server: NcbiServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ncbi.download(ACCESSION, tmp_path)
    genome = next(folder.glob("*1_genomic.fna.gz"))
    whole = genome.read_bytes()
    genome.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    assert ncbi.download(ACCESSION, tmp_path) == folder
    assert genome.read_bytes() == whole
    assert "damaged since it was downloaded" in caplog.text


def test_a_broken_download_goes_on_where_it_stopped(server: NcbiServer, tmp_path: Path) -> None:
    server.break_after["cds_from_genomic.fna.gz"] = 1000
    server.refuse = 2
    folder = ncbi.download(ACCESSION, tmp_path)
    assert files(folder) == files(server.folder)
    ranges = [wanted for path, wanted in server.requests if path.endswith("cds_from_genomic.fna.gz")]
    assert ranges == ["", "bytes=1000-"]


def test_a_kill_leaves_a_part_that_is_used(server: NcbiServer, tmp_path: Path) -> None:
    name = f"{PREFIX}_protein.faa.gz"
    part = tmp_path / "ncbi" / ACCESSION / f"{name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes((server.folder / name).read_bytes()[:500])
    folder = ncbi.download(ACCESSION, tmp_path)
    assert files(folder) == files(server.folder)
    assert [wanted for path, wanted in server.requests if path.endswith(name)] == ["bytes=500-"]


def test_damaged_bytes_are_never_taken(server: NcbiServer, tmp_path: Path) -> None:
    server.damage.add("protein.faa.gz")
    with pytest.raises(BioPawsError, match="md5 does not match"):
        ncbi.download(ACCESSION, tmp_path)
    assert not (tmp_path / "ncbi" / ACCESSION / f"{PREFIX}_protein.faa.gz").exists()


def test_a_server_neither_makes_us_wait_for_hours_nor_fills_the_memory(
    server: NcbiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refuse, server.retry_after = 1, 20_000
    with pytest.raises(SourceError, match="asks to wait 20,000 s"):
        ncbi.download(ACCESSION, tmp_path)
    monkeypatch.setattr(ncbi, "LARGEST_PAGE", 1 << 20)
    server.page_bytes = 1 << 21
    with pytest.raises(SourceError, match="over 1 MiB"):
        ncbi.download(ACCESSION, tmp_path)


def test_assemblies_are_fetched_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_source(tmp_path / "served", genes=3)
    accessions = [f"GCF_00000000{number}.1" for number in (3, 1, 2)]
    specs = tuple(f"ncbi:{accession}" for accession in accessions)
    with serving(folder, *(f"GCF_00000000{number}.1_Test{number}" for number in (1, 2, 3))) as running:
        monkeypatch.setenv("BIO_PAWS_NCBI_URL", running.url)
        running.meeting = threading.Barrier(3)  # breaks where fewer than three come at a time
        assemblies = resolve(specs, cache=tmp_path / "cache")
        assert [assembly.accession for assembly in assemblies] == accessions
        running.meeting = None
        requests = len(running.requests)
        assert resolve(specs, cache=tmp_path / "cache") == assemblies
        assert len(running.requests) == requests
        with pytest.raises(SourceError, match="not an assembly accession"):
            resolve(("ncbi:GCF_000000009.1", "ncbi:ecoli"), cache=tmp_path / "cache")
        assert len(running.requests) == requests
        with pytest.raises(SourceError, match="named twice"):
            resolve((specs[0], specs[0]), cache=tmp_path / "again")


def test_a_download_that_is_broken_off_goes_on_later(server: NcbiServer, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(SourceError, match="broken off: run again"):
        ncbi.download(ACCESSION, tmp_path, stop)
    (part,) = (tmp_path / "ncbi" / ACCESSION).iterdir()
    assert part.stat().st_size > 0
    assert files(ncbi.download(ACCESSION, tmp_path)) == files(server.folder)


def test_unknown_and_malformed_accessions_are_one_line(
    server: NcbiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bio_paws: Run
) -> None:
    monkeypatch.setenv("BIO_PAWS_NCBI_URL", server.url)
    for spec, says in (
        ("ncbi:GCF_000000001.9", "has no such assembly"),
        ("ncbi:GCF_999999999.1", "not found at NCBI"),
        ("ncbi:ecoli", "not an assembly accession with version"),
    ):
        done = bio_paws("build", "--source", spec, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert says in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_no_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIO_PAWS_NCBI_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(ncbi, "ATTEMPTS", 0)
    with pytest.raises(BioPawsError, match="cannot be reached"):
        ncbi.download(ACCESSION, tmp_path)


def test_refseq13_pins_thirteen_species() -> None:
    assert (
        len({assembly.accession for assembly in ncbi.REFSEQ13})
        == len({assembly.organism for assembly in ncbi.REFSEQ13})
        == 13
    )
    for assembly in ncbi.REFSEQ13:
        assert ncbi.folder_url(assembly.accession).startswith(ncbi.NCBI)


def test_an_assembly_builds_from_the_server(
    server: NcbiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bio_paws: Run
) -> None:
    monkeypatch.setenv("BIO_PAWS_NCBI_URL", server.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    common = ("--source", f"ncbi:{ACCESSION}", "--pairs", 60, "--workers", 1)
    done = bio_paws("build", "dna50", *common, "--out", tmp_path / "bioPAWS")
    assert done.returncode == 0, done.stderr
    assert "dna50" in done.stdout


def test_a_dry_run_says_what_would_be_fetched_and_fetches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bio_paws: Run
) -> None:
    folder = write_source(tmp_path / "served", genes=3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name.startswith("GCF")}
    out = tmp_path / "out/bioPAWS"
    arguments = ("build", "--dry-run", "--source", "ncbi:GCF_000000001.1", "--source", "ncbi:GCF_000000002.1")
    with serving(folder, *(f"GCF_00000000{number}.1_Test{number}" for number in (1, 2))) as running:
        monkeypatch.setenv("BIO_PAWS_NCBI_URL", running.url)
        genome = "GCF_000000001.1_Test1_genomic.fna.gz"
        part = tmp_path / "cache/bio-paws/ncbi/GCF_000000001.1" / f"{genome}.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(bytes(100))
        done = bio_paws(*arguments, "--out", out, "--json")
        assert done.returncode == 0, done.stderr
        expected = json.loads(done.stdout)
        first, second = expected["assemblies"]
        for assembly, here in ((first, 100), (second, 0)):
            wanted = {name: size for name, size in sizes.items() if name.startswith(assembly["accession"])}
            assert (assembly["fetched"], assembly["here"]) == (sum(wanted.values()) - here, here)
            assert assembly["bases"] == round(3.3 * wanted[f"{next(iter(wanted))[:21]}_genomic.fna.gz"])
        assert expected["reading_seconds"] == pytest.approx(expected["stored"] / expected["bases_per_second"])
        assert (expected["fits"], expected["from_genes"]) == (True, False)
        assert not out.parent.exists()
        assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [part.name]
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 10))
        done = bio_paws(*arguments, "--out", out)
        assert (done.returncode, "The disk is too small" in done.stdout) == (1, True)
        done = bio_paws("build", "--dry-run", "--source", "ncbi:GCF_000000009.1", "--out", out)
        assert (done.returncode, "not found at NCBI" in done.stderr) == (2, True)
    done = bio_paws("build", "--dry-run", "--source", folder)
    assert (done.returncode, "'bio-paws inspect' shows what is read" in done.stderr) == (2, True)
