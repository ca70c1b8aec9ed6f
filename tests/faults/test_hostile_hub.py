"""A Hub that answers what the Hub never does: audit, load and publish end in one line, and nothing of it is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import datasets
import huggingface_hub
import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from bio_paws.audit.tables.dataset import open_data
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError
from bio_paws.execution import hub
from bio_paws.release import hub_client
from bio_paws.release.publish import preview, publish, read_release
from conftest import Tally
from loopback import QuietHandler, listening
from releases import release

CANARY = "hf_canary"
BODIES = {
    "null": b"null",
    "a list": b"[]",
    "a number": b"3",
    "nothing": b"",
    "cut JSON": b'{"sha": "',
    "other types": b'{"sha": 3, "siblings": null, "branches": [null], "lastModified": "never"}',
    "a page": b"<html><body>Please log in</body></html>",
    "a manifest": b'{"content_sha256": "x"}',
    "no text": bytes(range(256)),
}
WAYS = (*BODIES, "endless", "redirects for ever", "redirect to a file", "redirect to a manifest elsewhere")


@pytest.fixture(scope="module")
def small(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(built, tmp_path_factory.mktemp("small") / "bioPAWS", "1.0.0", ("dna50",))


class Hostile(QuietHandler):
    """Answers every request in one way."""

    way = ""
    tokens: list[str]  # that came to another server than the Hub

    def do_any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        here = f"http://{self.headers['Host']}"
        if self.path.startswith("/elsewhere"):
            self.tokens += [self.headers["Authorization"]] if "Authorization" in self.headers else []
            self.answer(200, b'{"content_sha256": "x"}', {"ETag": '"x"', "X-Repo-Commit": "0" * 40})
        elif self.way == "endless":
            self.send_response(200)
            self.end_headers()
            while self.command != "HEAD":
                self.wfile.write(bytes(1 << 16))
            self.close_connection = True
        elif self.way.startswith("redirect"):
            elsewhere = f"{here.replace('127.0.0.1', 'localhost')}/elsewhere"
            places = {"redirects for ever": f"{here}{self.path}", "redirect to a file": "file:///etc/passwd"}
            self.answer(302, b"", {"Location": places.get(self.way, elsewhere)})
        else:
            self.answer(200, BODIES[self.way], {"ETag": '"x"', "X-Repo-Commit": "0" * 40})

    do_GET = do_HEAD = do_POST = do_PUT = do_any


def _fail(seconds: float) -> None:
    raise AssertionError(f"waits for {seconds} s")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hostile]]:
    class Handler(Hostile):
        tokens: list[str] = []  # noqa: RUF012 a new one a test

    monkeypatch.setattr(hub, "MAX_BYTES_IN_MEMORY", 1 << 20)
    # What will not change is not asked for again.
    monkeypatch.setattr(hub_client, "PatientClient", partial(hub_client.PatientClient, wait=_fail))
    monkeypatch.setenv("HF_TOKEN", CANARY)
    monkeypatch.setenv("BIO_PAWS_HUB_TIMEOUT", "2")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    with listening(Handler) as url:
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        try:
            yield Handler
        finally:
            set_client_factory(default_client_factory)


def test_no_answer_of_a_hostile_hub_is_used(hostile: type[Hostile], small: Path, tmp_path: Path, tally: Tally) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "bioPAWS"))
    ready = read_release(folder)
    verbs: dict[str, Callable[[], object]] = {
        "audit": lambda: [[*part.read()] for data in open_data("user/pairs") for part in data.parts],
        "load": lambda: load("dna50", data="user/pairs"),
        "publish --dry-run": lambda: preview("user/pairs", ready),
        "publish": lambda: publish("user/pairs", ready),
    }
    for way in WAYS:
        hostile.way = way
        for verb, call in verbs.items():
            with pytest.raises(BioPawsError) as refused:
                call()
            said = str(refused.value)
            assert "\n" not in said and CANARY not in said and len(said) < 500, (verb, way, said)
            tally("answers of a hostile Hub", 1, 1)
    assert not hostile.tokens
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [
        path.name for path in small.rglob("*") if path.is_file()
    ]
