"""What distances would be if nothing were behind them: permutation tests, all of them seeded.

p-values are (b + 1) / (n + 1), b of n permutations as extreme as what was found (Phipson & Smyth 2010, Stat. Appl.
Genet. Mol. Biol. 9:39), so that none is 0.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FLIPS_A_BLOCK = 4_000_000  # signs held at a time


@dataclass(frozen=True)
class Permutations:
    """How often things are put together anew, and the seed of it.

    Attributes
    ----------
    count, seed : int
        Permutations of each test; seed of every random choice.
    """

    count: int
    seed: int

    def rng(self, *purpose: str) -> np.random.Generator:
        """Return a generator of its own for each purpose, so that none hangs on what was drawn before."""
        return np.random.default_rng([self.seed, zlib.crc32("\t".join(purpose).encode())])


@dataclass(frozen=True)
class Null:
    """A value beside those of permutations.

    Attributes
    ----------
    observed : float
        What was found.
    mean, low, high : float
        Of the permutations: mean, and the 2.5th and the 97.5th percentile.
    p : float
        How often a permutation is as extreme.
    """

    observed: float
    mean: float
    low: float
    high: float
    p: float


def null_of(observed: float, draws: NDArray[np.float64], *, two_sided: bool = False) -> Null:
    """Set a value beside permutations of it, larger ones (or, two-sided, larger absolute ones) being more extreme."""
    # The same sum in another order differs by its last digits.
    slack = 1e-9 * max(1e-300, float(np.abs(draws).max()))
    extreme = np.abs(draws) >= abs(observed) - slack if two_sided else draws >= observed - slack
    low, high = np.percentile(draws, (2.5, 97.5))
    p = (int(extreme.sum()) + 1) / (len(draws) + 1)
    return Null(observed, float(draws.mean()), float(low), float(high), p)


def separation(distances: NDArray[np.floating], first: int, permutations: int, rng: np.random.Generator) -> Null:
    """Test whether a group lies further from another than parts of both taken together would.

    Parameters
    ----------
    distances : ndarray, shape=(n, n)
        Between all words of both groups.
    first : int
        The first so many rows are of the one group, the others of the other.
    permutations : int
        How often group and word are put together anew.
    rng : Generator
        Draws them.

    Returns
    -------
    Null
        Of the mean distance of a word of the first group to the nearest of the second.
    """

    def mean_nearest(order: NDArray[np.intp]) -> float:
        return float(distances[np.ix_(order[:first], order[first:])].min(axis=1).mean())

    everyone = np.arange(len(distances))
    draws = np.array([mean_nearest(rng.permutation(everyone)) for _ in range(permutations)])
    return null_of(mean_nearest(everyone), draws)


def change(differences: NDArray[np.float64], permutations: int, rng: np.random.Generator) -> Null:
    """Test whether words changed, on average, in one direction: the signs of their differences are drawn anew.

    Parameters
    ----------
    differences : ndarray, shape=(n,)
        For each word, a number after less the same before.
    permutations : int
        How often signs are drawn.
    rng : Generator
        Draws them.

    Returns
    -------
    Null
        Of the mean difference; two-sided.
    """
    n = len(differences)
    block = max(1, _FLIPS_A_BLOCK // n)
    draws = [
        (1.0 - 2.0 * rng.integers(0, 2, (min(block, permutations - at), n), dtype=np.int8)) @ differences / n
        for at in range(0, permutations, block)
    ]
    return null_of(float(differences.mean()), np.concatenate(draws), two_sided=True)
