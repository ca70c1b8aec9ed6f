"""Fine-tune a classifier on pairs: Transformers' Trainer, batches of like length, the best epoch by the dev split.

A run that was killed goes on from its last checkpoint to the same weights: the order of pairs follows from seed and
epoch alone, and the checkpoint holds the state of every generator.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import reduce
from numpy.typing import NDArray
from safetensors.torch import load_model, save_model
from torch.utils.data import Dataset, Sampler
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from bio_paws.errors import ModelError
from bio_paws.execution.files import atomic, read_json, write_json
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.models.encode import Encoded
from bio_paws_eval.models.predict import collate, predict
from bio_paws_eval.results import record_of
from bio_paws_eval.stats.metrics import predicted

LOSSES = 20
"""Points of the loss curve, at most."""

SAVE_SECONDS = 300.0
"""Time between checkpoints within an epoch: what a kill can cost."""

_BATCHES_PER_POOL = 50  # pairs are sorted by length within so many batches, so that an epoch still shuffles
_TRAINED, _WEIGHTS = "trained.json", "best.safetensors"


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes
    ----------
    dev_accuracies : tuple of float
        Accuracy on the dev split after each epoch.
    best_epoch : int
        The epoch whose weights were kept, counted from 1: the first of the best.
    steps : int
        Steps of the optimizer.
    seconds : float
        Time of the steps, evaluation not counted.
    tokens_per_second : float
        Real tokens trained on, padding not counted.
    losses : tuple of float
        Mean loss of each of `LOSSES` equal stretches of the steps, of each step where there are fewer.
    """

    dev_accuracies: tuple[float, ...]
    best_epoch: int
    steps: int
    seconds: float
    tokens_per_second: float
    losses: tuple[float, ...]


class ByLength(Sampler[int]):
    """Orders pairs so that those of a batch are of like length; the order follows from seed and epoch alone.

    The Trainer's own sampler draws from the global generator, so that a resumed epoch would see other batches.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; the data loader calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self._seed, self._epoch))
        order = rng.permutation(len(self._lengths))
        pool = _BATCHES_PER_POOL * self._batch_size
        batches = []
        for at in range(0, len(order), pool):
            rows = order[at : at + pool]
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += [rows[i : i + self._batch_size] for i in range(0, len(rows), self._batch_size)]
        # A short batch in the middle would shift the limits of all that follow.
        full = [batch for batch in batches if len(batch) == self._batch_size]
        short = [batch for batch in batches if len(batch) < self._batch_size]
        for i in rng.permutation(len(full)):
            yield from full[i].tolist()
        for batch in short:
            yield from batch.tolist()


class _Rows(Dataset[int]):
    """Row numbers: the collator looks the pairs up."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> int:
        return row


class _Clock(TrainerCallback):
    """Asks for a checkpoint every `SAVE_SECONDS`, and keeps time and losses of all runs that led here.

    The Trainer's own log forgets, when it resumes, the losses since it last wrote; and it waits for each it writes.
    """

    def __init__(self) -> None:
        self._start = self._saved = time.perf_counter()
        self.paused = 0.0
        self._before = 0.0
        self.losses: list[torch.Tensor] = []  # of the steps since the last checkpoint

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take over the time from the checkpoint."""
        self._start = self._saved = time.perf_counter()
        self._before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint when it is time; of several processes, each would find it time at another step."""
        if PartialState().num_processes == 1 and time.perf_counter() - self._saved >= SAVE_SECONDS:
            self._saved = time.perf_counter()
            self._note(state)
            control.should_save = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Note time and losses for the checkpoint of the epoch."""
        self._note(state)

    def _note(self, state: TrainerState) -> None:
        seconds = self._before + time.perf_counter() - self._start - self.paused
        if self.losses:
            losses = reduce(torch.stack(self.losses), "mean").tolist()
            first = state.global_step - len(losses) + 1
            state.log_history += [{"step": first + i, "loss": loss} for i, loss in enumerate(losses)]
            self.losses.clear()
        state.log_history.append({"step": state.global_step, "seconds": seconds})


class _Trainer(Trainer):
    """The Trainer, with our order of rows and our measure of each epoch."""

    def __init__(self, order: ByLength, measure: Callable[[PreTrainedModel], float], **given: Any) -> None:
        super().__init__(**given)
        self._order = order
        self._measure = measure
        self._clock = _Clock()
        self.add_callback(self._clock)

    def _get_train_sampler(self, train_dataset: Any = None) -> ByLength:
        return self._order

    def training_step(self, *arguments: Any, **given: Any) -> torch.Tensor:
        """Keep the loss of each step where it is: fetching it would make the device wait for the host."""
        loss: torch.Tensor = super().training_step(*arguments, **given)
        self._clock.losses.append(loss.float())
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure the dev split."""
        start = time.perf_counter()
        metrics = {f"eval_{self.args.metric_for_best_model}": self._measure(cast(PreTrainedModel, self.model))}
        self._clock.paused += time.perf_counter() - start
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def fine_tune(
    model: PreTrainedModel,
    train: Encoded,
    dev: Encoded,
    pad_id: int,
    recipe: Hyperparameters,
    control: str,
    seed: int,
    dtype: torch.dtype,
    folder: Path,
) -> Trained:
    """Train a classifier in place; its weights end as those of the epoch that is best on the dev split.

    Parameters
    ----------
    model : PreTrainedModel
        A classifier of two labels.
    train, dev : Encoded
        Pairs to train on, and pairs that choose the epoch.
    pad_id : int
        Id of the padding token.
    recipe : Hyperparameters
        Hyper-parameters.
    control : str
        One of `choices.CONTROLS`; "shuffled-labels" permutes the labels of both splits, "frozen" trains the classifier
        only.
    seed : int
        Of order, dropout and shuffled labels.
    dtype : torch.dtype
        Number format of the matrix products; weights stay float32.
    folder : Path
        Checkpoints, and in the end the weights: a finished training is loaded from here, a stopped one goes on.

    Raises
    ------
    ModelError
        When the batch cannot be shared out evenly, memory runs out, or training diverges.
    """
    finished = folder / _TRAINED
    if finished.is_file():
        load_model(model, folder / _WEIGHTS)
        return record_of(Trained, read_json(finished), "dev_accuracies", "losses")
    tokens, dev_labels = train.all(), np.concatenate([part.labels for part in dev.batches()])
    if control == "shuffled-labels":
        rng = np.random.default_rng(seed)
        tokens = replace(tokens, labels=rng.permutation(tokens.labels))
        dev_labels = rng.permutation(dev_labels)
    if control == "frozen":
        for weight in model.base_model.parameters():
            weight.requires_grad = False
    lengths = np.array([len(one) for one in tokens.ids])

    def collate_rows(rows: list[int]) -> dict[str, torch.Tensor]:
        padded = collate(tokens, rows, pad_id, torch.device("cpu"))
        return padded | {"labels": torch.from_numpy(tokens.labels[rows].astype(np.int64))}

    def accuracy(model: PreTrainedModel) -> float:
        answers, _timing = predict(model, dev, pad_id, dtype)
        return float((predicted(answers.logits) == dev_labels).mean())

    course = train_epochs(model, lengths, collate_rows, ("accuracy", accuracy), recipe, seed, dtype, folder)
    trained = _summary(course, lengths, recipe)
    finish_training(model, trained, folder / _WEIGHTS, finished)
    return trained


@dataclass(frozen=True)
class Course:
    """How a training went.

    Attributes
    ----------
    measured : tuple of float
        Measure of the dev split after each epoch.
    steps : int
        Steps of the optimizer.
    seconds : float
        Time of the steps, evaluation not counted.
    losses : tuple of float
        Mean loss of each of `LOSSES` equal stretches of the steps, of each step where there are fewer.
    """

    measured: tuple[float, ...]
    steps: int
    seconds: float
    losses: tuple[float, ...]


def train_epochs(
    model: PreTrainedModel,
    lengths: NDArray[np.int64],
    collate_rows: Callable[[list[int]], dict[str, torch.Tensor]],
    measure: tuple[str, Callable[[PreTrainedModel], float]],
    recipe: Hyperparameters,
    seed: int,
    dtype: torch.dtype,
    folder: Path,
) -> Course:
    """Train a model in place, from the last checkpoint on; its weights end as those of the best epoch.

    Parameters
    ----------
    model : PreTrainedModel
        Gives a loss.
    lengths : ndarray, shape=(rows,)
        Tokens of each row.
    collate_rows : function
        Makes a batch of rows by their numbers.
    measure : (str, function)
        What chooses the epoch: "accuracy", the highest, or "loss", the lowest; and how a model is measured.
    recipe, seed, dtype, folder
        As in `fine_tune`.

    Raises
    ------
    ModelError
        When the batch cannot be shared out evenly, memory runs out, or training diverges.
    """
    trainer = _trainer(model, lengths, collate_rows, measure, recipe, seed, dtype, folder)
    checkpoint = last_checkpoint(folder)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            f"out of memory in training with {recipe.batch_size} pairs a step: train on more devices, or lower "
            "--batch-size or --max-length"
        ) from error
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    if not np.isfinite(losses).all():
        raise ModelError(f"training diverged (loss {losses[-1]}): lower --learning-rate")
    return Course(
        tuple(entry[f"eval_{measure[0]}"] for entry in history if f"eval_{measure[0]}" in entry),
        trainer.state.global_step,
        max(entry["seconds"] for entry in history if "seconds" in entry),
        tuple(float(part.mean()) for part in np.array_split(losses, min(LOSSES, len(losses)))),
    )


def _trainer(
    model: PreTrainedModel,
    lengths: NDArray[np.int64],
    collate_rows: Callable[[list[int]], dict[str, torch.Tensor]],
    measure: tuple[str, Callable[[PreTrainedModel], float]],
    recipe: Hyperparameters,
    seed: int,
    dtype: torch.dtype,
    folder: Path,
) -> _Trainer:
    devices = PartialState().num_processes
    if recipe.batch_size % devices:
        raise ModelError(f"a batch of {recipe.batch_size} pairs cannot be shared by {devices} processes")
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=recipe.batch_size // devices,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        optim="adamw_torch_fused",
        bf16=dtype == torch.bfloat16,
        use_cpu=next(model.parameters()).device.type == "cpu",
        seed=seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=measure[0],
        logging_strategy="no",
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs are several processes, never DataParallel
    trainer = _Trainer(
        ByLength(lengths, recipe.batch_size, seed),
        measure[1],
        model=model,
        args=arguments,
        data_collator=collate_rows,
        train_dataset=_Rows(len(lengths)),
        eval_dataset=_Rows(0),  # `measure` knows what is asked
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _summary(course: Course, lengths: NDArray[np.int64], recipe: Hyperparameters) -> Trained:
    best = 1 + course.measured.index(max(course.measured))
    rate = recipe.epochs * int(lengths.sum()) / course.seconds
    return Trained(course.measured, best, course.steps, course.seconds, rate, course.losses)


def finish_training(model: PreTrainedModel, trained: object, weights: Path, record: Path) -> None:
    """Write the weights and then the record of a training, and remove its checkpoints; every process must call it.

    Parameters
    ----------
    model : PreTrainedModel
        What was trained.
    trained : dataclass
        The record. Where it stands, the weights are whole.
    weights, record : Path
        Files of one folder, that of the checkpoints.
    """
    state = PartialState()
    if state.is_main_process:
        with atomic(weights) as part:
            save_model(model, str(part))
        write_json(record, vars(trained))
        for path in record.parent.glob("checkpoint-*"):
            shutil.rmtree(path)
    state.wait_for_everyone()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint; what a kill left half-written is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]), reverse=True)
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))  # the Trainer writes it last
            return path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return None
