"""Floors and ceilings: how far one gets with no neural network.

A floor aligns nothing: it sees one side alone, lengths, composition, or the letters and k-mers in common. A ceiling
compares the two sides as the label was made, by alignment or translation. Where a floor reaches the ceiling, a model's
score there shows no more than that floor does. A new baseline is one entry in `BASELINES`, nothing else.

Whatever is fitted - a classifier, or one threshold and its direction - is fitted on the train split, so a baseline
knows of the test split no more than a fine-tuned model does.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.align import smith_waterman, translation
from bio_paws.align.translation import best_frame_alignment, spliced_identity
from bio_paws.configs import Molecule
from bio_paws.errors import DataError
from bio_paws.execution.files import digest_of
from bio_paws.execution.progress import progress
from bio_paws.features import kmers, pair_features, thresholds
from bio_paws.features.kmers import LONGEST_KMER, KmerMeasure, KmerSimilarity, kmer_similarity
from bio_paws.features.pair_features import (
    alignment_scores,
    composition_differences,
    edit_similarities,
    length_differences,
    one_sided_classifier,
)
from bio_paws.features.thresholds import fit_threshold
from bio_paws_eval.results import SCHEMA_VERSION, Model, Predictions, Result, Training, result_path, write_result
from bio_paws_eval.stats import metrics
from bio_paws_eval.stats.metrics import measure
from bio_paws_eval.tasks.load import load_available
from bio_paws_eval.tasks.pairs import Pairs
from bio_paws_eval.tasks.registry import Sources

TRAIN_ROWS = 20_000
"""Pairs of the train split that baselines are fitted on, the first ones: thresholds move little beyond."""

_DECIMALS = 12  # scores that differ by less do so by rounding only, and count as equal
_LIBRARIES = ("bio-paws", "numpy", "scipy", "scikit-learn", "rapidfuzz", "parasail")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Batch:
    """Pairs to be scored, without their labels.

    Attributes
    ----------
    sentence1, sentence2 : list of str, length n
        The sides.
    molecule : {"text", "dna", "protein", "dna_protein"}
        What they are.
    """

    sentence1: list[str]
    sentence2: list[str]
    molecule: Molecule | Literal["text"]

    @cached_property
    def kmers(self) -> KmerSimilarity:
        """Similarity of the sides' k-mers, computed once for all baselines that look at it."""
        return kmer_similarity(self.sentence1, self.sentence2, LONGEST_KMER)

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Pair after pair."""
        return zip(self.sentence1, self.sentence2, strict=True)


Score = Callable[[Batch], NDArray[np.float64]]
"""One number a pair."""


@dataclass(frozen=True)
class Rule:
    """A fitted baseline.

    Attributes
    ----------
    recipe : dict
        What was fitted, for the record.
    margin : callable
        One number a pair: label 1 where it is above 0.
    """

    recipe: dict[str, Any]
    margin: Score


Fit = Callable[[Batch, NDArray[np.int8]], Rule]
"""Fits a baseline on pairs and their labels; both labels occur."""


def _cut(score: Score) -> Fit:
    """Return a baseline that cuts a score in two."""

    def rounded(batch: Batch) -> NDArray[np.float64]:
        return np.round(score(batch), _DECIMALS)

    def fit(train: Batch, labels: NDArray[np.int8]) -> Rule:
        threshold = fit_threshold(rounded(train), labels)
        return Rule(
            {"direction": threshold.direction, "threshold": threshold.value},
            lambda batch: threshold.direction * (rounded(batch) - threshold.value),
        )

    return fit


def _majority(_: Batch, labels: NDArray[np.int8]) -> Rule:
    label = int(2 * labels.sum(dtype=np.int64) > len(labels))
    return Rule({"label": label}, lambda batch: np.full(len(batch.sentence1), 2.0 * label - 1))


def _one_sided(side: Literal["sentence1", "sentence2"]) -> Fit:
    def fit(train: Batch, labels: NDArray[np.int8]) -> Rule:
        classifier = one_sided_classifier().fit(getattr(train, side), labels)
        return Rule(
            {"classifier": "logistic regression on character 3-mers"},
            lambda batch: classifier.decision_function(getattr(batch, side)),
        )

    return fit


def _length(batch: Batch) -> NDArray[np.float64]:
    return length_differences(batch.sentence1, batch.sentence2)


def _composition(batch: Batch) -> NDArray[np.float64]:
    assert batch.molecule != "text"
    return composition_differences(batch.sentence1, batch.sentence2, batch.molecule)


def _kmers(batch: Batch, measure: KmerMeasure, k: int) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = getattr(batch.kmers, measure)[k - 1]
    return scores


def _edit(batch: Batch) -> NDArray[np.float64]:
    return edit_similarities(batch.sentence1, batch.sentence2)


def _smith_waterman(batch: Batch) -> NDArray[np.float64]:
    return alignment_scores(batch.sentence1, batch.sentence2, "dna" if batch.molecule == "dna" else "protein")


def _six_frame(batch: Batch) -> NDArray[np.float64]:
    """Score of the best local alignment of the protein with one of the six frames, a residue of the protein."""
    return np.array([best_frame_alignment(dna, protein).score / len(protein) for dna, protein in batch.pairs])


def _spliced(batch: Batch) -> NDArray[np.float64]:
    return np.array([spliced_identity(dna, protein) for dna, protein in batch.pairs])


@dataclass(frozen=True)
class Baseline:
    """A way to answer with no neural network.

    Attributes
    ----------
    name : str
        How tables and folders name it.
    method : {"floor", "ceiling"}
        Whether it cannot, or can, compare the two sides as the label does.
    molecules : tuple of str
        What it can be asked about.
    fit : callable
        Makes a `Rule` of train pairs.
    """

    name: str
    method: Literal["floor", "ceiling"]
    molecules: tuple[str, ...]
    fit: Fit


_ALL = ("text", "dna", "protein", "dna_protein")
_KMER_BASELINES = tuple(
    Baseline(f"{name}{k}", "floor", _ALL, _cut(partial(_kmers, measure=name, k=k)))
    for name in get_args(KmerMeasure)
    for k in range(1, LONGEST_KMER + 1)
)

BASELINES: tuple[Baseline, ...] = (
    Baseline("majority", "floor", _ALL, _majority),
    Baseline("sentence1", "floor", _ALL, _one_sided("sentence1")),
    Baseline("sentence2", "floor", _ALL, _one_sided("sentence2")),
    Baseline("length", "floor", _ALL, _cut(_length)),
    Baseline("gc", "floor", _ALL[1:], _cut(_composition)),
    *_KMER_BASELINES,
    Baseline("edit", "ceiling", ("dna", "protein"), _cut(_edit)),
    Baseline("smith_waterman", "ceiling", ("dna", "protein"), _cut(_smith_waterman)),
    Baseline("six_frame", "ceiling", ("dna_protein",), _cut(_six_frame)),
    Baseline("spliced", "ceiling", ("dna_protein",), _cut(_spliced)),
)


def _check_names(baselines: tuple[Baseline, ...]) -> None:
    """Refuse duplicates: a programming error found at import."""
    names = [baseline.name for baseline in baselines]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"baseline {name!r} is defined twice")


_check_names(BASELINES)


def run_baselines(
    names: Sequence[str] | None, known: Sequence[str], split: str, sources: Sources, out: Path
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

    Returns
    -------
    paths : list of Path
        JSON files of all cells, task after task in the order of `BASELINES`.
    skipped : tuple of str
        Why tasks are left out.

    Raises
    ------
    DataError
        When a task of `names` lacks a split, or its train pairs all carry the same label.
    """
    found, skipped = load_available(names, known, ["train", split], sources)
    return [path for train, asked in found for path in _run_task(train, asked, sources, out)], skipped


@dataclass(frozen=True)
class _Cell:
    """One baseline on one task, before it is scored."""

    baseline: Baseline
    model: Model
    training: Training
    key: str
    path: Path


def _run_task(train: Pairs, asked: Pairs, sources: Sources, out: Path) -> list[Path]:
    comparable = sources.limit is None
    found = [baseline for baseline in BASELINES if asked.molecule in baseline.molecules]
    cells = [_cell(baseline, train, asked, comparable, out) for baseline in found]
    pending = [cell for cell in cells if not cell.path.is_file()]
    task = asked.task
    _log.info(
        "%s %s: %d baselines to score, %d finished", task.name, task.split, len(pending), len(cells) - len(pending)
    )
    if pending:
        _score(pending, train, asked, comparable)
    return [cell.path for cell in cells]


def _cell(baseline: Baseline, train: Pairs, asked: Pairs, comparable: bool, out: Path) -> _Cell:
    trained = (SCHEMA_VERSION, _source_digest(), _environment(), baseline.name, dataclasses.asdict(train.task))
    key = digest_of(trained, dataclasses.asdict(asked.task), comparable)
    model = Model(baseline.name, baseline.method)
    training = Training(
        train.task.name,
        rows=min(train.task.rows, TRAIN_ROWS),
        dropped=train.task.dropped,
        content_sha256=train.task.content_sha256,
    )
    path = result_path(out, model, training, digest_of(trained), asked.task.name, key)
    return _Cell(baseline, model, training, key, path)


def _source_digest() -> str:
    """Digest of the code that decides a result."""
    modules = (sys.modules[__name__], metrics, kmers, pair_features, smith_waterman, thresholds, translation)
    return digest_of([inspect.getsource(module) for module in modules])


def _environment() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def _score(cells: Sequence[_Cell], train: Pairs, asked: Pairs, comparable: bool) -> None:
    """Fit the baselines of a task, answer the split in one reading, and write the cells."""
    learned, labels = _train_rows(train)
    bar = progress(cells, desc=f"baselines on {train.task.name}")
    fitted = [_fit(cell, learned, labels) for cell in bar]
    all_answers = _answer([rule for _, rule in fitted], asked)
    for (cell, _), (predictions, seconds) in zip(fitted, all_answers, strict=True):
        _write(cell, asked, comparable, seconds, predictions)


def _fit(cell: _Cell, train: Batch, labels: NDArray[np.int8]) -> tuple[_Cell, Rule]:
    start = time.perf_counter()
    rule = cell.baseline.fit(train, labels)
    training = dataclasses.replace(cell.training, recipe=rule.recipe, seconds=time.perf_counter() - start)
    return dataclasses.replace(cell, training=training), rule


def _answer(rules: Sequence[Rule], asked: Pairs) -> list[tuple[Predictions, float]]:
    """Answer with each rule, and say how many seconds it took.

    What rules share is computed once a batch; its time counts for the first that asks.
    """
    ids: list[str] = []
    labels: list[NDArray[np.int8]] = []
    margins: list[list[NDArray[np.float64]]] = [[] for _ in rules]
    seconds = [0.0] * len(rules)
    for rows in asked.read():
        ids += rows["pair_id"].to_pylist()
        labels.append(rows["label"].to_numpy())
        batch = _batch(rows, asked)
        for i, rule in enumerate(rules):
            start = time.perf_counter()
            margins[i].append(rule.margin(batch))
            seconds[i] += time.perf_counter() - start
    truth = np.concatenate(labels)
    return [
        (Predictions(ids, _logits(np.concatenate(parts)), truth), spent)
        for parts, spent in zip(margins, seconds, strict=True)
    ]


def _train_rows(train: Pairs) -> tuple[Batch, NDArray[np.int8]]:
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


def _batch(rows: pa.RecordBatch, pairs: Pairs) -> Batch:
    return Batch(rows["sentence1"].to_pylist(), rows["sentence2"].to_pylist(), pairs.molecule)


def _logits(margin: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores of labels 0 and 1 that differ by the margin: shape (n, 2)."""
    return np.stack([-margin / 2, margin / 2], axis=1).astype(np.float32)


def _write(cell: _Cell, asked: Pairs, comparable: bool, seconds: float, predictions: Predictions) -> None:
    result = Result(
        key=cell.key,
        model=cell.model,
        training=cell.training,
        task=asked.task,
        encoding=None,
        status="scored",
        note="",
        comparable=comparable,
        environment=_environment(),
        seconds=seconds,
        tokens_per_second=0.0,
        metrics=measure(predictions.logits, predictions.labels),
        predictions=cell.path.with_suffix(".parquet").name,
        by_kind=metrics.measure_kinds(predictions.logits, predictions.labels, asked.kinds),
    )
    write_result(cell.path, result, predictions)
    _log.info("%s on %s: accuracy %.4f", cell.model.id, asked.task.name, result.metrics["accuracy"]["value"])
