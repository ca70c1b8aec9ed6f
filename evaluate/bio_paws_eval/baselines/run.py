"""Scores of the trivial baselines of `bio_paws.features.baselines` on the tasks, stored as a model's are.

Whatever is fitted - a classifier, or one threshold and its direction - is fitted on the train split, so a baseline
knows of the test split no more than a fine-tuned model does.
"""

from __future__ import annotations

import dataclasses
import logging
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.errors import DataError
from bio_paws.execution.files import digest_of
from bio_paws.execution.progress import progress
from bio_paws.execution.stage_keys import source_digest
from bio_paws.features.baselines import Baseline, Fit, PairBatch, Rule, applicable
from bio_paws_eval.results import (
    SCHEMA_VERSION,
    Model,
    Predictions,
    Result,
    Training,
    read_result,
    result_path,
    write_result,
)
from bio_paws_eval.stats.decisions import predicted
from bio_paws_eval.stats.metrics import measure, sampling_of
from bio_paws_eval.stats.pair_types import measure_pair_types
from bio_paws_eval.tasks.load import load_available
from bio_paws_eval.tasks.pairs import Pairs
from bio_paws_eval.tasks.registry import Sources

TRAIN_ROWS = 20_000
"""Pairs of the train split that baselines are fitted on, the first ones: thresholds move little beyond."""

_LIBRARIES = ("bio-paws", "numpy", "scipy", "scikit-learn", "rapidfuzz", "parasail")

_log = logging.getLogger(__name__)


def run_baselines(
    names: Sequence[str] | None,
    known: Sequence[str],
    split: str,
    sources: Sources,
    out: Path,
    network_seeds: Sequence[int] = (),
) -> tuple[list[Path], tuple[str, ...]]:
    """Fit every baseline on the train split of each task and score it on another; skip what is finished.

    Parameters
    ----------
    names : sequence of str, optional
        Tasks that must be scored. Where None, those of `known` are that have a train split and `split`.
    known : sequence of str
        Tasks to try.
    split : {"train", "validation", "test"}
        The split to score.
    sources : Sources
        Where the pairs are.
    out : Path
        The results folder.
    network_seeds : sequence of int
        Seeds of the networks that are trained from scratch (`networks.NETWORKS`), none by default.

    Returns
    -------
    paths : list of Path
        JSON files of all results, task after task in the order of `baselines.BASELINES` and `networks.NETWORKS`.
    skipped : tuple of str
        Why tasks are left out.

    Raises
    ------
    DataError
        When a task of `names` lacks a split, or its train pairs all carry the same label.
    """
    tasks, skipped = load_available(names, known, ["train", split], sources)
    return [path for train, test in tasks for path in _run_task(train, test, sources, out, network_seeds)], skipped


@dataclass(frozen=True)
class _Scoring:
    """The pairs of a task that all baselines are fitted and scored on.

    Attributes
    ----------
    train, test : Pairs
        The split to fit on, and the split to score.
    comparable : bool
        Whether `test` is a whole split.
    out : Path
        The results folder.
    """

    train: Pairs
    test: Pairs
    comparable: bool
    out: Path


@dataclass(frozen=True)
class _Job:
    """A baseline on a task, before it is scored."""

    fit: Fit
    model: Model
    training: Training
    key: str
    path: Path


def _run_task(train: Pairs, test: Pairs, sources: Sources, out: Path, network_seeds: Sequence[int]) -> list[Path]:
    scoring = _Scoring(train, test, test.task.is_whole(sources.limit), out)
    code = source_digest(__name__)
    jobs = [
        *(_baseline_job(baseline, code, scoring) for baseline in applicable(test.molecule)),
        *_network_jobs(network_seeds, scoring),
    ]
    pending = [job for job in jobs if not (job.path.is_file() and read_result(job.path, job.key))]
    task, finished = test.task, len(jobs) - len(pending)
    _log.info("%s %s: %d baselines to score, %d finished", task.name, task.split, len(pending), finished)
    if pending:
        _score(pending, scoring)
    return [job.path for job in jobs]


def _baseline_job(baseline: Baseline, code: str, scoring: _Scoring) -> _Job:
    fitted_by = (SCHEMA_VERSION, code, _environment(), baseline.name)
    return _job(baseline.fit, Model(baseline.name, baseline.role), fitted_by, 0, scoring)


def _network_jobs(seeds: Sequence[int], scoring: _Scoring) -> list[_Job]:
    if not seeds:
        return []
    from bio_paws_eval.baselines import networks  # it needs torch, which the others do not

    code, environment = source_digest(__name__, networks.__name__), _environment() | {"torch": version("torch")}
    jobs = []
    for network, seed in product(networks.NETWORKS, seeds):
        fitted_by = (SCHEMA_VERSION, code, environment, network.name)
        jobs.append(_job(partial(network.fit, seed=seed), Model(network.name, "baseline"), fitted_by, seed, scoring))
    return jobs


def _job(fit: Fit, model: Model, fitted_by: tuple[object, ...], seed: int, scoring: _Scoring) -> _Job:
    """Return a baseline with its keys; `fitted_by` is all that decides the fit but for pairs and seed."""
    train, test = scoring.train.task, scoring.test.task
    trained = (*fitted_by, dataclasses.asdict(train))
    key = digest_of(trained, seed, dataclasses.asdict(test), scoring.comparable)
    training = Training(
        train.name,
        seed=seed,
        rows=min(train.rows, TRAIN_ROWS),
        dropped=train.dropped,
        content_sha256=train.content_sha256,
    )
    path = result_path(scoring.out, model, training, digest_of(trained), test.name, key)
    return _Job(fit, model, training, key, path)


def _environment() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def _score(jobs: Sequence[_Job], scoring: _Scoring) -> None:
    """Fit the baselines of a task, predict the split in one reading, and write the results."""
    batch, labels = _train_rows(scoring.train)
    bar = progress(jobs, desc=f"baselines on {scoring.train.task.name}")
    fitted = [_fit(job, batch, labels) for job in bar]
    all_predictions = _predict([rule for _, rule in fitted], scoring.test)
    for (job, _), (predictions, seconds) in zip(fitted, all_predictions, strict=True):
        _write(job, scoring, seconds, predictions)


def _fit(job: _Job, train: PairBatch, labels: NDArray[np.int8]) -> tuple[_Job, Rule]:
    start = time.perf_counter()
    rule = job.fit(train, labels)
    training = dataclasses.replace(job.training, recipe=rule.recipe, seconds=time.perf_counter() - start)
    return dataclasses.replace(job, training=training), rule


def _predict(rules: Sequence[Rule], test: Pairs) -> list[tuple[Predictions, float]]:
    """Predict with each rule, and measure how many seconds it took.

    What rules share is computed once per batch; its time counts for the first rule that needs it.
    """
    ids: list[str] = []
    labels: list[NDArray[np.int8]] = []
    margins: list[list[NDArray[np.float64]]] = [[] for _ in rules]
    seconds = [0.0] * len(rules)
    for rows in test.read():
        ids += rows["pair_id"].to_pylist()
        labels.append(rows["label"].to_numpy())
        batch = _batch(rows, test)
        for i, rule in enumerate(rules):
            start = time.perf_counter()
            margins[i].append(rule.margin(batch))
            seconds[i] += time.perf_counter() - start
    truth = np.concatenate(labels)
    return [
        (Predictions(ids, _logits(np.concatenate(parts)), truth, test.groups), spent)
        for parts, spent in zip(margins, seconds, strict=True)
    ]


def _train_rows(train: Pairs) -> tuple[PairBatch, NDArray[np.int8]]:
    """Return the first `TRAIN_ROWS` pairs and their labels."""
    parts, left = [], TRAIN_ROWS
    for rows in train.read():
        parts.append(rows.slice(0, left))
        left -= parts[-1].num_rows
        if not left:
            break
    rows = pa.concat_batches(parts)
    labels: NDArray[np.int8] = rows["label"].to_numpy()
    if len(set(labels.tolist())) < 2:
        raise DataError(
            f"{train.task.name}: the first {len(labels)} train pairs all carry label {labels[0]}, so nothing can be "
            "fitted: raise --limit, or shuffle the data"
        )
    return _batch(rows, train), labels


def _batch(rows: pa.RecordBatch, pairs: Pairs) -> PairBatch:
    return PairBatch(rows["sentence1"].to_pylist(), rows["sentence2"].to_pylist(), pairs.molecule)


def _logits(margin: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores of labels 0 and 1 that differ by the margin: shape (n, 2)."""
    return np.stack([-margin / 2, margin / 2], axis=1).astype(np.float32)


def _write(job: _Job, scoring: _Scoring, seconds: float, predictions: Predictions) -> None:
    test = scoring.test
    scored = predictions.logits, predictions.labels
    result = Result(
        key=job.key,
        model=job.model,
        training=job.training,
        task=test.task,
        encoding=None,
        status="scored",
        note="" if scoring.comparable else test.task.cut_note,
        comparable=scoring.comparable,
        environment=_environment(),
        seconds=seconds,
        tokens_per_second=0.0,
        metrics=measure(*scored, test.groups),
        predictions=job.path.with_suffix(".parquet").name,
        by_pair_type=measure_pair_types(*scored, test.kinds, test.groups),
        sampling=sampling_of(predicted(predictions.logits) == predictions.labels, predictions.labels, test.groups),
    )
    write_result(job.path, result, predictions)
    _log.info("%s on %s: accuracy %.4f", job.model.id, test.task.name, result.metrics["accuracy"]["value"])
