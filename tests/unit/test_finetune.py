"""The order of pairs in training."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bio_paws_eval.models.batches import ByLength


@given(st.lists(st.integers(1, 300), min_size=1, max_size=400), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_every_pair_comes_once_an_epoch(lengths: list[int], batch: int, seed: int, epoch: int) -> None:
    sampler = ByLength(np.array(lengths), batch, seed)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert sorted(order) == list(range(len(lengths)))
    assert len(sampler) == len(lengths)
    again = ByLength(np.array(lengths), batch, seed)
    again.set_epoch(epoch)
    assert list(again) == order  # from seed and epoch alone


def test_batches_hold_pairs_of_like_length_in_random_order() -> None:
    lengths = np.random.default_rng(0).integers(10, 200, 5000)
    sampler = ByLength(lengths, 32, 0)
    first = list(sampler)
    batches = [lengths[first[at : at + 32]] for at in range(0, len(first), 32)]
    assert np.mean([np.ptp(batch) for batch in batches]) < 10
    means = [batch.mean() for batch in batches]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3  # long batches come at any time
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(ByLength(lengths, 32, 1)) != first


def test_a_short_batch_comes_last() -> None:
    lengths = np.arange(37)
    order = list(ByLength(lengths, 8, 0))
    assert all(np.ptp(lengths[order[at : at + 8]]) == 7 for at in range(0, 32, 8))
