"""New orders of words and blocks: what they keep, and how often each comes out."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.build.adversarial import block_cuts, rearrange, word_cuts
from bio_paws.build.reordering import WordWalks, block_order
from bio_paws.build.windows import Jittered
from bio_paws.features.kmers import word_overlap
from bio_paws.sequences.records import Interval

seeds = st.integers(0, 2**32 - 1)


def neighbours(text: str) -> Counter[str]:
    return Counter(text[at : at + 2] for at in range(len(text) - 1))


@given(st.text("ACGT", min_size=2, max_size=60), seeds)
def test_single_letters_shuffled_keep_their_dinucleotides(text: str, seed: int) -> None:
    order = WordWalks(text).order(np.random.default_rng(seed))
    shuffled = "".join(text[word] for word in order) + text[-1]
    assert sorted(order) == list(range(len(text) - 1))
    assert neighbours(shuffled) == neighbours(text)
    assert (shuffled[0], shuffled[-1]) == (text[0], text[-1])


def test_all_walks_are_equally_likely() -> None:
    rng = np.random.default_rng(0)
    text = "ACABADA"  # three loops at A: 3! orders
    walks = WordWalks(text)
    seen = Counter("".join(text[word] for word in walks.order(rng)) for _ in range(6_000))
    assert len(seen) == 6
    assert max(seen.values()) < 1_150
    assert min(seen.values()) > 850


@given(st.integers(2, 9), seeds)
def test_no_block_follows_the_one_it_followed(blocks: int, seed: int) -> None:
    order = block_order(blocks, np.random.default_rng(seed))
    assert sorted(order) == list(range(blocks))
    assert all(after != before + 1 for before, after in pairwise(order))


@st.composite
def homologs(draw: st.DrawFn) -> tuple[Jittered, tuple[str, str]]:
    """Two jittered windows and their strings: runs of matches between substitutions and gaps."""
    first, second = draw(st.text("ACGT", min_size=3, max_size=9)), ""
    start1, start2 = len(first), 0
    runs = []
    for number, run in enumerate(draw(st.lists(st.text("ACGT", min_size=1, max_size=12), min_size=4, max_size=12))):
        if number:
            kind = draw(st.sampled_from(["substitution", "insertion", "deletion"]))
            first += "" if kind == "insertion" else "A"
            second += "" if kind == "deletion" else "C"
        runs.append((len(first) - start1, len(second) - start2, len(run)))
        first, second = first + run, second + run
    end1, end2 = len(first), len(second)
    second += draw(st.text("ACGT", min_size=3, max_size=9))
    places = Interval("a", 0, len(first), "+"), Interval("b", 0, len(second), "+")
    return Jittered(*places, (start1, end1), (start2, end2), tuple(runs)), (first, second)


@given(homologs(), st.sampled_from(["permuted_homolog", "shuffled_homolog"]), seeds)
def test_both_orders_keep_letters_and_flanks_and_runs(
    drawn: tuple[Jittered, tuple[str, str]], kind: str, seed: int
) -> None:
    windows, texts = drawn
    cuts = block_cuts(windows) if kind == "permuted_homolog" else word_cuts(windows)
    arranged = next(rearrange(windows, texts, kind, cuts, np.random.default_rng(seed)))  # type: ignore[arg-type]
    for side, (text, (start, end)) in enumerate(zip(texts, (windows.core1, windows.core2), strict=True)):
        for pair in arranged:
            assert sorted(pair[side]) == sorted(text)
            assert pair[side][:start] == text[:start]
            assert pair[side][end:] == text[end:]
            if kind == "shuffled_homolog":
                assert neighbours(pair[side]) == neighbours(text)
    core1 = texts[0][slice(*windows.core1)]
    for at1, _, length in windows.runs:  # no word that both sides share is cut
        for pair in arranged:
            assert core1[at1 : at1 + length] in pair[0]
            assert core1[at1 : at1 + length] in pair[1]


@given(st.text("ACGT", max_size=40), st.text("ACGT", max_size=40), st.integers(1, 6))
def test_overlap_is_a_part_of_the_words_of_both(first: str, second: str, k: int) -> None:
    overlap = word_overlap(first, second, k)
    assert 0 <= overlap <= 1
    assert overlap == word_overlap(second, first, k)
    assert (overlap == 1) == (
        len(first) >= k
        and {first[i : i + k] for i in range(len(first) - k + 1)}
        == {second[i : i + k] for i in range(len(second) - k + 1)}
    )
