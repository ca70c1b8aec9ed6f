"""Permutation tests of distances and of CKA, each with a seeded generator of its own.

A p-value is (b + 1) / (n + 1), where b of n permutations are at least as extreme as the observed value (Phipson & Smyth
2010, Stat. Appl. Genet. Mol. Biol. 9:39). It is therefore never 0.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SIGNS_PER_BATCH = 4_000_000  # one byte each: bounds the memory of a sign-flip test


@dataclass(frozen=True)
class Permutations:
    """Number of permutations per test, and the seed that they are derived from.

    Attributes
    ----------
    count : int
        Permutations of each test.
    seed : int
        Seed of every random choice.
    """

    count: int
    seed: int

    def rng(self, *purpose: str) -> np.random.Generator:
        """Return the random generator of a purpose.

        Each purpose has a generator of its own, so its draws do not depend on what was drawn before.
        """
        return np.random.default_rng([self.seed, zlib.crc32("\t".join(purpose).encode())])


@dataclass(frozen=True)
class PermutationTest:
    """An observed value and the distribution of the same value under permutation.

    Attributes
    ----------
    observed : float
        The value of the data.
    mean : float
        Mean over the permutations.
    low, high : float
        2.5th and 97.5th percentile over the permutations.
    p : float
        p-value, at least 1 / (permutations + 1).
    """

    observed: float
    mean: float
    low: float
    high: float
    p: float


def permutation_test(observed: float, permuted: NDArray[np.float64], *, two_sided: bool = False) -> PermutationTest:
    """Compare an observed value with its values under permutation.

    Parameters
    ----------
    observed : float
        The value of the data.
    permuted : ndarray, shape=(permutations,)
        The value under each permutation.
    two_sided : bool
        Compare absolute values. By default larger values are more extreme.

    Examples
    --------
    >>> permutation_test(2.5, np.array([1.0, 2.0, 3.0])).p
    0.5
    """
    # Summing the same numbers in another order changes the last digits, and a tie must still count as a tie.
    tolerance = 1e-9 * max(1e-300, float(np.abs(permuted).max()))
    extreme = np.abs(permuted) >= abs(observed) - tolerance if two_sided else permuted >= observed - tolerance
    low, high = np.percentile(permuted, (2.5, 97.5))
    p = (int(extreme.sum()) + 1) / (len(permuted) + 1)
    return PermutationTest(observed, float(permuted.mean()), float(low), float(high), p)


def separation_test(
    distances: NDArray[np.floating], first_size: int, permutations: int, rng: np.random.Generator
) -> PermutationTest:
    """Test whether two groups lie further apart than a random division of their points into groups of the same sizes.

    Parameters
    ----------
    distances : ndarray, shape=(n, n)
        Distances between all points of both groups.
    first_size : int
        Size of the first group, whose points come first; the remaining rows are the second group.
    permutations : int
        Number of random divisions.
    rng : Generator
        Draws the divisions.

    Returns
    -------
    PermutationTest
        Of the mean distance from a point of the first group to the nearest point of the second; one-sided.
    """

    def mean_nearest(order: NDArray[np.intp]) -> float:
        return float(distances[np.ix_(order[:first_size], order[first_size:])].min(axis=1).mean())

    identity = np.arange(len(distances))
    permuted = np.array([mean_nearest(rng.permutation(identity)) for _ in range(permutations)])
    return permutation_test(mean_nearest(identity), permuted)


def sign_flip_test(differences: NDArray[np.float64], permutations: int, rng: np.random.Generator) -> PermutationTest:
    """Test whether the mean of paired differences is zero, by giving each difference a random sign.

    Parameters
    ----------
    differences : ndarray, shape=(n,)
        Value after minus value before, for each item.
    permutations : int
        Number of random sign vectors.
    rng : Generator
        Draws the signs.

    Returns
    -------
    PermutationTest
        Of the mean difference; two-sided.
    """
    n = len(differences)
    batch = max(1, _SIGNS_PER_BATCH // n)
    permuted = [
        (1.0 - 2.0 * rng.integers(0, 2, (min(batch, permutations - start), n), dtype=np.int8)) @ differences / n
        for start in range(0, permutations, batch)
    ]
    return permutation_test(float(differences.mean()), np.concatenate(permuted), two_sided=True)
