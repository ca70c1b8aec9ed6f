"""Which pairs a baseline is fitted on, and which it predicts: never a sequence, or a near copy, that it was fitted on.

Where the set has a train split and another, it is fitted on the one and predicts the other; where it has folds, each is
predicted from the others. Else by grouped
cross-validation: pairs that share sequences or near copies, whatever the chain between them, stay in one fold. Where
one chain holds more than half of the sample that leaves one fold, so sequences are dealt to folds instead: predicted
are the pairs with both sequences in a fold, fitted on are those with neither, and the pairs between are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.near_copies.groups import near_copy_groups
from bio_paws.audit.pairs import Pairs, Texts, fetch

SAMPLE_ROWS = 10_000
"""Pairs that baselines are measured on, and as many that they are fitted on."""

_FOLDS = 5
_DEALT_FOLDS = 3  # more would leave too few pairs with both sequences in one fold
_GIANT = 0.5  # part of the sample in one component from which folds of components are no folds
_SEED = 0

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Places in the sample: fitted on, predicted."""


@dataclass(frozen=True)
class Design:
    """How baselines are measured.

    Attributes
    ----------
    sample : ndarray, shape=(k,)
        Places of the pairs that are looked at, ascending.
    texts : Texts
        Their sides, in standard spelling.
    groups : ndarray, shape=(2, k)
        The group of near copies that each of their sequences is in.
    folds : tuple of Fold
        Each fold, as places in `sample`.
    clusters : ndarray, shape=(n,)
        Cluster of each pair of the whole set, for intervals.
    how : str
        The way, in words.
    """

    sample: NDArray[np.int64]
    texts: Texts
    groups: NDArray[np.int64]
    folds: tuple[Fold, ...]
    clusters: NDArray[np.int64]
    how: str


def clusters_of(numbered: Numbered) -> NDArray[np.int64]:
    """Return the cluster of each pair, for intervals: rows that share sequences, whatever the chain, are one.

    Where one chain holds nearly all, rows of one first sequence are.
    """
    components = _components(numbered.canonical)
    return _clusters(numbered, components, np.bincount(components))


def _clusters(numbered: Numbered, components: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return numbered.canonical[0] if _is_giant(sizes) else components


def _is_giant(sizes: NDArray[np.int64]) -> bool:
    """Whether a component is larger than half the sample, which would then be the sample."""
    return bool(sizes.max() > _GIANT * min(int(sizes.sum()), SAMPLE_ROWS))


def design(pairs: Pairs, numbered: Numbered) -> Design:
    """Choose sample and folds; the same pairs give the same ones."""
    rng = np.random.default_rng(_SEED)
    components = _components(numbered.canonical)
    sizes = np.bincount(components)
    giant = _is_giant(sizes)
    clusters = _clusters(numbered, components, sizes)
    given = _given(pairs, numbered.canonical, rng)
    if given is not None:
        fitted, predicted, how = given
        sample = np.sort(np.concatenate([fitted, predicted]))
        texts, groups = _read(pairs, numbered, sample)
        fit, predict = np.searchsorted(sample, fitted), np.searchsorted(sample, predicted)
        near = np.isin(groups[:, fit], groups[:, predict]).any(axis=0)
        if _usable((fit[~near], predict), pairs.labels[sample]):
            if near.any():
                how += f"; {int(near.sum()):,} train pairs with a near copy of a sequence in it left out"
            return Design(sample, texts, groups, ((fit[~near], predict),), clusters, how)
    if pairs.data.folds:
        sample = np.sort(rng.permutation(len(pairs))[:SAMPLE_ROWS])
        texts, groups = _read(pairs, numbered, sample)
        folds, how = _given_folds(groups, pairs.part[sample], pairs.labels[sample])
        if folds:
            return Design(sample, texts, groups, folds, clusters, how)
    sample = np.sort(rng.permutation(len(pairs))[:SAMPLE_ROWS]) if giant else _whole_components(components, sizes, rng)
    texts, groups = _read(pairs, numbered, sample)
    chained = _components(groups)
    largest = np.bincount(chained).max() / len(sample)
    if giant or largest > _GIANT:
        folds = _dealt(groups, rng)
        how = f"{_DEALT_FOLDS} folds of sequences, pairs between folds left out: one chain of shared sequences "
        how += f"or near copies holds {max(largest, sizes.max() / len(pairs)):.0%} of the pairs"
    else:
        folds = _grouped(chained, rng)
        how = f"{_FOLDS}-fold cross-validation, pairs that share sequences or near copies in one fold"
    folds = tuple(fold for fold in folds if _usable(fold, pairs.labels[sample]))
    if len(pairs) > len(sample):
        how += f"; {len(sample):,} of {len(pairs):,} pairs"
    return Design(sample, texts, groups, folds, clusters, how)


def _read(pairs: Pairs, numbered: Numbered, sample: NDArray[np.int64]) -> tuple[Texts, NDArray[np.int64]]:
    """Read the sampled pairs, and group their sequences by near copies."""
    written = fetch(pairs, sample)
    alphabets = pairs.columns.alphabets
    sides = [
        [alphabet.standard(text) for text in side]
        for side, alphabet in zip((written.sentence1, written.sentence2), alphabets, strict=True)
    ]
    texts = Texts(written.places, sides[0], sides[1], written.ids)
    groups = numbered.canonical[:, sample].copy()
    for aligned_as in dict.fromkeys(alphabet.aligned_as for alphabet in alphabets):
        own = [side for side in (0, 1) if alphabets[side].aligned_as == aligned_as]
        numbers, first, inverse = np.unique(groups[own].ravel(), return_index=True, return_inverse=True)
        unique = [sides[own[at // len(sample)]][at % len(sample)] for at in first.tolist()]
        if any(alphabets[side].both_strands for side in own):
            unique = [min(text, reverse_complement(text)) for text in unique]
        # A group is called by the number of one of its sequences, so that those of other sides keep theirs.
        near = near_copy_groups(unique, aligned_as)
        names = numbers[np.unique(near, return_index=True)[1]]
        groups[own] = names[near][inverse].reshape(len(own), -1)
    return texts, groups


def _components(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join pairs that share a sequence: the number of each pair's component."""
    top = int(numbers.max()) + 1
    graph = coo_array((np.ones(numbers.shape[1], dtype=np.int8), (numbers[0], numbers[1])), shape=(top, top))
    components: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)[numbers[0]]
    return components


def _given(
    pairs: Pairs, numbers: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], str] | None:
    """Take the train split and the test split, or the last one there is; None where one of them is of no use."""
    if "train" not in pairs.splits or len(pairs.splits) < 2:
        return None
    late = pairs.splits.index("test") if "test" in pairs.splits else len(pairs.splits) - 1
    train, predicted = (np.flatnonzero(pairs.part == part) for part in (pairs.splits.index("train"), late))
    late_sequences = np.zeros(int(numbers.max()) + 1, dtype=bool)
    late_sequences[numbers[:, predicted].ravel()] = True
    fitted = train[~late_sequences[numbers[:, train]].any(axis=0)]
    if not _usable((fitted, predicted), pairs.labels):
        return None
    how = f"fitted on train, measured on {pairs.splits[late]}"
    if len(fitted) < len(train):
        how += f"; {len(train) - len(fitted):,} train pairs that share a sequence with it left out"
    sizes = len(fitted), len(predicted)
    fitted, predicted = (
        rows if len(rows) <= SAMPLE_ROWS else rng.permutation(rows)[:SAMPLE_ROWS] for rows in (fitted, predicted)
    )
    if sum(sizes) > len(fitted) + len(predicted):
        how += f"; {len(fitted):,} of {sizes[0]:,} and {len(predicted):,} of {sizes[1]:,} pairs"
    return fitted, predicted, how


def _given_folds(
    groups: NDArray[np.int64], parts: NDArray[np.int8], labels: NDArray[np.int8]
) -> tuple[tuple[Fold, ...], str]:
    """Return the given folds of a sample as far as they are of use, and how they are used, in words.

    Parameters
    ----------
    groups : ndarray, shape=(2, k)
        The group of near copies of each sequence.
    parts, labels : ndarray, shape=(k,)
        The given fold and the label of each pair.
    """
    folds = []
    left_out = 0
    for part in np.unique(parts):
        predicted, others = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        near = np.isin(groups[:, others], groups[:, predicted]).any(axis=0)
        if _usable((others[~near], predicted), labels):
            folds.append((others[~near], predicted))
            left_out += int(near.sum())
    how = f"{len(folds)} given folds, each predicted from the others"
    if left_out:
        how += f"; {left_out:,} times a pair with a near copy of a sequence of the predicted fold left out"
    return tuple(folds), how


def _usable(fold: Fold, labels: NDArray[np.int8]) -> bool:
    """Whether both labels occur on both sides."""
    fitted, predicted = (np.bincount(labels[rows], minlength=2) for rows in fold)
    return bool(fitted.min() >= 5 and predicted.min() >= 1)


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
    for component in order.tolist():
        fold_of[component] = int(np.argmin(filled))
        filled[fold_of[component]] += sizes[component]
    folds = fold_of[numbers]
    return tuple((np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(_FOLDS))


def _dealt(numbers: NDArray[np.int64], rng: np.random.Generator) -> tuple[Fold, ...]:
    """Deal sequences to folds."""
    fold_of = rng.integers(0, _DEALT_FOLDS, int(numbers.max()) + 1)[numbers]
    return tuple(
        (np.flatnonzero((fold_of != fold).all(axis=0)), np.flatnonzero((fold_of == fold).all(axis=0)))
        for fold in range(_DEALT_FOLDS)
    )
