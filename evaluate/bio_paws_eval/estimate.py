"""What an evaluation would do and take, before it is done."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from accelerate import PartialState

from bio_paws_eval.encode import Encoded
from bio_paws_eval.plan import cell_path, prepare
from bio_paws_eval.settings import Settings


@dataclass(frozen=True)
class Estimate:
    """What an evaluation would do.

    Attributes
    ----------
    trainings : tuple of (name, seeds, steps, tokens)
        Steps and real tokens of each seed; 0 where nothing is trained.
    tasks : tuple of (name, rows, tokens, note)
        Real tokens of one prediction, its views among them, and what a reader must know.
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
        (
            ask.pairs.task.name,
            ask.pairs.task.rows,
            sum(map(_tokens, (ask.encoded, *ask.views.values()))),
            ask.refusal or ask.note,
        )
        for ask in prepared.asks
    )
    finished = sum(path.is_file() for path in paths)
    return Estimate(tuple(trainings.values()), asked, len(paths), finished, parameters, memory, prepared.skipped)


def _tokens(encoded: Encoded) -> int:
    return sum(len(ids) for batch in encoded.batches() for ids in batch.ids)
