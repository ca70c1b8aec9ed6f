"""What a method is to an evaluation: how pairs become tokens, how a model is fitted, and how it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bio_paws_eval.hyperparameters import Hyperparameters
from bio_paws_eval.methods.prompt_templates import Prompting
from bio_paws_eval.models.architectures import max_length_of
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.predict import Timing
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.models.tracking import Tracking
from bio_paws_eval.results import Predictions, Training


@dataclass(frozen=True)
class Fitting:
    """What a model is fitted with.

    Attributes
    ----------
    source : ModelSource
        The model's files.
    encoder : PairEncoder
        The method's, which made the tokens.
    training : Training
        What it is fitted on, under which control, with which seed and recipe.
    train, dev : Encoded or None
        Encoded train and validation split; None where nothing is fitted.
    device : torch.device
        Where the model runs.
    dtype : torch.dtype
        Number format of the matrix products.
    folder : Path
        Of this training's checkpoints; removed when all tasks are predicted.
    cache : Path
        Of what other runs may use again.
    tracking : Tracking or None
        Where a training is tracked.
    """

    source: ModelSource
    encoder: PairEncoder
    training: Training
    train: Encoded | None
    dev: Encoded | None
    device: torch.device
    dtype: torch.dtype
    folder: Path
    cache: Path
    tracking: Tracking | None = None


@dataclass(frozen=True)
class Answers:
    """What a fitted model answers to the pairs of one task.

    Attributes
    ----------
    predictions : Predictions
        Scores of the labels; label 1 is predicted where its score is the higher.
    perturbed : dict of str to ndarray, shape=(m, 2)
        Scores of the perturbed pairs, by the name of the perturbation.
    timing : Timing
        What the predictions took, those of the perturbed pairs not counted.
    batches : str
        How pairs were put into batches.
    details : dict
        What else the method measures of a task; `results.Result.details`.
    """

    predictions: Predictions
    perturbed: dict[str, NDArray[np.float32]]
    timing: Timing
    batches: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DevAnswers:
    """What a fitted model answers to the pairs that chose its epoch, its penalty or its threshold.

    Attributes
    ----------
    correct : ndarray, shape=(n,), dtype=bool
        Which of them it answers rightly.
    labels : ndarray, shape=(n,), dtype=int8
        The truth, permuted where the control permutes labels.
    """

    correct: NDArray[np.bool_]
    labels: NDArray[np.int8]


class Fitted(ABC):
    """A model that can answer pairs.

    Attributes
    ----------
    training : Training
        With what the fitting found.
    dev : DevAnswers or None
        Its answers to the validation split of what it was fitted on; None where nothing was chosen by them.
    """

    training: Training
    dev: DevAnswers | None = None

    @abstractmethod
    def answer(self, pairs: Encoded, perturbed: Mapping[str, Encoded], molecule: str) -> Answers:
        """Answer the pairs of a task, and these pairs perturbed.

        Parameters
        ----------
        pairs : Encoded
            The pairs.
        perturbed : mapping of str to Encoded
            The perturbed pairs, by the name of the perturbation.
        molecule : str
            What the sides are, as in `tasks.pairs.Pairs`.
        """

    def save(self, folder: Path) -> None:
        """Save the model as Transformers loads it; only fine-tuning makes one."""
        raise NotImplementedError


@dataclass(frozen=True)
class Method(ABC):
    """How a model answers pairs.

    Attributes
    ----------
    hyperparameters : Hyperparameters
        Of fine-tuning.
    prompting : Prompting
        Of prompts.
    """

    hyperparameters: Hyperparameters
    prompting: Prompting

    @property
    @abstractmethod
    def recipe(self) -> dict[str, Any]:
        """All that is set of the fitting; a part of a result's key."""

    @property
    def training_length(self) -> int | None:
        """Tokens that pairs are cut to where the model is fitted on them; None for the model's maximum."""
        return None

    def input_length(self, source: ModelSource, encoder: PairEncoder) -> int | None:
        """Return the tokens that an input may have; None where nothing limits it."""
        return max_length_of(source.config, encoder.tokenizer)

    @abstractmethod
    def encoder(self, source: ModelSource) -> PairEncoder:
        """Return what makes tokens of pairs."""

    @abstractmethod
    def network(self, source: ModelSource) -> PreTrainedModel:
        """Return the network that answers, without memory for its weights."""

    def head(self, source: ModelSource, network: PreTrainedModel, *, trained: bool) -> str:
        """Return what a result says of the network's head."""
        return "none"

    @abstractmethod
    def fit(self, fitting: Fitting) -> Fitted:
        """Load the model, and fit what the method fits."""
