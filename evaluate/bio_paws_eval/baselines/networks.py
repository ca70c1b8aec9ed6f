"""Small networks trained from scratch on the train split: what a task gives away without any pre-training.

A model that was pre-trained, or fine-tuned on language, should be better than these. A new one is one entry of
`NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, gelu

from bio_paws.features.baselines import PairBatch, Rule

CHARACTERS = 512
"""Most characters of a side that a network reads, the first ones."""

_STEPS, _BATCH, _LEARNING_RATE = 300, 32, 1e-3
_PAD, _UNKNOWN = 0, 1  # ids of characters start behind them
_PAIRS_AT_ONCE = 256


@dataclass(frozen=True)
class Network:
    """A network that reads the characters of both sides.

    Attributes
    ----------
    name : str
        In tables and folders.
    architecture : str
        In one line.
    make : callable
        Makes it, with random weights, of the number of ids. It takes the ids of both sides, each shape=(n, characters),
        padded with 0, and returns the log-odds of label 1, shape=(n,).
    """

    name: str
    architecture: str
    make: Callable[[int], nn.Module]

    def fit(self, train: PairBatch, labels: NDArray[np.int8], seed: int) -> Rule:
        """Train it for a fixed number of steps by AdamW; on a CPU, one seed gives one network.

        Parameters
        ----------
        train : PairBatch
            Pairs to train on.
        labels : ndarray, shape=(n,)
            Their labels.
        seed : int
            Of weights, order and dropout.
        """
        alphabet = sorted(set(chain.from_iterable(chain(train.sentence1, train.sentence2))))
        ids = {character: number for number, character in enumerate(alphabet, _UNKNOWN + 1)}
        truth = torch.from_numpy(labels.astype(np.float32))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.make(len(ids) + 2).train()
            optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=_STEPS)
            for rows in _batches(len(train), seed):
                optimizer.zero_grad()
                loss = binary_cross_entropy_with_logits(model(*_sides(train, rows, ids)), truth[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        model.eval()

        def margin(batch: PairBatch) -> NDArray[np.float64]:
            with torch.inference_mode():
                parts = [
                    model(*_sides(batch, range(start, min(start + _PAIRS_AT_ONCE, len(batch))), ids)).double().numpy()
                    for start in range(0, len(batch), _PAIRS_AT_ONCE)
                ]
            return np.concatenate(parts)

        return Rule(self._recipe(model), margin)

    def _recipe(self, model: nn.Module) -> dict[str, Any]:
        return {
            "classifier": self.architecture,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "characters": CHARACTERS,
            "steps": _STEPS,
            "batch_size": _BATCH,
            "learning_rate": _LEARNING_RATE,
        }


def _batches(pairs: int, seed: int) -> list[NDArray[np.intp]]:
    """Return the rows of each step: passes over all pairs, each in a new order."""
    rng = np.random.default_rng(seed)
    passes = -(-_STEPS * _BATCH // pairs)
    order = np.concatenate([rng.permutation(pairs) for _ in range(passes)])
    return np.split(order[: _STEPS * _BATCH], _STEPS)


def _sides(batch: PairBatch, rows: Any, ids: dict[str, int]) -> list[torch.Tensor]:
    return [_encode([side[row][:CHARACTERS] for row in rows], ids) for side in (batch.sentence1, batch.sentence2)]


def _encode(texts: list[str], ids: dict[str, int]) -> torch.Tensor:
    """Return the ids of characters, padded at their end: shape=(n, longest)."""
    encoded = np.full((len(texts), max(map(len, texts))), _PAD)
    for row, text in enumerate(texts):
        encoded[row, : len(text)] = [ids.get(character, _UNKNOWN) for character in text]
    return torch.from_numpy(encoded)


class Convolutions(nn.Module):
    """Two layers of convolutions over each side, pooled; the sides are compared by `|u - v|` and `u * v`."""

    def __init__(self, ids: int, width: int = 64, kernel: int = 7) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ids, width // 2, padding_idx=_PAD)
        self.first = nn.Conv1d(width // 2, width, kernel, padding="same")
        self.second = nn.Conv1d(width, width, kernel, padding="same")
        self.head = nn.Sequential(nn.Linear(4 * width, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, 1))

    def forward(self, side1: torch.Tensor, side2: torch.Tensor) -> torch.Tensor:
        """Return the log-odds of label 1: shape=(n,)."""
        u, v = self._pooled(side1), self._pooled(side2)
        compared: torch.Tensor = self.head(torch.cat([(u - v).abs(), u * v], dim=1))
        return compared.squeeze(1)

    def _pooled(self, side: torch.Tensor) -> torch.Tensor:
        """Return maxima and means over the characters of a side: shape=(n, 2 width)."""
        known = (side != _PAD).unsqueeze(1)
        hidden = gelu(self.first(self.embedding(side).transpose(1, 2))) * known
        hidden = gelu(self.second(hidden))
        largest = hidden.masked_fill(~known, -torch.inf).amax(dim=2)
        return torch.cat([largest, (hidden * known).sum(dim=2) / known.sum(dim=2)], dim=1)


class CharacterTransformer(nn.Module):
    """Two layers of attention over the characters of both sides, one after the other."""

    def __init__(self, ids: int, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ids, width, padding_idx=_PAD)
        self.side = nn.Embedding(2, width)
        self.position = nn.Embedding(CHARACTERS, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.1, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 1)

    def forward(self, side1: torch.Tensor, side2: torch.Tensor) -> torch.Tensor:
        """Return the log-odds of label 1: shape=(n,)."""
        placed = [
            self.embedding(side) + self.position(torch.arange(side.shape[1])) + self.side(torch.tensor(number))
            for number, side in enumerate((side1, side2))
        ]
        known = torch.cat([side1, side2], dim=1) != _PAD
        hidden = self.layers(torch.cat(placed, dim=1), src_key_padding_mask=~known) * known.unsqueeze(2)
        odds: torch.Tensor = self.head(hidden.sum(dim=1) / known.sum(dim=1, keepdim=True))
        return odds.squeeze(1)


NETWORKS = (
    Network("cnn", "two convolutions a side, |u - v| and u * v of their pooled outputs", Convolutions),
    Network("char_transformer", "two layers of attention over the characters of both sides", CharacterTransformer),
)
"""All networks, in the order of tables."""
