"""Ask a classifier about encoded pairs: sorted by length, in batches of so many tokens, answers in the order of rows.

The Trainer's own prediction pads to the longest of whatever pairs meet in a batch; with pairs of like length together,
hardly any padding is left. Pairs stream from disk, so memory does not grow with their number.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.models.encode import Encoded, Tokens
from bio_paws_eval.results import Predictions

_log = logging.getLogger(__name__)

TOKEN_BUDGET = {"cpu": 2048, "cuda": 65536, "mps": 16384}
"""Tokens a batch, padding included: enough to fill the device, few enough to stay in its caches."""


@dataclass(frozen=True)
class Timing:
    """What a prediction took: seconds, and real tokens, padding not counted."""

    seconds: float
    tokens: int


def collate(
    tokens: Tokens, rows: NDArray[np.intp] | list[int], pad_id: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """Pad some pairs to the longest of them.

    Returns
    -------
    dict of str to Tensor, shape=(rows, longest), dtype=int64
        ``input_ids``, ``attention_mask``, and ``token_type_ids`` where the model takes them.
    """
    chosen = [tokens.ids[i] for i in rows]
    longest = max(map(len, chosen))
    shape = len(chosen), longest
    ids, mask = np.full(shape, pad_id), np.zeros(shape, dtype=np.int64)
    for at, one in enumerate(chosen):
        ids[at, : len(one)] = one
        mask[at, : len(one)] = 1
    made = {"input_ids": ids, "attention_mask": mask}
    if tokens.types is not None:
        made["token_type_ids"] = np.zeros(shape, dtype=np.int64)
        for at, i in enumerate(rows):
            made["token_type_ids"][at, : len(tokens.types[i])] = tokens.types[i]
    return {name: torch.from_numpy(values).to(device) for name, values in made.items()}


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
        Tokens a batch; by default what suits the device. Halved, for good, each time memory runs out.

    Raises
    ------
    ModelError
        When one pair alone does not fit into memory, or the model answers what is not a number.
    """
    device = next(model.parameters()).device
    budget = token_budget or TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"])
    asking = Asking(lambda batch: model(**batch).logits, pad_id, device, budget)
    was_training = model.training
    model.eval()
    parts: list[tuple[list[str], NDArray[np.float32], NDArray[np.int8]]] = []
    tokens, start = 0, time.perf_counter()
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        for batch in encoded.batches():
            parts.append((batch.pair_ids, asking.ask(batch), batch.labels))
            tokens += sum(map(len, batch.ids))
    seconds = time.perf_counter() - start
    model.train(was_training)
    ids = [one for part in parts for one in part[0]]
    logits = np.concatenate([part[1] for part in parts])
    if not np.isfinite(logits).all():
        raise ModelError("the model answers with NaN or infinity: its weights are damaged, or training diverged")
    return Predictions(ids, logits, np.concatenate([part[2] for part in parts])), Timing(seconds, tokens)


class Asking:
    """Runs texts through a model in batches, smaller ones when memory runs out.

    Parameters
    ----------
    answer : callable
        Takes what `collate` returns and gives a tensor with a row for each text.
    pad_id : int
        Id of the padding token.
    device : torch.device
        Where the model is.
    budget : int
        Tokens a batch, padding included.
    """

    def __init__(
        self, answer: Callable[[dict[str, torch.Tensor]], torch.Tensor], pad_id: int, device: torch.device, budget: int
    ) -> None:
        self._answer = answer
        self._pad_id = pad_id
        self._device = device
        self._budget = budget

    def ask(self, tokens: Tokens) -> NDArray[np.float32]:
        """Return the answers, shape=(n, ...), to some texts, in their order."""
        lengths = np.array([len(one) for one in tokens.ids])
        # Longest first: if memory is to run out, then at once.
        left = np.argsort(-lengths, kind="stable")
        answers: list[tuple[NDArray[np.intp], torch.Tensor]] = []
        while len(left):
            rows = left[: max(1, self._budget // int(lengths[left[0]]))]
            answer = self._try(tokens, rows)
            if answer is not None:
                answers.append((rows, answer))
                left = left[len(rows) :]
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
    """Whether memory ran out; on the CPU torch raises a plain RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error)
