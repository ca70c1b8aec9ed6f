"""bio-paws eval as a user runs it: three architectures, refusals, resumption, results that can be relied on."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from bio_paws import load
from bio_paws.cli.app import main
from bio_paws.configs import SIMILARITY_BINS
from bio_paws.dataset.manifest import read_manifest, write_manifest
from bio_paws.execution.files import sha256_of, write_json
from bio_paws.features import perturbations
from bio_paws.features.perturbations import PERTURBATIONS
from bio_paws_eval import evaluate
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.results import Result, read_predictions, read_results
from bio_paws_eval.tasks import pairs
from models import write_model

QUICK = ("--epochs", 2, "--batch-size", 16, "--learning-rate", 1e-3)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for a Hub that is out of reach; what is imported has read the environment."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


@pytest.fixture
def run(built: Path, pawsx: Path, tmp_path: Path) -> Callable[..., tuple[int, list[Result]]]:
    """Run `bio-paws eval` on the small data sets and read what it wrote."""

    def call(model: Path, *arguments: object, out: str = "out") -> tuple[int, list[Result]]:
        given = ["--model", model, "--data", built, "--pawsx", pawsx, "--out", tmp_path / out, *QUICK, *arguments]
        status = main(["eval", *map(str, given)])
        return status, [result for _, result in read_results(tmp_path / out)]

    return call


def numbers(results: list[Result]) -> list[tuple[Any, ...]]:
    """What two runs must share: everything but times."""
    return [
        (
            *(result.key, result.model, result.task, result.status, result.note),
            *(result.training.seed, result.training.dev_accuracies, result.training.losses, result.training.best_epoch),
            *(result.metrics, result.by_pair_type, result.perturbations),
        )
        for result in results
    ]


EACH_KIND = ("pawsx_en", "pawsx_fr", "dna150", "protein150", "dna_protein")


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("bert", ("--seeds", 2)),
        ("gpt2", ("--seeds", 1, "--configs", *EACH_KIND)),
        pytest.param("llama", ("--seeds", 2), marks=pytest.mark.soak),
    ],
    ids=["bert", "gpt2", "llama"],
)
def test_any_classifier_goes_the_same_way(
    run: Callable[..., tuple[int, list[Result]]],
    tmp_path: Path,
    architecture: str,
    options: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = write_model(tmp_path / architecture, architecture)
    status, results = run(model, *options)
    assert status == 0
    assert {result.task.name for result in results} >= set(EACH_KIND)
    assert {result.training.seed for result in results} == set(range(options[1]))
    for path, result in read_results(tmp_path / "out"):
        assert result.status == "scored"
        assert result.comparable
        assert result.model.id == architecture
        assert result.model.parameters > 10_000
        assert len(result.training.dev_accuracies) == 2
        assert result.training.dev_accuracy == max(result.training.dev_accuracies)
        predictions = read_predictions(path, result)
        assert len(predictions.pair_ids) == result.task.rows
        right = (predictions.logits[:, 1] > predictions.logits[:, 0]) == (predictions.labels == 1)
        assert result.metrics["accuracy"]["value"] == pytest.approx(right.mean())
    printed = capsys.readouterr().out
    assert "| pawsx_en" in printed
    assert ("skipped: " in printed) == ("--configs" not in options)  # the languages that the folder does not hold
    # A second call finds everything done.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/*/*/*")}
    assert run(model, *options)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/*/*/*")} == before


def test_labels_and_ids_are_those_of_the_data(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, built: Path, tmp_path: Path
) -> None:
    run(bert, "--seeds", 1, "--finetune", "none", "--configs", "dna150")
    ((path, result),) = read_results(tmp_path / "out")
    predictions = read_predictions(path, result)
    table = pq.read_table(next((built / "dna150").glob("test*.parquet")))
    assert predictions.pair_ids == table["pair_id"].to_pylist()
    assert predictions.labels.tolist() == table["label"].to_pylist()
    assert result.task.version == "1.0.0"


def test_views_are_asked_of_the_same_model(
    run: Callable[..., tuple[int, list[Result]]],
    bert: Path,
    built: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (pairs, perturbations):
        monkeypatch.setattr(module, "PERTURBED_ROWS", 11)
    run(bert, "--seeds", 1, "--finetune", "none", "--configs", "dna50")
    ((path, result),) = read_results(tmp_path / "out")
    assert list(result.perturbations["perturbed"]) == [perturbation.name for perturbation in PERTURBATIONS]
    assert result.perturbations["n"] == 11
    stored = read_predictions(path, result)
    # The plainest way: the same head, each pair of the view alone.
    source = find_model(str(bert), None)
    tokenizer = load_tokenizer(source)
    model = load_classifier(source, tokenizer, seed=0).eval()
    for name, entry in result.perturbations["perturbed"].items():
        rows = load("dna50", data=built, split="test", perturbation=name)
        with torch.no_grad():
            answers = [
                model(**tokenizer(row["sentence1"], row["sentence2"], return_tensors="pt")).logits[0].numpy()
                for row in rows
            ]
        margin = np.diff(np.stack(answers))[:, 0]
        before = np.diff(stored.logits)[:11, 0]
        assert entry["margin_change"] == pytest.approx(np.abs(margin - before).mean(), rel=1e-3, abs=1e-6)
        assert entry["margin_change"] > 0
        assert entry["consistency"]["value"] == pytest.approx(((margin > 0) == (before > 0)).mean())
        assert entry["accuracy"]["value"] == pytest.approx(((margin > 0) == (np.array(rows["label"][:]) == 1)).mean())


def test_views_are_of_scored_test_splits_of_bio_paws(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, built: Path
) -> None:
    none = ("--seeds", 1, "--finetune", "none")
    _, results = run(bert, *none, "--configs", "pawsx_en", "protein150", "dna_protein", out="test")
    by_name = {result.task.name: result for result in results}
    assert by_name["pawsx_en"].perturbations == {}
    for name in ("protein150", "dna_protein"):
        assert list(by_name[name].perturbations["perturbed"]) == ["swapped"]
        assert by_name[name].perturbations["tells_strands"] is None
    assert set(by_name["dna_protein"].by_pair_type) == {"coding", "other_gene", "mutated_protein", "frameshift"}
    assert sum(entry["n"] for entry in by_name["dna_protein"].by_pair_type.values()) == by_name["dna_protein"].task.rows
    assert by_name["protein150"].by_pair_type == by_name["pawsx_en"].by_pair_type == {}
    _, (result,) = run(bert, *none, "--segment", "none", "--configs", "dna150", out="refused")
    assert (result.status, result.perturbations, result.by_pair_type) == ("refused", {}, {})
    _, (result,) = run(bert, *none, "--split", "validation", "--configs", "dna50", out="validation")
    assert result.perturbations == {}
    _, (result,) = run(bert, *none, "--limit", 7, "--configs", "dna150", out="limited")
    assert result.perturbations["n"] == 7


def grade(data: Path) -> None:
    """Call the similar pairs of dna150 homologs of all bands in turn."""
    manifest = read_manifest(data)
    for split in manifest.configs["dna150"].splits.values():
        path = data / split.file
        rows = pq.read_table(path)
        bands = [name for name, _, _ in SIMILARITY_BINS]
        kinds = [bands[i % len(bands)] if row["label"] else row["kind"] for i, row in enumerate(rows.to_pylist())]
        pq.write_table(rows.set_column(rows.schema.get_field_index("kind"), "kind", pa.array(kinds)), path)
        split.sha256 = sha256_of(path)
    write_manifest(data, manifest)


def test_a_graded_config_is_drawn_as_a_curve(bert: Path, built_copy: Path, tmp_path: Path) -> None:
    grade(built_copy)
    out = tmp_path / "out"
    common = ("--data", built_copy, "--out", out, "--configs", "dna150")
    assert main(["eval", *map(str, ("--model", bert, "--seeds", 2, "--finetune", "none", *common))]) == 0
    assert main(["baselines", *map(str, common)]) == 0
    assert main(["report", str(out)]) == 0
    labels = pq.read_table(next((built_copy / "dna150").glob("test*.parquet")))
    counts = collections.Counter(labels["kind"].to_pylist())
    for _, result in read_results(out):
        assert {kind: entry["n"] for kind, entry in result.by_pair_type.items()} == counts
        similar = sum(
            entry["predicted_positive_rate"]["value"] * entry["n"]
            for entry in result.by_pair_type.values()
            if entry["label"]
        )
        assert similar == pytest.approx(result.metrics["confusion"][1][1])
    text = (out / "report/figures/similarity-bins.svg").read_text()
    for name in ("bert, none", "best baseline", "best upper bound", "remote"):
        assert name in text
    page = (out / "report/report.html").read_text()
    for title in ("Accuracy by similarity", "Answers by similarity", "Kinds of pairs", "Consistency"):
        assert f">{title}</h3>" in page


def test_placeholders_are_dropped_and_counted(run: Callable[..., tuple[int, list[Result]]], bert: Path) -> None:
    _, (result,) = run(bert, "--seeds", 1, "--finetune", "fr", "--configs", "pawsx_fr")
    assert (result.task.rows, result.task.dropped) == (48, 2)
    assert (result.training.rows, result.training.dropped) == (96, 2)


def test_unknown_tokens_are_refused_or_split_away(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = ("--seeds", 1, "--finetune", "none")
    status, results = run(bert, *none, "--segment", "none", "--configs", "pawsx_en", "dna50", "dna150", out="raw")
    by_name = {result.task.name: result for result in results}
    assert status == 1
    assert by_name["dna150"].status == "refused"
    assert by_name["dna150"].note == "refused: 40% unknown"
    assert by_name["dna150"].metrics == {}
    assert by_name["dna50"].status == by_name["pawsx_en"].status == "scored"  # the rest of the run goes on
    assert "refused: 40% unknown" in capsys.readouterr().out
    status, results = run(bert, *none, "--configs", "dna150", out="auto")
    assert status == 0
    assert results[0].note == "split into words of 100 letters"
    assert results[0].encoding is not None
    assert results[0].encoding.unknown == 0
    status, results = run(bert, *none, "--configs", "dna150", "--segment", "none", "--allow-unknown", out="allowed")
    assert (status, results[0].status, results[0].note) == (0, "scored", "40% unknown")
    assert results[0].metrics["predicted_positive_rate"]["value"] in {0.0, 1.0}  # all pairs look the same


def test_truncation_is_marked_or_refused(run: Callable[..., tuple[int, list[Result]]], bert: Path) -> None:
    arguments = ("--seeds", 1, "--finetune", "none", "--configs", "dna_protein")
    status, (result,) = run(bert, *arguments, out="cut")
    assert (status, result.status, result.truncated) == (0, "scored", True)
    assert "of pairs truncated" in result.note
    status, (result,) = run(bert, *arguments, "--no-truncate", out="refused")
    assert (status, result.status) == (1, "refused")


def test_untuned_is_a_random_head(run: Callable[..., tuple[int, list[Result]]], bert: Path) -> None:
    _, by_name = run(bert, "--seeds", 2, "--finetune", "none", "--configs", "dna50")
    _, by_control = run(bert, "--seeds", 2, "--control", "untuned", "--configs", "dna50", out="other")
    assert numbers(by_name) == numbers(by_control)
    assert by_name[0].training.control == "untuned"
    _, both = run(bert, "--seeds", 2, "--finetune", "none", "--control", "untuned", "--configs", "dna50", out="both")
    assert numbers(both) == numbers(by_name)
    assert by_name[0].training.dev_accuracy is None
    assert by_name[0].metrics != by_name[1].metrics


def test_controls_differ_from_the_plain_run_and_each_other(
    run: Callable[..., tuple[int, list[Result]]], bert: Path
) -> None:
    controls = ("untuned", "random-init", "shuffled-labels")
    arguments = ("--seeds", 1, "--configs", "pawsx_en")
    run(bert, *arguments)
    _, results = run(bert, *arguments, *(part for name in controls for part in ("--control", name)))
    assert {result.training.control for result in results} == {"none", *controls}
    assert len({result.training.losses for result in results}) == 4
    assert len({result.key for result in results}) == 4


def test_trained_on_bio_paws_itself(run: Callable[..., tuple[int, list[Result]]], bert: Path) -> None:
    status, (result,) = run(bert, "--seeds", 1, "--finetune-on", "dna150s", "--configs", "dna150s", "--max-length", 512)
    assert status == 0
    assert result.training.on == "dna150s"
    assert result.training.unknown == 0  # split into words as the test is


def test_a_score_on_the_split_that_chose_the_epoch_says_so(
    run: Callable[..., tuple[int, list[Result]]], bert: Path
) -> None:
    _, results = run(bert, "--seeds", 1, "--split", "validation", "--configs", "pawsx_en", "pawsx_fr")
    notes = {result.task.name: result.note for result in results}
    assert notes == {"pawsx_en": "this split chose the epoch", "pawsx_fr": ""}


def test_the_weights_are_those_of_the_best_epoch_on_dev(
    run: Callable[..., tuple[int, list[Result]]], tmp_path: Path
) -> None:
    model = write_model(tmp_path / "gpt2", "gpt2")
    arguments = ("--seeds", 3, "--split", "validation", "--configs", "pawsx_en", "--epochs", 4, "--learning-rate", 5e-3)
    _, results = run(model, *arguments)
    for result in results:
        assert (
            result.training.dev_accuracies.index(max(result.training.dev_accuracies)) == result.training.best_epoch - 1
        )
        assert result.metrics["accuracy"]["value"] == pytest.approx(result.training.dev_accuracy)
    # Otherwise the last weights would do.
    assert any(result.training.dev_accuracies[-1] < result.training.dev_accuracy for result in results)


def test_limited_results_are_marked(run: Callable[..., tuple[int, list[Result]]], bert: Path) -> None:
    _, (result,) = run(bert, "--seeds", 1, "--limit", 20, "--configs", "dna50")
    assert not result.comparable
    assert (result.task.rows, result.training.rows) == (20, 20)
    assert result.note == "the first 20 pairs of the split"


def test_the_function_is_the_command(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, built: Path, pawsx: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    from bio_paws_eval.hyperparameters import HYPERPARAMETERS

    _, printed = run(bert, "--seeds", "3,", "--configs", "dna50")
    recipe = replace(HYPERPARAMETERS["paper"], epochs=2, batch_size=16, learning_rate=1e-3)
    returned = evaluate(
        str(bert), seeds=[3], recipe=recipe, configs=["dna50"], data=str(built), pawsx=str(pawsx), out=tmp_path / "py"
    )
    assert numbers(list(returned.results)) == numbers(printed)
    assert returned.skipped == ()


def test_dry_run_says_what_would_run_and_runs_nothing(
    bert: Path, built: Path, pawsx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", bert, "--data", built, "--pawsx", pawsx, "--out", tmp_path / "out", "--seeds", 2, *QUICK]
    assert main(["eval", *map(str, given), "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    ((name, seeds, steps, tokens),) = planned["trainings"]
    assert (name, seeds, steps) == ("pawsx_en", 2, 2 * 96 // 16)
    assert tokens > 2 * 96 * 10
    assert planned["results"] == 2 * len(planned["tasks"])
    assert planned["finished"] == 0
    assert planned["memory"] > 16 * planned["parameters"]
    assert not list((tmp_path / "out").glob("[!.]*"))


def test_killed_runs_resume_to_the_same_numbers(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, built: Path, pawsx: Path, tmp_path: Path
) -> None:
    arguments = ("--seeds", 2, "--configs", "pawsx_en", "dna50")
    _, whole = run(bert, *arguments, "--epochs", 6, out="whole")
    given = ["--model", bert, "--data", built, "--pawsx", pawsx, "--out", tmp_path / "out", *QUICK, *arguments]
    command = [sys.executable, "-m", "bio_paws.cli", "eval", *map(str, given), "--epochs", "6"]
    killed = 0
    for wanted in ("seed-0 began", "seed-0 done"):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                checkpoints = list((tmp_path / "out/.work/runs").glob("*/checkpoint-*/trainer_state.json"))
                cells = list((tmp_path / "out").glob("*/*/seed-0/*.json"))
                if (wanted == "seed-0 began" and len(checkpoints) > 1) or (wanted == "seed-0 done" and cells):
                    process.send_signal(signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.005)
    assert killed == 2
    status, resumed = run(bert, *arguments, "--epochs", 6)
    assert status == 0
    assert numbers(resumed) == numbers(whole)
    assert not list((tmp_path / "out/.work/runs").glob("*"))  # nothing is left behind


def test_checkpoints_within_an_epoch_resume_to_the_same_numbers(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    from bio_paws_eval.models import training

    arguments = ("--seeds", 1, "--configs", "pawsx_en")
    _, whole = run(bert, *arguments, out="whole")
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    compute_loss, resumed_from = Trainer.compute_loss, []

    def stop(self: Trainer, *arguments: Any, **keywords: Any) -> Any:
        if self.state.global_step == 9:  # in the middle of the second epoch of 6 steps
            raise KeyboardInterrupt
        return compute_loss(self, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "compute_loss", stop)
        with contextlib.suppress(Exception):
            run(bert, *arguments)

    def note(folder: Path) -> Path | None:
        resumed_from.append(last_checkpoint(folder))
        return resumed_from[-1]

    last_checkpoint = training.last_checkpoint
    monkeypatch.setattr(training, "last_checkpoint", note)
    _, resumed = run(bert, *arguments)
    assert numbers(resumed) == numbers(whole)
    assert [path and path.name for path in resumed_from] == ["checkpoint-9"]


def test_processes_share_the_work(bert: Path, built: Path, pawsx: Path, tmp_path: Path) -> None:
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--module", "bio_paws.cli", "eval"]
    given = ["--model", bert, "--data", built, "--pawsx", pawsx, "--out", tmp_path / "out", *QUICK, "--seeds", 1]
    done = subprocess.run(
        [*launch, *map(str, given), "--configs", "pawsx_en", "dna50", "protein150"],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [result for _, result in read_results(tmp_path / "out")]
    assert {result.task.name for result in results} == {"pawsx_en", "dna50", "protein150"}
    assert len({result.training.dev_accuracies for result in results}) == 1
    assert results[0].training.steps == 2 * 96 // 16  # the batch is that of both processes together


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3", "-m", "bio_paws.cli")
FSDP = ("-m", "accelerate.commands.launch", "--use_fsdp", "--fsdp_version", "2", "--num_processes", "2")
ON_CPUS = str(Path(__file__).parents[1] / "as_on_gpus.py")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("architecture", "launch", "options"),
    [
        ("bert", TORCHRUN, ()),
        ("bert", (*FSDP, ON_CPUS), ()),
        # The last epoch is the best, and its shards are written last.
        ("llama", (*FSDP, ON_CPUS), ("--lora-rank", 4, "--device-batch-size", 4, "--gradient-checkpointing")),
        ("llama", (*FSDP, "--fsdp_state_dict_type", "FULL_STATE_DICT", ON_CPUS), ()),
    ],
    ids=["torchrun", "fsdp", "fsdp-lora", "fsdp-full"],
)
def test_several_processes_learn_what_one_does(
    architecture: str, launch: tuple[str, ...], options: tuple[object, ...], pawsx: Path, tmp_path: Path
) -> None:
    """Without dropout, which each process draws for itself; three share no batch evenly, and of the last but a row."""
    model = write_model(tmp_path / architecture, architecture)
    described = json.loads((model / "config.json").read_text())
    described |= {name: 0.0 for name in described if name.endswith(("dropout", "dropout_prob"))}
    (model / "config.json").write_text(json.dumps(described))
    given = ["eval", "--model", model, "--pawsx", pawsx, *QUICK, "--seeds", 1, *options]
    given += ["--device", "cpu", "--configs", "pawsx_en", "pawsx_fr", "--batch-size", 19, "--json"]
    by_launch = []
    for name, program in (("alone", ("-m", "bio_paws.cli")), ("together", launch)):
        done = subprocess.run(
            [sys.executable, *program, *map(str, given), "--out", str(tmp_path / name)],
            capture_output=True,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert len(json.loads(done.stdout)["results"]) == 2  # printed by one of the processes
        by_launch.append({result.task.name: (path, result) for path, result in read_results(tmp_path / name)})
    alone, together = by_launch
    assert alone.keys() == together.keys() == {"pawsx_en", "pawsx_fr"}
    for name, (path, result) in alone.items():
        other_path, other = together[name]
        assert result.key != other.key  # the number of processes is a part of it
        assert other.training.losses == pytest.approx(result.training.losses, rel=1e-5)
        assert other.training.dev_accuracies == result.training.dev_accuracies
        answers, others = read_predictions(path, result), read_predictions(other_path, other)
        assert others.pair_ids == answers.pair_ids
        np.testing.assert_allclose(others.logits, answers.logits, atol=1e-4)


def test_baselines_stand_beside_models_in_the_report(
    run: Callable[..., tuple[int, list[Result]]],
    bert: Path,
    built: Path,
    pawsx: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    configs = ("--configs", "pawsx_en", "pawsx_fr", "dna50", "dna150", "dna150_paws", "dna_protein")
    run(bert, "--seeds", 2, "--segment", "none", *configs)
    assert main(["baselines", "--data", str(built), "--pawsx", str(pawsx), "--out", str(out), *configs]) == 0
    printed = capsys.readouterr().out
    assert "smith_waterman" in printed
    assert "majority" in printed
    by_name = {(result.model.id, result.task.name): result for _, result in read_results(out)}
    assert by_name["smith_waterman", "dna150"].metrics["accuracy"]["value"] > 0.9
    assert by_name["sentence1", "dna150"].metrics["auroc"]["value"] == pytest.approx(0.5, abs=0.1)
    assert main(["report", str(out), "--data-repo", "owner/bioPAWS"]) == 0
    printed = capsys.readouterr().out
    report = (out / "report/report.md").read_text()
    for text in ("refused: 40% unknown", "smith_waterman", "bert"):
        assert text in report, text
    assert "refused: 40% unknown" in printed
    page = (out / "report/report.html").read_text()
    assert "<svg" in page
    assert "src=" not in page
    assert list((out / "report").glob("eval_results/bert/.eval_results/*.yaml"))
    assert list((out / "report/figures").glob("*.png"))


def test_baselines_need_no_paws_x(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", built, "--out", tmp_path / "out", "--configs", "dna50", "--json"]
    assert main(["baselines", *map(str, given)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {entry["task"]["name"] for entry in printed["results"]} == {"dna50"}


def test_results_name_the_groups_of_their_pairs_and_a_report_finds_those_of_earlier_ones(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    assert main(["baselines", "--data", str(built), "--out", str(out), "--configs", "dna50"]) == 0
    columns = ["pair_id", "group1", "group2"]
    stored = pq.read_table(next((built / "dna50").glob("test*.parquet")), columns=columns).to_pydict()
    groups = set(stored["group1"]) | set(stored["group2"])
    closing = capsys.readouterr().out
    assert ("Under 30 groups in effect" in closing) == (len(groups) < 30)
    for path, result in read_results(out):
        assert (result.sampling["pairs"], result.sampling["groups"]) == (len(stored["pair_id"]), len(groups))
        assert result.sampling["effective_groups"] <= len(groups)
        assert pq.read_table(path.with_suffix(".parquet"), columns=columns).to_pydict() == stored

    def report(*options: str) -> str:
        assert main(["report", str(out), *options]) == 0
        return (out / "report/report.md").read_text().partition("## Marks")[2].partition("## ")[2]

    expected = report()
    for path, result in read_results(out):  # as schema 2.1 wrote them
        table = pq.read_table(path.with_suffix(".parquet"))
        pq.write_table(table.drop_columns(columns[1:]), path.with_suffix(".parquet"))
        write_json(path, {**dataclasses.asdict(result), "schema_version": "2.1", "sampling": {}})
    assert "≈" not in expected
    assert report("--data", str(built)) == expected
    assert report().count("≈") >= len(read_results(out))


ERRORS = {
    "no model": (["--model", "nowhere/at-all"], "nowhere/at-all: neither a folder nor available from the Hub"),
    "no folder": (["--model", "./nowhere"], "./nowhere: no such folder"),
    "no config": (["--configs", "dna15"], "unknown config 'dna15': choose from pawsx_en"),
    "no pawsx": (["--pawsx", "google-research-datasets/paws-x"], "pass --pawsx FOLDER"),
    "no language": (["--finetune", "de"], "no validation pairs of PAWS-X in 'de'"),
    "no training config": (["--finetune-on", "nothing"], "unknown config 'nothing'"),
    "revision": (["--revision", "main"], "a folder has no revision"),
    "schedule": (["--schedule", "upwards"], "unknown schedule 'upwards': choose from constant_with_warmup"),
    "control of nothing": (
        ["--finetune", "none", "--control", "random-init"],
        "control random-init needs something to fine-tune on",
    ),
    "warmup": (["--warmup", "1.5"], "--warmup: input should be less than 1, not 1.5"),
    "rate": (["--learning-rate", "-1"], "--learning-rate: input should be greater than 0, not -1"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_gets_one_clear_line(
    bert: Path, built: Path, pawsx: Path, tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = ERRORS[case]
    given = ["--model", bert, "--data", built, "--pawsx", pawsx, "--out", tmp_path / "out", *arguments]
    assert main(["eval", *map(str, given)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").glob("[!.]*"))


def test_without_paws_x_the_untuned_model_is_still_asked(
    bert: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", bert, "--data", built, "--out", tmp_path / "out", "--finetune", "none", "--seeds", 1]
    assert main(["eval", *map(str, given), "--limit", "8"]) == 0
    printed = capsys.readouterr().out
    assert "| dna150 " in printed
    assert printed.count("PAWS-X cannot be loaded") == 1
    assert "--pawsx FOLDER" in printed


@pytest.mark.parametrize("damage", ["weights", "config", "tokenizer", "none"])
def test_damaged_models_are_refused(
    bert: Path, built: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(bert, tmp_path / "model"))
    if damage == "weights":
        (model / "model.safetensors").write_bytes(b"not weights")
    elif damage == "config":
        (model / "config.json").write_text('{"model_type": "no-such-thing"}')
    elif damage == "tokenizer":
        (model / "tokenizer.json").write_text("{")
    else:
        (model / "model.safetensors").unlink()
    given = ["--model", model, "--data", built, "--out", tmp_path / "out", "--finetune", "none", "--configs", "dna50"]
    assert main(["eval", *map(str, given)]) == 2
    error = capsys.readouterr().err
    assert str(model) in error or "model:" in error
    assert error.count("\n") == 1


def test_code_of_a_model_is_never_run(
    bert: Path, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(bert, tmp_path / "model"))
    ran = tmp_path / "ran"
    (model / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = json.loads((model / "config.json").read_text())
    names = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    for model_type in ("bert", "evil"):
        (model / "config.json").write_text(json.dumps(config | {"model_type": model_type, "auto_map": names}))
        given = ["--model", model, "--data", built, "--out", tmp_path / "out", "--finetune", "none"]
        status = main(["eval", *map(str, given), "--configs", "dna50", "--seeds", "1"])
        # A known architecture runs as transformers' own; an unknown one is refused.
        assert status == (0 if model_type == "bert" else 2), capsys.readouterr().err
        assert not ran.exists()
    assert "config.json cannot be used" in capsys.readouterr().err


def test_saved_models_are_those_that_answered(
    run: Callable[..., tuple[int, list[Result]]], bert: Path, built: Path, tmp_path: Path
) -> None:
    given = Path(shutil.copytree(bert, tmp_path / "bert"))
    cuts = {"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0}
    described = json.loads((given / "tokenizer.json").read_text()) | {"truncation": cuts}
    (given / "tokenizer.json").write_text(json.dumps(described))
    arguments = ("--seeds", 1, "--limit", 16, "--configs", "dna50")
    run(given, *arguments)
    ((path, result),) = read_results(tmp_path / "out")
    saved = path.parent / "bert-pawsx_en"
    assert not saved.exists()
    shutil.rmtree(tmp_path / "out/.work")  # what was encoded is encoded again
    run(given, *arguments, "--save-models")  # the cell stands, the model does not
    assert json.loads((saved / "tokenizer.json").read_text())["truncation"] == cuts
    source = find_model(str(saved), None)
    tokenizer = load_tokenizer(source)
    model = load_classifier(source, tokenizer, seed=1).eval()
    row = load("dna50", data=built, split="test")[0]
    with torch.no_grad():
        logits = model(**tokenizer(row["sentence1"], row["sentence2"], return_tensors="pt")).logits[0].numpy()
    assert logits == pytest.approx(read_predictions(path, result).logits[0], abs=1e-5)
