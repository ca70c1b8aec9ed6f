"""Encoded pairs: in memory, and in a file that is read one batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws_eval.results import Encoding


@dataclass(frozen=True)
class Tokens:
    """Encoded pairs in memory.

    Attributes
    ----------
    ids : list of ndarray, each shape=(tokens,), dtype=int32
        Token ids of each pair.
    types : list of ndarray or None
        Which sentence a token belongs to, where the model is told.
    labels : ndarray, shape=(n,), dtype=int8
        1 for a similar pair, 0 for a dissimilar one.
    pair_ids : list of str
        Ids of the pairs.
    """

    ids: list[NDArray[np.int32]]
    types: list[NDArray[np.int32]] | None
    labels: NDArray[np.int8]
    pair_ids: list[str]

    def batches(self) -> Iterator[Tokens]:
        """Yield the pairs as a single batch, as `Encoded.batches` yields those of a file."""
        yield self

    def take(self, rows: NDArray[np.intp]) -> Tokens:
        """Return the pairs of these rows, in this order."""
        types = None if self.types is None else [self.types[row] for row in rows]
        return Tokens([self.ids[row] for row in rows], types, self.labels[rows], [self.pair_ids[row] for row in rows])


@dataclass(frozen=True)
class Encoded:
    """Encoded pairs in a file of record batches.

    Attributes
    ----------
    path : Path
        Arrow IPC file.
    encoding : Encoding
        What the tokenizer made of them.
    """

    path: Path
    encoding: Encoding

    def batches(self) -> Iterator[Tokens]:
        """Read the pairs in their order, a batch at a time."""
        return map(_read_batch, self._record_batches())

    @property
    def tokens(self) -> int:
        """Number of tokens of all pairs."""
        return sum(len(batch["ids"].flatten()) for batch in self._record_batches())

    def _record_batches(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self.path)) as source:
            file = pa.ipc.open_file(source)
            for i in range(file.num_record_batches):
                yield file.get_batch(i)

    def all(self) -> Tokens:
        """Read all pairs at once."""
        parts = list(self.batches())
        types = None if parts[0].types is None else list(chain.from_iterable(part.types or [] for part in parts))
        return Tokens(
            list(chain.from_iterable(part.ids for part in parts)),
            types,
            np.concatenate([part.labels for part in parts]),
            list(chain.from_iterable(part.pair_ids for part in parts)),
        )


def _read_batch(batch: pa.RecordBatch) -> Tokens:
    def split(name: str) -> list[NDArray[np.int32]]:
        column = batch[name]
        return np.split(column.flatten().to_numpy(), column.offsets.to_numpy()[1:-1] - column.offsets[0].as_py())

    types = split("types") if "types" in batch.schema.names else None
    return Tokens(split("ids"), types, batch["label"].to_numpy(), batch["pair_id"].to_pylist())
