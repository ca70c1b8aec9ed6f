"""Folders of trainings: checkpoints while they run, the weights and a record when they are done, and a lock on each."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from filelock import FileLock
from safetensors.torch import load_file, load_model, save_file, save_model
from transformers import PreTrainedModel

from bio_paws.execution.files import atomic, read_json, write_json
from bio_paws_eval.models.quantization import is_quantized

RECORD = "training.json"
"""File of a finished training's record; where it is, the weights are whole."""

WEIGHTS = "weights.safetensors"
"""File of a finished training's weights."""


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint of a training; those that a kill left half-written are removed."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]), reverse=True)
    for path in checkpoints:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))  # the Trainer writes it last
            return path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return None


def finish_training(model: PreTrainedModel, record: Any, folder: Path) -> None:
    """Write the weights and then the record of a training, and remove its checkpoints; every process must call it.

    Parameters
    ----------
    model : PreTrainedModel
        The trained model.
    record : dataclass
        What `read_finished` returns later.
    folder : Path
        Of the checkpoints.
    """
    state = PartialState()
    if state.is_main_process:
        with atomic(folder / WEIGHTS) as part:
            save_weights(model, part)
        write_json(folder / RECORD, dataclasses.asdict(record))
        for path in folder.glob("checkpoint-*"):
            shutil.rmtree(path)
    state.wait_for_everyone()


def read_finished(folder: Path) -> dict[str, Any] | None:
    """Return the record of a finished training; None where it is not finished."""
    return dict(read_json(folder / RECORD)) if (folder / RECORD).is_file() else None


def load_trained(model: PreTrainedModel, folder: Path) -> None:
    """Load the weights of a finished training."""
    load_weights(model, folder / WEIGHTS)


def save_weights(model: PreTrainedModel, path: Path) -> None:
    """Write a model's weights; of weights in 8 or 4 bits, which never change, only what is trained beside them."""
    if is_quantized(model):
        save_file(
            {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}, str(path)
        )
    else:
        save_model(model, str(path))


def load_weights(model: PreTrainedModel, path: Path) -> None:
    """Read what `save_weights` wrote."""
    if is_quantized(model):
        with torch.no_grad():
            for name, weight in load_file(path).items():
                model.get_parameter(name).copy_(weight)
    else:
        load_model(model, path)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Keep other runs from what a lock stands for, or wait until they are done; every process must call it."""
    state = PartialState()
    with ExitStack() as stack:
        if state.is_main_process:
            lock.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(lock))
        state.wait_for_everyone()
        yield
