"""Pairs of bracket strings: the label is what a stack says, and nothing less tells it."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from bio_paws.features.baselines import PairBatch, get_baseline
from bio_paws.features.thresholds import auroc
from bio_paws_eval.tasks.dyck import BRACKETS, PAIRS, dyck_pairs
from bio_paws_eval.tasks.load import load_pairs
from bio_paws_eval.tasks.registry import Sources, all_names, is_biopaws, task_names

ROWS = 4_000
CLOSES = {kind[1]: kind[0] for kind in BRACKETS}


def closes(text: str) -> bool:
    """A stack, as anybody would write it."""
    stack: list[str] = []
    for bracket in text.split():
        if bracket not in CLOSES:
            stack.append(bracket)
        elif not stack or stack.pop() != CLOSES[bracket]:
            return False
    return not stack


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, str, str, int]]:
    return list(islice(dyck_pairs("train"), ROWS))


def test_a_pair_is_similar_where_its_sides_close(rows: list[tuple[str, str, str, int]]) -> None:
    for _, first, second, label in rows:
        assert closes(f"{first} {second}") == (label == 1)
        assert not closes(first)


def test_every_string_stands_equally_often_under_both_labels(rows: list[tuple[str, str, str, int]]) -> None:
    for side in (1, 2):
        similar, dissimilar = (Counter(row[side] for row in rows if row[3] == label) for label in (1, 0))
        assert similar == dissimilar


def test_counts_are_the_same_under_both_labels(rows: list[tuple[str, str, str, int]]) -> None:
    """In each four, so that no count of any side, or of both, tells a pair from another."""
    for at in range(0, len(rows), 4):
        four = rows[at : at + 4]
        for side in (1, 2):
            assert len({tuple(sorted(row[side])) for row in four}) == 1
        assert sorted(row[3] for row in four) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "name", ["majority", "sentence1", "sentence2", "length", "jaccard1", "jaccard3", "cosine2", "cosine6"]
)
def test_no_floor_tells_the_label(rows: list[tuple[str, str, str, int]], name: str) -> None:
    baseline = get_baseline(name)
    learnt, scored = rows[: ROWS // 2], rows[ROWS // 2 :]
    batches = [PairBatch([row[1] for row in part], [row[2] for row in part], "text") for part in (learnt, scored)]
    labels = [np.array([row[3] for row in part], np.int8) for part in (learnt, scored)]
    margin = baseline.fit(batches[0], labels[0]).margin(batches[1])
    assert auroc(margin, labels[1]) == pytest.approx(0.5, abs=0.05)


def test_it_is_a_task_that_is_asked_by_name_only() -> None:
    pairs = load_pairs("dyck", "test", Sources(limit=10))
    assert (pairs.task.rows, pairs.task.version, pairs.molecule) == (10, "1.0.0", "text")
    assert pairs.task.content_sha256[:8] == "5796551a"  # whoever changes the pairs changes the version
    assert "dyck" in all_names()
    assert "dyck" not in task_names()
    assert not is_biopaws("dyck")


def test_splits_share_no_pair() -> None:
    splits = [{row[1:3] for row in islice(dyck_pairs(split), ROWS)} for split in PAIRS]
    assert not splits[0] & splits[1] | splits[0] & splits[2] | splits[1] & splits[2]
    assert [len(list(dyck_pairs(split))) for split in ("validation", "test")] == [2000, 2000]
