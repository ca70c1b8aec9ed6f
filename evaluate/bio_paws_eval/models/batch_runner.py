"""Run encoded texts through a model in batches, in smaller ones when memory runs out."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bio_paws.errors import ModelError, first_line
from bio_paws_eval.models.batches import collate, input_filter
from bio_paws_eval.models.batching import PADDED, Batching, ModelState

if TYPE_CHECKING:  # `benchmarks.gpu` predicts with torch alone
    from bio_paws_eval.models.tokens import Tokens

_log = logging.getLogger(__name__)


class BatchRunner:
    """Runs encoded texts through a model in batches, in smaller ones when memory runs out.

    Parameters
    ----------
    answer : callable
        Takes what `batches.collate` returns, and returns a tensor with a row per text.
    pad_id : int
        Id of the padding token.
    device : torch.device
        Where the model is.
    budget : int
        Tokens per batch, padding included.
    batching : Batching
        What a batch may consist of.
    state : ModelState, optional
        What `Batching.restore` brings back.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, torch.Tensor]], torch.Tensor],
        pad_id: int,
        device: torch.device,
        budget: int,
        batching: Batching = PADDED,
        state: ModelState | None = None,
    ) -> None:
        self._answer = answer
        self._pad_id = pad_id
        self._device = device
        self._budget = budget
        self._batching = batching
        self._state = state

    @classmethod
    def of_classifier(cls, model: nn.Module, pad_id: int, budget: int, batching: Batching) -> BatchRunner:
        """Return a runner whose answers are a model's logits; inputs that the model does not take are left out."""
        taken = input_filter(model)

        def answer(batch: dict[str, torch.Tensor]) -> torch.Tensor:
            logits: torch.Tensor = model(**taken(batch)).logits
            return logits

        device = next(model.parameters()).device
        return cls(answer, pad_id, device, budget, batching, ModelState(model) if batching.restore else None)

    def run(self, tokens: Tokens) -> NDArray[np.float32]:
        """Return the answers, shape=(n, ...), in the order of the texts.

        Raises
        ------
        ModelError
            When a single text does not fit into memory.
        """
        lengths = np.array(list(map(len, tokens.ids)))
        # Longest first: if memory is to run out, then at once.
        waiting = np.argsort(-lengths, kind="stable")
        answers: list[tuple[NDArray[np.intp], torch.Tensor]] = []
        while len(waiting):
            rows = self._next_rows(waiting, lengths)
            answer = self._try(tokens, rows)
            if answer is not None:
                answers.append((rows, answer))
                waiting = waiting[len(rows) :]
        gathered = np.empty((len(lengths), *answers[0][1].shape[1:]), dtype=np.float32)
        # Fetched only now: fetching each batch would make the device wait for the host.
        for rows, answer in answers:
            gathered[rows] = answer.float().cpu().numpy()
        if self._state:
            self._state.restore()
        return gathered

    def _next_rows(self, waiting: NDArray[np.intp], lengths: NDArray[np.int64]) -> NDArray[np.intp]:
        longest = int(lengths[waiting[0]])
        most = 1 if self._batching.composition == "one at a time" else max(1, self._budget // longest)
        rows = waiting[:most]
        return rows[lengths[rows] == longest] if self._batching.composition == "equal lengths" else rows

    def _try(self, tokens: Tokens, rows: NDArray[np.intp]) -> torch.Tensor | None:
        """Run one batch; None, and a smaller budget, where memory does not suffice."""
        if self._state:
            self._state.restore()
        try:
            return self._answer(collate(tokens, rows, self._pad_id, self._device))
        except Exception as error:  # a model's code raises whatever it raises
            if not _out_of_memory(error):
                longest = len(tokens.ids[rows[0]])
                raise ModelError(
                    f"the model fails on pairs of {longest} tokens ({type(error).__name__}: {first_line(error)})"
                ) from error
            if len(rows) == 1:
                size = len(tokens.ids[rows[0]])
                raise ModelError(f"out of memory on a single pair of {size} tokens: take a smaller model") from error
            self._budget = max(1, min(self._budget, len(rows) * len(tokens.ids[rows[0]])) // 2)
            _log.warning("out of memory: going on with %d tokens a batch", self._budget)
        # Out of the except block, so that the traceback no longer holds the batch's tensors.
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return None


def _out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; on the CPU, torch raises a plain RuntimeError."""
    ran_out = isinstance(error, RuntimeError) and "allocate memory" in str(error)
    return ran_out or isinstance(error, (MemoryError, torch.OutOfMemoryError))
