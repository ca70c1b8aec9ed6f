"""Predict encoded pairs: sorted by length, in batches of a number of tokens, the answers in the order of the rows.

The Trainer's own prediction pads to the longest of whatever pairs meet in a batch; with pairs of similar lengths
together, hardly any padding is left. Pairs stream from disk, so memory does not grow with their number.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import reduce
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.models.batch_runner import BatchRunner
from bio_paws_eval.models.batching import NOT_FINITE, PADDED, Batching, ModelState
from bio_paws_eval.models.tokens import Encoded, Tokens
from bio_paws_eval.results import Predictions

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
    encoded: Encoded | Tokens,
    pad_id: int,
    dtype: torch.dtype = torch.float32,
    token_budget: int | None = None,
    batching: Batching = PADDED,
) -> tuple[Predictions, Timing]:
    """Predict all pairs.

    Parameters
    ----------
    model : PreTrainedModel
        A classifier of two labels, on its device. It comes back in the state and the mode that it was in.
    encoded : Encoded or Tokens
        The pairs.
    pad_id : int
        Id of the padding token.
    dtype : torch.dtype
        Number format of the matrix products; float32, or bfloat16 for speed.
    token_budget : int, optional
        Tokens per batch; by default what suits the device. Halved, for good, each time memory runs out.
    batching : Batching
        From `independence.batching_of`.

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
    runner = BatchRunner.of_classifier(model, pad_id, budget, batching)
    state, was_training = ModelState(model), model.training
    model.eval()
    parts: list[tuple[list[str], NDArray[np.float32], NDArray[np.int8]]] = []
    tokens, start = 0, time.perf_counter()
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        for batch in encoded.batches():
            parts.append((batch.pair_ids, runner.run(batch), batch.labels))
            tokens += sum(map(len, batch.ids))
    seconds = time.perf_counter() - start
    state.restore()
    model.train(was_training)
    ids = list(chain.from_iterable(part[0] for part in parts))
    logits = np.concatenate([part[1] for part in parts])
    if not np.isfinite(logits).all():
        raise ModelError(NOT_FINITE)
    return Predictions(ids, logits, np.concatenate([part[2] for part in parts])), Timing(seconds, tokens)


def predict_together(
    model: PreTrainedModel, tokens: Tokens, pad_id: int, dtype: torch.dtype, batching: Batching
) -> NDArray[np.float32]:
    """Predict pairs that several processes share, each pair by one of them; every process must call it.

    Parameters
    ----------
    model, pad_id, dtype, batching
        As in `predict`.
    tokens : Tokens
        All pairs, the same in every process.

    Returns
    -------
    ndarray, shape=(n, 2)
        Logits of all pairs, the same in every process.

    Raises
    ------
    ModelError
        As in `predict`.
    """
    state = PartialState()
    mine = np.arange(len(tokens.ids))[state.process_index :: state.num_processes]
    logits = torch.zeros((len(tokens.ids), 2), device=next(model.parameters()).device)
    if len(mine):
        answers, _timing = predict(model, tokens.take(mine), pad_id, dtype, batching=batching)
        logits[torch.from_numpy(mine)] = torch.from_numpy(answers.logits).to(logits.device)
    gathered: NDArray[np.float32] = reduce(logits, "sum").cpu().numpy()
    return gathered
