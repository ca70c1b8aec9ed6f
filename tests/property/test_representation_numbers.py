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
from bio_paws_eval.representations.distances import METRICS, SCALE_FREE, fit_normalisation, nearest_distances, normalise
from bio_paws_eval.representations.permutation_tests import permutation_test, separation_test, sign_flip_test

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
    return float(
        nearest_distances(vectors, fit_normalisation(vectors, groups), metric, named(groups), CPU)["a", "b"].mean()
    )


@given(seeds, st.sampled_from(METRICS), st.integers(2, 38))
@settings(max_examples=25, deadline=None)
def test_nearest_is_that_of_brute_force(seed: int, metric: str, cut: int) -> None:
    vectors, groups = cloud(seed), (slice(0, cut), slice(cut, 40))
    normalisation = fit_normalisation(vectors, groups)
    every = cdist(normalise(vectors, normalisation, metric), normalise(vectors, normalisation, metric))
    if metric == "cosine":
        every = every**2 / 2
    np.fill_diagonal(every, np.inf)
    measured = nearest_distances(vectors, normalisation, metric, named(groups), CPU)
    for (source, target), apart in measured.items():
        expected = every[named(groups)[source], named(groups)[target]].min(axis=1)
        assert apart == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert len(measured) == 4


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = cloud(3, 200), (slice(0, 70), slice(70, 200))
    normalisation = fit_normalisation(vectors, groups)
    whole = [*nearest_distances(vectors, normalisation, "scaled", named(groups), CPU).values()]
    monkeypatch.setattr(distances, "ROWS_PER_BLOCK", 7)
    split = fit_normalisation(vectors, groups)
    assert split.radius == pytest.approx(normalisation.radius)
    again = [*nearest_distances(vectors, split, "scaled", named(groups), CPU).values()]
    assert np.concatenate(again) == pytest.approx(np.concatenate(whole))
    # And they are those of scikit-learn.
    index = NearestNeighbors(n_neighbors=1).fit(vectors[groups[1]])
    assert whole[1] * normalisation.radius == pytest.approx(index.kneighbors(vectors[groups[0]])[0][:, 0], rel=1e-4)


@given(seeds, st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_scale_free_distances_do_not_see_a_space_that_shrinks_and_moves(seed: int, factor: float) -> None:
    vectors, groups = cloud(seed), (slice(0, 15), slice(15, 40))
    moved = (factor * (vectors.astype(np.float64) + 3)).astype(np.float32)
    for metric in METRICS:
        before, after = (across(points, groups, metric) for points in (vectors, moved))
        expected = factor if metric == "euclidean" else 1
        assert after / before == pytest.approx(expected, rel=1e-3), metric


def test_scale_free_distances_see_a_group_that_moves() -> None:
    vectors, groups = cloud(5, 80), (slice(0, 40), slice(40, 80))
    nearer = vectors.copy()
    vectors[groups[0]] += 40
    for metric in SCALE_FREE:
        far, near = (across(points, groups, metric) for points in (vectors, nearer))
        assert near < 0.8 * far, metric


@given(seeds, st.floats(0.001, 1000), st.integers(2, 30))
@settings(max_examples=15, deadline=None)
def test_cka_sees_neither_axes_nor_units(seed: int, factor: float, unrelated_d: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, unrelated = rng.normal(size=(20, 5)), rng.normal(size=(20, unrelated_d))
    turned = factor * vectors @ ortho_group.rvs(5, random_state=seed) + 7
    for measure in (linear_cka, lambda x, y: debiased_cka(x, y, 1, np.random.default_rng(0)).observed):
        assert measure(vectors, turned) == pytest.approx(1)
        assert measure(turned, unrelated) == pytest.approx(measure(vectors, unrelated), abs=1e-9)
        assert measure(vectors, unrelated) == pytest.approx(measure(unrelated, vectors))
    assert 0 <= linear_cka(vectors, unrelated) <= 1


def test_debiased_cka_of_unrelated_vectors_is_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    plain, debiased = [], []
    for _ in range(100):
        first, second = rng.normal(size=(2, 12, 60))
        plain.append(linear_cka(first, second))
        debiased.append(debiased_cka(first, second, 1, rng).observed)
    assert np.mean(plain) > 0.7
    assert abs(np.mean(debiased)) < 0.05


def test_debiased_cka_is_made_of_the_unbiased_estimator_of_hsic() -> None:
    """Song et al. 2012, equation 4."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(9, 3)), rng.normal(size=(9, 4))

    def hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        n = len(x)
        k, m = x @ x.T, y @ y.T
        np.fill_diagonal(k, 0)
        np.fill_diagonal(m, 0)
        both = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * (k @ m).sum() / (n - 2)
        return float(both / (n * (n - 3)))

    expected = hsic(first, second) / np.sqrt(hsic(first, first) * hsic(second, second))
    assert debiased_cka(first, second, 1, rng).observed == pytest.approx(expected)


def test_p_values_are_uniform_where_nothing_tells_the_groups_apart() -> None:
    rng = np.random.default_rng(7)
    apart, changed, aligned = [], [], []
    for _ in range(60):
        points = rng.normal(size=(24, 3))
        apart.append(separation_test(cdist(points, points), 10, 99, rng).p)
        changed.append(sign_flip_test(rng.normal(size=15), 99, rng).p)
        aligned.append(debiased_cka(points[:12], points[12:], 99, rng).p)
    for p_values in (apart, changed, aligned):
        assert kstest(p_values, "uniform").pvalue > 0.01
        assert min(p_values) >= 0.01


def test_p_values_are_small_where_something_does() -> None:
    rng = np.random.default_rng(8)
    points = np.concatenate([rng.normal(size=(20, 3)), rng.normal(size=(20, 3)) + 4])
    test = separation_test(cdist(points, points), 20, 99, rng)
    assert test.p == 0.01
    assert test.observed > test.high
    assert sign_flip_test(rng.normal(size=30) + 2, 99, rng).p == 0.01
    assert sign_flip_test(rng.normal(size=30) - 2, 99, rng).p == 0.01
    assert debiased_cka(points, points @ rng.normal(size=(3, 5)), 99, rng).p == 0.01


def test_a_p_value_counts_what_was_found_among_the_permutations() -> None:
    draws = np.array([1.0, 2.0, 3.0])
    assert permutation_test(2.5, draws).p == 2 / 4
    assert permutation_test(9.0, draws).p == 1 / 4
    assert permutation_test(-2.5, -draws, two_sided=True).p == 2 / 4
    assert sign_flip_test(np.zeros(5), 9, np.random.default_rng(0)).p == 1
