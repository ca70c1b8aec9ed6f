"""bio-paws sweep as a user runs it: an estimate, shards, kills, pre-training, vectors, and a report of the whole."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bio_paws.cli.app import main
from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json
from bio_paws_eval import results
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.representations.report_section import representation_section
from bio_paws_eval.results import Result, read_results
from bio_paws_eval.sweep.jobs import run_jobs
from models import sentence, write_model

CONFIGS = ["dna50", "pawsx_en"]
RECIPE = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3}
FRESH = {
    "bytes": {"text": 8_000},
    "vocabulary": 400,
    "model": {"n_layer": 1, "n_head": 2, "n_embd": 32, "context": 64},
    "training": {"tokens": 3_200, "batch": 4, "device_batch": 4},
}
PRETRAINED = {
    "models": [{"pretrain": "./fresh.yaml"}],
    "finetune": ["en"],
    "seeds": [0],
    "vectors": {"words": 12, "permutations": 19},
}


@pytest.fixture(autouse=True, scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr("bio_paws_eval.representations.run.PLOTTED_ITEMS", 6)
        patch.chdir(tmp_path_factory.mktemp("here"))  # pre-trained models go there
        yield


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven trainings: two on English, two untuned, one on brackets, one on DNA, one of a model to be pre-trained."""
    shared: dict[str, Any] = {"models": ["./tiny"], "recipe": RECIPE, "configs": CONFIGS, "limit": 48}
    grids = [
        shared | {"finetune": ["en"], "controls": ["none", "untuned"], "seeds": 2},
        shared | {"finetune_on": ["dyck", "dna50"], "seeds": 1},
        shared | {"finetune": ["none", "en"], "seeds": [0]},  # nothing new
        shared | PRETRAINED,
    ]
    folder = tmp_path_factory.mktemp("plan")
    write_model(folder / "tiny", "gpt2")
    rng = random.Random(0)
    (folder / "text.txt").write_text("\n\n".join(sentence(rng) for _ in range(300)), encoding="utf-8")
    (folder / "fresh.yaml").write_text(yaml.safe_dump(FRESH | {"text": {"source": str(folder / "text.txt")}}))
    (folder / "mine.yaml").write_text(yaml.safe_dump({"title": "Mine", "baselines": True, "grids": grids}))
    return folder / "mine.yaml"


@pytest.fixture(scope="module")
def places(built: Path, pawsx: Path) -> list[str]:
    return ["--data", str(built), "--pawsx", str(pawsx), "--device", "cpu"]


@pytest.fixture(scope="module")
def whole(plan: Path, places: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the plan, run in one go."""
    out = tmp_path_factory.mktemp("whole")
    assert main(["sweep", str(plan), *places, "--out", str(out)]) == 0
    return out


def numbers(out: Path) -> dict[str, Any]:
    """What two runs must share: everything but times."""

    def of(result: Result) -> tuple[object, ...]:
        training = result.training
        return (
            result.key,
            training.losses,
            training.dev_accuracies,
            result.metrics,
            result.by_pair_type,
            result.perturbations,
        )

    compared = {path: read_json(path) for path in out.glob("vectors/*/vectors.json")}
    for comparison in compared.values():
        comparison["settings"].pop("models")  # their folders
    records = dict(read_results(out)) | compared
    return {
        path.relative_to(out).as_posix(): of(record) if isinstance(record, Result) else record
        for path, record in records.items()
    }


def test_a_sweep_is_all_cells_of_its_plan(whole: Path) -> None:
    results = [result for _, result in read_results(whole)]
    trained = [result for result in results if result.model.method == "model"]
    cells = sorted(
        (result.model.id, result.training.name, result.training.seed, result.task.name) for result in trained
    )
    ways = [("pawsx_en", 0), ("pawsx_en", 1), ("none", 0), ("none", 1), ("dyck", 0), ("dna50", 0)]
    trainings = [("fresh", "pawsx_en", 0), *(("tiny", *way) for way in ways)]
    assert cells == sorted((*training, config) for training in trainings for config in CONFIGS)
    assert {result.task.name for result in results if result.model.method == "upper_bound"} == {"dna50"}
    assert {result.task.name for result in results if result.model.id == "majority"} == set(CONFIGS)
    assert {result.training.recipe["epochs"] for result in trained if result.training.recipe} == {2}
    assert {result.task.rows for result in trained} <= {48, 40}
    assert {result.task.rows for result in trained if result.comparable} == {40}  # no pair of it was left out


def test_a_model_is_pretrained_fine_tuned_and_its_vectors_compared(whole: Path, tmp_path: Path) -> None:
    record = read_json(Path("models/fresh/pretraining.json"))
    assert record["training"]["steps"] == 3_200 // 64 // 4
    (path,) = whole.glob("vectors/*/vectors.json")
    assert path.parent.name.startswith("fresh-")
    compared = read_json(path)
    before, after = (entry["model"] for entry in compared["models"])
    assert (before["id"], after["id"]) == ("fresh", "fresh-pawsx_en")
    (kept,) = whole.glob("*/*/*/fresh-pawsx_en")
    assert find_model(str(kept), None).weights_sha256 == after["weights_sha256"] != before["weights_sha256"]
    assert not list(whole.glob("*/*/*/tiny-*"))  # no vectors are asked of it
    again = Path(shutil.copytree("models/fresh", tmp_path / "fresh"))
    (again / "pretraining.json").write_text("{}")  # the same made in another time
    assert find_model(str(again), None).tokenizer_sha256 == before["tokenizer_sha256"]
    assert {entry["task"] for entry in compared["alignments"]} == {"dna150", "protein150", "pawsx_en"}


@pytest.mark.soak
def test_killed_shards_in_one_folder_come_to_the_same_numbers(
    plan: Path, places: list[str], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(0)
    write = results.write_result
    left = 0

    def dying(*arguments: Any) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        write(*arguments)

    monkeypatch.setattr(results, "write_result", dying)
    killed = 0
    for shard in ("2/2", "1/2"):
        while True:
            left = rng.randint(1, 3)
            status = main(["sweep", str(plan), *places, "--out", str(tmp_path), "--shard", shard])
            if status == 0:
                break
            assert status == 130
            killed += 1
    assert killed >= 3
    assert numbers(tmp_path) == numbers(whole)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and ".work" not in path.parts]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert main(["sweep", str(plan), *places, "--out", str(tmp_path)]) == 0
    assert {path: path.stat().st_mtime_ns for path in files} == before


@pytest.mark.soak
def test_two_jobs_come_to_the_same_numbers(
    plan: Path, places: list[str], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = plan.with_name("few.yaml")
    grids = [grid for grid in yaml.safe_load(plan.read_text())["grids"] if "vectors" not in grid]
    few.write_text(yaml.safe_dump({"title": "Few", "grids": grids}))
    assert main(["sweep", *places, "--jobs", "2", str(few), "--out", str(tmp_path)]) == 0
    assert "12 results in " in capsys.readouterr().out
    expected, actual = numbers(whole), numbers(tmp_path)
    assert len(actual) == 12
    assert actual == {name: expected[name] for name in actual}


def test_a_job_that_fails_is_told_of() -> None:
    with pytest.raises(BioPawsError, match=r"a job failed: bio-paws: error: .*invalid choice: 'sweeep'"):
        run_jobs(["sweeep"], [(1, 2), (2, 2)], [])


@pytest.mark.soak
def test_killed_in_pre_training_in_fine_tuning_and_in_vectors_the_files_are_the_same(
    plan: Path, built: Path, pawsx: Path, tmp_path: Path
) -> None:
    rng = random.Random(0)
    arguments = ["sweep", str(plan), "--data", str(built), "--pawsx", str(pawsx), "--device", "cpu", "--out", "R"]

    def start(folder: Path) -> subprocess.Popen[bytes]:
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "bio_paws.cli", *arguments]
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)

    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(undisturbed).wait() == 0
    for phase in ("models/.pretrain/training-*", "R/.work/runs/*", "R/vectors/*/.work/*"):
        process = start(killed)
        while not list(killed.glob(phase)):
            assert process.poll() is None, f"ended before {phase}"
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not list(killed.glob("R/vectors/*/vectors.json"))
    assert start(killed).wait() == 0
    assert contents(killed) == contents(undisturbed)


def contents(folder: Path) -> dict[str, object]:
    """All files that stay, by their names: bytes, or what is in them but for times."""
    files = [*(folder / "R").glob("[!.]*/**/*"), *(folder / "models").glob("[!.]*/**/*")]
    return {
        path.relative_to(folder).as_posix(): timeless(read_json(path)) if path.suffix == ".json" else path.read_bytes()
        for path in files
        if path.is_file() and ".work" not in path.parts
    }


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: timeless(entry) for name, entry in value.items() if name not in {"seconds", "tokens_per_second"}}
    return [timeless(entry) for entry in value] if isinstance(value, list) else value


def test_the_estimate_comes_first(
    plan: Path, places: list[str], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(plan), *places, "--out", str(tmp_path), "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["trainings"] == 7
    assert [part["trainings"][0][0] for part in planned["parts"]] == ["pawsx_en", "none", "dyck", "dna50", "pawsx_en"]
    assert [part["results"] for part in planned["parts"]] == [4, 4, 2, 2, 2]
    assert planned["vectors"] == {"comparisons": 1, "finished": 0}
    assert all(part["finished"] == 0 and part["seconds"] > 0 for part in planned["parts"])
    assert not list(tmp_path.glob("[!.]*"))
    assert main(["sweep", str(plan), *places, "--out", str(whole), "--dry-run", "--shard", "1/4"]) == 0
    printed = capsys.readouterr().out
    assert "2 of the plan's 7 trainings; 4 results, 4 of them finished; about 0 min" in printed
    assert main(["sweep", str(plan), *places, "--out", str(whole), "--dry-run", "--shard", "3/4"]) == 0
    assert "1 comparisons of vectors, 1 of them finished" in capsys.readouterr().out


def test_the_report_has_it_all(whole: Path, tmp_path: Path) -> None:
    assert main(["report", str(whole), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    for name in TABLES:
        assert re.search(rf'<section id="{name}">.*?<td.*?\d.*?</section>', page, re.DOTALL), name
        assert (tmp_path / f"tables/{name}.tex").is_file()
    for name in FIGURES:
        assert re.search(rf'<section id="figure-{name}">.*?<svg.*?</section>', page, re.DOTALL), name
        assert (tmp_path / f"figures/{name}.png").stat().st_size > 5_000
    assert "Vectors of DNA, English and proteins, before and after fine-tuning</h2>" in page
    note = page.split('<section id="vectors-01-dna-english">')[1].split("</section>")[0]
    assert "From A to B the distance from DNA to the nearest English word changed by a factor of" in note
    assert "50.09" in note
    assert "Control matrix: what carries over, and from what</h2>" in page
    table = (tmp_path / "report.md").read_text().split("### Control matrix\n\n")[1].split("\n\n")[0]
    rows = [line.split("|")[3].strip() for line in table.splitlines()[2::2]]
    assert rows == ["PAWS-X", "brackets", "untuned", "itself"]
    assert not (tmp_path / "eval_results").exists()  # limited, and brackets are nobody's score


TABLES = (
    *("configs", "languages", "controls", "baselines", "seeds", "metrics", "consistency", "comparisons", "systems"),
    *("data", *(f"vectors-01-{name}" for name in ("dna-english", "changes", "distances", "nulls", "words", "cka"))),
)
FIGURES = ("seeds", "lengths", *(f"vectors-01-{name}" for name in ("pca_together", "pca", "umap", "distances", "cka")))


def test_a_plan_is_checked_before_anything_is_pretrained(
    plan: Path, places: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = plan.with_name("wrong.yaml")
    for change, message, options in (
        ({"configs": ["dna51"]}, "unknown config 'dna51'", []),
        ({}, "the sweep pre-trains fresh first", ["--dry-run"]),
    ):
        wrong.write_text(yaml.safe_dump({"title": "Wrong", "grids": [PRETRAINED | change]}))
        assert main(["sweep", str(wrong), *places, *options]) == 2
        assert message in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


def test_damaged_vectors_are_told_in_one_line(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "vectors", tmp_path / "vectors")
    (path,) = tmp_path.glob("vectors/*/vectors.json")
    record = read_json(path)
    for changed, message in ((record | {"schema_version": "9.0"}, "schema version 9.0"), ({}, "cannot be read")):
        path.write_text(json.dumps(changed))
        with pytest.raises(BioPawsError, match=message):
            representation_section(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such plan"),
        (["PLAN", "--shard", "9/9"], "shard 9 is empty: the plan has 7 trainings"),
    ],
)
def test_bad_input_gets_one_clear_line(
    plan: Path,
    places: list[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(plan) if argument == "PLAN" else argument for argument in arguments]
    assert main(["sweep", *places, "--out", str(tmp_path), *given]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("[!.]*"))


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "-1/3"])
def test_a_shard_is_one_of_so_many(plan: Path, shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(plan), f"--shard={shard}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bio-paws: error: --shard: ")
    assert error.endswith("see bio-paws sweep --help\n")
    assert error.count("\n") == 1
