"""The result of a model, trained in one way with one seed, on one task: one JSON file and one Parquet file each.

Layout of a results folder::

    OUT/<model>/<training>-<key>/seed-<n>/<task>-<key>.json       the result, `Result` as JSON
    OUT/<model>/<training>-<key>/seed-<n>/<task>-<key>.parquet    pair_id, logit0, logit1, label; one row a pair

Both appear by rename, the Parquet first: where the JSON stands, the result is complete and is never computed again. Its
key is a digest of everything that can change the result, so a result is never taken for another's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.errors import DataError
from bio_paws.execution.files import atomic, read_json, write_json

SCHEMA_VERSION = "2.1"
"""Version of the JSON: major when a field changes its meaning or its name or is removed, minor when one is added."""

_READ_VERSIONS = {"1", "2"}
_EARLIER_METHODS = {"floor": "baseline", "ceiling": "upper_bound"}  # version 1

Method = Literal["model", "baseline", "upper_bound"]
Status = Literal["scored", "refused"]
Record = TypeVar("Record")


@dataclass(frozen=True)
class Model:
    """What predicted: a network or a baseline.

    Attributes
    ----------
    id : str
        Hub id, name of the folder, or name of the baseline.
    method : {"model", "baseline", "upper_bound"}
        A network; a baseline that aligns nothing, or one that compares the sides as the label was made.
    revision : str or None
        Commit on the Hub; None for a folder and for a baseline.
    architecture : str
        Class of the network; "" for a baseline.
    parameters : int
        Number of weights.
    weights_sha256, tokenizer_sha256 : str
        Digests of the files; "" for a baseline.
    """

    id: str
    method: Method
    revision: str | None = None
    architecture: str = ""
    parameters: int = 0
    weights_sha256: str = ""
    tokenizer_sha256: str = ""


@dataclass(frozen=True)
class Training:
    """How it was trained.

    Attributes
    ----------
    on : str
        Task it was trained on: ``pawsx_en``, ``dna150``; "none" where it was not.
    control : str
        "none", "untuned", "random-init", "shuffled-labels" or "frozen".
    seed : int
        Seed of head, order and dropout.
    recipe : dict or None
        Hyper-parameters; None where it was not trained.
    rows, dropped : int
        Pairs trained on, and pairs of the source left out for being placeholders or empty.
    content_sha256 : str
        Digest of the pairs trained on and of those that chose the checkpoint.
    dev_accuracies : tuple of float
        Accuracy on the development split after each epoch.
    best_epoch : int
        Epoch whose weights were kept, counted from 1; 0 where it was not trained.
    dev_pairs : int
        Pairs of the development split; 0 where it was not trained. Since 2.1.
    dev_majority : float
        Fraction of them that carry the commoner label: what a guess reaches. Since 2.1.
    steps, seconds, tokens_per_second : number
        What training took; real tokens, padding not counted.
    losses : tuple of float
        Mean training loss of equal stretches of the steps.
    unknown, truncated_pairs : float
        Parts of the tokens trained on that are unknown, and of the pairs that were cut to the recipe's length.
    """

    on: str
    control: str = "none"
    seed: int = 0
    recipe: dict[str, Any] | None = None
    rows: int = 0
    dropped: int = 0
    content_sha256: str = ""
    dev_accuracies: tuple[float, ...] = ()
    best_epoch: int = 0
    dev_pairs: int = 0
    dev_majority: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    tokens_per_second: float = 0.0
    losses: tuple[float, ...] = ()
    unknown: float = 0.0
    truncated_pairs: float = 0.0

    @property
    def dev_accuracy(self) -> float | None:
        """Accuracy on the development split of the weights that were kept."""
        return self.dev_accuracies[self.best_epoch - 1] if self.best_epoch else None

    @property
    def name(self) -> str:
        """How a table names it: ``pawsx_en``, ``none``, ``pawsx_en (shuffled-labels)``."""
        return self.on if self.control in {"none", "untuned"} else f"{self.on} ({self.control})"


@dataclass(frozen=True)
class Task:
    """What was predicted: a split of a config of bioPAWS or of a language of PAWS-X.

    Attributes
    ----------
    name : str
        ``dna150``, ``pawsx_fr``.
    split : str
        ``test``.
    rows, dropped : int
        Pairs that were predicted, and placeholders that were filtered out.
    version : str
        Version of the data, or revision of PAWS-X.
    content_sha256 : str
        Digest of the pairs in their order: ids, sentences, labels.
    """

    name: str
    split: str
    rows: int
    dropped: int
    version: str
    content_sha256: str

    def is_whole(self, limit: int | None) -> bool:
        """Whether a limit on the pairs of a split left out none of these."""
        return limit is None or self.rows + self.dropped < limit


@dataclass(frozen=True)
class Encoding:
    """What the tokenizer made of the task; all rates are parts of one.

    Attributes
    ----------
    join : {"template", "concatenation"}
        By the tokenizer's own template for pairs, or one sentence after the other.
    segment : int or None
        Letters a word that sequences were split into; None where they were left whole.
    max_length : int or None
        Tokens the model takes.
    unknown : float
        Unknown tokens of all tokens.
    truncated_pairs, truncated_letters : float
        Pairs that were cut, and letters (bp or aa) lost, of all.
    tokens_per_letter : float
        Tokens, less the special ones, a letter (bp or aa).
    lengths : tuple of int
        Tokens a pair before it was cut: minimum, then the 5th, 10th, .. 95th percentile, then maximum.
    """

    join: str
    segment: int | None
    max_length: int | None
    unknown: float
    truncated_pairs: float
    truncated_letters: float
    tokens_per_letter: float
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """A (model, task) result of one seed.

    Attributes
    ----------
    key : str
        Digest of everything that can change the result.
    status : {"scored", "refused"}
        A refused result has no metrics; `note` says why.
    note : str
        What a reader must know: why it was refused, that much was cut off, that sequences were split into words.
    comparable : bool
        False where `--limit` left out pairs of the task.
    environment : dict
        Versions of libraries, device, number format.
    seconds, tokens_per_second : float
        Time of prediction, and real tokens a second.
    metrics : dict
        For each metric its value and a 95% interval over pairs, and the confusion matrix, as `metrics.measure` returns
        them; empty for a refused result.
    predictions : str
        Name of the Parquet file beside it; "" for a refused result.
    by_pair_type : dict
        As `pair_types.measure_pair_types` returns it, of configs of bioPAWS with several pair types. Since 1.1.
    perturbations : dict
        As `perturbations.measure_perturbations` returns it, of a model on the test split of a config of bioPAWS. Since
        1.1.
    preflight : dict
        `models.preflight.Preflight` of a model, and ``batches``: how pairs were put into batches. Since 2.1.
    """

    key: str
    model: Model
    training: Training
    task: Task
    encoding: Encoding | None
    status: Status
    note: str
    comparable: bool
    environment: dict[str, str]
    seconds: float
    tokens_per_second: float
    metrics: dict[str, Any]
    predictions: str
    by_pair_type: dict[str, Any] = field(default_factory=dict)
    perturbations: dict[str, Any] = field(default_factory=dict)
    preflight: dict[str, Any] = field(default_factory=dict)
    schema_version: str = SCHEMA_VERSION

    @property
    def truncated(self) -> bool:
        """Whether pairs were truncated: such a result is shown, and left out of means."""
        return self.encoding is not None and self.encoding.truncated_pairs > 0


@dataclass(frozen=True)
class Predictions:
    """Predictions of a task, in the order of its rows.

    Attributes
    ----------
    pair_ids : list of str
        Ids of the pairs.
    logits : ndarray, shape=(n, 2), dtype=float32
        Scores of labels 0 and 1.
    labels : ndarray, shape=(n,), dtype=int8
        The truth.
    """

    pair_ids: list[str]
    logits: NDArray[np.float32]
    labels: NDArray[np.int8]


def result_path(out: Path, model: Model, training: Training, run_key: str, task: str, key: str) -> Path:
    """Path of a result's JSON; its predictions lie beside it as Parquet."""
    run = training.on if training.control == "none" else f"{training.on}-{training.control}"
    return out / slug(model.id) / f"{run}-{run_key[:8]}" / f"seed-{training.seed}" / f"{task}-{key[:8]}.json"


def slug(name: str) -> str:
    """Turn a name into that of a folder: a Hub id's slash becomes ``--``."""
    return re.sub(r"[^\w.-]", "_", name.replace("/", "--")).lstrip(".") or "_"


def write_result(path: Path, result: Result, predictions: Predictions | None) -> None:
    """Write a result, its predictions first."""
    if predictions is not None:
        table = pa.table(
            {
                "pair_id": predictions.pair_ids,
                "logit0": predictions.logits[:, 0],
                "logit1": predictions.logits[:, 1],
                "label": predictions.labels,
            }
        )
        with atomic(path.with_suffix(".parquet")) as part:
            pq.write_table(table, part, compression="zstd")
    write_json(path, dataclasses.asdict(result))


def read_result(path: Path) -> Result:
    """Read a result, also of an earlier version of the schema.

    Raises
    ------
    DataError
        When the file is not a result, or one of a major version that this program does not know.
    """
    try:
        raw = read_json(path)
        version = str(raw["schema_version"])
        if version.partition(".")[0] not in _READ_VERSIONS:
            raise DataError(f"{path}: results of version {version}, this program reads {SCHEMA_VERSION}: run again")
        raw = _in_current_terms(raw)
        return Result(
            **raw
            | {
                "model": Model(**raw["model"]),
                "training": record_of(Training, raw["training"], "dev_accuracies", "losses"),
                "task": Task(**raw["task"]),
                "encoding": raw["encoding"] and record_of(Encoding, raw["encoding"], "lengths"),
            }
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: not a result of bio-paws-eval ({type(error).__name__}: {error}): remove it and run again"
        ) from error


def _in_current_terms(raw: dict[str, Any]) -> dict[str, Any]:
    """Rename what version 1 called otherwise."""
    if not raw["schema_version"].startswith("1."):
        return raw
    current = {name: value for name, value in raw.items() if name not in {"by_kind", "views"}}
    method = raw["model"]["method"]
    current["model"] = raw["model"] | {"method": _EARLIER_METHODS.get(method, method)}
    current["by_pair_type"] = {
        pair_type: _renamed(measured, {"answered_1": "predicted_positive_rate"})
        for pair_type, measured in raw.get("by_kind", {}).items()
    }
    perturbations = _renamed(raw.get("views", {}), {"views": "perturbed"})
    if perturbations:
        perturbations["perturbed"] = {
            name: _renamed(measured, {"only_view": "only_perturbed"})
            for name, measured in perturbations["perturbed"].items()
        }
    return current | {"perturbations": perturbations}


def _renamed(fields: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items()}


def record_of(record_type: type[Record], raw: dict[str, Any], *tuples: str) -> Record:
    """Make a record of what JSON gave back; it turned tuples into lists."""
    return record_type(**raw | {name: tuple(raw[name]) for name in tuples})


def read_predictions(path: Path, result: Result) -> Predictions:
    """Read the predictions of the result whose JSON is `path`.

    Raises
    ------
    DataError
        When they are missing or damaged.
    """
    file = path.with_name(result.predictions)
    try:
        table = pq.read_table(file)
        logits = np.stack([table["logit0"].to_numpy(), table["logit1"].to_numpy()], axis=1)
        return Predictions(table["pair_id"].to_pylist(), logits, table["label"].to_numpy())
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{file}: predictions cannot be read ({error}): remove {path} and run again") from error


def read_results(out: Path) -> list[tuple[Path, Result]]:
    """Read all results of a folder, in the order of their paths.

    Raises
    ------
    DataError
        When there is none.
    """
    results = [(path, read_result(path)) for path in _result_files(out)]
    if not results:
        raise DataError(f"{out}: no results: run bio-paws-eval or bio-paws baselines with --out {out} first")
    return results


def _result_files(out: Path) -> Iterable[Path]:
    return sorted(path for path in out.glob("*/*/seed-*/*.json") if not path.name.startswith("."))
