"""What later splits share with earlier ones: pairs, sequences, strands, homologs; or what a random split would."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import LETTERS, Alphabet
from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.findings import Chart, Estimate, Finding, finding
from bio_paws.audit.pairs import Pairs, Texts, fetch, sequences_of
from bio_paws.search import blast
from bio_paws.search.homologs import SIGNIFICANT_EVALUE, find_hits

RANDOM_TEST = 0.05
"""Part of the rows that a random split puts aside."""

SEARCHED = 1_000
"""Sequences of a kind that are searched for homologs, at most."""

_SPACE = 100_000_000  # letters that E-values refer to, so that they do not hang on how many pairs there are
_SEED = 0


@dataclass(frozen=True)
class _Division:
    """Earlier and later rows, shape (n,) each, and what to call the later ones."""

    name: str
    early: NDArray[np.bool_]
    late: NDArray[np.bool_]
    random: bool


def check_leaks(pairs: Pairs, numbered: Numbered) -> Iterator[Finding]:
    """Check every split against those before it, or a random split where there is but one."""
    for division in _divisions(pairs):
        yield from _shared(pairs, numbered, division)
        yield from _homologs(pairs, numbered.canonical, division)


def _divisions(pairs: Pairs) -> Iterator[_Division]:
    parts = [part for part in range(len(pairs.splits)) if (pairs.part == part).any()]
    if len(parts) == 1:
        rng = np.random.default_rng(_SEED)
        late = np.zeros(len(pairs), dtype=bool)
        late[rng.permutation(len(pairs))[: max(1, round(RANDOM_TEST * len(pairs)))]] = True
        yield _Division(f"a random {RANDOM_TEST:.0%} test", ~late, late, random=True)
    for at, part in enumerate(parts[1:], start=1):
        yield _Division(pairs.splits[part], np.isin(pairs.part, parts[:at]), pairs.part == part, random=False)


def _shared(pairs: Pairs, numbered: Numbered, division: _Division) -> Iterator[Finding]:
    early, late = division.early, division.late
    exact, canonical = numbered.exact, numbered.canonical
    known, known_strand = _members(exact, early), _members(canonical, early)
    counts: dict[str, float | int | str] = {}
    said = []
    worst = Estimate.counted(0, 1)
    for side, name in enumerate(pairs.columns.sides):
        sequences = np.unique(exact[side, late])
        shared = int(known[sequences].sum())
        counts |= {f"{name}, sequences": len(sequences), f"{name}, shared": shared}
        said.append(f"{shared:,} of {len(sequences):,} of {name} ({shared / len(sequences):.1%})")
        worst = max(worst, Estimate.counted(shared, len(sequences)), key=lambda one: one.value)
    any_side = known[exact[:, late]].any(axis=0)
    rows = np.flatnonzero(late)[any_side]
    chart = Chart(
        "bars",
        "side",
        pairs.columns.sides,
        {"shared": tuple(float(known[np.unique(exact[side, late])].mean()) for side in (0, 1))},
        "part of the sequences",
    )
    if worst.value:
        earlier = "the rest" if division.random else "earlier splits"
        yield finding(
            "random_split" if division.random else "leaked_sequences",
            worst,
            f"{division.name} shares sequences with {earlier}: {', '.join(said)}; {len(rows):,} of {int(late.sum()):,} "
            "pairs hold one",
            rows=rows,
            numbers=counts,
            chart=chart,
        )
    if division.random:
        return
    strand_only = np.logical_or(*(known_strand[canonical[:, late]] & ~known[exact[:, late]]))
    yield from _rows_found(division, "leaked_reverse_complements", strand_only, "hold the other strand of a sequence")
    top = int(canonical.max()) + 1
    lesser, greater = np.sort(canonical, axis=0)
    keys = lesser * top + greater
    twice = np.isin(keys[late], np.unique(keys[early]))
    yield from _rows_found(division, "leaked_pairs", twice, "are pairs, in either order and on either strand,")


def _rows_found(division: _Division, check: str, found: NDArray[np.bool_], words: str) -> Iterator[Finding]:
    if found.any():
        count = int(found.sum())
        yield finding(
            check,
            Estimate.counted(count, len(found)),
            f"{division.name}: {count:,} of {len(found):,} rows {words} of earlier splits",
            rows=np.flatnonzero(division.late)[found],
            numbers={"rows": count},
        )


def _members(numbers: NDArray[np.int64], rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each sequence, by number, stands in these rows, on either side."""
    members = np.zeros(int(numbers.max()) + 1, dtype=bool)
    members[numbers[:, rows].ravel()] = True
    return members


def _homologs(pairs: Pairs, numbers: NDArray[np.int64], division: _Division) -> Iterator[Finding]:
    aligned_as = [alphabet.aligned_as for alphabet in pairs.columns.alphabets]
    for alphabet in dict.fromkeys(aligned_as):
        if alphabet is not None:
            sides = [side for side in (0, 1) if aligned_as[side] == alphabet]
            yield from _search(pairs, numbers, division, sides, alphabet)


def _search(
    pairs: Pairs, numbers: NDArray[np.int64], division: _Division, sides: list[int], alphabet: Alphabet
) -> Iterator[Finding]:
    """Search a sample of the later sequences that no earlier row holds among all the earlier ones."""
    queries, asked = _queries(pairs, numbers, division, sides)
    if not queries:
        return
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        fasta, database = Path(folder) / "earlier.fasta", Path(folder) / "earlier"
        earlier = _earlier(pairs, numbers, division, sides)
        written = blast.write_fasta(fasta, ((f"{i}", _clean(text, alphabet)) for i, text in enumerate(earlier)))
        if not written:
            return
        blast.make_database(fasta, database, alphabet)
        cleaned = [_clean(text, alphabet) for text in queries]
        hits = find_hits(cleaned, database, alphabet, _SPACE, SIGNIFICANT_EVALUE)
    found = np.array([text in hits for text in cleaned])
    if not found.any():
        return
    names = " and ".join(pairs.columns.sides[side] for side in sides)
    count, whole = int(found.sum()), len(found)
    drawn = "sampled " if whole == SEARCHED else ""
    earlier_rows = "the rest" if division.random else "earlier splits"
    yield finding(
        "random_homologs" if division.random else "leaked_homologs",
        Estimate.sampled(count, whole),
        f"{division.name}: {count:,} of {whole:,} {drawn}sequences of {names} that {earlier_rows} do not hold have a "
        f"homolog there (BLAST+, E < {SIGNIFICANT_EVALUE:.0e})",
        rows=np.sort(asked[found]),
        numbers={"searched": whole, "homologs": count},
        chart=Chart("bars", "sequences", ("homolog", "none"), {alphabet: (count / whole, 1 - count / whole)}, "part"),
    )


def _queries(
    pairs: Pairs, numbers: NDArray[np.int64], division: _Division, sides: list[int]
) -> tuple[list[str], NDArray[np.int64]]:
    """Sample later sequences that are not among the earlier ones; return them, and the row that each is of."""
    known = _members(numbers[sides], division.early)
    rng = np.random.default_rng(_SEED)
    rows = np.concatenate([np.flatnonzero(division.late)] * len(sides))
    held = np.concatenate([numbers[side, division.late] for side in sides])
    at_side = np.repeat(sides, int(division.late.sum()))
    _, first = np.unique(held, return_index=True)
    new = first[~known[held[first]]]
    chosen = np.sort(rng.permutation(new)[:SEARCHED])
    places = np.unique(rows[chosen])
    if not len(places):
        return [], places
    texts: Texts = fetch(pairs, places)
    at = np.searchsorted(texts.places, rows[chosen])
    both = texts.sentence1, texts.sentence2
    standard = [alphabet.standard for alphabet in pairs.columns.alphabets]
    return [standard[side](both[side][i]) for side, i in zip(at_side[chosen], at, strict=True)], rows[chosen]


def _earlier(pairs: Pairs, numbers: NDArray[np.int64], division: _Division, sides: list[int]) -> Iterator[str]:
    """Yield each earlier sequence once."""
    parts = [part for part in range(len(pairs.splits)) if (division.early & (pairs.part == part)).any()]
    streams = []
    seen = np.zeros(int(numbers.max()) + 1, dtype=bool)
    for side in sides:
        own = np.flatnonzero(division.early)
        first = own[np.unique(numbers[side, own], return_index=True)[1]]
        first = first[~seen[numbers[side, first]]]
        seen[numbers[side, first]] = True
        wanted = np.zeros(len(pairs), dtype=bool)
        wanted[first] = True
        streams.append(sequences_of(pairs, parts, wanted, side))
    return chain.from_iterable(streams)


def _clean(text: str, alphabet: Alphabet) -> str:
    """Keep what BLAST takes: other letters become the one that matches nothing, gaps go."""
    other = "N" if alphabet == "dna" else "X"
    return (
        "".join(letter if letter in LETTERS[alphabet] else other for letter in text if letter not in "-.* \t") or other
    )
