"""What must hold of distances, CKA and permutations, whatever the vectors are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import kstest, ortho_group
from sklearn.neighbors import NearestNeighbors

from bio_paws_eval.representations import distances
from bio_paws_eval.representations.cka import debiased_cka, linear_cka
from bio_paws_eval.representations.distances import METRICS, SCALE_FREE, frame_of, nearest, place
from bio_paws_eval.representations.permutation_tests import change, null_of, separation

CPU = torch.device("cpu")
seeds = st.integers(0, 2**32 - 1)


def cloud(seed: int, n: int = 40, d: int = 6) -> NDArray[np.float32]:
    """Vectors far from the origin, some dimensions much wider than others: as language models give them."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * 10 ** rng.uniform(-1, 1, d) + rng.normal(size=d) * 5).astype(np.float32)


def named(groups: Sequence[slice]) -> dict[str, slice]:
    return dict(zip("ab", groups, strict=True))


def across(vectors: NDArray[np.float32], groups: Sequence[slice], metric: str) -> float:
    """Mean distance from the first group to the second."""
    return float(nearest(vectors, frame_of(vectors, groups), metric, named(groups), CPU)["a", "b"].mean())


@given(seeds, st.sampled_from(METRICS), st.integers(2, 38))
@settings(max_examples=25, deadline=None)
def test_nearest_is_that_of_brute_force(seed: int, metric: str, cut: int) -> None:
    vectors, groups = cloud(seed), (slice(0, cut), slice(cut, 40))
    frame = frame_of(vectors, groups)
    every = cdist(place(vectors, frame, metric), place(vectors, frame, metric))
    if metric == "cosine":
        every = every**2 / 2
    np.fill_diagonal(every, np.inf)
    found = nearest(vectors, frame, metric, named(groups), CPU)
    for (source, target), apart in found.items():
        expected = every[named(groups)[source], named(groups)[target]].min(axis=1)
        assert apart == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert len(found) == 4


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = cloud(3, 200), (slice(0, 70), slice(70, 200))
    frame = frame_of(vectors, groups)
    whole = [*nearest(vectors, frame, "scaled", named(groups), CPU).values()]
    monkeypatch.setattr(distances, "_ROWS", 7)
    split = frame_of(vectors, groups)
    assert split.radius == pytest.approx(frame.radius)
    again = [*nearest(vectors, split, "scaled", named(groups), CPU).values()]
    assert np.concatenate(again) == pytest.approx(np.concatenate(whole))
    # And they are those of scikit-learn.
    index = NearestNeighbors(n_neighbors=1).fit(vectors[groups[1]])
    assert whole[1] * frame.radius == pytest.approx(index.kneighbors(vectors[groups[0]])[0][:, 0], rel=1e-4)


@given(seeds, st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_scale_free_distances_do_not_see_a_space_that_shrinks_and_moves(seed: int, factor: float) -> None:
    vectors, groups = cloud(seed), (slice(0, 15), slice(15, 40))
    moved = (factor * (vectors.astype(np.float64) + 3)).astype(np.float32)
    for metric in METRICS:
        before, after = (across(one, groups, metric) for one in (vectors, moved))
        expected = factor if metric == "euclidean" else 1
        assert after / before == pytest.approx(expected, rel=1e-3), metric


def test_scale_free_distances_see_a_group_that_moves() -> None:
    vectors, groups = cloud(5, 80), (slice(0, 40), slice(40, 80))
    nearer = vectors.copy()
    vectors[groups[0]] += 40
    for metric in SCALE_FREE:
        far, near = (across(one, groups, metric) for one in (vectors, nearer))
        assert near < 0.8 * far, metric


@given(seeds, st.floats(0.001, 1000), st.integers(2, 30))
@settings(max_examples=15, deadline=None)
def test_cka_sees_neither_axes_nor_units(seed: int, factor: float, other_d: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(20, 5)), rng.normal(size=(20, other_d))
    turned = factor * one @ ortho_group.rvs(5, random_state=seed) + 7
    for measure in (linear_cka, lambda x, y: debiased_cka(x, y, 1, np.random.default_rng(0)).observed):
        assert measure(one, turned) == pytest.approx(1)
        assert measure(turned, other) == pytest.approx(measure(one, other), abs=1e-9)
        assert measure(one, other) == pytest.approx(measure(other, one))
    assert 0 <= linear_cka(one, other) <= 1


def test_debiased_cka_of_unrelated_vectors_is_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    plain, debiased = [], []
    for _ in range(100):
        one, other = rng.normal(size=(2, 12, 60))
        plain.append(linear_cka(one, other))
        debiased.append(debiased_cka(one, other, 1, rng).observed)
    assert np.mean(plain) > 0.7
    assert abs(np.mean(debiased)) < 0.05


def test_debiased_cka_is_made_of_the_unbiased_estimator_of_hsic() -> None:
    """Song et al. 2012, equation 4."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(9, 3)), rng.normal(size=(9, 4))

    def hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        n = len(x)
        k, m = x @ x.T, y @ y.T
        np.fill_diagonal(k, 0)
        np.fill_diagonal(m, 0)
        both = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * (k @ m).sum() / (n - 2)
        return float(both / (n * (n - 3)))

    expected = hsic(one, other) / np.sqrt(hsic(one, one) * hsic(other, other))
    assert debiased_cka(one, other, 1, rng).observed == pytest.approx(expected)


def test_p_values_are_uniform_where_nothing_tells_the_groups_apart() -> None:
    rng = np.random.default_rng(7)
    apart, changed, aligned = [], [], []
    for _ in range(60):
        points = rng.normal(size=(24, 3))
        apart.append(separation(cdist(points, points), 10, 99, rng).p)
        changed.append(change(rng.normal(size=15), 99, rng).p)
        aligned.append(debiased_cka(points[:12], points[12:], 99, rng).p)
    for found in (apart, changed, aligned):
        assert kstest(found, "uniform").pvalue > 0.01
        assert min(found) >= 0.01


def test_p_values_are_small_where_something_does() -> None:
    rng = np.random.default_rng(8)
    points = np.concatenate([rng.normal(size=(20, 3)), rng.normal(size=(20, 3)) + 4])
    found = separation(cdist(points, points), 20, 99, rng)
    assert found.p == 0.01
    assert found.observed > found.high
    assert change(rng.normal(size=30) + 2, 99, rng).p == 0.01
    assert change(rng.normal(size=30) - 2, 99, rng).p == 0.01
    assert debiased_cka(points, points @ rng.normal(size=(3, 5)), 99, rng).p == 0.01


def test_a_p_value_counts_what_was_found_among_the_permutations() -> None:
    draws = np.array([1.0, 2.0, 3.0])
    assert null_of(2.5, draws).p == 2 / 4
    assert null_of(9.0, draws).p == 1 / 4
    assert null_of(-2.5, -draws, two_sided=True).p == 2 / 4
    assert change(np.zeros(5), 9, np.random.default_rng(0)).p == 1
