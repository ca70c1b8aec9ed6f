"""Results in the schema of Every Eval Ever: its own JSON schema accepts them, and their numbers are those of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bio_paws.cli.app import main
from bio_paws.errors import DataError
from bio_paws_eval.report.every_eval_ever import SCHEMA_VERSION, export_records
from bio_paws_eval.results import read_results
from evaluation_results import BERT, task, training, write_baseline, write_cell, write_results

GOLDEN = Path(__file__).parents[1] / "golden/every-eval-ever"
REFERENCE = Path(__file__).parents[2] / "results/reference"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema = json.loads((GOLDEN / "eval.schema.json").read_text())
    assert schema["version"] == SCHEMA_VERSION
    return jsonschema.Draft7Validator(schema)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("results"))


def records(files: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in files]


@pytest.mark.parametrize("data_repo", ["", "me/bioPAWS", "me/bioPAWS@1a2b3c"])
def test_the_schema_accepts_every_record(
    data_repo: str, results: Path, tmp_path: Path, validator: jsonschema.Draft7Validator
) -> None:
    files = export_records(results, tmp_path, data_repo)
    assert len(files) == 4  # two models, two seeds
    for record in records(files):
        assert list(validator.iter_errors(record)) == []
        for entry in record["evaluation_results"]:
            source = entry["source_data"]
            if entry["evaluation_name"].startswith("dna"):
                assert source.get("hf_repo", "") == data_repo.partition("@")[0]
                assert source["additional_details"].get("revision", "") == data_repo.partition("@")[2]
            else:
                assert source["hf_repo"] == "google-research-datasets/paws-x"


def test_the_reference_results_are_accepted(tmp_path: Path, validator: jsonschema.Draft7Validator) -> None:
    for record in records(export_records(REFERENCE, tmp_path)):
        assert list(validator.iter_errors(record)) == []


def test_every_score_is_that_of_the_result(results: Path, tmp_path: Path) -> None:
    expected = {
        f"{result.key}/{metric}": result.metrics[metric]
        for _, result in read_results(results)
        if result.model.method == "model" and result.status == "scored" and result.comparable
        for metric in ("accuracy", "balanced_accuracy", "f1", "mcc", "auroc")
    }
    exported = {
        entry["evaluation_result_id"]: entry["score_details"]
        for record in records(export_records(results, tmp_path))
        for entry in record["evaluation_results"]
    }
    assert exported.keys() == expected.keys()
    for key, details in exported.items():
        interval = details["uncertainty"]["confidence_interval"]
        assert {"value": details["score"], "low": interval["lower"], "high": interval["upper"]} == expected[key]


def test_a_model_of_the_hub_keeps_its_id_and_a_folder_claims_none(results: Path, tmp_path: Path) -> None:
    ids = {record["model_info"]["id"] for record in records(export_records(results, tmp_path))}
    assert ids == {"openai-community/gpt2", "unknown/bert-base-cased"}


def test_the_same_results_have_the_same_names(results: Path, tmp_path: Path) -> None:
    first, again = (export_records(results, tmp_path / name) for name in ("first", "again"))
    assert [path.relative_to(tmp_path / "first") for path in first] == [
        path.relative_to(tmp_path / "again") for path in again
    ]


def test_a_score_that_is_not_defined_is_left_out(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "results", BERT, training(), task("dna150"), 0.8)
    result = json.loads(path.read_text())
    result["metrics"]["mcc"] = {"value": None, "low": None, "high": None}
    path.write_text(json.dumps(result))
    [record] = records(export_records(tmp_path / "results", tmp_path / "out"))
    assert [entry["metric_config"]["metric_id"] for entry in record["evaluation_results"]] == [
        *("accuracy", "balanced_accuracy", "f1", "auroc")
    ]


def test_baselines_alone_cannot_be_exported(tmp_path: Path) -> None:
    write_baseline(tmp_path / "results", "majority", "baseline", task("dna150"), 0.5)
    with pytest.raises(DataError, match="no comparable result of a model"):
        export_records(tmp_path / "results", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_report_exports_and_names_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tmp_path / "results", BERT, training(), task("dna150"), 0.8)
    out = tmp_path / "records"
    assert main(["report", str(tmp_path / "results"), "--export", str(out)]) == 0
    assert set(capsys.readouterr().out.splitlines()) >= {str(path) for path in out.rglob("*.json")} > set()
