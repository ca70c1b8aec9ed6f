"""Train a model by Transformers' Trainer: one clock, one history, and the way to go on after a kill.

A training that was stopped goes on from its last checkpoint to the same weights: the order of the rows follows from
seed and epoch alone, and the checkpoint holds the state of every random generator, the losses and the time.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast, reduce
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler
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
from bio_paws_eval.models.batches import MicroBatches, Weighted
from bio_paws_eval.models.checkpoints import WEIGHTS, last_checkpoint, load_weights, save_weights
from bio_paws_eval.models.quantization import is_quantized
from bio_paws_eval.models.sharding import Shards, is_sharded
from bio_paws_eval.models.tracking import PROJECT, Tracking, tracking_callback

POINTS = 100
"""Largest number of points of a history at which the time is taken, epochs' ends not counted."""

SAVE_SECONDS = 300.0
"""A checkpoint is written at the first point so long after the checkpoint before."""

_WEIGHT = "weight_of_the_loss"  # beside the inputs of a batch

Collate = Callable[[list[Any]], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Optimization:
    """How the weights are optimised, by AdamW.

    Attributes
    ----------
    learning_rate : float
        Peak learning rate.
    schedule : str
        Learning rate after the warmup, as Transformers calls it.
    warmup : float
        Fraction of the steps in which the learning rate rises.
    weight_decay : float
        Of AdamW.
    epochs : int
        Passes over the rows.
    batch_size : int
        Rows per step, over all devices.
    device_batch : int
        Most rows that a device takes at once; gradients are accumulated over the rest of the batch.
    seed : int
        Of dropout.
    dtype : torch.dtype
        Number format of the matrix products; weights stay float32.
    betas : (float, float)
        Of AdamW.
    compile : bool
        Compile the model first.
    """

    learning_rate: float
    schedule: str
    warmup: float
    weight_decay: float
    epochs: int
    batch_size: int
    device_batch: int
    seed: int
    dtype: torch.dtype
    betas: tuple[float, float] = (0.9, 0.999)
    compile: bool = False


@dataclass(frozen=True)
class Selection:
    """How the best epoch is chosen.

    Attributes
    ----------
    metric : {"accuracy", "loss"}
        The epoch with the highest accuracy, or the lowest loss, is the best; of equals, the first.
    measure : callable
        Measures a model on the validation split.
    """

    metric: Literal["accuracy", "loss"]
    measure: Callable[[PreTrainedModel], float]


@dataclass(frozen=True)
class Remedies:
    """What a user can do when a training fails; the end of the error's line.

    Attributes
    ----------
    memory, divergence : str
        As in "lower --batch-size".
    """

    memory: str
    divergence: str


@dataclass(frozen=True)
class TrainingHistory:
    """How a training went, over all runs that led to its end.

    Attributes
    ----------
    losses : tuple of float
        Mean loss of each step.
    times : tuple of (int, float)
        Steps done and seconds taken, measuring and choosing epochs not counted, at each point.
    measured : tuple of float
        `Selection.measure` after each epoch; empty without a selection.
    best_epoch : int
        Epoch whose weights were kept, counted from 1; 0 without a selection, where the last weights are kept.
    """

    losses: tuple[float, ...]
    times: tuple[tuple[int, float], ...]
    measured: tuple[float, ...]
    best_epoch: int

    @property
    def steps(self) -> int:
        """Steps of the optimizer."""
        return len(self.losses)

    @property
    def seconds(self) -> float:
        """Time of all steps, in seconds."""
        return self.times[-1][1]

    def mean_losses(self, parts: int) -> tuple[float, ...]:
        """Return the mean loss of each of so many equal parts of the steps, of each step where there are fewer."""
        return tuple(float(part.mean()) for part in np.array_split(self.losses, min(parts, self.steps)))


class _Recorder(TrainerCallback):
    """Keeps the losses and the time in the Trainer's state, which its checkpoints hold, and asks for checkpoints.

    The Trainer's own log fetches each loss from the device when it is computed, and loses, when it resumes, those since
    the last entry.
    """

    def __init__(self, tracker: TrainerCallback | None) -> None:
        self._tracker = tracker
        self._start = self._last_save = time.perf_counter()
        self._seconds_before = 0.0
        self._steps_per_point = 1
        self.paused = 0.0
        self._losses: list[torch.Tensor] = []  # of the steps since the last point, left on the device

    def add(self, loss: torch.Tensor, *, accumulate: bool) -> None:
        """Take the loss of a step, or of a further part of the same step."""
        if accumulate:
            self._losses[-1] = self._losses[-1] + loss
        else:
            self._losses.append(loss)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take over the time from the checkpoint."""
        self._start = self._last_save = time.perf_counter()
        self._seconds_before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)
        self._steps_per_point = -(-state.max_steps // POINTS)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Record a point when it is due, and ask for a checkpoint when that is due too."""
        if state.global_step % self._steps_per_point == 0:
            self._record(args, state, control)
            # The processes' clocks differ, and all must save at the same step: the first one's decides.
            seconds = broadcast(torch.tensor(time.perf_counter() - self._last_save, device=args.device))
            if float(seconds) >= SAVE_SECONDS:
                control.should_save = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Record a point for the checkpoint of the epoch."""
        self._record(args, state, control)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count the time to the next checkpoint from this one."""
        self._last_save = time.perf_counter()

    def _record(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        if not self._losses:  # an epoch that ends at a point
            return
        losses = reduce(torch.stack(self._losses), "mean").tolist()
        first = state.global_step - len(losses) + 1
        entries = [{"step": first + i, "loss": loss} for i, loss in enumerate(losses)]
        entries[-1]["seconds"] = self._seconds_before + time.perf_counter() - self._start - self.paused
        state.log_history += entries
        self._losses.clear()
        if self._tracker:
            self._tracker.on_log(args, state, control, logs={"loss": float(np.mean(losses)), "epoch": state.epoch})


class _Trainer(Trainer):
    """The Trainer with our order of the rows, our measure of an epoch and our history."""

    def __init__(
        self,
        batches: MicroBatches,
        selection: Selection | None,
        tracker: TrainerCallback | None,
        shards: Shards | None,
        **arguments: Any,
    ) -> None:
        super().__init__(callbacks=[tracker] if tracker else None, **arguments)
        self._batches = batches
        self._shards = shards
        # A loss is a mean over its part of a batch, which `compute_loss` weighs.
        self.model_accepts_loss_kwargs = False
        self._selection = selection
        self._recorder = _Recorder(tracker)
        self._recorded_step = -1
        self.add_callback(self._recorder)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the parts of batches of this process.

        The Trainer's own order draws from the global generator, so that a resumed epoch would get other batches; and
        where processes cannot share a batch evenly, rows are repeated.
        """
        return _Loader(
            _Rows(self.train_dataset),
            batch_sampler=self._batches,
            collate_fn=self._collate,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def _collate(self, rows: list[tuple[Any, float]]) -> dict[str, torch.Tensor]:
        return self.data_collator([row for row, _ in rows]) | {_WEIGHT: torch.tensor(rows[0][1])}

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], *arguments: Any, **keywords: Any) -> Any:
        """Weigh the loss of a part of a batch."""
        weight = inputs.pop(_WEIGHT)
        return weight * super().compute_loss(model, inputs, *arguments, **keywords)

    def training_step(self, *arguments: Any, **keywords: Any) -> torch.Tensor:
        """Keep the loss on its device: fetching it would make the device wait for the host."""
        loss: torch.Tensor = super().training_step(*arguments, **keywords)
        self._recorder.add(loss.float(), accumulate=self.state.global_step == self._recorded_step)
        self._recorded_step = self.state.global_step
        return loss

    @property
    def _classifier(self) -> PreTrainedModel:
        return cast(PreTrainedModel, self.model)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Make the folder of a checkpoint first: shards are written to it only after the Trainer looks for it.

        A best checkpoint that it does not see would not be loaded in the end, or by some of the processes.
        """
        if self._shards and output_dir is not None:
            Path(output_dir).mkdir(parents=True, exist_ok=True)
        super().save_model(output_dir, _internal_call)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if not is_quantized(self._classifier):
            super()._save(output_dir, state_dict)
        elif self.args.should_save:
            assert output_dir is not None
            Path(output_dir).mkdir(parents=True, exist_ok=True)
            save_weights(self._classifier, Path(output_dir) / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if is_quantized(self._classifier):
            load_weights(self._classifier, Path(resume_from_checkpoint) / WEIGHTS)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_best_model(self) -> None:
        if is_quantized(self._classifier):
            assert self.state.best_model_checkpoint is not None
            load_weights(self._classifier, Path(self.state.best_model_checkpoint) / WEIGHTS)
        else:
            super()._load_best_model()

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure the epoch by the selection."""
        assert self._selection is not None
        start = time.perf_counter()
        with self._shards.gathered(self._classifier) if self._shards else nullcontext(self._classifier) as model:
            metrics = {f"eval_{self._selection.metric}": self._selection.measure(model)}
        self._recorder.paused += time.perf_counter() - start
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class _Rows(Dataset[tuple[Any, float]]):
    """Rows with the weight of the part of a batch that they came in."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: Weighted) -> tuple[Any, float]:
        return self._rows[row[0]], row[1]


class _Loader(DataLoader[Any]):
    """Tells its batches which epoch comes next."""

    def set_epoch(self, epoch: int) -> None:
        cast(MicroBatches, self.batch_sampler).set_epoch(epoch)


class _NoRows(Dataset[int]):
    """What the Trainer must be given to evaluate on, though the selection's measure reads its own pairs."""

    def __len__(self) -> int:
        return 0


def train(
    model: PreTrainedModel,
    rows: Dataset[Any],
    sampler: Sampler[int],
    collate: Collate,
    optimization: Optimization,
    remedies: Remedies,
    folder: Path,
    selection: Selection | None = None,
    tracking: Tracking | None = None,
    counts: NDArray[np.int64] | None = None,
) -> TrainingHistory:
    """Train a model in place, from its last checkpoint on.

    Parameters
    ----------
    model : PreTrainedModel
        Returns a loss.
    rows : Dataset
        What it is trained on.
    sampler : Sampler
        Order of the rows in each epoch; must follow from the epoch alone.
    collate : callable
        Makes a batch of rows, with ``labels``.
    optimization : Optimization
        How the weights are optimised.
    remedies : Remedies
        What a user can do when memory runs out or the training diverges.
    folder : Path
        Of the checkpoints.
    selection : Selection, optional
        How the best epoch is chosen, whose weights the model ends with; without, it ends with the last weights.
    tracking : Tracking, optional
        Where losses and measures are sent while it runs.
    counts : ndarray, shape=(rows,), optional
        How much of each row the loss is a mean over, as in `MicroBatches`.

    Returns
    -------
    TrainingHistory
        Losses, times and measures of all runs that led here.

    Raises
    ------
    ModelError
        When memory runs out or the training diverges.
    """
    shards = Shards(model) if is_sharded() else None
    trainer = _trainer(model, shards, rows, sampler, collate, optimization, folder, selection, tracking, counts)
    checkpoint = last_checkpoint(folder)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (torch.OutOfMemoryError, MemoryError) as error:
        size = optimization.device_batch
        raise ModelError(f"out of memory in training with {size} sequences at once: {remedies.memory}") from error
    if shards:
        shards.gather(trainer._classifier)
    history = _history(trainer.state.log_history, selection)
    if not np.isfinite(history.losses).all():
        raise ModelError(f"training diverged (last loss {history.losses[-1]}): {remedies.divergence}")
    return history


def _history(entries: list[dict[str, float]], selection: Selection | None) -> TrainingHistory:
    """Gather what the entries of the Trainer's state, in their order, hold."""
    steps = [entry for entry in entries if "loss" in entry]
    measured: list[float] = []
    best = 0
    if selection:
        name = f"eval_{selection.metric}"
        measured = [entry[name] for entry in entries if name in entry]
        best = 1 + measured.index(max(measured) if selection.metric == "accuracy" else min(measured))
    return TrainingHistory(
        tuple(entry["loss"] for entry in steps),
        tuple((int(entry["step"]), entry["seconds"]) for entry in steps if "seconds" in entry),
        tuple(measured),
        best,
    )


def _trainer(
    model: PreTrainedModel,
    shards: Shards | None,
    rows: Dataset[Any],
    sampler: Sampler[int],
    collate: Collate,
    optimization: Optimization,
    folder: Path,
    selection: Selection | None,
    tracking: Tracking | None,
    counts: NDArray[np.int64] | None,
) -> _Trainer:
    state = PartialState()
    parts = math.ceil(optimization.batch_size / (optimization.device_batch * state.num_processes))
    batches = MicroBatches(sampler, counts, optimization.batch_size, parts, state.process_index, state.num_processes)
    device = next(model.parameters()).device.type
    epochs: dict[str, Any] = {}
    if selection:
        epochs = {"eval_strategy": "epoch", "load_best_model_at_end": True, "metric_for_best_model": selection.metric}
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=optimization.device_batch,
        gradient_accumulation_steps=parts,
        # The loss of a process is a mean over its rows already: the Trainer would multiply it by their number.
        average_tokens_across_devices=False,
        num_train_epochs=optimization.epochs,
        learning_rate=optimization.learning_rate,
        lr_scheduler_type=optimization.schedule,
        warmup_steps=optimization.warmup,
        weight_decay=optimization.weight_decay,
        adam_beta1=optimization.betas[0],
        adam_beta2=optimization.betas[1],
        optim="adamw_torch_fused",
        bf16=optimization.dtype == torch.bfloat16,
        torch_compile=optimization.compile,
        use_cpu=device == "cpu",
        seed=optimization.seed,
        save_strategy="epoch",  # and within an epoch when `_Recorder` asks for it
        save_total_limit=1,
        logging_strategy="no",
        report_to="none",  # the callback is made by `tracking_callback`
        run_name=tracking.name if tracking else None,
        project=PROJECT,
        disable_tqdm=not sys.stderr.isatty(),
        dataloader_pin_memory=device == "cuda",
        remove_unused_columns=False,
        # Gradients that wait for the rest of a batch would wait whole, not in shards.
        accelerator_config={"gradient_accumulation_kwargs": {"sync_each_batch": True}} if shards else None,
        **epochs,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs are several processes, never DataParallel
    trainer = _Trainer(
        batches,
        selection,
        tracking_callback(tracking) if tracking else None,
        shards,
        model=shards.model if shards else model,
        args=arguments,
        data_collator=collate,
        train_dataset=rows,
        eval_dataset=_NoRows() if selection else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
