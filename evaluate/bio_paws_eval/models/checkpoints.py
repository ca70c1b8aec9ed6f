"""Folders of trainings: checkpoints while they run, the weights and a record when they are done, and a lock on each."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from accelerate import PartialState
from filelock import FileLock
from safetensors.torch import load_model, save_model
from transformers import PreTrainedModel

from bio_paws.execution.files import atomic, read_json, write_json

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
            save_model(model, str(part))
        write_json(folder / RECORD, dataclasses.asdict(record))
        for path in folder.glob("checkpoint-*"):
            shutil.rmtree(path)
    state.wait_for_everyone()


def read_finished(folder: Path) -> dict[str, Any] | None:
    """Return the record of a finished training; None where it is not finished."""
    return dict(read_json(folder / RECORD)) if (folder / RECORD).is_file() else None


def load_trained(model: PreTrainedModel, folder: Path) -> None:
    """Load the weights of a finished training."""
    load_model(model, folder / WEIGHTS)


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
