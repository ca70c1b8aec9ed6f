"""What machines of a cluster share."""

from __future__ import annotations

from pathlib import Path

import pytest

from bio_paws.errors import BioPawsError
from bio_paws.execution import storage
from bio_paws.execution.storage import RemoteFolder, SharedFolder, Store, open_store


@pytest.fixture(params=["folder", "url"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(f"memory://{tmp_path.name}/store/" if request.param == "url" else None, tmp_path / "work")


def test_what_is_sent_is_received(store: Store, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"\0\1\2")
    assert not store.exists("stage/one.arrow")
    store.upload(tmp_path / "here", "stage/one.arrow")
    assert store.exists("stage/one.arrow")
    place = store.folder(tmp_path / "scratch") / "stage/one.arrow"
    store.download("stage/one.arrow", place)
    assert place.read_bytes() == b"\0\1\2"
    store.remove("stage")
    store.remove("stage")
    assert not store.exists("stage/one.arrow")


def test_a_file_of_a_url_is_downloaded_once(tmp_path: Path) -> None:
    store = RemoteFolder(f"memory://{tmp_path.name}")
    (tmp_path / "here").write_text("first")
    store.upload(tmp_path / "here", "file")
    store.download("file", tmp_path / "copy")
    store.remove("file")
    store.download("file", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "first"


def test_what_is_missing_is_told_of_in_one_line(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "VISIBLE_S", 0.1)
    place = store.folder(tmp_path / "scratch") / "stage/none.arrow"
    with pytest.raises(BioPawsError, match=r"none\.arrow.* (not seen here|cannot be read)") as caught:
        store.download("stage/none.arrow", place)
    assert "\n" not in str(caught.value)
    assert not place.exists()


@pytest.mark.parametrize("url", ["nonsense://host/folder", "ftp://127.0.0.1:9/folder"])
def test_a_url_that_does_not_answer_is_told_of(url: str) -> None:
    with pytest.raises(BioPawsError, match="mark cannot be read or written there"):
        RemoteFolder(url).exists("mark")


def test_a_password_is_not_shown() -> None:
    assert str(RemoteFolder("sftp://me:secret@host/work")) == "sftp://host/work"
    assert "secret" not in str(RemoteFolder("ftp://me:secret@host/work"))


def test_the_work_folder_itself_is_the_store_of_machines_that_share_it(tmp_path: Path) -> None:
    assert open_store(None, tmp_path) == SharedFolder(tmp_path)
