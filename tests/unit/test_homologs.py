"""The proof search finds among joined strings what a search of each string finds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.align.smith_waterman import LETTERS, Alphabet, reverse_complement
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.search import blast, prefilter
from bio_paws.verify import cross_split_search
from bio_paws.verify.cross_split_search import Placed, PlacedSequences, VerificationSearch, join_overlapping

SPACE = {"dna": 8_000_000, "protein": 500_000}
BANDS = (1.0, 0.9, 0.8, 0.7, 0.6)
COPIES = 6  # of each length in each band


def random_text(alphabet: Alphabet, length: int, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(LETTERS[alphabet]), length))


def mutated(text: str, identity: float, alphabet: Alphabet, rng: np.random.Generator) -> str:
    letters = list(text)
    for at in rng.permutation(len(text))[: round((1 - identity) * len(text))].tolist():
        letters[at] = str(rng.choice([letter for letter in LETTERS[alphabet] if letter != letters[at]]))
    return "".join(letters)


def windows(source: str, text: str, lengths: tuple[int, ...], alphabet: Alphabet) -> list[Placed]:
    """Overlapping windows of a sequence, every second one on the other strand."""
    placed = []
    for length in lengths:
        for number, start in enumerate(range(0, len(text) - length + 1, length // 3)):
            piece = text[start : start + length]
            if alphabet == "dna" and number % 2:
                placed.append(Placed(reverse_complement(piece), source, start, "-"))
            else:
                placed.append(Placed(piece, source, start, "+"))
    return placed


@pytest.mark.parametrize(("alphabet", "much"), [("dna", False), ("dna", True), ("protein", False)])
def test_planted_homologs_are_found_as_in_a_search_of_each_string(
    alphabet: Alphabet, much: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of training strings at 60-100% identity in the test split, each inside overlapping windows."""
    if much:
        monkeypatch.setattr(prefilter, "MUCH", 0)
        monkeypatch.setattr("numba.config.DISABLE_JIT", 0)  # against what conftest says
    rng = np.random.default_rng(0)
    lengths = (50, 150)
    train, test = (random_text(alphabet, 7_200, rng) for _ in range(2))
    subjects = windows("train", train, lengths, alphabet)
    planted: dict[str, tuple[int, float]] = {}
    letters = list(test)
    for at, (length, band) in enumerate((n, b) for n in lengths for b in BANDS for _ in range(COPIES)):
        start = int(rng.integers(0, len(train) - length))
        copy = mutated(train[start : start + length], band, alphabet, rng)
        letters[at * 120 : at * 120 + min(length, 100)] = copy[:100]
        planted[f"planted{at}"] = length, band
        subjects.append(Placed(train[start : start + length], "train", start, "+"))
    queries = windows("test", "".join(letters), lengths, alphabet)
    subjects = list({subject.text: subject for subject in subjects}.values())

    touching = VerificationSearch(
        tmp_path / "search",
        PlacedSequences.of(queries),
        PlacedSequences.of(subjects),
        alphabet,
        SPACE[alphabet],
        InProcessExecutor(),
    ).homologs()
    blast.write_database(tmp_path / "each", (subject.text for subject in subjects), alphabet)
    each = cross_split_search.significant_hits(
        {i: query.text for i, query in enumerate(queries)},
        tmp_path / "each",
        alphabet,
        SPACE[alphabet],
    )
    bands: Counter[tuple[int, float]] = Counter()
    touched: Counter[tuple[int, float]] = Counter()
    for at, (length, band) in enumerate(planted.values()):
        here = {
            i
            for i, query in enumerate(queries)
            if query.start < at * 120 + min(length, 100) and query.start + len(query.text) > at * 120
        }
        bands[length, band] += len(here & each.keys())
        touched[length, band] += len(here & touching.keys())
    assert bands[50, 1.0] > COPIES and bands[150, 0.7] > COPIES
    assert touched == bands
    assert touching.keys() == each.keys()


def test_some_proteins_are_searched_whatever_the_screen_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = random_text("protein", 300, np.random.default_rng(3))
    strings = [Placed(text[start : start + 60], f"s{start}", start, "+") for start in range(0, 250, 30)]
    copies = PlacedSequences.of(strings), PlacedSequences.of([Placed(text, "train", 0, "+")])
    monkeypatch.setattr(cross_split_search, "_screen", lambda *_: blast.HITS.empty_table())
    monkeypatch.setitem(cross_split_search.SEARCHED_ANYWAY, "protein", 4)
    search = VerificationSearch(tmp_path / "search", *copies, "protein", SPACE["protein"], InProcessExecutor())
    assert list(search.homologs()) == [0, 4, 8]


def test_altered_and_displaced_strings_stay_by_themselves() -> None:
    text = random_text("protein", 200, np.random.default_rng(1))
    natural = windows("s", text, (60,), "protein")
    altered = Placed(text[80:100] + text[60:80] + text[100:120], "s", 60, "+")
    displaced = Placed(text[:60], "s", 90, "+")
    elsewhere = Placed(text[30:90], "other", 30, "+")
    joined = list(join_overlapping(PlacedSequences.of([*natural, altered, displaced, elsewhere]), "protein"))
    assert sorted(len(interval.members) for interval in joined) == [1, 1, 1, len(natural)]
    assert {altered.text, displaced.text, elsewhere.text} < {interval.text for interval in joined}


@given(st.data())
@settings(max_examples=50)
def test_every_string_lies_whole_in_one_stretch(data: st.DataObject) -> None:
    genome = data.draw(st.text("ACGT", min_size=30, max_size=60))
    strings = []
    for _ in range(data.draw(st.integers(1, 12))):
        start = data.draw(st.integers(0, len(genome) - 5))
        text = genome[start : start + data.draw(st.integers(5, 20))]
        if data.draw(st.booleans()):
            text = "".join(data.draw(st.permutations(text)))
        strand = data.draw(st.sampled_from("+-"))
        strings.append(Placed(reverse_complement(text) if strand == "-" else text, "s", start, strand))
    joined = list(join_overlapping(PlacedSequences.of(strings), "dna"))
    assert sorted(index for interval in joined for _, _, index in interval.members) == list(range(len(strings)))
    for stretch in joined:
        for start, end, index in stretch.members:
            text = strings[index].text
            assert stretch.text[start:end] in (text, reverse_complement(text))
            assert stretch.start + start == strings[index].start
