"""The results of a folder as one pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from bio_paws_eval.results import Encoding, Result, read_results
from bio_paws_eval.stats.metrics import METRICS

_ENCODING = tuple(field.name for field in fields(Encoding) if field.name != "lengths")
_SAMPLING = ("groups", "effective_groups", "effective_pairs", "few_groups")
_CONFUSION = ("true_negatives", "false_positives", "false_negatives", "true_positives")
_TEXT = (
    *("model", "method", "revision", "weights_sha256", "trained_on", "control", "trained_by", "task", "split"),
    *("version", "content_sha256", "status", "note", "join", "key", "file", "resampled"),
)
_INTEGERS = ("train_pairs", "seed", "pairs", "groups", "dropped", "segment", "max_length", *_CONFUSION)


def results_frame(folder: Path | str) -> pd.DataFrame:
    """Read all results of a folder into a DataFrame, one row per model, training, seed and task.

    Parameters
    ----------
    folder : Path or str
        Folder that `evaluate`, ``bio-paws eval``, ``bio-paws baselines`` or ``bio-paws sweep`` wrote to.

    Returns
    -------
    DataFrame
        In the order of the paths of the files. Numbers that are not known or not defined are missing values.

        ``model``, ``method``, ``revision``, ``weights_sha256``
            Hub id, folder or name of the baseline; the kind of method; commit on the Hub; digest of the weights.
        ``trained_on``, ``control``, ``trained_by``, ``train_pairs``, ``seed``, ``dev_accuracy``
            Task of the fine-tuning ("none" without one); control experiment; method of a model, as ``--method``
            takes it; pairs drawn for it, missing where all were taken; seed; accuracy of the checkpoint that was kept
            on the development split.
        ``task``, ``split``, ``pairs``, ``dropped``, ``version``, ``content_sha256``
            The pairs that were predicted: their number, the placeholders of the source that were filtered out,
            version and digest.
        ``status``, ``note``, ``comparable``
            "scored" or "refused"; the reason, or what to know about the score; False after ``--limit``.
        ``join``, ``segment``, ``max_length``, ``unknown``, ``truncated_pairs``, ...
            How the tokenizer encoded the pairs, as in `Encoding`; missing for baselines.
        ``accuracy``, ``accuracy_low``, ``accuracy_high``, ``balanced_accuracy``, ``f1``, ``mcc``, ``auroc``, ...
            Each metric with the ends of its 95% interval; missing where the result was refused.
        ``resampled``, ``groups``, ``effective_groups``, ``effective_pairs``, ``few_groups``
            What the intervals resample, as `stats.metrics.sampling_of` describes it. Results before schema 2.3
            resampled "pairs" as if they were independent, and name no groups.
        ``true_negatives``, ``false_positives``, ``false_negatives``, ``true_positives``
            Counts of pairs.
        ``key``, ``file``
            Digest of all inputs of the result; path of its file, relative to the folder.

    Raises
    ------
    BioPawsError
        When the folder holds no results, or a file is damaged.

    Examples
    --------
    Mean accuracy over seeds:

    >>> import bio_paws_eval
    >>> frame = bio_paws_eval.results_frame("results")  # doctest: +SKIP
    >>> frame.groupby(["model", "trained_on", "task"])["accuracy"].agg(["mean", "std", "count"])  # doctest: +SKIP
    """
    folder = Path(folder)
    rows = [_row(result) | {"file": path.relative_to(folder).as_posix()} for path, result in read_results(folder)]
    return typed_frame(rows, text=_TEXT, integers=_INTEGERS)


def typed_frame(
    rows: Iterable[Mapping[str, Any]], text: Iterable[str] = (), integers: Iterable[str] = ()
) -> pd.DataFrame:
    """Build a DataFrame whose columns keep their type where values are missing.

    Parameters
    ----------
    rows : iterable of mapping
        Values by name of column; None is a missing value.
    text, integers : iterable of str
        Columns of text and of integers. pandas would turn integers with missing values into floats.

    Examples
    --------
    >>> typed_frame([{"seed": 0, "segment": None}, {"seed": 1, "segment": 100}], integers=["seed", "segment"])
       seed  segment
    0     0     <NA>
    1     1      100
    """
    frame = pd.DataFrame(list(rows))
    types = dict.fromkeys(text, "str") | dict.fromkeys(integers, "Int64")
    numeric = {name: "float64" for name in frame.columns if frame[name].dtype == object and name not in types}
    return frame.astype({name: kind for name, kind in (types | numeric).items() if name in frame.columns})


def interval_columns(name: str, measured: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return a value and the ends of its interval under the names of their columns."""
    return {name: measured.get("value"), f"{name}_low": measured.get("low"), f"{name}_high": measured.get("high")}


def _row(result: Result) -> dict[str, Any]:
    model, training, task = result.model, result.training, result.task
    encoding = {name: getattr(result.encoding, name) if result.encoding else None for name in _ENCODING}
    confusion = [count for row in result.metrics.get("confusion", [[None] * 2] * 2) for count in row]
    metrics = {
        column: value
        for metric in METRICS
        for column, value in interval_columns(metric, result.metrics.get(metric, {})).items()
    }
    return {
        **{"model": model.id, "method": model.method, "revision": model.revision},
        **{"weights_sha256": model.weights_sha256, "trained_on": training.on, "control": training.control},
        "trained_by": training.method if model.method == "model" else None,
        "train_pairs": training.train_pairs,
        **{"seed": training.seed, "dev_accuracy": training.dev_accuracy, "task": task.name, "split": task.split},
        **{"pairs": task.rows, "dropped": task.dropped, "version": task.version, "content_sha256": task.content_sha256},
        **{"status": result.status, "note": result.note, "comparable": result.comparable},
        **encoding,
        **metrics,
        **dict(zip(_CONFUSION, confusion, strict=True)),
        "resampled": result.sampling.get("unit", "pairs") if result.metrics else None,
        **{name: result.sampling.get(name) for name in _SAMPLING},
        "key": result.key,
    }
