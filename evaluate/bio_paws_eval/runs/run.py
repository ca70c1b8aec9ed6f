"""An evaluation from top to bottom: pairs -> tokens -> fine-tuned classifier -> predictions -> metrics -> results."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from accelerate import PartialState
from tqdm import tqdm

from bio_paws.execution.files import atomic
from bio_paws.execution.progress import progress
from bio_paws_eval import results
from bio_paws_eval.methods.interface import Fitted, Fitting
from bio_paws_eval.models.checkpoints import exclusive
from bio_paws_eval.models.own_code import copy_code
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.models.tracking import Tracking
from bio_paws_eval.options import EvaluationOptions, keyword_form
from bio_paws_eval.results import Result, Training
from bio_paws_eval.runs.device import device_of, start_processes
from bio_paws_eval.runs.preparation import (
    EncodedTask,
    Prepared,
    Run,
    environment,
    key_of_result,
    path_of_result,
    prepare,
)
from bio_paws_eval.stats.decisions import predicted
from bio_paws_eval.stats.metrics import measure, sampling_of
from bio_paws_eval.stats.pair_types import measure_pair_types
from bio_paws_eval.stats.perturbations import measure_perturbations


@dataclass(frozen=True)
class Evaluation:
    """The results of an evaluation.

    Attributes
    ----------
    results : tuple of Result
        One for each training and task, computed now or before.
    skipped : tuple of str
        Tasks whose pairs are not available, and why.
    """

    results: tuple[Result, ...]
    skipped: tuple[str, ...]


@keyword_form(EvaluationOptions)
def evaluate(options: EvaluationOptions) -> Evaluation:
    """Fine-tune a classifier on pairs of sentences, and test it on PAWS-X and on every config of bioPAWS.

    Finished results are read, not computed again; a run that was killed continues from its last checkpoint.

    Raises
    ------
    ConfigError
        When the value of an option is invalid.
    BioPawsError
        When the model, the pairs to train on or a task named in `configs` is not available.
    """
    return run(options)


def run(options: EvaluationOptions) -> Evaluation:
    """Evaluate one model; errors as for `evaluate`."""
    return run_all([options])


def run_all(planned: Sequence[EvaluationOptions]) -> Evaluation:
    """Evaluate one model after another; what one of them lacks is reported before the first is trained."""
    # Under `accelerate launch` every process comes here: they train together, and each predicts some of the tasks.
    state = start_processes(device_of(planned[0].device))
    prepared = [prepare(options) for options in planned]
    total = sum(len(part.runs) * len(part.tasks) for part in prepared)
    with progress(total=total, desc="results", leave=True, show=state.is_main_process) as bar:
        return join_evaluations([run_prepared(part, bar) for part in prepared])


def join_evaluations(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return the results of all, and each reason once."""
    reasons = (reason for evaluation in evaluations for reason in evaluation.skipped)
    return Evaluation(
        tuple(result for evaluation in evaluations for result in evaluation.results), tuple(dict.fromkeys(reasons))
    )


def run_prepared(prepared: Prepared, bar: tqdm[NoReturn]) -> Evaluation:
    """Compute the results that are missing, and advance a progress bar by each result."""
    paths: list[Path] = []
    for run in prepared.runs:
        wanted = [(task, path_of_result(prepared, run, task)) for task in prepared.tasks]
        with exclusive(prepared.options.work / "locks" / f"{run.key}-{run.training.seed}"):
            _complete(prepared, run, wanted)
        paths += [path for _, path in wanted]
        bar.update(len(wanted))
    PartialState().wait_for_everyone()
    return Evaluation(tuple(map(results.read_result, paths)), prepared.skipped)


def _complete(prepared: Prepared, run: Run, wanted: list[tuple[EncodedTask, Path]]) -> None:
    """Train once, and predict every task whose result is missing."""
    state = PartialState()
    missing = [(task, path) for task, path in wanted if not _is_done(prepared, run, task, path)]
    state.wait_for_everyone()  # no process writes before all have looked
    mine = missing[state.process_index :: state.num_processes]
    for task, path in mine:
        if task.refusal:
            results.write_result(path, _result(prepared, run, task), None)
    saved = saved_model(prepared, run)
    to_save = prepared.options.save_models and run.train is not None and not saved.is_dir()
    if all(task.refusal for task, _ in missing) and not to_save:
        return
    folder = prepared.options.work / "runs" / f"{run.key}-{run.training.seed}"
    fitted = _fit(prepared, run, folder)
    trained = dataclasses.replace(run, training=_with_dev_sampling(fitted, run))
    if to_save and state.is_main_process:
        with atomic(saved) as part:
            fitted.save(part)
            # Loaded anew: a tokenizer that has encoded pairs would save its padding and truncation too.
            load_tokenizer(prepared.source).save_pretrained(part)
            if prepared.source.code_sha256:
                copy_code(prepared.source.folder, part)
    for task, path in mine:
        if not task.refusal:
            _predict(prepared, trained, task, path, fitted)
    state.wait_for_everyone()
    if state.is_main_process:
        shutil.rmtree(folder, ignore_errors=True)  # there is none for an untuned model


def _with_dev_sampling(fitted: Fitted, run: Run) -> Training:
    """Return the training with what the interval of its accuracy on the development split rests on."""
    if fitted.dev is None or run.dev_groups is None:
        return fitted.training
    sampling = sampling_of(fitted.dev.correct, fitted.dev.labels, run.dev_groups)
    return dataclasses.replace(fitted.training, dev_sampling=sampling)


def _is_done(prepared: Prepared, run: Run, task: EncodedTask, path: Path) -> bool:
    """Whether a result is there; what is not a result of this key is refused before anything is computed."""
    return path.is_file() and bool(results.read_result(path, key_of_result(prepared, run, task)))


def saved_model(prepared: Prepared, run: Run) -> Path:
    """Return the folder of a saved model, named by the model, what it was trained on, and the control."""
    control = "" if run.training.control == "none" else f"-{run.training.control}"
    return path_of_result(prepared, run, prepared.tasks[0]).parent / results.slug(
        f"{prepared.model.id}-{run.training.on}{control}"
    )


def _fit(prepared: Prepared, run: Run, folder: Path) -> Fitted:
    """Load the model and fit it as the method says."""
    state = PartialState()
    return prepared.method.fit(
        Fitting(
            prepared.source,
            prepared.encoder,
            run.training,
            run.train,
            run.dev,
            state.device if state.num_processes > 1 else prepared.device,
            prepared.dtype,
            folder,
            prepared.options.work,
            _tracking(prepared, run),
        )
    )


def _tracking(prepared: Prepared, run: Run) -> Tracking | None:
    options = prepared.options
    if options.report_to == "none":
        return None
    name = results.slug(f"{prepared.model.id}-{run.training.name}-{run.key[:8]}-seed-{run.training.seed}")
    return Tracking(options.report_to, name, options.folder / "tracking")


def _predict(prepared: Prepared, run: Run, task: EncodedTask, path: Path, fitted: Fitted) -> None:
    answers = fitted.answer(task.encoded, task.perturbations, task.pairs.molecule)
    logits, labels, groups = answers.predictions.logits, answers.predictions.labels, task.pairs.groups
    result = dataclasses.replace(
        _result(prepared, run, task),
        seconds=answers.timing.seconds,
        tokens_per_second=answers.timing.tokens / answers.timing.seconds,
        metrics=measure(logits, labels, groups),
        predictions=path.with_suffix(".parquet").name,
        by_pair_type=measure_pair_types(logits, labels, task.pairs.kinds, groups),
        perturbations=measure_perturbations(logits, labels, answers.perturbed, groups),
        preflight=dataclasses.asdict(task.preflight) | {"batches": answers.batches},
        details=answers.details,
        sampling=sampling_of(predicted(logits) == labels, labels, groups),
    )
    results.write_result(path, result, dataclasses.replace(answers.predictions, groups=groups))


def _result(prepared: Prepared, run: Run, task: EncodedTask) -> Result:
    """Return a result before it is scored, which is that of a refused task."""
    name, split = task.pairs.task.name, task.pairs.task.split
    selected_on = run.train is not None and (run.training.on, "validation") == (name, split)
    whole = task.pairs.task.is_whole(prepared.options.limit)
    notes = [task.refusal or task.note, "this split chose the epoch" if selected_on else ""]
    if not whole and not task.refusal:
        notes.append(task.pairs.task.cut_note)
    return Result(
        key_of_result(prepared, run, task),
        prepared.model,
        run.training,
        task.pairs.task,
        task.encoded.encoding,
        "refused" if task.refusal else "scored",
        "; ".join(filter(None, notes)),
        whole,
        environment(prepared.device, prepared.dtype, prepared.options.load_in),
        seconds=0.0,
        tokens_per_second=0.0,
        metrics={},
        predictions="",
        preflight=dataclasses.asdict(task.preflight),
    )
