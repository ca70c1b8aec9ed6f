"""All that is known before the first step: the model, the tasks in tokens, the trainings, and the name of each cell."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accelerate import PartialState

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import digest_of
from bio_paws.features.perturbations import perturbations_of
from bio_paws_eval import results
from bio_paws_eval.layout.tables import percent
from bio_paws_eval.models import encode, finetune, loading, predict
from bio_paws_eval.models.encode import MAX_UNKNOWN, Encoded, PairEncoder
from bio_paws_eval.results import Model, Task, Training
from bio_paws_eval.runs.settings import Settings
from bio_paws_eval.stats import metrics
from bio_paws_eval.tasks import biopaws, dyck, load, pawsx, registry
from bio_paws_eval.tasks import pairs as task_pairs
from bio_paws_eval.tasks.pairs import Pairs, perturbed

_PACKAGES = ("bio-paws", "accelerate", "numpy", "safetensors", "tokenizers", "torch", "transformers")
# Modules whose change can change a result.
_CODE = (encode, finetune, metrics, loading, predict, load, task_pairs, biopaws, pawsx, dyck)


@dataclass(frozen=True)
class Run:
    """One training, before it has begun: what it is trained on, how, with which seed."""

    training: Training
    train: Encoded | None
    dev: Encoded | None
    key: str


@dataclass(frozen=True)
class Ask:
    """One task, encoded, and the views of it that are asked with it, by name."""

    pairs: Pairs
    encoded: Encoded
    refusal: str
    note: str
    views: dict[str, Encoded]


@dataclass(frozen=True)
class Prepared:
    """All that is known before the first step: model, tasks, runs."""

    settings: Settings
    source: loading.Source
    model: Model
    encoder: PairEncoder
    asks: tuple[Ask, ...]
    runs: tuple[Run, ...]
    skipped: tuple[str, ...]


def prepare(settings: Settings) -> Prepared:
    """Find the model, read and encode all pairs, and say which runs there are."""
    source = loading.find_model(settings.model, settings.revision)
    tokenizer = loading.load_tokenizer(source)
    encoder = PairEncoder(tokenizer, source.tokenizer_sha256, loading.join_of(source.config))
    state = PartialState()
    with state.main_process_first():  # the others find the tokens on disk
        runs = {(one.key, one.training.seed): one for one in _runs(settings, source, encoder)}
        asks, skipped = _asks(settings, source, encoder)
    return Prepared(settings, source, loading.describe(source), encoder, asks, tuple(runs.values()), skipped)


def _asks(settings: Settings, source: loading.Source, encoder: PairEncoder) -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    found, skipped = load.load_available(settings.configs, registry.task_names(), [settings.split], settings.sources)
    max_length = loading.max_length_of(source.config, encoder.tokenizer)
    asks = []
    for (pairs,) in found:
        folder = settings.work / "tokens"
        encoded = encode.encode(pairs, encoder, settings.segment, max_length, folder)
        refusal = _refusal(settings, encoded)
        # Split into words as the stored pairs are, or the answers could differ for that.
        views = {
            name: encode.encode(perturbed(pairs, view), encoder, encoded.encoding.segment, max_length, folder)
            for name, view in perturbations_of(pairs.molecule).items()
            if settings.split == "test" and not refusal
        }
        asks.append(Ask(pairs, encoded, refusal, _note(encoded), views))
    return tuple(asks), skipped


def _refusal(settings: Settings, encoded: Encoded) -> str:
    """Why a cell is not scored; empty where it is."""
    measured = encoded.encoding
    if measured.unknown > MAX_UNKNOWN and not settings.allow_unknown:
        return f"refused: {percent(measured.unknown)} unknown"
    if measured.truncated_pairs and not settings.truncate:
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


def _runs(settings: Settings, source: loading.Source, encoder: PairEncoder) -> Iterator[Run]:
    for on in settings.train_on:
        lesson = None
        for control in settings.controls:
            if on == "none" or control == "untuned":
                yield from _untuned(settings, source)
            else:
                lesson = lesson or _lesson(settings, source, encoder, on)
                yield from _trained(settings, source, lesson, on, control)


def _untuned(settings: Settings, source: loading.Source) -> Iterator[Run]:
    for seed in settings.seeds:
        training = Training("none", "untuned", seed)
        yield Run(training, None, None, _run_key(settings, source, training, ""))


@dataclass(frozen=True)
class _Lesson:
    """What is trained on, the same for every control: pairs and tokens of the train and the dev split."""

    train_task: Task
    train: Encoded
    dev: Encoded
    content_sha256: str


def _lesson(settings: Settings, source: loading.Source, encoder: PairEncoder, on: str) -> _Lesson:
    folder, length = settings.work / "tokens", settings.recipe.max_length
    limit = loading.max_length_of(source.config, encoder.tokenizer)
    length = min(length, limit) if limit else length
    dev_pairs = load.load_pairs(on, "validation", settings.sources)
    dev = encode.encode(dev_pairs, encoder, settings.segment, length, folder)
    # As the dev split was split into words, so is the train split.
    train_pairs = load.load_pairs(on, "train", settings.sources)
    train = encode.encode(train_pairs, encoder, dev.encoding.segment, length, folder)
    if train.encoding.unknown > MAX_UNKNOWN and not settings.allow_unknown:
        raise BioPawsError(
            f"{on}: {percent(train.encoding.unknown)} of its tokens are unknown to the tokenizer of {source.id}: "
            "nothing can be learnt from it; pass --allow-unknown to try, --finetune none or --finetune-on CONFIG"
        )
    content = digest_of(train_pairs.task.content_sha256, dev_pairs.task.content_sha256)
    return _Lesson(train_pairs.task, train, dev, content)


def _trained(settings: Settings, source: loading.Source, lesson: _Lesson, on: str, control: str) -> Iterator[Run]:
    for seed in settings.seeds:
        training = Training(
            on,
            control,
            seed,
            dataclasses.asdict(settings.recipe),
            lesson.train_task.rows,
            lesson.train_task.dropped,
            lesson.content_sha256,
            unknown=lesson.train.encoding.unknown,
            truncated_pairs=lesson.train.encoding.truncated_pairs,
        )
        segment = digest_of(lesson.train.encoding.segment)
        yield Run(training, lesson.train, lesson.dev, _run_key(settings, source, training, segment))


def _run_key(settings: Settings, source: loading.Source, training: Training, segment: str) -> str:
    """Digest of everything that can change the trained weights, less the seed."""
    return digest_of(
        [source.weights_sha256, source.tokenizer_sha256],
        [training.on, training.control, training.recipe, training.content_sha256, segment],
        [settings.device.type, str(settings.dtype), PartialState().num_processes],
        [environment(settings), [Path(str(one.__file__)).read_text(encoding="utf-8") for one in _CODE]],
    )


def cell_path(prepared: Prepared, one: Run, ask: Ask) -> Path:
    """Path of a cell's result; its name holds the cell's key."""
    task = ask.pairs.task.name
    return results.result_path(
        prepared.settings.out, prepared.model, one.training, one.key, task, cell_key(prepared, one, ask)
    )


def cell_key(prepared: Prepared, one: Run, ask: Ask) -> str:
    """Digest of everything that can change a cell's result."""
    # The tokens of a view lie in a file that is named by a digest of its pairs.
    return digest_of(
        [results.SCHEMA_VERSION, one.key, one.training.seed, prepared.settings.sources.limit is None],
        [dataclasses.asdict(ask.pairs.task), dataclasses.asdict(ask.encoded.encoding), ask.refusal],
        {name: encoded.path.name for name, encoded in ask.views.items()},
    )


def environment(settings: Settings) -> dict[str, str]:
    """Return versions of the libraries, and what the numbers are computed on and in."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    numbers = {"device": settings.device.type, "dtype": str(settings.dtype).removeprefix("torch.")}
    return {"python": platform.python_version(), **versions, **numbers}
