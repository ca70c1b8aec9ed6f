"""Sending the history of a training to a tracker while it runs, by Transformers' own callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from bio_paws.errors import ConfigError

PROJECT = "bioPAWS"
"""Project of Trackio; Weights & Biases reads its own from WANDB_PROJECT."""


@dataclass(frozen=True)
class Tracking:
    """Where a training is tracked.

    Attributes
    ----------
    report_to : {"tensorboard", "wandb", "trackio"}
        The tracker.
    name : str
        Of the training.
    folder : Path
        Of TensorBoard's files.
    """

    report_to: str
    name: str
    folder: Path


def check_tracker(report_to: str) -> None:
    """Check that a tracker is installed, before anything is trained.

    Raises
    ------
    ConfigError
        When it is not.
    """
    if report_to != "none" and find_spec(report_to) is None:
        raise ConfigError(f"report_to: {report_to} is not installed: pip install {report_to}")


def tracking_callback(tracking: Tracking) -> TrainerCallback:
    """Return the callback of Transformers that sends what the Trainer logs."""
    (callback,) = get_reporting_integration_callbacks([tracking.report_to])
    if tracking.report_to == "tensorboard":
        # Its files would lie among the checkpoints, which are removed.
        from torch.utils.tensorboard import SummaryWriter

        return callback(SummaryWriter(str(tracking.folder / tracking.name)))  # type: ignore[no-any-return]
    return callback()  # type: ignore[no-any-return]
