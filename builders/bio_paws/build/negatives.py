"""Dissimilar pairs, matched to the similar ones, so that nothing but the relation of the two sides tells the label.

Two similar pairs (a, b) and (c, d) of the same split and organisms, from different homology groups, make a *quartet*:
their second members change places, giving the dissimilar pairs (a, d) and (c, b). So each string stands equally often
under both labels, on the same side; and since b and d have the same length and the same composition, to a letter or
the nearest there is, each dissimilar pair also copies the length difference and the composition difference of the
similar one. Of remote homologs the dissimilar pairs copy the k-mers in common, too (`mining`).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from itertools import islice, product
from math import ceil
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import Alignments
from bio_paws.build import mining
from bio_paws.build.candidates import Candidates
from bio_paws.build.pair_filter import PairFilter
from bio_paws.configs import PairConfig, PairType
from bio_paws.features.pair_features import composition

Leaks = Callable[[list[str]], set[str]]

Content = TypeVar("Content")


class Quartet(NamedTuple, Generic[Content]):
    """Two similar rows and the two dissimilar ones made of them, in little space.

    Attributes
    ----------
    kinds, tiles : (str, str), (int, int)
        Of the two similar rows.
    keys : tuple of int
        `unordered` of each row.
    content : object
        What the rows are made of.
    """

    kinds: tuple[PairType, PairType]
    tiles: tuple[int, int]
    keys: tuple[int, ...]
    content: Content


Exchange = tuple[int, ...]
"""Two candidates that exchange their second members, by their numbers; then score, matches and columns of the first
one with the second member of the other, and of the other one with the second member of the first."""

TOLERANCES: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (0, 2), (1, 2), (1, 3))
"""How far apart the lengths and the compositions of exchanged members may be, closest first. Looser ones would give
more pairs, but also give the label away."""

GROUP_SHARES = (1.25, 2.5, 5.0, math.inf)
"""How many times its even share of a split's pairs a homology group may give, tried in this order."""

SIDES = ("sentence1", "sentence2")
_OTHER_SIDE = {"1": "2", "2": "1"}

BATCH_SPARE = 1.15
"""Quartets tried for each that is still missing: some fall to the search across splits."""

_QUARTETS_PER_BATCH = 2_000
"""Quartets that are there as rows at one time."""
_QUARTETS_PER_SEARCH = 30_000
"""Quartets whose strings are searched for at one time."""


def make_quartets(
    config: PairConfig,
    candidates: Candidates,
    pair_filter: PairFilter,
    pairs: int,
    rng: np.random.Generator,
    pair_keys: set[int],
    leaks: Leaks | None,
) -> tuple[Iterator[pa.Table], Counter[str]]:
    """Choose similar pairs of one split together with their dissimilar ones.

    Parameters
    ----------
    config : PairConfig
        Kinds and shares.
    candidates : Candidates
        Candidates of the split.
    pair_filter : PairFilter
        Judges the dissimilar pairs.
    pairs : int
        Similar pairs wanted.
    rng : numpy.random.Generator
        Decides which candidates are chosen, and which quartets swap their sides.
    pair_keys : set of int
        Pairs already in the config, by `unordered`; those chosen here are added.
    leaks : callable or None
        Returns those of some strings that have a homolog in another split; None where there is no other to look in.

    Returns
    -------
    iterator of pyarrow.Table
        Schema `UNLABELED_SCHEMA`, four rows a quartet: two similar ones, and the two dissimilar ones made of them.
    Counter
        Quartets and candidates by outcome.
    """
    wanted = config.similar_quotas(pairs)
    if config.remote:
        texts1 = pair_filter.texts(candidates.intervals(np.arange(len(candidates)), 1))
        compositions1 = np.array([composition(text, pair_filter.alphabet) for text in texts1], dtype=np.int64)
        candidates = mining.both_ways(candidates, compositions1)
    rows_of = partial(_rows_of, candidates, pair_filter)
    if config.graded and leaks:
        leaks = _remembering(leaks)
    while True:
        choice = _fill(candidates, pair_filter, Choice(wanted, deepcopy(rng), set(pair_keys), leaks, rows_of))
        taken = {kind: count - choice.missing[kind] for kind, count in wanted.items()}
        fewest = min((count for count in taken.values() if count), default=0)
        if not config.graded or set(taken.values()) <= {0, fewest}:
            break
        # Bands are equally filled: what the scarcest one gives is all that is wanted of the others.
        wanted = {kind: fewest if count else 0 for kind, count in taken.items()}
    pair_keys |= choice.pair_keys
    return choice.finish(config.similar_quotas(pairs))


def _remembering(leaks: Leaks) -> Leaks:
    """Return a function that searches each string once."""
    leaking: dict[str, bool] = {}

    def leaking_texts(texts: list[str]) -> set[str]:
        unknown = [text for text in texts if text not in leaking]
        hits = leaks(unknown)
        leaking.update((text, text in hits) for text in unknown)
        return {text for text in texts if leaking[text]}

    return leaking_texts


def _fill(candidates: Candidates, pair_filter: PairFilter, choice: Choice[Exchange]) -> Choice[Exchange]:
    """Take in quartets of matching candidates, as many as are wanted."""
    if pair_filter.config.remote:
        mined = _mined(candidates, pair_filter, choice)
        choice.fill(partial(_propose, candidates, pair_filter, choice, mined), partial(choice.left, False))
        return choice
    organisms = _organisms(candidates, pair_filter)
    # Two identical pairs exchanged would give (a, c) and (c, a), one pair twice: each goes with another kind first.
    for identical in (1, 0):
        matched = _matched(candidates, organisms, identical, choice)
        choice.fill(partial(_propose, candidates, pair_filter, choice, matched), partial(choice.left, bool(identical)))
    return choice


def _propose(
    candidates: Candidates,
    pair_filter: PairFilter,
    choice: Choice[Exchange],
    matched: Iterator[tuple[int, int]],
    count: int,
) -> list[Quartet[Exchange]]:
    """Make so many quartets of matching candidates, or fewer where there are no more."""
    quartets: list[Quartet[Exchange]] = []
    while pairs := list(islice(matched, min(count - len(quartets), _QUARTETS_PER_BATCH))):
        quartets += _quartets(candidates, pair_filter, pairs, choice)
    return quartets


class Choice(Generic[Content]):
    """The quartets chosen for one split: as many similar pairs of each kind as are wanted, and no leak among them.

    Attributes
    ----------
    missing : dict of kind to int
        Similar pairs still wanted.
    rng : numpy.random.Generator
        Decides the order of candidates, and which quartets swap their sides.
    pair_keys : set of int
        Pairs already in the config, by `unordered`.
    used : set of int
        Slots of the quartets that were proposed, but for those that are free again.
    outcomes : Counter
        Quartets and candidates by outcome.
    """

    def __init__(
        self,
        wanted: dict[PairType, int],
        rng: np.random.Generator,
        pair_keys: set[int],
        leaks: Leaks | None,
        rows_of: Callable[[Sequence[Content]], pa.Table],
    ) -> None:
        self.missing = dict(wanted)
        self.rng = rng
        self.pair_keys = pair_keys
        self.outcomes: Counter[str] = Counter()
        self._leaks = leaks
        self._rows_of = rows_of
        self.used: set[int] = set()
        self._chosen: list[tuple[Content, bool]] = []
        self._taken: Counter[PairType] = Counter()

    def left(self, identical: bool) -> int:
        """How many quartets are still wanted: those with an identical pair, or all."""
        return self.missing.get("identical", 0) if identical else sum(self.missing.values()) // 2

    def fill(self, propose: Callable[[int], list[Quartet[Content]]], left: Callable[[], int]) -> None:
        """Take in quartets until none is `left` to be wanted, or there are no more; those that leak are passed over."""
        while batch := propose(ceil(left() * BATCH_SPARE)):
            for quartet, clean in zip(batch, self._clean(batch), strict=True):
                if not all(clean):
                    self.outcomes["homolog_in_other_split"] += 2 - sum(clean)
                    # What is clean is free for another partner.
                    self.used.difference_update(tile for tile, free in zip(quartet.tiles, clean, strict=True) if free)
                elif self._wanted(quartet) and _add(quartet.keys, self.pair_keys):
                    self._chosen.append((quartet.content, bool(self.rng.random() < 0.5)))
                    for kind in quartet.kinds:
                        self.missing[kind] -= 1
                        self._taken[kind] += 1

    def _wanted(self, quartet: Quartet[Content]) -> bool:
        return all(self.missing[kind] >= count for kind, count in Counter(quartet.kinds).items())

    def _clean(self, batch: list[Quartet[Content]]) -> Iterator[tuple[bool, bool]]:
        """Say of the two similar rows of each quartet whether they have no homolog in another split."""
        if self._leaks is None:
            yield from ((True, True) for _ in batch)
            return
        for at in range(0, len(batch), _QUARTETS_PER_SEARCH):
            table = self._rows_of([quartet.content for quartet in batch[at : at + _QUARTETS_PER_SEARCH]])
            pairs = list(zip(*(table[side].to_pylist() for side in SIDES), strict=True))
            leaking = self._leaks(sorted(set().union(*pairs)))
            clean = [leaking.isdisjoint(pair) for pair in pairs]
            yield from zip(clean[::4], clean[1::4], strict=True)

    def finish(self, quotas: dict[PairType, int]) -> tuple[Iterator[pa.Table], Counter[str]]:
        """Return the rows of the chosen quartets and the outcomes, among them what is missing of the quotas."""
        for kind, count in quotas.items():
            self.outcomes[f"missing_{kind}"] += count - self._taken[kind]
        return self._tables(), self.outcomes

    def _tables(self) -> Iterator[pa.Table]:
        for at in range(0, len(self._chosen), _QUARTETS_PER_BATCH):
            contents, swapped = zip(*self._chosen[at : at + _QUARTETS_PER_BATCH], strict=True)
            yield _with_sides_swapped(self._rows_of(contents), np.repeat(swapped, 4))


def _organisms(candidates: Candidates, pair_filter: PairFilter) -> NDArray[np.int64]:
    """Number the organisms of both sides together: shape (candidates,)."""
    numbers: dict[str, int] = {}
    of_sources = [
        np.array(
            [numbers.setdefault(pair_filter.organism(source), len(numbers)) for source in candidates.names[name]],
            dtype=np.int64,
        )
        for name in ("source1", "source2")
    ]
    organisms1, organisms2 = (
        of[candidates.columns[name]] for of, name in zip(of_sources, ("source1", "source2"), strict=True)
    )
    both: NDArray[np.int64] = organisms1 * len(numbers) + organisms2
    return both


def _matched(
    candidates: Candidates, organisms: NDArray[np.int64], identical: int, choice: Choice[Exchange]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of candidates whose second members match, closest first, each tile once.

    `identical` says how many of the two are of that kind; kinds that are not missing any more are passed over. Scarce
    kinds go first, so that they find the partners they need among the others.
    """
    columns, kinds = candidates.columns, candidates.kinds
    supply = np.bincount(columns["kind"], minlength=len(kinds))[columns["kind"]]
    order = take_turns(choice.rng.permutation(len(candidates)), columns["group"], organisms)
    order = order[np.argsort(supply[order], kind="stable")]
    # Memory views give plain numbers, without a list of all of them.
    tiles, groups, kind_of = (columns[name].data for name in ("tile", "group", "kind"))
    is_identical = [kind == "identical" for kind in kinds]
    used, missing = choice.used, choice.missing
    taken = [0] * len(candidates.names.get("group", ()))
    even_share = sum(choice.missing.values()) / max(len(np.unique(columns["group"])), 1)
    # A group takes what the others leave only when these have given all they can, closely matched or not.
    for max_pairs, (lengths, compositions) in product((even_share * shares for shares in GROUP_SHARES), TOLERANCES):
        keys = _keys(candidates, organisms, lengths + 1, compositions + 1).data
        buckets: dict[int, list[int]] = {}
        for i in order.data:
            tile, kind, group = tiles[i], kind_of[i], groups[i]
            if tile in used or missing[kinds[kind]] < 1 or taken[group] >= max_pairs:
                continue
            waiting = buckets.setdefault(keys[i], [])
            for at, j in enumerate(waiting):
                partner_tile, partner_group = tiles[j], groups[j]
                if (
                    partner_tile not in used
                    and partner_tile != tile
                    and partner_group != group
                    and taken[partner_group] < max_pairs
                    and is_identical[kind] + is_identical[kind_of[j]] == identical
                ):
                    used.update((tile, partner_tile))
                    taken[group] += 1
                    taken[partner_group] += 1
                    del waiting[at]
                    yield j, i
                    break
            else:
                waiting.append(i)


def _mined(candidates: Candidates, pair_filter: PairFilter, choice: Choice[Exchange]) -> Iterator[tuple[int, int]]:
    """Yield pairs of candidates whose exchange changes least, each tile once, as `mining.matched_by_kmers` has them."""
    every = np.arange(len(candidates))
    texts1, texts2 = (pair_filter.texts(candidates.intervals(every, side)) for side in (1, 2))
    organisms2 = np.array([pair_filter.organism(source) for source in candidates.named("source2", every)], dtype=str)
    numbers = np.unique(organisms2, return_inverse=True)[1]
    closest_first = mining.matched_by_kmers(candidates, texts1, texts2, numbers, choice.rng)
    tiles, groups = (candidates.columns[name].data for name in ("tile", "group"))
    taken: Counter[int] = Counter()
    even_share = sum(choice.missing.values()) / max(len(np.unique(candidates.columns["group"])), 1)
    for max_pairs in (even_share * shares for shares in GROUP_SHARES):
        for first, second in zip(*closest_first, strict=True):
            used = tiles[first] in choice.used or tiles[second] in choice.used or tiles[first] == tiles[second]
            if not used and max(taken[groups[first]], taken[groups[second]]) < max_pairs:
                choice.used.update((tiles[first], tiles[second]))
                taken.update((groups[first], groups[second]))
                yield first, second


def take_turns(order: NDArray[np.int64], group: NDArray[Any], organisms: NDArray[Any]) -> NDArray[np.int64]:
    """Let pairs of organisms take turns, and within the turns of one pair its homology groups.

    Drawn at random, pairs would come from what there is most of: from the few groups that span long alignments, and
    from the organisms with most homologs among the others.

    Parameters
    ----------
    order : ndarray, shape (candidates,), int64
        Numbers of candidates, in the order in which those of one group come.
    group, organisms : ndarray, shape (candidates,), int
        Homology group, and pair of organisms, of each candidate.

    Examples
    --------
    >>> take_turns(np.arange(6), np.array([0, 0, 0, 1, 2, 2]), np.array([7, 7, 7, 7, 8, 8])).tolist()
    [0, 4, 3, 5, 1, 2]
    """
    for turns_of in (group, organisms):
        order = order[np.argsort(_turn(turns_of[order]), kind="stable")]
    return order


def _turn(values: NDArray[Any]) -> NDArray[np.int64]:
    """Count the equal values before each value."""
    by_value = np.argsort(values, kind="stable")
    begin = np.flatnonzero(np.diff(values[by_value], prepend=-1))
    turn = np.empty(len(values), dtype=np.int64)
    turn[by_value] = np.arange(len(values)) - np.repeat(begin, np.diff(begin, append=len(values)))
    return turn


def _keys(candidates: Candidates, organisms: NDArray[np.int64], length: int, letters: int) -> NDArray[np.int64]:
    """Number candidates so that those of equal numbers match, in steps of so much length and composition."""
    columns = candidates.columns
    key = organisms
    for part in ((columns["end2"] - columns["start2"]) // length, columns["composition2"] // letters):
        key = key * (int(part.max(initial=0)) + 1) + part
    return key


def _quartets(
    candidates: Candidates, pair_filter: PairFilter, pairs: Sequence[tuple[int, int]], choice: Choice[Exchange]
) -> Iterator[Quartet[Exchange]]:
    """Let pairs of candidates exchange their second members; count those whose exchange is no dissimilar pair."""
    numbers = np.array(pairs, dtype=np.int64)
    members = numbers.ravel()
    texts1, texts2 = (pair_filter.texts(candidates.intervals(members, side)) for side in (1, 2))
    crossed = [texts2[at ^ 1] for at in range(len(texts2))]
    reasons, alignments = pair_filter.dissimilar(list(zip(texts1, crossed, strict=True)))
    contents = np.concatenate([numbers, _numbers(alignments).reshape(-1, 6)], axis=1).tolist()
    kinds, tiles = candidates.kind(members), candidates.columns["tile"][members].tolist()
    for at, content in zip(range(0, len(members), 2), contents, strict=True):
        row1, row2 = at, at + 1
        if reason := reasons[row1] or reasons[row2]:
            choice.outcomes[f"dissimilar_{reason}"] += 1
            continue
        texts = zip(texts1[at : at + 2] * 2, texts2[at : at + 2] + crossed[at : at + 2], strict=True)
        quartet = quartet_of((kinds[row1], kinds[row2]), (tiles[row1], tiles[row2]), texts, tuple(content))
        if choice.pair_keys.intersection(quartet.keys):
            choice.outcomes["duplicate"] += 1
        else:
            yield quartet


def _rows_of(candidates: Candidates, pair_filter: PairFilter, contents: Sequence[Exchange]) -> pa.Table:
    """Return the rows of some quartets, four of each."""
    numbers = np.array(contents, dtype=np.int64)
    members1, members2 = numbers[:, 0], numbers[:, 1]
    own = (_numbers(candidates.alignments(which)) for which in (members1, members2))
    alignments = np.stack([*own, numbers[:, 2:5], numbers[:, 5:]], axis=1)
    first, second = (
        np.stack(rows, axis=1).ravel()
        for rows in ((members1, members2, members1, members2), (members1, members2, members2, members1))
    )
    similar = zip(candidates.kind(members1), candidates.kind(members2), strict=True)
    kinds = [kind for pair in similar for kind in (*pair, "other_group", "other_group")]
    return pair_filter.pairs(candidates, first, second, kinds, Alignments(*alignments.reshape(-1, 3).T))


def _numbers(alignments: Alignments) -> NDArray[np.int64]:
    """Return score, matches and columns: shape (alignments, 3)."""
    return np.stack(list(vars(alignments).values()), axis=1)


def quartet_of(
    kinds: tuple[PairType, PairType], tiles: tuple[int, int], texts: Iterable[tuple[str, str]], content: Content
) -> Quartet[Content]:
    """Return a quartet, given the strings of its four rows."""
    return Quartet(kinds, tiles, tuple(unordered(*pair) for pair in texts), content)


def _add(keys: tuple[int, ...], pair_keys: set[int]) -> bool:
    """Take a quartet's pairs in, unless one of them came in since it was made."""
    if len(set(keys)) < len(keys) or pair_keys.intersection(keys):
        return False
    pair_keys.update(keys)
    return True


def unordered(text1: str, text2: str) -> int:
    """Key of a pair, whichever side comes first: 64 bits of a digest."""
    text = "\n".join(sorted((text1, text2)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _with_sides_swapped(table: pa.Table, where: NDArray[np.bool_]) -> pa.Table:
    """Let some rows change their sides."""
    turned = table.rename_columns([name[:-1] + _OTHER_SIDE.get(name[-1], name[-1]) for name in table.column_names])
    columns = [pc.if_else(where, turned[name], table[name]) for name in table.column_names]
    return pa.table(columns, schema=table.schema)
