"""A causal model that is prompted: against log-likelihoods of one plain text at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_eval_methods import run
from transformers import AutoModelForCausalLM, AutoTokenizer

from bio_paws.cli.app import main
from bio_paws_eval.methods.prompt_encoder import prompt_encoder
from bio_paws_eval.methods.prompt_templates import CONTENT_FREE, ORDERS, TEMPLATES, render
from bio_paws_eval.models.model_files import find_model
from models import write_model


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "gpt2", "gpt2")


class Plain:
    """Asks without batches, padding or files."""

    def __init__(self, model: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(model)
        self._model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()

    def likelihood(self, text: str, answer: str) -> float:
        ids, more = (self._tokenizer(part)["input_ids"] for part in (text, answer))
        with torch.inference_mode():
            logits = self._model(torch.tensor([[*ids, *more]])).logits[0].log_softmax(dim=-1)
        return sum(float(logits[len(ids) - 1 + i, token]) for i, token in enumerate(more))

    def log_odds(self, text: str) -> float:
        return self.likelihood(text, " yes") - self.likelihood(text, " no")


def pairs_of(pawsx: Path, split: str) -> list[tuple[str, str]]:
    rows = (pawsx / split / "en.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(row.split("\t")[1], row.split("\t")[2]) for row in rows]


@pytest.mark.parametrize("template", TEMPLATES)
def test_scores_are_means_over_both_orders_without_the_prior(
    causal: Path, pawsx: Path, tmp_path: Path, template: str
) -> None:
    ((result, predictions),) = run(tmp_path, causal, pawsx, "--method", "prompt", "--template", template)
    plain = Plain(causal)

    def odds(side1: str, side2: str) -> list[float]:
        return [plain.log_odds(render(template, "text", side1, side2, order)) for order in ORDERS]  # type: ignore[arg-type]

    shares = 1 / (1 + np.exp(-np.array([odds(text, text) for text in CONTENT_FREE])))
    prior = np.log(shares.mean(axis=0) / (1 - shares).mean(axis=0))
    expected = [np.mean(odds(*pair) - prior) for pair in pairs_of(pawsx, "test")]
    np.testing.assert_allclose(predictions.logits[:, 1] - predictions.logits[:, 0], expected, atol=1e-4)
    np.testing.assert_allclose(result.details["prior_log_odds"], prior, atol=1e-4)
    assert 0 <= result.details["same_in_both_orders"] <= 1
    assert result.training.name == "none (prompt)"
    assert result.training.recipe == {"template": template, "shots": 0, "calibration": "contextual"}
    assert result.preflight["join"] == f"prompt: {template}"


def test_answered_pairs_come_first(causal: Path, pawsx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ("--method", "prompt", "--shots", 3, "--calibration", "none", "--seeds", 2)
    done = run(tmp_path, causal, pawsx, *shown)
    assert [(result.training.on, result.training.seed) for result, _ in done] == [("pawsx_en", 0), ("pawsx_en", 1)]
    assert (done[0][1].logits != done[1][1].logits).any()
    assert done[0][0].encoding.max_length < 1024 / 2  # type: ignore[union-attr]
    plain, rng = Plain(causal), np.random.default_rng(0)
    train = [row.split("\t") for row in (pawsx / "train/en.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    labels = rng.permutation(np.arange(3) % 2)
    rows = np.empty(3, dtype=int)
    for label in (0, 1):
        eligible = np.flatnonzero([int(row[3]) == label for row in train])
        rows[labels == label] = rng.permutation(eligible)[: (labels == label).sum()]

    def odds(pair: tuple[str, str], order: tuple[int, int]) -> float:
        examples = "".join(
            f"{render('question-1', 'text', train[row][1], train[row][2], order)} {('no', 'yes')[label]}\n\n"
            for row, label in zip(rows, labels, strict=True)
        )
        return plain.log_odds(examples + render("question-1", "text", *pair, order))

    expected = [np.mean([odds(pair, order) for order in ORDERS]) for pair in pairs_of(pawsx, "test")[:6]]
    margin = done[0][1].logits[:6, 1] - done[0][1].logits[:6, 0]
    np.testing.assert_allclose(margin, expected, atol=1e-3)


def test_a_long_pair_loses_letters_and_no_words_of_the_prompt(causal: Path) -> None:
    encoder = prompt_encoder(find_model(str(causal), None), "question-1").of("dna")
    sides = ["ACGGTCA" * 60, "TTGAC" * 20]
    whole, _ = encoder.tokenise([sides[0]], [sides[1]], None)
    ids, types = encoder.tokenise([sides[0]], [sides[1]], 150)
    assert encoder.longest_inputs(ids, types).max() <= 150
    text = str(encoder.tokenizer.decode(ids[0][: types[0].index(1)]))
    assert text.endswith("Answer yes or no.\nAnswer:")
    assert encoder.letters_kept(whole) == [520]
    cut = text.split("\n")
    kept = [line.split(": ")[1] for line in cut[:2]]
    assert encoder.letters_kept(ids)[0] == pytest.approx(len("".join(kept)), abs=5)
    assert all(side.startswith(part) for side, part in zip(sides, kept, strict=True))


def test_other_models_and_contradictions_are_refused(
    bert: Path, causal: Path, pawsx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--pawsx", str(pawsx), "--out", str(tmp_path), "--configs", "pawsx_en", "--method", "prompt")
    assert main(["eval", "--model", str(bert), *given]) == 2
    assert "not causal" in capsys.readouterr().err
    assert main(["eval", "--model", str(causal), *given, "--shots", "90"]) == 2
    assert "take fewer shots" in capsys.readouterr().err
