"""Paths that lead elsewhere or to no end, and files that unpack to no end: refused in one line, or never followed."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bio_paws.build.output import replacing
from bio_paws.cli.app import main
from bio_paws.dataset.manifest import parse_manifest
from bio_paws.errors import BioPawsError
from bio_paws.sources import ncbi
from bio_paws.sources.text import read_text
from conftest import Tally
from genomes import write_source
from ncbi_server import serving

GENOME = "GCF_000000001.1_Test1_genomic.fna.gz"


def replaced(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Put something else where the first genome of a source lies."""

    def change(folder: Path) -> Path:
        (folder / GENOME).unlink()
        make(folder / GENOME)
        return folder

    return change


def alone(name: str, make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def change(folder: Path) -> Path:
        make(folder / name)
        return folder / name

    return change


def bomb(size: int) -> Callable[[Path], object]:
    """A genome of one letter: a thousandth of its size when zipped."""
    return lambda path: path.write_bytes(gzip.compress(b">a\n" + b"A" * size))


SOURCES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "link to nothing": (replaced(lambda path: path.symlink_to("/nowhere")), "neither a file nor a link to one"),
    "link to itself": (replaced(lambda path: path.symlink_to(path)), "neither a file nor a link to one"),
    "link to a device": (replaced(lambda path: path.symlink_to("/dev/zero")), "neither a file nor a link to one"),
    "link to a folder": (replaced(lambda path: path.symlink_to("..")), "a folder without files"),
    "folder": (replaced(Path.mkdir), "a folder without files"),
    "pipe": (replaced(os.mkfifo), "neither a file nor a link to one"),
    "pipe alone": (alone("a.fna", os.mkfifo), "neither a file nor a folder"),
    "device alone": (alone("a.fna", lambda path: path.symlink_to("/dev/zero")), "neither a file nor a folder"),
    "genome a thousandfold": (replaced(bomb(1 << 24)), "unzips to over 100 times its size"),
    "file a thousandfold": (alone("a.fna.gz", bomb(1 << 24)), "unzips to over 100 times its size"),
}


def test_sources_that_lead_elsewhere_or_to_no_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tally: Tally
) -> None:
    for name, (change, says) in SOURCES.items():
        source = change(write_source(tmp_path / name / "source", genes=3))
        assert main(["build", "--source", str(source), "--out", str(tmp_path / name / "out"), "--workers", "1"]) == 2
        error = capsys.readouterr().err
        assert says in error, error
        assert error.count("\n") == 1
        assert {path.name for path in (tmp_path / name).iterdir()} <= {"source", ".bio-paws-work"}
    tally("sources that lead elsewhere or to no end, refused", len(SOURCES), len(SOURCES))


def test_links_to_files_are_followed(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", genes=3)
    (source / GENOME).rename(tmp_path / "elsewhere")
    (source / GENOME).symlink_to(tmp_path / "elsewhere")
    assert read_text(source / GENOME).startswith(">")


def test_much_of_one_letter_is_read_where_it_is_little(tmp_path: Path) -> None:
    bomb(1 << 19)(tmp_path / "a.fna.gz")
    assert len(read_text(tmp_path / "a.fna.gz")) == (1 << 19) + 3


OUTSIDE = (
    *("../x.parquet", "/etc/passwd", "dna50/../../x", "dna50/./x", "dna50//x", "dna50/x\n", "..", "", "dna50/.x"),
    *("dna50\\..\\x", "dna50/x/y", "~/x", "dna50/x\0", "file:///etc/passwd", "C:/x", "https://h/x"),
)


def test_no_manifest_leads_out_of_its_folder(built: Path, tally: Tally) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    refused = 0
    for name in OUTSIDE:
        manifest["configs"]["dna50"]["splits"]["test"]["file"] = name
        with pytest.raises(BioPawsError, match=r"configs\.dna50\.splits\.test\.file"):
            parse_manifest(json.dumps(manifest).encode(), "here", "build again")
        refused += 1
    manifest["configs"]["dna50"]["splits"]["test"]["file"] = "dna50/test.parquet"
    for name in ("../dna50", "/etc", "dna50/x", "", "."):
        configs = {name: manifest["configs"]["dna50"]}
        with pytest.raises(BioPawsError, match="not a manifest"):
            parse_manifest(json.dumps(manifest | {"configs": configs}).encode(), "here", "build again")
        refused += 1
    tally("paths of manifests that lead out, refused", refused, len(OUTSIDE) + 5)


def test_a_link_in_a_data_set_is_taken_for_what_it_leads_to(
    built_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the Hub's cache has them; to anything else than the file that was built it is found out."""
    path = built_copy / "dna50/test-00000-of-00001.parquet"
    other = Path(shutil.copy(path, tmp_path / "other"))
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert main(["verify", str(built_copy), "--workers", "1"]) == 1
    assert "dna50/test-00000-of-00001.parquet: size or sha256" in capsys.readouterr().out
    path.unlink()
    path.symlink_to(other)
    assert main(["list", str(built_copy)]) == 0


def test_a_data_set_behind_a_link_is_replaced_where_it_lies(tmp_path: Path) -> None:
    manifest = (Path(__file__).parent.parent / "golden/manifest.json").read_text()
    for name in ("7.0.0", "8.0.0"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "far").mkdir(exist_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / "far/bioPAWS")
        with replacing(tmp_path / "link") as new:
            (new.folder / "manifest.json").write_text(
                re.sub(r'"version": "[^"]*"', f'"version": "{name}"', manifest, count=1)
            )
        assert (tmp_path / "link").is_symlink()
        assert f'"version": "{name}"' in (tmp_path / "far/bioPAWS/manifest.json").read_text()
        assert {path.name for path in (tmp_path / "far").iterdir()} == {"bioPAWS"}


def test_names_that_a_server_makes_up_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """What is fetched is named by the accession, whatever the server's lists hold."""
    served = write_source(tmp_path / "served", genes=3)
    for path in served.iterdir():
        if not path.name.startswith("GCF_000000001.1"):
            path.unlink()
    (served / "a blank").write_text("x")  # no name that a line of the list can hold
    for prefix in ("GCF_000000001.1_..", "GCF_000000001.1_Test1"):
        with serving(served, prefix) as server:
            monkeypatch.setenv("BIO_PAWS_NCBI_URL", server.url)
            if prefix.endswith("Test1"):
                ncbi.download("GCF_000000001.1", tmp_path / "cache")
            else:
                with pytest.raises(BioPawsError, match="lists no genome"):
                    ncbi.download("GCF_000000001.1", tmp_path / "cache")
    written = {
        path.relative_to(tmp_path / "cache").as_posix() for path in (tmp_path / "cache").rglob("*") if path.is_file()
    }
    assert all(name.startswith("ncbi/GCF_000000001.1/") and name.count("/") == 2 for name in written)
    tally("names that a server makes up, not written", 2, 2)


AUDITED: dict[str, tuple[bytes, str]] = {
    "one.jsonl.gz": (gzip.compress(b'{"sentence1": "' + b"A" * (80 << 20), 1), "a JSON object of over"),
    "nested.jsonl": (b'{"a":' * 200_000, "maximum recursion depth"),
    "brackets.json": (b"[" * 1_000_000, "not a single row"),
    "digits.json": (b"1" * 1_000_000, "Exceeds the limit"),
    "cell.csv": (b'sentence1,sentence2,label\n"' + b"A" * (3 << 20), "cannot be read"),
    "noise.parquet": (b"PAR1" + bytes(range(256)) + b"PAR1", "cannot be read"),
    "none.parquet": (b"", "cannot be read"),
}


def test_files_that_audit_cannot_read_to_their_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tally: Tally
) -> None:
    for name, (data, says) in AUDITED.items():
        (tmp_path / name).write_bytes(data)
        assert main(["audit", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    tally("files that audit cannot read to their end, refused", len(AUDITED), len(AUDITED))


@pytest.mark.parametrize("option", ["--source", "--out", "--work"])
def test_a_name_that_is_not_in_utf_8_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "dna50", option, os.fsdecode(b"caf\xe9")]) == 2
    assert capsys.readouterr().err == ("bio-paws: error: 'caf\\udce9': not in UTF-8: rename it, or unset PYTHONUTF8\n")
