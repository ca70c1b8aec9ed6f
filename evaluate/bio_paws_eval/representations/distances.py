"""Distances from each item of a vocabulary to the nearest item of each group, with and without the scale of the space.

Distances in a model's own units are not comparable between models, as fine-tuning may shrink or stretch the entire
space. Besides ``euclidean``, which is in those units, three scale-free metrics are computed on centred representations:

- ``scaled``: Euclidean distance divided by the root mean square distance of all items to their centre;
- ``standardised``: each dimension divided by its standard deviation, and all by the square root of their number, since
  a few dimensions hold most of the variance of a language model (Timkey & van Schijndel 2021, EMNLP);
- ``cosine``: one minus the cosine of the angle at the centre.

The centre and the deviations weigh all groups equally, whatever their sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

METRICS = ("euclidean", "scaled", "standardised", "cosine")
SCALE_FREE = METRICS[1:]

ROWS_PER_BLOCK = 4096  # rows per block: the squared distances between two blocks are in memory at a time


@dataclass(frozen=True)
class Normalisation:
    """Centre and spread of a model's representations.

    Attributes
    ----------
    centre : ndarray, shape=(d,), dtype=float64
        Mean of the means of the groups.
    deviation : ndarray, shape=(d,), dtype=float64
        Root mean square deviation from the centre in each dimension; 1 where it is zero.
    radius : float
        Root mean square distance to the centre.
    """

    centre: NDArray[np.float64]
    deviation: NDArray[np.float64]
    radius: float


def fit_normalisation(vectors: NDArray[np.float32], groups: Iterable[slice]) -> Normalisation:
    """Compute the centre and the spread of representations, each group having the same weight.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d)
        The representations.
    groups : iterable of slice
        Rows of each group.
    """
    groups = list(groups)
    origin = np.zeros(vectors.shape[1])
    centre = np.mean([_moment(vectors[rows], origin, 1) for rows in groups], axis=0)
    variance = np.mean([_moment(vectors[rows], centre, 2) for rows in groups], axis=0)
    return Normalisation(centre, np.where(variance > 0, np.sqrt(variance), 1.0), float(np.sqrt(variance.sum())))


def _moment(vectors: NDArray[np.float32], origin: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    total = np.zeros(vectors.shape[1])
    for _, block in _blocks(vectors, ROWS_PER_BLOCK):
        total += ((block.astype(np.float64) - origin) ** power).sum(axis=0)
    return total / len(vectors)


def _blocks(vectors: NDArray[np.float32], rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, len(vectors), rows):
        yield start, vectors[start : start + rows]


def normalise(vectors: NDArray[np.float32], normalisation: Normalisation, metric: str) -> NDArray[np.float64]:
    """Transform representations so that a metric becomes the Euclidean distance between them.

    For ``cosine`` the metric is half the squared Euclidean distance of the transformed representations.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d)
        Representations in the model's own units.
    normalisation : Normalisation
        From `fit_normalisation`.
    metric : str
        One of `METRICS`.

    Returns
    -------
    ndarray, shape=(n, d), dtype=float64
        Centred, and scaled as the metric requires.
    """
    normalised: NDArray[np.float64] = vectors.astype(np.float64) - normalisation.centre
    if metric == "scaled":
        normalised /= normalisation.radius or 1.0
    elif metric == "standardised":
        normalised /= normalisation.deviation * np.sqrt(len(normalisation.deviation))
    elif metric == "cosine":
        length = np.linalg.norm(normalised, axis=1, keepdims=True)
        normalised /= np.where(length > 0, length, 1.0)
    return normalised


def nearest_distances(
    vectors: NDArray[np.float32],
    normalisation: Normalisation,
    metric: str,
    groups: Mapping[str, slice],
    device: torch.device,
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Compute the distance of each item to the nearest item of each group, never counting the item itself.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d), dtype=float32
        Representations of all items; may be memory-mapped. One copy and a few blocks are in memory.
    normalisation : Normalisation
        From `fit_normalisation`.
    metric : str
        One of `METRICS`.
    groups : dict of str to slice
        Rows of each group.
    device : torch.device
        Where blocks are multiplied.

    Returns
    -------
    dict of (str, str) to ndarray, shape=(items of the first group,)
        Distances by source and target group.
    """
    normalised = torch.empty(vectors.shape, dtype=torch.float32)
    for start, block in _blocks(vectors, ROWS_PER_BLOCK):
        normalised[start : start + len(block)] = torch.from_numpy(normalise(block, normalisation, metric))
    normalised = normalised.to(device)
    lengths = torch.linalg.vecdot(normalised, normalised)
    best = {name: torch.full((len(vectors),), torch.inf, device=device) for name in groups}
    neighbours = {name: torch.zeros(len(vectors), dtype=torch.int64, device=device) for name in groups}
    blocks = [
        (name, slice(start, min(start + ROWS_PER_BLOCK, rows.stop)))
        for name, rows in groups.items()
        for start in range(rows.start, rows.stop, ROWS_PER_BLOCK)
    ]
    # Distances are symmetric: each two blocks are multiplied once, and the product is reduced along both dimensions.
    for i, (row_group, rows) in enumerate(blocks):
        for column_group, columns in blocks[i:]:
            # |a - b|^2 = |a|^2 + |b|^2 - 2ab
            squares = torch.addmm(lengths[columns], normalised[rows], normalised[columns].T, alpha=-2)
            squares += lengths[rows, None]
            if rows == columns:
                squares.fill_diagonal_(torch.inf)
            else:
                _keep_nearer(best[row_group][columns], neighbours[row_group][columns], squares, rows.start, 0)
            _keep_nearer(best[column_group][rows], neighbours[column_group][rows], squares, columns.start, 1)
    return {
        (source, target): _exact_distances(
            vectors, normalisation, metric, groups[source], neighbours[target][groups[source]].cpu().numpy()
        )
        for source in groups
        for target in groups
    }


def _keep_nearer(best: torch.Tensor, neighbours: torch.Tensor, squares: torch.Tensor, start: int, dim: int) -> None:
    """Update, in place, the nearest neighbours for which a block of squared distances holds a nearer one.

    Rows (or columns) along `dim` are numbered from `start`.
    """
    low = squares.amin(dim=dim)
    nearer = low < best
    best[nearer] = low[nearer]
    # argmin is slower than amin, and few items find a nearer neighbour: it runs on those only.
    neighbours[nearer] = start + (squares[nearer] if dim else squares[:, nearer]).argmin(dim=dim)


def _exact_distances(
    vectors: NDArray[np.float32],
    normalisation: Normalisation,
    metric: str,
    source: slice,
    neighbours: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Compute in float64 the distances to the neighbours that were chosen by float32 products."""
    distances = np.empty(len(neighbours))
    for start, block in _blocks(vectors[source], ROWS_PER_BLOCK):
        rows = slice(start, start + len(block))
        block_neighbours = normalise(vectors[neighbours[rows]], normalisation, metric)
        euclidean = np.linalg.norm(normalise(block, normalisation, metric) - block_neighbours, axis=1)
        distances[rows] = euclidean**2 / 2 if metric == "cosine" else euclidean
    return distances
