"""Windows are let in, or left out for one reason: many judged together as each would be alone."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from bio_paws.align.smith_waterman import Alignments, align, best_alignment, reverse_complement
from bio_paws.build.pair_filter import PairFilter, outcomes_of
from bio_paws.build.regions import REGIONS, RegionIndex
from bio_paws.build.windows import Window
from bio_paws.configs import get_config
from bio_paws.sequences.corpus import Corpus
from bio_paws.sequences.records import Interval, Intervals, Sequence

CONFIG = get_config("dna150")
LOCI_OF = [("one", 0, 2_000, "g0", "train"), ("one", 2_000, 4_000, "g1", "test"), ("two", 0, 4_000, "g0", "train")]


@pytest.fixture(scope="module")
def pair_filter() -> PairFilter:
    rng = np.random.default_rng(1)
    first = "".join(rng.choice(list("ACGT"), 4_000))
    second = "".join("ACGT"[rng.integers(0, 4)] if rng.random() < 0.08 else letter for letter in first)
    second = second[:1_000] + reverse_complement(second[1_000:1_500]) + second[1_500:]
    second = second[:600] + second[600:700].lower() + "N" + second[701:]
    corpus = Corpus(
        {name: Sequence(name, "T", "dna", text) for name, text in {"one": first, "two": second}.items()}, {}, {}, {}
    )
    return PairFilter(
        CONFIG,
        corpus,
        RegionIndex(
            pa.Table.from_pylist([dict(zip(REGIONS.names, row, strict=True)) for row in LOCI_OF], schema=REGIONS)
        ),
    )


def window(start1: int, end1: int, source2: str, start2: int, end2: int, strand: str = "+") -> Window:
    return Window("homolog", start1, Interval("one", start1, end1, "+"), Interval(source2, start2, end2, strand))


CASES = {
    "accepted": [window(100, 250, "two", 100, 250), window(1_100, 1_250, "two", 1_250, 1_400, "-")],
    "crosses_groups": [window(1_900, 2_050, "two", 1_900, 2_050), window(2_100, 2_250, "two", 2_100, 2_250)],
    "overlaps_itself": [window(100, 250, "one", 249, 399), window(100, 250, "one", 100, 250)],
    "length": [window(100, 250, "two", 100, 270), window(100, 500, "two", 100, 500), window(100, 110, "two", 100, 110)],
    "repeat_masked": [window(560, 710, "two", 560, 710)],
    "ambiguous": [window(680, 830, "two", 680, 830)],
    "similarity": [window(100, 250, "two", 800, 950)],
}


def test_each_window_is_left_out_for_its_first_reason(pair_filter: PairFilter) -> None:
    windows = [candidate for cases in CASES.values() for candidate in cases]
    table = pair_filter.candidates(windows)
    assert outcomes_of(table) == {reason: len(cases) for reason, cases in CASES.items()}
    assert table["tile"].to_pylist() == [candidate.tile for candidate in CASES["accepted"]]
    for candidate in windows:
        assert outcomes_of(pair_filter.candidates([candidate])) == {
            reason: 1 for reason, cases in CASES.items() if candidate in cases
        }
    assert pair_filter.candidates([]).num_rows == 0


def test_candidates_say_what_their_strings_say(pair_filter: PairFilter) -> None:
    table = pair_filter.candidates(CASES["accepted"])
    for candidate, row in zip(CASES["accepted"], table.to_pylist(), strict=True):
        assert tuple(row[f"{name}2"] for name in Interval._fields) == candidate.side2
        assert (row["group"], row["split"]) == ("g0", "train")
        texts = [pair_filter.texts(Intervals.of([side]))[0] for side in (candidate.side1, candidate.side2)]
        assert (row["score"], row["matches"], row["columns"]) == best_alignment(*texts, "dna")
        assert row["composition2"] == Counter(texts[1])["G"] + Counter(texts[1])["C"]
        assert align(*texts, "dna").matches == row["matches"]  # each is read on its strand


def test_many_intervals_are_looked_up_as_each_is() -> None:
    rng = np.random.default_rng(2)
    rows = []
    for source in ("b", "a", "c"):
        cuts = [0, *np.sort(rng.choice(np.arange(1, 1_000), 20, replace=False)).tolist(), 1_000]
        for start, end in pairwise(cuts):
            group = int(rng.integers(0, 5))
            rows.append(
                dict(zip(REGIONS.names, (source, start, end, f"g{group}", "train" if group else "test"), strict=True))
            )
    region_index = RegionIndex(pa.Table.from_pylist(rows, schema=REGIONS))
    starts = rng.integers(0, 1_000, 500).tolist()
    intervals = [
        Interval(str(source), start, start + int(length), "+")
        for source, start, length in zip(
            rng.choice(["a", "b", "c"], 500), starts, rng.integers(1, 60, 500), strict=True
        )
    ]
    alone = [region_index.find(*interval[:3]) for interval in intervals]
    assert [
        region_index.assignments[at] if at >= 0 else None
        for at in region_index.find_many(Intervals.of(intervals)).tolist()
    ] == alone
    for interval, assignment in zip(intervals, alone, strict=True):
        holds = [
            row
            for row in rows
            if row["source"] == interval.source and row["start"] <= interval.start and interval.end <= row["end"]
        ]
        assert [(row["group"], row["split"]) for row in holds] == ([assignment] if assignment else [])


def test_no_alignment_has_no_identity() -> None:
    nothing, four = np.zeros(1, dtype=np.int64), np.array([4])
    assert Alignments(nothing, nothing, nothing).identity.tolist() == [0.0]
    assert Alignments(four, four, four + 1).identity.tolist() == [0.8]
