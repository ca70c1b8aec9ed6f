"""The command line, `evaluate` and a plan, given the same values, mean the same, and refuse the same."""

from __future__ import annotations

import argparse
import inspect
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.cli.app import main
from bio_paws.errors import ConfigError
from bio_paws_eval import evaluate
from bio_paws_eval.cli.arguments import add_evaluation_options, evaluation_options
from bio_paws_eval.hyperparameters import HYPERPARAMETERS, Hyperparameters
from bio_paws_eval.methods.prompt_templates import TEMPLATES
from bio_paws_eval.methods.registry import METHODS, Registered
from bio_paws_eval.options import EvaluationOptions, GridOptions, description_of, names_of
from bio_paws_eval.sweep.run import options_of_plan
from bio_paws_eval.tasks.registry import LANGUAGES, Sources, all_names, is_pawsx

FINE_TUNING = {"save_models", "trust_remote_code", "adapter"}
"""Options of fine-tuning only."""
PROMPTING: dict[str, st.SearchStrategy[Any]] = {
    "template": st.sampled_from(list(TEMPLATES)),
    "shots": st.integers(1, 9),
    "calibration": st.sampled_from(["contextual", "none"]),
}
"""Options of prompts only."""
MACHINE = {"data", "pawsx", "device", "out"}  # set beside a plan
NOT_IN_PLANS = {"save_models", "adapter"}


def names(known: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(known), min_size=1, max_size=3)


RECIPES = st.sampled_from(list(HYPERPARAMETERS)) | st.fixed_dictionaries(
    {"name": st.sampled_from(list(HYPERPARAMETERS))},
    optional={
        "learning_rate": st.floats(1e-7, 1.0),
        "batch_size": st.integers(1, 512),
        "epochs": st.integers(1, 9),
        "max_length": st.integers(1, 4096),
        "schedule": st.sampled_from(["constant_with_warmup", "linear", "cosine"]),
        "warmup": st.floats(0, 0.99),
        "weight_decay": st.floats(0, 1),
    },
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "finetune": names(LANGUAGES),
    "finetune_on": names(tuple(name for name in all_names() if not is_pawsx(name))),
    "seeds": st.integers(1, 9) | st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4),
    "recipe": RECIPES,
    "configs": names(all_names()),
    "train_pairs": st.lists(st.integers(1, 600).map(lambda half: 2 * half), min_size=1, max_size=4),
    "perturbations": st.sampled_from(["all", "none"]),
    "split": st.sampled_from(["test", "validation"]),
    "segment": st.sampled_from(["auto", "none"]) | st.integers(1, 200),
    "allow_unknown": st.booleans(),
    "truncate": st.booleans(),
    "dtype": st.sampled_from(["float32", "bfloat16"]),
    "limit": st.integers(1, 10**6),
    "data": st.sampled_from(["./bioPAWS", "me/bioPAWS", "12"]),
    "pawsx": st.sampled_from(["./x-final", "me/paws-x"]),
    "device": st.sampled_from(["auto", "cpu"]),
    "out": st.sampled_from(["results", "a/b"]),
    "revision": st.sampled_from(["main", "0123456", "1e5"]),
    "save_models": st.booleans(),
    "trust_remote_code": st.booleans(),
    "adapter": st.sampled_from(["./adapter"]),
    "load_in": st.just("float32"),  # others go with some recipes only
    "report_to": st.sampled_from(["none", "tensorboard", "wandb", "trackio"]),
}


def command_line(values: Mapping[str, Any]) -> list[str]:
    """Write options as arguments."""
    arguments = ["--model", str(values["model"])]
    for name, value in values.items():
        flag = "--control" if name == "controls" else f"--{name.replace('_', '-')}"
        if name == "model":
            continue
        if name == "seeds" and isinstance(value, list):
            arguments += [f"{flag}={','.join(map(str, value))},"]
        elif name == "recipe" and isinstance(value, dict):
            for key, part in value.items():
                arguments += ["--recipe" if key == "name" else f"--{key.replace('_', '-')}", str(part)]
        elif isinstance(value, bool):
            arguments += [flag] if value else ["--no-truncate"] if name == "truncate" else []
        elif isinstance(value, list):
            arguments += [flag, *map(str, value)]
        else:
            arguments += [f"{flag}={value}"]
    return arguments


def from_command_line(values: Mapping[str, Any]) -> EvaluationOptions:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_evaluation_options(parser)
    (options,) = evaluation_options(parser.parse_args(command_line(values)))
    return options


def from_file(values: Mapping[str, Any]) -> EvaluationOptions:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_evaluation_options(parser)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.yaml"
        path.write_text(yaml.safe_dump(values))
        (options,) = evaluation_options(parser.parse_args(["--config", str(path)]))
    return options


def from_plan(values: Mapping[str, Any]) -> EvaluationOptions:
    model = {name: values[name] for name in ("model", "revision", "trust_remote_code") if name in values}
    grid = {name: value for name, value in values.items() if name not in MACHINE | NOT_IN_PLANS | set(model)}
    sources = Sources(**{name: values[name] for name in ("data", "pawsx") if name in values})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        planned = {"id": model.pop("model"), **model}
        path.write_text(yaml.safe_dump({"title": "t", "grids": [{"models": [planned], **grid}]}))
        out = Path(values.get("out", "results"))
        (options,) = options_of_plan(str(path), sources, values.get("device", "auto"), out)
    return options


def values_of(method: Registered) -> st.SearchStrategy[dict[str, Any]]:
    """Draw options that go together with a method."""
    own = {"controls": names(method.controls)}
    unsuited = {"fine-tune": set(), "probe": FINE_TUNING}.get(method.name, FINE_TUNING | {"train_pairs"})
    given = {name: VALUES[name] for name in VALUES if name not in unsuited}
    required = {"model": st.sampled_from(["gpt2", "me/model"])}
    if method.name != "fine-tune":
        required["method"] = st.just(method.name)
    if method.name == "prompt":
        required["shots"] = PROMPTING["shots"]  # without them, there is nothing to fit
        own |= {name: PROMPTING[name] for name in PROMPTING if name != "shots"}
    return st.fixed_dictionaries(required, optional=given | own)


@settings(max_examples=40, deadline=None)
@given(st.one_of(*map(values_of, METHODS)))
def test_three_ways_to_set_options_are_one(values: dict[str, Any]) -> None:
    expected = EvaluationOptions(**values)
    assert from_command_line(values) == from_file(values) == expected
    if not NOT_IN_PLANS & values.keys():
        assert from_plan(values) == expected


def test_every_option_is_tried_here() -> None:
    assert {"model", "method", "controls", *PROMPTING, *VALUES} == set(names_of(EvaluationOptions))


INVALID: dict[str, list[Any]] = {
    "method": ["finetune"],
    "train_pairs": [[16, 7], [0], ["few"]],
    "perturbations": ["swapped"],
    "template": ["question-2"],
    "shots": [-1, "two"],
    "calibration": ["linear"],
    "finetune": [["xx"]],
    "finetune_on": [["pawsx_en"], ["dna15"]],
    "controls": [["frozn"]],
    "seeds": [0, "five", [-1], [1, "x"], [2**32]],
    "recipe": ["papre", *({name: value} for name, value in {
        "learning_rate": 0, "batch_size": 0, "epochs": 1.5, "max_length": "long", "schedule": "upwards", "warmup": 1.5,
        "weight_decay": -1, "device_batch_size": -1,
    }.items())],
    "configs": [["dna15"]],
    "split": ["train"],
    "segment": [0, "words", 1.5],
    "dtype": ["int8"],
    "load_in": ["int8"],
    "limit": [0, -3, "all", 1.5],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, tried in INVALID.items() for value in tried])
def test_three_ways_refuse_alike(name: str, value: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says the same of the same option, in one line; the command line names the argument."""
    values = {"model": "gpt2", name: value}
    with pytest.raises(ConfigError) as raised:
        evaluate(**values)
    place, reason = str(raised.value).split(": ", 1)
    assert place.startswith(name)
    with pytest.raises(ConfigError) as raised:
        from_plan(values)
    assert str(raised.value).split("grids[0].", 1)[1] == f"{place}: {reason}"
    assert main(["eval", *command_line(values)]) == 2
    flag = "control" if name == "controls" else place.split(".")[-1].split("[")[0].replace("_", "-")
    assert capsys.readouterr().err == f"bio-paws: error: --{flag}: {reason}; see bio-paws eval --help\n"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"finetune": ["none"], "controls": ["random-init"]}, "control random-init needs something to fine-tune on"),
        ({"finetune": ["en"], "controls": ["nothing"]}, "unknown control 'nothing'"),
        ({"method": "cosine", "controls": ["shuffled-labels"]}, "method cosine has no control shuffled-labels"),
        ({"method": "cosine", "shots": 2}, "template, shots and calibration are of method prompt, not of cosine"),
        ({"method": "cosine", "train_pairs": [16]}, "method cosine is not trained on pairs"),
        ({"load_in": "4bit"}, "weights in 4bit are not trained: give lora_rank, or finetune none"),
        ({"load_in": "8bit", "method": "cosine"}, "method cosine reads weights in float32: leave out load_in"),
        ({"load_in": "8bit", "controls": ["untuned", "random-init"]}, "control random-init draws weights"),
        ({"method": "prompt", "finetune": ["en"]}, "a prompt without shots learns nothing"),
        ({"method": "probe", "finetune": ["none"]}, "method probe needs something to be fitted on"),
    ],
)
def test_contradictions_are_refused_alike(values: dict[str, Any], message: str) -> None:
    for way in (evaluate, lambda **given: from_plan(given)):
        with pytest.raises(ConfigError, match=message) as raised:
            way(model="gpt2", **values)
        assert "\n" not in str(raised.value)
    assert main(["eval", *command_line({"model": "gpt2", **values})]) == 2


@pytest.mark.parametrize("own", [{"trust_remote_code": True}, {"adapter": "./adapter"}, {"save_models": True}])
def test_what_only_fine_tuning_does_is_refused_elsewhere(own: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="method cosine "):
        evaluate("gpt2", method="cosine", **own)


def test_arguments_go_before_a_file_of_options(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_evaluation_options(parser)
    path = tmp_path / "options.yaml"
    path.write_text("model: [gpt2, me/model]\nseeds: [3, 4]\nrecipe: {name: xtreme, epochs: 7}\nlimit: 20\n")
    given = ["--config", str(path), "--limit", "5", "--epochs", "2", "--model", "a", "b", "--model", "a"]
    planned = evaluation_options(parser.parse_args(given))
    assert [options.model for options in planned] == ["a", "b"]
    assert planned[0] == EvaluationOptions("a", seeds=[3, 4], recipe={"name": "xtreme", "epochs": 2}, limit=5)
    planned = evaluation_options(parser.parse_args(given[:2]))
    assert [(options.model, options.hyperparameters.epochs) for options in planned] == [("gpt2", 7), ("me/model", 7)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: 1", "no model: give --model"),
        ("model: []", "no model"),
        ("model: 5", "model: input should be a valid string"),
        ("models: [a]", "'models' is no option"),
        ("- model", "is no option"),
        ("model: [a, b]\nrevision: main", "revision: it is of one model"),
        ("model: a\nmodel: b", "a key is given twice"),
        ("model: a\nrecipe: 5\n", "recipe"),
    ],
)
def test_files_of_options_that_are_none(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "options.yaml"
    assert main(["eval", "--config", str(path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    path.write_text(text)
    assert main(["eval", "--config", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_tasks_are_listed_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["eval", "--list-tasks"])
    assert ended.value.code == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(all_names())


def test_finetune_on_alone_does_not_train_on_english() -> None:
    values = {"model": "gpt2", "finetune_on": ["dna150"]}
    for options in (EvaluationOptions(**values), from_command_line(values), from_plan(values)):
        assert options.train_on == ("dna150",)
    assert EvaluationOptions("gpt2").train_on == ("pawsx_en",)


def test_the_signature_and_the_help_of_evaluate_are_those_of_the_model() -> None:
    signature = inspect.signature(evaluate)
    assert tuple(signature.parameters) == names_of(EvaluationOptions)
    assert signature.parameters["seeds"].default == 5
    text = inspect.getdoc(evaluate) or ""
    for name in names_of(EvaluationOptions):
        assert f"\n{name} : " in text
        assert description_of(EvaluationOptions, name) in text
    assert set(names_of(GridOptions)) < set(names_of(EvaluationOptions))


def test_every_hyperparameter_is_described() -> None:
    for name in vars(HYPERPARAMETERS["paper"]):
        assert description_of(Hyperparameters, name)
