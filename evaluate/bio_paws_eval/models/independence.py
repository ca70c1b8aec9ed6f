"""Answers that do not depend on which pairs are asked together, or before: found out on a few pairs of each task.

Most models answer a pair alone as they answer it among others. Some mix what is padded into what is not (FNet,
ConvBERT), pool at a place that padding moves (XLNet, T5Gemma), or switch to another attention for good (BigBird): these
get batches of pairs of one length, one pair at a time, or their first state again before each batch.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bio_paws.errors import ModelError
from bio_paws_eval.models.batch_runner import BatchRunner
from bio_paws_eval.models.batching import NOT_FINITE, WAYS, Batching, ModelState
from bio_paws_eval.models.tokens import Tokens

SAMPLE = 8
"""Pairs of a task that are asked in several ways."""

_ABSOLUTE, _RELATIVE = 1e-4, 1e-3  # of the largest logit: rounding; of the spread of the answers: what moves scores


def sample_rows(lengths: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return rows of all lengths, each beside another one of the same length where there is one.

    Examples
    --------
    >>> sample_rows(np.array([5, 9, 5, 7])).tolist()
    [0, 2, 3, 1]
    """
    order = np.argsort(lengths, kind="stable")
    places = np.linspace(0, max(0, len(order) - 2), SAMPLE // 2).round().astype(int)
    chosen = np.unique(np.concatenate([places, np.minimum(places + 1, len(order) - 1)]))
    return np.asarray(order[chosen], dtype=np.intp)


def same_answers(answers: NDArray[np.float32], reference: NDArray[np.float32]) -> bool:
    """Return whether answers, shape=(n, k), are the same but for rounding, and for what cannot move a score."""
    scale = float(np.abs(reference).max(initial=0.0))
    spread = float((reference - reference.mean(axis=0)).std())
    tolerance = max(_ABSOLUTE * scale, _RELATIVE * spread)
    return bool(np.abs(answers - reference).max(initial=0.0) <= tolerance)


def batching_of(model: nn.Module, tokens: Tokens, pad_id: int) -> Batching:
    """Find the fastest way to batch pairs in which each is answered as alone.

    Parameters
    ----------
    model : Module
        A classifier, on its device; it comes back in the state and the mode that it was in.
    tokens : Tokens
        Pairs of the task, of which a few are asked.
    pad_id : int
        Id of the padding token.

    Raises
    ------
    ModelError
        When the model fails on a pair, or answers the same pair differently from call to call.
    """
    rows = sample_rows(np.array(list(map(len, tokens.ids))))
    sample = tokens.take(rows)
    back = np.arange(len(rows))[::-1]
    reversed_sample = sample.take(back)
    state, was_training = ModelState(model), model.training
    model.eval()
    try:
        with torch.inference_mode():

            def answers(batching: Batching, *samples: Tokens) -> list[NDArray[np.float32]]:
                state.restore()
                runner = BatchRunner.of_classifier(model, pad_id, 10**9, batching)
                return [runner.run(pairs) for pairs in samples]

            reference, again = answers(Batching("one at a time", restore=True), sample, sample)
            if not np.isfinite(reference).all():
                raise ModelError(NOT_FINITE)
            if not same_answers(again, reference):
                raise ModelError("the model answers the same pair differently from call to call: it cannot be scored")
            for way in WAYS:
                # Batches go from long to short pairs: only the second time is a long pair asked after a short one.
                forward, backward = answers(way, sample, reversed_sample)
                if same_answers(forward, reference) and same_answers(backward[back], reference):
                    return way
    finally:
        state.restore()
        model.train(was_training)
    raise AssertionError("the last way is the reference")
