"""The folder of a data set: what may be replaced, what stays, and who waits for whom."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from bio_paws.build.output import check_output, replacing
from bio_paws.dataset.manifest import read_manifest
from bio_paws.errors import BioPawsError
from bio_paws.execution.locks import reading
from bio_paws.verify.files import check_files

GOLDEN = Path(__file__).parent.parent / "golden/manifest.json"
CARD = "---\npretty_name: bioPAWS\n---\n"
USER_FILES = (".git/HEAD", ".gitattributes", "notes.txt", "dna50/notes.txt", "figures/mine.png", "results/a/b.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What looks like a data set until its rows are read."""
    out = tmp_path / "parent/bioPAWS"
    (out / "figures").mkdir(parents=True)
    shutil.copy(GOLDEN, out / "manifest.json")
    for entry in read_manifest(out).configs.values():
        for split in entry.splits.values():
            (out / split.file).parent.mkdir(exist_ok=True)
            (out / split.file).write_text(split.file)
    (out / "README.md").write_text(CARD)
    (out / "figures/length.svg").write_text("ours")
    return out


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}


def rebuild(out: Path) -> None:
    with replacing(out) as new:
        shutil.copy(GOLDEN, new.folder / "manifest.json")


def test_a_card_alone_may_be_replaced(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    for parquet in list(folder.glob("*/train*.parquet")):
        shutil.rmtree(parquet.parent)
    rebuild(folder)
    assert files(folder) == {"manifest.json"}


@pytest.mark.parametrize("name", ["README.md", "figures/mine.png", "manifest.json", "notes.txt"])
def test_a_folder_of_somebody_else_is_refused_before_a_build(name: str, tmp_path: Path) -> None:
    out = tmp_path / "bioPAWS"
    (out / "figures").mkdir(parents=True)
    (out / "README.md").write_text(CARD)
    (out / name).write_text("# mine")
    with pytest.raises(BioPawsError, match="name another folder with --out"), replacing(out):
        pytest.fail("it was to be refused")
    assert (out / name).read_text() == "# mine"


def test_files_of_the_user_outlive_a_rebuild(folder: Path) -> None:
    for name in USER_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "results/empty").mkdir()
    (folder / "link").symlink_to("notes.txt")
    (folder / "release.intoto.json").write_text("of the old data set")
    rebuild(folder)
    assert files(folder) == {"manifest.json", "link", *USER_FILES}
    assert all((folder / name).read_text() == name for name in USER_FILES)
    assert (folder / "results/empty").is_dir()
    assert [path.name for path in folder.parent.iterdir()] == ["bioPAWS"]
    named = {violation.message.split(":")[0] for violation in check_files(folder, read_manifest(folder))}
    assert {name for name in named if not name.endswith(".parquet")} >= {
        name for name in USER_FILES if not name.startswith(".")
    }
    assert not any(".git" in name for name in named)


def test_a_file_of_the_user_is_not_replaced_by_a_new_one(folder: Path) -> None:
    (folder / "protein150").mkdir(exist_ok=True)
    (folder / "protein150/mine").write_text("mine")
    before = files(folder)
    with pytest.raises(BioPawsError, match="mine: is not of the data set, and would be replaced"):  # noqa: SIM117
        with replacing(folder) as new:
            (new.folder / "protein150").mkdir()
            (new.folder / "protein150/mine").touch()
    assert (files(folder), (folder / "protein150/mine").read_text()) == (before, "mine")


def test_folders_that_cannot_be_exchanged_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, work = tmp_path / "a/bioPAWS", tmp_path / "work"
    out.mkdir(parents=True)
    check_output(out, work)
    for refused in (Path("/"), Path(), Path.cwd().parent, Path.home()):
        with pytest.raises(BioPawsError, match="is the current or the home folder, or above it"):
            check_output(refused, work)
    for stages in (out, out / "stages"):
        with pytest.raises(BioPawsError, match="holds --work"):
            check_output(out, stages)
    monkeypatch.chdir(out)
    with pytest.raises(BioPawsError, match="is the current"):
        check_output(out, work)


def test_a_folder_is_not_replaced_while_it_is_read(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(GOLDEN.read_bytes() + b"\n")
    with reading(folder):
        build = threading.Thread(target=rebuild, args=[folder])
        build.start()
        time.sleep(0.3)
        assert (folder / "manifest.json").read_bytes().endswith(b"\n\n")
        assert build.is_alive()
    build.join(10)
    assert (folder / "manifest.json").read_bytes() == GOLDEN.read_bytes()


def test_builds_into_one_folder_take_turns(folder: Path) -> None:
    """Each reads what is there, adds to it, and puts it in its place: nothing may come between."""

    def add(number: int) -> None:
        with replacing(folder) as new:
            earlier = (folder / "README.md").read_text()
            shutil.copy(GOLDEN, new.folder / "manifest.json")
            time.sleep(0.05)
            (new.folder / "README.md").write_text(f"{earlier}{number}\n")

    builds = [threading.Thread(target=add, args=[number]) for number in range(6)]
    for build in builds:
        build.start()
    for build in builds:
        build.join(20)
    assert sorted((folder / "README.md").read_text().removeprefix(CARD).split()) == list("012345")
    assert [path.name for path in folder.parent.iterdir()] == ["bioPAWS"]
