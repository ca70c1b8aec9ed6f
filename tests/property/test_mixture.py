"""What holds of a pre-training's mixture whatever goes into it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.sequences.records import Sequence
from bio_paws_eval.pretrain.decontaminate import PIECE, SHORTEST, cut_genome
from bio_paws_eval.pretrain.held_out import HeldOut, Interval, merge, stitch
from bio_paws_eval.pretrain.mixture import batches_of, quotas, take
from bio_paws_eval.pretrain.recipe import LANGUAGES, Language

SIZES = st.dictionaries(
    st.sampled_from(LANGUAGES), st.tuples(st.integers(1, 10**12), st.integers(0, 10**12)), min_size=1
)
INTERVALS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 80)), max_size=8).map(
    lambda spans: [(start, start + length) for start, length in spans]
)


@given(SIZES)
def test_proportions_are_those_stated(sizes: dict[Language, tuple[int, int]]) -> None:
    stated = {language: size for language, (size, _) in sizes.items()}
    available = {language: size for language, (_, size) in sizes.items()}
    given_ = quotas(stated, available)
    for language, size in stated.items():
        assert 0 <= given_[language] <= min(size, available[language])
        for partner, wanted in stated.items():
            # To a byte of either: a / b = A / B.
            assert abs(given_[language] * wanted - given_[partner] * size) <= size + wanted
    # No more could be given: one is at its limit.
    assert any(given_[language] + 1 > min(stated[language], available[language]) for language in stated)


@given(st.lists(st.text(max_size=12), max_size=8), st.integers(0, 120))
def test_so_many_bytes_are_taken_as_are_asked_for(documents: list[str], quota: int) -> None:
    taken = list(take(documents, quota))
    size = sum(len(document.encode()) for document in taken)
    whole = sum(len(document.encode()) for document in documents)
    assert min(quota, whole) - 3 <= size <= quota  # a letter has up to four bytes
    assert "".join(documents).startswith("".join(taken))


@given(st.lists(st.text(max_size=9), max_size=30), st.integers(1, 40))
def test_batches_hold_all_documents_in_order(documents: list[str], size: int) -> None:
    batches = list(batches_of(documents, size))
    assert [document for batch in batches for document in batch] == documents
    assert all(sum(map(len, batch)) >= size for batch in batches[:-1])
    assert all(batches)


@given(INTERVALS)
def test_merged_intervals_hold_the_same_places(intervals: list[tuple[int, int]]) -> None:
    merged = merge(intervals)
    assert {at for start, end in merged for at in range(start, end)} == {
        at for start, end in intervals for at in range(start, end)
    }
    assert all(left[1] < right[0] for left, right in pairwise(merged))


@given(st.text("ACGT", min_size=400, max_size=400), INTERVALS)
def test_stitched_strings_are_those_of_the_sequence(dna: str, intervals: list[tuple[int, int]]) -> None:
    given_ = [Interval(name, start, end, dna[start:end]) for start, end in intervals for name in ("a", "b")]
    stitched = stitch(given_)
    assert all(interval.text == dna[interval.start : interval.end] for interval in stitched)
    assert [(interval.start, interval.end) for interval in stitched if interval.source == "b"] == merge(intervals)


@given(st.text("ACGTacgtNnR", min_size=1, max_size=30), st.integers(1, 900), INTERVALS, st.integers(0, 9))
def test_pieces_of_a_genome_hold_no_held_out_base(
    unit: str, times: int, intervals: list[tuple[int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dna = unit * times + "".join("ACGT"[i] for i in rng.integers(0, 4, 400))
    held_out = HeldOut(
        "1", (), (), {"x": merge(intervals)}, frozenset(), {"dna": (), "protein": ()}, {"dna": (), "protein": ()}, ""
    )
    pieces, removed = cut_genome(Sequence("x", "Testus", "dna", dna), held_out)
    inside = merge(intervals)
    assert removed["by_interval"] == sum(max(0, min(end, len(dna)) - start) for start, end in inside)
    masked = list(dna.upper())
    for start, end in inside:
        masked[start:end] = "-" * len(masked[start:end])
    left = "".join(masked)
    at = 0
    for piece in pieces:
        assert SHORTEST["dna"] <= len(piece) <= PIECE
        assert set(piece) <= set("ACGT")
        at = left.index(piece, at) + len(piece)
    assert sum(map(len, pieces)) <= sum(letter in "ACGT" for letter in left)
