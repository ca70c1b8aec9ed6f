"""The one similarity function, pinned against Biopython and against the definition itself."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from Bio import Align
from Bio.Align import substitution_matrices
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.align import batch_kernels, smith_waterman
from bio_paws.align.smith_waterman import (
    LETTERS,
    Alphabet,
    align,
    align_all,
    align_score,
    align_scores,
    best_alignment,
    best_alignments,
    dna_scores_around,
    reverse_complement,
    similarity,
)

dna = st.text(alphabet=LETTERS["dna"], min_size=1, max_size=60)
protein = st.text(alphabet=LETTERS["protein"], min_size=1, max_size=40)


def aligner(alphabet: Alphabet) -> Align.PairwiseAligner:
    """Biopython's local aligner with BLAST's costs, in Biopython's convention."""
    if alphabet == "dna":
        return Align.PairwiseAligner(
            mode="local", match_score=2, mismatch_score=-3, open_gap_score=-7, extend_gap_score=-2
        )
    return Align.PairwiseAligner(
        mode="local",
        substitution_matrix=substitution_matrices.load("BLOSUM62"),
        open_gap_score=-12,
        extend_gap_score=-1,
    )


def best_by_definition(a: str, b: str, alphabet: Alphabet, shifts: int | None = None) -> tuple[int, int, int]:
    """Score, matches and columns of the best local alignment, by a plain Gotoh recursion over all three.

    With `shifts`, letter i of `a` is aligned with letters i to i + shifts of `b` only.
    """
    blosum = substitution_matrices.load("BLOSUM62")
    first, extend = (7, 2) if alphabet == "dna" else (12, 1)
    none = (-(10**9), 0, 0)
    best = (0, 0, 0)
    above: list[tuple[tuple[int, int, int], tuple[int, int, int]]] = [((0, 0, 0), none)] * (len(b) + 1)
    for i, x in enumerate(a, start=1):
        left: tuple[int, int, int] = none
        row = [((0, 0, 0), none)]
        for j, y in enumerate(b, start=1):
            if shifts is not None and not i <= j <= i + shifts:
                left = none
                row.append(((0, 0, 0), none))
                continue
            score = (2 if x == y else -3) if alphabet == "dna" else int(blosum[x][y])
            diagonal = above[j - 1][0]
            down = max(shift(above[j][0], first), shift(above[j][1], extend))
            left = max(shift(row[j - 1][0], first), shift(left, extend))
            here = max((diagonal[0] + score, diagonal[1] + (x == y), diagonal[2] - 1), down, left, (0, 0, 0))
            row.append((here, down))
            best = max(best, here)
        above = row
    return best[0], best[1], -best[2]


def shift(cell: tuple[int, int, int], cost: int) -> tuple[int, int, int]:
    return cell[0] - cost, cell[1], cell[2] - 1


@given(dna, dna)
def test_dna_alignment_is_the_best_by_definition(a: str, b: str) -> None:
    assert tuple(align(a, b, "dna")) == best_by_definition(a, b, "dna")


@given(protein, protein)
@settings(deadline=None)
def test_protein_alignment_is_the_best_by_definition(a: str, b: str) -> None:
    assert tuple(align(a, b, "protein")) == best_by_definition(a, b, "protein")


@pytest.mark.parametrize("alphabet", ["dna", "protein"])
def test_scores_are_those_of_biopython_on_mutated_pairs(alphabet: Alphabet) -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list(LETTERS[alphabet]))
    reference = aligner(alphabet)
    for _ in range(200):
        a = rng.choice(letters, int(rng.integers(20, 180)))
        b = np.where(rng.random(len(a)) < rng.random() / 2, rng.choice(letters, len(a)), a)
        cut = int(rng.integers(0, len(b)))
        b = np.delete(b, slice(cut, cut + int(rng.integers(0, 6))))
        first, second = "".join(a), "".join(b)
        alignment = align(first, second, alphabet)
        assert alignment.score == reference.score(first, second)
        # Where Biopython sees one optimal alignment only, there is no tie to break.
        alignments = reference.align(first, second)
        if alignment.score and len(alignments) == 1:
            counts = alignments[0].counts()
            assert alignment.matches >= counts.identities
            if alignment.matches == counts.identities:
                assert alignment.columns <= alignments[0].length


def test_gaps_cost_what_blast_charges() -> None:
    a = "ACGTTGCAAGGCTTACGATC"
    assert align(a, a, "dna").score == 40
    assert align(a, a[:10] + a[11:], "dna").score == 38 - (5 + 2)
    p = "MKTAYIAKQRQISFVKSHFSRQ"
    whole = align(p, p, "protein").score
    without = align(p, p[:11] + p[13:], "protein")
    removed = sum(int(substitution_matrices.load("BLOSUM62")[c][c]) for c in p[11:13])
    assert without.score == whole - removed - (11 + 2)


@given(dna, dna)
def test_similarity_is_symmetric_and_blind_to_strand(a: str, b: str) -> None:
    assert similarity(a, b, "dna") == similarity(b, a, "dna") == similarity(a, reverse_complement(b), "dna")
    assert 0 <= similarity(a, b, "dna") <= 1


@given(protein)
def test_a_string_is_wholly_similar_to_itself(a: str) -> None:
    assert similarity(a, a, "protein") == 1


def test_both_strands_are_judged() -> None:
    a = "ACGGTTACAGGCATTCAGGACTTACG"
    assert similarity(a, reverse_complement(a), "dna") == 1
    assert align(a, reverse_complement(a), "dna").matches < len(a)


def test_other_letters_match_nothing() -> None:
    assert align("NNNNNN", "NNNNNN", "dna").matches == 0
    assert align("MK*", "MK*", "protein").matches == 2


def test_long_strings_use_wider_scores() -> None:
    rng = np.random.default_rng(1)
    a = "".join(rng.choice(list("ACGT"), 3000))
    assert tuple(align(a, a, "dna")) == (6000, 3000, 3000)
    with pytest.raises(OverflowError, match="too long"):
        align("A" * 20_000, "C" * 20_000, "dna")


def test_high_scores_of_long_proteins_are_read_back_whole() -> None:
    rng = np.random.default_rng(2)
    a = "".join(rng.choice(list("WCH"), 500))
    b = a[:200] + "A" + a[203:]
    blosum = substitution_matrices.load("BLOSUM62")
    alignment = align(a, b, "protein")
    assert alignment.score == aligner("protein").score(a, b) > 2**31 >> 19
    assert (alignment.matches, alignment.columns) == (497, 500)
    assert align(a, a, "protein") == (sum(int(blosum[c][c]) for c in a), 500, 500)


def test_best_alignment_takes_the_strand_with_more_matches() -> None:
    a = "ACGGTTACAGGCATTCAGGACTTACG"
    assert best_alignment(a, reverse_complement(a), "dna") == align(a, a, "dna")


@given(st.lists(st.tuples(dna, dna), min_size=1, max_size=40))
@settings(deadline=None)  # the first one compiles
def test_batches_are_aligned_as_pairs_are(pairs: list[tuple[str, str]]) -> None:
    check_batches(pairs, "dna")


@given(st.lists(st.tuples(protein, protein), min_size=1, max_size=40))
@settings(deadline=None)
def test_batches_of_proteins_are_aligned_as_pairs_are(pairs: list[tuple[str, str]]) -> None:
    check_batches(pairs, "protein")


def check_batches(pairs: list[tuple[str, str]], alphabet: Alphabet) -> None:
    alone = [align(a, b, alphabet) for a, b in pairs]
    assert list(align_all(pairs, alphabet)) == alone
    assert align_scores(pairs, alphabet) == [alignment.score for alignment in alone]


def mutated_pairs(count: int, rng: np.random.Generator, alphabet: Alphabet, longest: int) -> list[tuple[str, str]]:
    """Half of them random, half mutated and with a gap; one letter in a thousand is none of the alphabet."""
    letters = np.frombuffer(f"{LETTERS[alphabet]}{'N' if alphabet == 'dna' else '*'}".encode(), dtype=np.uint8)
    known = len(letters) - 1
    first, second = rng.integers(0, known, (2, count, longest))
    mutated = (np.arange(count) % 2 == 1)[:, None] & (rng.random((count, longest)) > rng.random((count, 1)) / 2)
    second = np.where(mutated, first, second)
    odd = rng.random((2, count, longest)) < 1e-3
    texts = letters[np.where(odd, known, [first, second])]
    pairs = []
    for number, (long, other, cut, gap) in enumerate(
        rng.integers(1, [longest + 1, longest + 1, longest, 9], (count, 4))
    ):
        first_text, second_text = (side[number].tobytes().decode() for side in texts)
        pairs.append((first_text[:long], second_text[:cut][:other] + second_text[cut + gap :][: max(0, other - cut)]))
    return pairs


@pytest.mark.parametrize("alphabet", ["dna", "protein"])
@pytest.mark.parametrize("count", [2_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_batches_are_aligned_as_random_and_mutated_pairs_are(count: int, alphabet: Alphabet) -> None:
    assert batch_kernels.available()
    rng = np.random.default_rng(5)
    for number in range(count // 2_000):
        check_batches(mutated_pairs(2_000, rng, alphabet, 511 if number % 10 == 9 else 180), alphabet)


@pytest.mark.parametrize("shifts", [0, 1, 5, 20])
def test_scores_around_a_place_keep_to_the_band(shifts: int) -> None:
    random = Random(shifts)
    strings = ["".join(random.choices("ACGT", k=random.randrange(1, 60))) for _ in range(70)]
    around = []
    for text in strings:
        # Pieces of the string, so that the best alignments have gaps, and some of them lie outside the band.
        end, start = (random.randrange(len(text) + 1) for _ in range(2))
        spare = "".join(random.choices("ACGT", k=random.randrange(2 * shifts + 1)))
        around.append((text[:end] + spare + text[start:])[: len(text) + shifts])
    longest = max(map(len, strings))
    sides = [
        np.array([list(text.ljust(width).encode()) for text in side], dtype=np.uint8)
        for side, width in ((strings, longest), (around, longest + shifts))
    ]
    expected = [best_by_definition(a, b, "dna", shifts)[0] for a, b in zip(strings, around, strict=True)]
    assert dna_scores_around(*sides).tolist() == expected


def test_best_alignments_are_those_of_either_strand() -> None:
    pairs = mutated_pairs(200, np.random.default_rng(7), "dna", 60)
    pairs += [(a, reverse_complement(b)) for a, b in pairs]
    assert list(best_alignments(pairs, "dna")) == [best_alignment(a, b, "dna") for a, b in pairs]


@pytest.mark.parametrize(("alphabet", "longest"), smith_waterman.LONGEST_KEYS.items())
def test_batches_hold_the_highest_scores_and_leave_longer_strings_to_parasail(alphabet: Alphabet, longest: int) -> None:
    best = "W" if alphabet == "protein" else "A"
    pairs = [
        (best * first_length, best * second_length)
        for first_length in (1, longest, longest + 1)
        for second_length in (1, longest, longest + 1)
    ]
    check_batches(pairs, alphabet)
    highest = best * smith_waterman.LONGEST_SCORES
    pairs = [(highest, highest), (highest + best, highest), (highest, "V")]
    assert align_scores(pairs, alphabet) == [align_score(a, b, alphabet) for a, b in pairs]


@pytest.mark.parametrize("alphabet", ["dna", "protein"])
def test_batches_match_no_other_letter(alphabet: Alphabet) -> None:
    check_batches(
        [(f"ACGT{letter1}ACGT", f"ACGT{letter2}ACGT") for letter1 in "NX*- 1é" for letter2 in "NX*- 1é"], alphabet
    )


def test_no_pairs_are_no_alignments() -> None:
    assert list(align_all([], "dna")) == align_scores([], "protein") == list(best_alignments([], "protein")) == []


def test_without_llvmlite_parasail_aligns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_kernels, "llvm", None)
    monkeypatch.delattr(batch_kernels, "best_scores")
    assert list(align_all([("ACGT", "ACGA")], "dna")) == [align("ACGT", "ACGA", "dna")]
    assert align_scores([("ACGT", "ACGA")], "dna") == [6]


def test_a_wrong_batch_is_found_by_its_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    right = batch_kernels.best_scores

    def with_free_gaps(pairs: Any, scores: batch_kernels.Scores, *rest: Any) -> Any:
        return right(pairs, scores._replace(extend=0), *rest)

    monkeypatch.setattr(batch_kernels, "best_scores", with_free_gaps)
    rng = np.random.default_rng(6)
    with pytest.raises(ArithmeticError, match="differ from parasail's"):
        align_all(mutated_pairs(200, rng, "dna", 180), "dna")
