"""Which pairs depend on each other: the homology groups of their sides, or the sentences that they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Unit = Literal["homology groups", "shared sentences", "pairs"]
"""What is resampled: homology groups; pairs that share a sentence, together; or, where neither is known, pairs."""

FEW_GROUPS = 30
"""Under so many groups in effect an interval is marked: intervals from few clusters do not hold their level.

Rules of thumb for cluster-robust intervals are from 20 to 50 (Cameron & Miller 2015, J Hum Resour 50:317).
"""


@dataclass(frozen=True, eq=False)
class PairGroups:
    """The groups that the two sides of each pair belong to.

    Attributes
    ----------
    unit : {"homology groups", "shared sentences", "pairs"}
        What a group is. For "pairs" each pair is a group by itself, since nothing better is known.
    names : ndarray, shape=(groups,), dtype=object
        Names of the groups.
    first, second : ndarray, shape=(pairs,), dtype=int64
        Index of the group of either side; equal where both sides are of one group.

    Examples
    --------
    >>> groups = PairGroups.of_names("homology groups", ["g1", "g1", "g2"], ["g1", "g2", "g1"])
    >>> groups.count, round(groups.effective, 1)
    (2, 1.8)
    """

    unit: Unit
    names: NDArray[np.object_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @classmethod
    def of_names(cls, unit: Unit, first: Iterable[str], second: Iterable[str]) -> Self:
        """Number the groups of the first and second sides of pairs by their names."""
        sides = [np.asarray(side, dtype=object) for side in (list(first), list(second))]
        codes, names = pd.factorize(np.concatenate(sides), sort=True)
        return cls(unit, np.asarray(names, dtype=object), *np.split(codes.astype(np.int64), 2))

    @classmethod
    def sharing_sentences(cls, first: Iterable[str | int], second: Iterable[str | int]) -> Self:
        """Group pairs that are connected by sentences that they share; parameters are sentences, or their hashes."""
        sides = [np.asarray(list(side)) for side in (first, second)]
        codes, sentences = pd.factorize(np.concatenate(sides))
        first_codes, second_codes = np.split(codes, 2)
        links = coo_array((np.ones(len(first_codes)), (first_codes, second_codes)), shape=(len(sentences),) * 2)
        component = connected_components(links, directed=False)[1][first_codes]
        numbers, names = pd.factorize(component)
        numbers = numbers.astype(np.int64)
        return cls("shared sentences", np.arange(len(names)).astype(str).astype(object), numbers, numbers)

    @classmethod
    def unknown(cls, pairs: int) -> Self:
        """Take each pair for a group by itself."""
        numbers = np.arange(pairs)
        return cls("pairs", numbers.astype(str).astype(object), numbers, numbers)

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return len(self.first)

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.names)

    @cached_property
    def effective(self) -> float:
        """Number of equal groups that would be as uneven as these: the inverse of the sum of the squared shares.

        Carter AV, Schnepel KT, Steigerwald DG (2017) Asymptotic behavior of a t-test robust to cluster heterogeneity.
        Rev Econ Stat 99:698-709, where clusters depend within alike. A group's share is that of the sides of pairs.
        """
        sides = np.bincount(np.concatenate([self.first, self.second]), minlength=self.count).astype(np.float64)
        return float(sides.sum() ** 2 / (sides**2).sum()) if self.pairs else 0.0

    @property
    def independent(self) -> bool:
        """Whether each pair is a group by itself."""
        return self.count == self.pairs and bool((self.first == self.second).all())

    @property
    def few(self) -> bool:
        """Whether there are too few groups for an interval to be relied on."""
        return self.effective < FEW_GROUPS

    def labels_fixed(self, labels: NDArray[np.int8]) -> bool:
        """Whether the builder fixes how many pairs carry either label, so that no resample may change it.

        It makes as many of the one as of the other. In a part of a config, as ``--limit`` takes it, their numbers are
        chance. Of pairs of one label alone there is nothing to fix.

        Parameters
        ----------
        labels : ndarray, shape=(pairs,)
            The truth.

        Examples
        --------
        >>> groups = PairGroups.of_names("homology groups", ["g1", "g1", "g2"], ["g1", "g2", "g1"])
        >>> groups.labels_fixed(np.array([1, 0, 0])), groups.take(slice(2)).labels_fixed(np.array([1, 0]))
        (False, True)
        """
        counts = np.unique(labels, return_counts=True)[1]
        return self.unit == "homology groups" and len(set(counts.tolist())) <= 1

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Self:
        """Return the groups of some of the pairs, without groups that none of them is of."""
        first, second = self.first[rows], self.second[rows]
        kept, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
        return type(self)(self.unit, self.names[kept], *np.split(codes.astype(np.int64), 2))
