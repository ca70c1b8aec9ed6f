"""What later splits share with earlier ones: pairs, sequences, other strands; or what a random split would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.findings import Chart, Estimate, Finding, finding
from bio_paws.audit.pairs import Pairs

COSTLY_FOLDS = 5
"""Folds, at most, that what takes long is measured on."""

RANDOM_TEST = 0.05
"""Part of the rows that a random split puts aside."""

_SEED = 0
FEWEST = 20
"""Sequences of a side below which a share of them says nothing, and no split can keep them apart."""
_CLASSES = 50  # sequences of a side, at most, that are the classes of a task
_ROWS_PER_CLASS = 20  # rows of each of them, at least, on average


@dataclass(frozen=True)
class Division:
    """Earlier and later rows, shape (n,) each, and what to call the later and the earlier ones."""

    name: str
    early: NDArray[np.bool_]
    late: NDArray[np.bool_]
    random: bool
    earlier: str = "earlier splits"


def check_leaks(pairs: Pairs, numbered: Numbered) -> Iterator[Finding]:
    """Check every split against those before it, or a random split where there is but one."""
    for division in divisions(pairs):
        yield from check_division(pairs, numbered, division)


def divisions(pairs: Pairs, random_share: float = RANDOM_TEST) -> Iterator[Division]:
    """Yield each split with those before it, each fold with the others, or a random split where there is but one."""
    parts = [part for part in range(len(pairs.splits)) if (pairs.part == part).any()]
    if len(parts) == 1:
        rng = np.random.default_rng(_SEED)
        late = np.zeros(len(pairs), dtype=bool)
        late[rng.permutation(len(pairs))[: max(1, round(random_share * len(pairs)))]] = True
        yield Division(f"a random {random_share:.0%} test", ~late, late, random=True, earlier="the rest")
    if pairs.data.folds:
        for part in parts if len(parts) > 1 else []:
            own = pairs.part == part
            yield Division(pairs.splits[part], ~own, own, random=False, earlier="the other folds")
        return
    for at, part in enumerate(parts[1:], start=1):
        yield Division(pairs.splits[part], np.isin(pairs.part, parts[:at]), pairs.part == part, random=False)


def check_division(pairs: Pairs, numbered: Numbered, division: Division) -> Iterator[Finding]:
    """Check what later rows share with earlier ones."""
    early, late = division.early, division.late
    exact, canonical = numbered.exact, numbered.canonical
    known, known_strand = _members(exact, early), _members(canonical, early)
    counts: dict[str, float | int | str] = {}
    said, classes = [], []
    worst = Estimate.counted(0, 1)
    for side, name in enumerate(pairs.columns.sides):
        sequences = np.unique(exact[side, late])
        shared = int(known[sequences].sum())
        counts |= {f"{name}, sequences": len(sequences), f"{name}, shared": shared}
        said.append(f"{shared:,} of {len(sequences):,} of {name} ({shared / len(sequences):.1%})")
        if is_class_side(exact[side]):
            whole = len(np.unique(exact[side]))
            classes.append(
                f"the {whole:,} sequences of {name} are the classes of this task: no split keeps them apart, "
                "and no score tells how a model does on new ones"
            )
        else:
            worst = max(worst, Estimate.counted(shared, len(sequences)), key=lambda estimate: estimate.value)
    if worst.value:
        both = (known[exact[0, late]] & known[exact[1, late]]).mean()
        neither = (~known[exact[:, late]]).all(axis=0).mean()
        said.append(f"both sides of {both:.1%} of its pairs are known, and neither of {neither:.1%}")
    said += classes
    any_side = known[exact[:, late]].any(axis=0)
    rows = np.flatnonzero(late)[any_side]
    chart = Chart(
        "bars",
        "side",
        pairs.columns.sides,
        {"shared": tuple(float(known[np.unique(exact[side, late])].mean()) for side in (0, 1))},
        "part of the sequences",
    )
    if rows.size:
        yield finding(
            "random_split" if division.random else "leaked_sequences",
            worst,
            f"{division.name} shares sequences with {division.earlier}: {'; '.join(said)}; "
            f"{len(rows):,} of {int(late.sum()):,} pairs hold one",
            rows=rows,
            numbers=counts,
            chart=chart,
        )
    if division.random:
        return
    strand_only = np.logical_or(*(known_strand[canonical[:, late]] & ~known[exact[:, late]]))
    yield from _shared_rows(division, "leaked_reverse_complements", strand_only, "hold the other strand of a sequence")
    top = int(canonical.max()) + 1
    lesser, greater = np.sort(canonical, axis=0)
    keys = lesser * top + greater
    twice = np.isin(keys[late], np.unique(keys[early]))
    yield from _shared_rows(division, "leaked_pairs", twice, "are pairs, in either order and on either strand,")


def is_class_side(numbers: NDArray[np.int64]) -> bool:
    """Whether the sequences of a side, by number, are so few that they are the classes of a task: epitopes, targets."""
    whole = len(np.unique(numbers))
    return whole < FEWEST or (whole <= _CLASSES and len(numbers) >= _ROWS_PER_CLASS * whole)


def costly_divisions(pairs: Pairs, random_share: float = RANDOM_TEST) -> list[Division]:
    """Return the `divisions` that what takes long is measured on: of many folds `COSTLY_FOLDS`, evenly spread."""
    every = list(divisions(pairs, random_share))
    if not pairs.data.folds or len(every) <= COSTLY_FOLDS:
        return every
    return [every[at] for at in np.linspace(0, len(every) - 1, COSTLY_FOLDS).round().astype(int).tolist()]


def fold_count(pairs: Pairs, measured: list[Division]) -> int:
    """Return on how many given folds something is measured; 1 of any other split."""
    return len(measured) if pairs.data.folds and not measured[0].random else 1


def _shared_rows(division: Division, check: str, shared: NDArray[np.bool_], words: str) -> Iterator[Finding]:
    if shared.any():
        count = int(shared.sum())
        yield finding(
            check,
            Estimate.counted(count, len(shared)),
            f"{division.name}: {count:,} of {len(shared):,} rows {words} of {division.earlier}",
            rows=np.flatnonzero(division.late)[shared],
            numbers={"rows": count},
        )


def _members(numbers: NDArray[np.int64], rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each sequence, by number, stands in these rows, on either side."""
    members = np.zeros(int(numbers.max()) + 1, dtype=bool)
    members[numbers[:, rows].ravel()] = True
    return members
