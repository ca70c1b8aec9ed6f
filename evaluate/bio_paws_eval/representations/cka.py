"""Linear centred kernel alignment (CKA): similarity of two sets of representations of the same items.

Linear CKA does not change under rotation or uniform scaling, and compares representations of different dimensions
(Kornblith S, Norouzi M, Lee H, Hinton G 2019, Similarity of Neural Network Representations Revisited, ICML). It is
biased upwards where there are fewer items than dimensions. The debiased form uses the unbiased estimator of HSIC (Song
L et al. 2012, JMLR 13:1393), computed as the cosine of U-centred Gram matrices (Szekely & Rizzo 2014, Ann. Stat.
42:2382), and is 0 on average for unrelated representations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.representations.permutation_tests import PermutationTest, permutation_test

MIN_ITEMS = 4
"""Fewest items for debiased CKA: U-centring divides by n - 2, and the estimator by n - 3."""


def linear_cka(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Compute linear CKA.

    Parameters
    ----------
    first, second : ndarray, shape=(n, d1) and (n, d2)
        Representations of the same n items, in the same order.

    Returns
    -------
    float
        From 0 to 1; 0 where all rows of one input are equal.

    Examples
    --------
    >>> points = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
    >>> rotated = 3 * points @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> round(linear_cka(points, rotated), 6)
    1.0
    """
    return _cosine(*(_centre(_gram(vectors)) for vectors in (first, second)))


def debiased_cka(
    first: NDArray[np.floating], second: NDArray[np.floating], permutations: int, rng: np.random.Generator
) -> PermutationTest:
    """Compute debiased linear CKA, and test it against randomly matched rows.

    Parameters
    ----------
    first, second : ndarray, shape=(n, d1) and (n, d2)
        Representations of the same n items, in the same order; n is at least `MIN_ITEMS`.
    permutations : int
        Number of random orders of the second input's rows.
    rng : Generator
        Draws the orders.

    Returns
    -------
    PermutationTest
        Of the debiased CKA, which is at most 1 and may be negative.
    """
    first_gram, second_gram = (_u_centre(_gram(vectors)) for vectors in (first, second))
    permuted = np.empty(permutations)
    for i in range(permutations):
        # Centring commutes with reordering rows and columns together, so the Gram matrix is centred only once.
        order = rng.permutation(len(first_gram))
        permuted[i] = _cosine(first_gram, second_gram[np.ix_(order, order)])
    return permutation_test(_cosine(first_gram, second_gram), permuted)


def _gram(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the Gram matrix, shape=(n, n)."""
    # Centred first: dot products of vectors far from the origin would lose their leading digits.
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    gram: NDArray[np.float64] = centred @ centred.T
    return gram


def _centre(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = gram - gram.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    return centred


def _u_centre(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """U-centre a Gram matrix (Szekely & Rizzo 2014, definition 2): its diagonal does not enter, and is 0."""
    n = len(gram)
    hollow = gram - np.diag(np.diag(gram))
    rows = hollow.sum(axis=1)
    centred: NDArray[np.float64] = hollow - (rows + rows[:, np.newaxis]) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


def _cosine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    norm = np.sqrt(np.vdot(first, first) * np.vdot(second, second))
    return float(np.vdot(first, second) / norm) if norm else 0.0
