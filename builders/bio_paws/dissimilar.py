"""Dissimilar pairs, matched to the similar ones, so that nothing but the relation of the two sides tells the label.

Two similar pairs (a, b) and (c, d) of the same split and organisms, from different homology groups, make a *square*:
their second members change places, giving the dissimilar pairs (a, d) and (c, b). So each string stands equally often
under both labels, on the same side; and since b and d have the same length and the same composition, to a letter or
the nearest there is, each dissimilar pair also copies the length difference and the composition difference of the
similar one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from itertools import islice
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa

from bio_paws.configs import Kind, PairConfig
from bio_paws.constraints import Judge
from bio_paws.records import SCHEMA, Row

Square = tuple[Row, Row, Row, Row]
"""Two similar rows and the two dissimilar ones made of them."""

TOLERANCES: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (0, 2), (1, 2), (1, 3))
"""How far apart the lengths and the compositions of exchanged members may be, closest first. Looser ones would give
more pairs, but also give the label away."""

SIDES = ("sentence1", "sentence2")

BATCH_SPARE = 1.15
"""Squares tried for each that is still missing: some fall to the search across splits."""


def make_squares(
    config: PairConfig,
    candidates: pa.Table,
    judge: Judge,
    pairs: int,
    rng: np.random.Generator,
    seen: set[tuple[str, str]],
    leaks: Callable[[list[str]], set[str]],
) -> tuple[list[Square], Counter[str]]:
    """Choose similar pairs of one split together with their dissimilar ones.

    Parameters
    ----------
    config : PairConfig
        Kinds and shares.
    candidates : pyarrow.Table
        Candidates of the split, schema `constraints.CANDIDATES`.
    judge : Judge
        Judges the dissimilar pairs.
    pairs : int
        Similar pairs wanted.
    rng : numpy.random.Generator
        Decides which candidates are chosen, and which squares swap their sides.
    seen : set of (str, str)
        Pairs already in the config; those chosen here are added.
    leaks : callable
        Returns those of some strings that have a homolog in another split.

    Returns
    -------
    list of Square
    Counter
        Squares and candidates by outcome.
    """
    rows = candidates.to_pylist()
    wanted = config.similar_quotas(pairs)
    leaks = _remembering(leaks)
    while True:
        choice = _fill(rows, judge, Choice(wanted, deepcopy(rng), set(seen), leaks))
        taken = {kind: count - choice.missing[kind] for kind, count in wanted.items()}
        fewest = min((count for count in taken.values() if count), default=0)
        if not config.graded or set(taken.values()) <= {0, fewest}:
            break
        # Bands are equally filled: what the scarcest one gives is all that is wanted of the others.
        wanted = {kind: fewest if count else 0 for kind, count in taken.items()}
    seen |= choice.seen
    return choice.finish(config.similar_quotas(pairs))


def _remembering(leaks: Callable[[list[str]], set[str]]) -> Callable[[list[str]], set[str]]:
    """Return a function that asks for each string once."""
    leaking: dict[str, bool] = {}

    def ask(texts: list[str]) -> set[str]:
        asked = [text for text in texts if text not in leaking]
        found = leaks(asked)
        leaking.update((text, text in found) for text in asked)
        return {text for text in texts if leaking[text]}

    return ask


def _fill(rows: list[Row], judge: Judge, choice: Choice) -> Choice:
    """Take in squares of matching candidates, as many as are wanted."""
    # Two identical pairs exchanged would give (a, c) and (c, a), one pair twice: each goes with another kind first.
    for identical in (1, 0):
        matched = _matched(rows, identical, choice)
        squares = (_square(judge, rows[i], rows[j], choice.seen, choice.outcomes) for i, j in matched)
        choice.fill((square for square in squares if square), partial(choice.left, bool(identical)))
    return choice


class Choice:
    """The squares chosen for one split: as many similar pairs of each kind as are wanted, and no leak among them.

    Attributes
    ----------
    missing : dict of kind to int
        Similar pairs still wanted.
    rng : numpy.random.Generator
        Decides the order of candidates, and which squares swap their sides.
    seen : set of (str, str)
        Pairs already in the config.
    outcomes : Counter
        Squares and candidates by outcome.
    """

    def __init__(
        self,
        wanted: dict[Kind, int],
        rng: np.random.Generator,
        seen: set[tuple[str, str]],
        leaks: Callable[[list[str]], set[str]],
    ) -> None:
        self.missing = dict(wanted)
        self.rng = rng
        self.seen = seen
        self.outcomes: Counter[str] = Counter()
        self._leaks = leaks
        self._used: set[int] = set()
        self._chosen: list[Square] = []

    def used(self, slot: int) -> bool:
        """Whether a square of this slot was proposed already."""
        return slot in self._used

    def take(self, *slots: int) -> None:
        """Mark slots as used."""
        self._used.update(slots)

    def left(self, identical: bool) -> int:
        """How many squares are still wanted: those with an identical pair, or all."""
        return self.missing.get("identical", 0) if identical else sum(self.missing.values()) // 2

    def fill(self, squares: Iterator[Square], left: Callable[[], int]) -> None:
        """Take in squares until none is `left` to be wanted, or there are no more; those that leak are passed over."""
        while batch := list(islice(squares, ceil(left() * BATCH_SPARE))):
            leaking = self._leaks(sorted({row[side] for square in batch for row in square[:2] for side in SIDES}))
            for square in batch:
                kinds = Counter(row["kind"] for row in square[:2])
                clean = [row for row in square[:2] if not leaking & {row[side] for side in SIDES}]
                if len(clean) < 2:
                    self.outcomes["homolog_in_other_split"] += 2 - len(clean)
                    self._used.difference_update(row["slot"] for row in clean)  # free for another partner
                elif all(self.missing[kind] >= count for kind, count in kinds.items()) and _add(square, self.seen):
                    self._chosen.append(_swap_sides(square) if self.rng.random() < 0.5 else square)
                    for kind, count in kinds.items():
                        self.missing[kind] -= count

    def finish(self, quotas: dict[Kind, int]) -> tuple[list[Square], Counter[str]]:
        """Return the chosen squares and the outcomes, among them what is missing of the quotas."""
        taken = Counter(row["kind"] for square in self._chosen for row in square[:2])
        for kind, count in quotas.items():
            self.outcomes[f"missing_{kind}"] += count - taken[kind]
        return self._chosen, self.outcomes


def _matched(rows: list[Row], identical: int, choice: Choice) -> Iterator[tuple[int, int]]:
    """Yield pairs of candidates whose second members match, closest first, each slot once.

    `identical` says how many of the two are of that kind; kinds that are not missing any more are passed over. Scarce
    kinds go first, so that they find the partners they need among the others.
    """
    supply = Counter(row["kind"] for row in rows)
    order = sorted(choice.rng.permutation(len(rows)).tolist(), key=lambda i: supply[rows[i]["kind"]])
    for lengths, compositions in TOLERANCES:
        buckets: dict[tuple[Any, ...], list[int]] = {}
        for i in order:
            row = rows[i]
            if choice.used(row["slot"]) or choice.missing[row["kind"]] < 1:
                continue
            key = (
                row["organism1"],
                row["organism2"],
                len(row["sentence2"]) // (lengths + 1),
                row["composition2"] // (compositions + 1),
            )
            waiting = buckets.setdefault(key, [])
            for at, j in enumerate(waiting):
                other = rows[j]
                if (
                    not choice.used(other["slot"])
                    and other["slot"] != row["slot"]
                    and other["group1"] != row["group1"]
                    and (row["kind"] == "identical") + (other["kind"] == "identical") == identical
                ):
                    choice.take(row["slot"], other["slot"])
                    del waiting[at]
                    yield j, i
                    break
            else:
                waiting.append(i)


def _square(judge: Judge, row1: Row, row2: Row, seen: set[tuple[str, str]], outcomes: Counter[str]) -> Square | None:
    rows = [row1, row2]
    for first, second in ((row1, row2), (row2, row1)):
        made = judge.dissimilar(first, second)
        if isinstance(made, str):
            outcomes[f"dissimilar_{made}"] += 1
            return None
        rows.append(made)
    if any(unordered(row) in seen for row in rows):
        outcomes["duplicate"] += 1
        return None
    return rows[0], rows[1], rows[2], rows[3]


def _add(square: Square, seen: set[tuple[str, str]]) -> bool:
    """Take a square's pairs in, unless one of them came in since it was made."""
    keys = {unordered(row) for row in square}
    if len(keys) < len(square) or keys & seen:
        return False
    seen |= keys
    return True


def unordered(row: Row) -> tuple[str, str]:
    """Key of a pair, whichever side comes first."""
    one, other = row["sentence1"], row["sentence2"]
    return (one, other) if one <= other else (other, one)


def _swap_sides(square: Square) -> Square:
    one, two, three, four = (_swapped(row) for row in square)
    return one, two, three, four


def _swapped(row: Row) -> Row:
    swapped = dict(row)
    for name in SCHEMA.names:
        if name.endswith("1"):
            other = name[:-1] + "2"
            swapped[name], swapped[other] = row[other], row[name]
    return swapped
