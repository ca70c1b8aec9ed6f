"""Splits: whole homology groups assigned to train, validation and test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_paws.build.seeding import seeded
from bio_paws.build.segments import Ints
from bio_paws.configs import SPLIT_SHARES, SPLITS
from bio_paws.features.breadth import BOUNDED_SPLITS, BROAD

LARGEST_HELD_OUT = BROAD.max_group * float(SPLIT_SHARES[SPLITS.index("test")])
"""Largest share of the source's bp that a group of validation or test holds, where smaller groups suffice."""
GROUPS_PER_PAIRED = 2
"""Groups of several segments that a split must have for each that its pairs come from: not every group gives pairs."""


def choose_held_out(bases: NDArray[Any], segments: Ints) -> float | None:
    """Choose how large a group of validation or test may be.

    Parameters
    ----------
    bases : ndarray, shape (groups,), float64
        bp of each group.
    segments : ndarray, shape (groups,), int64
        Segments of each group.

    Returns
    -------
    float or None
        `LARGEST_HELD_OUT`, as a share of all bp, where the groups up to it hold as much as both splits do, and enough
        of them several segments, as similar pairs need: `GROUPS_PER_PAIRED` for each of a broad split's groups. Else
        None: the source is too small for broad splits.
    """
    small = bases <= LARGEST_HELD_OUT * bases.sum()
    held_out = float(sum(SPLIT_SHARES[SPLITS.index(split)] for split in BOUNDED_SPLITS))
    share = float(bases[small].sum() / max(bases.sum(), 1))
    wanted = GROUPS_PER_PAIRED * len(BOUNDED_SPLITS) * BROAD.min_groups
    several = int((small & (segments > 1)).sum())
    return LARGEST_HELD_OUT if share >= held_out and several * held_out / share >= wanted else None


def assign_splits(
    resources: NDArray[np.float64],
    seed: int,
    *,
    largest_first: bool = False,
    in_train: NDArray[np.bool_] | None = None,
    in_test: NDArray[np.bool_] | None = None,
) -> Ints:
    """Assign groups to splits so that every resource is divided by `SPLIT_SHARES`.

    Groups are taken in random order, and each is assigned to the split that lacks most of what the group holds.

    Parameters
    ----------
    resources : ndarray, shape (groups, resources)
        How much of each resource (bp or aa of an organism) a group holds.
    seed : int
        Seed of the build, which decides the order.
    largest_first : bool
        Take large groups before small ones, equally large ones in random order: where a single group exceeds the share
        of a split, a large one that came late would go to validation or test.
    in_train, in_test : ndarray, shape (groups,), bool, optional
        Groups that are assigned to a split whatever they hold; the others fill what is left of each. A group in both
        is in test.

    Returns
    -------
    ndarray, shape (groups,), int64
        Index into `SPLITS`.

    References
    ----------
    The greedy rule follows iterative stratification: Sechidis K et al. (2011) ECML PKDD, LNCS 6913:145-158.
    """
    shares = np.array([float(share) for share in SPLIT_SHARES])[:, None]
    portion = resources / np.maximum(resources.sum(axis=0), 1)
    filled = np.zeros((len(SPLITS), resources.shape[1]))
    split = np.zeros(len(resources), dtype=np.int64)
    order = seeded(seed, "splits").permutation(len(resources))
    if largest_first:
        order = order[np.argsort(-portion.sum(axis=1)[order], kind="stable")]
    free = np.ones(len(resources), dtype=bool)
    for name, fixed in (("test", in_test), ("train", in_train)):
        if fixed is not None:
            split[fixed & free] = SPLITS.index(name)
            filled[SPLITS.index(name)] = portion[fixed & free].sum(axis=0)
            free &= ~fixed
    order = order[free[order]]
    for group in order:
        missing = (shares - filled) / shares
        split[group] = int(np.argmax(missing @ portion[group]))
        filled[split[group]] += portion[group]
    return split
