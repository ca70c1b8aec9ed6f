"""An evaluation from top to bottom: pairs -> tokens -> fine-tuned classifier -> predictions -> metrics -> results."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from accelerate import PartialState
from filelock import FileLock
from tqdm import tqdm
from transformers import PreTrainedModel

from bio_paws.execution.files import atomic
from bio_paws.execution.progress import progress
from bio_paws_eval import results
from bio_paws_eval.models import finetune, loading, predict
from bio_paws_eval.options import Dtype, Recipe, Segment
from bio_paws_eval.results import Result, Training
from bio_paws_eval.runs.preparation import Ask, Prepared, Run, cell_key, cell_path, environment, prepare
from bio_paws_eval.runs.settings import Settings, settings_of
from bio_paws_eval.stats import metrics
from bio_paws_eval.tasks import registry
from bio_paws_eval.tasks.registry import Sources


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
    pawsx: str = registry.PAWSX_REPO,
    segment: Segment = "auto",
    allow_unknown: bool = False,
    truncate: bool = True,
    device: str = "auto",
    dtype: Dtype = "float32",
    limit: int | None = None,
    out: str | Path = "results",
    save_models: bool = False,
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
    save_models : bool
        Keep every fine-tuned model, with its tokenizer, in a folder beside its results.

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
            save_models=save_models,
        )
    )


def run(settings: Settings) -> Evaluation:
    """Do what the settings ask for."""
    # Under `accelerate launch` every process comes here: they train together, and share out the tasks.
    state = PartialState(cpu=settings.device.type == "cpu")
    prepared = prepare(settings)
    cells = len(prepared.runs) * len(prepared.asks)
    with progress(total=cells, desc="results", leave=True, show=state.is_main_process) as bar:
        return run_prepared(prepared, bar)


def run_prepared(prepared: Prepared, bar: tqdm[NoReturn]) -> Evaluation:
    """Do what is prepared, and move a bar on by each cell."""
    done: list[Path] = []
    for one in prepared.runs:
        cells = [(ask, cell_path(prepared, one, ask)) for ask in prepared.asks]
        with alone(prepared.settings.work / "locks" / f"{one.key}-{one.training.seed}"):
            _run_cells(prepared, one, cells)
        done += [path for _, path in cells]
        bar.update(len(cells))
    PartialState().wait_for_everyone()
    return Evaluation(tuple(map(results.read_result, done)), prepared.skipped)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keep another run on the same folder from the same training, or wait until it has done it."""
    state = PartialState()
    with ExitStack() as stack:
        if state.is_main_process:
            lock.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(lock))
        state.wait_for_everyone()
        yield


def _run_cells(prepared: Prepared, one: Run, cells: list[tuple[Ask, Path]]) -> None:
    """Train once, and predict every task whose result is missing."""
    state = PartialState()
    missing = [(ask, path) for ask, path in cells if not path.is_file()]
    state.wait_for_everyone()  # no process writes before all have looked
    mine = missing[state.process_index :: state.num_processes]
    for ask, path in mine:
        if ask.refusal:
            results.write_result(path, _result(prepared, one, ask, path), None)
    saved = saved_model(prepared, one)
    to_save = prepared.settings.save_models and one.train is not None and not saved.is_dir()
    if all(ask.refusal for ask, _ in missing) and not to_save:
        return
    folder = prepared.settings.work / "runs" / f"{one.key}-{one.training.seed}"
    model, training = _model(prepared, one, folder)
    if to_save and state.is_main_process:
        with atomic(saved) as part:
            model.save_pretrained(part)
            # Read anew: one that has encoded pairs keeps how it padded and cut them.
            loading.load_tokenizer(prepared.source).save_pretrained(part)
    for ask, path in mine:
        if not ask.refusal:
            _predict(prepared, dataclasses.replace(one, training=training), ask, path, model)
    state.wait_for_everyone()
    if state.is_main_process:
        shutil.rmtree(folder, ignore_errors=True)  # an untuned model has none


def saved_model(prepared: Prepared, one: Run) -> Path:
    """Folder of a fine-tuned model that is kept, named after what it was and what it was trained on."""
    control = "" if one.training.control == "none" else f"-{one.training.control}"
    return cell_path(prepared, one, prepared.asks[0]).parent / results.slug(
        f"{prepared.model.id}-{one.training.on}{control}"
    )


def _model(prepared: Prepared, one: Run, folder: Path) -> tuple[PreTrainedModel, Training]:
    """Load the classifier and train it."""
    settings, training = prepared.settings, one.training
    tokenizer = prepared.encoder.tokenizer
    random_init = training.control == "random-init"
    model = loading.load_classifier(prepared.source, tokenizer, training.seed, random_init=random_init)
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
    viewed = {
        name: predict.predict(model, encoded, pad_id, settings.dtype)[0].logits for name, encoded in ask.views.items()
    }
    logits, labels = predictions.logits, predictions.labels
    result = dataclasses.replace(
        _result(prepared, one, ask, path),
        seconds=timing.seconds,
        tokens_per_second=timing.tokens / timing.seconds,
        metrics=metrics.measure(logits, labels),
        predictions=path.with_suffix(".parquet").name,
        by_kind=metrics.measure_kinds(logits, labels, ask.pairs.kinds),
        views=metrics.measure_views(logits, labels, viewed),
    )
    results.write_result(path, result, predictions)


def _result(prepared: Prepared, one: Run, ask: Ask, path: Path) -> Result:
    """Return the result of a refused cell, which is that of a scored one before it is scored."""
    settings = prepared.settings
    chose = one.train is not None and (one.training.on, "validation") == (ask.pairs.task.name, ask.pairs.task.split)
    notes = [ask.refusal or ask.note, "this split chose the epoch" if chose else ""]
    return Result(
        cell_key(prepared, one, ask),
        prepared.model,
        one.training,
        ask.pairs.task,
        ask.encoded.encoding,
        "refused" if ask.refusal else "scored",
        "; ".join(filter(None, notes)),
        settings.sources.limit is None,
        environment(settings),
        seconds=0.0,
        tokens_per_second=0.0,
        metrics={},
        predictions="",
    )
