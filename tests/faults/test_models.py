"""Model folders made to do harm: no code in them runs, nothing hangs; each is refused in one line, or does none."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bio_paws.cli.app import main
from bio_paws.errors import BioPawsError
from bio_paws_eval.models.architectures import describe, empty_classifier
from bio_paws_eval.models.loading import load_base, load_classifier, load_generator
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.tokenizers import load_tokenizer
from conftest import Tally

Change = Callable[[Path, Path], object]
ENOUGH = 200_000  # bytes, of which a model as small as this may be made


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._command = f"touch {canary}"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self._command,)


def configured(**values: Any) -> Change:
    def change(folder: Path, canary: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def written(name: str, data: str | bytes) -> Change:
    return lambda folder, canary: (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def tensors(header: Any, size: int | None = None) -> Change:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = struct.pack("<Q", len(text) if size is None else size)
    return written("model.safetensors", length + text + bytes(ENOUGH))


def linked(name: str, target: str) -> Change:
    def change(folder: Path, canary: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return change


def pickled(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps([Bomb(canary), bytes(ENOUGH)], protocol=2))


def saved_by_torch(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"bert.embeddings": Bomb(canary), "more": torch.zeros(ENOUGH)}, folder / "pytorch_model.bin")


def pickled_beside(folder: Path, canary: Path) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Bomb(canary)))


def with_code(*names: str, model_type: str = "bert") -> Change:
    """Name classes in a file of the folder, in its configuration or its tokenizer's."""

    def change(folder: Path, canary: Path) -> None:
        (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w')\n")
        for name, kinds in (
            ("config.json", ("AutoConfig", "AutoModel", "AutoModelForSequenceClassification")),
            ("tokenizer_config.json", ("AutoTokenizer",)),
        ):
            if name in names:
                settings = json.loads((folder / name).read_text())
                settings["auto_map"] = {kind: ["evil.C", "evil.C"] if "Token" in kind else "evil.C" for kind in kinds}
                settings |= {"tokenizer_class": "C"} if "tokenizer" in name else {"model_type": model_type}
                (folder / name).write_text(json.dumps(settings))

    return change


def sharded(weights: str) -> Change:
    def change(folder: Path, canary: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
        shutil.copy(folder / "model-00001-of-00001.safetensors", folder.parent / "other.safetensors")
        (folder / "model.safetensors.index.json").write_text(weights)

    return change


def without(*endings: str) -> Change:
    return lambda folder, canary: [path.unlink() for path in folder.iterdir() if path.name.endswith(endings)]


HARMLESS: dict[str, Change] = {
    "pickles beside safe tensors": pickled_beside,
    "code for a known model": with_code("config.json"),
    "code for the tokenizer": with_code("tokenizer_config.json"),
    "a function as architecture": configured(architectures=["os.system"]),
}
REFUSED: dict[str, tuple[Change, str]] = {
    "pickle": (pickled, "cannot be loaded"),
    "pickle of torch": (saved_by_torch, "cannot be loaded"),
    "code for an unknown model": (with_code("config.json", model_type="evil"), "config.json cannot be used"),
    "kernels of a stranger": (configured(_attn_implementation="stranger/kernels"), "config.json cannot be used"),
    "wide": (configured(hidden_size=1 << 20, intermediate_size=1 << 22), "parameters, and there are"),
    "deep": (configured(num_hidden_layers=10**9), "1000000000 layers"),
    "many words": (configured(vocab_size=1 << 40), "parameters, and there are"),
    "other weights": (configured(hidden_size=16, intermediate_size=16), "its files lack"),
    "more layers": (configured(num_hidden_layers=3), "its files lack 16 weights"),
    "negative": (configured(hidden_size=-3), "config.json cannot be used"),
    "words for numbers": (configured(hidden_size="many", num_hidden_layers=[1]), "config.json cannot be used"),
    "no numbers": (configured(hidden_size=None, vocab_size=None), "config.json cannot be used"),
    "a function to activate": (configured(hidden_act="__import__('os')"), "config.json cannot be used"),
    "a function as type": (configured(dtype="os.system"), "config.json cannot be used"),
    "padding out of reach": (configured(pad_token_id=10**9), "config.json cannot be used"),
    "an adapter": (
        written("adapter_config.json", '{"base_model_name_or_path": "/etc", "peft_type": "LORA"}'),
        "lies beside the weights",
    ),
    "a list": (written("config.json", "[]"), "config.json cannot be used"),
    "nested": (written("config.json", '{"a":' * 100_000), "config.json cannot be used"),
    "bytes": (written("config.json", bytes(range(256))), "config.json cannot be used"),
    "no config": (without("config.json"), "config.json cannot be used"),
    "no tokenizer": (without("tokenizer.json", "tokenizer_config.json"), "no tokenizer"),
    "nested tokenizer": (written("tokenizer.json", "[" * 200_000), "tokenizer cannot be loaded"),
    "tokenizer of nothing": (written("tokenizer.json", '{"model": {"type": "Evil"}}'), "tokenizer cannot be loaded"),
    "tokenizer of a list": (written("tokenizer_config.json", "[1]"), "tokenizer cannot be loaded"),
    "length in words": (written("tokenizer_config.json", '{"model_max_length": "x"}'), "is not a number of tokens"),
    "another's tensors": (
        tensors({"a": {"dtype": "U8", "shape": [ENOUGH], "data_offsets": [0, ENOUGH]}}),
        "its files lack",
    ),
    "tensors of noise": (tensors(b"noise" * 9), "cannot be loaded"),
    "a header without end": (tensors(b"{}", 1 << 62), "cannot be loaded"),
    "offsets beyond": (
        tensors({"a": {"dtype": "F32", "shape": [1 << 30], "data_offsets": [0, 1 << 32]}}),
        "cannot be loaded",
    ),
    "offsets that cross": (tensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}), "cannot be loaded"),
    "shapes that overflow": (
        tensors({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 16]}}),
        "cannot be loaded",
    ),
    "weights elsewhere": (sharded('{"weight_map": {"a": "../other.safetensors"}}'), "names weights that are not"),
    "weights anywhere": (sharded('{"weight_map": {"a": "/etc/passwd"}}'), "names weights that are not"),
    "an index of nothing": (sharded("[]"), "cannot be used"),
    "weights without end": (linked("model.safetensors", "/dev/zero"), "is not a file"),
    "a tokenizer without end": (linked("tokenizer.json", "/dev/zero"), "is not a file"),
    "a link to nothing": (linked("model.safetensors", "/nowhere"), "is not a file"),
}


def hostile(bert: Path, folder: Path, change: Change) -> tuple[Path, Path]:
    model, canary = Path(shutil.copytree(bert, folder / "model")), folder / "canary"
    change(model, canary)
    return model, canary


def load_all(model: Path) -> None:
    """All that any verb loads of a model."""
    source = find_model(str(model), None)
    tokenizer = load_tokenizer(source)
    describe(source, empty_classifier(source))
    load_classifier(source, tokenizer, seed=0)
    load_classifier(source, tokenizer, seed=0, random_init=True)
    load_base(source)
    with pytest.raises(BioPawsError, match="it does not generate text"):
        load_generator(source)


def test_hostile_models_are_refused(bert: Path, tmp_path: Path, tally: Tally) -> None:
    survived = 0
    for name, (change, says) in REFUSED.items():
        model, canary = hostile(bert, tmp_path / name, change)
        with pytest.raises(BioPawsError) as caught:
            load_all(model)
        assert says in str(caught.value), name
        assert len(str(caught.value).splitlines()) == 1, name
        survived += not canary.exists()
    tally("hostile models, refused", len(REFUSED), survived)


def test_what_may_lie_beside_a_model_is_not_touched(bert: Path, tmp_path: Path, tally: Tally) -> None:
    survived = 0
    for name, change in HARMLESS.items():
        model, canary = hostile(bert, tmp_path / name, change)
        load_all(model)
        survived += not canary.exists()
    tally("code and pickles beside a model, not run", len(HARMLESS), survived)


@pytest.mark.parametrize("name", ["pickle of torch", "code for an unknown model", "wide", "other weights"])
@pytest.mark.parametrize("verb", ["eval", "vectors", "summarize"])
def test_each_verb_refuses_in_one_line(
    verb: str, name: str, bert: Path, built: Path, pawsx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, says = REFUSED[name]
    model, canary = hostile(bert, tmp_path, change)
    more = ["--finetune", "none", "--configs", "dna50", "--pawsx", pawsx] if verb == "eval" else []
    given = [verb, "--model", model, "--data", built, "--out", tmp_path / "out", *more]
    assert main([*map(str, given)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    # A model that generates no text is not even looked into by `summarize`.
    assert says in error or (verb == "summarize" and "does not generate text" in error)
    assert not canary.exists()
