"""Which rows of a data set leave, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.checks.leakage import Division, is_class_side
from bio_paws.audit.checks.repeats import Numbered, both_labels, pair_keys, repeats_of
from bio_paws.audit.checks.similar import search_division
from bio_paws.audit.pairs import Pairs
from bio_paws.search.homologs import DROPPED_EVALUE

_ALL = 10**9  # sequences that are searched: no sample

Reasons = NDArray[np.str_]
"""Why each row leaves, the id of a check; empty where it stays: shape (n,)."""


def no_reasons(rows: int) -> Reasons:
    """Return the reasons of rows that all stay."""
    return np.zeros(rows, dtype="<U32")


def mark(reasons: Reasons, rows: NDArray[np.bool_], reason: str) -> None:
    """Mark rows that leave; the first reason of a row stays."""
    reasons[rows & (reasons == "")] = reason


def mark_repeats(pairs: Pairs, numbered: Numbered, reasons: Reasons) -> None:
    """Mark all rows of a pair that stands under both labels, and every row but the first of one that repeats."""
    strands = pair_keys(np.sort(numbered.canonical, axis=0))
    mark(reasons, both_labels(strands, pairs.labels)[1], "conflicting_labels")
    for check, keys in (
        ("duplicate_pairs", pair_keys(numbered.exact)),
        ("swapped_pairs", pair_keys(np.sort(numbered.exact, axis=0))),
        ("reverse_complement_pairs", strands),
    ):
        staying = np.flatnonzero(reasons == "")
        repeated = np.zeros(len(pairs), dtype=bool)
        repeated[staying] = repeats_of(keys[staying])
        mark(reasons, repeated, check)


def split_sides(numbered: Numbered, reasons: Reasons) -> list[int]:
    """Return the sides whose sequences a split can keep apart: in the rows that stay, they are not a task's classes."""
    return [side for side in (0, 1) if not is_class_side(numbered.canonical[side, reasons == ""])]


def mark_leaks(
    pairs: Pairs, numbered: Numbered, part: NDArray[np.int64], sides: Sequence[int], reasons: Reasons
) -> None:
    """Mark rows of later splits that share sequences with earlier ones, or hold what is similar to them.

    Parameters
    ----------
    pairs, numbered : Pairs, Numbered
        The data set.
    part : ndarray, shape=(n,)
        The split of each row, by number, in the order of their use.
    sides : sequence of int
        The sides that are looked at, of `split_sides`.
    reasons : ndarray, shape=(n,)
        Marked in place.
    """
    for later in np.unique(part)[1:].tolist():
        # Each round searches what is left of the later split among what is left of the earlier ones.
        division = Division(
            f"split {later}", (reasons == "") & (part < later), (reasons == "") & (part == later), False
        )
        if not division.early.any() or not division.late.any():
            continue
        known = np.zeros(int(numbered.canonical.max()) + 1, dtype=bool)
        known[numbered.canonical[:, division.early].ravel()] = True
        shared = known[numbered.canonical[sides]].any(axis=0) & division.late
        mark(reasons, shared, "leaked_sequences")
        late = (reasons == "") & division.late
        if not late.any():
            continue
        division = Division(division.name, division.early, late, False)
        for search in search_division(pairs, numbered.canonical, division, _ALL, _ALL, DROPPED_EVALUE):
            for answer in search.answers:
                side, rows = answer.queries.side, answer.queries.rows[answer.similar]
                if side in sides:
                    similar = np.isin(numbered.canonical[side], numbered.canonical[side, rows])
                    mark(reasons, similar & late, search.check)


def mark_degrees(pairs: Pairs, numbered: Numbered, part: NDArray[np.int64], reasons: Reasons) -> None:
    """Mark rows until every sequence of a side stands as often under both labels of a split, or in one row only.

    Each round takes surplus rows of the sequences that are uneven; a row that leaves may make its other sequence
    uneven, so rounds go on until none is. Rows are taken in a random order that is the same at each run.

    Parameters
    ----------
    pairs, numbered : Pairs, Numbered
        The data set.
    part : ndarray, shape=(n,)
        The split of each row: a model that is fitted on one sees no other row of a sequence that stands in several.
    reasons : ndarray, shape=(n,)
        Marked in place.
    """
    order = np.random.default_rng(0).permutation(len(pairs))
    sides = _within_splits(numbered, part)
    while True:
        before = int((reasons == "").sum())
        for side in sides:
            rows = order[reasons[order] == ""]
            numbers, labels = side[rows], pairs.labels[rows]
            counts = [np.bincount(numbers[labels == label], minlength=int(side.max()) + 1) for label in (0, 1)]
            fewer = np.minimum(*counts)
            # A sequence under one label keeps one row: alone it tells nothing of any other.
            allowed = np.where(fewer == 0, 1, fewer)
            surplus = np.zeros(len(pairs), dtype=bool)
            for label in (0, 1):
                own = rows[labels == label]
                nth = _occurrence(side[own])
                surplus[own[nth >= allowed[side[own]]]] = True
            mark(reasons, surplus, "degree_bias")
        if int((reasons == "").sum()) == before:
            return


def mark_labels(pairs: Pairs, numbered: Numbered, part: NDArray[np.int64], reasons: Reasons) -> None:
    """Mark rows until both labels of a split are as frequent, as far as sequences stay as often under both.

    Only rows leave whose two sequences stand in no other row. Parameters as for `mark_degrees`, which goes before.
    """
    order = np.random.default_rng(0).permutation(len(pairs))
    rows = order[reasons[order] == ""]
    sides = _within_splits(numbered, part)[:, rows]
    alone = np.logical_and.reduce([np.bincount(side)[side] == 1 for side in sides])
    surplus = np.zeros(len(pairs), dtype=bool)
    for split in np.unique(part[rows]).tolist():
        of_label = [rows[(part[rows] == split) & (pairs.labels[rows] == label)] for label in (0, 1)]
        fewer, more = sorted(of_label, key=len)
        leaving = more[np.isin(more, rows[alone])]
        surplus[leaving[: len(more) - len(fewer)]] = True
    mark(reasons, surplus, "label_balance")


def _within_splits(numbered: Numbered, part: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the sequences of each split apart: shape (2, n)."""
    keys = numbered.canonical * (int(part.max()) + 1) + part
    numbers: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1].reshape(keys.shape).astype(np.int64)
    return numbers


def _occurrence(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each entry, the equal entries before it."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    nth = np.arange(len(numbers)) - np.repeat(starts, np.diff(np.r_[starts, len(numbers)]))
    places = np.empty(len(numbers), dtype=np.int64)
    places[order] = nth
    return places
