"""What reads the pairs of a data set with a manifest uses no changed file, and leaves nothing of one in a cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import datasets
import huggingface_hub
import pytest

from bio_paws.cli.app import main
from bio_paws.dataset.installed import installed_hash
from bio_paws.dataset.load import load
from bio_paws.dataset.manifest import read_manifest
from bio_paws.errors import DamagedFile, DataError
from bio_paws.release.install import install
from bio_paws_eval.tasks.load import load_available
from bio_paws_eval.tasks.registry import Sources
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
    for damage in (exchange_bases, lambda path: path.write_bytes(b"")):
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
