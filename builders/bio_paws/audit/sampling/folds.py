"""Which pairs a baseline is fitted on, and which it is asked about: never about a sequence it has seen.

Where the set has a train split and another, it is fitted on the one and asked about the other. Else by grouped
cross-validation: pairs that share sequences, whatever the chain between them, stay in one fold. Where one chain holds
more than half of the sample that leaves one fold, so sequences are dealt to folds instead: asked are the pairs with
both sequences in a fold, fitted on are those with neither, and the pairs between are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.pairs import Pairs

SAMPLE_ROWS = 10_000
"""Pairs that baselines are measured on, and as many that they are fitted on."""

_FOLDS = 5
_DEALT_FOLDS = 3  # more would leave too few pairs with both sequences in one fold
_GIANT = 0.5  # part of the sample in one component from which folds of components are no folds
_SEED = 0

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Places in the sample: fitted on, asked."""


@dataclass(frozen=True)
class Design:
    """How baselines are measured.

    Attributes
    ----------
    sample : ndarray, shape=(k,)
        Places of the pairs that are looked at, ascending.
    folds : tuple of Fold
        Each fold, as places in `sample`.
    clusters : ndarray, shape=(n,)
        Cluster of each pair of the whole set, for intervals.
    how : str
        The way, in words.
    """

    sample: NDArray[np.int64]
    folds: tuple[Fold, ...]
    clusters: NDArray[np.int64]
    how: str


def design(pairs: Pairs, numbered: Numbered) -> Design:
    """Choose sample and folds; the same pairs give the same ones."""
    rng = np.random.default_rng(_SEED)
    components = _components(numbered.canonical)
    sizes = np.bincount(components)
    # A component larger than half the sample would be the sample.
    giant = sizes.max() > _GIANT * min(len(pairs), SAMPLE_ROWS)
    # Rows of one component are one observation; where that is nearly all, those of one first sequence are.
    clusters = numbered.canonical[0] if giant else components
    given = _given(pairs, numbered.canonical, rng)
    if given is not None:
        fitted, asked, how = given
        sample = np.sort(np.concatenate([fitted, asked]))
        fold = np.searchsorted(sample, fitted), np.searchsorted(sample, asked)
        return Design(sample, (fold,), clusters, how)
    if giant:
        sample = np.sort(rng.permutation(len(pairs))[:SAMPLE_ROWS])
        folds = _dealt(numbered.canonical[:, sample], rng)
        share = sizes.max() / len(pairs)
        how = f"{_DEALT_FOLDS} folds of sequences, pairs between folds left out: one chain of shared sequences "
        how += f"holds {share:.0%} of the pairs"
    else:
        sample = _whole_components(components, sizes, rng)
        folds = _grouped(components[sample], rng)
        how = f"{_FOLDS}-fold cross-validation, pairs that share sequences in one fold"
    folds = tuple(fold for fold in folds if _usable(fold, pairs.labels[sample]))
    if len(pairs) > len(sample):
        how += f"; {len(sample):,} of {len(pairs):,} pairs"
    return Design(sample, folds, clusters, how)


def _components(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join pairs that share a sequence: the number of each pair's component."""
    top = int(numbers.max()) + 1
    graph = coo_array((np.ones(numbers.shape[1], dtype=np.int8), (numbers[0], numbers[1])), shape=(top, top))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)[numbers[0]]
    return found


def _given(
    pairs: Pairs, numbers: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], str] | None:
    """Take the train split and the test split, or the last one there is; None where one of them is of no use."""
    if "train" not in pairs.splits or len(pairs.splits) < 2:
        return None
    late = pairs.splits.index("test") if "test" in pairs.splits else len(pairs.splits) - 1
    train, asked = (np.flatnonzero(pairs.part == part) for part in (pairs.splits.index("train"), late))
    seen = np.zeros(int(numbers.max()) + 1, dtype=bool)
    seen[numbers[:, asked].ravel()] = True
    fitted = train[~seen[numbers[:, train]].any(axis=0)]
    if not _usable((fitted, asked), pairs.labels):
        return None
    how = f"fitted on train, measured on {pairs.splits[late]}"
    if len(fitted) < len(train):
        how += f"; {len(train) - len(fitted):,} train pairs that share a sequence with it left out"
    sizes = len(fitted), len(asked)
    fitted, asked = (one if len(one) <= SAMPLE_ROWS else rng.permutation(one)[:SAMPLE_ROWS] for one in (fitted, asked))
    if sum(sizes) > len(fitted) + len(asked):
        how += f"; {len(fitted):,} of {sizes[0]:,} and {len(asked):,} of {sizes[1]:,} pairs"
    return fitted, asked, how


def _usable(fold: Fold, labels: NDArray[np.int8]) -> bool:
    """Whether both labels occur on both sides."""
    fitted, asked = (np.bincount(labels[one], minlength=2) for one in fold)
    return bool(fitted.min() >= 5 and asked.min() >= 1)


def _whole_components(
    components: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Sample whole components, so that what is matched within them stays matched."""
    order = rng.permutation(len(sizes))
    # The last one goes past the mark: one row is always taken.
    taken = order[: int(np.searchsorted(np.cumsum(sizes[order]), SAMPLE_ROWS)) + 1]
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[taken] = True
    return np.flatnonzero(chosen[components])


def _grouped(components: NDArray[np.int64], rng: np.random.Generator) -> tuple[Fold, ...]:
    """Deal components to folds, the largest first, each to the smallest fold."""
    _, numbers, sizes = np.unique(components, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of, filled = np.zeros(len(sizes), dtype=np.int64), np.zeros(_FOLDS, dtype=np.int64)
    for one in order.tolist():
        fold_of[one] = int(np.argmin(filled))
        filled[fold_of[one]] += sizes[one]
    folds = fold_of[numbers]
    return tuple((np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(_FOLDS))


def _dealt(numbers: NDArray[np.int64], rng: np.random.Generator) -> tuple[Fold, ...]:
    """Deal sequences to folds."""
    fold_of = rng.integers(0, _DEALT_FOLDS, int(numbers.max()) + 1)[numbers]
    return tuple(
        (np.flatnonzero((fold_of != fold).all(axis=0)), np.flatnonzero((fold_of == fold).all(axis=0)))
        for fold in range(_DEALT_FOLDS)
    )
