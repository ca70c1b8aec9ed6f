"""How alike two sets of vectors of the same things are, whatever their axes, units and dimensions: linear CKA.

Kornblith S, Norouzi M, Lee H, Hinton G (2019) Similarity of Neural Network Representations Revisited, ICML. It comes
out high for unrelated vectors where there are fewer things than dimensions; the debiased form, from the unbiased
estimator of HSIC (Song L et al. 2012, JMLR 13:1393), is 0 there on average. It is computed as the cosine of U-centred
matrices (Szekely & Rizzo 2014, Ann. Stat. 42:2382), which is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.representations.permutation_tests import Null, null_of

MIN_THINGS = 4
"""Fewer cannot be debiased."""


def linear_cka(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Linear CKA, from 0 to 1.

    Parameters
    ----------
    first, second : ndarray, shape=(n, d1) and (n, d2)
        A row a thing, in the same order. Where all rows of a side are alike it is 0.
    """
    return _cosine(*(_centred(_products(one)) for one in (first, second)))


def debiased_cka(
    first: NDArray[np.floating], second: NDArray[np.floating], permutations: int, rng: np.random.Generator
) -> Null:
    """Debiased linear CKA, at most 1, beside what it is with the rows of one side in random order.

    Parameters
    ----------
    first, second : ndarray, shape=(n, d1) and (n, d2)
        A row a thing, in the same order; at least `MIN_THINGS`.
    permutations : int
        How many orders.
    rng : Generator
        Draws them.
    """
    one, other = (_u_centred(_products(vectors)) for vectors in (first, second))
    draws = np.empty(permutations)
    for i in range(permutations):
        order = rng.permutation(len(one))
        draws[i] = _cosine(one, other[np.ix_(order, order)])
    return null_of(_cosine(one, other), draws)


def _products(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    # Centred first: products of vectors far from the origin would lose their digits.
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    products: NDArray[np.float64] = centred @ centred.T
    return products


def _centred(products: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = products - products.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    return centred


def _u_centred(products: NDArray[np.float64]) -> NDArray[np.float64]:
    n = len(products)
    hollow = products - np.diag(np.diag(products))
    rows = hollow.sum(axis=1)
    centred: NDArray[np.float64] = hollow - (rows + rows[:, np.newaxis]) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


def _cosine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    lengths = np.sqrt(np.vdot(first, first) * np.vdot(second, second))
    return float(np.vdot(first, second) / lengths) if lengths else 0.0
