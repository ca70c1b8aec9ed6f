"""What an evaluation would do and take, before it is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import PartialState

from bio_paws.cli.text import counted
from bio_paws_eval.layout.tables import Table, markdown, text_frame
from bio_paws_eval.models.preflight import Preflight
from bio_paws_eval.models.quantization import BYTES
from bio_paws_eval.models.sharding import is_sharded
from bio_paws_eval.options import EvaluationOptions
from bio_paws_eval.runs.device import device_of, matrix_rate, start_processes
from bio_paws_eval.runs.preparation import Prepared, path_of_result, prepare

EFFICIENCY = 0.6
"""Fraction of the device's matrix-product rate that a model reaches. A BERT of 6 layers on one core of a CPU reaches
0.8 in prediction and 0.54 to 0.61 in training; a GPU that waits for its host reaches less."""


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
        Real tokens of one prediction, those of perturbed pairs included, and what a reader must know.
    results, finished : int
        Number of results, and of those that are finished.
    parameters : int
        Weights of the model.
    memory : int
        Approximate bytes on a device: of the weights (4 each, or as `options.load_in` says); of a training, of weights,
        gradients and two moments of AdamW (16, which FSDP shares out beside the whole weights), and of the activations
        of a batch of the longest pairs, 34 bytes per token, hidden unit and layer in 16 bits, twice that in 32
        (Korthikanti V et al. 2022, arXiv:2205.05198, eq. 2,
        attention matrices not kept).
    seconds : float
        Approximate time of what is not finished: operations over `EFFICIENCY` times the device's rate of matrix
        products. A forward pass takes 2 operations per token and weight of the layers, which have 12 times layers times
        width squared (Kaplan J et al. 2020, arXiv:2001.08361, section 2.1), a backward pass twice as many.
    skipped : tuple of str
        Tasks whose pairs are not available, and why.
    preflight : dict of str to Preflight
        What was checked of each task.
    """

    model: str
    trainings: tuple[tuple[str, int, int, int], ...]
    tasks: tuple[tuple[str, int, int, str], ...]
    results: int
    finished: int
    parameters: int
    memory: int
    seconds: float
    skipped: tuple[str, ...]
    preflight: dict[str, Preflight]


def estimate(options: EvaluationOptions) -> Estimate:
    """Estimate an evaluation: pairs are read and encoded, nothing is trained or predicted."""
    start_processes(device_of(options.device))
    return estimate_prepared(prepare(options))


def estimate_prepared(prepared: Prepared) -> Estimate:
    """Estimate what `run.run_prepared` would do."""
    config, hyperparameters = prepared.source.config, prepared.options.hyperparameters
    tokens_per_task = {
        task.pairs.task.name: sum(encoded.tokens for encoded in (task.encoded, *task.perturbations.values()))
        for task in prepared.tasks
    }
    tokens_per_split = {split: split.tokens for run in prepared.runs for split in (run.train, run.dev) if split}
    trainings: dict[str, tuple[str, int, int, int]] = {}
    longest = finished = forward_tokens = 0
    for run in prepared.runs:
        name, (seeds, steps, tokens) = run.training.name, trainings.get(run.training.name, ("", 0, 0, 0))[1:]
        # Finished results are not computed again, and a refused task is no work.
        missing = [task for task in prepared.tasks if not path_of_result(prepared, run, task).is_file()]
        finished += len(prepared.tasks) - len(missing)
        missing = [task for task in missing if not task.refusal]
        forward_tokens += sum(tokens_per_task[task.pairs.task.name] for task in missing)
        if run.train and run.dev:
            by_steps = run.training.method == "fine-tune"  # the other methods read each pair once
            epochs = hyperparameters.epochs if by_steps else 1
            steps = epochs * math.ceil(run.training.rows / hyperparameters.batch_size) if by_steps else 0
            tokens = epochs * tokens_per_split[run.train]
            # The last percentile is the longest pair: as it is cut, it sets the memory of a batch.
            longest = max(longest, by_steps * min(run.train.encoding.lengths[-1], hyperparameters.max_length))
            # A training step is a forward pass and a backward pass of twice the cost.
            forward_tokens += bool(missing) * ((3 if by_steps else 1) * tokens + epochs * tokens_per_split[run.dev])
        trainings[name] = (name, seeds + 1, steps, tokens)
    parameters, stored = prepared.model.parameters, BYTES[prepared.options.load_in]
    width, layers = getattr(config, "hidden_size", 0), getattr(config, "num_hidden_layers", 0)
    # Activations that each layer keeps for the backward pass: `Estimate.memory` names the source.
    bytes_per_unit = 34 if prepared.dtype == torch.bfloat16 else 68
    # Of recomputed layers only the input stays, 2 or 4 bytes, and all of the layer that is computed anew.
    kept_layers = 1 + layers / 17 if hyperparameters.gradient_checkpointing else layers
    processes = PartialState().num_processes
    at_once = hyperparameters.device_share(processes)
    trained = stored + 16 / processes if is_sharded() else 16
    size = 1024 if prepared.device.type == "cpu" else 8192
    rate = EFFICIENCY * matrix_rate(prepared.device, prepared.dtype, size)
    operations = 2 * (12 * layers * width**2 or parameters) * forward_tokens
    return Estimate(
        prepared.model.id,
        tuple(trainings.values()),
        tuple(
            (
                task.pairs.task.name,
                task.pairs.task.rows,
                tokens_per_task[task.pairs.task.name],
                task.refusal or task.note,
            )
            for task in prepared.tasks
        ),
        len(prepared.runs) * len(prepared.tasks),
        finished,
        parameters,
        round(
            (trained if longest and stored == 4 else stored) * parameters
            + bytes_per_unit * at_once * longest * width * kept_layers
        ),
        operations / rate,
        prepared.skipped,
        {task.pairs.task.name: task.preflight for task in prepared.tasks},
    )


def sweep_text(planned: Sequence[Estimate], shard: int, trainings: int, compared: tuple[int, int]) -> str:
    """Format what a sweep would do: a row for each model and training, then the sums.

    Parameters
    ----------
    planned : sequence of Estimate
        Of each evaluation.
    shard, trainings : int
        Number of trainings of these evaluations, and of the whole plan.
    compared : tuple of int
        Number of comparisons of vectors, and of those that are finished.
    """
    rows = tuple(
        (
            *(part.model, name, str(seeds), f"{steps:,}", f"{tokens:,}", f"{part.results:,}", f"{part.finished:,}"),
            *(f"{part.memory / 2**30:.1f}", _duration(part.seconds)),
        )
        for part in planned
        for name, seeds, steps, tokens in part.trainings
    )
    columns = ("model", "trained on", "seeds", "steps", "tokens", "results", "finished", "GiB", "time")
    results, finished = sum(part.results for part in planned), sum(part.finished for part in planned)
    seconds, memory = sum(part.seconds for part in planned), max(part.memory for part in planned)
    vectors = f"{compared[0]:,} comparisons of vectors, {compared[1]:,} of them finished; " if compared[0] else ""
    return (
        f"{markdown(Table('sweep', '', text_frame(columns, [rows]), labels=2))}\n"
        f"{shard:,} of the plan's {trainings:,} trainings; {results:,} results, {finished:,} of them finished; "
        f"{vectors}about {_duration(seconds)} on this device, and {memory / 2**30:.1f} GiB at most"
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def _preflight_text(checked: Preflight) -> str:
    tokens = [*checked.tokens[:12], "...", *checked.tokens[-4:]] if len(checked.tokens) > 16 else list(checked.tokens)
    return f"{checked.letters_covered:.0%} of letters covered; first pair: {' '.join(tokens)}"


def estimate_text(planned: Estimate) -> str:
    """Format what an evaluation would do."""
    lines = [
        f"model: {planned.parameters:,} weights, about {planned.memory / 2**30:.1f} GiB of memory, "
        f"about {_duration(planned.seconds)} on this device"
    ]
    for checked in list(planned.preflight.values())[:1]:
        lines.append(
            f"tokenizer: {checked.tokenizer}, {checked.embeddings or 'any number of'} embeddings, pads with "
            f"{checked.padding}; {checked.join}; head: {checked.head}"
        )
    for name, seeds, steps, tokens in planned.trainings:
        lines.append(f"train on {name}: {counted(seeds, 'seed')} of {counted(steps, 'step')}, {tokens:,} tokens")
    for name, rows, tokens, note in planned.tasks:
        lines.append(f"predict {name}: {rows:,} pairs, {tokens:,} tokens" + (f" ({note})" if note else ""))
        lines.append(f"  {_preflight_text(planned.preflight[name])}")
    lines += [f"skipped: {reason}" for reason in planned.skipped]
    return "\n".join([*lines, f"results: {planned.results}, {planned.finished} of them finished"])
