"""Whoever changes a data set after it was made: `verify` finds it, down to a single bit of any file."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.build.export import finish
from bio_paws.cli.app import main
from bio_paws.dataset.card import write_card
from bio_paws.dataset.manifest import read_manifest, write_manifest
from bio_paws.dataset.provenance import STATEMENT, data_files, sign
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.execution.files import json_text
from bio_paws.verify.files import check_files
from bio_paws.verify.verify import verify
from conftest import Run
from releases import release, write_keys

FLIPS = {"short": 150, "long": 10_000}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_keys(tmp_path_factory.mktemp("keys"), "ours")


@pytest.fixture(scope="module")
def signed(built: Path, keys: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed data set of two configs; copy it before changing it."""
    out = release(built, tmp_path_factory.mktemp("signed") / "bioPAWS", "1.0.0", ["dna50", "protein150"])
    sign(out, keys[0])
    return out


@pytest.fixture
def folder(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "bioPAWS"))


def verified(folder: Path) -> list[str]:
    """What verify says of a data set that is not as it was: violations, or in one line why it cannot be read."""
    try:
        return [str(violation) for violation in verify(folder, read_manifest(folder), InProcessExecutor())]
    except BioPawsError as error:
        assert len(str(error).splitlines()) == 1
        return [str(error)]


def flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flip_and_verify(folder: Path, flips: int) -> Counter[str]:
    """Flip one bit at a time, in files drawn alike whatever their size; return how many were caught by file."""
    assert check_files(folder, read_manifest(folder)) == []
    rng, names, caught = random.Random(flips), data_files(folder), Counter[str]()
    for _ in range(flips):
        path = folder / rng.choice(names)
        whole = path.read_bytes()
        flip(path, rng)
        caught[path.relative_to(folder).as_posix()] += bool(verified(folder))
        path.write_bytes(whole)
    assert check_files(folder, read_manifest(folder)) == []
    return caught


def test_flipped_bits_are_found(folder: Path) -> None:
    caught = flip_and_verify(folder, FLIPS["short"])
    assert caught.total() == FLIPS["short"]
    assert set(caught) == set(data_files(folder))


@pytest.mark.soak
def test_ten_thousand_flipped_bits_are_found(folder: Path) -> None:
    caught = flip_and_verify(folder, FLIPS["long"])
    assert caught.total() == FLIPS["long"]


@pytest.mark.parametrize("part", ["keyid", "sig"])
def test_a_signature_that_is_none_is_found_without_the_key(part: str, folder: Path) -> None:
    path = folder / STATEMENT
    envelope = json.loads(path.read_text())
    old = envelope["signatures"][0][part]
    for at in (0, 30, 60):
        new = old[:at] + ("a" if old[at] != "a" else "b") + old[at + 1 :]
        path.write_text(json_text(envelope | {"signatures": [envelope["signatures"][0] | {part: new}]}))
        assert verified(folder) == [f"FILE007 {STATEMENT}: its signature is not that of the key that it names"]
    path.write_text(json_text(envelope | {"signatures": []}))
    assert verified(folder) == [f"FILE007 {STATEMENT}: its signature is not that of the key that it names"]


def test_a_change_that_no_reader_notices_is_found(folder: Path) -> None:
    path = folder / "dna50/test-00000-of-00001.parquet"
    table, data = pq.read_table(path), path.read_bytes()
    assert data.count(b"parquet-cpp-arrow version") == 1  # who wrote it
    path.write_bytes(data.replace(b"parquet-cpp-arrow version", b"parquet-cpp-arrow versioN"))
    assert pq.read_table(path, page_checksum_verification=True).equals(table)
    assert verified(folder) == [
        "FILE003 dna50/test: dna50/test-00000-of-00001.parquet: size or sha256 is not the manifest's"
    ]


@pytest.mark.parametrize("name", ["README.md", "manifest.json", STATEMENT, "dna50/test-00000-of-00001.parquet"])
def test_a_flipped_bit_is_told_in_lines(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(name)
    whole = (folder / name).read_bytes()
    for _ in range(3):
        flip(folder / name, rng)
        status = main(["verify", str(folder), "--workers", "1"])
        said = capsys.readouterr()
        (folder / name).write_bytes(whole)
        assert status in {1, 2}
        assert name in said.out + said.err or name == "manifest.json"  # then what it names is another
        assert len(said.err.splitlines()) == status - 1  # one line on stderr for what cannot be read, else none


def test_every_way_to_write_the_same_manifest_but_one_is_found(folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = read_manifest(folder)
    text = path.read_text()
    for other in (
        text.rstrip("\n"),
        text.replace("\n", "\r\n"),
        text.replace(": 0,", ":  0,", 1),
        text.replace('"dna50"', '"dna\\u0035\\u0030"', 1),
        text.replace('"seed": 0', '"seed": 1, "seed": 0', 1),
        json.dumps(manifest.model_dump()),
    ):
        assert other != text
        path.write_text(other)
        assert read_manifest(folder) == manifest
        assert verified(folder) == ["FILE001 manifest.json: is not as bio-paws writes it"]


def test_files_that_come_or_go_are_found(folder: Path) -> None:
    (folder / ".gitattributes").write_text("*.parquet filter=lfs\n")  # the Hub's
    assert check_files(folder, read_manifest(folder)) == []
    (folder / "bioPAWS.py").write_text("raise SystemExit\n")  # which datasets refuses to load
    (folder / "dna50" / "test-00001-of-00002.parquet").write_bytes(b"")
    assert verified(folder) == [
        f"FILE004 {name}: is not a file of the data set: move it away"
        for name in ("bioPAWS.py", "dna50/test-00001-of-00002.parquet")
    ]
    (folder / "bioPAWS.py").unlink()
    (folder / "dna50" / "test-00001-of-00002.parquet").unlink()
    (folder / STATEMENT).unlink()
    (folder / "README.md").unlink()
    assert [violation.split(" is not what")[0] for violation in verified(folder)] == ["FILE005 README.md"]


def test_only_a_signature_tells_one_sound_data_set_from_another(
    folder: Path, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Leave out a config, and make the manifest and the card fit: all that is left is as it should be."""
    manifest = read_manifest(folder)
    shutil.rmtree(folder / "dna50")
    del manifest.configs["dna50"]
    finish(folder, manifest)
    assert verified(folder) == [f"FILE007 {STATEMENT}: is not about these files: sign again, or remove it"]
    given_key = ["--release", str(folder / STATEMENT), "--key", str(keys[1])]
    assert main(["verify", str(folder), "--workers", "1", *given_key]) == 1
    said = capsys.readouterr().out.splitlines()
    assert f"{folder / 'manifest.json'}: is not the file that was signed" in said
    (folder / STATEMENT).unlink()
    assert verified(folder) == []


# Manifests that are none


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{", b"[]", b"null", b'"bioPAWS"', b"[" * 100_000, b'{"configs": {}}', b'{"name": "\\ud800"}'],
    ids=["empty", "not UTF-8", "cut", "list", "null", "string", "deep", "bare", "surrogate"],
)
def test_what_is_no_manifest_is_wrong_use(data: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "manifest.json").write_bytes(data)
    for verb in (["verify"], ["list"], ["publish", "a/b"]):
        assert main([*verb, str(folder)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        assert "manifest.json: " in said.err
        assert "build the data set again" in said.err


def test_a_file_out_of_the_folder_is_refused(folder: Path, bio_paws: Run) -> None:
    manifest = read_manifest(folder)
    manifest.configs["dna50"].splits["test"].file = "../../etc/passwd"
    write_manifest(folder, manifest)
    done = bio_paws("verify", folder)
    assert done.returncode == 2
    assert "configs.dna50.splits.test.file: " in done.stderr
    assert len(done.stderr.splitlines()) == 1


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value in a manifest."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, entry in items for place in places(entry, (*path, key)))]


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({})


def change_anything(built: Path, folder: Path, examples: int) -> None:
    """Put anything into any place of the manifest, or leave it out, with a card that fits where one can be rendered.

    What is told of, is told in lines. Much of it, as the names of sources, only a signature could tell of.
    """
    release(built, folder, "1.0.0", ["dna50"])
    path = folder / "manifest.json"
    text = path.read_text()

    @given(st.sampled_from(places(json.loads(text))[1:]), ANYTHING | st.just(...))
    @settings(max_examples=examples, deadline=None)
    def check(place: tuple[Any, ...], value: Any) -> None:
        manifest = json.loads(text)
        holder = manifest
        for key in place[:-1]:
            holder = holder[key]
        if value is ...:
            del holder[place[-1]]
        else:
            holder[place[-1]] = value
        path.write_text(json_text(manifest))
        with suppress(BioPawsError, CheckFailed):
            write_card(folder, read_manifest(folder))
        verified(folder)

    check()


def test_any_other_manifest_is_told_of_in_lines(built: Path, tmp_path: Path) -> None:
    change_anything(built, tmp_path / "bioPAWS", 15)


@pytest.mark.soak
def test_hundreds_of_other_manifests_are_told_of_in_lines(built: Path, tmp_path: Path) -> None:
    change_anything(built, tmp_path / "bioPAWS", 300)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda config: config["splits"]["test"].update(rows=True),
            "splits.test.rows: Input should be a valid integer",
        ),
        (lambda config: config["splits"]["test"].pop("sha256"), "splits.test.sha256: Field required"),
        (lambda config: config["splits"].update(dev=config["splits"]["test"]), "splits.dev"),
        (lambda config: config.update(baselines={"gc": float("nan")}), "baselines.gc: Input should be a finite number"),
        (lambda config: config.update(columns=[["label"]]), "columns.0: List should have at least 2 items"),
        (lambda config: config.update(splits=[]), "splits: Input should be a valid dictionary"),
    ],
)
def test_the_place_is_named(change: Change, says: str, folder: Path) -> None:
    manifest = read_manifest(folder).model_dump()
    change(manifest["configs"]["dna50"])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BioPawsError, match=rf"not a manifest of bioPAWS \(configs.dna50.{says}"):
        read_manifest(folder)
