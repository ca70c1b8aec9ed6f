"""Fine-tune a classifier on pairs: batches of similar lengths, and the weights of the epoch that is best on dev."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.models.adapters import add_low_rank, low_rank
from bio_paws_eval.models.batches import ByLength, RowNumbers, collate, input_filter
from bio_paws_eval.models.batching import PADDED, ModelState
from bio_paws_eval.models.checkpoints import finish_training, load_trained, read_finished
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.predict import predict_together
from bio_paws_eval.models.quantization import is_quantized
from bio_paws_eval.models.recomputation import recomputed
from bio_paws_eval.models.sharding import is_sharded
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.models.tracking import Tracking
from bio_paws_eval.models.training import Collate, Optimization, Remedies, Selection, TrainingHistory, train
from bio_paws_eval.models.unpadded import trained_unpadded
from bio_paws_eval.results import record_of
from bio_paws_eval.stats.decisions import commoner_share, predicted

LOSSES = 20
"""Largest number of points of the loss curve."""

_REMEDIES = Remedies(
    "lower --device-batch-size, add --gradient-checkpointing, or train on more devices", "lower --learning-rate"
)


@dataclass(frozen=True)
class FineTuning:
    """What a fine-tuning gave.

    Attributes
    ----------
    dev_accuracies : tuple of float
        Accuracy on the dev split after each epoch.
    best_epoch : int
        The epoch whose weights were kept, counted from 1: the first of the best.
    dev_labels : tuple of int
        Labels of the dev split, permuted where the control permutes them.
    dev_correct : tuple of bool
        Whether the weights that were kept give them.
    dev_majority : float
        Fraction of them that carry the commoner label.
    steps : int
        Steps of the optimizer.
    seconds : float
        Time of the steps, without that of the dev split.
    tokens_per_second : float
        Tokens trained on, padding not counted.
    losses : tuple of float
        Mean loss of each of `LOSSES` equal parts of the steps, of each step where there are fewer.
    """

    dev_accuracies: tuple[float, ...]
    best_epoch: int
    dev_labels: tuple[int, ...]
    dev_correct: tuple[bool, ...]
    dev_majority: float
    steps: int
    seconds: float
    tokens_per_second: float
    losses: tuple[float, ...]


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
    tracking: Tracking | None = None,
) -> FineTuning:
    """Train a classifier in place; it ends with the weights of the epoch that is best on the dev split.

    Parameters
    ----------
    model : PreTrainedModel
        A classifier of two labels.
    train, dev : Encoded
        Pairs to train on, and pairs that choose the epoch.
    pad_id : int
        Id of the padding token.
    recipe : Hyperparameters
        Hyperparameters.
    control : str
        One of `methods.registry.CONTROLS`; "shuffled-labels" permutes the labels of both splits.
    seed : int
        Of order, dropout and shuffled labels.
    dtype : torch.dtype
        Number format of the matrix products; weights stay float32.
    folder : Path
        Of the checkpoints and, in the end, the weights: a finished training is loaded from here, a stopped one resumes.

    tracking : Tracking, optional
        Where losses and accuracies are sent while it runs.

    Raises
    ------
    ModelError
        When the model cannot be trained as the recipe says, memory runs out, or training diverges.
    """
    record = read_finished(folder)
    if record is not None:
        if is_quantized(model):
            add_low_rank(model, recipe.lora_rank, seed)
        load_trained(model, folder)
        return record_of(FineTuning, record, "dev_accuracies", "dev_labels", "dev_correct", "losses")
    tokens, dev_tokens = train.all(), dev.all()
    dev_labels = dev_tokens.labels
    if control == "shuffled-labels":
        rng = np.random.default_rng(seed)
        tokens = replace(tokens, labels=rng.permutation(tokens.labels))
        dev_labels = rng.permutation(dev_labels)
    lengths = np.array(list(map(len, tokens.ids)))

    with low_rank(model, recipe.lora_rank, seed), recomputed(model, recipe.gradient_checkpointing):
        state, batching = ModelState(model), batching_of(model, next(dev.batches()), pad_id)
        if is_sharded() and batching != PADDED:
            raise ModelError(f"{type(model).__name__} is trained in batches of {batching}, which FSDP does not shard")
        taken = input_filter(model) if batching == PADDED else dict

        def collate_rows(rows: list[int]) -> dict[str, torch.Tensor]:
            padded = collate(tokens, rows, pad_id, torch.device("cpu"))
            return taken(padded) | {"labels": torch.from_numpy(tokens.labels[rows].astype(np.int64))}

        def correct(model: PreTrainedModel) -> NDArray[np.bool_]:
            state.restore()
            answers = predicted(predict_together(model, dev_tokens, pad_id, dtype, batching))
            return np.asarray(answers == dev_labels)

        by_epoch: list[NDArray[np.bool_]] = []  # of the epochs that end in this run

        def accuracy(model: PreTrainedModel) -> float:
            by_epoch.append(correct(model))
            return float(by_epoch[-1].mean())

        selection = Selection("accuracy", accuracy)
        with trained_unpadded(model, batching, state):
            history = train_by_length(model, lengths, collate_rows, selection, recipe, seed, dtype, folder, tracking)
        earlier = len(history.measured) - len(by_epoch)  # epochs of the runs that were stopped
        best = history.best_epoch - 1 - earlier
        dev_correct = by_epoch[best] if best >= 0 else correct(model)
        state.restore()
    record_of_training = FineTuning(
        history.measured,
        history.best_epoch,
        tuple(dev_labels.tolist()),
        tuple(dev_correct.tolist()),
        commoner_share(dev_labels),
        history.steps,
        history.seconds,
        recipe.epochs * int(lengths.sum()) / history.seconds,
        history.mean_losses(LOSSES),
    )
    finish_training(model, record_of_training, folder)
    return record_of_training


def train_by_length(
    model: PreTrainedModel,
    lengths: NDArray[np.int64],
    collate_rows: Collate,
    selection: Selection,
    recipe: Hyperparameters,
    seed: int,
    dtype: torch.dtype,
    folder: Path,
    tracking: Tracking | None = None,
    counts: NDArray[np.int64] | None = None,
) -> TrainingHistory:
    """Train a model in place, from its last checkpoint on, in batches of rows of similar lengths.

    Parameters
    ----------
    model : PreTrainedModel
        Returns a loss.
    lengths : ndarray, shape=(rows,)
        Tokens of each row.
    collate_rows : callable
        Makes a batch of the numbers of its rows.
    selection : Selection
        How the best epoch is chosen, whose weights the model ends with.
    recipe, seed, dtype, folder, tracking
        As in `fine_tune`.
    counts : ndarray, shape=(rows,), optional
        How much of each row the loss is a mean over, as in `batches.MicroBatches`.

    Raises
    ------
    ModelError
        As in `fine_tune`.
    """
    optimization = Optimization(
        recipe.learning_rate,
        recipe.schedule,
        recipe.warmup,
        recipe.weight_decay,
        recipe.epochs,
        recipe.batch_size,
        recipe.device_share(PartialState().num_processes),
        seed,
        dtype,
    )
    order = ByLength(lengths, recipe.batch_size, seed)
    rows = RowNumbers(len(lengths))
    return train(model, rows, order, collate_rows, optimization, _REMEDIES, folder, selection, tracking, counts)
