"""What lies in a data set's folder and is no file of its own: links, pipes, empty folders, names that are not UTF-8."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bio_paws.cli.app import main
from bio_paws.dataset.manifest import read_manifest
from bio_paws.dataset.provenance import STATEMENT, check_statement, sign, statement_of
from bio_paws.errors import BioPawsError, CheckFailed, DataError
from bio_paws.release.publish import read_release
from bio_paws.verify.files import check_files
from releases import release, write_keys


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    return release(built, tmp_path / "bioPAWS", "1.0.0", ("dna50",))


def linked(name: str) -> Callable[[Path], None]:
    """Move something out of the data set, and leave a link to it."""

    def link(folder: Path) -> None:
        (folder / name).rename(folder.parent / "elsewhere")
        (folder / name).symlink_to(folder.parent / "elsewhere")

    return link


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


ENTRIES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "linked config": (linked("dna50"), ["FILE009 dna50: is a link: put what it leads to in its place"]),
    "linked file": (linked("dna50/test-00000-of-00001.parquet"), ["FILE009 dna50/test-00000-of-00001.parquet: is a l"]),
    "linked card": (linked("README.md"), ["FILE009 README.md: is a link"]),
    "link to nothing": (lambda folder: (folder / "x").symlink_to("/nowhere"), ["FILE009 x: is a link"]),
    "link to itself": (lambda folder: (folder / "x").symlink_to("x"), ["FILE009 x: is a link"]),
    "link to its parent": (lambda folder: (folder / "dna50/x").symlink_to(".."), ["FILE009 dna50/x: is a link"]),
    "pipe": (lambda folder: os.mkfifo(folder / "dna50/x"), ["FILE009 dna50/x: is neither a file nor a folder"]),
    "socket": (lambda folder: listening(folder / "x"), ["FILE009 x: is neither a file nor a folder"]),
    "empty folder": (lambda folder: (folder / "x").mkdir(), ["FILE010 x: is an empty folder: remove it"]),
    "empty folders": (lambda folder: (folder / "x/y").mkdir(parents=True), ["FILE010 x/y: is an empty folder"]),
    "hidden": (lambda folder: (folder / ".git/x").mkdir(parents=True), []),
    "not UTF-8": (
        lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch(),
        ["FILE004 \udcff: is not a file of the data set"],
    ),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_no_file_of_the_data_set_is_a_violation(
    entry: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, expected = ENTRIES[entry]
    make(folder)
    violations = [str(violation) for violation in check_files(folder, read_manifest(folder))]
    assert len(violations) == len(expected)
    assert all(said.startswith(begin) for said, begin in zip(violations, expected, strict=True))
    assert main(["verify", str(folder), "--workers", "1"]) == bool(expected)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(expected) + 1
    if expected:
        with pytest.raises(CheckFailed, match="nothing was published"):
            read_release(folder)


def test_a_linked_config_is_not_signed_without_its_files(folder: Path, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "key")
    statement = sign(folder, private).rename(tmp_path / STATEMENT)
    assert check_statement(statement, folder, public) == []
    linked("dna50")(folder)
    for use in (lambda: statement_of(folder), lambda: sign(folder, private)):
        with pytest.raises(DataError, match="dna50: is a link: put the folder itself in its place"):
            use()
    with pytest.raises(BioPawsError, match="dna50: is a link"):
        check_statement(statement, folder, public)


def test_a_manifest_that_is_no_file_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    for verb in ("verify", "card", "install"):
        assert main([verb, str(folder)]) == 2
        assert capsys.readouterr().err.endswith("manifest.json: is not a file: put the data set's own in its place\n")
