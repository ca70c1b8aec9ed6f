"""bio-paws sweep as a user runs it: an estimate, shards, kills, and a report of the whole."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from bio_paws.cli import main
from bio_paws_eval import results
from bio_paws_eval.results import Result, read_results
from models import write_model

CONFIGS = ["dna50", "pawsx_en"]
RECIPE = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six trainings: two on English, two untuned, one on brackets, one on DNA."""
    shared: dict[str, Any] = {"models": ["./tiny"], "recipe": RECIPE, "configs": CONFIGS, "limit": 48}
    grids = [
        shared | {"finetune": ["en"], "controls": ["none", "untuned"], "seeds": 2},
        shared | {"finetune_on": ["dyck", "dna50"], "seeds": 1},
        shared | {"finetune": ["none", "en"], "seeds": [0]},  # nothing new
    ]
    folder = tmp_path_factory.mktemp("plan")
    write_model(folder / "tiny", "gpt2")
    (folder / "mine.yaml").write_text(yaml.safe_dump({"title": "Mine", "grids": grids}))
    return folder / "mine.yaml"


@pytest.fixture(scope="module")
def places(built: Path, pawsx: Path) -> list[str]:
    return ["--data", str(built), "--pawsx", str(pawsx), "--device", "cpu"]


@pytest.fixture(scope="module")
def whole(plan: Path, places: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the plan, run in one go."""
    out = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        assert main(["sweep", str(plan), *places, "--out", str(out)]) == 0
    return out


def numbers(out: Path) -> dict[str, Any]:
    """What two runs must share: everything but times."""

    def of(one: Result) -> tuple[object, ...]:
        training = one.training
        return one.key, training.losses, training.dev_accuracies, one.metrics, one.by_kind, one.views

    return {path.relative_to(out).as_posix(): of(one) for path, one in read_results(out)}


def test_a_sweep_is_all_cells_of_its_plan(whole: Path) -> None:
    found = [one for _, one in read_results(whole)]
    cells = sorted((one.training.name, one.training.seed, one.task.name) for one in found)
    trainings = [("pawsx_en", 0), ("pawsx_en", 1), ("none", 0), ("none", 1), ("dyck", 0), ("dna50", 0)]
    assert cells == sorted((*training, config) for training in trainings for config in CONFIGS)
    assert {one.training.recipe["epochs"] for one in found if one.training.recipe} == {2}
    assert {one.task.rows for one in found} <= {48, 40}
    assert not any(one.comparable for one in found)


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
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*/*")}
    assert main(["sweep", str(plan), *places, "--out", str(tmp_path)]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*/*")} == before


def test_the_estimate_comes_first(
    plan: Path, places: list[str], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(plan), *places, "--out", str(tmp_path), "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["trainings"] == 6
    assert [part["trainings"][0][0] for part in planned["parts"]] == ["pawsx_en", "none", "dyck", "dna50"]
    assert [part["cells"] for part in planned["parts"]] == [4, 4, 2, 2]
    assert all(part["finished"] == 0 and part["seconds"] > 0 for part in planned["parts"])
    assert not list(tmp_path.glob("[!.]*"))
    assert main(["sweep", str(plan), *places, "--out", str(whole), "--dry-run", "--shard", "1/4"]) == 0
    printed = capsys.readouterr().out
    assert "2 of the plan's 6 trainings; 4 cells, of which 4 stand already; about 0 min" in printed


def test_the_report_has_the_control_matrix(whole: Path, tmp_path: Path) -> None:
    assert main(["report", str(whole), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Control matrix: what carries over, and from what</h2>" in page
    table = (tmp_path / "report.md").read_text().split("### Control matrix\n\n")[1].split("\n\n")[0]
    rows = [line.split("|")[3].strip() for line in table.splitlines()[2::2]]
    assert rows == ["PAWS-X", "brackets", "untuned", "itself"]
    assert not (tmp_path / "eval_results").exists()  # limited, and brackets are nobody's score


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such plan"),
        (["PLAN", "--shard", "9/9"], "has 6 trainings: none is left for shard 9"),
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
    given = [str(plan) if one == "PLAN" else one for one in arguments]
    assert main(["sweep", *places, "--out", str(tmp_path), *given]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("[!.]*"))


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "-1/3"])
def test_a_shard_is_one_of_so_many(plan: Path, shard: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["sweep", str(plan), f"--shard={shard}"])
    assert left.value.code == 2
