"""Dissimilar pairs of remote homologs, mined so that the k-mers of two sequences tell the label as little as can be.

Remote homologs share few k-mers, but more than unrelated sequences do: if they exchanged partners at random, 3-mers
would tell the label. So exchanges of any two candidates are compared, each candidate turned either way, whose second
members are of one organism and one length and nearly of one composition. Those come first whose dissimilar pairs have
as many k-mers in common as the similar pairs that they are made of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bio_paws.build.candidates import Candidates
from bio_paws.build.segments import Ints
from bio_paws.configs import MAX_OVERLAP_DIFFERENCE, OVERLAP_KMERS
from bio_paws.features.kmers import kmer_similarity
from bio_paws.features.pair_features import composition_differences

COMPOSITION = 2
"""How far apart the compositions of exchanged members may be."""
PARTNERS, EXCHANGES = 64, 600_000
"""Exchanges that are compared, at most: for each candidate turned one way, and in all."""
LONGEST = max(OVERLAP_KMERS)
"""k-mers of 1 to so many residues are compared: what is as alike in these is so in longer ones."""
OVERSHOOT = 0.3
"""Cost of a dissimilar pair that has more in common than the similar ones, where as much less costs 1: most have less,
so that a few that have more bring the labels nearer to each other."""
_EXCHANGES_AT_ONCE = 50_000  # compared: some 100 MB

_OTHER_SIDE = {"1": "2", "2": "1"}


def both_ways(candidates: Candidates, compositions1: Ints) -> Candidates:
    """Return every candidate twice: as it is, and behind all of them with its sides swapped.

    Parameters
    ----------
    candidates : Candidates
        Of one split.
    compositions1 : ndarray, shape (candidates,), int64
        Of the first sides what ``composition2`` is of the second ones.
    """
    names = dict(candidates.names)
    columns = dict(candidates.columns)
    for column in ("source", "strand"):
        either = tuple(dict.fromkeys((*names[f"{column}1"], *names[f"{column}2"])))
        number = {name: code for code, name in enumerate(either)}
        for side in (f"{column}1", f"{column}2"):
            codes = np.array([number[name] for name in names[side]], dtype=np.int32)
            columns[side], names[side] = codes[columns[side]], either
    columns["composition1"] = compositions1
    joined = {
        name: np.concatenate([columns[name], columns[name[:-1] + _OTHER_SIDE.get(name[-1], name[-1])]])
        for name in candidates.columns
    }
    return Candidates(joined, names)


def exchanges(candidates: Candidates, organisms2: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return which candidates may exchange their second members.

    Parameters
    ----------
    candidates : Candidates
        Of one split.
    organisms2 : ndarray, shape (candidates,), int64
        Number of the organism of each second member.
    rng : numpy.random.Generator
        Chooses where a candidate has more than `PARTNERS`, or its part of `EXCHANGES`.

    Returns
    -------
    ndarray, ndarray, shape (exchanges,), int64
        Numbers of two candidates of different homology groups, whose second members are of one organism and length, and
        within `COMPOSITION` of each other. Each two candidates are there at most once.
    """
    columns = candidates.columns
    length = (columns["end2"] - columns["start2"]).astype(np.int64)
    composition = columns["composition2"].astype(np.int64)
    # One number for organism, length and composition, with room for what is a little richer.
    width, height = int(composition.max(initial=0)) + COMPOSITION + 1, int(length.max(initial=0)) + 1
    key = (organisms2 * height + length) * width + composition
    order = np.lexsort((rng.permutation(len(key)), key))
    ordered, place = key[order], np.empty(len(key), dtype=np.int64)
    place[order] = np.arange(len(key))
    # Of two compositions the poorer one looks for the richer one, and of equal keys the first for those behind it: each
    # two candidates meet once.
    richer = [key + step for step in range(COMPOSITION + 1)]
    low = np.stack([place + 1, *(np.searchsorted(ordered, keys, "left") for keys in richer[1:])])
    high = np.stack([np.searchsorted(ordered, keys, "right") for keys in richer])
    behind = np.cumsum(np.concatenate([np.zeros((1, len(key)), dtype=np.int64), high - low]), axis=0)
    partners = np.minimum(behind[-1], min(PARTNERS, EXCHANGES // max(len(key), 1) + 1))
    first = np.repeat(np.arange(len(key)), partners)
    nth = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    # Evenly spread over all partners, from a random beginning.
    at = ((nth + rng.random(len(key))[first]) * (behind[-1] / np.maximum(partners, 1))[first]).astype(np.int64)
    step = (behind[1:, first] <= at).sum(axis=0)
    second = order[low[step, first] + at - behind[step, first]]
    apart = columns["group"][first] != columns["group"][second]
    return first[apart], second[apart]


def matched_by_kmers(
    candidates: Candidates, texts1: list[str], texts2: list[str], organisms2: Ints, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Return exchanges, first those whose dissimilar pairs are most like the similar ones in all but the alignment.

    Parameters
    ----------
    candidates : Candidates
        Of one split.
    texts1, texts2 : list of str, length n
        Their sequences.
    organisms2 : ndarray, shape (candidates,), int64
        Number of the organism of each second member.
    rng : numpy.random.Generator
        As for `exchanges`.

    Returns
    -------
    list of int, list of int
        Numbers of the two candidates of each. In a quartet all similar pairs are within `MAX_OVERLAP_DIFFERENCE` of all
        dissimilar ones, by the overlap of their `OVERLAP_KMERS`.
    """
    firsts, seconds = exchanges(candidates, organisms2, rng)
    if not len(firsts):
        return [], []
    own = _measured(texts1, texts2)
    spread = np.maximum(own.std(axis=1, keepdims=True), 1e-9)
    kept: list[tuple[NDArray[np.float64], Ints, Ints]] = []
    for at in range(0, len(firsts), _EXCHANGES_AT_ONCE):
        first, second = firsts[at : at + _EXCHANGES_AT_ONCE], seconds[at : at + _EXCHANGES_AT_ONCE]
        pairs = (first, second), (second, first)
        similar = np.stack([own[:, first], own[:, second]])
        dissimilar = np.stack([_measured([texts1[i] for i in a], [texts2[i] for i in b]) for a, b in pairs])
        most, least = (np.maximum(*similar), np.maximum(*dissimilar)), (np.minimum(*similar), np.minimum(*dissimilar))
        furthest = np.maximum(most[0] - least[1], most[1] - least[0])
        close = (furthest[[k - 1 for k in OVERLAP_KMERS]] <= MAX_OVERLAP_DIFFERENCE).all(axis=0)
        excess = (similar - dissimilar) / spread
        cost = np.maximum(excess, -OVERSHOOT * excess).sum(axis=(0, 1))
        cost += abs(excess[:, 2 * LONGEST :]).sum(axis=(0, 1))  # a difference in composition tells either way
        kept.append((cost[close], first[close], second[close]))
    cost, first, second = (np.concatenate(arrays) for arrays in zip(*kept, strict=True))
    order = np.argsort(cost, kind="stable")
    return first[order].tolist(), second[order].tolist()


def _measured(first: list[str], second: list[str]) -> NDArray[np.float64]:
    """Return what tells of pairs without an alignment: shape (2 * LONGEST + 1, pairs).

    The overlap of their k-mers for k = 1 .., the cosine of their counts, and how they differ in composition.
    """
    kmers = kmer_similarity(first, second, LONGEST)
    return np.concatenate([*kmers, composition_differences(first, second, "protein")[None]])
