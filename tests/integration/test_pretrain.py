"""bio-paws pretrain as a user runs it: what it writes, what it leaves out, and that it goes on where it was stopped."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from bio_paws.cli.app import main
from bio_paws.errors import BioPawsError
from bio_paws.sources import resolve
from bio_paws_eval.pretrain.held_out import HeldOut, read_held_out
from bio_paws_eval.pretrain.mixture import Documents, make_documents, read_documents
from bio_paws_eval.pretrain.recipe import Language, parse_recipe
from bio_paws_eval.results import read_results
from conftest import run_program
from genomes import random_dna, reverse_complement
from hub_server import serving
from models import sentence

SMALL = {
    "text": {"source": "text.txt"},
    "bytes": {"text": 8_000, "dna": 16_000, "protein": 4_000},
    "vocabulary": 400,
    "model": {"n_layer": 1, "n_head": 2, "n_embd": 32, "context": 64},
    "training": {"tokens": 6_400, "batch": 4, "device_batch": 2, "learning_rate": 0.003},
}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, and a recipe that takes a second."""
    folder = tmp_path_factory.mktemp("pretrain")
    rng = random.Random(0)
    text = "\n\n".join("\n".join(sentence(rng) for _ in range(4)) for _ in range(100))
    (folder / "text.txt").write_text(text, encoding="utf-8")
    write_recipe(folder)
    return folder


def write_recipe(folder: Path, **changes: Any) -> Path:
    recipe = SMALL | {"text": {"source": str(folder / "text.txt")}} | changes
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(place: Path, source: Path, built: Path) -> Path:
    """A model of that recipe."""
    out = place / "model"
    given = ("pretrain", place / "small.yaml", "--source", source, "--data", built, "--out", out, "--workers", 1)
    assert main([str(argument) for argument in given]) == 0
    return out


def record_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "pretraining.json").read_text()))


def test_the_folder_is_a_model_that_loads_offline(model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    for text in ("the old king moved", "ACGTTGCA" * 9, "MKVLAT", "Zürich 龍\n\t  <|endoftext|>"):
        assert tokenizer.decode(tokenizer(text, split_special_tokens=True).input_ids) == text
    assert loaded.config.vocab_size == len(tokenizer) == 400
    assert (loaded.config.n_positions, tokenizer.model_max_length) == (64, 64)
    assert loaded.config.eos_token_id == tokenizer.eos_token_id
    assert loaded.config.resid_pdrop == 0.1  # as GPT-2's, for who fine-tunes it
    ids = tokenizer("the old king", return_tensors="pt")
    assert loaded(**ids).logits.shape == (1, ids["input_ids"].shape[1], 400)


def test_the_record_tells_what_was_done(model: Path) -> None:
    record = record_of(model)
    assert list(record) == [
        *("schema", "key", "recipe", "parameters", "text", "sources", "held_out", "languages", "tokenizer", "tokens"),
        *("training", "perplexity", "versions"),
    ]
    assert [record["languages"][language]["bytes"] for language in ("text", "dna", "protein")] == [8_000, 16_000, 4_000]
    assert [round(language["share"], 3) for language in record["languages"].values()] == [0.286, 0.571, 0.143]
    losses = [loss for _, loss in record["training"]["losses"]]
    assert len(losses) == record["training"]["steps"] == 6_400 // 64 // 4
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5
    for measured in record["perplexity"].values():
        bits = measured["tokens"] * np.log2(measured["perplexity"])
        assert measured["bits_per_byte"] == pytest.approx(bits / measured["bytes"])
    assert set(record["perplexity"]) == {"text", "dna", "protein"}
    assert record["perplexity"]["dna"]["bits_per_byte"] < 4  # a byte that nothing is known of takes 8
    assert record["languages"]["dna"]["removed"]["by_interval"] > 0
    assert record["languages"]["protein"]["removed"]["proteins"] > 0
    assert record["training"]["tokens_per_second"] > 0


def test_it_can_be_evaluated(model: Path, built: Path, tmp_path: Path) -> None:
    given = ["--model", model, "--data", built, "--finetune", "none", "--configs", "dna50", "--limit", 8]
    assert main(["eval", *map(str, given), "--seeds", "1", "--out", str(tmp_path)]) == 0
    ((_, result),) = read_results(tmp_path)
    assert (result.model.id, result.model.architecture) == ("model", "GPT2ForSequenceClassification")


def test_a_finished_model_is_not_made_again(
    model: Path, place: Path, source: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["pretrain", place / "small.yaml", "--source", source, "--data", built, "--workers", 1, "--out"]
    before = (model / "model.safetensors").stat().st_mtime_ns
    assert main([*map(str, given), str(model)]) == 0
    printed = capsys.readouterr().out
    assert "held out of dna:" in printed
    assert "intervals of the validation and test splits" in printed
    assert (model / "model.safetensors").stat().st_mtime_ns == before
    assert main([*map(str, given), str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == record_of(model)
    assert main([*map(str, given), str(place)]) == 2
    assert "holds something else: move it away, or name another folder with --out" in capsys.readouterr().err


def test_killed_it_comes_to_the_same_model(model: Path, place: Path, source: Path, built: Path) -> None:
    """The same losses, and the same weights to the bit."""
    out, work = place / "killed", place / "killed-work"
    given = [place / "small.yaml", "--source", source, "--data", built, "--out", out, "--work", work, "--workers", 1]
    # A checkpoint at every point: by default there are minutes between two.
    program = "import sys; from bio_paws_eval.models import training; training.SAVE_SECONDS = 0; "
    program += "from bio_paws.cli.app import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "pretrain", *map(str, given)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(work.glob("training-*/checkpoint-*/trainer_state.json")):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert main(["pretrain", *map(str, given)]) == 0
    assert record_of(out)["training"]["losses"] == record_of(model)["training"]["losses"]
    assert (out / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert not list(work.glob("training-*"))


@pytest.fixture(scope="module")
def held_out(built: Path) -> HeldOut:
    return read_held_out(str(built))


def documents_of(language: Language, source: Path, held_out: HeldOut, folder: Path) -> Documents:
    """All that a source holds of a language."""
    recipe = parse_recipe({"bytes": {language: 10**9}}, "recipe")
    return make_documents(recipe, resolve.resolve((str(source),)), (), held_out, folder, 1)[language]


def changed(text: str, letters: str, rng: random.Random) -> str:
    """Every tenth letter another one."""
    return "".join(rng.choice(letters) if i % 10 == 5 else letter for i, letter in enumerate(text))


def test_a_copy_of_a_test_window_elsewhere_is_found_and_removed(held_out: HeldOut, built: Path, tmp_path: Path) -> None:
    rng, dna_rng = random.Random(1), np.random.default_rng(99)
    window = pq.read_table(next((built / "dna150").glob("test-*")))["sentence1"][0].as_py()
    protein = pq.read_table(next((built / "protein450").glob("test-*")))["sentence1"][0].as_py()
    copy = reverse_complement(changed(window, "ACGT", rng))
    left, right = random_dna(dna_rng, 3000), random_dna(dna_rng, 3000)
    (tmp_path / "other.fna").write_text(f">X1.1 Testus alius\n{left}{copy}{right}\n")
    own = "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=200))
    planted = own + changed(protein, "ACDEFGHIKLMNPQRSTVWY", rng)
    (tmp_path / "other.faa").write_text(f">P1.1 planted\n{planted}\n>P2.1 own\n{own[::-1]}\n")
    made = {
        language: documents_of(language, tmp_path / f"other.{suffix}", held_out, tmp_path)
        for language, suffix in (("dna", "fna"), ("protein", "faa"))
    }
    first, second = sorted(read_documents(made["dna"].path), key=lambda document: document not in left + copy)
    # Where an alignment ends is known to a few letters.
    assert first.startswith(left[:2980])
    assert second.endswith(right[20:])
    assert len(first + second) < 6040
    assert made["dna"].removed["by_search"] >= 0.9 * len(window)
    assert made["dna"].removed["hits"] >= 1
    assert list(read_documents(made["protein"].path)) == [own[::-1]]
    assert made["protein"].removed["by_search"] == len(planted)


def test_no_held_out_locus_is_in_the_documents(held_out: HeldOut, source: Path, built: Path, tmp_path: Path) -> None:
    made = [documents_of(language, source, held_out, tmp_path) for language in ("dna", "protein")]
    kept = ["\n".join(read_documents(part.path)) for part in made]
    for name, side, documents in (("dna50", 1, 0), ("dna50", 2, 0), ("protein150", 1, 1), ("protein150", 2, 1)):
        for split in ("validation", "test"):
            rows = pq.read_table(next((built / name).glob(f"{split}-*")))[f"sentence{side}"].to_pylist()
            assert rows
            for string in rows:
                middle = string[len(string) // 2 - 12 : len(string) // 2 + 12]
                assert middle not in kept[documents]
                assert documents or reverse_complement(middle) not in kept[documents]
    assert made[0].bytes > 100_000


def test_text_is_streamed_from_the_hub_at_its_commit(place: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "texts"
    pairs.mkdir()
    rng = random.Random(2)
    lines = [json.dumps({"words": " ".join(sentence(rng) for _ in range(5)), "id": i}) for i in range(100)]
    (pairs / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (pairs / "README.md").write_text(
        "---\nconfigs:\n- config_name: plain\n  data_files:\n  - split: train\n    path: train.jsonl\n---\n"
    )
    text = {"source": "hub:user/texts", "column": "words", "config": "plain"}
    training = SMALL["training"] | {"tokens": 64 * 4}
    recipe = write_recipe(tmp_path, text=text, bytes={"text": 5_000}, training=training)
    with serving(datasets__user__texts=pairs) as server:
        commit = server.commit("datasets/user/texts")
        home = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        given = ["pretrain", recipe, "--out", tmp_path / "out"]
        done = run_program(*given, **home, HF_HUB_OFFLINE="0")
        assert done.returncode == 0, done.stderr
    assert record_of(tmp_path / "out")["text"] == [{"source": "hub:user/texts", "origin": commit}]
    assert "perplexity of text only: " in done.stderr


def test_without_the_data_set_nothing_is_trained(
    place: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (place / "small.yaml", "--source", source, "--data", tmp_path / "none", "--out", tmp_path / "out")
    assert main(["pretrain", *map(str, given)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("bio-paws: error: dna150_paws: cannot be loaded from ")
    assert message.endswith("pre-training must know what its tests are\n")
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_data_set_is_no_reason_to_train_on_its_tests(built_copy: Path) -> None:
    damaged = next((built_copy / "protein150").glob("test-*"))
    damaged.write_bytes(damaged.read_bytes()[:-300])
    with pytest.raises(BioPawsError, match=r"protein150/test-.* is not the file that manifest\.json names"):
        read_held_out(str(built_copy))


@pytest.mark.soak
@pytest.mark.parametrize("recipe", ["gpt2-english-tiny", "gpt2-english-dna-protein-tiny"])
def test_the_tiny_recipes_run_on_what_is_bundled(built: Path, tmp_path: Path, recipe: str) -> None:
    done = run_program("pretrain", recipe, "--data", built, "--out", tmp_path / "out", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path / "out")
    assert all(language["bytes"] == 300_000 for language in record["languages"].values())
    assert record["training"]["losses"][-1][1] < record["training"]["losses"][0][1] - 1
    shutil.rmtree(tmp_path / "out")
