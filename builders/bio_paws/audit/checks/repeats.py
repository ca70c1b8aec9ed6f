"""What stands in more than one row: pairs, pairs with both labels, and sequences under one label only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from bio_paws.audit.catalog import SIGNIFICANT, TAIL_PURITY
from bio_paws.audit.findings import Chart, Estimate, Finding, finding
from bio_paws.audit.pairs import Pairs
from bio_paws.audit.sampling.intervals import auc_estimate

_OFTEN = 10  # rows of a sequence from which one label in all of them may be no chance
_MIN_ROWS = 20  # with a sequence that stands elsewhere too, before an AUC is made of them


@dataclass(frozen=True)
class Numbered:
    """Sequences numbered: shape (2, n), the same number where a sequence is the same, on either side."""

    exact: NDArray[np.int64]
    canonical: NDArray[np.int64]


def number_sequences(pairs: Pairs) -> Numbered:
    """Number the sequences of all pairs, as written and regardless of the strand."""
    exact, canonical = (
        np.unique(digests.ravel(), return_inverse=True)[1].reshape(2, -1).astype(np.int64)
        for digests in (pairs.digests, pairs.canonical)
    )
    return Numbered(exact, canonical)


def check_pairs(pairs: Pairs, numbered: Numbered) -> Iterator[Finding]:
    """Check pairs that stand more than once, and those that do so with both labels."""
    exact = pair_keys(numbered.exact)
    swapped = pair_keys(np.sort(numbered.exact, axis=0))
    strands = pair_keys(np.sort(numbered.canonical, axis=0))
    again, reverse, other_strand = repeats_of(exact), repeats_of(swapped), repeats_of(strands)
    kinds = (
        ("duplicate_pairs", again, "repeat an earlier pair"),
        ("swapped_pairs", reverse & ~again, "are an earlier pair with its sides swapped"),
        ("reverse_complement_pairs", other_strand & ~reverse, "are an earlier pair on the other strand"),
    )
    for check, rows, words in kinds:
        if rows.any():
            count = int(rows.sum())
            yield finding(
                check,
                Estimate.counted(count, len(pairs)),
                f"{count:,} of {len(pairs):,} rows {words}",
                rows=np.flatnonzero(rows),
                numbers={"rows": count},
                chart=_by_label(pairs, rows),
            )
    yield from _conflicts(pairs, exact, strands)


def _conflicts(pairs: Pairs, exact: NDArray[np.int64], strands: NDArray[np.int64]) -> Iterator[Finding]:
    both, at = both_labels(strands, pairs.labels)
    if both:
        rows = int(at.sum())
        identical = both_labels(exact, pairs.labels)[0]
        yield finding(
            "conflicting_labels",
            Estimate.counted(rows, len(pairs)),
            f"{both:,} pairs stand under both labels, in {rows:,} rows; {identical:,} of them letter by letter, "
            f"{both - identical:,} swapped or on the other strand",
            rows=np.flatnonzero(at)[np.argsort(strands[at], kind="stable")],
            numbers={"pairs": both, "rows": rows, "identical_pairs": identical},
        )


def both_labels(keys: NDArray[np.int64], labels: NDArray[np.int8]) -> tuple[int, NDArray[np.bool_]]:
    """Return how many keys have both labels, and which rows hold them."""
    ones = np.bincount(keys, labels)
    mixed = (ones > 0) & (ones < np.bincount(keys))
    return int(mixed.sum()), mixed[keys]


def pair_keys(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number pairs."""
    top = int(numbers.max()) + 1
    return np.unique(numbers[0] * top + numbers[1], return_inverse=True)[1].astype(np.int64)


def repeats_of(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows hold a key that an earlier row holds."""
    repeated = np.ones(len(keys), dtype=bool)
    repeated[np.unique(keys, return_index=True)[1]] = False
    return repeated


def _by_label(pairs: Pairs, rows: NDArray[np.bool_]) -> Chart:
    shares = tuple(float(rows[pairs.labels == label].mean()) for label in (0, 1))
    return Chart("bars", "label", pairs.label_names, {"rows": shares})


def check_degrees(pairs: Pairs, numbered: Numbered) -> Iterator[Finding]:
    """Check whether sequences stand under one label only, and whether their other rows tell a row's label."""
    for side in (0, 1):
        yield from _one_label(pairs, numbered.canonical[side], side)
    yield from _elsewhere(pairs, numbered.canonical)


def _one_label(pairs: Pairs, numbers: NDArray[np.int64], side: int) -> Iterator[Finding]:
    """Find sequences that stand so often under one label only that it is no chance."""
    often, ones = np.bincount(numbers), np.bincount(numbers, pairs.labels)
    many = int((often > 1).sum())
    if not many:
        return
    single = (often > 1) & ((ones == 0) | (ones == often))
    rate = pairs.labels.mean()
    p_values = 2 * np.minimum(binom.cdf(ones, often, rate), binom.sf(ones - 1, often, rate))
    nearly = np.maximum(ones, often - ones) >= TAIL_PURITY * often
    # Bonferroni: rarer ones could not be significant, so they count for no test.
    tested = often >= _OFTEN
    biased = tested & nearly & (p_values * tested.sum() < SIGNIFICANT)
    rows = biased[numbers]
    if rows.any():
        name = pairs.columns.sides[side]
        yield finding(
            "one_label_sequences",
            Estimate.counted(int(rows.sum()), len(pairs)),
            f"{int(biased.sum()):,} sequences of {name} have one label, or nearly so, in {int(rows.sum()):,} rows "
            f"(up to {int(often[biased].max()):,} each); of {many:,} that stand more than once, {int(single.sum()):,} "
            "have one label only",
            rows=np.flatnonzero(rows),
            numbers={
                "sequences": int(biased.sum()),
                "rows": int(rows.sum()),
                "more_than_once": many,
                "one_label_only": int(single.sum()),
            },
        )


def _elsewhere(pairs: Pairs, numbers: NDArray[np.int64]) -> Iterator[Finding]:
    """Tell a row's label by the labels that its sequences have in other rows."""
    score = np.zeros(len(pairs))
    known = np.zeros(len(pairs), dtype=bool)
    for side in numbers:
        further_rows = np.bincount(side)[side] - 1
        ones = np.bincount(side, pairs.labels)[side] - pairs.labels
        score += np.where(further_rows > 0, (2 * ones - further_rows) / (further_rows + 1), 0)
        known |= further_rows > 0
    labels = pairs.labels[known]
    if len(labels) < _MIN_ROWS or len(np.unique(labels)) < 2:
        return
    area = auc_estimate(score[known], labels, numbers[0][known])
    # Below 0.5 a sequence's other rows have the other label: the mark of negatives that are matched to positives.
    if area.low > 0.55:
        yield finding(
            "degree_bias",
            area,
            f"the labels that its sequences have in other rows tell the label of a row ({len(labels):,} rows)",
            numbers={"rows": len(labels)},
        )


def sequence_counts(pairs: Pairs, numbered: Numbered) -> dict[str, dict[str, int]]:
    """Count, for each side, the sequences, those in more than one row, and those under both labels."""
    counts = {}
    for side, name in enumerate(pairs.columns.sides):
        often = np.bincount(numbered.canonical[side])
        ones = np.bincount(numbered.canonical[side], pairs.labels)
        counts[name] = {
            "sequences": int((often > 0).sum()),
            "in_several_rows": int((often > 1).sum()),
            "under_both_labels": int(((ones > 0) & (ones < often)).sum()),
        }
    return counts
