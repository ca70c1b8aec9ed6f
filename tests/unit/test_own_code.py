"""Models that bring their own Python files: run by consent only, and answered as their code answers each pair alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from test_encode import pairs_of

from bio_paws.cli.app import main
from bio_paws.errors import ModelError
from bio_paws_eval.models.architectures import empty_classifier, max_length_of
from bio_paws_eval.models.encode import encode
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.own_code import own_classifier
from bio_paws_eval.models.pair_encoder import encoder_of
from bio_paws_eval.models.predict import predict
from bio_paws_eval.results import read_predictions, read_results
from own_code import write_convolutions, write_fused_bert

PAIRS = [
    ("ACGTACGT", "ACG"),
    ("TTTT", "ACGTACGTACGTACGT"),
    ("GATTACA", "GATTACA"),
    ("C", "G"),
    ("ACGT" * 9, "TGCA" * 7),
]


def write(folder: Path, kind: str) -> Path:
    return write_fused_bert(folder) if kind == "fused" else write_convolutions(folder, kind)


@pytest.mark.parametrize("kind", ["last", "mean", "fused"])
def test_answers_are_those_of_the_code_one_pair_at_a_time(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / kind, kind)
    source = find_model(str(folder), None, trust_remote_code=True)
    encoder = encoder_of(source)
    model = load_classifier(source, encoder.tokenizer, 3).eval()
    longest = max_length_of(source.config, encoder.tokenizer)
    encoded = encode(pairs_of(PAIRS), encoder, None, longest, tmp_path / "tokens")
    pad_id = encoder.tokenizer.pad_token_id
    batching = batching_of(model, encoded.all(), pad_id)
    answers, _ = predict(model, encoded, pad_id, torch.float32, batching=batching)
    cls = own_classifier(folder)
    assert cls is not None
    assert type(model) is cls
    for answer, (first, second) in zip(answers.logits, PAIRS, strict=True):
        ids = torch.tensor([encoder.tokenizer(first, second)["input_ids"]])
        inputs = {"input_ids": ids} | ({"attention_mask": torch.ones_like(ids)} if kind == "fused" else {})
        with torch.inference_mode():
            assert np.allclose(answer, model(**inputs).logits[0].numpy(), atol=1e-5)
    assert answers.logits.std() > 0


@pytest.mark.parametrize("kind", ["last", "fused"])
def test_code_is_not_run_without_consent(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / kind, kind)
    with pytest.raises(ModelError, match="--trust-remote-code"):
        source = find_model(str(folder), None)
        load_classifier(source, encoder_of(source).tokenizer, 0)
    assert not (folder / "imported").exists()


def test_code_is_part_of_what_a_model_is(tmp_path: Path) -> None:
    folder = write_convolutions(tmp_path / "toy", "last")
    before = find_model(str(folder), None, trust_remote_code=True)
    code = folder / "modeling_toy.py"
    code.write_text(code.read_text().replace("torch.tanh", "torch.sigmoid"))
    after = find_model(str(folder), None, trust_remote_code=True)
    assert before.code_sha256 != after.code_sha256
    assert before.weights_sha256 != after.weights_sha256


def test_code_from_the_hub_goes_with_a_full_commit() -> None:
    for revision in (None, "main", "1234567"):
        with pytest.raises(ModelError, match="full commit"):
            find_model("me/model", revision, trust_remote_code=True)


def _name_another_repository(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"]["AutoModel"] = "them/model--modeling_toy.ToyModel"
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_name_another_repository, "in another repository"),
        (lambda folder: (folder / "modeling_toy.py").unlink(), "no such file"),
        (lambda folder: (folder / "modeling_toy.py").write_text("import nothing_of_this_name"), "nothing_of_this_name"),
        (lambda folder: (folder / "modeling_toy.py").write_text("1 +"), "invalid syntax"),
    ],
)
def test_code_that_cannot_be_run_is_refused(tmp_path: Path, change: Callable[[Path], object], message: str) -> None:
    folder = write_convolutions(tmp_path / "toy", "last")
    change(folder)
    with pytest.raises(ModelError, match=message):
        empty_classifier(find_model(str(folder), None, trust_remote_code=True))


def test_code_without_a_classifier_is_refused(tmp_path: Path) -> None:
    source = find_model(
        str(write_convolutions(tmp_path / "toy", "last", classifier=False)), None, trust_remote_code=True
    )
    with pytest.raises(ModelError, match=r"no class \.\.\.ForSequenceClassification"):
        empty_classifier(source)


def test_evaluated_from_the_command_line(built: Path, pawsx: Path, tmp_path: Path) -> None:
    folder = write_convolutions(tmp_path / "toy", "mean")
    arguments = ["eval", "--model", folder, "--data", built, "--pawsx", pawsx, "--out", tmp_path / "out", "--seeds", 1]
    arguments += ["--finetune-on", "dna50", "--configs", "dna50", "--epochs", 1, "--limit", 64, "--save-models"]
    assert main([*map(str, arguments)]) == 2
    assert main([*map(str, arguments), "--trust-remote-code"]) == 0
    ((path, result),) = read_results(tmp_path / "out")
    assert result.model.code_sha256 == find_model(str(folder), None, trust_remote_code=True).code_sha256
    assert len(read_predictions(path, result).labels) == result.task.rows
    (saved,) = (path.parent for path in tmp_path.glob("out/**/modeling_toy.py") if ".work" not in path.parts)
    assert find_model(str(saved), None, trust_remote_code=True).code_sha256 == result.model.code_sha256
