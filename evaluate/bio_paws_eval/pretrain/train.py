"""Train a GPT-2 from scratch; stopped, it goes on with the same tokens in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import SequentialSampler
from transformers import GPT2Config, GPT2LMHeadModel, set_seed

from bio_paws_eval.models import training
from bio_paws_eval.models.checkpoints import finish_training, load_trained, read_finished
from bio_paws_eval.models.training import Optimization, Remedies
from bio_paws_eval.pretrain.packing import Blocks
from bio_paws_eval.pretrain.recipe import ModelSize, PretrainingRecipe, TrainingRecipe

_BETAS = (0.9, 0.95)  # Brown T et al. (2020) Language Models are Few-Shot Learners, appendix B
_REMEDIES = Remedies("lower training.device_batch in the recipe", "lower training.learning_rate in the recipe")


@dataclass(frozen=True)
class Pretraining:
    """What a pretraining gave.

    Attributes
    ----------
    steps, tokens : int
        Steps of the optimizer, and tokens trained on.
    losses : tuple of (int, float)
        Steps done, and the mean loss of those since the point before, in nats per token; at most about
        `training.POINTS`.
    seconds : float
        Time of all steps.
    tokens_per_second : float
        Median over the intervals between points, so that compilation and a slow moment do not count.
    device, dtype : str
        Where it was trained, and the number format of the matrix products.
    """

    steps: int
    tokens: int
    losses: tuple[tuple[int, float], ...]
    seconds: float
    tokens_per_second: float
    device: str
    dtype: str


def steps_of(training: TrainingRecipe, blocks: int, context: int) -> int:
    """Return the number of steps: those that the recipe's tokens fill, else those of one pass over the blocks."""
    return max(1, (training.tokens // context if training.tokens else blocks) // training.batch)


def new_model(size: ModelSize, vocabulary: int, end: int, seed: int) -> GPT2LMHeadModel:
    """Return a GPT-2 with random weights. Dropout is off: hardly any token is trained on twice.

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


def train(model: GPT2LMHeadModel, blocks: Blocks, recipe: PretrainingRecipe, folder: Path) -> Pretraining:
    """Train a model in place.

    Parameters
    ----------
    model : GPT2LMHeadModel
        From `new_model`.
    blocks : Blocks
        What it is trained on.
    recipe : PretrainingRecipe
        How.
    folder : Path
        Of the checkpoints and, in the end, the weights: a finished training is loaded from here, a stopped one resumes.

    Raises
    ------
    ModelError
        When memory runs out or training diverges.
    """
    record = read_finished(folder)
    if record is not None:
        load_trained(model, folder)
        return Pretraining(**record | {"losses": tuple((step, loss) for step, loss in record["losses"])})
    batch = recipe.training.batch
    steps = steps_of(recipe.training, blocks.count, recipe.model.context)
    blocks.positions = steps * batch
    on_gpu = model.device.type == "cuda"
    dtype = torch.bfloat16 if on_gpu and torch.cuda.is_bf16_supported() else torch.float32
    optimization = Optimization(
        recipe.training.learning_rate,
        recipe.training.schedule,
        recipe.training.warmup,
        recipe.training.weight_decay,
        1,  # the blocks hold the passes over the mixture themselves
        batch,
        recipe.training.device_batch,
        recipe.seed,
        dtype,
        _BETAS,
        compile=on_gpu,
    )
    history = training.train(model, blocks, SequentialSampler(blocks), _collate, optimization, _REMEDIES, folder)
    tokens_per_step = batch * recipe.model.context
    # From the beginning to the first point, from there to the next, and so on.
    parts = list(pairwise([(0, 0.0), *history.times]))
    pretraining = Pretraining(
        steps,
        steps * tokens_per_step,
        tuple((end, float(np.mean(history.losses[start:end]))) for (start, _), (end, _) in parts),
        history.seconds,
        median((end - start) * tokens_per_step / (stop - begin) for (start, begin), (end, stop) in parts),
        model.device.type,
        str(dtype).removeprefix("torch."),
    )
    finish_training(model, pretraining, folder)
    return pretraining


def _collate(blocks: Sequence[NDArray[np.unsignedinteger]]) -> dict[str, torch.Tensor]:
    """Return ``input_ids`` and ``labels``, shape=(blocks, context), dtype=int64; the model shifts the labels."""
    ids = torch.from_numpy(np.stack(blocks).astype(np.int64))
    return {"input_ids": ids, "labels": ids}
