"""Intervals and tests that resample groups: what they must be, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.intervals import Design, coverage
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from bio_paws.features.thresholds import auroc
from bio_paws_eval.stats.decisions import predicted
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import levels, proportion, share, with_interval, worth_of
from bio_paws_eval.stats.metrics import measure, sampling_of
from bio_paws_eval.stats.resampling import (
    RESAMPLES,
    ScoredPairs,
    mean_over_seeds,
    resampled_auroc,
    resampled_rates,
    resampled_weights,
)
from bio_paws_eval.stats.seeds import summarise_seeds
from bio_paws_eval.stats.significance import compare


def weights_of(groups: PairGroups) -> np.ndarray:
    return np.concatenate(list(resampled_weights(groups, groups.first, groups.second)))


pairs_of_groups = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 1), st.integers(0, 3)), min_size=6, max_size=40
)


@settings(deadline=None, max_examples=25)
@given(pairs_of_groups)
def test_a_pair_counts_as_often_as_the_product_of_its_groups(rows: list[tuple[int, int, int, int]]) -> None:
    first, second, labels, margins = (np.array(column) for column in zip(*rows, strict=True))
    groups = PairGroups.of_names("homology groups", first.astype(str), second.astype(str))
    weights = weights_of(groups)
    assert weights.shape == (RESAMPLES, len(rows))
    singles = {int(group): i for i, group in enumerate(first) if group == second[i]}
    for i, (group1, group2) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        assert (weights[:, i] % 1 == 0).all()
        if group1 != group2 and {group1, group2} <= set(singles):
            assert (weights[:, i] == weights[:, singles[group1]] * weights[:, singles[group2]]).all()
    # Weighted sums are those of the pairs themselves.
    hits = (margins % 2 == 0)[np.newaxis]
    rates, totals = resampled_rates(hits, labels, groups)
    areas = resampled_auroc(margins.astype(float), labels, groups)
    for draw in range(0, RESAMPLES, 250):
        rows_drawn = np.repeat(np.arange(len(rows)), weights[draw].astype(int))
        for label in (0, 1):
            of_label = rows_drawn[labels[rows_drawn] == label]
            fixed = groups.labels_fixed(labels)
            assert totals[draw, label] == ((labels == label).sum() if fixed else len(of_label))
            if len(of_label):
                assert rates[draw, 0, label] == pytest.approx(hits[0, of_label].mean())
        area = auroc(margins[rows_drawn], labels[rows_drawn]) if len(rows_drawn) else np.nan
        assert areas[draw] == pytest.approx(area, nan_ok=True)


def test_effective_groups_fall_where_one_group_is_large() -> None:
    even = PairGroups.of_names("homology groups", list("abcd") * 5, list("abcd") * 5)
    uneven = PairGroups.of_names("homology groups", [*"a" * 17, *"bcd"], [*"a" * 17, *"bcd"])
    assert (even.count, even.effective) == (4, 4)
    assert uneven.count == 4
    assert uneven.effective == pytest.approx(400 / (17**2 + 3))
    part = even.take(np.arange(2))
    assert (part.count, part.names.tolist(), part.few) == (2, ["a", "b"], True)


def test_pairs_that_share_a_sentence_are_one_group() -> None:
    groups = PairGroups.sharing_sentences(["a", "c", "x", "b"], ["b", "d", "y", "c"])
    assert groups.first.tolist() == groups.second.tolist() == [0, 0, 1, 0]
    assert (groups.unit, groups.count, groups.independent) == ("shared sentences", 2, False)


def test_pairs_of_few_groups_are_worth_few_pairs() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 50)
    labels = np.tile([0, 1], 500).astype(np.int8)
    groups = PairGroups.of_names("homology groups", group.astype(str), group.astype(str))
    alike = np.repeat(rng.random(20) < 0.6, 50)[np.newaxis]  # all pairs of a group come out alike
    independent = rng.random((1, 1000)) < 0.6
    assert 12 < ScoredPairs(alike, labels, groups).effective_pairs < 30
    assert ScoredPairs(independent, labels, groups).effective_pairs > 500
    for correct in (alike, independent):
        logits = np.where((correct[0] == labels)[:, np.newaxis], [0, 1], [1, 0]).astype(np.float32)
        sampling = sampling_of(predicted(logits) == labels, labels, groups)
        assert sampling | {"effective_pairs": 0} == {
            **{"unit": "homology groups", "pairs": 1000, "groups": 20, "effective_groups": 20},
            **{"effective_pairs": 0, "few_groups": True},
        }
        # Without labels whose number is fixed, both count the same.
        assert worth_of(sampling) == pytest.approx(proportion(correct[0], groups)["effective_pairs"], rel=0.15)
    wide, narrow = (proportion(hits[0], groups) for hits in (alike, independent))
    assert wide["high"] - wide["low"] > 3 * (narrow["high"] - narrow["low"])


def test_the_number_of_pairs_of_a_label_does_not_vary() -> None:
    """One answer for all is right on half of the pairs of every balanced set: there is nothing to be unsure of."""
    group = np.repeat(np.arange(10), 4).astype(str)
    labels = np.tile([0, 0, 1, 1], 10).astype(np.int8)
    ones = np.tile(np.array([0, 1], dtype=np.float32), (40, 1))
    other = np.roll(group, 4)
    homology = PairGroups.of_names("homology groups", group, np.where(labels == 1, group, other))
    assert measure(ones, labels, homology)["accuracy"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert sampling_of(predicted(ones) == labels, labels, homology)["effective_pairs"] is None
    pairs = measure(ones, labels, PairGroups.unknown(40))["accuracy"]
    assert pairs["low"] < 0.5 < pairs["high"]


def test_one_answer_for_all_is_sure_to_be_half_right_of_whole_configs_alone() -> None:
    """The builder makes as many pairs of either label; of the first 50 pairs of a file 17 are similar by chance."""
    names = [f"g{i % 12}" for i in range(50)]
    groups = PairGroups.of_names("homology groups", names, names)
    always_0 = np.tile(np.array([1, 0], dtype=np.float32), (50, 1))
    for similar, whole in ((17, False), (25, True)):
        labels = np.random.default_rng(0).permutation(np.arange(50) < similar).astype(np.int8)
        measured = measure(always_0, labels, groups)
        accuracy, rate = measured["accuracy"], measured["predicted_positive_rate"]
        assert accuracy["value"] == pytest.approx(1 - similar / 50)
        assert (accuracy["low"] == accuracy["high"]) is whole
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
        assert measured["balanced_accuracy"] == {"value": 0.5, "low": 0.5, "high": 0.5}
        # Of other sequences it might take a few for similar, as in any rate that is 0 in all groups.
        assert (rate["value"], rate["low"]) == (0, 0) and 0.1 < rate["high"] < 0.3


def test_a_perfect_score_has_jeffreys_interval_of_groups() -> None:
    group = np.repeat(np.arange(12), 10).astype(str)
    labels = np.tile([0, 1], 60).astype(np.int8)
    groups = PairGroups.of_names("homology groups", group, group)
    right = np.where((labels == 1)[:, np.newaxis], [0, 1], [1, 0]).astype(np.float32)
    low = beta.ppf(0.025, 12.5, 0.5)
    for name in ("accuracy", "auroc", "balanced_accuracy"):
        measured = measure(right, labels, groups)[name]
        assert (measured["value"], measured["high"]) == (1, 1)
        assert measured["low"] == pytest.approx(low, abs=0.02)
    summary = summarise_seeds(ScoredPairs(np.ones((1, 120), dtype=bool), labels, groups), [None])
    assert summary.low == pytest.approx(low, abs=0.02)
    # Against one answer for all nothing varies either.
    perfect, constant = (ScoredPairs(correct[np.newaxis], labels, groups) for correct in (labels >= 0, labels == 1))
    comparison = compare(perfect, constant)
    assert (comparison.difference, comparison.high) == (0.5, 0.5)
    assert 0 < comparison.low < 0.45
    assert 0 < comparison.p_value < 0.05
    assert compare(perfect, perfect).p_value == 1


def test_two_systems_are_compared_on_the_groups_that_either_knows() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 10).astype(str)
    labels = np.tile([0, 1], 100).astype(np.int8)
    groups = PairGroups.of_names("homology groups", group, group)
    scored1, scored2 = (ScoredPairs(rng.random((1, 200)) < rate, labels, groups) for rate in (0.6, 0.8))
    unknown = ScoredPairs(scored1.correct, labels, PairGroups.unknown(200))
    assert compare(unknown, scored2) == compare(scored1, scored2)
    assert compare(scored2, unknown) == compare(scored2, scored1)


def test_one_group_tells_nothing() -> None:
    labels = np.array([0, 1, 1, 0], dtype=np.int8)
    groups = PairGroups.of_names("homology groups", "aaaa", "aaaa")
    scored = ScoredPairs(np.array([[True, False, True, True]]), labels, groups)
    summary = summarise_seeds(scored, [None])
    assert (summary.mean, summary.low, summary.high) == (0.75, 0, 1)
    other = ScoredPairs(~scored.correct, labels, groups)
    assert (compare(scored, other).low, compare(scored, other).high, compare(scored, other).p_value) == (-1, 1, 1)
    logits = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], dtype=np.float32)
    assert measure(logits, labels, groups)["accuracy"] == {"value": 0.5, "low": None, "high": None}


def test_percentiles_move_outwards_for_few_groups() -> None:
    assert levels() == pytest.approx((2.5, 97.5), abs=1e-3)
    assert levels(11)[0] < 1.5
    assert levels(2)[0] < 1e-6
    draws = np.linspace(0, 1, RESAMPLES)
    few, many = with_interval(0.5, draws, 8.0), with_interval(0.5, draws)
    assert few["low"] < many["low"] < many["high"] < few["high"]
    assert with_interval(0.5, draws, 1.0) == {"value": 0.5, "low": None, "high": None}


def test_the_variance_of_a_mean_over_seeds_is_not_too_small() -> None:
    draws = np.tile([0.1, 0.3, 0.5], (RESAMPLES, 1))
    means = mean_over_seeds(draws, np.random.default_rng(0))
    assert means.mean() == pytest.approx(0.3, abs=0.01)
    assert means.var() == pytest.approx(np.var([0.1, 0.3, 0.5], ddof=1) / 3, rel=0.15)


def test_a_share_may_be_worth_fewer_pairs() -> None:
    assert share([50], 100, 25.0) == share([25], 50, 25.0)
    wide, narrow = share([50], 100, 10.0), share([50], 100)
    assert wide["low"] < narrow["low"] < 0.5


@pytest.mark.parametrize("between", [0.0, 0.3])
def test_intervals_hold_the_truth_where_pairs_of_a_group_are_alike(between: float) -> None:
    """100 data sets of 40 groups: the interval holds the true accuracy as often as it says."""
    of_pairs, of_groups = coverage(Design(groups=40, pairs=400, between=between, crossed=True), 100)
    assert of_groups[0] >= 0.91  # 95% less twice the standard error
    assert of_groups[2] <= 0.09
    if between:
        assert of_pairs[0] < 0.85
        assert of_pairs[2] > 0.1
