"""Results of evaluations that never took place: drawn at random, from a seed, in the layout of a results folder."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.configs import SIMILARITY_BINS, get_config
from bio_paws.execution.files import digest_of, write_json
from bio_paws.features.perturbations import PERTURBED_ROWS, STRAND_PERTURBATIONS, perturbations_of
from bio_paws_eval.representations.analysis import GROUP_PAIRS
from bio_paws_eval.representations.distances import METRICS, SCALE_FREE
from bio_paws_eval.representations.permutation_tests import PermutationTest
from bio_paws_eval.representations.results import (
    RESULTS_FILE,
    RESULTS_FOLDER,
    Alignment,
    Change,
    ComparedModel,
    Comparison,
    Distance,
)
from bio_paws_eval.representations.vocabulary import GROUPS
from bio_paws_eval.results import Encoding, Model, Predictions, Result, Task, Training, result_path, write_result
from bio_paws_eval.stats.decisions import predicted
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.metrics import measure, sampling_of
from bio_paws_eval.stats.pair_types import measure_pair_types
from bio_paws_eval.stats.perturbations import measure_perturbations
from bio_paws_eval.tasks.registry import PAWSX_REVISION, is_pawsx

PAIRS = 200
GROUPS_OF_PAIRS = 40
LENGTHS = tuple(range(20, 62, 2))

GPT2 = Model("openai-community/gpt2", "model", "607a30d783dfa663caf39e06633721c8", "GPT2", 124_439_808, "aa", "t1")
BERT = Model("bert-base-cased", "model", None, "Bert", 108_310_272, "bb" * 32, "t2")
RECIPE = {"lr": 1e-5, "epochs": 4}


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def task(name: str, rows: int = PAIRS, version: str = "") -> Task:
    version = version or (PAWSX_REVISION if is_pawsx(name) else "1.0.0")
    return Task(name, "test", rows, 2 * is_pawsx(name), version, digest(name, rows, version))


def encoding(**changes: object) -> Encoding:
    return dataclasses.replace(
        Encoding("template", None, 512, 0.0, 0.0, 0.0, 0.25, LENGTHS),
        **changes,  # type: ignore[arg-type]
    )


def training(seed: int = 0, on: str = "pawsx_en", control: str = "none", **changes: object) -> Training:
    dev = (0.8, 0.9 - 0.01 * seed)
    made = Training(on, control, seed, dict(RECIPE), 49_401, 0, digest(on), dev, 2, 2_000, 0.56, 4000, 60.0, 9000.0)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def predictions(task_: Task, accuracy: float | NDArray[np.float64], seed: object, turned: bool = False) -> Predictions:
    """Answers of which about so many are right; `turned` gives the same in another order of rows."""
    rng = np.random.default_rng(zlib.crc32(repr((task_.name, accuracy, seed)).encode()))
    ids = [f"{task_.content_sha256[:4]}-{i:05}" for i in range(task_.rows)]
    labels = (np.arange(task_.rows) % 2).astype(np.int8)
    right = rng.random(task_.rows) < accuracy
    margin = np.where(right == (labels == 1), 1, -1) * rng.uniform(0.1, 2, task_.rows)
    logits = np.stack([-margin, margin], axis=1).astype(np.float32)
    order = rng.permutation(task_.rows) if turned else np.arange(task_.rows)
    return Predictions([ids[i] for i in order], logits[order], labels[order], groups_of(task_).take(order))


def groups_of(task_: Task) -> PairGroups:
    """Groups of the pairs of `predictions`: 40 homology groups, two of them in a dissimilar pair; of PAWS-X none."""
    number = np.arange(task_.rows)
    if is_pawsx(task_.name):
        return PairGroups.sharing_sentences(number, number)
    first = number // 2 % GROUPS_OF_PAIRS
    second = np.where(number % 2 == 1, first, (first + 1) % GROUPS_OF_PAIRS)
    return PairGroups.of_names("homology groups", *(side.astype(str) for side in (first, second)))


def kinds(task_: Task) -> NDArray[np.object_]:
    """Kinds of the pairs of `predictions`, in equal parts: those of a graded config, or of the config of that name."""
    by_label: tuple[Sequence[str], Sequence[str]] = (["other_group"], [name for name, _, _ in SIMILARITY_BINS])
    if is_pawsx(task_.name):
        return np.empty(0, dtype=object)
    if not task_.name.endswith("_graded"):
        config = get_config(task_.name)
        by_label = ([kind for kind, _ in config.dissimilar_mix], [kind for kind, _ in config.similar_mix])
    return np.array([by_label[i % 2][i // 2 % len(by_label[i % 2])] for i in range(task_.rows)], dtype=object)


def perturbations(task_: Task, answers: Predictions) -> dict[str, Any]:
    """Predictions of perturbed pairs: on the other strand of one side, every third similar pair changes its label."""
    known = {} if is_pawsx(task_.name) else perturbations_of(get_config(task_.name.removesuffix("_graded")).molecule)
    logits, labels = answers.logits[:PERTURBED_ROWS], answers.labels[:PERTURBED_ROWS]
    turned = (np.arange(len(labels)) % 3 == 0) & (labels == 1)
    other = np.where(turned[:, np.newaxis], logits[:, ::-1], logits)
    more = logits + np.array([0, 0.25], dtype=np.float32)
    assert answers.groups
    perturbed = {name: other if name in STRAND_PERTURBATIONS else more for name in known}
    return measure_perturbations(logits, labels, perturbed, answers.groups)


def write_cell(
    out: Path,
    model: Model,
    trained: Training,
    task_: Task,
    accuracy: float | NDArray[np.float64] | None,
    encoded: Encoding | None = None,
    note: str = "",
    comparable: bool = True,
    turned: bool = False,
    run_key: str = "",
    shift: float = 0.0,
) -> Path:
    """Write one cell; it is refused where `accuracy` is None. `shift` is added to all scores of label 1."""
    # Of what a test varies only: a new field of a result moves no golden file.
    run = (model.id, model.weights_sha256, trained.on, trained.control, trained.content_sha256, str(trained.recipe))
    run += (run_key,) if run_key else ()
    segment = encoded.segment if encoded else None
    key = digest_of(run, trained.seed, task_.content_sha256, segment, accuracy is None)
    path = result_path(out, model, trained, run_key or digest_of(run), task_.name, key)
    answers = None if accuracy is None else predictions(task_, accuracy, (model.id, trained.on, trained.seed), turned)
    if answers is not None and shift:
        answers = dataclasses.replace(answers, logits=answers.logits + np.array([0, shift], np.float32))
    known = groups_of(task_) if answers is None or answers.groups is None else answers.groups
    result = Result(
        key=key,
        model=model,
        training=trained,
        task=task_,
        encoding=encoded if encoded or model.method != "model" else encoding(),
        status="refused" if answers is None else "scored",
        note=note,
        comparable=comparable,
        environment={"torch": "2.9"},
        seconds=1.0,
        tokens_per_second=1000.0,
        metrics={} if answers is None else measure(answers.logits, answers.labels, known),
        predictions="" if answers is None else path.with_suffix(".parquet").name,
        by_pair_type={}
        if answers is None or turned
        else measure_pair_types(answers.logits, answers.labels, kinds(task_), known),
        perturbations={} if answers is None or model.method != "model" else perturbations(task_, answers),
        sampling={}
        if answers is None
        else sampling_of(predicted(answers.logits) == answers.labels, answers.labels, known),
    )
    write_result(path, result, answers)
    return path


def written_once(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """Write into a folder of this process and copy from there: the intervals take most of the time."""
    folders: list[tempfile.TemporaryDirectory[str]] = []

    @wraps(write)
    def copied(out: Path) -> Path:
        if not folders:
            folders.append(tempfile.TemporaryDirectory())
            write(Path(folders[0].name))
        return Path(shutil.copytree(folders[0].name, out, dirs_exist_ok=True))

    return copied


def write_baseline(out: Path, name: str, method: str, task_: Task, accuracy: float) -> Path:
    model = Model(name, method)  # type: ignore[arg-type]
    return write_cell(out, model, Training("none"), task_, accuracy)


@written_once
def write_results(out: Path) -> Path:
    """Two models and two seeds; one cell refused, one cut, one with unknown tokens, one in words; three baselines."""
    for seed in (0, 1):
        trained = training(seed)
        for name, accuracy in (("pawsx_en", 0.92), ("pawsx_fr", 0.74), ("dna150", 0.79), ("dna50", 0.86)):
            write_cell(out, GPT2, trained, task(name), accuracy - 0.05 * seed)
        write_cell(
            out, GPT2, trained, task("dna_protein"), 0.55, encoding(truncated_pairs=0.12, truncated_letters=0.05)
        )
        write_cell(out, BERT, trained, task("pawsx_en"), 0.91 - 0.01 * seed, encoding(unknown=0.0003))
        write_cell(out, BERT, trained, task("dna150"), 0.8, encoding(segment=100), turned=True)
        write_cell(out, BERT, trained, task("dna50", 100), 0.7, comparable=False)
        write_cell(out, BERT, trained, task("protein450"), None, encoding(unknown=0.4), note="refused: 40% unknown")
    for name in ("dna150", "dna50"):
        write_baseline(out, "majority", "baseline", task(name), 0.5)
        write_baseline(out, "k-mers", "baseline", task(name), 0.53)
        write_baseline(out, "smith_waterman", "upper_bound", task(name), 0.995)
    return out


def write_graded(out: Path, rows: int = 600) -> Path:
    """Two models and two seeds on a graded config, a floor and a ceiling: the closer the pairs, the more is found."""
    graded = task("dna150_graded", rows)
    recall_of = dict(zip((name for name, _, _ in SIMILARITY_BINS), (0.95, 0.9, 0.75, 0.6, 0.4, 0.2), strict=True))
    recall = np.array([recall_of.get(kind, 0.9) for kind in kinds(graded)])
    for seed in (0, 1):
        write_cell(out, GPT2, training(seed), graded, recall - 0.1 * seed)
        write_cell(out, BERT, training(seed), graded, recall**0.5)
    for name, method, accuracy in (("k-mers", "baseline", recall**2), ("smith_waterman", "upper_bound", recall**0.1)):
        write_cell(out, Model(name, method), Training("none"), graded, accuracy)  # type: ignore[arg-type]
    return out


@written_once
def write_study(out: Path) -> Path:
    """Six seeds of GPT-2 trained in every way of the control matrix, and a larger one: as the bundled plans ask."""
    ways = (
        *(("pawsx_en", "none", 0.75), ("pawsx_en", "shuffled-labels", 0.5), ("pawsx_en", "random-init", 0.55)),
        *(("dyck", "none", 0.72), ("none", "untuned", 0.5), ("dna150", "none", 0.95)),
    )
    for on, control, accuracy in ways:
        for seed in range(6):
            tuned: dict[str, Any] = {} if control != "untuned" else {"dev_accuracies": (), "best_epoch": 0}
            trained = training(seed, on, control, **tuned)
            write_cell(out, GPT2, trained, task("dna150"), accuracy - 0.02 * (seed % 3))
            if on == "pawsx_en":
                write_cell(out, GPT2, trained, task("pawsx_fr"), accuracy - 0.01 * seed)
    medium = dataclasses.replace(GPT2, id="openai-community/gpt2-medium", parameters=354_823_168, weights_sha256="cc")
    write_cell(out, medium, training(), task("dna150"), 0.8)
    write_cell(out, medium, training(), task("dna50"), 0.85)
    return out


def write_vectors(out: Path) -> Path:
    """Write a comparison of two models' vectors, the second of a space that shrank: all numbers made up."""
    null = PermutationTest(0.9, 0.5, 0.45, 0.55, 0.005)
    crossings = list(itertools.product(GROUPS, GROUPS))
    rng = np.random.default_rng(0)
    comparison = Comparison(
        (
            ComparedModel("A", GPT2, 768, 50.0),
            ComparedModel("B", dataclasses.replace(GPT2, id="gpt2-pawsx_en"), 768, 30.0),
        ),
        {"dna": 2000, "english": 2000, "protein": 1234},
        {"dna": {"a single letter": 4, "an English word": 12}, "english": {}, "protein": {"DNA as well": 3}},
        tuple(
            Distance(label, metric, source, target, value, 0.9 * value, 1.1 * value, tested)
            for label in "AB"
            for metric in METRICS
            for source, target in crossings
            for value in [(50.09 if label == "A" else 29.79) if metric == "euclidean" else 0.9]
            for tested in [null if metric in SCALE_FREE and (source, target) in GROUP_PAIRS else None]
        ),
        tuple(
            Change("A", "B", metric, source, target, *values, 0.6, *tested)
            for metric in METRICS
            for source, target in GROUP_PAIRS
            for values in [(50.09, 29.79) if metric == "euclidean" else (0.9, 0.89)]
            for tested in [(None, None) if metric == "euclidean" else (null, 0.045)]
        ),
        tuple(
            Alignment(first, second, "dna150", layer, 300, 0.95, null)
            for first, second in ("AA", "BB", "AB")
            for layer in (0, 1)
        ),
        {"models": "gpt2, gpt2-pawsx_en", "words": 2000, "words_digest": "d", "permutations": 199, "seed": 0},
        {"torch": "2.9"},
        ("words of protein are stretches of 3 letters",),
    )
    words = [(label, group) for label in "AB" for group in GROUPS for _ in range(20)]
    columns = {"model": [label for label, _ in words], "group": [group for _, group in words]}
    columns |= {f"{name}_{axis}": rng.normal(size=len(words)).tolist() for name in ("pca", "umap") for axis in "xy"}
    folder = out / RESULTS_FOLDER / "gpt2-12345678"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "projections.parquet")
    write_json(folder / RESULTS_FILE, dataclasses.asdict(comparison))
    return out
