"""The Hub's token is in no output of any verb, whatever is logged and whatever the Hub gives back of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from bio_paws.cli.app import _verbs
from evaluation_results import write_results
from hub_server import serving
from loopback import QuietHandler, listening
from releases import CANARY, release

_RUN = """
import json, sys
from bio_paws.cli.app import main
for arguments in json.load(sys.stdin):
    print("\\n@verb", arguments[1], main(arguments), flush=True)
"""


class Echo(QuietHandler):
    """A Hub that refuses everything, and gives back what it was sent."""

    def handle_any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = self.headers.get("Authorization", "")
        body = json.dumps({"error": f"you sent {sent}"}).encode()
        self.answer(403, body, {"X-Error-Message": f"you sent {sent}", "X-Sent": sent})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any


@pytest.fixture
def echo() -> Iterator[str]:
    with listening(Echo) as url:
        yield url


def commands(folder: Path, data: Path, source: Path, pawsx: Path) -> dict[str, list[object]]:
    """One command for each verb; those that can ask the Hub do."""
    plan, recipe = folder / "plan.yaml", folder / "recipe.yaml"
    grid = {"models": ["user/bert"], "configs": ["dna50"], "seeds": 1}
    plan.write_text(yaml.safe_dump({"title": "t", "grids": [grid]}))
    text = {"source": "hub:user/texts"}
    recipe.write_text(yaml.safe_dump({"bytes": {"text": 9999}, "text": text, "vocabulary": 300}))
    given = ["--data", data, "--pawsx", pawsx]
    return {
        "list": [data],
        "inspect": [source],
        "build": ["dna50", "--source", folder / "none", "--out", folder / "built"],
        "verify": [data, "--workers", 1],
        "show": ["dna50", "--data", data],
        "audit": ["user/texts"],
        "card": [data],
        "install": [data],
        "publish": ["user/bioPAWS", data, "--workers", 1],
        "eval": ["--model", "user/bert", "--configs", "dna50", "--dry-run", *given],
        "sweep": [plan, "--dry-run", *given],
        "baselines": ["--data", "user/texts", "--configs", "dna50", "--out", folder / "out"],
        "report": [write_results(folder / "results")],
        "pretrain": [recipe, "--data", data, "--out", folder / "model"],
        "vectors": ["--model", "user/bert", "--words", 5, *given, "--out", folder / "vectors"],
        "summarize": ["--model", "user/bert", "--finetune", "user/texts", "--data", data, "--out", folder / "texts"],
        "unpack": ["all-MiniLM-L6-v2", "--out", folder / "unpacked"],
        "harness": ["lm-eval", "--data", data, "--out", folder / "tasks"],
    }


def output_of_every_verb(endpoint: str, folder: Path, built: Path, source: Path, pawsx: Path) -> dict[str, str]:
    """Run every verb with --debug in one process; return what each wrote."""
    made = commands(folder, release(built, folder / "bioPAWS", "1.0.0", ("dna50",)), source, pawsx)
    home = {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"), "HF_TOKEN": CANARY, "HF_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        input=json.dumps([["--debug", verb, *map(str, arguments)] for verb, arguments in made.items()]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | home | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    parts = done.stdout.split("\n@verb ")
    return {part.split()[0]: before for before, part in pairwise(parts)}


ASK_THE_HUB = ("audit", "publish", "eval", "sweep", "pretrain", "vectors", "summarize")


@pytest.mark.soak
def test_a_hub_that_gives_the_token_back_is_quoted_without_it(
    echo: str, built: Path, source: Path, pawsx: Path, tmp_path: Path
) -> None:
    said = output_of_every_verb(echo, tmp_path, built, source, pawsx)
    assert said.keys() == {verb.name for verb in _verbs()}
    assert [verb for verb, text in said.items() if CANARY in text] == []
    assert [verb for verb in ASK_THE_HUB if "<token>" not in said[verb]] == []


@pytest.mark.soak
def test_a_hub_that_answers_shows_no_token(built: Path, source: Path, pawsx: Path, bert: Path, tmp_path: Path) -> None:
    with serving(models__user__bert=bert) as server:
        server.tokens.add(CANARY)
        said = output_of_every_verb(server.url, tmp_path, built, source, pawsx)
    assert [verb for verb, text in said.items() if CANARY in text] == []
