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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

METRICS = ("euclidean", "scaled", "standardised", "cosine")
SCALE_FREE = METRICS[1:]

_ROWS = 4096  # words a block: the distances between two blocks are held at a time


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
    for _, block in _blocks(vectors, _ROWS):
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
    vectors: NDArray[np.float32], frame: Frame, metric: str, groups: Mapping[str, slice], device: torch.device
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Distance of each word of each group to the nearest other word of each group.

    Every two blocks of words are multiplied once, for both directions.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d), dtype=float32
        Of all words; may be memory-mapped. One copy of it is held, and blocks.
    frame : Frame
        From `frame_of`.
    metric : str
        One of `METRICS`.
    groups : dict of str to slice
        Rows of each group.
    device : torch.device
        Where blocks are multiplied.

    Returns
    -------
    dict of (str, str) to ndarray, shape=(words of the first group,)
        By group and other group; in its own group no word is its own neighbour.
    """
    placed = torch.empty(vectors.shape, dtype=torch.float32)
    for at, block in _blocks(vectors, _ROWS):
        placed[at : at + len(block)] = torch.from_numpy(place(block, frame, metric))
    placed = placed.to(device)
    lengths = torch.linalg.vecdot(placed, placed)
    best = {name: torch.full((len(vectors),), torch.inf, device=device) for name in groups}
    which = {name: torch.zeros(len(vectors), dtype=torch.int64, device=device) for name in groups}
    blocks = [
        (name, slice(at, min(at + _ROWS, one.stop)))
        for name, one in groups.items()
        for at in range(one.start, one.stop, _ROWS)
    ]
    for i, (group, rows) in enumerate(blocks):
        for other, columns in blocks[i:]:
            squares = torch.addmm(lengths[columns], placed[rows], placed[columns].T, alpha=-2)
            squares += lengths[rows, None]
            if rows == columns:
                squares.fill_diagonal_(torch.inf)
            else:
                _keep_nearer(best[group][columns], which[group][columns], squares, rows.start, 0)
            _keep_nearer(best[other][rows], which[other][rows], squares, columns.start, 1)
    return {
        (source, target): _between(vectors, frame, metric, groups[source], which[target][groups[source]].cpu().numpy())
        for source in groups
        for target in groups
    }


def _keep_nearer(best: torch.Tensor, which: torch.Tensor, squares: torch.Tensor, start: int, dim: int) -> None:
    """Note the nearest word of the other side, numbered from `start`, for each whose nearest so far is further."""
    low = squares.amin(dim=dim)
    nearer = low < best
    best[nearer] = low[nearer]
    # To look for the place takes longer than to look for the value, and few words find a nearer one.
    which[nearer] = start + (squares[nearer] if dim else squares[:, nearer]).argmin(dim=dim)


def _between(
    vectors: NDArray[np.float32], frame: Frame, metric: str, source: slice, which: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Distances to the neighbours that products of 32 bits found, computed in 64."""
    found = np.empty(len(which))
    for at, block in _blocks(vectors[source], _ROWS):
        neighbours = vectors[which[at : at + len(block)]]
        apart = np.linalg.norm(place(block, frame, metric) - place(neighbours, frame, metric), axis=1)
        found[at : at + len(block)] = apart**2 / 2 if metric == "cosine" else apart
    return found
