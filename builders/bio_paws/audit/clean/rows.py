"""Which rows of a data set leave, and why."""

from __future__ import annotations

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


def mark_leaks(pairs: Pairs, numbered: Numbered, part: NDArray[np.int64], reasons: Reasons) -> None:
    """Mark rows of later splits that share sequences with earlier ones, or hold what is similar to them.

    Parameters
    ----------
    pairs, numbered : Pairs, Numbered
        The data set.
    part : ndarray, shape=(n,)
        The split of each row, by number, in the order of their use.
    reasons : ndarray, shape=(n,)
        Marked in place. A side that is the classes of a task is not looked at: no split can keep it apart.
    """
    sides = [side for side in (0, 1) if not is_class_side(numbered.canonical[side])]
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


def mark_degrees(pairs: Pairs, numbered: Numbered, reasons: Reasons) -> None:
    """Mark rows until every sequence of a side stands as often under both labels, or in one row only.

    Each round takes surplus rows of the sequences that are uneven; a row that leaves may make its other sequence
    uneven, so rounds go on until none is. Rows are taken in a random order that is the same at each run.
    """
    order = np.random.default_rng(0).permutation(len(pairs))
    while True:
        before = int((reasons == "").sum())
        for side in numbered.canonical:
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


def _occurrence(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count, for each entry, the equal entries before it."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    nth = np.arange(len(numbers)) - np.repeat(starts, np.diff(np.r_[starts, len(numbers)]))
    places = np.empty(len(numbers), dtype=np.int64)
    places[order] = nth
    return places
