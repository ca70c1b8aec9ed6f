"""Batches of pairs: which pairs come together, and their tokens as tensors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Dataset, Sampler

if TYPE_CHECKING:  # `benchmarks.gpu` batches tokens with torch alone
    from bio_paws_eval.models.tokens import Tokens

_BATCHES_PER_POOL = 50  # pairs are sorted by length within so many batches, so that an epoch still shuffles


class ByLength(Sampler[int]):
    """Orders rows so that those of a batch have similar lengths; the order follows from seed and epoch alone.

    Parameters
    ----------
    lengths : ndarray, shape=(rows,)
        Tokens of each row.
    batch_size : int
        Rows per batch.
    seed : int
        Of the order.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; the data loader calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self._seed, self._epoch))
        order = rng.permutation(len(self._lengths))
        pool = _BATCHES_PER_POOL * self._batch_size
        batches = []
        for start in range(0, len(order), pool):
            rows = order[start : start + pool]
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += [rows[i : i + self._batch_size] for i in range(0, len(rows), self._batch_size)]
        # A short batch in the middle would shift the limits of all that follow.
        full = [batch for batch in batches if len(batch) == self._batch_size]
        short = [batch for batch in batches if len(batch) < self._batch_size]
        for i in rng.permutation(len(full)):
            yield from full[i].tolist()
        for batch in short:
            yield from batch.tolist()


Weighted = tuple[int, float]
"""A row, and the weight of the loss of the batch that it came in."""


class MicroBatches(Sampler[list[Weighted]]):
    """Parts of batches, for one of several processes, that a device takes at once; each row comes once an epoch.

    A batch is shared out as evenly as its number of rows allows. The loss of a part is a mean over what it holds, so it
    comes with a weight by which the mean over all parts of a batch is that of the batch, also where parts are uneven. A
    part without rows, of a last batch of fewer rows than there are parts, repeats one with weight 0: all processes take
    the same number of steps.

    Parameters
    ----------
    order : Sampler
        Order of the rows in each epoch.
    counts : ndarray, shape=(rows,), optional
        How much of each row a loss is a mean over, its labelled tokens for one; 1 each where not given.
    batch_size : int
        Rows per step, over all processes.
    parts : int
        Parts of a batch that one process takes, one after the other.
    process, processes : int
        Which process this is, counted from 0, of how many.
    """

    def __init__(
        self,
        order: Sampler[int],
        counts: NDArray[np.int64] | None,
        batch_size: int,
        parts: int,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self._order = order
        self._counts = counts
        self._batch_size = batch_size
        self._parts = parts
        self._process = process
        self._processes = processes

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        if isinstance(self._order, ByLength):
            self._order.set_epoch(epoch)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size) * self._parts  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[Weighted]]:
        order = iter(self._order)
        while batch := list(islice(order, self._batch_size)):
            rows = np.array(batch)
            counts = np.ones(len(rows)) if self._counts is None else self._counts[rows].astype(np.float64)
            places = np.array_split(np.arange(len(rows)), self._parts * self._processes)
            for mine in places[self._process :: self._processes]:
                weight = counts[mine].sum() / counts.sum() * len(places)
                yield [(int(row), float(weight)) for row in rows[mine if len(mine) else [0]]]


class RowNumbers(Dataset[int]):
    """The numbers of rows, for a collate function that looks the rows up."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> int:
        return row


def collate(
    tokens: Tokens, rows: NDArray[np.intp] | list[int], pad_id: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """Pad rows, at their end, to the longest of them.

    Parameters
    ----------
    tokens : Tokens
        Encoded pairs.
    rows : sequence of int
        Which of them.
    pad_id : int
        Id of the padding token.
    device : torch.device
        Where the tensors go.

    Returns
    -------
    dict of str to Tensor, shape=(rows, longest), dtype=int64
        ``input_ids``, ``attention_mask``, and ``token_type_ids`` where the model takes them.
    """
    chosen = [tokens.ids[i] for i in rows]
    shape = len(chosen), max(map(len, chosen))
    input_ids, mask = np.full(shape, pad_id), np.zeros(shape, dtype=np.int64)
    for row, ids in enumerate(chosen):
        input_ids[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    batch = {"input_ids": input_ids, "attention_mask": mask}
    if tokens.types is not None:
        batch["token_type_ids"] = np.zeros(shape, dtype=np.int64)
        for row, i in enumerate(rows):
            batch["token_type_ids"][row, : len(tokens.types[i])] = tokens.types[i]
    return {name: torch.from_numpy(values).to(device) for name, values in batch.items()}


def input_filter(model: nn.Module) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    """Return what picks the inputs of a batch that a model takes: one that comes with its own code may know no mask."""
    taken = inspect.signature(model.forward).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return dict
    return lambda batch: {name: batch[name] for name in batch if name in taken}
