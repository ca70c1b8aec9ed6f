"""Kept verdicts: they hold for the same files, checks and programs, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bio_paws.dataset.manifest import read_manifest
from bio_paws.search import blast
from bio_paws.verify import verdicts
from bio_paws.verify.verdicts import is_known_sound, keep_sound
from bio_paws_cards.manifest import Manifest

MANIFEST = Path(__file__).parent.parent / "golden"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(blast, "version", lambda: "2.12.0+")
    return tmp_path / "bio-paws" / "verified"


@pytest.fixture
def kept(cache: Path) -> Manifest:
    """A manifest whose data set was found sound."""
    manifest = read_manifest(MANIFEST)
    assert not is_known_sound(manifest)
    keep_sound(manifest)
    assert is_known_sound(manifest)
    return manifest


def changed(manifest: Manifest, change: Callable[[Manifest], None]) -> Manifest:
    copy = manifest.model_copy(deep=True)
    change(copy)
    assert copy != manifest
    return copy


def set_file(manifest: Manifest) -> None:
    entry = next(iter(manifest.configs.values()))
    entry.splits["test"].sha256 = "0" * 64


def set_size(manifest: Manifest) -> None:
    manifest.database_size.dna += 1


def remove_config(manifest: Manifest) -> None:
    manifest.configs.popitem()


def set_page(manifest: Manifest) -> None:
    manifest.url = "https://huggingface.co/datasets/me/bioPAWS"


def set_version(manifest: Manifest) -> None:
    manifest.version = "9.0.0"
    for entry in manifest.configs.values():
        entry.version = "9.0.0"


@pytest.mark.parametrize("change", [set_file, set_size, remove_config])
def test_what_is_checked_has_a_verdict_of_its_own(change: Callable[[Manifest], None], kept: Manifest) -> None:
    assert not is_known_sound(changed(kept, change))


@pytest.mark.parametrize("change", [set_page, set_version])
def test_a_release_of_the_same_rows_is_known(change: Callable[[Manifest], None], kept: Manifest) -> None:
    assert is_known_sound(changed(kept, change))


def test_other_checks_and_other_programs_know_nothing(kept: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(blast, "version", lambda: "2.16.0+")
        assert not is_known_sound(kept)
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "_CHECKS", "bio_paws.verify.viewer")  # stands for other code
        assert not is_known_sound(kept)
    assert is_known_sound(kept)


def test_a_damaged_verdict_is_none(kept: Manifest, cache: Path) -> None:
    [file] = cache.iterdir()
    data = file.read_bytes()
    for at in (0, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert not is_known_sound(kept)
    file.write_bytes(b"")
    assert not is_known_sound(kept)
    file.write_bytes(data)
    assert is_known_sound(kept)
    file.rename(cache / "another")
    assert not is_known_sound(kept)


def test_a_cache_that_cannot_be_written_keeps_none(cache: Path) -> None:
    cache.parent.parent.joinpath("bio-paws").write_text("a file where the folder of the cache would be")
    manifest = read_manifest(MANIFEST)
    keep_sound(manifest)
    assert not is_known_sound(manifest)
