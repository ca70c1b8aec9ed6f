"""Some of the pairs of a split, drawn by a seed: what a model learns from little."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.errors import DataError
from bio_paws_eval.tasks.pairs import Batches, Pairs, describe_pairs


def draw_pairs(pairs: Pairs, count: int, seed: int) -> Pairs:
    """Draw as many pairs of each label; of one seed, fewer pairs are among more.

    Parameters
    ----------
    pairs : Pairs
        The split.
    count : int
        How many, an even number.
    seed : int
        Of the draw.

    Raises
    ------
    DataError
        When the split has too few pairs of a label.
    """
    task = pairs.task
    labels = np.concatenate([batch["label"].to_numpy() for batch in pairs.read()])
    rng = np.random.default_rng(seed)
    rows = []
    for label in (0, 1):
        of_label = np.flatnonzero(labels == label)
        if len(of_label) < count // 2:
            raise DataError(
                f"{task.name}: its {task.split} split has {len(of_label)} pairs of label {label}, and {count} pairs "
                f"are {count // 2} of each: lower train_pairs"
            )
        rows.append(rng.permutation(of_label)[: count // 2])
    read = partial(_read, pairs.read, np.sort(np.concatenate(rows)))
    return describe_pairs(task.name, task.split, pairs.molecule, read, task.dropped, task.version)


def _read(read: Batches, rows: NDArray[np.intp]) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in read():
        first, last = np.searchsorted(rows, (start, start + batch.num_rows))
        if first < last:
            yield batch.take(pa.array(rows[first:last] - start))
        start += batch.num_rows
