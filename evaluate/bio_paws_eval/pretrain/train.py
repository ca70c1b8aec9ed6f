"""Train a GPT-2 from scratch by Transformers' Trainer, to go on where it was stopped with the same token stream."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from safetensors.torch import load_model
from torch.utils.data import SequentialSampler
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json
from bio_paws_eval.models.finetune import finish_training, last_checkpoint
from bio_paws_eval.pretrain.packing import Blocks
from bio_paws_eval.pretrain.recipe import ModelSize, Recipe, Training

POINTS = 100
"""Points of the loss curve, about."""
_POINTS_PER_CHECKPOINT = 5  # so that a kill costs a twentieth of the training at most
_BETAS = (0.9, 0.95)  # Brown T et al. (2020) Language Models are Few-Shot Learners, appendix B
_TRAINED, _WEIGHTS = "trained.json", "model.safetensors"


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes
    ----------
    steps, tokens : int
        Steps of the optimizer, and tokens they took.
    losses : tuple of (step, loss)
        Mean loss, nats a token, of the steps up to this one since the point before.
    seconds : float
        Time from the first to the last point, over all runs that led here.
    tokens_per_second : float
        Median over the stretches between points, so that compiling and a slow moment do not count.
    device, dtype : str
        What it was computed on and in.
    """

    steps: int
    tokens: int
    losses: tuple[tuple[int, float], ...]
    seconds: float
    tokens_per_second: float
    device: str
    dtype: str


def steps_of(training: Training, blocks: int, context: int) -> int:
    """Steps of the optimizer: so many as the tokens asked for fill, of one pass over the blocks where none are."""
    return max(1, (training.tokens // context if training.tokens else blocks) // training.batch)


def new_model(size: ModelSize, vocabulary: int, end: int, seed: int) -> GPT2LMHeadModel:
    """Draw a model's weights. Dropout is off: hardly a token is seen twice.

    Parameters
    ----------
    size : ModelSize
        Its size.
    vocabulary : int
        Number of tokens.
    end : int
        Id of the end of a document.
    seed : int
        Of the weights.
    """
    set_seed(seed)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=size.context,
        n_embd=size.n_embd,
        n_layer=size.n_layer,
        n_head=size.n_head,
        bos_token_id=end,
        eos_token_id=end,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
    )
    return GPT2LMHeadModel(config)


def train(model: GPT2LMHeadModel, blocks: Blocks, recipe: Recipe, folder: Path) -> Trained:
    """Train a model in place.

    Parameters
    ----------
    model : GPT2LMHeadModel
        From `new_model`.
    blocks : Blocks
        What it is trained on.
    recipe : Recipe
        How.
    folder : Path
        Checkpoints, and in the end the weights: a finished training is loaded from here, a stopped one goes on.

    Raises
    ------
    BioPawsError
        When the batch cannot be shared out evenly, memory runs out, or training diverges.
    """
    finished = folder / _TRAINED
    if finished.is_file():
        load_model(model, folder / _WEIGHTS)
        raw = read_json(finished)
        return Trained(**raw | {"losses": tuple((step, loss) for step, loss in raw["losses"])})
    steps = steps_of(recipe.training, blocks.count, recipe.model.context)
    blocks.positions = steps * recipe.training.batch
    trainer = _trainer(model, blocks, recipe, steps, folder)
    checkpoint = last_checkpoint(folder)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise BioPawsError(
            f"out of memory in training with {recipe.training.device_batch} sequences at once: lower "
            "training.device_batch in the recipe"
        ) from error
    trained = _summary(trainer, recipe, steps)
    finish_training(model, trained, folder / _WEIGHTS, finished)
    return trained


class _Clock(TrainerCallback):
    """Puts the time since the beginning, over all runs that led here, beside each loss."""

    def __init__(self) -> None:
        self._start = self._before = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take over the time from the checkpoint."""
        self._start = perf_counter()
        self._before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Note the time."""
        state.log_history[-1]["seconds"] = self._before + perf_counter() - self._start


class _Trainer(Trainer):
    """The Trainer, taking the blocks as they come: their order is their own."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]


def _collate(blocks: Sequence[NDArray[np.unsignedinteger]]) -> dict[str, torch.Tensor]:
    """Return ``input_ids`` and ``labels``, shape=(blocks, context), dtype=int64; the model shifts the labels."""
    ids = torch.from_numpy(np.stack(blocks).astype(np.int64))
    return {"input_ids": ids, "labels": ids}


def _trainer(model: GPT2LMHeadModel, blocks: Blocks, recipe: Recipe, steps: int, folder: Path) -> _Trainer:
    training, devices = recipe.training, PartialState().num_processes
    if training.batch % (training.device_batch * devices):
        raise BioPawsError(
            f"a batch of {training.batch} sequences cannot be shared by {devices} processes of {training.device_batch}"
        )
    points = -(-steps // POINTS)
    gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=training.device_batch,
        gradient_accumulation_steps=training.batch // (training.device_batch * devices),
        num_train_epochs=1,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        adam_beta1=_BETAS[0],
        adam_beta2=_BETAS[1],
        optim="adamw_torch_fused",
        bf16=gpu and torch.cuda.is_bf16_supported(),
        torch_compile=gpu,
        seed=recipe.seed,
        logging_strategy="steps",
        logging_steps=points,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=points * _POINTS_PER_CHECKPOINT,  # at a point: no loss is lost between the two
        save_total_limit=1,
        dataloader_pin_memory=gpu,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        remove_unused_columns=False,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs are several processes, never DataParallel
    trainer = _Trainer(model=model, args=arguments, data_collator=_collate, train_dataset=blocks, callbacks=[_Clock()])
    trainer.remove_callback(PrinterCallback)
    return trainer


def _summary(trainer: _Trainer, recipe: Recipe, steps: int) -> Trained:
    points = [one for one in trainer.state.log_history if "loss" in one]
    losses = tuple((int(one["step"]), float(one["loss"])) for one in points)
    if not np.isfinite([loss for _, loss in losses]).all():
        raise BioPawsError("training diverged (the loss is not a number): lower training.learning_rate")
    a_step = recipe.training.batch * recipe.model.context
    times = [(0, 0.0), *((one["step"], one["seconds"]) for one in points)]
    rates = [(step - before) * a_step / (seconds - since) for (before, since), (step, seconds) in pairwise(times)]
    return Trained(
        steps,
        steps * a_step,
        losses,
        times[-1][1],
        median(rates),
        trainer.args.device.type,
        "bfloat16" if trainer.args.bf16 else "float32",
    )
