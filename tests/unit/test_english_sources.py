"""The English sources that are made of other text: what tells their labels apart, and what cannot."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from bio_paws_eval.tasks.load import load_pairs
from bio_paws_eval.tasks.registry import GENERATED, Row, Sources, all_names, is_biopaws, task_names
from bio_paws_eval.tasks.repaired import repaired_pairs
from bio_paws_eval.tasks.swapped import DISTANCE, PAIRS, swapped_pairs

ROWS = 2_000


@pytest.fixture(scope="module")
def swapped() -> list[Row]:
    return list(islice(swapped_pairs("train"), ROWS))


@pytest.fixture
def paraphrases(tmp_path: Path) -> Sources:
    """A PAWS-X of nine paraphrases, and a pair that is none."""
    (tmp_path / "test").mkdir()
    rows = [f"{i}\tfirst {'x' * i} {i}\tsecond {'x' * i} {i}\t1" for i in range(9)] + ["9\tno\tparaphrase\t0"]
    (tmp_path / "test" / "en.tsv").write_text("\n".join(["id\tsentence1\tsentence2\tlabel", *rows]) + "\n")
    return Sources(pawsx=str(tmp_path))


def test_generated_tasks_are_no_configs_and_are_tested_only_where_named() -> None:
    for name in GENERATED:
        assert name in all_names()
        assert name not in task_names()
        assert not is_biopaws(name)


def by_side_and_label(rows: list[Row]) -> list[Counter[str]]:
    return [Counter(row[side] for row in rows if row[3] == label) for side in (1, 2) for label in (0, 1)]


def test_every_side_stands_equally_often_under_both_labels(swapped: list[Row], paraphrases: Sources) -> None:
    for rows in (swapped, list(repaired_pairs("test", paraphrases))):
        first0, first1, second0, second1 = by_side_and_label(rows)
        assert first0 == first1
        assert second0 == second1


def test_only_the_order_of_words_tells_swapped_sentences(swapped: list[Row]) -> None:
    for at in range(0, ROWS, 4):
        four = swapped[at : at + 4]
        for side in (1, 2):
            assert len({tuple(sorted(row[side].split())) for row in four}) == 1
        for _, first, second, label in four:
            # Without the two words that only one side has, the orders are the same, or differ by an exchange.
            common = Counter(first.split()) & Counter(second.split())
            words1, words2 = ([word for word in side.split() if word in common] for side in (first, second))
            if label == 0:
                assert words1 != words2
        assert sorted(row[3] for row in four) == [0, 0, 1, 1]


def test_swapped_splits_share_no_sentence_and_are_always_the_same() -> None:
    splits = {split: list(islice(swapped_pairs(split), ROWS)) for split in PAIRS}
    words = [{" ".join(sorted(row[1].split())) for row in rows} for rows in splits.values()]
    assert not words[0] & words[1] | words[0] & words[2] | words[1] & words[2]
    assert [row[0] for row in splits["test"][:2]] == ["swapped-test-0", "swapped-test-1"]
    assert splits["test"] == list(swapped_pairs("test"))
    assert DISTANCE > 1


def test_repaired_pairs_are_paraphrases_or_of_two_neighbours_in_length(paraphrases: Sources) -> None:
    rows = list(repaired_pairs("test", paraphrases))
    assert len(rows) == 16  # nine paraphrases: the ninth has no neighbour
    for _, first, second, label in rows:
        number1, number2 = int(first[-1]), int(second[-1])
        assert (number1 == number2) == (label == 1)
        assert abs(number1 - number2) <= 1
    assert load_pairs("repaired", "test", paraphrases).task.rows == 16
    assert rows == list(repaired_pairs("test", paraphrases))
