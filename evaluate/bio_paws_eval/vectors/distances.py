"""Distances to the nearest word of a group, in blocks, with and without the scale of the space.

A distance in a model's own units says little: fine-tuning may shrink or stretch the whole space. So the same distance
is also given with every word's vector centred and

- ``scaled``: divided by one number, the root mean square of all words' distances to their centre;
- ``standardised``: each dimension divided by its own standard deviation, and all by the root of their number, since a
  few dimensions hold most of the variance of a language model (Timkey & van Schijndel 2021, EMNLP);
- ``cosine``: one minus the cosine of the angle at the centre, which no length changes.

Groups weigh alike in centre and deviations, however many words they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

METRICS = ("euclidean", "scaled", "standardised", "cosine")
SCALE_FREE = METRICS[1:]

_ROWS, _COLUMNS = 2048, 8192  # words a block whose distances are held at a time


@dataclass(frozen=True)
class Frame:
    """Where and how widely the words of a model lie.

    Attributes
    ----------
    centre, deviation : ndarray, shape=(d,), dtype=float64
        Mean of the groups' means; root mean square of the deviations from it, 1 where there are none.
    radius : float
        Root mean square of the words' distances to the centre.
    """

    centre: NDArray[np.float64]
    deviation: NDArray[np.float64]
    radius: float


def frame_of(vectors: NDArray[np.float32], groups: Iterable[slice]) -> Frame:
    """Measure where the words lie.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d)
        Their vectors.
    groups : iterable of slice
        Which rows are a group.
    """
    groups = list(groups)
    origin = np.zeros(vectors.shape[1])
    centre = np.mean([_moment(vectors[one], origin, 1) for one in groups], axis=0)
    variance = np.mean([_moment(vectors[one], centre, 2) for one in groups], axis=0)
    return Frame(centre, np.where(variance > 0, np.sqrt(variance), 1.0), float(np.sqrt(variance.sum())))


def _moment(vectors: NDArray[np.float32], origin: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    total = np.zeros(vectors.shape[1])
    for _, block in _blocks(vectors, _COLUMNS):
        total += ((block.astype(np.float64) - origin) ** power).sum(axis=0)
    return total / len(vectors)


def _blocks(vectors: NDArray[np.float32], rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for at in range(0, len(vectors), rows):
        yield at, vectors[at : at + rows]


def place(vectors: NDArray[np.float32], frame: Frame, metric: str) -> NDArray[np.float64]:
    """Bring vectors into the space in which a metric is the distance; of ``cosine`` the half of its square.

    Returns
    -------
    ndarray, shape=(n, d)
        Centred, and scaled as the metric says.
    """
    placed: NDArray[np.float64] = vectors.astype(np.float64) - frame.centre
    if metric == "scaled":
        placed /= frame.radius or 1.0
    elif metric == "standardised":
        placed /= frame.deviation * np.sqrt(len(frame.deviation))
    elif metric == "cosine":
        length = np.linalg.norm(placed, axis=1, keepdims=True)
        placed /= np.where(length > 0, length, 1.0)
    return placed


def nearest(
    vectors: NDArray[np.float32], frame: Frame, metric: str, source: slice, target: slice, device: torch.device
) -> NDArray[np.float64]:
    """Distance of each word of a group to the nearest other word of a group.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d), dtype=float32
        Of all words; may be memory-mapped, since only blocks of it are held.
    frame : Frame
        From `frame_of`.
    metric : str
        One of `METRICS`.
    source, target : slice
        Rows of the two groups; where they are the same, no word is its own neighbour.
    device : torch.device
        Where blocks are multiplied.

    Returns
    -------
    ndarray, shape=(words of source,)
    """
    found = np.empty(source.stop - source.start)
    for at, block in _blocks(vectors[source], _ROWS):
        mine = place(block, frame, metric)
        best = np.full(len(block), np.inf, dtype=np.float32)
        which = np.zeros(len(block), dtype=np.int64)
        rows = torch.from_numpy(mine.astype(np.float32)).to(device)
        for start, others in _blocks(vectors[target], _COLUMNS):
            columns = torch.from_numpy(place(others, frame, metric).astype(np.float32)).to(device)
            squares = torch.addmm((columns**2).sum(dim=1), rows, columns.T, alpha=-2)  # less the rows' own squares
            if source == target:
                own = torch.arange(at, at + len(block)) - start
                inside = (own >= 0) & (own < len(others))
                squares[torch.arange(len(block))[inside], own[inside]] = torch.inf
            low, column = (one.cpu().numpy() for one in squares.min(dim=1))
            nearer = low < best
            best[nearer], which[nearer] = low[nearer], start + column[nearer]
        # Products of 32 bits found the neighbour; its distance is computed anew in 64.
        neighbours = place(vectors[target][which], frame, metric)
        distances = np.linalg.norm(mine - neighbours, axis=1)
        found[at : at + len(block)] = distances**2 / 2 if metric == "cosine" else distances
    return found
