"""The result of a model, trained in one way with one seed, on one task: one JSON file and one Parquet file each.

Layout of a results folder::

    OUT/<model>/<training>-<key>/seed-<n>/<task>-<key>.json       the result, `Result` as JSON
    OUT/<model>/<training>-<key>/seed-<n>/<task>-<key>.parquet    pair_id, logit0, logit1, label, group1, group2; one
                                                                  row a pair

Both appear by rename, the Parquet first: where the JSON stands, the result is complete and is never computed again. Its
key is a digest of everything that can change the result, so a result is never taken for another's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from bio_paws.errors import DataError
from bio_paws.execution.documents import first_fault
from bio_paws.execution.files import atomic, read_json, write_json
from bio_paws_eval.measurements import READ_STRICTLY, Amount, Count, Metrics, PairTypes, Perturbations, Sampling, Share
from bio_paws_eval.stats.groups import PairGroups

SCHEMA_VERSION = "2.4"
"""Version of the JSON: major when a field changes its meaning or its name or is removed, minor when one is added."""

EARLIER_PROBE = "frozen"
"""What the method probe was called before 2.4."""

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
    code_sha256 : str
        Digest of the code that came with the network and was run; "" where none was.
    adapter_sha256 : str
        Digest of the adapter that was merged into the weights; "" where none was.
    """

    __pydantic_config__ = READ_STRICTLY
    id: str
    method: Method
    revision: str | None = None
    architecture: str = ""
    parameters: Count = 0
    weights_sha256: str = ""
    tokenizer_sha256: str = ""
    code_sha256: str = ""
    adapter_sha256: str = ""


@dataclass(frozen=True)
class Training:
    """How it was trained.

    Attributes
    ----------
    on : str
        Task it was trained on: ``pawsx_en``, ``dna150``; "none" where it was not.
    control : str
        "none", "untuned", "random-init" or "shuffled-labels"; before 2.4 also "frozen": only the head was trained.
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
    dev_sampling : dict
        What the interval of the accuracy on them rests on, as `metrics.sampling_of` returns it; empty where it was not
        trained. Since 2.4.
    steps, seconds, tokens_per_second : number
        What training took; real tokens, padding not counted.
    losses : tuple of float
        Mean training loss of equal stretches of the steps.
    unknown, truncated_pairs : float
        Parts of the tokens trained on that are unknown, and of the pairs that were cut to the recipe's length.
    method : str
        How it was trained: one of `methods.registry.METHODS`. Since 2.2; before 2.4 "probe" was called "frozen".
    fitted : dict
        What a method other than fine-tuning fitted: the threshold of a cosine, say. Since 2.2.
    train_pairs : int or None
        How many of the pairs that `content_sha256` is of were drawn by the seed, and as many of those that chose the
        checkpoint; None where all were taken. Since 2.2.
    """

    __pydantic_config__ = READ_STRICTLY
    on: str
    control: str = "none"
    seed: Count = 0
    recipe: dict[str, Any] | None = None
    rows: Count = 0
    dropped: Count = 0
    content_sha256: str = ""
    dev_accuracies: tuple[Share, ...] = ()
    best_epoch: Count = 0
    dev_pairs: Count = 0
    dev_majority: Share = 0.0
    steps: Count = 0
    seconds: Amount = 0.0
    tokens_per_second: Amount = 0.0
    losses: tuple[float, ...] = ()
    unknown: Share = 0.0
    truncated_pairs: Share = 0.0
    method: str = "fine-tune"
    fitted: dict[str, Any] = field(default_factory=dict)
    train_pairs: Count | None = None
    dev_sampling: Sampling = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether it is fine-tuning on all pairs, without a control: what claims of transfer are about."""
        return self.control == "none" and self.of_all_pairs

    @property
    def of_all_pairs(self) -> bool:
        """Whether it is fine-tuning on all pairs, with or without a control."""
        return self.method == "fine-tune" and self.train_pairs is None

    @property
    def dev_accuracy(self) -> float | None:
        """Accuracy on the development split of the weights that were kept."""
        return self.dev_accuracies[self.best_epoch - 1] if self.best_epoch else None

    @property
    def name(self) -> str:
        """How a table names it: ``none``, ``pawsx_en (shuffled-labels)``, ``dna50 (probe, 64 pairs)``."""
        usual = {"none", "untuned", "fine-tune"}
        size = f"{self.train_pairs:,} pairs" if self.train_pairs else "fine-tune"
        differs = ", ".join(part for part in (self.method, self.control, size) if part not in usual)
        return f"{self.on} ({differs})" if differs else self.on


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

    __pydantic_config__ = READ_STRICTLY
    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]  # files of a report are called after it
    split: str
    rows: Count
    dropped: Count
    version: str
    content_sha256: str

    def is_whole(self, limit: int | None) -> bool:
        """Whether a limit on the pairs of a split left out none of these."""
        return limit is None or self.rows + self.dropped < limit

    @property
    def cut_note(self) -> str:
        """What a result says of which pairs of its split a limit chose."""
        return f"the first {self.rows:,} pairs of the split"


@dataclass(frozen=True)
class Encoding:
    """What the tokenizer made of the task; all rates are parts of one.

    Attributes
    ----------
    join : {"template", "concatenation", "separate", "prompt"}
        By the tokenizer's own template for pairs, one sentence after the other, not at all, or in words.
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

    __pydantic_config__ = READ_STRICTLY
    join: str
    segment: Count | None
    max_length: Count | None
    unknown: Share
    truncated_pairs: Share
    truncated_letters: Share
    tokens_per_letter: Amount
    lengths: tuple[Count, ...]


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
        For each metric its value and a 95% interval, and the confusion matrix, as `metrics.measure` returns them; empty
        for a refused result. Before 2.3 pairs were resampled as if they were independent.
    predictions : str
        Name of the Parquet file beside it; "" for a refused result.
    by_pair_type : dict
        As `pair_types.measure_pair_types` returns it, of configs of bioPAWS with several pair types. Since 1.1.
    perturbations : dict
        As `perturbations.measure_perturbations` returns it, of a model on the test split of a config of bioPAWS. Since
        1.1.
    preflight : dict
        `models.preflight.Preflight` of a model, and ``batches``: how pairs were put into batches. Since 2.1.
    details : dict
        What the method measures of a task beside the metrics: of a cosine, MTEB's numbers. Since 2.2.
    sampling : dict
        What its intervals rest on: pairs, groups and their effective numbers, as `metrics.sampling_of` returns it;
        empty for a refused result. Since 2.3.
    """

    __pydantic_config__ = READ_STRICTLY
    key: str
    model: Model
    training: Training
    task: Task
    encoding: Encoding | None
    status: Status
    note: str
    comparable: bool
    environment: dict[str, str]
    seconds: Amount
    tokens_per_second: Amount
    metrics: Metrics
    # The pattern keeps the file beside the result, whoever wrote it.
    predictions: Annotated[str, Field(pattern=r"^(\w[\w.-]*)?$")]
    by_pair_type: PairTypes = field(default_factory=dict)
    perturbations: Perturbations = field(default_factory=dict)
    preflight: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    sampling: Sampling = field(default_factory=dict)
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
    groups : PairGroups or None
        Groups of the pairs; None where they are not known, as before schema 2.3.
    """

    pair_ids: list[str]
    logits: NDArray[np.float32]
    labels: NDArray[np.int8]
    groups: PairGroups | None = None


def result_path(out: Path, model: Model, training: Training, run_key: str, task: str, key: str) -> Path:
    """Path of a result's JSON; its predictions lie beside it as Parquet."""
    usual = {"none", "fine-tune"}
    run = "-".join([training.on, *(part for part in (training.method, training.control) if part not in usual)])
    return out / slug(model.id) / f"{run}-{run_key[:8]}" / f"seed-{training.seed}" / f"{task}-{key[:8]}.json"


def slug(name: str) -> str:
    """Turn a name into that of a folder: a Hub id's slash becomes ``--``."""
    return re.sub(r"[^\w.-]", "_", name.replace("/", "--")).lstrip(".") or "_"


def write_result(path: Path, result: Result, predictions: Predictions | None) -> None:
    """Write a result, its predictions first."""
    if predictions is not None:
        groups = predictions.groups
        table = pa.table(
            {
                "pair_id": predictions.pair_ids,
                "logit0": predictions.logits[:, 0],
                "logit1": predictions.logits[:, 1],
                "label": predictions.labels,
            }
            | ({} if groups is None else {"group1": groups.names[groups.first], "group2": groups.names[groups.second]})
        )
        with atomic(path.with_suffix(".parquet")) as part:
            pq.write_table(table, part, compression="zstd")
    write_json(path, json_of(result))


def json_of(record: Any) -> Any:
    """Return a record as values for JSON: all its fields, and those of a later version that it was read with."""
    if dataclasses.is_dataclass(record):
        return {name: json_of(value) for name, value in vars(record).items()}
    return [json_of(value) for value in record] if isinstance(record, tuple) else record


def read_result(path: Path, key: str | None = None) -> Result:
    """Read a result, also of an earlier version of the schema.

    Of a later minor version, fields that this program does not know are kept: `json_of` returns them.

    Parameters
    ----------
    path : Path
        Its JSON.
    key : str, optional
        The key that it must have.

    Raises
    ------
    DataError
        When the file is not a result, contradicts itself, has another key, or is one of a major version that this
        program does not know.
    """
    try:
        raw = read_json(path)
        version = str(raw["schema_version"])
        if version.partition(".")[0] not in _READ_VERSIONS:
            raise DataError(f"{path}: results of version {version}, this program reads {SCHEMA_VERSION}: update it")
        # Strict JSON: text is no number, and a list becomes a tuple.
        result = _RESULT.validate_json(to_json(_in_current_terms(raw), inf_nan_mode="constants"))
    except ValidationError as error:
        raise DataError(f"{path}: not a result of bio-paws-eval ({first_fault(error)}): {_ADVICE}") from error
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: not a result of bio-paws-eval ({why}): {_ADVICE}") from error
    if fault := _contradiction(result):
        raise DataError(f"{path}: not a sound result ({fault}): {_ADVICE}")
    if key not in {None, result.key}:
        raise DataError(f"{path}: is another result (its key is {result.key}, not {key}): {_ADVICE}")
    return result


_RESULT = TypeAdapter(Result)
_ADVICE = "restore it from a copy, or move it away and run again"


def _contradiction(result: Result) -> str:
    """Say what parts of a result contradict each other; "" where none do."""
    scored, training = result.status == "scored", result.training
    if not scored and (result.metrics or result.predictions):
        return "it is refused, and has metrics"
    if scored and not (result.metrics and result.predictions):
        return "it is scored, and has no metrics or no predictions"
    if scored and sum(map(sum, result.metrics["confusion"])) != result.task.rows:
        return f"its confusion matrix does not count {result.task.rows} pairs"
    if training.best_epoch > len(training.dev_accuracies):
        return f"epoch {training.best_epoch} was kept, of {len(training.dev_accuracies)}"
    return ""


def _in_current_terms(raw: dict[str, Any]) -> dict[str, Any]:
    """Rename what earlier versions called otherwise."""
    training = raw["training"]
    if training.get("method") == EARLIER_PROBE:
        raw = raw | {"training": training | {"method": "probe"}}
    if str(raw["schema_version"]).partition(".")[0] != "1":
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
    """Read the predictions of the result whose JSON is `path`, and check that they give its counts.

    Raises
    ------
    DataError
        When they are missing, damaged or incomplete, or are not those that the result was measured on.
    """
    file = path.with_name(result.predictions)
    advice = f"restore it from a copy, or move {path} away and run again"
    try:
        schema = _PREDICTED_WITH_GROUPS if "group1" in pq.read_schema(file).names else _PREDICTED
        table = pq.read_table(file, columns=schema.names, page_checksum_verification=True).cast(schema)
        logits = np.stack([table["logit0"].to_numpy(), table["logit1"].to_numpy()], axis=1)
        ids, labels = table["pair_id"].to_pylist(), table["label"].to_numpy()
        groups = _groups_of(table, result)
    except (OSError, LookupError, ValueError, pa.ArrowException) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{file}: predictions cannot be read ({why}): {advice}") from error
    if fault := _fault_of_predictions(table, logits, result):
        raise DataError(f"{file}: {fault}: {advice}")
    return Predictions(ids, logits, labels, groups)


def _groups_of(table: pa.Table, result: Result) -> PairGroups | None:
    """Return the groups that predictions name, if they do.

    Raises
    ------
    ValueError
        When the result names another number of them.
    """
    if not result.sampling or "group1" not in table.column_names:
        return None
    groups = PairGroups.of_names(result.sampling["unit"], table["group1"].to_pylist(), table["group2"].to_pylist())
    if groups.count != result.sampling["groups"]:
        raise ValueError(f"{groups.count} groups, not {result.sampling['groups']}")
    return groups


_PREDICTED = pa.schema(
    [("pair_id", pa.string()), ("logit0", pa.float32()), ("logit1", pa.float32()), ("label", pa.int8())]
)
_PREDICTED_WITH_GROUPS = pa.schema([*_PREDICTED, ("group1", pa.string()), ("group2", pa.string())])


def _fault_of_predictions(table: pa.Table, logits: NDArray[np.float32], result: Result) -> str:
    if len(table) != result.task.rows:
        return f"holds {len(table)} of {result.task.rows} predictions"
    if any(column.null_count for column in table.columns) or not np.isfinite(logits).all():
        return "a prediction is missing or no number"
    if len(table["pair_id"].unique()) != len(table):
        return "a pair is predicted twice"
    labels = table["label"].to_numpy()
    if not np.isin(labels, (0, 1)).all():
        return "a label is neither 0 nor 1"
    counts = np.bincount(2 * labels.astype(np.int64) + (logits[:, 1] > logits[:, 0]), minlength=4)
    if counts.reshape(2, 2).tolist() != result.metrics["confusion"]:
        return "does not give the counts of its result"
    return ""


def read_results(out: Path) -> list[tuple[Path, Result]]:
    """Read all results of a folder, in the order of their paths.

    Raises
    ------
    DataError
        When there is none, one lies where another belongs, or one is there twice.
    """
    results = [(path, read_result(path)) for path in _result_files(out)]
    if not results:
        raise DataError(f"{out}: no results: run bio-paws-eval or bio-paws baselines with --out {out} first")
    paths: dict[tuple[str, int], Path] = {}
    for path, result in results:
        _require_place(path, result)
        if (first := paths.setdefault((result.key, result.training.seed), path)) != path:
            raise DataError(f"{path}: is the result of {first} again: move one of them away")
    return results


def _require_place(path: Path, result: Result) -> None:
    """Check that a result lies where `result_path` puts it: one that was copied or renamed is not of its path.

    The name of the folder of its training is not compared: earlier versions had other words in it.
    """
    run = path.parts[-3]
    place = path.parents[3].joinpath(
        slug(result.model.id), run, f"seed-{result.training.seed}", f"{result.task.name}-{result.key[:8]}.json"
    )
    if path != place:
        raise DataError(f"{path}: is a result that belongs at {place}: move it there, or away")


def _result_files(out: Path) -> Iterable[Path]:
    return sorted(path for path in out.glob("*/*/seed-*/*.json") if not path.name.startswith("."))
