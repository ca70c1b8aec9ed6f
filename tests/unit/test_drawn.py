"""Pairs drawn to learn from little: balanced, nested, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.errors import DataError
from bio_paws_eval.tasks.drawn import draw_pairs
from bio_paws_eval.tasks.pairs import Pairs, text_pairs


def labelled(labels: list[int]) -> Pairs:
    return text_pairs(
        "pawsx_en", "train", ((str(i), f"a {i}", f"b {i}", label) for i, label in enumerate(labels)), 0, "1"
    )


def rows_of(pairs: Pairs) -> list[tuple[int, int]]:
    return [(int(row["pair_id"]), row["label"]) for batch in pairs.read() for row in batch.to_pylist()]


@given(st.lists(st.integers(0, 1), min_size=12, max_size=40).filter(lambda labels: 6 <= sum(labels) <= len(labels) - 6))
def test_fewer_pairs_are_among_more(labels: list[int]) -> None:
    pairs = labelled(labels)
    few, more = (rows_of(draw_pairs(pairs, count, seed=3)) for count in (4, 12))
    assert set(few) <= set(more) <= set(enumerate(labels))
    for drawn, count in ((few, 4), (more, 12)):
        assert len(drawn) == count
        assert sum(label for _, label in drawn) == count // 2
        assert [row for row, _ in drawn] == sorted(row for row, _ in drawn)


def test_the_seed_draws_and_too_few_pairs_are_refused() -> None:
    pairs = labelled([0, 1] * 50)
    drawn = [draw_pairs(pairs, 10, seed).task.content_sha256 for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    with pytest.raises(DataError, match="50 pairs of label 0, and 102 pairs are 51 of each"):
        draw_pairs(pairs, 102, 0)


def test_pairs_are_drawn_across_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bio_paws_eval.tasks.pairs.ROWS_PER_BATCH", 7)
    labels = np.random.default_rng(0).integers(0, 2, 60).tolist()
    drawn = rows_of(draw_pairs(labelled(labels), 20, 0))
    assert all(labels[row] == label for row, label in drawn)
