"""Labelled pairs of a task, streamed in record batches, whatever they come from."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.configs import Molecule
from bio_paws.errors import DataError
from bio_paws.features.perturbations import PERTURBED_ROWS, Perturbation
from bio_paws_eval.results import Task
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.tasks.registry import Row

ROWS_PER_BATCH = 8192
"""Most rows in one record batch."""

COLUMNS = pa.schema(
    [("pair_id", pa.string()), ("sentence1", pa.string()), ("sentence2", pa.string()), ("label", pa.int8())]
)
"""Columns of every task."""

Batches = Callable[[], Iterator[pa.RecordBatch]]
"""A function that starts to read pairs from the first one."""


class MissingPairs(DataError):
    """The pairs of a task are not available: there is no such file, config or split."""


class UnreachablePairs(MissingPairs):
    """The pairs are not available because the Hub cannot be reached, nor are any others that come from the Hub."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of a split. They are read anew at each use, so that memory does not grow with their number.

    Attributes
    ----------
    task : Task
        Name, split, number of pairs, version, digest.
    molecule : {"text", "dna", "protein", "dna_protein"}
        What the sentences are.
    read : callable
        Returns an iterator of record batches of at most `ROWS_PER_BATCH` rows with the columns `COLUMNS`, and those of
        bioPAWS with ``kind``, ``group1`` and ``group2`` (string), too.
    groups : PairGroups
        Homology groups of bioPAWS; of other tasks, pairs that are connected by shared sentences.
    kinds : ndarray, shape=(rows,) or (0,), dtype=object
        Pair type of each pair; of length 0 for tasks other than bioPAWS.
    """

    task: Task
    molecule: Molecule | Literal["text"]
    read: Batches
    groups: PairGroups
    kinds: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))


def describe_pairs(
    name: str, split: str, molecule: Molecule | Literal["text"], read: Batches, dropped: int, version: str
) -> Pairs:
    """Read the pairs once to count and digest them, and to collect their pair types and groups.

    Parameters
    ----------
    name, split : str
        Of the task.
    molecule, read
        As in `Pairs`.
    dropped : int
        Placeholders and empty sentences that were filtered out.
    version : str
        Of the data.

    Raises
    ------
    DataError
        When there are no pairs.
    """
    digest = hashlib.sha256()
    count = 0
    kinds: list[str] = []
    groups: tuple[list[str], list[str]] = [], []
    # Hashes, so that memory does not hold the sentences.
    sentences: tuple[list[int], list[int]] = [], []
    for batch in read():
        count += batch.num_rows
        # Pair type and groups need no place in the digest: the id of a pair of bioPAWS is a digest that covers them.
        for row in zip(*(batch[column].to_pylist() for column in COLUMNS.names), strict=True):
            digest.update(json.dumps(row).encode())
        if "kind" in batch.schema.names:
            kinds += map(sys.intern, batch["kind"].to_pylist())  # so that memory holds one string per pair type
        for side in (0, 1):
            if "group1" in batch.schema.names:
                groups[side].extend(map(sys.intern, batch[f"group{side + 1}"].to_pylist()))
            else:
                sentences[side].extend(map(hash, batch[f"sentence{side + 1}"].to_pylist()))
    if not count:
        raise DataError(f"{name}: its {split} split is empty")
    task = Task(name, split, count, dropped, version, digest.hexdigest())
    grouped = PairGroups.of_names("homology groups", *groups) if groups[0] else PairGroups.sharing_sentences(*sentences)
    return Pairs(task, molecule, read, grouped, np.array(kinds, object))


def text_pairs(name: str, split: str, rows: Iterable[Row], dropped: int, version: str) -> Pairs:
    """Make pairs of text that are kept in memory; parameters as in `describe_pairs`."""
    table = pa.Table.from_pylist([dict(zip(COLUMNS.names, row, strict=True)) for row in rows], schema=COLUMNS)
    return describe_pairs(name, split, "text", lambda: iter(table.to_batches(ROWS_PER_BATCH)), dropped, version)


def perturbed(pairs: Pairs, perturbation: Perturbation) -> Pairs:
    """Return the first `PERTURBED_ROWS` pairs of a config of bioPAWS, changed by a perturbation."""
    task = pairs.task
    read = partial(_perturb, pairs.read, perturbation)
    return describe_pairs(task.name, task.split, pairs.molecule, read, task.dropped, task.version)


def _perturb(read: Batches, perturbation: Perturbation) -> Iterator[pa.RecordBatch]:
    return map(perturbation.apply, first_rows(read(), PERTURBED_ROWS))


def first_rows(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """Yield the first `limit` rows, or all where it is None, and read no batch beyond them."""
    remaining = limit
    for batch in batches:
        part = batch.slice(0, remaining)
        yield part
        if remaining is not None:
            remaining -= part.num_rows
            if remaining <= 0:
                return
