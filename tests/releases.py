"""Releases to publish, the Hub they go to, and what must be there afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from huggingface_hub import HfApi, constants

from bio_paws.build.export import finish
from bio_paws.cli.app import main
from bio_paws.dataset.manifest import read_manifest
from bio_paws.release.publish import named_copy, read_release
from hub_server import READER, Failures, HubServer, serving
from hub_store import Repository

CANARY = "hf_CanaryCanaryCanaryCanary"


def release(built: Path, out: Path, version: str, configs: Iterable[str]) -> Path:
    """A data set of some of the configs of another, under another version."""
    manifest = read_manifest(built)
    manifest.version = version
    manifest.configs = {name: manifest.configs[name].model_copy(update={"version": version}) for name in configs}
    for name in manifest.configs:
        shutil.copytree(built / name, out / name)
    finish(out, manifest)
    return out


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a data set."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def published_contents(folder: Path, page: str) -> dict[str, str]:
    """SHA-256 of every file of the copy of a data set that is published at a page."""
    with named_copy(read_release(folder), page) as named:
        return contents(named.folder)


def write_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """An Ed25519 key pair, as openssl writes it."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


@dataclass
class Site:
    """A Hub and a home folder to publish from."""

    repo: str
    environment: dict[str, str]
    home: Path
    server: HubServer | None = None
    api: HfApi = field(init=False)

    def __post_init__(self) -> None:
        self.api = HfApi(self.environment.get("HF_ENDPOINT"), token=self.environment["HF_TOKEN"])

    def start(self, *arguments: object, program: tuple[str, ...] = ("-m", "bio_paws.cli")) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *program, *map(str, arguments)],
            env=os.environ | self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, program: tuple[str, ...] = ("-m", "bio_paws.cli")) -> tuple[int, str, str]:
        """Run the program; its output must neither hold the token nor a traceback."""
        process = self.start(*arguments, program=program)
        out, err = process.communicate()
        self.check_output(out + err)
        return process.returncode, out, err

    def call(self, *arguments: object) -> tuple[int, str, str]:
        """Run the program in this process, which has imported all that it needs."""
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as err,
        ):
            for name, value in self.environment.items():
                patch.setenv(name, value)
            if self.server:
                patch.setattr(constants, "ENDPOINT", self.server.url)
                template = f"{self.server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
                patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
                patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
            status = main(list(map(str, arguments)))
        self.check_output(out.getvalue() + err.getvalue())
        return status, out.getvalue(), err.getvalue()

    def check_output(self, said: str) -> None:
        assert self.environment["HF_TOKEN"] not in said
        assert "Traceback" not in said, said

    def check_no_token(self, *folders: Path) -> None:
        """The token is in no file, nor anywhere on the Hub."""
        token = self.environment["HF_TOKEN"].encode()
        for folder in (self.home, *folders):
            for path in folder.rglob("*"):
                with suppress(FileNotFoundError):  # what a killed process left may still be cleared away
                    assert not path.is_file() or token not in path.read_bytes(), path
        if self.server:
            assert not self.server.leaks
            for repository in self.server.repositories.values():
                assert token not in repr((repository.requests, repository.references, repository.commits)).encode()

    @property
    def page(self) -> str:
        return f"{self.environment.get('HF_ENDPOINT', constants.ENDPOINT)}/datasets/{self.repo}"

    @property
    def repository(self) -> Repository:
        assert self.server
        return self.server.repositories[f"datasets/{self.repo}"]


@contextmanager
def loopback(home: Path, repo: str = "tester/bioPAWS", **failing: object) -> Iterator[Site]:
    """A Hub on this machine that knows the canary token."""
    with serving() as server:
        server.tokens.add(CANARY)
        server.failures = Failures(**failing)  # type: ignore[arg-type]
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {
            **{"HF_ENDPOINT": server.url, "HF_TOKEN": CANARY, "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "0"},
            **{"HF_HUB_DISABLE_XET": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0", "TMPDIR": str(home / "tmp")},
            **{"BIO_PAWS_HUB_TIMEOUT": "0.4", "OMP_NUM_THREADS": "1"},
        }
        yield Site(repo, environment, home, server)


@contextmanager
def real_hub(home: Path) -> Iterator[Site]:
    """A private repository on the real Hub, named after BIO_PAWS_HUB_REPO, for one test."""
    repo = f"{os.environ['BIO_PAWS_HUB_REPO']}-{random.randrange(10**9)}"
    site = Site(repo, {"HF_TOKEN": os.environ["HF_TOKEN"], "HF_HOME": str(home / "hf")}, home)
    try:
        yield site
    finally:
        site.api.delete_repo(repo, repo_type="dataset", missing_ok=True)


class Reader:
    """Polls main and every tag while others publish; remembers each state of the files that it saw.

    It asks over HTTP, one request a state, as what several requests say may be of several states.
    """

    def __init__(self, site: Site) -> None:
        self.url = f"{site.environment['HF_ENDPOINT']}/api/datasets/{site.repo}"
        self.states: dict[str, set[frozenset[tuple[str, str]]]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(0.02):
            with suppress(urllib.error.HTTPError):  # before the repository is there
                refs = self._ask("refs")
                for name in ("main", *(ref["name"] for ref in refs["tags"])):
                    files = [entry for entry in self._ask(f"tree/{name}?recursive=True") if entry["type"] == "file"]
                    state = frozenset((file["path"], file["oid"]) for file in files if file["path"] != ".gitattributes")
                    self.states.setdefault(name, set()).add(state)

    def _ask(self, what: str) -> dict[str, list[dict[str, str]]]:
        request = urllib.request.Request(f"{self.url}/{what}", headers={"User-Agent": READER})
        with urllib.request.urlopen(request) as answer:
            loaded: dict[str, list[dict[str, str]]] = json.load(answer)
            return loaded


def check_published(site: Site, releases: dict[str, Path], reader: Reader) -> None:
    """Every release is whole under its tag, the last one on main; nothing is lost, nothing doubled, no mix was seen."""
    repository = site.repository
    tags = {name.removeprefix("refs/tags/v") for name in repository.references if name.startswith("refs/tags/")}
    assert tags == set(releases)
    whole = {}
    for version, folder in releases.items():
        files = {path: blob for path, blob in repository.files(f"v{version}").items() if path != ".gitattributes"}
        assert {path: blob.sha256 for path, blob in files.items()} == published_contents(folder, site.page)
        whole[version] = frozenset((path, blob.oid) for path, blob in files.items())
    last = list(releases)[-1]
    assert repository.resolve("main") == repository.resolve(f"v{last}")
    assert [request.status for request in repository.requests].count("merged") == len(releases)
    assert {request.status for request in repository.requests} <= {"merged", "closed"}
    assert reader.states.get("main", set()) <= {frozenset(), *whole.values()}
    for name in set(reader.states) - {"main"}:
        assert reader.states[name] == {whole[name.removeprefix("v")]}
