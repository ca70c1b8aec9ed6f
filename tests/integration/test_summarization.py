"""bio-paws summarize as a user runs it: causal and text-to-text models, as they are, and taught English first."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, T5Config, T5ForConditionalGeneration

from bio_paws.cli.app import main
from models import sentence, write_model


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("summaries") / "gpt2", "gpt2")


@pytest.fixture(scope="module")
def t5(gpt2: Path) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(gpt2)
    ends = tokenizer.eos_token_id
    sizes = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2,
        pad_token_id=ends, eos_token_id=ends, decoder_start_token_id=ends,
    )  # fmt: skip
    torch.manual_seed(0)
    folder = gpt2.parent / "t5"
    T5ForConditionalGeneration(sizes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def arguments_of(model: Path, built: Path, out: Path, *more: object) -> list[str]:
    given = ["summarize", "--model", model, "--data", built, "--out", out, "--genes", 12, "--tokens", 8, *more]
    return [*map(str, given)]


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts whose summary is their first three words."""
    rng, path = random.Random(0), tmp_path_factory.mktemp("english") / "few.jsonl"
    texts = [sentence(rng) for _ in range(60)]
    path.write_text("".join(json.dumps({"article": text, "highlights": first_words(text)}) + "\n" for text in texts))
    return path


def first_words(text: str) -> str:
    return " ".join(text.split()[:3])


TAUGHT = ("--epochs", 2, "--learning-rate", 1e-2)


def check_alone(folder: Path, row: dict[str, str]) -> None:
    """The plainest way: a gene by itself, nothing padded."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ending = tokenizer("\nTL;DR:")["input_ids"]
    ids = torch.tensor([tokenizer(row["dna"])["input_ids"][: 1024 - 8 - len(ending)] + ending])
    alone = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, pad_token_id=0)
    assert tokenizer.decode(alone[0, ids.shape[1] :], skip_special_tokens=True) == row["model"]


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_genes_are_summarised_and_scored(
    request: pytest.FixtureRequest, kind: str, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = request.getfixturevalue(kind)
    assert main(arguments_of(model, built, tmp_path / "out")) == 0
    assert "minimizer sketch" in capsys.readouterr().out
    record = json.loads((tmp_path / "out/summaries.json").read_text())
    assert [entry["method"] for entry in record["scores"]] == [
        "model", "random substring", "first letters", "minimizer sketch"
    ]  # fmt: skip
    assert record["homologs"] > 0
    for score in record["scores"][1:]:
        assert score["valid"] == score["dna_letters"] == score["finds_source"]["value"] == 1
    rows = pq.read_table(tmp_path / "out/summaries.parquet").to_pylist()
    assert len(rows) == record["genes"]
    assert all(row["first letters"] == row["dna"][: record["floor_length"]] for row in rows)
    if kind == "gpt2":
        check_alone(model, rows[0])
    # The same again, without the model.
    files = {path: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bio_paws_eval.models.loading.load_generator", lambda _: pytest.fail("loaded again"))
        assert main(arguments_of(model, built, tmp_path / "out")) == 0
    assert {path: path.read_bytes() for path in files} == files


def test_bad_input_is_one_line(
    bert: Path, gpt2: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (arguments_of(bert, built, tmp_path / "out"), "bert: it does not generate text"),
        (arguments_of(gpt2, built, tmp_path / "out", "--genes", 1), "take a larger --genes"),
        (arguments_of(gpt2, built, tmp_path / "out", "--tokens", 2000), "lower --tokens"),
        (arguments_of(gpt2, tmp_path, tmp_path / "out"), "dna_protein: cannot be loaded"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def read(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "summaries.json").read_text()))


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_a_model_learns_english_before_it_is_asked(
    request: pytest.FixtureRequest, kind: str, english: Path, built: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    model, out = request.getfixturevalue(kind), tmp_path / "out"
    assert main(arguments_of(model, built, out, "--finetune", english, *TAUGHT)) == 0
    printed = capsys.readouterr().out
    assert f"{kind}, fine-tuned on" in printed
    assert "54 texts to learn from, 3 to choose the epoch, 3 of 3 others asked" in printed
    record = read(out)
    models = ["model", "untuned", "shuffled summaries"]
    assert [entry["method"] for entry in record["scores"]][:3] == models
    learnt = record["finetuned"]
    assert [entry["method"] for entry in learnt["scores"]] == [*models, "first words", "another's summary"]
    by_name = {entry["method"]: entry["rouge_l"]["value"] for entry in learnt["scores"]}
    assert by_name["first words"] == 1
    for training in learnt["trainings"].values():
        assert training["steps"] == 14
        assert len(training["dev_losses"]) == 2
        assert training["losses"][-1] < training["losses"][0]
    assert len({tuple(entry["losses"]) for entry in learnt["trainings"].values()}) == 2
    rows = pq.read_table(out / "english.parquet").to_pylist()
    assert all(row["first words"] == first_words(row["text"]) == row["summary"] for row in rows)
    genes = pq.read_table(out / "summaries.parquet").to_pylist()
    # The T5 has learnt no more than to stop.
    assert kind == "t5" or any(row["model"] != row["untuned"] for row in genes)
    # What is left is a model as any other, and gives the same summaries.
    (taught,) = (path for path in (out / "models").iterdir() if "shuffled" not in path.name)
    assert main(arguments_of(taught, built, tmp_path / "again")) == 0
    again = pq.read_table(tmp_path / "again/summaries.parquet").to_pylist()
    assert [row["model"] for row in again] == [row["model"] for row in genes]


class Stopped(Exception):
    pass


def test_a_killed_fine_tuning_goes_on_to_the_same_numbers(
    gpt2: Path, english: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bio_paws_eval.models import training
    from bio_paws_eval.summarization import fine_tune

    given = ("--finetune", english, *TAUGHT)
    assert main(arguments_of(gpt2, built, tmp_path / "whole", *given)) == 0
    measure: Callable[..., float] = fine_tune.dev_loss
    calls = []

    def stop(*arguments: Any) -> float:
        calls.append(1)
        if len(calls) == 2:
            raise Stopped
        return measure(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(fine_tune, "dev_loss", stop)
        with pytest.raises(Stopped):
            main(arguments_of(gpt2, built, tmp_path / "killed", *given))
    resumed = []
    original = training.last_checkpoint

    def spy(folder: Path) -> Path | None:
        resumed.append(original(folder))
        return resumed[-1]

    with monkeypatch.context() as patch:
        patch.setattr(training, "last_checkpoint", spy)
        assert main(arguments_of(gpt2, built, tmp_path / "killed", *given)) == 0
    assert resumed[0] is not None and resumed[1:] == [None]
    whole, killed = (timeless(read(tmp_path / name)) for name in ("whole", "killed"))
    assert killed == whole
    for name in ("summaries.parquet", "english.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "killed").glob("**/checkpoint-*"))
    with monkeypatch.context() as patch:
        patch.setattr(training, "train", lambda *_: pytest.fail("trained again"))
        assert main(arguments_of(gpt2, built, tmp_path / "killed", *given)) == 0


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    for entry in record["finetuned"]["trainings"].values():
        del entry["seconds"], entry["tokens_per_second"]
    return record


def test_what_cannot_be_learnt_from_is_one_line(
    gpt2: Path, english: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    few = tmp_path / "few.jsonl"
    few.write_text('{"body": "the king", "title": "king"}\n')
    for given, message in (
        (("--finetune", few), "cannot tell texts from summaries among its columns body, title: pass --columns"),
        (("--finetune", few, "--columns", "body", "title"), "1 texts with summaries, at least 10"),
        (("--finetune", few, "--columns", "body", "summary"), "pass --columns"),
        (("--finetune", tmp_path / "none.csv"), "cannot be had"),
        (("--finetune", tmp_path), "cannot be had"),
        (("--epochs", 2), "--epochs needs something to fine-tune on"),
        (("--finetune", english, "--max-length", 10), "lower --tokens"),
        (("--finetune", english, "--learning-rate", -1), "--learning-rate: input should be greater than 0"),
    ):
        assert main(arguments_of(gpt2, built, tmp_path / "out", *given)) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out/summaries.json").exists()
