"""What an evaluation would do and take, before it is done."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from accelerate import PartialState

from bio_paws_eval.layout.tables import Table, markdown, text_frame
from bio_paws_eval.runs.preparation import Prepared, cell_path, prepare
from bio_paws_eval.runs.settings import Settings

SHARE = 0.6
"""Part of the rate of matrix products at which a model works; a BERT of 6 layers on one core of a CPU reaches 0.8 in
prediction and 0.54 to 0.61 in training. A GPU that waits for its host reaches less."""


@dataclass(frozen=True)
class Estimate:
    """What an evaluation would do.

    Attributes
    ----------
    model : str
        As results name it.
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
    seconds : float
        Time that is left, roughly: operations over `SHARE` of what the device does in matrix products. A pass forward
        takes 2 operations a token and weight of the layers, of which there are 12 times layers times width squared
        (Kaplan J et al. 2020, arXiv:2001.08361, section 2.1), a pass backward twice as many.
    skipped : tuple of str
        Tasks whose pairs are not at hand, and why.
    """

    model: str
    trainings: tuple[tuple[str, int, int, int], ...]
    tasks: tuple[tuple[str, int, int, str], ...]
    cells: int
    finished: int
    parameters: int
    memory: int
    seconds: float
    skipped: tuple[str, ...]


def estimate(settings: Settings) -> Estimate:
    """Say what `run` would do. Pairs are read and encoded, nothing is trained or predicted."""
    PartialState(cpu=settings.device.type == "cpu")
    return estimate_prepared(prepare(settings))


def estimate_prepared(prepared: Prepared) -> Estimate:
    """Say what `run.run_prepared` would do."""
    settings, config, recipe = prepared.settings, prepared.source.config, prepared.settings.recipe
    asked = {
        ask.pairs.task.name: sum(one.tokens for one in (ask.encoded, *ask.views.values())) for ask in prepared.asks
    }
    learnt = {one: one.tokens for run in prepared.runs for one in (run.train, run.dev) if one}
    trainings: dict[str, tuple[str, int, int, int]] = {}
    longest = finished = passes = 0
    for one in prepared.runs:
        name, (seeds, steps, tokens) = one.training.name, trainings.get(one.training.name, ("", 0, 0, 0))[1:]
        missing = [ask for ask in prepared.asks if not cell_path(prepared, one, ask).is_file()]
        finished += len(prepared.asks) - len(missing)
        missing = [ask for ask in missing if not ask.refusal]
        passes += sum(asked[ask.pairs.task.name] for ask in missing)
        if one.train and one.dev:
            steps = recipe.epochs * math.ceil(one.training.rows / recipe.batch_size)
            tokens = recipe.epochs * learnt[one.train]
            longest = max(longest, min(one.train.encoding.lengths[-1], recipe.max_length))
            # A step passes forward once and backward at twice the cost.
            passes += bool(missing) * (3 * tokens + recipe.epochs * learnt[one.dev])
        trainings[name] = (name, seeds + 1, steps, tokens)
    parameters = prepared.model.parameters
    width, layers = getattr(config, "hidden_size", 0), getattr(config, "num_hidden_layers", 0)
    bytes_a_unit = 34 if settings.dtype == torch.bfloat16 else 68
    return Estimate(
        prepared.model.id,
        tuple(trainings.values()),
        tuple(
            (ask.pairs.task.name, ask.pairs.task.rows, asked[ask.pairs.task.name], ask.refusal or ask.note)
            for ask in prepared.asks
        ),
        len(prepared.runs) * len(prepared.asks),
        finished,
        parameters,
        16 * parameters + bytes_a_unit * recipe.batch_size * longest * width * layers,
        2 * (12 * layers * width**2 or parameters) * passes / (SHARE * matrix_rate(settings.device, settings.dtype)),
        prepared.skipped,
    )


@cache
def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measure how many operations a second the device does in matrix products: the best of a few."""
    size = 1024 if device.type == "cpu" else 8192
    one = torch.ones(size, size, device=device, dtype=dtype)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        (one @ one)[0, 0].item()  # fetched, so that it is done
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def sweep_text(planned: Sequence[Estimate], shard: int, trainings: int, compared: tuple[int, int]) -> str:
    """Lay out what a sweep would do: a row for each model and training, then the sums.

    Parameters
    ----------
    planned : sequence of Estimate
        Of each part.
    shard, trainings : int
        Trainings of these parts, and of the whole plan.
    compared : tuple of int
        Comparisons of vectors, and those that stand already.
    """
    rows = tuple(
        (
            *(one.model, name, str(seeds), f"{steps:,}", f"{tokens:,}", f"{one.cells:,}", f"{one.finished:,}"),
            *(f"{one.memory / 2**30:.1f}", _duration(one.seconds)),
        )
        for one in planned
        for name, seeds, steps, tokens in one.trainings
    )
    columns = ("model", "trained on", "seeds", "steps", "tokens", "cells", "finished", "GiB", "time")
    cells, finished = sum(one.cells for one in planned), sum(one.finished for one in planned)
    seconds, memory = sum(one.seconds for one in planned), max(one.memory for one in planned)
    vectors = (
        f"comparisons of vectors: {compared[0]:,}, of which {compared[1]:,} stand already; " if compared[0] else ""
    )
    return (
        f"{markdown(Table('sweep', '', text_frame(columns, [rows]), labels=2))}\n"
        f"{shard:,} of the plan's {trainings:,} trainings; {cells:,} cells, of which {finished:,} stand already; "
        f"{vectors}about {_duration(seconds)} on this device, and {memory / 2**30:.1f} GiB at most"
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def estimate_text(planned: Estimate) -> str:
    """Lay out what an evaluation would do."""
    lines = [
        f"model: {planned.parameters:,} weights, about {planned.memory / 2**30:.1f} GiB to train, "
        f"about {_duration(planned.seconds)} on this device"
    ]
    for name, seeds, steps, tokens in planned.trainings:
        lines.append(f"train on {name}: {seeds} seeds of {steps:,} steps, {tokens:,} tokens")
    for name, rows, tokens, note in planned.tasks:
        lines.append(f"predict {name}: {rows:,} pairs, {tokens:,} tokens" + (f" ({note})" if note else ""))
    lines += [f"left out: {one}" for one in planned.skipped]
    return "\n".join([*lines, f"cells: {planned.cells}, of which {planned.finished} stand already"])
