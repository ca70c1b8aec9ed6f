"""Tasks of other harnesses: run by these harnesses themselves, they give the numbers of `bio-paws eval`."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pytest
import yaml

from bio_paws.cli.app import main
from bio_paws.configs import CONFIGS
from bio_paws_eval.harnesses.files.biopaws_scoring import auroc, scores_of
from bio_paws_eval.methods.prompt_templates import ANSWERS, ORDERS, TEMPLATES, TemplateName, render
from bio_paws_eval.results import Predictions, Result, read_predictions, read_results
from conftest import Run
from models import write_model

PROMPTED = ("dna50", "protein150")
LIGHTEVAL = ("lighteval==0.13.*", "huggingface_hub<2", "xxhash<4")
"""What the page on harnesses tells a user to install; no later lighteval runs with later libraries than these."""


def needs(module: str, extra: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed: bio-paws[{extra}]")


def run_harness(*command: object, cwd: Path, python: Path | str = sys.executable) -> str:
    """Run a harness in a process of its own, without a network; return what it prints."""
    done = subprocess.run(
        [python, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def evaluate(out: Path, model: Path, built: Path, *arguments: object) -> dict[str, tuple[Result, Predictions]]:
    given = ("--model", model, "--data", built, "--out", out, "--perturbations", "none", *arguments)
    assert main(["eval", *map(str, given)]) == 0
    return {result.task.name: (result, read_predictions(path, result)) for path, result in read_results(out)}


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def causal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / request.param, request.param)


class _Loader(yaml.SafeLoader):
    """Reads the tag by which a task names a function."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


@pytest.mark.parametrize("template", TEMPLATES)
def test_contexts_and_continuations_are_the_prompts(
    built: Path, bio_paws: Run, tmp_path: Path, template: TemplateName
) -> None:
    for harness in ("lm-eval", "lighteval"):
        out = tmp_path / harness
        done = bio_paws("harness", harness, "--data", built, "--template", template, "--out", out, "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert sorted(said["files"]) == sorted(map(str, out.iterdir()))
    pair = {"sentence1": 'AC"GT', "sentence2": "AC\\GA"}
    prompts = json.loads((tmp_path / "lighteval/biopaws_prompts.json").read_text())["prompts"]
    names = [config.name for config in CONFIGS if (built / config.name).is_dir()]
    assert said["configs"] == list(prompts) == names
    for config in CONFIGS:
        if config.name not in names:
            continue
        expected = [
            f"{render(template, config.molecule, *pair.values(), order)} {answer}"
            for order in ORDERS
            for answer in ANSWERS
        ]
        task = yaml.load((tmp_path / f"lm-eval/biopaws_{config.name}.yaml").read_text(), _Loader)
        context, continuations = (
            jinja2.Template(task[name], keep_trailing_newline=True).render(pair)
            for name in ("doc_to_text", "doc_to_choice")
        )
        assert [context + task["target_delimiter"] + text for text in ast.literal_eval(continuations)] == expected
        context, continuations = prompts[config.name]
        for side, text in pair.items():
            context, *continuations = (part.replace(f"{{{{{side}}}}}", text) for part in (context, *continuations))
        assert [context + text for text in continuations] == expected
        assert context.endswith(" Answer")
        assert all(text.startswith(" ") for text in continuations)


def test_a_score_is_the_mean_of_both_orders() -> None:
    assert [" or ".join(ANSWERS[label] for label in order) for order in ORDERS] == ["yes or no", "no or yes"]
    scores = scores_of([-5.0, -3.0, -2.0, -3.0], 1)  # log-odds of yes: 2, -1
    assert scores == {"acc": 1.0, "auroc": (0.5, 1), "acc_yes_no": 1.0, "acc_no_yes": 0.0}
    assert scores_of([-3.0, -3.0, -3.0, -3.0], 1)["acc"] == 0.0  # where neither is likelier, as evaluate() has it
    assert auroc([(0.5, 1), (0.1, 0), (0.7, 0)]) == 0.5
    assert np.isnan(auroc([(0.5, 1)]))


def test_a_folder_is_not_written_into_and_data_must_be_there(built: Path, bio_paws: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").touch()
    done = bio_paws("harness", "lm-eval", "--data", built, "--out", tmp_path)
    assert (done.returncode, "not an empty folder" in done.stderr) == (2, True)
    done = bio_paws("harness", "lm-eval", "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert (done.returncode, "no such folder" in done.stderr) == (2, True)
    done = bio_paws("harness", "lighteval", "--data", "me/bioPAWS", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "biopaws:dna150_paws|0" in done.stdout
    read = json.loads((tmp_path / "out/biopaws_prompts.json").read_text())
    assert (read["path"], read["revision"]) == ("me/bioPAWS", "v1.0.0")
    assert list(read["prompts"]) == [config.name for config in CONFIGS]


@needs("lm_eval", "lm-eval")
def test_lm_evaluation_harness_agrees(causal: Path, built: Path, bio_paws: Run, tmp_path: Path) -> None:
    assert bio_paws("harness", "lm-eval", "--data", built, "--out", tmp_path / "tasks").returncode == 0
    tasks = ",".join(f"biopaws_{name}" for name in PROMPTED)
    model = f"pretrained={causal},dtype=float32"
    given = ("--tasks", tasks, "--include_path", tmp_path / "tasks", "--output_path", tmp_path / "out", "--log_samples")
    run_harness(
        *("-m", "lm_eval", "--model", "hf", "--model_args", model, "--device", "cpu", "--batch_size", 8, *given),
        cwd=tmp_path,
    )
    (found,) = (tmp_path / "out").rglob("results_*.json")
    theirs = json.loads(found.read_text())["results"]
    ours = evaluate(
        tmp_path / "ours", causal, built, "--method", "prompt", "--calibration", "none", "--configs", *PROMPTED
    )
    for name, (result, predictions) in ours.items():
        scores = theirs[f"biopaws_{name}"]
        (samples,) = (tmp_path / "out").rglob(f"samples_biopaws_{name}_*.jsonl")
        rows = [json.loads(line) for line in samples.read_text().splitlines()]
        rows.sort(key=lambda row: row["doc_id"])
        margins = predictions.logits[:, 1] - predictions.logits[:, 0]
        np.testing.assert_allclose([row["auroc"][0] for row in rows], margins, atol=1e-4)
        _compare({key.removesuffix(",none"): value for key, value in scores.items()}, result)


def _compare(theirs: dict[str, Any], ours: Result) -> None:
    assert theirs["acc"] == pytest.approx(ours.metrics["accuracy"]["value"])
    assert theirs["auroc"] == pytest.approx(ours.metrics["auroc"]["value"], abs=5e-3)  # ties of float32 may part
    by_order = [theirs["acc_yes_no"], theirs["acc_no_yes"]]
    assert by_order == pytest.approx(ours.details["accuracy_by_order"])


@pytest.fixture(scope="module")
def lighteval_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, as the page on harnesses says: lighteval 0.13 needs earlier libraries than this one.

    Its tasks of tinyBenchmarks download a file when they are imported, which all tasks are: the file is there already.
    """
    folder = tmp_path_factory.mktemp("lighteval")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *LIGHTEVAL], check=True)
    ask = "import lighteval.tasks as tasks; print(tasks.__path__[0])"
    tasks = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    (Path(tasks) / "tasks/tinyBenchmarks.pkl").touch()
    return python


@pytest.mark.soak
def test_lighteval_agrees(causal: Path, built: Path, bio_paws: Run, lighteval_python: Path, tmp_path: Path) -> None:
    assert bio_paws("harness", "lighteval", "--data", built, "--out", tmp_path / "tasks").returncode == 0
    copy = shutil.copytree(causal, tmp_path / causal.name)  # lighteval keeps answers beside a model
    model = f"model_name={copy},dtype=float32,batch_size=8,add_special_tokens={causal.name == 'llama'}"
    names = ",".join(f"biopaws:{name}|0" for name in PROMPTED)
    given = ("--custom-tasks", tmp_path / "tasks/biopaws_lighteval.py", "--output-dir", tmp_path / "out")
    run_harness("-m", "lighteval", "accelerate", model, names, *given, cwd=tmp_path, python=lighteval_python)
    (found,) = (tmp_path / "out").rglob("results_*.json")
    theirs = json.loads(found.read_text())["results"]
    ours = evaluate(
        tmp_path / "ours", causal, built, "--method", "prompt", "--calibration", "none", "--configs", *PROMPTED
    )
    for name, (result, _) in ours.items():
        _compare(theirs[f"biopaws:{name}|0"], result)


_MTEB = """
import json, sys
import mteb
from sentence_transformers import SentenceTransformer
from bio_paws_eval.harnesses.mteb_tasks import tasks
wanted = sys.argv[3:]
chosen = [task for task in tasks(sys.argv[1]) if task.metadata.dataset["name"] in wanted]
assert all(task.metadata.is_filled() for task in chosen)
results = mteb.evaluate(SentenceTransformer(sys.argv[2], device="cpu"), chosen, cache=None)
print(json.dumps({result.task_name: result.scores["test"][0] for result in results.task_results}))
"""


@needs("mteb", "mteb")
def test_mteb_agrees(bert: Path, built: Path, tmp_path: Path) -> None:
    names = (
        "dna50",
        "dna150_paws",
        "protein150",
    )  # BERT's WordPiece makes one unknown token of 150 letters: they are split
    theirs = json.loads(run_harness("-c", _MTEB, built, bert, *names, cwd=tmp_path).splitlines()[-1])
    ours = evaluate(tmp_path, bert, built, "--method", "cosine", "--finetune-on", "dna50", "--configs", *names)
    for name, (result, _) in ours.items():
        scores = theirs[f"bioPAWS-{name}"]
        assert scores["cosine_ap"] == scores["main_score"] == pytest.approx(result.details["average_precision"])
        assert scores["cosine_accuracy"] == pytest.approx(result.details["best_accuracy"])


def test_without_mteb_it_is_named(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bio_paws.errors import BioPawsError
    from bio_paws_eval.harnesses.mteb_tasks import tasks

    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(BioPawsError, match=r"mteb is not installed: pip install 'bio-paws\[mteb\]'"):
        tasks(str(built))
