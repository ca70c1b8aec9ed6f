"""Groups of sequences that are near copies of each other, whatever the chain between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.audit.near_copies.edits import SHORT, EditIndex
from bio_paws.audit.near_copies.sketches import linked
from bio_paws.audit.near_copies.texts import TextIndex


def near_copy_groups(texts: Sequence[str], alphabet: Alphabet | None) -> NDArray[np.int64]:
    """Number the groups of near copies: shape (n,).

    Parameters
    ----------
    texts : sequence of str, length n
        Sequences in standard spelling, each once.
    alphabet : {"dna", "protein"} or None
        What they are written in; None for text, and SMILES.

    Examples
    --------
    >>> groups = near_copy_groups(["CASSLGQAYEQYF", "CASSLGQGYEQYF", "CASRTDRGNTGELF"], "protein")
    >>> bool(groups[0] == groups[1] != groups[2])
    True
    """
    near = TextIndex(texts).pairs() if alphabet is None else chain(_short(texts, alphabet), _long(texts, alphabet))
    edges = np.array([*near], dtype=np.int64).reshape(-1, 2)
    ones = np.ones(len(edges), dtype=np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(len(texts), len(texts)))
    groups: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def _short(texts: Sequence[str], alphabet: Alphabet) -> Iterator[tuple[int, int]]:
    places = [number for number, text in enumerate(texts) if len(text) <= SHORT]
    index = EditIndex((texts[place] for place in places), alphabet)
    for number, place in enumerate(places):
        yield from ((place, places[near]) for near in index.near(texts[place]) if near != number)


def _long(texts: Sequence[str], alphabet: Alphabet) -> Iterator[tuple[int, int]]:
    places = [number for number, text in enumerate(texts) if len(text) > SHORT]
    for founder, member in linked([texts[place] for place in places], alphabet):
        yield places[founder], places[member]
