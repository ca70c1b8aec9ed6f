"""Predict encoded pairs: sorted by length, in batches of a number of tokens, the answers in the order of the rows.

The Trainer's own prediction pads to the longest of whatever pairs meet in a batch; with pairs of similar lengths
together, hardly any padding is left. Pairs stream from disk, so memory does not grow with their number.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.models.batches import collate
from bio_paws_eval.models.tokens import Encoded, Tokens
from bio_paws_eval.results import Predictions

_log = logging.getLogger(__name__)

TOKEN_BUDGET = {"cpu": 2048, "cuda": 65536, "mps": 16384}
"""Tokens per batch, padding included: enough to fill the device, few enough to stay in its caches."""


@dataclass(frozen=True)
class Timing:
    """What a prediction took.

    Attributes
    ----------
    seconds : float
        Time of all pairs.
    tokens : int
        Tokens of all pairs, padding not counted.
    """

    seconds: float
    tokens: int


def predict(
    model: PreTrainedModel,
    encoded: Encoded,
    pad_id: int,
    dtype: torch.dtype = torch.float32,
    token_budget: int | None = None,
) -> tuple[Predictions, Timing]:
    """Predict all pairs.

    Parameters
    ----------
    model : PreTrainedModel
        A classifier of two labels, on its device. It comes back in the mode, training or not, it was in.
    encoded : Encoded
        The pairs.
    pad_id : int
        Id of the padding token.
    dtype : torch.dtype
        Number format of the matrix products; float32, or bfloat16 for speed.
    token_budget : int, optional
        Tokens per batch; by default what suits the device. Halved, for good, each time memory runs out.

    Returns
    -------
    Predictions
        Logits, float32, in the order of the pairs.
    Timing
        What it took.

    Raises
    ------
    ModelError
        When a single pair does not fit into memory, or the model returns NaN or infinity.
    """
    device = next(model.parameters()).device
    budget = token_budget or TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"])
    runner = BatchRunner(lambda batch: model(**batch).logits, pad_id, device, budget)
    was_training = model.training
    model.eval()
    parts: list[tuple[list[str], NDArray[np.float32], NDArray[np.int8]]] = []
    tokens, start = 0, time.perf_counter()
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        for batch in encoded.batches():
            parts.append((batch.pair_ids, runner.run(batch), batch.labels))
            tokens += sum(map(len, batch.ids))
    seconds = time.perf_counter() - start
    model.train(was_training)
    ids = list(chain.from_iterable(part[0] for part in parts))
    logits = np.concatenate([part[1] for part in parts])
    if not np.isfinite(logits).all():
        raise ModelError("the model returns NaN or infinity: its weights are damaged, or training diverged")
    return Predictions(ids, logits, np.concatenate([part[2] for part in parts])), Timing(seconds, tokens)


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
    """

    def __init__(
        self, answer: Callable[[dict[str, torch.Tensor]], torch.Tensor], pad_id: int, device: torch.device, budget: int
    ) -> None:
        self._answer = answer
        self._pad_id = pad_id
        self._device = device
        self._budget = budget

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
            rows = waiting[: max(1, self._budget // int(lengths[waiting[0]]))]
            answer = self._try(tokens, rows)
            if answer is not None:
                answers.append((rows, answer))
                waiting = waiting[len(rows) :]
        gathered = np.empty((len(lengths), *answers[0][1].shape[1:]), dtype=np.float32)
        # Fetched only now: fetching each batch would make the device wait for the host.
        for rows, answer in answers:
            gathered[rows] = answer.float().cpu().numpy()
        return gathered

    def _try(self, tokens: Tokens, rows: NDArray[np.intp]) -> torch.Tensor | None:
        """Run one batch; None, and a smaller budget, where memory does not suffice."""
        try:
            return self._answer(collate(tokens, rows, self._pad_id, self._device))
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
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


def _out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Return whether memory ran out; on the CPU, torch raises a plain RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error)
