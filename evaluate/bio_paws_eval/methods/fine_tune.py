"""A classifier of pairs, all of whose weights are trained, or low-rank changes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from bio_paws_eval.methods.interface import Answers, DevAnswers, Fitted, Fitting, Method
from bio_paws_eval.models import finetune, loading
from bio_paws_eval.models.architectures import empty_classifier
from bio_paws_eval.models.heads import read_head
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.pair_encoder import PairEncoder, encoder_of
from bio_paws_eval.models.predict import predict
from bio_paws_eval.models.tokens import Encoded


class FineTune(Method):
    """Fine-tune the model with a classifier of two labels on joined pairs."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The hyperparameters."""
        return self.hyperparameters.record

    @property
    def training_length(self) -> int | None:
        """That of the hyperparameters."""
        return self.hyperparameters.max_length

    def encoder(self, source: ModelSource) -> PairEncoder:
        """Join the two sentences as the model was taught to read pairs."""
        return encoder_of(source)

    def network(self, source: ModelSource) -> PreTrainedModel:
        """Return the classifier."""
        return empty_classifier(source)

    def head(self, source: ModelSource, network: PreTrainedModel, *, trained: bool) -> str:
        """Return which head is asked."""
        return "trained" if trained else read_head(source, network).note

    def fit(self, fitting: Fitting) -> Fitted:
        """Load the classifier, and train it where there is something to train it on."""
        training, tokenizer = fitting.training, fitting.encoder.tokenizer
        random_init = training.control == "random-init"
        model = loading.load_classifier(
            fitting.source,
            tokenizer,
            training.seed,
            random_init=random_init,
            device=fitting.device,
            dtype=fitting.dtype,
        )
        dev = None
        if fitting.train is not None and fitting.dev is not None:
            trained = finetune.fine_tune(
                model,
                fitting.train,
                fitting.dev,
                tokenizer.pad_token_id,
                self.hyperparameters,
                training.control,
                training.seed,
                fitting.dtype,
                fitting.folder,
                fitting.tracking,
            )
            measured = vars(trained) | {"dev_pairs": len(trained.dev_labels)}
            dev = DevAnswers(np.array(measured.pop("dev_correct")), np.array(measured.pop("dev_labels"), np.int8))
            training = dataclasses.replace(training, **measured)
        return _Classifier(model, dataclasses.replace(fitting, training=training), dev)


class _Classifier(Fitted):
    def __init__(self, model: PreTrainedModel, fitting: Fitting, dev: DevAnswers | None) -> None:
        self.training = fitting.training
        self.dev = dev
        self._model = model
        self._pad_id = fitting.encoder.tokenizer.pad_token_id
        self._dtype = fitting.dtype

    def answer(self, pairs: Encoded, perturbed: Mapping[str, Encoded], molecule: str) -> Answers:
        batching = batching_of(self._model, next(pairs.batches()), self._pad_id)
        predictions, timing = predict(self._model, pairs, self._pad_id, self._dtype, batching=batching)
        logits = {
            name: predict(self._model, encoded, self._pad_id, self._dtype, batching=batching)[0].logits
            for name, encoded in perturbed.items()
        }
        return Answers(predictions, logits, timing, str(batching))

    def save(self, folder: Path) -> None:
        self._model.save_pretrained(folder)
