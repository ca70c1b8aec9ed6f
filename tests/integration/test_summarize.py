"""bio-paws summarize as a user runs it: a causal model, and one with an encoder and a decoder."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, T5Config, T5ForConditionalGeneration

from bio_paws.cli import main
from models import write_model


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


def asked(model: Path, built: Path, out: Path, *more: object) -> list[str]:
    given = ["summarize", "--model", model, "--data", built, "--out", out, "--genes", 12, "--tokens", 8, *more]
    return [*map(str, given)]


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
    assert main(asked(model, built, tmp_path / "out")) == 0
    assert "minimizer sketch" in capsys.readouterr().out
    found = json.loads((tmp_path / "out/summaries.json").read_text())
    assert [one["method"] for one in found["scores"]] == [
        "model", "random substring", "first letters", "minimizer sketch"
    ]  # fmt: skip
    assert found["homologs"] > 0
    for one in found["scores"][1:]:
        assert one["valid"] == one["dna_letters"] == one["finds_source"]["value"] == 1
    rows = pq.read_table(tmp_path / "out/summaries.parquet").to_pylist()
    assert len(rows) == found["genes"]
    assert all(row["first letters"] == row["dna"][: found["floor_length"]] for row in rows)
    if kind == "gpt2":
        check_alone(model, rows[0])
    # The same again, without the model.
    files = {path: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bio_paws_eval.models.load_generator", lambda _: pytest.fail("loaded again"))
        assert main(asked(model, built, tmp_path / "out")) == 0
    assert {path: path.read_bytes() for path in files} == files


def test_bad_input_is_one_line(
    bert: Path, gpt2: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, told in (
        (asked(bert, built, tmp_path / "out"), "bert: it writes no text"),
        (asked(gpt2, built, tmp_path / "out", "--genes", 1), "take a larger --genes"),
        (asked(gpt2, built, tmp_path / "out", "--tokens", 2000), "lower --tokens"),
        (asked(gpt2, tmp_path, tmp_path / "out"), "dna_protein: cannot be loaded"),
    ):
        assert main(arguments) == 2
        assert told in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()
