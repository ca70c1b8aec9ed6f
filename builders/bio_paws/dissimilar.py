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
from itertools import islice
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa

from bio_paws.configs import PairConfig
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
    outcomes: Counter[str] = Counter()
    missing: dict[str, int] = {kind: round(pairs * share / 100) for kind, share in config.similar_mix}
    rows = candidates.to_pylist()
    used: set[int] = set()
    chosen: list[Square] = []
    # Two identical pairs exchanged would give (a, c) and (c, a), one pair twice: each goes with another kind first.
    for identical in (1, 0):
        stream = _matched(rows, identical, missing, used, rng)
        while True:
            wanted = missing.get("identical", 0) if identical else sum(missing.values()) // 2
            batch = list(islice(_squares(stream, rows, judge, seen, outcomes), ceil(wanted * BATCH_SPARE)))
            if not batch:
                break
            leaking = leaks(sorted({row[side] for square in batch for row in square[:2] for side in SIDES}))
            for square in batch:
                kinds = Counter(row["kind"] for row in square[:2])
                clean = [row for row in square[:2] if not leaking & {row[side] for side in SIDES}]
                if len(clean) < 2:
                    outcomes["homolog_in_other_split"] += 2 - len(clean)
                    used.difference_update(row["slot"] for row in clean)  # free for another partner
                elif all(missing[kind] >= count for kind, count in kinds.items()) and _add(square, seen):
                    chosen.append(_swap_sides(square) if rng.random() < 0.5 else square)
                    for row in square[:2]:
                        missing[row["kind"]] -= 1
    for kind, count in missing.items():
        outcomes[f"missing_{kind}"] += count
    return chosen, outcomes


def _matched(
    rows: list[Row], identical: int, missing: dict[str, int], used: set[int], rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield pairs of candidates whose second members match, closest first, each slot once.

    `identical` says how many of the two are of that kind; kinds that are not `missing` any more are passed over.
    """
    order = rng.permutation(len(rows)).tolist()
    for lengths, compositions in TOLERANCES:
        buckets: dict[tuple[Any, ...], list[int]] = {}
        for i in order:
            row = rows[i]
            if row["slot"] in used or missing[row["kind"]] < 1:
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
                    other["slot"] not in used
                    and other["slot"] != row["slot"]
                    and other["group1"] != row["group1"]
                    and (row["kind"] == "identical") + (other["kind"] == "identical") == identical
                ):
                    used.update((row["slot"], other["slot"]))
                    del waiting[at]
                    yield j, i
                    break
            else:
                waiting.append(i)


def _squares(
    stream: Iterator[tuple[int, int]],
    rows: list[Row],
    judge: Judge,
    seen: set[tuple[str, str]],
    outcomes: Counter[str],
) -> Iterator[Square]:
    """Make the squares of matched candidates, leaving out those that break a constraint."""
    for i, j in stream:
        square = _square(judge, rows[i], rows[j], seen, outcomes)
        if square is not None:
            yield square


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
