"""Near copies: short ones all and only, against brute force; long ones by sketches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from bio_paws.align.smith_waterman import Alphabet, reverse_complement
from bio_paws.audit.near_copies import texts
from bio_paws.audit.near_copies.edits import EditIndex, allowed_edits
from bio_paws.audit.near_copies.groups import near_copy_groups
from bio_paws.audit.near_copies.sketches import Families
from bio_paws.audit.near_copies.texts import SIMILARITY, TextIndex
from pair_sets import LETTERS, mutated, random_text


@st.composite
def related(draw: st.DrawFn) -> tuple[Alphabet, list[str], str]:
    """Short sequences, some of them a few edits from a query."""
    alphabet: Alphabet = draw(st.sampled_from(["dna", "protein"]))
    letters = LETTERS[alphabet]
    query = draw(st.text(letters, min_size=8, max_size=40))
    edit = st.tuples(st.integers(0, 39), st.sampled_from("idsx"), st.sampled_from(letters))
    texts = draw(st.lists(st.text(letters, min_size=1, max_size=44), max_size=4))
    for edits in draw(st.lists(st.lists(edit, max_size=7), max_size=6)):
        text = query
        for at, kind, letter in edits:
            place = at % (len(text) + 1)
            text = text[:place] + (letter if kind in "is" else "") + text[place + (kind in "ds") :]
        texts.append(text or letters[0])
    return alphabet, texts, query


@settings(deadline=None, max_examples=300)
@given(related())
def test_all_and_only_near_copies_are_reported(case: tuple[Alphabet, list[str], str]) -> None:
    alphabet, texts, query = case
    index = EditIndex(texts, alphabet)
    edits = allowed_edits(len(query), alphabet, len(texts))
    near = [number for number, text in enumerate(texts) if edits and Levenshtein.distance(query, text) <= edits]
    assert sorted(index.near(query)) == near


@pytest.mark.parametrize("alphabet", ["dna", "protein"])
def test_long_near_copies_are_grouped_on_either_strand(alphabet: Alphabet) -> None:
    rng = np.random.default_rng(0)
    originals = [random_text(rng, LETTERS[alphabet], 300) for _ in range(20)]
    copies = [mutated(rng, text, LETTERS[alphabet], 0.05) for text in originals]
    if alphabet == "dna":
        copies = [reverse_complement(text) if i % 2 else text for i, text in enumerate(copies)]
    groups = near_copy_groups([*originals, *copies], alphabet)
    assert len(set(groups[:20].tolist())) == 20
    assert (groups[:20] == groups[20:]).mean() >= 0.95
    families = Families(alphabet)
    assert len(list(families.founders([*originals, *originals, *originals]))) == families.count == 20


def test_near_copies_of_texts_are_those_that_differ_in_a_tenth() -> None:
    rng = np.random.default_rng(0)
    words = [random_text(rng, "abcdefghijklmnop", int(rng.integers(2, 9))) for _ in range(500)]
    sentences = [" ".join(rng.choice(words, 15)) for _ in range(300)]
    molecules = [
        "".join(rng.choice(["CC(=O)O", "c1ccccc1", "N", "C(F)(F)F", "Cl", "S(=O)(=O)"], 9)) for _ in range(300)
    ]
    for originals, letters in ((sentences, "abcdefghijklmnop"), (molecules, "CNO")):
        index = TextIndex(originals)
        copies = [mutated(rng, text, letters, 0.04) for text in originals]
        near = [list(numbers) for numbers in index.near(copies)]
        exact = [all_near_copies(copy, originals) for copy in copies[:50]]
        assert sum(map(len, exact)) >= 45
        assert list(map(sorted, near[:50])) == exact
        groups = near_copy_groups([*originals, *copies], None)
        assert (groups[:300] == groups[300:]).mean() >= 0.9
    assert [list(numbers) for numbers in TextIndex(["short"]).near(["short", ""])] == [[], []]


def all_near_copies(query: str, texts: list[str]) -> list[int]:
    return [i for i, text in enumerate(texts) if Levenshtein.normalized_similarity(query, text) >= SIMILARITY]


def test_near_copies_are_found_where_thousands_share_all_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    fragments = ["CC(=O)O", "c1ccccc1", "N", "C(F)(F)F", "CCN", "C(=O)N", "Cl", "OC"]
    originals, queries = (["".join(rng.choice(fragments, 6)) for _ in range(count)] for count in (6_000, 60))
    exact = [all_near_copies(query, originals) for query in queries]
    assert sum(map(bool, exact)) >= 10
    index = TextIndex(originals)
    assert [sorted(numbers) for numbers in index.near(queries)] == exact
    assert (index.queried, index.incomplete) == (60, 0)
    monkeypatch.setattr(texts, "COMPARISONS", 6_000)
    few = TextIndex(originals)
    assert [set(numbers) <= set(every) for numbers, every in zip(few.near(queries), exact, strict=True)] == [True] * 60
    assert (few.queried, 50 < few.incomplete < 60) == (60, True)


def test_sequences_without_kmers_are_in_no_family() -> None:
    families = Families("protein")
    assert list(families.founders(["MKV", "", "X" * 3, "MKV"])) == ["MKV", "", "XXX", "MKV"]
    assert len(set(near_copy_groups(["MKVLA", "MKVLAAG", "-" * 60, "." * 60], "protein").tolist())) == 4
