"""What is known before the first step: the model, the tasks as tokens, the trainings, and the key of each result."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from accelerate import PartialState

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import digest_of
from bio_paws.execution.stage_keys import source_digest
from bio_paws.features.perturbations import perturbations_of
from bio_paws_eval import results
from bio_paws_eval.layout.tables import percent
from bio_paws_eval.methods.interface import Method
from bio_paws_eval.methods.registry import implementation_of
from bio_paws_eval.models import encode
from bio_paws_eval.models.architectures import describe
from bio_paws_eval.models.encode import MAX_UNKNOWN, Segment
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.preflight import Preflight, preflight
from bio_paws_eval.models.quantization import StoredIn, check_quantization
from bio_paws_eval.models.sharding import is_sharded
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.models.tracking import check_tracker
from bio_paws_eval.options import EvaluationOptions
from bio_paws_eval.results import Model, Training
from bio_paws_eval.runs.device import device_of, dtype_of, warn_of_slow_dtype
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.tasks import load, registry
from bio_paws_eval.tasks.drawn import draw_pairs
from bio_paws_eval.tasks.pairs import MissingPairs, Pairs, perturbed

_PACKAGES = ("bio-paws", "accelerate", "numpy", "safetensors", "scikit-learn", "tokenizers", "torch", "transformers")

TRAINING_CODE = ("bio_paws_eval.models.encode", "bio_paws_eval.tasks.drawn", "bio_paws_eval.tasks.load")
"""Modules that, with those of the method and what all import, give the weights and the predictions: a changed statement
there is another training."""

STATISTICS_CODE = tuple(
    f"bio_paws_eval.stats.{name}" for name in ("intervals", "metrics", "pair_types", "perturbations", "significance")
)
"""Modules that compute a result from predictions: a changed statement there is another result of the same training."""


@dataclass(frozen=True)
class Run:
    """One training, before it has begun.

    Attributes
    ----------
    training : Training
        What it is trained on, under which control, with which seed and hyperparameters.
    train, dev : Encoded or None
        Encoded train and validation split; None where nothing is trained.
    dev_groups : PairGroups or None
        Groups of the pairs of the validation split.
    key : str
        Digest of everything that can change the trained weights, except the seed.
    """

    training: Training
    train: Encoded | None
    dev: Encoded | None
    dev_groups: PairGroups | None
    key: str


@dataclass(frozen=True)
class EncodedTask:
    """One task as tokens.

    Attributes
    ----------
    pairs : Pairs
        Its pairs.
    encoded : Encoded
        Their tokens.
    refusal : str
        Why it is not scored; "" where it is.
    note : str
        What a reader of its score must know.
    perturbations : dict of str to Encoded
        Tokens of the perturbed pairs, by the name of the perturbation.
    preflight : Preflight
        What was checked before.
    """

    pairs: Pairs
    encoded: Encoded
    refusal: str
    note: str
    perturbations: dict[str, Encoded]
    preflight: Preflight


@dataclass(frozen=True)
class Prepared:
    """What is known before the first step: a result is computed for each of `runs` and `tasks`."""

    options: EvaluationOptions
    device: torch.device
    dtype: torch.dtype
    source: ModelSource
    model: Model
    method: Method
    encoder: PairEncoder
    tasks: tuple[EncodedTask, ...]
    runs: tuple[Run, ...]
    skipped: tuple[str, ...]


def prepare(options: EvaluationOptions) -> Prepared:
    """Find the model, read and encode all pairs, and list the trainings.

    Raises
    ------
    BioPawsError
        When the device, the model, the pairs to train on or a task of `options.configs` is not available.
    """
    check_tracker(options.report_to)
    device, dtype = device_of(options.device), dtype_of(options.dtype)
    check_quantization(options.load_in, device)
    warn_of_slow_dtype(device, dtype)
    source = find_model(
        options.model,
        options.revision,
        trust_remote_code=options.trust_remote_code,
        adapter=options.adapter,
        load_in=options.load_in,
    )
    method = implementation_of(options.method)(options.hyperparameters, options.prompting)
    encoder, network = method.encoder(source), method.network(source)
    state = PartialState()
    with state.main_process_first():  # the other processes find the tokens on disk
        # Untuned runs of several training sets are the same run: the key keeps one of them.
        runs = {(run.key, run.training.seed): run for run in _list_runs(options, device, source, method, encoder)}
        head = method.head(source, network, trained=all(run.train is not None for run in runs.values()))
        tasks, skipped = _encode_tasks(options, encoder, method.input_length(source, encoder), head)
    model = describe(source, network)
    return Prepared(options, device, dtype, source, model, method, encoder, tasks, tuple(runs.values()), skipped)


def _encode_tasks(
    options: EvaluationOptions, encoder: PairEncoder, max_length: int | None, head: str
) -> tuple[tuple[EncodedTask, ...], tuple[str, ...]]:
    available, skipped = load.load_available(options.configs, registry.task_names(), [options.split], options.sources)
    folder = options.work / "tokens"
    tasks = []
    for (pairs,) in available:
        encoded = encode.encode(pairs, encoder, _segment(options), max_length, folder)
        checked = preflight(pairs, encoder, encoded.encoding.segment, head)
        refusal = _refusal(options, encoded) or checked.refusal
        # Perturbed pairs get the blocks of the stored pairs: another length could change the predictions by itself.
        segment = encoded.encoding.segment
        perturbations = {
            name: encode.encode(perturbed(pairs, perturbation), encoder, segment, max_length, folder)
            for name, perturbation in perturbations_of(pairs.molecule).items()
            if options.split == "test" and options.perturbations == "all" and not refusal
        }
        tasks.append(EncodedTask(pairs, encoded, refusal, _note(encoded), perturbations, checked))
    return tuple(tasks), skipped


def _segment(options: EvaluationOptions) -> Segment:
    return "auto" if isinstance(options.segment, str) else options.segment


def _refusal(options: EvaluationOptions, encoded: Encoded) -> str:
    """Return why a task is not scored; "" where it is."""
    measured = encoded.encoding
    if measured.unknown > MAX_UNKNOWN and not options.allow_unknown:
        return f"refused: {percent(measured.unknown)} unknown"
    if measured.truncated_pairs and not options.truncate:
        return f"refused: {percent(measured.truncated_pairs)} of pairs truncated"
    return ""


def _note(encoded: Encoded) -> str:
    measured = encoded.encoding
    notes = []
    if measured.segment:
        notes.append(f"split into words of {measured.segment} letters")
    if measured.unknown > MAX_UNKNOWN:
        notes.append(f"{percent(measured.unknown)} unknown")
    if measured.truncated_pairs:
        pairs, letters = percent(measured.truncated_pairs), percent(measured.truncated_letters)
        notes.append(f"{pairs} of pairs truncated, {letters} of letters lost")
    return "; ".join(notes)


def _list_runs(
    options: EvaluationOptions, device: torch.device, source: ModelSource, method: Method, encoder: PairEncoder
) -> Iterator[Run]:
    for name in options.train_on:
        data = None
        for control in options.controls:
            if name == "none" or control == "untuned":
                yield from _runs_without_data(options, device, source, method, control)
            else:
                data = data or _training_data(options, source, method, encoder, name)
                yield from _trained_runs(options, device, source, method, encoder, data, name, control)


def _runs_without_data(
    options: EvaluationOptions, device: torch.device, source: ModelSource, method: Method, control: str
) -> Iterator[Run]:
    for seed in options.seeds_of(control):
        if options.method == "fine-tune":
            training = Training("none", "untuned", seed)
        else:
            training = Training("none", control, seed, method.recipe, method=options.method)
        yield Run(training, None, None, None, _run_key(options, device, source, training, ""))


@dataclass(frozen=True)
class _TrainingData:
    """Pairs and tokens of the train and the validation split, the same for every control."""

    train_pairs: Pairs
    dev_pairs: Pairs
    train: Encoded
    dev: Encoded
    dev_groups: PairGroups
    content_sha256: str


def _training_data(
    options: EvaluationOptions, source: ModelSource, method: Method, encoder: PairEncoder, name: str
) -> _TrainingData:
    folder = options.work / "tokens"
    lengths = (method.training_length, method.input_length(source, encoder))
    length = min((length for length in lengths if length), default=None)
    try:
        dev_pairs = load.load_pairs(name, "validation", options.sources)
    except MissingPairs as error:
        if not registry.is_pawsx(name):
            raise
        others = "--finetune-on CONFIG" + (" or --finetune none" if options.method == "fine-tune" else "")
        raise MissingPairs(f"{error}; to do without, give {others}") from error
    dev = encode.encode(dev_pairs, encoder, _segment(options), length, folder)
    # Both splits are cut into blocks of the same length.
    train_pairs = load.load_pairs(name, "train", options.sources)
    train = encode.encode(train_pairs, encoder, dev.encoding.segment, length, folder)
    if train.encoding.unknown > MAX_UNKNOWN and not options.allow_unknown:
        raise BioPawsError(
            f"{name}: {percent(train.encoding.unknown)} of its tokens are unknown to the tokenizer of {source.id}: "
            "nothing can be learnt from it; set allow_unknown to try, or another finetune or finetune_on"
        )
    content = digest_of(train_pairs.task.content_sha256, dev_pairs.task.content_sha256)
    return _TrainingData(train_pairs, dev_pairs, train, dev, dev_pairs.groups, content)


def _draw(data: _TrainingData, count: int, seed: int, encoder: PairEncoder, folder: Path) -> _TrainingData:
    """Draw some of the pairs of both splits: a whole split to choose the checkpoint would be no few-shot learning."""
    drawn = [draw_pairs(pairs, count, seed) for pairs in (data.train_pairs, data.dev_pairs)]
    train, dev = (
        encode.encode(pairs, encoder, encoded.encoding.segment, encoded.encoding.max_length, folder)
        for pairs, encoded in zip(drawn, (data.train, data.dev), strict=True)
    )
    return dataclasses.replace(data, train=train, dev=dev, dev_groups=drawn[1].groups)


def _trained_runs(
    options: EvaluationOptions,
    device: torch.device,
    source: ModelSource,
    method: Method,
    encoder: PairEncoder,
    data: _TrainingData,
    name: str,
    control: str,
) -> Iterator[Run]:
    for size, seed in product(options.training_sizes, options.seeds_of(control)):
        used = data if size is None else _draw(data, size, seed, encoder, options.work / "tokens")
        training = Training(
            name,
            control,
            seed,
            method.recipe,
            size or data.train_pairs.task.rows,
            data.train_pairs.task.dropped,
            data.content_sha256,
            unknown=used.train.encoding.unknown,
            truncated_pairs=used.train.encoding.truncated_pairs,
            method=options.method,
            train_pairs=size,
        )
        segment = digest_of(data.train.encoding.segment)
        key = _run_key(options, device, source, training, segment)
        yield Run(training, used.train, used.dev, used.dev_groups, key)


def _run_key(
    options: EvaluationOptions, device: torch.device, source: ModelSource, training: Training, segment: str
) -> str:
    """Return a digest of everything that can change the trained weights, except the seed."""
    method_code = implementation_of(options.method).__module__
    return digest_of(
        [source.weights_sha256, source.tokenizer_sha256, source.adapter.sha256 if source.adapter else ""],
        [training.on, training.method, training.control, training.recipe, training.content_sha256, segment],
        training.train_pairs,
        PartialState().num_processes,
        [environment(device, dtype_of(options.dtype), options.load_in), source_digest(method_code, *TRAINING_CODE)],
    )


def path_of_result(prepared: Prepared, run: Run, task: EncodedTask) -> Path:
    """Return the path of a result; its name holds the result's key."""
    return results.result_path(
        prepared.options.folder,
        prepared.model,
        run.training,
        run.key,
        task.pairs.task.name,
        key_of_result(prepared, run, task),
    )


def key_of_result(prepared: Prepared, run: Run, task: EncodedTask) -> str:
    """Return a digest of everything that can change a result."""
    # The file of the tokens of perturbed pairs is named by a digest of these pairs.
    return digest_of(
        [results.SCHEMA_VERSION, run.key, run.training.seed, task.pairs.task.is_whole(prepared.options.limit)],
        source_digest(*STATISTICS_CODE),
        [dataclasses.asdict(task.pairs.task), dataclasses.asdict(task.encoded.encoding), task.refusal],
        dataclasses.asdict(task.preflight),
        {name: encoded.path.name for name, encoded in task.perturbations.items()},
    )


def environment(device: torch.device, dtype: torch.dtype, load_in: StoredIn) -> dict[str, str]:
    """Return the versions of the libraries, the device and the number formats."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    if load_in != "float32":
        versions |= {"bitsandbytes": importlib.metadata.version("bitsandbytes"), "load_in": load_in}
    if is_sharded():
        versions["fsdp"] = "2"
    numbers = {"device": device.type, "dtype": str(dtype).removeprefix("torch.")}
    return {"python": platform.python_version(), **versions, **numbers}
