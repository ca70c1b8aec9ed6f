"""What reads the pairs of a data set with a manifest uses no changed file, and leaves nothing of one in a cache."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import datasets
import huggingface_hub
import pytest

from bio_paws.audit.tables.dataset import open_data
from bio_paws.cli.app import main
from bio_paws.dataset.installed import installed_hash
from bio_paws.dataset.load import load
from bio_paws.dataset.manifest import read_manifest
from bio_paws.errors import BioPawsError, DamagedFile, DataError
from bio_paws.release.install import install
from bio_paws_eval.tasks.load import load_available
from bio_paws_eval.tasks.registry import Sources
from conftest import Tally, tries
from hub_server import HubServer, serving
from releases import release

SAYS = "is not the file that manifest.json names"


@pytest.fixture(scope="module")
def small(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(built, tmp_path_factory.mktemp("small") / "bioPAWS", "1.0.0", ("dna50",))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def exchange_bases(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"AT", b"TA"))


def change_an_id(path: Path) -> None:
    stored = datasets.Dataset.from_file(str(path))["pair_id"][0]
    path.write_bytes(path.read_bytes().replace(stored.encode(), stored[::-1].encode()))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def change_an_offset(path: Path) -> None:
    """Let a string begin far beyond the others: to read it ends a process."""
    stored = datasets.Dataset.from_file(str(path))
    offsets = stored.data.table["sentence1"].chunk(0).buffers()[1].to_pybytes()
    changed = offsets[:4] + (1 << 30).to_bytes(4, "little") + offsets[8:]
    path.write_bytes(path.read_bytes().replace(offsets, changed, 1))


def test_no_changed_file_is_read(small: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small / "dna50/test-00000-of-00001.parquet"
    flip(path)
    for streaming in (False, True):
        with pytest.raises(DamagedFile, match=SAYS):
            load("dna50", data=small, split="test", streaming=streaming)
    with pytest.raises(DamagedFile, match=SAYS):
        load_available(None, ("dna50",), ("test",), Sources(data=small))
    for named in (small, path):
        assert main(["audit", str(named)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n"), SAYS in said.err) == ("", 1, True)
    assert main(["install", str(small)]) == 2
    assert SAYS in capsys.readouterr().err
    assert not cache.exists()
    assert list(load("dna50", data=small, split="train", streaming=True).take(1))
    flip(path)
    assert load("dna50", data=small, split="test").num_rows


def test_what_lies_damaged_in_the_cache_is_installed_again(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = Path(install(small)["dna50"])
    assert place.name == read_manifest(small).configs["dna50"].content_sha256
    before = {path.name: path.read_bytes() for path in place.glob("*.arrow")}
    assert install(small) == {"dna50": str(place)}
    assert not caplog.records
    for damage in (exchange_bases, change_an_id, change_an_offset, cut, lambda path: path.write_bytes(b"")):
        caplog.clear()
        damage(next(place.glob("*test.arrow")))
        assert install(small) == {"dna50": str(place)}
        assert "installed again" in caplog.text
        assert {path.name: path.read_bytes() for path in place.glob("*.arrow")} == before


def test_what_lies_damaged_in_the_cache_is_not_loaded(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(install(small)["dna50"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    whole = load("dna50")
    assert installed_hash("dna50", whole) == place.name
    assert load("dna50", split="test", streaming=True).take(1)
    exchange_bases(next(place.glob("*train.arrow")))
    for options in ({}, {"split": "test"}, {"split": "test", "streaming": True}):
        with pytest.raises(DamagedFile, match="is not what was installed there: run bio-paws install again"):
            load("dna50", **options)
    next(place.glob("*train.arrow")).write_bytes(b"")
    with pytest.raises(DataError, match="dna50: cannot be loaded from bioPAWS"):
        load("dna50")


def pairs_read(folder: Path) -> list[str]:
    """Digests of the pairs that an evaluation reads."""
    splits = ("train", "validation", "test")
    (pairs,), _ = load_available(["dna50"], (), splits, Sources(data=folder))
    return [each.task.content_sha256 for each in pairs]


def lines_of_audit(folder: Path) -> list[str]:
    """Rows that an audit reads."""
    (data,) = open_data(str(folder), "dna50")
    return [str(batch.to_pydict()) for part in data.parts for batch in part.read()]


def installed(folder: Path) -> list[str]:
    """Rows that lie in the cache after an installation; a bit between its buffers is of no row."""
    (place,) = install(folder).values()
    return [str(datasets.Dataset.from_file(str(path)).to_dict()) for path in sorted(Path(place).glob("*.arrow"))]


@pytest.mark.soak
@pytest.mark.parametrize("read", [pairs_read, lines_of_audit, installed])
def test_a_thousand_flipped_bits_are_not_used(
    read: Callable[[Path], list[str]], small: Path, tmp_path: Path, tally: Tally
) -> None:
    """In the pairs and in the manifest; of install in the cache too, where it is installed again."""
    folder = Path(shutil.copytree(small, tmp_path / "data"))
    rng, right = random.Random(0), read(folder)
    names = [path for path in folder.rglob("*") if path.suffix in {".parquet", ".json"}]
    cached = sorted((tmp_path / "cache").rglob("*.arrow")) if read is installed else []
    for _ in range(tries(1_000)):
        path = rng.choice([*names, *cached])
        data = path.read_bytes()
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            used = read(folder) != right
        except BioPawsError as error:
            used = "\n" in str(error)
        tally(f"flipped bit, {read.__name__}", 1, not used)
        path.write_bytes(data)


@pytest.fixture
def hub(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving(datasets__user__bioPAWS=small) as server:
        server.repositories["datasets/user/bioPAWS"].tag("v1.0.0", "main")
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield server


def test_what_was_downloaded_from_the_hub_is_checked_when_it_is_read(
    hub: HubServer,
    small: Path,
    cache: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = load("dna50", data=small, split="test").to_dict()
    shutil.rmtree(cache)
    ((pairs,),), _ = load_available(["dna50"], (), ("test",), Sources(data="user/bioPAWS"))
    assert [row for batch in pairs.read() for row in batch["pair_id"].to_pylist()] == whole["pair_id"]
    assert load("dna50", data="user/bioPAWS", split="test").to_dict() == whole
    assert not caplog.records
    (downloaded,) = (tmp_path / "hub").rglob("test-00000-of-00001.parquet")
    requests = len(hub.requests)
    for read in (True, False):
        flip(downloaded.resolve())
        rows = load("dna50", data="user/bioPAWS", split="test", streaming=read)
        assert [row["pair_id"] for row in rows] == whole["pair_id"]
        assert "downloaded again" in caplog.text
        caplog.clear()
    assert len(hub.requests) > requests
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    load("dna50", data="user/bioPAWS")
    flip(downloaded.resolve())
    with pytest.raises(DamagedFile, match=SAYS):
        load("dna50", data="user/bioPAWS")


def audited(*arguments: str) -> list[str]:
    """Ids of the pairs that an audit reads."""
    return [
        row
        for data in open_data(*arguments)
        for part in data.parts
        for batch in part.read()
        for row in batch["pair_id"].to_pylist()
    ]


def remove(path: Path) -> None:
    path.unlink()


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("name", ["test-00000-of-00001.parquet", "manifest.json", "README.md"])
def test_an_audit_checks_what_lies_in_the_cache_of_the_hub(
    name: str,
    hub: HubServer,
    small: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = audited(str(small))
    assert audited("user/bioPAWS") == audited("user/bioPAWS", "dna50") == whole
    assert not caplog.records
    (cached,) = (tmp_path / "hub").rglob(name)
    for damage in (flip, cut, lambda path: path.write_bytes(b""), remove):
        damage(cached.resolve())
        assert audited("user/bioPAWS") == whole
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    if name == "test-00000-of-00001.parquet":
        flip(cached.resolve())
        with pytest.raises(DamagedFile, match=SAYS):
            audited("user/bioPAWS")


def test_an_audit_refuses_what_the_hub_serves_damaged(hub: HubServer, small: Path) -> None:
    """Storage gives back other bytes than were stored, each time."""
    digest = read_manifest(small).configs["dna50"].splits["test"].sha256
    data = bytearray(hub.storage[digest])
    data[len(data) // 2] ^= 1
    hub.storage[digest] = bytes(data)
    with pytest.raises(DamagedFile, match=SAYS):
        audited("user/bioPAWS")


def test_an_audit_checks_what_was_installed(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(install(small)["dna50"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert sorted(audited("bioPAWS", "dna50")) == sorted(audited(str(small)))
    assert main(["audit", "bioPAWS"]) == 2
    assert "name a --config" in capsys.readouterr().err
    exchange_bases(next(place.glob("*train.arrow")))
    with pytest.raises(DamagedFile, match="is not what was installed there"):
        audited("bioPAWS", "dna50")


@pytest.mark.parametrize("damage", [flip, cut, lambda path: path.write_bytes(b""), remove, make_a_folder, make_a_loop])
def test_each_file_of_an_installation_may_be_damaged(damage: Callable[[Path], None], small: Path) -> None:
    place = Path(install(small)["dna50"])
    names = [path.name for path in place.iterdir() if path.is_file()]
    right = {path.name: path.read_bytes() for path in place.glob("*.arrow")}
    assert len(names) == 4
    for name in names:
        damage(place / name)
        install(small)
        assert {path.name: path.read_bytes() for path in place.glob("*.arrow")} == right


@pytest.mark.parametrize("damage", [exchange_bases, flip, cut, lambda path: path.write_bytes(b""), remove])
def test_what_datasets_keeps_of_a_folder_is_checked_when_it_is_read(
    damage: Callable[[Path], None], small: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = load("dna50", data=small).unique("pair_id")
    (prepared,) = cache.rglob("*-test.arrow")
    damage(prepared)
    assert load("dna50", data=small).unique("pair_id") == whole
    assert "damaged since it was written: made again" in caplog.text


def test_a_config_of_another_version_is_not_installed(
    small: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "other"))
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"dna50": {', '"dna55": {'))
    for arguments in (["install", str(folder)], ["verify", str(folder)]):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert said.startswith("bio-paws: error: unknown config 'dna55': choose from")
        assert said.count("\n") == 1
    assert not cache.exists()
