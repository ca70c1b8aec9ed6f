"""Results, statements, plans and recipes that were changed at random: used as they are, or refused in one line."""

from __future__ import annotations

import base64
import copy
import json
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bio_paws.cli.app import main
from bio_paws.dataset.provenance import STATEMENT, _encoded, sign
from bio_paws_eval.results import read_result
from evaluation_results import GPT2, encoding, task, training, write_baseline, write_cell
from releases import release, write_keys

pytestmark = pytest.mark.soak


@pytest.fixture(autouse=True)
def _offline(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a document names is looked for in an empty cache, and nowhere else: no host has its address looked up."""
    home = tmp_path_factory.mktemp("home")
    hosts: list[object] = []
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    for module in (huggingface_hub.constants, datasets.config):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: [hosts.append(host)])
    yield
    assert hosts == []


TRIED = 100
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2, 10**30, 1.5, -0.1, 1e308, float("nan"), float("inf"), "", "x", "0.5", "\x1b[2Kx"),
    *("../../../x", "/etc/passwd", "a\nb", "=1+1", "<b>|*", "\u202ex", "x" * 100_000, [], {}, [[]], [None], {"": None}),
    *([0] * 1000, {"value": 1, "low": 2, "high": 3}),
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with each of its keys or places."""
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [place for key in keys for place in ((node, key), *places(node[key]))]


def changed(document: Any, rng: random.Random) -> Any:
    """A document with up to three values replaced, removed, exchanged or added."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 2, 3))):
        known = places(document)
        if not known:
            break
        holder, key = rng.choice(known)
        kind = rng.choice(("value", "value", "value", "removed", "added", "other"))
        if kind == "removed":
            del holder[key]
        elif kind == "added" and isinstance(holder, dict):
            holder["new"] = rng.choice(VALUES)
        elif kind == "other":
            other, place = rng.choice(known)
            holder[key] = copy.deepcopy(other[place])
        else:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    return document


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes that are cut, flipped, not text, or nested without end."""
    at = rng.randrange(len(data))
    return rng.choice(
        (
            data[:at],
            data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :],
            data[:at] + b"\xff\xfe" + data[at:],
            data[:at] + rng.choice((b"[", b'{"a":')) * 50_000 + data[at:],
            b"\xef\xbb\xbf" + data,
            rng.choice((b"", b"null", b"[]", b"{}", b"3", b"\x00", b'"x"')),
        )
    )


def check(
    write: Callable[[bytes], list[object]],
    document: Any,
    dump: Callable[[Any], str],
    capsys: pytest.CaptureFixture[str],
) -> dict[int, int]:
    """Try changed documents; return how many ended with which exit status. An exception ends the test."""
    statuses: dict[int, int] = {}
    for seed in range(TRIED):
        rng = random.Random(seed)
        data = dump(changed(document, rng)).encode("utf-8", "surrogatepass")
        arguments = write(damaged(data, rng) if seed % 4 == 3 else data)
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        lines = [line for line in said.err.splitlines() if line.startswith("bio-paws: ")]
        assert len(lines) == (status == 2), (seed, said.err)
        assert "\x1b" not in said.out + said.err
        assert "remove" not in "".join(lines), lines
        statuses[status] = statuses.get(status, 0) + 1
    return statuses


def test_hostile_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_cell(tmp_path / "results", GPT2, training(), task("dna150"), 0.8, encoding())
    write_baseline(tmp_path / "results", "k-mers", "baseline", task("dna150"), 0.5)
    whole = path.read_bytes()

    def write(data: bytes) -> list[object]:
        path.write_bytes(data)
        return ["report", tmp_path / "results", "--out", tmp_path / "report"]

    statuses = check(write, json.loads(whole), json.dumps, capsys)
    assert statuses.keys() <= {0, 2}
    assert statuses[2] > TRIED / 2
    assert {file.name for file in tmp_path.iterdir()} == {"results", "report"}
    path.write_bytes(whole)
    assert read_result(path).status == "scored"


@pytest.mark.parametrize("part", ["envelope", "payload"])
def test_hostile_statements(part: str, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = release(built, tmp_path / "bioPAWS", "1.0.0", ("dna50",))
    private, public = write_keys(tmp_path, "key")
    path = sign(folder, private).rename(tmp_path / STATEMENT)
    key = load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    envelope = json.loads(path.read_text())
    document = envelope if part == "envelope" else json.loads(base64.b64decode(envelope["payload"]))

    def write(data: bytes) -> list[object]:
        if part == "payload":  # whoever has the key may sign anything
            signature = {"keyid": "", "sig": base64.b64encode(key.sign(_encoded(data))).decode()}
            signed = {"payload": base64.b64encode(data).decode(), "signatures": [signature]}
            data = json.dumps(envelope | signed).encode()
        path.write_bytes(data)
        return ["verify", folder, "--workers", "1", "--release", path, "--key", public]

    assert check(write, document, json.dumps, capsys).keys() <= {0, 1, 2}


PLAN = {
    "title": "t",
    "baselines": True,
    "grids": [
        {
            **{"models": ["./none", {"package": "none", "folder": "x"}], "finetune": ["en"], "finetune_on": ["dyck"]},
            **{
                "controls": ["none", "random-init"],
                "seeds": [1, 2],
                "configs": ["dna150"],
                "limit": 9,
                "segment": "auto",
            },
            **{"recipe": {"name": "paper", "epochs": 1}, "vectors": {"words": 5}, "dtype": "float32"},
        }
    ],
}
RECIPE = {
    **{"bytes": {"text": 1000, "dna": 1000}, "vocabulary": 300, "text": {"source": ["none.txt"], "column": "a"}},
    **{"model": {"n_layer": 1, "n_head": 1, "n_embd": 8}, "training": {"tokens": 10, "batch": 2, "device_batch": 2}},
    "seed": 1,
}


@pytest.mark.parametrize(("verb", "document"), [("sweep", PLAN), ("pretrain", RECIPE)])
def test_hostile_plans_and_recipes(
    verb: str, document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "document.yaml"

    def write(data: bytes) -> list[object]:
        path.write_bytes(data)
        return [verb, path, *(["--dry-run", "--data", tmp_path] if verb == "sweep" else [])]

    assert check(write, document, lambda made: yaml.safe_dump(made, allow_unicode=True), capsys).keys() == {2}
    assert [file.name for file in tmp_path.iterdir()] == ["document.yaml"]
