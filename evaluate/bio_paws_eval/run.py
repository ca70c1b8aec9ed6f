"""An evaluation from top to bottom: pairs -> tokens -> fine-tuned classifier -> predictions -> metrics -> results."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import math
import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import PartialState
from tqdm import tqdm
from transformers import PreTrainedModel

from bio_paws.errors import BioPawsError
from bio_paws.files import digest_of
from bio_paws_eval import encode, finetune, metrics, models, predict, results, tasks
from bio_paws_eval.encode import MAX_UNKNOWN, Encoded, PairEncoder, Segment
from bio_paws_eval.finetune import CONTROLS, RECIPES, Recipe
from bio_paws_eval.results import Model, Result, Training
from bio_paws_eval.tasks import Pairs, Sources

_log = logging.getLogger(__name__)

Dtype = Literal["float32", "bfloat16"]
DEVICES = ("auto", "cpu", "cuda", "mps")
_PACKAGES = ("bio-paws", "accelerate", "numpy", "safetensors", "tokenizers", "torch", "transformers")
_CODE = (encode, finetune, metrics, models, predict, tasks)  # modules whose change can change a result


@dataclass(frozen=True)
class Settings:
    """What to evaluate. `evaluate` says what each field means."""

    model: str
    revision: str | None
    train_on: tuple[str, ...]
    controls: tuple[str, ...]
    seeds: tuple[int, ...]
    recipe: Recipe
    configs: tuple[str, ...] | None
    split: str
    sources: Sources
    segment: Segment
    allow_unknown: bool
    truncate: bool
    device: torch.device
    dtype: torch.dtype
    out: Path


@dataclass(frozen=True)
class Run:
    """One training, before it has begun: what it is trained on, how, with which seed."""

    training: Training
    train: Encoded | None
    dev: Encoded | None
    key: str


@dataclass(frozen=True)
class Ask:
    """One task, encoded."""

    pairs: Pairs
    encoded: Encoded
    refusal: str
    note: str


@dataclass(frozen=True)
class Prepared:
    """All that is known before the first step: model, tasks, runs."""

    settings: Settings
    source: models.Source
    model: Model
    encoder: PairEncoder
    asks: tuple[Ask, ...]
    runs: tuple[Run, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation came to.

    Attributes
    ----------
    results : tuple of Result
        Every cell asked for, finished now or before.
    skipped : tuple of str
        Tasks whose pairs are not at hand, and why.
    """

    results: tuple[Result, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """What an evaluation would do.

    Attributes
    ----------
    trainings : tuple of (name, seeds, steps, tokens)
        Steps and real tokens of each seed; 0 where nothing is trained.
    tasks : tuple of (name, rows, tokens, note)
        Real tokens of one prediction, and what a reader must know.
    cells, finished : int
        Results asked for, and those that stand already.
    parameters : int
        Weights of the model.
    memory : int
        Bytes that training takes, roughly: weights, gradients and two moments of AdamW (16 bytes a weight), and the
        activations of a batch of the longest pairs, 34 bytes a token, unit and layer in 16 bits, twice that in 32
        (Korthikanti V et al. 2022, arXiv:2205.05198, eq. 2, attention matrices not kept).
    skipped : tuple of str
        Tasks whose pairs are not at hand, and why.
    """

    trainings: tuple[tuple[str, int, int, int], ...]
    tasks: tuple[tuple[str, int, int, str], ...]
    cells: int
    finished: int
    parameters: int
    memory: int
    skipped: tuple[str, ...]


def evaluate(
    model: str,
    *,
    revision: str | None = None,
    finetune: Sequence[str] = ("en",),
    finetune_on: Sequence[str] = (),
    controls: Sequence[str] = ("none",),
    seeds: int | Sequence[int] = 5,
    recipe: str | Recipe = "paper",
    configs: Sequence[str] | None = None,
    split: str = "test",
    data: str | None = None,
    pawsx: str = tasks.PAWSX_REPO,
    segment: Segment = "auto",
    allow_unknown: bool = False,
    truncate: bool = True,
    device: str = "auto",
    dtype: Dtype = "float32",
    limit: int | None = None,
    out: str | Path = "results",
) -> Evaluation:
    """Fine-tune a classifier on pairs of sentences, and test it on PAWS-X and on every config of bioPAWS.

    Finished cells are read, not run again; a run that was killed goes on from its last checkpoint.

    Parameters
    ----------
    model : str
        Folder or Hub id of anything that `AutoModelForSequenceClassification` takes.
    revision : str, optional
        Commit, tag or branch of the model on the Hub.
    finetune : sequence of str
        Languages of PAWS-X to fine-tune on, one at a time; "none" for the model as it is, its head drawn by seed.
    finetune_on : sequence of str
        Configs of bioPAWS to fine-tune on, one at a time: the supervised ceiling.
    controls : sequence of str
        "none" for the model fine-tuned as it should be; "untuned", "random-init", "shuffled-labels" or "frozen".
    seeds : int or sequence of int
        Number of seeds, counted from 0, or the seeds.
    recipe : str or Recipe
        "paper", "xtreme", or hyper-parameters.
    configs : sequence of str, optional
        Tasks, as ``dna150`` or ``pawsx_fr``; by default all whose pairs are at hand.
    split : {"test", "validation", "train"}
        Split that is predicted.
    data : str, optional
        Folder or Hub id of bioPAWS; by default the folder ``bioPAWS``, else the pinned revision on the Hub.
    pawsx : str
        Folder of PAWS-X's tab-separated files, or Hub id.
    segment : int, "auto" or None
        Letters a word that sequences are split into; see `encode.encode`.
    allow_unknown : bool
        Score cells with over 1% of unknown tokens, marked, instead of refusing them.
    truncate : bool
        Score cells with pairs longer than the model takes, marked, instead of refusing them.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute; auto takes a GPU where there is one.
    dtype : {"float32", "bfloat16"}
        Number format of matrix products; weights stay float32.
    limit : int, optional
        Take the first so many pairs of each split; the results are marked as not comparable.
    out : str or Path
        Folder of the results, which grows with every evaluation.

    Raises
    ------
    BioPawsError
        When the model, the pairs to train on or a task named in `configs` cannot be had, or a value is wrong.
    """
    return run(
        settings_of(
            model,
            revision=revision,
            finetune=finetune,
            finetune_on=finetune_on,
            controls=controls,
            seeds=seeds,
            recipe=recipe,
            configs=configs,
            split=split,
            sources=Sources(data, pawsx, limit),
            segment=segment,
            allow_unknown=allow_unknown,
            truncate=truncate,
            device=device,
            dtype=dtype,
            out=out,
        )
    )


def settings_of(
    model: str,
    *,
    revision: str | None,
    finetune: Sequence[str],
    finetune_on: Sequence[str],
    controls: Sequence[str],
    seeds: int | Sequence[int],
    recipe: str | Recipe,
    configs: Sequence[str] | None,
    split: str,
    sources: Sources,
    segment: Segment,
    allow_unknown: bool,
    truncate: bool,
    device: str,
    dtype: str,
    out: str | Path,
) -> Settings:
    """Check what a user gave, and bring it into one form; arguments as in `evaluate`."""
    _choose("language", finetune, (*tasks.LANGUAGES, "none"))
    _choose("config", finetune_on, [name for name in tasks.task_names() if not tasks.is_pawsx(name)])
    _choose("config", configs or (), tasks.task_names())
    _choose("control", controls, CONTROLS)
    _choose("device", [device], DEVICES)
    if isinstance(recipe, str):
        _choose("recipe", [recipe], RECIPES)
        recipe = RECIPES[recipe]
    seeds = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not seeds:
        raise BioPawsError("no seeds: pass at least one")
    if segment not in {"auto", None} and (not isinstance(segment, int) or segment < 1):
        raise BioPawsError(f"segment {segment!r} is neither auto, none nor a positive number of letters")
    languages = [tasks.pawsx(one) if one != "none" else one for one in finetune]
    train_on = tuple(dict.fromkeys([*languages, *finetune_on]))
    return Settings(
        model,
        revision,
        train_on,
        tuple(dict.fromkeys(controls)),
        tuple(dict.fromkeys(seeds)),
        recipe,
        tuple(dict.fromkeys(configs)) if configs else None,
        split,
        sources,
        segment,
        allow_unknown,
        truncate,
        _device(device),
        getattr(torch, dtype),
        Path(out),
    )


def _choose(what: str, chosen: Sequence[str], known: Sequence[str] | dict[str, Recipe]) -> None:
    for one in chosen:
        if one not in known:
            raise BioPawsError(f"unknown {what} {one!r}: choose from {', '.join(known)}")


def _device(name: str) -> torch.device:
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(one for one in ("cuda", "mps", "cpu") if has[one])
    if not has[name]:
        raise BioPawsError(f"device {name}: there is none here: pass --device auto")
    return torch.device(name)


def run(settings: Settings) -> Evaluation:
    """Do what the settings ask for."""
    # Under `accelerate launch` every process comes here: they train together, and share out the tasks.
    state = PartialState(cpu=settings.device.type == "cpu")
    prepared = prepare(settings)
    cells = [(one, ask, cell_path(prepared, one, ask)) for one in prepared.runs for ask in prepared.asks]
    with tqdm(total=len(cells), desc="cells", disable=None if state.is_main_process else True) as bar:
        for one in prepared.runs:
            _run_cells(prepared, one, [(ask, path) for run, ask, path in cells if run is one])
            bar.update(len(prepared.asks))
    state.wait_for_everyone()
    return Evaluation(tuple(results.read_result(path) for _, _, path in cells), prepared.skipped)


def prepare(settings: Settings) -> Prepared:
    """Find the model, read and encode all pairs, and say which runs there are."""
    source = models.find_model(settings.model, settings.revision)
    tokenizer = models.load_tokenizer(source)
    encoder = PairEncoder(tokenizer, source.tokenizer_sha256, models.join_of(source.config))
    state = PartialState()
    with state.main_process_first():  # the others find the tokens on disk
        asks, skipped = _asks(settings, source, encoder)
        runs = tuple(_runs(settings, source, encoder))
    return Prepared(settings, source, models.describe(source), encoder, asks, runs, skipped)


def _asks(settings: Settings, source: models.Source, encoder: PairEncoder) -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    found, skipped = tasks.load_at_hand(settings.configs, tasks.task_names(), [settings.split], settings.sources)
    max_length = models.max_length_of(source.config, encoder.tokenizer)
    asks = []
    for (pairs,) in found:
        encoded = encode.encode(pairs, encoder, settings.segment, max_length, _work(settings) / "tokens")
        asks.append(Ask(pairs, encoded, _refusal(settings, encoded), _note(encoded)))
    return tuple(asks), skipped


def _refusal(settings: Settings, encoded: Encoded) -> str:
    """Why a cell is not scored; empty where it is."""
    measured = encoded.encoding
    if measured.unknown > MAX_UNKNOWN and not settings.allow_unknown:
        return f"refused: {_percent(measured.unknown)} unknown"
    if measured.truncated_pairs and not settings.truncate:
        return f"refused: {_percent(measured.truncated_pairs)} of pairs truncated"
    return ""


def _note(encoded: Encoded) -> str:
    measured = encoded.encoding
    notes = []
    if measured.segment:
        notes.append(f"split into words of {measured.segment} letters")
    if measured.unknown > MAX_UNKNOWN:
        notes.append(f"{_percent(measured.unknown)} unknown")
    if measured.truncated_pairs:
        pairs, letters = _percent(measured.truncated_pairs), _percent(measured.truncated_letters)
        notes.append(f"{pairs} of pairs truncated, {letters} of letters lost")
    return "; ".join(notes)


def _percent(part: float) -> str:
    return f"{100 * part:.3g}%"


def _runs(settings: Settings, source: models.Source, encoder: PairEncoder) -> Iterator[Run]:
    for on in settings.train_on:
        for control in settings.controls:
            if on == "none" or control == "untuned":
                yield from _untuned(settings, source)
            else:
                yield from _trained(settings, source, encoder, on, control)


def _untuned(settings: Settings, source: models.Source) -> Iterator[Run]:
    for seed in settings.seeds:
        training = Training("none", "untuned", seed)
        yield Run(training, None, None, _run_key(settings, source, training, ""))


def _trained(settings: Settings, source: models.Source, encoder: PairEncoder, on: str, control: str) -> Iterator[Run]:
    folder, length = _work(settings) / "tokens", settings.recipe.max_length
    limit = models.max_length_of(source.config, encoder.tokenizer)
    length = min(length, limit) if limit else length
    dev_pairs = tasks.load_pairs(on, "validation", settings.sources)
    dev = encode.encode(dev_pairs, encoder, settings.segment, length, folder)
    # As the dev split was split into words, so is the train split.
    train_pairs = tasks.load_pairs(on, "train", settings.sources)
    train = encode.encode(train_pairs, encoder, dev.encoding.segment, length, folder)
    if train.encoding.unknown > MAX_UNKNOWN and not settings.allow_unknown:
        raise BioPawsError(
            f"{on}: {_percent(train.encoding.unknown)} of its tokens are unknown to the tokenizer of {source.id}: "
            "nothing can be learnt from it; pass --allow-unknown to try, --finetune none or --finetune-on CONFIG"
        )
    for seed in settings.seeds:
        training = Training(
            on,
            control,
            seed,
            dataclasses.asdict(settings.recipe),
            train_pairs.task.rows,
            train_pairs.task.dropped,
            digest_of(train_pairs.task.content_sha256, dev_pairs.task.content_sha256),
            unknown=train.encoding.unknown,
            truncated_pairs=train.encoding.truncated_pairs,
        )
        segment = digest_of(train.encoding.segment)
        yield Run(training, train, dev, _run_key(settings, source, training, segment))


def _run_key(settings: Settings, source: models.Source, training: Training, segment: str) -> str:
    """Digest of everything that can change the trained weights, less the seed."""
    return digest_of(
        [source.weights_sha256, source.tokenizer_sha256],
        [training.on, training.control, training.recipe, training.content_sha256, segment],
        [settings.device.type, str(settings.dtype), PartialState().num_processes],
        [_environment(settings), [Path(str(one.__file__)).read_text(encoding="utf-8") for one in _CODE]],
    )


def cell_path(prepared: Prepared, one: Run, ask: Ask) -> Path:
    """Path of a cell's result; its name holds the cell's key."""
    task = ask.pairs.task.name
    return results.result_path(
        prepared.settings.out, prepared.model, one.training, one.key, task, cell_key(prepared, one, ask)
    )


def cell_key(prepared: Prepared, one: Run, ask: Ask) -> str:
    """Digest of everything that can change a cell's result."""
    return digest_of(
        [results.SCHEMA_VERSION, one.key, one.training.seed, prepared.settings.sources.limit is None],
        [dataclasses.asdict(ask.pairs.task), dataclasses.asdict(ask.encoded.encoding), ask.refusal],
    )


def _environment(settings: Settings) -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    numbers = {"device": settings.device.type, "dtype": str(settings.dtype).removeprefix("torch.")}
    return {"python": platform.python_version(), **versions, **numbers}


def _run_cells(prepared: Prepared, one: Run, cells: list[tuple[Ask, Path]]) -> None:
    """Train once, and predict every task whose result is missing."""
    state = PartialState()
    missing = [(ask, path) for ask, path in cells if not path.is_file()]
    state.wait_for_everyone()  # no process writes before all have looked
    mine = missing[state.process_index :: state.num_processes]
    for ask, path in mine:
        if ask.refusal:
            results.write_result(path, _result(prepared, one, ask, path), None)
    if all(ask.refusal for ask, _ in missing):
        return
    folder = _work(prepared.settings) / "runs" / f"{one.key}-{one.training.seed}"
    model, training = _model(prepared, one, folder)
    for ask, path in mine:
        if not ask.refusal:
            _predict(prepared, dataclasses.replace(one, training=training), ask, path, model)
    state.wait_for_everyone()
    if state.is_main_process:
        shutil.rmtree(folder, ignore_errors=True)  # an untuned model has none


def _model(prepared: Prepared, one: Run, folder: Path) -> tuple[PreTrainedModel, Training]:
    """Load the classifier and train it."""
    settings, training = prepared.settings, one.training
    tokenizer = prepared.encoder.tokenizer
    random_init = training.control == "random-init"
    model = models.load_classifier(prepared.source, tokenizer, training.seed, random_init=random_init)
    device = PartialState().device if PartialState().num_processes > 1 else settings.device
    model.to(device)  # type: ignore[arg-type]
    if one.train is None or one.dev is None:
        return model, training
    trained = finetune.fine_tune(
        model,
        one.train,
        one.dev,
        tokenizer.pad_token_id,
        settings.recipe,
        training.control,
        training.seed,
        settings.dtype,
        folder,
    )
    return model, dataclasses.replace(training, **vars(trained))


def _predict(prepared: Prepared, one: Run, ask: Ask, path: Path, model: PreTrainedModel) -> None:
    settings = prepared.settings
    pad_id = prepared.encoder.tokenizer.pad_token_id
    predictions, timing = predict.predict(model, ask.encoded, pad_id, settings.dtype)
    measured = metrics.measure(predictions.logits, predictions.labels)
    result = dataclasses.replace(
        _result(prepared, one, ask, path),
        seconds=timing.seconds,
        tokens_per_second=timing.tokens / timing.seconds,
        metrics=measured,
        predictions=path.with_suffix(".parquet").name,
    )
    results.write_result(path, result, predictions)


def _result(prepared: Prepared, one: Run, ask: Ask, path: Path) -> Result:
    """Return the result of a refused cell, which is that of a scored one before it is scored."""
    settings = prepared.settings
    return Result(
        cell_key(prepared, one, ask),
        prepared.model,
        one.training,
        ask.pairs.task,
        ask.encoded.encoding,
        "refused" if ask.refusal else "scored",
        ask.refusal or ask.note,
        settings.sources.limit is None,
        _environment(settings),
        seconds=0.0,
        tokens_per_second=0.0,
        metrics={},
        predictions="",
    )


def estimate(settings: Settings) -> Estimate:
    """Say what `run` would do. Pairs are read and encoded, nothing is trained or predicted."""
    PartialState(cpu=settings.device.type == "cpu")
    prepared = prepare(settings)
    paths = [cell_path(prepared, one, ask) for one in prepared.runs for ask in prepared.asks]
    recipe = settings.recipe
    trainings: dict[str, tuple[str, int, int, int]] = {}
    longest = 0
    for one in prepared.runs:
        name, (seeds, steps, tokens) = one.training.name, trainings.get(one.training.name, ("", 0, 0, 0))[1:]
        if one.train is not None and not seeds:
            steps = recipe.epochs * math.ceil(one.training.rows / recipe.batch_size)
            tokens = recipe.epochs * _tokens(one.train)
            longest = max(longest, min(one.train.encoding.lengths[-1], recipe.max_length))
        trainings[name] = (name, seeds + 1, steps, tokens)
    parameters = prepared.model.parameters
    config = prepared.source.config
    width, layers = getattr(config, "hidden_size", 0), getattr(config, "num_hidden_layers", 0)
    bytes_a_unit = 34 if settings.dtype == torch.bfloat16 else 68
    memory = 16 * parameters + bytes_a_unit * recipe.batch_size * longest * width * layers
    asked = tuple(
        (ask.pairs.task.name, ask.pairs.task.rows, _tokens(ask.encoded), ask.refusal or ask.note)
        for ask in prepared.asks
    )
    finished = sum(path.is_file() for path in paths)
    return Estimate(tuple(trainings.values()), asked, len(paths), finished, parameters, memory, prepared.skipped)


def _tokens(encoded: Encoded) -> int:
    return sum(len(ids) for batch in encoded.batches() for ids in batch.ids)


def _work(settings: Settings) -> Path:
    """Tokens and checkpoints: may be removed, and are made again."""
    return settings.out / ".work"
