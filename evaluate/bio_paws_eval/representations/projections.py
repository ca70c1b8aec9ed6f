"""Two-dimensional projections of representations: PCA of all models jointly, PCA of each model, and UMAP."""

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
"""UMAP's ``n_neighbors``; its own default."""


@dataclass(frozen=True)
class Projection:
    """Projected points of several models.

    Attributes
    ----------
    points : list of ndarray, each shape=(n, 2)
        Points of each model.
    variance : list of tuple of float
        Fraction of the variance on each axis, for each model; the same for all models where they share axes, empty for
        UMAP.
    """

    points: list[NDArray[np.float64]]
    variance: list[tuple[float, ...]]


def joint_pca(models: Sequence[NDArray[np.float64]]) -> Projection:
    """Project all models on the two principal components of all their points: shows what moved, turned or shrank.

    Parameters
    ----------
    models : sequence of ndarray, each shape=(n, d)
        Representations in the models' own units; d is the same for all.
    """
    pca = PCA(2, svd_solver="covariance_eigh").fit(np.concatenate(models))
    return Projection([pca.transform(vectors) for vectors in models], [_variance(pca)] * len(models))


def separate_pca(models: Sequence[NDArray[np.float64]]) -> Projection:
    """Project each model on its own two principal components.

    Parameters
    ----------
    models : sequence of ndarray, each shape=(n, d)
        Representations normalised by the metric ``scaled``.
    """
    fitted = [PCA(2, svd_solver="covariance_eigh").fit(vectors) for vectors in models]
    points = [pca.transform(vectors) for pca, vectors in zip(fitted, models, strict=True)]
    return Projection(points, [_variance(pca) for pca in fitted])


def _variance(pca: PCA) -> tuple[float, ...]:
    return tuple(float(ratio) for ratio in pca.explained_variance_ratio_)


def umap(models: Sequence[NDArray[np.float64]], seed: int) -> Projection:
    """Lay out each model by UMAP (McInnes, Healy & Melville 2018), which keeps neighbours but not distances.

    Parameters
    ----------
    models : sequence of ndarray, each shape=(n, d)
        Representations normalised by the metric ``scaled``.
    seed : int
        Seed of the layout.

    Raises
    ------
    BioPawsError
        When umap-learn is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # UMAP suggests that Tensorflow be installed
            from umap import UMAP
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    # A seeded layout needs one thread. numba shares OpenMP with torch and changes torch's number of threads, which
    # would change the last digits of a training that follows in the same process: so it is restored.
    threads = torch.get_num_threads()
    neighbours = min(NEIGHBOURS, len(models[0]) - 1)
    layouts = [UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(vectors) for vectors in models]
    torch.set_num_threads(threads)
    return Projection([layout.astype(np.float64) for layout in layouts], [()] * len(models))
