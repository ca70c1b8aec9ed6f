"""New splits by homology: what is similar, whatever the chain between it, stays in one split."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.audit.checks.leakage import is_class_side
from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.checks.similar import SPACE, clean_for_blast
from bio_paws.audit.clean.rows import Reasons, mark
from bio_paws.audit.near_copies.edits import SHORT
from bio_paws.audit.near_copies.groups import near_copy_groups
from bio_paws.audit.pairs import Pairs, fetch
from bio_paws.search import blast
from bio_paws.search.homologs import DROPPED_EVALUE

SPLITS = ("train", "validation", "test")
SHARES = (0.8, 0.1, 0.1)
"""Part of the rows that each split is to have."""

_GIANT = 0.5  # part of the rows in one component, from which sequences are dealt to splits instead
_HITS = 100  # homologs of a sequence that join its group; what they miss is removed as a leak


def split_by_homology(pairs: Pairs, numbered: Numbered, reasons: Reasons) -> NDArray[np.int64]:
    """Return the split of each row, as its place in `SPLITS`: shape (n,).

    Rows that share similar sequences stay together. Where one chain of them holds more than half of the rows, groups of
    similar sequences are dealt to splits instead, and rows between two splits are marked ``between_splits``.
    """
    rows = np.flatnonzero(reasons == "")
    groups = _groups(pairs, numbered, rows)
    sides = [side for side in (0, 1) if not is_class_side(numbered.canonical[side])] or [0, 1]
    part = np.zeros(len(pairs), dtype=np.int64)
    first, last = groups[sides[0], rows], groups[sides[-1], rows]
    components = _connected(first, last, int(groups.max()) + 1)[first]
    if np.bincount(components).max() <= _GIANT * len(rows):
        part[rows] = _dealt(components)[components]
        return part
    both = np.concatenate([first, last])
    of_group = _dealt(both)
    part[rows] = of_group[first]
    between = np.zeros(len(pairs), dtype=bool)
    between[rows] = of_group[first] != of_group[last]
    mark(reasons, between, "between_splits")
    return part


def _groups(pairs: Pairs, numbered: Numbered, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group of similar sequences of each side: shape (2, n); those of rows that leave are their own."""
    numbers = numbered.canonical
    texts = fetch(pairs, rows)
    edges = [np.empty((0, 2), dtype=np.int64)]
    alphabets = pairs.columns.alphabets
    for aligned_as in dict.fromkeys(alphabet.aligned_as for alphabet in alphabets):
        own: dict[int, str] = {}
        for side in (0, 1):
            if alphabets[side].aligned_as == aligned_as:
                written = (texts.sentence1, texts.sentence2)[side]
                own |= zip(numbers[side, texts.places].tolist(), map(alphabets[side].standard, written), strict=True)
        keys = np.fromiter(own, dtype=np.int64, count=len(own))
        edges.append(keys[_similar(list(own.values()), aligned_as)])
    joined = np.concatenate(edges)
    groups: NDArray[np.int64] = _connected(joined[:, 0], joined[:, 1], int(numbers.max()) + 1)[numbers]
    return groups


def _similar(texts: list[str], alphabet: Alphabet | None) -> NDArray[np.int64]:
    """Return pairs of numbers of similar sequences: near copies, and homologs of long ones: shape (k, 2)."""
    near = near_copy_groups(texts, alphabet)
    founders = np.unique(near, return_index=True)[1]
    edges = np.stack([founders[near], np.arange(len(texts))], axis=1)
    if alphabet is None:
        return edges
    long = [number for number in founders.tolist() if len(texts[number]) > SHORT]
    hits = [*_homologs([texts[number] for number in long], alphabet)]
    homologs = np.array(long, dtype=np.int64)[np.array(hits, dtype=np.int64).reshape(-1, 2)]
    return np.concatenate([edges, homologs])


def _homologs(texts: list[str], alphabet: Alphabet) -> Iterator[tuple[int, int]]:
    if len(texts) < 2:
        return
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        database = Path(folder) / "sequences"
        cleaned = [clean_for_blast(text, alphabet) for text in texts]
        blast.write_database(database, cleaned, alphabet)
        options = ("-evalue", blast.WIDE_EVALUE, "-dbsize", str(SPACE), "-max_hsps", "1")
        hits = blast.search_widely(enumerate(cleaned), database, alphabet, options, max_targets=_HITS)
    columns = (hits[name].to_pylist() for name in ("query", "subject", "evalue"))
    for query, subject, evalue in zip(*columns, strict=True):
        if evalue < DROPPED_EVALUE:
            yield int(query), int(subject)


def _connected(first: NDArray[np.int64], second: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the component of each of `size` numbers."""
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(size, size))
    components: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return components


def _dealt(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Deal groups to splits by their sizes: the largest first, each to the split that lacks most; shape (groups,)."""
    sizes = np.bincount(numbers)
    order = np.random.default_rng(0).permutation(len(sizes))
    split_of = np.zeros(len(sizes), dtype=np.int64)
    lacking = np.array(SHARES) * sizes.sum()
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        split_of[group] = int(np.argmax(lacking))
        lacking[split_of[group]] -= sizes[group]
    return split_of
