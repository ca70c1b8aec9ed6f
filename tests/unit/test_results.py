"""Results on disk, and the keys that keep them apart."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from bio_paws.errors import BioPawsError, DataError
from bio_paws.features import perturbations
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.options import EvaluationOptions
from bio_paws_eval.results import Predictions, json_of, read_predictions, read_result, read_results, slug, write_result
from bio_paws_eval.runs import preparation
from bio_paws_eval.stats.metrics import METRICS
from bio_paws_eval.tasks import load
from bio_paws_eval.tasks import pairs as task_pairs
from bio_paws_eval.tasks.pairs import Pairs
from bio_paws_eval.tasks.registry import Sources
from conftest import Golden
from evaluation_results import write_results
from models import write_model


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_results(tmp_path / "a")
    for path, result in read_results(tmp_path / "a"):
        copy = tmp_path / "b" / path.relative_to(tmp_path / "a")
        predictions = read_predictions(path, result) if result.predictions else None
        write_result(copy, result, predictions)
        assert read_result(copy) == result
        assert copy.read_bytes() == path.read_bytes()
        if predictions is not None:
            again = read_predictions(copy, result)
            np.testing.assert_array_equal(again.logits, predictions.logits)
            assert again.pair_ids == predictions.pair_ids


def test_the_json_of_a_result_is_what_others_read(tmp_path: Path, golden: Golden) -> None:
    """To accept a new format, raise SCHEMA_VERSION."""
    write_results(tmp_path)
    path, _ = next((path, result) for path, result in read_results(tmp_path) if result.model.method == "model")
    assert path.read_text() == golden("json")


def test_results_in_earlier_terms_are_read_as_today(tmp_path: Path) -> None:
    write_results(tmp_path)
    today = next(result for _, result in read_results(tmp_path) if result.model.method == "model")
    earlier = read_result(Path(__file__).parents[1] / "golden/result-earlier-terms.json")
    unknown_then = replace(today.training, dev_pairs=0, dev_majority=0.0)
    # Intervals were of resampled pairs then; what they are of is the same.
    none: dict[str, Any] = {"metrics": {}, "by_pair_type": {}, "perturbations": {}, "sampling": {}}
    assert earlier.sampling == {}
    assert replace(earlier, **none, schema_version=today.schema_version) == replace(
        today, **none, training=unknown_then
    )
    for name in METRICS:
        assert earlier.metrics[name]["value"] == pytest.approx(today.metrics[name]["value"])
    assert earlier.perturbations.keys() <= today.perturbations.keys()


def test_predictions_name_the_groups_that_the_result_counts(tmp_path: Path) -> None:
    path = scored(tmp_path)
    result = read_result(path)
    groups = read_predictions(path, result).groups
    assert groups is not None
    assert (groups.unit, groups.count, groups.pairs) == ("homology groups", 40, result.task.rows)
    assert result.sampling["groups"] == 40
    with pytest.raises(DataError, match="40 groups, not 39"):
        read_predictions(path, replace(result, sampling=result.sampling | {"groups": 39}))
    table = pq.read_table(path.with_suffix(".parquet"))
    pq.write_table(table.drop_columns(["group1", "group2"]), path.with_suffix(".parquet"), write_page_checksum=True)
    assert read_predictions(path, result).groups is None


@pytest.mark.parametrize(("earlier", "today"), [("floor", "baseline"), ("ceiling", "upper_bound"), ("model", "model")])
def test_earlier_names_of_methods_are_read_as_today(earlier: str, today: str, tmp_path: Path) -> None:
    raw = json.loads((Path(__file__).parents[1] / "golden/result-earlier-terms.json").read_text())
    rate = {"value": 0.5, "low": 0.2, "high": 0.8}
    remote = {"label": 1, "n": 9, "auroc": rate}
    raw |= {"model": raw["model"] | {"method": earlier}, "by_kind": {"remote": remote | {"answered_1": rate}}}
    (tmp_path / "result.json").write_text(json.dumps(raw))
    result = read_result(tmp_path / "result.json")
    assert result.model.method == today
    assert result.by_pair_type == {"remote": remote | {"predicted_positive_rate": rate}}


def test_a_probe_under_its_earlier_name_is_read_as_today(tmp_path: Path) -> None:
    path = scored(tmp_path)
    raw = json.loads(path.read_text())
    path.write_text(json.dumps(raw | {"training": raw["training"] | {"method": "frozen"}, "schema_version": "2.3"}))
    assert read_result(path).training.method == "probe"


def test_results_of_another_major_version_are_refused(tmp_path: Path) -> None:
    write_results(tmp_path)
    path, _ = read_results(tmp_path)[0]
    raw = json.loads(path.read_text())
    path.write_text(json.dumps(raw | {"schema_version": "3.0"}))
    with pytest.raises(BioPawsError, match=r"results of version 3.0, this program reads 2"):
        read_result(path)
    path.write_text(json.dumps(raw | {"schema_version": "2.9"}))
    read_result(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": "1.0"}'])
def test_what_is_not_a_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m/r/seed-0/dna50-1.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BioPawsError, match=r"dna50-1\.json: not a result"):
        read_result(path)


def test_a_result_under_the_name_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    write_results(tmp_path)
    (first, result), (second, other) = read_results(tmp_path)[:2]
    text = first.read_text()
    first.write_text(second.read_text())
    with pytest.raises(DataError, match=f"is another result .its key is {other.key}, not {result.key}."):
        read_result(first, result.key)
    with pytest.raises(DataError, match=f"{first.name}: is a result that belongs at .*{second.name}: move it there"):
        read_results(tmp_path)
    first.write_text(text)
    for copy in (first.parents[1] / "seed-7" / first.name, first.parents[2] / "other-01234567/seed-0" / first.name):
        copy.parent.mkdir(parents=True)
        shutil.copy(first, copy)
        with pytest.raises(DataError, match=r"belongs at .*seed-0|is the result of .* again: move one"):
            read_results(tmp_path)
        copy.unlink()
    assert len(read_results(tmp_path)) > 2


def scored(folder: Path) -> Path:
    """Write results and return one of a model that has everything: metrics, pair types, perturbations."""
    write_results(folder)
    return next(path for path, result in read_results(folder) if result.perturbations and result.by_pair_type)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"metrics": {"accuracy": {"value": 1.5}}}, "accuracy.value"),
        ({"metrics": {"mcc": {"low": -1.5}}}, "mcc.low"),
        ({"metrics": {"auroc": {"value": float("nan")}}}, "auroc.value"),
        ({"metrics": {"accuracy": {"value": 0.123}}}, "accuracy 0.123 is not that of the confusion matrix"),
        ({"metrics": {"f1": {"low": 0.9, "high": 0.1}}}, "low 0.9 is above high 0.1"),
        ({"metrics": {"f1": {"low": None}}}, "defined together"),
        ({"metrics": {"confusion": [[1, 2], [3, -4]]}}, "confusion"),
        ({"task": {"rows": 7}}, "its confusion matrix does not count 7 pairs"),
        ({"task": {"rows": "200"}}, "task.rows"),
        ({"training": {"seed": -1}}, "training.seed"),
        ({"training": {"best_epoch": 9}}, "epoch 9 was kept, of 2"),
        ({"encoding": {"unknown": 1.1}}, "encoding.unknown"),
        ({"by_pair_type": {"identical": {"label": 2}}}, "identical.label"),
        ({"perturbations": {"n": None}}, "n: Input should be a valid integer"),
        ({"sampling": {"unit": "clans"}}, "unit"),
        ({"status": "refused"}, "it is refused, and has metrics"),
        ({"predictions": ""}, "it is scored, and has no metrics or no predictions"),
        ({"predictions": "../other.parquet"}, "predictions"),
        ({"comparable": "no"}, "comparable"),
        ({"seconds": float("inf")}, "seconds"),
        ({"model": None}, "model"),
    ],
)
def test_a_result_that_cannot_be_is_refused(change: dict[str, Any], where: str, tmp_path: Path) -> None:
    path = scored(tmp_path)
    path.write_text(json.dumps(updated(json.loads(path.read_text()), change)))
    with pytest.raises(DataError, match=re.escape(where)) as refused:
        read_result(path)
    assert "remove" not in str(refused.value)


def updated(raw: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Change fields at any depth."""
    return raw | {
        name: updated(raw[name], value) if isinstance(value, dict) and isinstance(raw.get(name), dict) else value
        for name, value in change.items()
    }


def test_fields_of_a_later_minor_version_are_kept(tmp_path: Path) -> None:
    path = scored(tmp_path)
    later = {"schema_version": "2.9", "model": {"licence": "MIT"}, "metrics": {"f1": {"groups": 7}}, "carbon": [1.5]}
    raw = updated(json.loads(path.read_text()), later)
    path.write_text(json.dumps(raw))
    result = read_result(path)
    assert json_of(result) == raw
    write_result(tmp_path / "again.json", result, None)
    assert json.loads((tmp_path / "again.json").read_text()) == raw


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda table: table.slice(1), "holds 199 of 200 predictions"),
        (lambda table: pa.concat_tables([table.slice(1), table.slice(1, 1)]), "a pair is predicted twice"),
        (lambda table: table.set_column(3, "label", pa.array([2] * 200, pa.int8())), "a label is neither 0 nor 1"),
        (lambda table: table.set_column(1, "logit0", pa.array([None] * 200, pa.float32())), "missing or no number"),
        (lambda table: table.set_column(1, "logit0", pa.array([np.nan] * 200, pa.float32())), "missing or no number"),
        (
            lambda table: table.rename_columns(["pair_id", "logit1", "logit0", *table.column_names[3:]]),
            "the counts of its result",
        ),
        (lambda table: table.drop_columns(["logit1"]), "cannot be read"),
        (lambda table: table.set_column(3, "label", pa.array(["one"] * 200)), "cannot be read"),
    ],
)
def test_predictions_that_are_not_the_results_own_are_refused(
    change: Callable[[pa.Table], pa.Table], fault: str, tmp_path: Path
) -> None:
    path = scored(tmp_path)
    result = read_result(path)
    file = path.with_name(result.predictions)
    pq.write_table(change(pq.read_table(file)), file)
    with pytest.raises(DataError, match=fault):
        read_predictions(path, result)


def test_missing_predictions_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(BioPawsError, match="no results"):
        read_results(tmp_path)
    write_results(tmp_path)
    path, result = next((path, result) for path, result in read_results(tmp_path) if result.predictions)
    path.with_name(result.predictions).write_bytes(b"PAR1")
    with pytest.raises(BioPawsError, match="predictions cannot be read"):
        read_predictions(path, result)


def test_a_cell_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    write_results(tmp_path / "a")
    _, result = read_results(tmp_path / "a")[0]
    (tmp_path / "b").write_text("a file where the folder should be")
    with pytest.raises(BioPawsError, match="cannot be written"):
        write_result(tmp_path / "b/x.json", result, Predictions([], np.zeros((0, 2), np.float32), np.zeros(0, np.int8)))


def test_hub_ids_become_folders() -> None:
    assert slug("google/bert base") == "google--bert_base"
    assert slug("../../etc") == "--..--etc"


CHANGES: dict[str, Callable[[EvaluationOptions, Path], EvaluationOptions]] = {
    "seed": lambda s, _: replace(s, seeds=(1,)),
    "training data": lambda s, _: replace(s, finetune=["fr"]),
    "trained on bioPAWS": lambda s, _: replace(s, finetune=(), finetune_on=("dna150",), allow_unknown=True),
    "not trained": lambda s, _: replace(s, finetune=("none",)),
    "control": lambda s, _: replace(s, controls=("random-init",)),
    "linear probe": lambda s, _: replace(s, method="probe"),
    "cosine": lambda s, _: replace(s, method="cosine"),
    "few pairs": lambda s, _: replace(s, train_pairs=(16,)),
    "other few pairs": lambda s, _: replace(s, train_pairs=(32,)),
    "task": lambda s, _: replace(s, configs=("dna50",)),
    "split": lambda s, _: replace(s, split="validation"),
    "limit": lambda s, _: replace(s, limit=10),
    "segment": lambda s, _: replace(s, segment=50),
    "allowed unknown": lambda s, _: replace(s, segment=None, allow_unknown=True),
    "refused unknown": lambda s, _: replace(s, segment=None),
    "number format": lambda s, _: replace(s, dtype="bfloat16"),
    "device": lambda s, _: replace(s, device="cuda"),
    "weights": lambda s, folder: replace(s, model=str(_other_model(folder, "weights"))),
    "tokenizer": lambda s, folder: replace(s, model=str(_other_model(folder, "tokenizer"))),
    "configuration": lambda s, folder: replace(s, model=str(_other_model(folder, "config"))),
    **{
        name: lambda s, _, name=name, value=value: replace(s, recipe=replace(s.hyperparameters, **{name: value}))
        for name, value in {
            "learning_rate": 1.0, "batch_size": 2, "epochs": 9, "max_length": 16, "schedule": "cosine", "warmup": 0.5,
            "weight_decay": 0.5, "lora_rank": 4, "device_batch_size": 8, "gradient_checkpointing": True,
        }.items()
    },
}  # fmt: skip


def _other_model(folder: Path, what: str) -> Path:
    """The same model under the same name, changed in one file."""
    model = write_model(folder / what / "bert", "bert")
    if what == "weights":
        data = bytearray((model / "model.safetensors").read_bytes())
        data[-1] ^= 1
        (model / "model.safetensors").write_bytes(data)
    else:
        path = model / ("tokenizer_config.json" if what == "tokenizer" else "config.json")
        name = "model_max_length" if what == "tokenizer" else "hidden_dropout_prob"
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: 500 if what == "tokenizer" else 0.2}))
    return model


@pytest.fixture
def options(bert: Path, built: Path, pawsx: Path, tmp_path: Path) -> EvaluationOptions:
    return EvaluationOptions(
        str(bert), seeds=1, configs=["dna150"], data=str(built), pawsx=str(pawsx), device="cpu", out=tmp_path / "out"
    )


def key_and_path(options: EvaluationOptions) -> tuple[str, Path]:
    prepared = preparation.prepare(options)
    run, task = prepared.runs[0], prepared.tasks[0]
    return preparation.key_of_result(prepared, run, task), preparation.path_of_result(prepared, run, task)


def test_the_key_follows_all_that_can_change_a_result(
    options: EvaluationOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "device_of", torch.device)  # this machine may have no GPU
    first = key_and_path(options)
    assert key_and_path(options) == first
    cells = {"as it is": first, **{name: key_and_path(change(options, tmp_path)) for name, change in CHANGES.items()}}
    for place in (0, 1):  # keys, and paths
        by_value: dict[Any, list[str]] = {}
        for name, cell in cells.items():
            by_value.setdefault(cell[place], []).append(name)
        assert [names for names in by_value.values() if len(names) > 1] == []


def test_a_limit_beyond_the_data_changes_nothing(options: EvaluationOptions) -> None:
    assert key_and_path(replace(options, limit=10_000)) == key_and_path(options)


def test_every_hyper_parameter_is_in_the_key() -> None:
    assert {field.name for field in fields(Hyperparameters)} <= CHANGES.keys()


def test_code_and_libraries_are_in_the_key(options: EvaluationOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    first = key_and_path(options)
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "TRAINING_CODE", preparation.TRAINING_CODE[:1])
        assert key_and_path(options)[0] != first[0]
    with monkeypatch.context() as patch:
        patch.setattr(preparation.importlib.metadata, "version", lambda _: "0")
        assert key_and_path(options)[0] != first[0]


def test_a_changed_statistic_is_another_result_of_the_same_training(
    options: EvaluationOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    (training,), first = {run.key for run in preparation.prepare(options).runs}, key_and_path(options)
    monkeypatch.setattr(preparation, "STATISTICS_CODE", preparation.STATISTICS_CODE[:1])
    assert {run.key for run in preparation.prepare(options).runs} == {training}
    assert key_and_path(options)[0] != first[0]


def test_views_are_in_the_key(options: EvaluationOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    other = (*perturbations.PERTURBATIONS[:-1], replace(perturbations.PERTURBATIONS[-1], apply=perturbations.swap))
    for changed in (
        (perturbations, "PERTURBATIONS", perturbations.PERTURBATIONS[:-1]),
        (perturbations, "PERTURBATIONS", other),
        (task_pairs, "PERTURBED_ROWS", 5),
    ):
        first = key_and_path(options)
        with monkeypatch.context() as patch:
            patch.setattr(*changed)
            assert key_and_path(options)[0] != first[0]


def test_views_are_split_into_words_as_the_stored_pairs_are(options: EvaluationOptions) -> None:
    for segment in ("auto", 50):
        (task,) = preparation.prepare(replace(options, segment=segment)).tasks
        assert task.encoded.encoding.segment == (100 if segment == "auto" else 50)
        assert {encoded.encoding.segment for encoded in task.perturbations.values()} == {task.encoded.encoding.segment}


def test_pairs_to_train_on_are_read_once_for_all_controls(
    options: EvaluationOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def load_pairs(name: str, split: str, sources: Sources) -> Pairs:
        read.append((name, split))
        return original(name, split, sources)

    original = load.load_pairs
    monkeypatch.setattr(load, "load_pairs", load_pairs)
    prepared = preparation.prepare(replace(options, controls=("none", "random-init", "shuffled-labels"), seeds=(0, 1)))
    assert sorted(read) == [("dna150", "test"), ("pawsx_en", "train"), ("pawsx_en", "validation")]
    assert len({(run.key, run.training.seed) for run in prepared.runs}) == 6


def test_where_results_lie_is_not_in_the_key(options: EvaluationOptions, tmp_path: Path) -> None:
    assert key_and_path(replace(options, out=tmp_path / "elsewhere"))[0] == key_and_path(options)[0]
