"""Results in the shared schema of Every Eval Ever (https://evalevalai.com), version 0.3.0: one record a training.

The schema is ``eval.schema.json`` of the PyPI package every-eval-ever; its details are texts, whatever they hold. A
record has the layout of its datastore, ``BENCHMARK/DEVELOPER/MODEL/UUID.json``, and the same name for the same results.
Baselines are no models, so they have no record.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bio_paws.errors import DataError
from bio_paws.execution.files import write_json
from bio_paws_eval.results import Model, Result, Training, read_results, slug
from bio_paws_eval.tasks.registry import PAWSX_REPO, is_biopaws, is_pawsx, language_of

SCHEMA_VERSION = "0.3.0"

_BENCHMARK = "bioPAWS"
_LOWEST = {"accuracy": 0.0, "balanced_accuracy": 0.0, "f1": 0.0, "mcc": -1.0, "auroc": 0.0}
"""The metrics that are scores, each with its lowest value; 1 is the highest of all."""


def export_records(results: Path, out: Path, data_repo: str = "") -> list[Path]:
    """Write the results of models in the schema of Every Eval Ever.

    Results that were refused, and those that are not comparable because `--limit` left out pairs, are left out.

    Parameters
    ----------
    results : Path
        Folder of results.
    out : Path
        Where the records go.
    data_repo : str
        Repository on the Hub that the pairs of bioPAWS came from, ``owner/name`` or ``owner/name@commit``; "" when they
        came from a folder.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        When there are no results of a model that can be exported.
    """
    trainings: dict[Path, list[Result]] = defaultdict(list)
    for path, result in read_results(results):
        if result.model.method == "model" and result.status == "scored" and result.comparable:
            trainings[path.parent].append(result)
    if not trainings:
        raise DataError(f"{results}: no comparable result of a model: nothing can be exported")
    written = []
    for of_training in trainings.values():
        path = out / _file_name(of_training)
        write_json(path, record_of(of_training, data_repo, int(time.time())))
        written.append(path)
    return written


def record_of(results: list[Result], data_repo: str, now: int) -> dict[str, Any]:
    """Return the record of one training.

    Parameters
    ----------
    results : list of Result
        Scored results of a model, trained in one way with one seed; at least one.
    data_repo : str
        As for `export_records`.
    now : int
        When the record is made, in seconds since 1970.
    """
    model, training = results[0].model, results[0].training
    name = f"{_BENCHMARK} after {training.name}, seed {training.seed}"
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{name}/{_model_id(model)}/{now}",
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": "bio-paws eval",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "bio-paws", "version": results[0].environment.get("bio-paws", "unknown")},
        "model_info": _model_info(model, training),
        "evaluation_results": [score for result in results for score in _scores(result, data_repo)],
    }


def _file_name(results: list[Result]) -> Path:
    model = results[0].model
    developer, _, name = _model_id(model).partition("/")
    keys = "".join(sorted(result.key for result in results))
    return Path(_BENCHMARK) / slug(developer) / slug(name) / f"{uuid.uuid5(uuid.NAMESPACE_OID, keys)}.json"


def _model_id(model: Model) -> str:
    """Return the id of a model as on the Hub; a folder is of no known developer."""
    return model.id if model.revision and "/" in model.id else f"unknown/{slug(model.id)}"


def _model_info(model: Model, training: Training) -> dict[str, Any]:
    details = {
        "revision": model.revision,
        "architecture": model.architecture,
        "parameters": model.parameters,
        "weights_sha256": model.weights_sha256,
        "tokenizer_sha256": model.tokenizer_sha256,
        "fine_tuned_on": training.on,
        "control": training.control,
        "seed": training.seed,
        "hyperparameters": training.recipe,
        "training_pairs": training.rows,
        "dev_accuracy": training.dev_accuracy,
    }
    known = {"deployment_type": "self_deployed", "model_availability": "open_weights"}
    return {"name": model.id, "id": _model_id(model), "additional_details": known | _texts(details)}


def _scores(result: Result, data_repo: str) -> Iterator[dict[str, Any]]:
    """Yield an entry for each score of a result."""
    encoding = result.encoding
    details = {
        "note": result.note,
        "truncated_pairs": encoding and encoding.truncated_pairs,
        "unknown_tokens": encoding and encoding.unknown,
        "key": result.key,
    }
    for metric, lowest in _LOWEST.items():
        measured = result.metrics.get(metric)
        if measured is None or measured["value"] is None:
            continue
        yield {
            "evaluation_result_id": f"{result.key}/{metric}",
            "evaluation_name": f"{result.task.name}/{result.task.split}",
            "source_data": _source(result, data_repo),
            "metric_config": {
                "metric_id": metric,
                "metric_name": metric.replace("_", " "),
                "metric_kind": metric,
                "metric_unit": "proportion",
                "lower_is_better": False,
                "score_type": "continuous",
                "min_score": lowest,
                "max_score": 1.0,
            },
            "score_details": {
                "score": measured["value"],
                "details": _texts(details),
                "uncertainty": {
                    "confidence_interval": {
                        "lower": measured["low"],
                        "upper": measured["high"],
                        "confidence_level": 0.95,
                        "method": "bootstrap",
                    },
                    "num_samples": result.task.rows,
                },
            },
        }


def _source(result: Result, data_repo: str) -> dict[str, Any]:
    """Say where the pairs of a task came from."""
    task = result.task
    details = {"task": task.name, "version": task.version, "content_sha256": task.content_sha256}
    repository, _, revision = data_repo.partition("@")
    if is_pawsx(task.name):
        # From a folder, version is "tsv": nobody knows which commit its files are of.
        repository, revision = PAWSX_REPO, task.version.replace("tsv", "")
        details["config"] = language_of(task.name)
    elif is_biopaws(task.name):
        details["config"] = task.name
    else:
        repository = ""
    if not repository:
        return {"dataset_name": _BENCHMARK, "source_type": "other", "additional_details": _texts(details)}
    return {
        "dataset_name": repository.rpartition("/")[2],
        "source_type": "hf_dataset",
        "hf_repo": repository,
        "hf_split": task.split,
        "samples_number": task.rows,
        "additional_details": _texts(details | {"revision": revision}),
    }


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known as texts; what is no text as JSON."""
    known = {name: value for name, value in values.items() if value not in (None, "")}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in known.items()}
