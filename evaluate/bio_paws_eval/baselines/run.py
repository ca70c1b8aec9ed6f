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
class _Job:
    """A baseline on a task, before it is scored."""

    fit: Fit
    model: Model
    training: Training
    key: str
    path: Path


def _run_task(train: Pairs, test: Pairs, sources: Sources, out: Path, network_seeds: Sequence[int]) -> list[Path]:
    comparable = test.task.is_whole(sources.limit)
    code = source_digest(__name__)
    jobs = [
        *(_baseline_job(baseline, code, train, test, comparable, out) for baseline in applicable(test.molecule)),
        *_network_jobs(network_seeds, train, test, comparable, out),
    ]
    pending = [job for job in jobs if not (job.path.is_file() and read_result(job.path, job.key))]
    task, finished = test.task, len(jobs) - len(pending)
    _log.info("%s %s: %d baselines to score, %d finished", task.name, task.split, len(pending), finished)
    if pending:
        _score(pending, train, test, comparable)
    return [job.path for job in jobs]


def _baseline_job(baseline: Baseline, code: str, train: Pairs, test: Pairs, comparable: bool, out: Path) -> _Job:
    trained = (SCHEMA_VERSION, code, _environment(), baseline.name, dataclasses.asdict(train.task))
    return _job(baseline.fit, Model(baseline.name, baseline.role), trained, 0, train, test, comparable, out)


def _network_jobs(seeds: Sequence[int], train: Pairs, test: Pairs, comparable: bool, out: Path) -> list[_Job]:
    if not seeds:
        return []
    from bio_paws_eval.baselines import networks  # it needs torch, which the others do not

    code, environment = source_digest(__name__, networks.__name__), _environment() | {"torch": version("torch")}
    jobs = []
    for network, seed in product(networks.NETWORKS, seeds):
        trained = (SCHEMA_VERSION, code, environment, network.name, dataclasses.asdict(train.task))
        model = Model(network.name, "baseline")
        jobs.append(_job(partial(network.fit, seed=seed), model, trained, seed, train, test, comparable, out))
    return jobs


def _job(
    fit: Fit,
    model: Model,
    trained: tuple[object, ...],
    seed: int,
    train: Pairs,
    test: Pairs,
    comparable: bool,
    out: Path,
) -> _Job:
    key = digest_of(trained, seed, dataclasses.asdict(test.task), comparable)
    training = Training(
        train.task.name,
        seed=seed,
        rows=min(train.task.rows, TRAIN_ROWS),
        dropped=train.task.dropped,
        content_sha256=train.task.content_sha256,
    )
    path = result_path(out, model, training, digest_of(trained), test.task.name, key)
    return _Job(fit, model, training, key, path)


def _environment() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def _score(jobs: Sequence[_Job], train: Pairs, test: Pairs, comparable: bool) -> None:
    """Fit the baselines of a task, predict the split in one reading, and write the results."""
    batch, labels = _train_rows(train)
    bar = progress(jobs, desc=f"baselines on {train.task.name}")
    fitted = [_fit(job, batch, labels) for job in bar]
    all_predictions = _predict([rule for _, rule in fitted], test)
    for (job, _), (predictions, seconds) in zip(fitted, all_predictions, strict=True):
        _write(job, test, comparable, seconds, predictions)


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


def _write(job: _Job, test: Pairs, comparable: bool, seconds: float, predictions: Predictions) -> None:
    scored = predictions.logits, predictions.labels
    result = Result(
        key=job.key,
        model=job.model,
        training=job.training,
        task=test.task,
        encoding=None,
        status="scored",
        note="",
        comparable=comparable,
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
