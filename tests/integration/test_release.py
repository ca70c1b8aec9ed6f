"""The signed statement of a release: what is made, and that nothing can be changed without being noticed."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bio_paws.build.export import finish
from bio_paws.cli.app import main
from bio_paws.dataset.manifest import read_manifest
from bio_paws.dataset.provenance import STATEMENT, check_statement, sign
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.release.publish import read_release
from releases import contents, write_keys


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path, "ours")


@pytest.fixture
def signed(built_copy: Path, keys: tuple[Path, Path]) -> Path:
    sign(built_copy, keys[0])
    return built_copy


def checked(folder: Path, public: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = main(["verify", str(folder), "--release", str(folder / STATEMENT), "--key", str(public), "--workers", "1"])
    said = capsys.readouterr()
    return status, (said.out + said.err).splitlines()


def test_a_release_names_sources_builder_and_files(
    signed: Path, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = checked(signed, keys[1], capsys)
    assert (status, said[-1].endswith("0 violations")) == (0, True)
    manifest = read_manifest(signed)
    envelope = json.loads((signed / STATEMENT).read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    names = {entry["name"]: entry["digest"]["sha256"] for entry in statement["subject"]}
    assert names == {name: digest for name, digest in contents(signed).items() if name != STATEMENT}
    assert {
        "manifest.json",
        "README.md",
        "figures/length.svg",
        manifest.configs["dna50"].splits["test"].file,
    } < (names.keys())
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["version"] == "1.0.0"
    digests = {entry["digest"]["sha256"] for entry in definition["resolvedDependencies"]}
    assert digests == {file.sha256 for source in manifest.sources for file in source.files}
    assert statement["predicate"]["runDetails"]["builder"]["version"] == manifest.versions


def test_the_same_data_and_key_give_the_same_bytes(signed: Path, keys: tuple[Path, Path]) -> None:
    before = (signed / STATEMENT).read_bytes()
    sign(signed, keys[0])
    assert (signed / STATEMENT).read_bytes() == before


def test_what_was_changed_is_told_in_one_line(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(folder: Path) -> list[str]:
        status, said = checked(folder, keys[1], capsys)
        assert status == 1
        shutil.rmtree(folder)
        return said

    def copy() -> Path:
        return Path(shutil.copytree(signed, tmp_path / "changed"))

    folder = copy()
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": 1'))
    assert changed(folder) == [
        f"{manifest}: is not the file that was signed",
    ]
    folder = copy()
    file = folder / "dna50" / "test-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert changed(folder) == [f"{file}: is not the file that was signed"]
    folder = copy()
    (folder / "dna50" / "test-00000-of-00001.parquet").unlink()
    assert changed(folder) == [f"{file}: is missing"]
    folder = copy()
    (folder / "more.txt").write_text("more")
    assert changed(folder) == [f"{folder / 'more.txt'}: is not in the signed statement"]
    folder = copy()
    sign(folder, write_keys(tmp_path, "other")[0])
    assert [line.split(": ")[1] for line in changed(folder)] == [f"not signed with {keys[1]}"]


def test_no_changed_payload_or_signature_is_taken(signed: Path, keys: tuple[Path, Path]) -> None:
    envelope = json.loads((signed / STATEMENT).read_text())
    path = signed.parent / "changed.json"

    @given(st.sampled_from(["payload", "sig"]), st.data())
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    def check(where: str, data: st.DataObject) -> None:
        holder = json.loads(json.dumps(envelope))
        part = holder if where == "payload" else holder["signatures"][0]
        raw = bytearray(base64.b64decode(part[where]))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        part[where] = base64.b64encode(raw).decode()
        path.write_text(json.dumps(holder))
        try:
            assert check_statement(path, signed, keys[1]) == [
                f"{path}: not signed with {keys[1]}: the statement was changed, or the key is another one"
            ]
        except BioPawsError as error:
            assert "not a signed statement" in str(error)

    check()


def test_a_stale_statement_is_not_published(signed: Path) -> None:
    assert STATEMENT in read_release(signed).files
    (signed / "notes.txt").write_text("new")
    with pytest.raises(CheckFailed, match=r"notes.txt: is not a file of the data set"):
        read_release(signed)
    (signed / "notes.txt").unlink()
    finish(signed, read_manifest(signed).model_copy(update={"version": "1.0.1"}))
    with pytest.raises(CheckFailed, match="is not about these files: sign again"):
        read_release(signed)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"payload": "!", "payloadType": "x", "signatures": []}'])
def test_what_is_no_statement_or_key_is_wrong_use(
    content: str, signed: Path, keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (signed / STATEMENT).write_text(content)
    status, said = checked(signed, keys[1], capsys)
    assert (status, len(said)) == (2, 1)
    assert "not a signed statement" in said[0]
    sign(signed, keys[0])
    status, said = checked(signed, keys[0].parent / "none.pub", capsys)
    assert (status, len(said)) == (2, 1)
    bad = tmp_path / "bad.pem"
    for text in (content.encode(), keys[1].read_bytes()):
        bad.write_bytes(text)
        with pytest.raises(BioPawsError, match="not a private key"):
            sign(signed, bad)
    bad.write_bytes(generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BioPawsError, match="not an Ed25519 key"):
        sign(signed, bad)
    assert main(["verify", str(signed), "--key", str(keys[1])]) == 2
