"""Vectors in two dimensions: principal components of all models together and of each alone, and UMAP."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from bio_paws.errors import BioPawsError

NEIGHBOURS = 15
"""UMAP's own default."""


@dataclass(frozen=True)
class Projection:
    """Points of several models.

    Attributes
    ----------
    points : list of ndarray, each shape=(n, 2)
        A model's points.
    variance : list of tuple of float
        Part of the variance on either axis, for each model; the same for all where they share axes, empty for UMAP.
    """

    points: list[NDArray[np.float64]]
    variance: list[tuple[float, ...]]


def pca_together(models: Sequence[NDArray[np.float64]]) -> Projection:
    """Project all models on the same axes, those of all their points: what moved, turned or shrank is seen.

    Parameters
    ----------
    models : sequence of ndarray, each shape=(n, d)
        Vectors in the models' own units; d is the same for all.
    """
    fitted = PCA(2, svd_solver="covariance_eigh").fit(np.concatenate(models))
    return Projection([fitted.transform(one) for one in models], [_variance(fitted)] * len(models))


def pca_alone(models: Sequence[NDArray[np.float64]]) -> Projection:
    """Project each model on axes of its own.

    Parameters
    ----------
    models : sequence of ndarray, each shape=(n, d)
        Scaled vectors.
    """
    fitted = [PCA(2, svd_solver="covariance_eigh").fit(one) for one in models]
    points = [pca.transform(one) for pca, one in zip(fitted, models, strict=True)]
    return Projection(points, [_variance(pca) for pca in fitted])


def _variance(fitted: PCA) -> tuple[float, ...]:
    return tuple(float(one) for one in fitted.explained_variance_ratio_)


def umap_alone(models: Sequence[NDArray[np.float64]], seed: int) -> Projection:
    """Lay out each model by UMAP (McInnes, Healy & Melville 2018), which keeps neighbours and no distances.

    Parameters
    ----------
    models : sequence of ndarray, each shape=(n, d)
        Scaled vectors.
    seed : int
        Of the layout.

    Raises
    ------
    BioPawsError
        When umap-learn is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # that it could do more with Tensorflow
            from umap import UMAP
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    # One thread, as a seed needs. Its compiler shares OpenMP with torch, and leaves it with another number of threads,
    # with which a training that comes later differs in its last digits.
    threads = torch.get_num_threads()
    neighbours = min(NEIGHBOURS, len(models[0]) - 1)
    fits = [UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(one) for one in models]
    torch.set_num_threads(threads)
    return Projection([one.astype(np.float64) for one in fits], [()] * len(models))
