"""What is advised where PAWS-X cannot be reached is something that the same command takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bio_paws.cli.app import main
from bio_paws_eval.tasks import load
from bio_paws_eval.tasks.pairs import Pairs, UnreachablePairs


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (["--configs", "dna50"], "give --finetune-on CONFIG or --finetune none"),
        (["--configs", "dna50", "--method", "cosine"], "give --finetune-on CONFIG"),
        (["--configs", "pawsx_en", "--finetune", "none"], "name other --configs"),
    ],
)
def test_the_advice_is_taken(
    bert: Path,
    tmp_path: Path,
    given: list[str],
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> Pairs:
        raise UnreachablePairs("PAWS-X cannot be loaded")

    monkeypatch.setattr(load, "load_pawsx", fail)
    assert main(["eval", "--model", str(bert), *given, "--out", str(tmp_path), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert error.strip().endswith(f"bio-paws: error: PAWS-X cannot be loaded; to do without, {advice}"), error
