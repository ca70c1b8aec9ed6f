"""Adapters are merged as PEFT applies them, or refused where they do not fit; LoRA changes weights by so many ranks."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_encode import pairs_of
from transformers import PreTrainedModel

from bio_paws.cli.app import main
from bio_paws.errors import ModelError
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.models.adapters import find_adapter
from bio_paws_eval.models.architectures import empty_classifier
from bio_paws_eval.models.encode import encode
from bio_paws_eval.models.finetune import fine_tune
from bio_paws_eval.models.heads import read_head
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.pair_encoder import encoder_of
from bio_paws_eval.models.predict import predict
from bio_paws_eval.models.quantization import StoredIn, check_quantization
from bio_paws_eval.models.tokenizers import load_tokenizer
from models import write_model

HEADS = {"bert": "classifier", "gpt2": "score"}
STORED = {torch.int8, torch.uint8}
TOKENS = torch.tensor([[3, 7, 11, 5], [3, 9, 9, 6]])


def load(source: ModelSource) -> PreTrainedModel:
    return load_classifier(source, load_tokenizer(source), 0).eval()


def write_adapter(model: Path, folder: Path, config: peft.PeftConfig) -> peft.PeftModel:
    """Write an adapter with random weights; return the model with it, as PEFT applies it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = peft.get_peft_model(load(find_model(str(model), None)), config)
    torch.manual_seed(1)
    for name, weight in wrapped.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            torch.nn.init.normal_(weight, std=0.2)
    wrapped.save_pretrained(folder)
    return wrapped.eval()


def lora(architecture: str) -> peft.LoraConfig:
    return peft.LoraConfig(
        r=4,
        target_modules=["query", "value"] if architecture == "bert" else ["c_attn"],
        modules_to_save=[HEADS[architecture]],
        fan_in_fan_out=architecture == "gpt2",
        task_type="SEQ_CLS",
    )


@pytest.mark.parametrize("architecture", sorted(HEADS))
def test_a_merged_adapter_answers_as_peft_does(tmp_path: Path, architecture: str) -> None:
    folder = write_model(tmp_path / architecture, architecture)
    expected = write_adapter(folder, tmp_path / "mine", lora(architecture))
    source = find_model(str(folder), None, adapter=str(tmp_path / "mine"))
    with torch.inference_mode():
        assert torch.allclose(load(source)(TOKENS).logits, expected(TOKENS).logits, atol=1e-5)
        assert not torch.allclose(load(find_model(str(folder), None))(TOKENS).logits, expected(TOKENS).logits, atol=0.1)
    assert source.id == f"{architecture}+mine"
    assert read_head(source, empty_classifier(source)).kept  # the adapter brings it


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    gpt2, bert = (write_model(tmp_path / name, name) for name in ("gpt2", "bert"))
    write_adapter(bert, tmp_path / "mine", lora("bert"))
    with pytest.raises(ModelError, match="mine: the adapter cannot be loaded"):
        load(find_model(str(gpt2), None, adapter=str(tmp_path / "mine")))
    weights = load_file(tmp_path / "mine/adapter_model.safetensors")
    first = next(name for name in weights if "lora_" in name)
    save_file(
        {name: weight for name, weight in weights.items() if name != first}, tmp_path / "mine/adapter_model.safetensors"
    )
    with pytest.raises(ModelError, match="lacks weights"):
        load(find_model(str(bert), None, adapter=str(tmp_path / "mine")))
    renamed = {name.replace("layer.1.", "layer.7."): weight for name, weight in weights.items()}
    save_file(renamed, tmp_path / "mine/adapter_model.safetensors")
    with pytest.raises(ModelError, match="other layers"):
        load(find_model(str(bert), None, adapter=str(tmp_path / "mine")))


def test_an_adapter_is_known_by_both_of_its_files(tmp_path: Path) -> None:
    digests = set()
    for number, (config, weights) in enumerate([("{}", "a"), ('{"r": 1}', "a"), ("{}", "b"), ("{}", "a")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "adapter_config.json").write_text(config)
        (folder / "adapter_model.safetensors").write_text(weights)
        digests.add(find_adapter(str(folder)).sha256)
    assert len(digests) == 3  # the folder's name does not count
    config, weights = (hashlib.sha256(text.encode()).hexdigest() for text in ("{}", "a"))
    listed = f"adapter_config.json\t{config}\nadapter_model.safetensors\t{weights}\n"
    assert hashlib.sha256(listed.encode()).hexdigest() in digests


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    bert = write_model(tmp_path / "bert", "bert")
    with pytest.raises(ModelError, match="no adapter"):
        find_model(str(bert), None, adapter=str(bert))
    prompt = peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=2)
    write_adapter(bert, tmp_path / "prompt", prompt)
    with pytest.raises(ModelError, match="PROMPT_TUNING cannot be merged"):
        load(find_model(str(bert), None, adapter=str(tmp_path / "prompt")))
    (tmp_path / "prompt/adapter_config.json").write_text("[]")
    with pytest.raises(ModelError, match="cannot be used"):
        find_model(str(bert), None, adapter=str(tmp_path / "prompt"))


@pytest.mark.parametrize("architecture", sorted(HEADS))
def test_lora_changes_linear_layers_by_its_rank(tmp_path: Path, architecture: str) -> None:
    source = find_model(str(write_model(tmp_path / architecture, architecture)), None)
    encoder = encoder_of(source)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(40)]
    encoded = encode(pairs_of([(text, text[::-1]) for text in texts]), encoder, None, 64, tmp_path / "tokens")
    recipe = Hyperparameters(1e-2, 8, 1, 64, "linear", 0.0, 0.0, lora_rank=2)
    arguments = (encoded, encoded, encoder.tokenizer.pad_token_id, recipe, "none", 0, torch.float32, tmp_path / "run")
    before, model, again = (load_classifier(source, encoder.tokenizer, 0) for _ in range(3))
    fine_tune(model, *arguments)
    fine_tune(again, *arguments)  # reads the finished weights
    changes = 0
    after = model.state_dict()
    assert list(after) == list(before.state_dict())
    for name, weight in before.state_dict().items():
        assert torch.equal(after[name], again.state_dict()[name])
        change = (after[name] - weight).float()
        inside = name.startswith(f"{model.base_model_prefix}.") and "pooler" not in name
        if inside and not change.any():
            continue
        changes += 1
        if inside:
            assert change.ndim == 2, name
            assert torch.linalg.matrix_rank(change, rtol=1e-4) <= 2, name
    assert changes > 4


def test_lora_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--model", str(tmp_path), "--lora-rank", "-1"]) == 2
    assert "lora-rank" in capsys.readouterr().err


@pytest.mark.parametrize("load_in", ["8bit", "4bit"])
@pytest.mark.parametrize("architecture", sorted(HEADS))
def test_weights_in_few_bits_are_trained_by_their_changes_alone(
    tmp_path: Path, architecture: str, load_in: StoredIn
) -> None:
    pytest.importorskip("bitsandbytes")
    check_quantization(load_in, torch.device("cpu"))
    source = find_model(str(write_model(tmp_path / architecture, architecture)), None, load_in=load_in)
    encoder = encoder_of(source)
    pad_id = encoder.tokenizer.pad_token_id
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(40)]
    encoded = encode(pairs_of([(text, text[::-1]) for text in texts]), encoder, None, 64, tmp_path / "tokens")
    model, again = (load_classifier(source, encoder.tokenizer, 0) for _ in range(2))
    whole = load(find_model(str(source.folder), None))
    rounded, exact = (predict(network, encoded, pad_id)[0].logits for network in (model, whole))
    assert source.id == f"{architecture}+{load_in}"
    assert 0 < np.abs(rounded - exact).max() < 0.1
    stored = {name: weight.clone() for name, weight in model.named_parameters() if weight.dtype in STORED}
    assert len(stored) >= 8
    assert not any(name.startswith(HEADS[architecture]) for name in stored)
    recipe = Hyperparameters(1e-2, 8, 2, 64, "linear", 0.0, 0.0, lora_rank=2)
    arguments = (encoded, encoded, pad_id, recipe, "none", 0, torch.float32, tmp_path / "run")
    fine_tune(model, *arguments)
    fine_tune(again, *arguments)  # reads the finished weights
    trained, read = (predict(network, encoded, pad_id)[0].logits for network in (model, again))
    assert np.array_equal(trained, read)
    assert np.abs(trained - rounded).max() > 1e-3
    after = {name.replace("base_layer.", ""): weight for name, weight in model.named_parameters()}
    assert all(torch.equal(after[name], weight) for name, weight in stored.items())


def test_what_few_bits_need_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bio_paws_eval.models.quantization.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs bitsandbytes: pip install 'bio-paws\[quantized\]'"):
        check_quantization("4bit", torch.device("cpu"))
    monkeypatch.setattr("bio_paws_eval.models.quantization.find_spec", lambda name: object())
    with pytest.raises(ModelError, match="does not compute on mps: choose device cuda or cpu"):
        check_quantization("8bit", torch.device("mps"))
