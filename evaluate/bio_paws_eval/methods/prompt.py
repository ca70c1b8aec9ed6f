"""The log-likelihood of "yes" and "no" after a question about the pair, by a causal model whose weights stay.

Scores are means over both orders in which the prompt names the answers, so that neither gains by its place. By default
a model's preference for an answer, whatever the pair, is subtracted: contextual calibration (Zhao TZ et al. 2021, ICML,
arXiv:2102.09690). Answered pairs of the train split may stand before the pair that is asked (shots).
"""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections.abc import Mapping
from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import pad
from transformers import PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.methods.interface import Answers, Fitted, Fitting, Method
from bio_paws_eval.methods.prompt_encoder import PromptEncoder, prompt_encoder
from bio_paws_eval.methods.prompt_templates import ANSWERS, CONTENT_FREE, ORDERS, Calibration
from bio_paws_eval.methods.separate_sides import split_inputs
from bio_paws_eval.models.architectures import empty_generator, max_length_of
from bio_paws_eval.models.batch_runner import BatchRunner
from bio_paws_eval.models.batching import NOT_FINITE
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.loading import load_generator
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.predict import TOKEN_BUDGET, Timing
from bio_paws_eval.models.tokens import Encoded, Tokens
from bio_paws_eval.results import Predictions
from bio_paws_eval.stats.decisions import predicted

_AFTER_ANSWER = "\n\n"

Demonstrations = tuple[list[int], ...]
"""Tokens of the answered pairs, for each of `ORDERS`."""


class Prompt(Method):
    """Ask a causal model in words."""

    @property
    def recipe(self) -> dict[str, Any]:
        """How the model is asked."""
        return dataclasses.asdict(self.prompting)

    def encoder(self, source: ModelSource) -> PairEncoder:
        """Put pairs in words."""
        return prompt_encoder(source, self.prompting.template)

    def network(self, source: ModelSource) -> PreTrainedModel:
        """Return the model with its language-modelling head."""
        return empty_generator(source)

    def input_length(self, source: ModelSource, encoder: PairEncoder) -> int | None:
        """Return the tokens of a prompt: half of the model's maximum where demonstrations take the other half."""
        limit = max_length_of(source.config, encoder.tokenizer)
        if limit is None:
            return None
        assert isinstance(encoder, PromptEncoder)
        longest = max(len(encoder.ids_of(f" {answer}")) for answer in ANSWERS)
        return limit - longest - (limit // 2 if self.prompting.shots else 0)

    def fit(self, fitting: Fitting) -> Fitted:
        """Load the model, and draw the demonstrations."""
        assert isinstance(fitting.encoder, PromptEncoder)
        seed = fitting.training.seed if fitting.training.control == "random-init" else None
        model = load_generator(fitting.source, seed).to(fitting.device)  # type: ignore[arg-type]
        shots = self.prompting.shots
        demonstrations = _draw(fitting, fitting.encoder, shots) if shots else tuple([] for _ in ORDERS)
        return _Prompted(model, fitting, fitting.encoder, demonstrations, self.prompting.calibration)


def _draw(fitting: Fitting, encoder: PromptEncoder, shots: int) -> Demonstrations:
    """Draw answered pairs by the seed, as many of each label, among those that leave room for the others."""
    assert fitting.train is not None
    rng = np.random.default_rng(fitting.training.seed)
    tokens = fitting.train.all()
    limit = max_length_of(fitting.source.config, encoder.tokenizer)
    answers = [encoder.ids_of(f" {answer}{_AFTER_ANSWER}") for answer in ANSWERS]
    room = limit // 2 // shots - max(map(len, answers)) if limit else None
    prompts = split_inputs(tokens)
    lengths = np.maximum(*(np.array(list(map(len, part.ids))) for part in prompts))
    fitting_rows = lengths <= room if room is not None else np.ones(len(lengths), dtype=bool)
    labels = rng.permutation(np.arange(shots) % 2)
    rows = np.empty(shots, dtype=np.intp)
    for label in (0, 1):
        eligible = np.flatnonzero(fitting_rows & (tokens.labels == label))
        wanted = int((labels == label).sum())
        if len(eligible) < wanted:
            raise ModelError(
                f"{fitting.training.on}: {len(eligible)} pairs of label {label} are short enough ({room} tokens) to "
                f"show {wanted} of them before each pair: take fewer shots"
            )
        rows[labels == label] = rng.permutation(eligible)[:wanted]
    starts = len(encoder.starts)
    return tuple(
        list(chain.from_iterable([*part.ids[row][starts:].tolist(), *answers[tokens.labels[row]]] for row in rows))
        for part in prompts
    )


class AnswerLikelihoods(nn.Module):
    """A causal model whose answer to a prompt is the log-likelihood of each of some continuations."""

    def __init__(self, model: PreTrainedModel, continuations: list[list[int]]) -> None:
        super().__init__()
        self._model = model
        self._continuations = continuations
        self._chooses_positions = "logits_to_keep" in inspect.signature(model.forward).parameters

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Return ``logits``, shape=(prompts, continuations): the name by which classifiers answer."""
        ends = attention_mask.sum(dim=1)  # prompts are padded at their end
        shared: dict[tuple[int, ...], torch.Tensor] = {}
        scores = []
        for continuation in self._continuations:
            read = tuple(continuation[:-1])
            if read not in shared:  # continuations of one token are all read from one pass
                shared[read] = self._log_probabilities(input_ids, attention_mask, ends, read)
            places = torch.arange(len(continuation), device=ends.device)
            chosen = torch.tensor(continuation, device=ends.device)
            scores.append(shared[read][:, places, chosen].sum(dim=1))
        return SimpleNamespace(logits=torch.stack(scores, dim=1))

    def _log_probabilities(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, ends: torch.Tensor, read: tuple[int, ...]
    ) -> torch.Tensor:
        """Return those of every token at each place of a continuation: shape=(prompts, len(read) + 1, tokens)."""
        ids, mask = pad(input_ids, (0, len(read))), pad(attention_mask, (0, len(read)))
        rows = torch.arange(len(ids), device=ids.device)
        for place, token in enumerate(read):
            ids[rows, ends + place] = token
            mask[rows, ends + place] = 1
        places = (ends - 1)[:, None] + torch.arange(len(read) + 1, device=ids.device)
        if self._chooses_positions:  # the logits of a whole prompt may not fit into memory
            kept, index = torch.unique(places, return_inverse=True)
            logits = self._model(input_ids=ids, attention_mask=mask, logits_to_keep=kept).logits
        else:
            logits, index = self._model(input_ids=ids, attention_mask=mask).logits, places
        log_probabilities: torch.Tensor = logits[rows[:, None], index].float().log_softmax(dim=-1)
        return log_probabilities


class _Prompted(Fitted):
    def __init__(
        self,
        model: PreTrainedModel,
        fitting: Fitting,
        encoder: PromptEncoder,
        demonstrations: Demonstrations,
        calibration: Calibration,
    ) -> None:
        self.training = fitting.training
        self._model = AnswerLikelihoods(model, [encoder.ids_of(f" {answer}") for answer in ANSWERS]).eval()
        self._encoder = encoder
        self._dtype = fitting.dtype
        self._device = fitting.device
        self._demonstrations = demonstrations
        self._calibration = calibration

    def answer(self, pairs: Encoded, perturbed: Mapping[str, Encoded], molecule: str) -> Answers:
        """Ask about the pairs of a task, in both orders of the answers."""
        batching = batching_of(self._model, self._prompts(next(pairs.batches()))[0], self._pad_id)
        budget = TOKEN_BUDGET.get(self._device.type, TOKEN_BUDGET["cpu"])
        runner = BatchRunner.of_classifier(self._model, self._pad_id, budget, batching)
        prior = self._prior(runner, molecule)
        start = time.perf_counter()
        batches = [(batch.pair_ids, batch.labels, self._scores(runner, batch)) for batch in pairs.batches()]
        seconds = time.perf_counter() - start
        scores, labels = (np.concatenate([batch[i] for batch in batches]) for i in (2, 1))
        if not np.isfinite(scores).all():
            raise ModelError(NOT_FINITE)
        ids = list(chain.from_iterable(batch[0] for batch in batches))
        logits = {
            name: _mean(np.concatenate([self._scores(runner, batch) for batch in encoded.batches()]), prior)
            for name, encoded in perturbed.items()
        }
        by_order = np.stack([predicted(_mean(scores[:, i : i + 1], prior[i : i + 1])) for i in range(len(ORDERS))])
        details = {
            "prior_log_odds": (prior[:, 1] - prior[:, 0]).tolist(),
            "accuracy_by_order": (by_order == labels).mean(axis=1).tolist(),
            "same_in_both_orders": float((by_order[0] == by_order[1]).mean()),
        }
        timing = Timing(seconds, pairs.tokens + len(ids) * sum(map(len, self._demonstrations)))
        return Answers(Predictions(ids, _mean(scores, prior), labels), logits, timing, str(batching), details)

    @property
    def _pad_id(self) -> int:
        return int(self._encoder.tokenizer.pad_token_id)

    def _prompts(self, batch: Tokens) -> list[Tokens]:
        """Return the prompts of each order, behind the demonstrations."""
        starts = len(self._encoder.starts)

        def behind(ids: NDArray[np.int32], demonstrations: list[int]) -> NDArray[np.int32]:
            return np.concatenate([ids[:starts], np.array(demonstrations, dtype=np.int32), ids[starts:]])

        return [
            dataclasses.replace(part, ids=[behind(ids, demonstrations) for ids in part.ids])
            for part, demonstrations in zip(split_inputs(batch), self._demonstrations, strict=True)
        ]

    def _scores(self, runner: BatchRunner, batch: Tokens) -> NDArray[np.float32]:
        """Return log-likelihoods: shape=(n, orders, answers)."""
        bfloat16 = self._dtype == torch.bfloat16
        with torch.inference_mode(), torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=bfloat16):
            return np.stack([runner.run(part) for part in self._prompts(batch)], axis=1)

    def _prior(self, runner: BatchRunner, molecule: str) -> NDArray[np.float64]:
        """Return the log-probability of each answer to texts that say nothing: shape=(orders, answers)."""
        if self._calibration == "none":
            return np.zeros((len(ORDERS), len(ANSWERS)))
        texts = list(CONTENT_FREE)
        ids, types = self._encoder.of(molecule).tokenise(texts, texts, None)
        rows, row_types = ([np.array(row, dtype=np.int32) for row in part] for part in (ids, types))
        scores = self._scores(runner, Tokens(rows, row_types, np.zeros(len(texts), np.int8), texts))
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True), dtype=np.float64)
        shares: NDArray[np.float64] = (odds / odds.sum(axis=-1, keepdims=True)).mean(axis=0)
        return np.log(shares)


def _mean(scores: NDArray[np.float32], prior: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return scores of labels, means over orders of log-likelihoods without the prior: shape=(n, 2)."""
    means: NDArray[np.float64] = (scores - prior).mean(axis=1)
    return means.astype(np.float32)
