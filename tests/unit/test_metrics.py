"""Metrics against scikit-learn and scipy; intervals, seeds and comparisons against what must hold."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from bio_paws.features.thresholds import auroc
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import share
from bio_paws_eval.stats.metrics import METRICS, measure
from bio_paws_eval.stats.pair_types import measure_pair_types
from bio_paws_eval.stats.perturbations import measure_perturbations
from bio_paws_eval.stats.resampling import RankedPairs, ScoredPairs
from bio_paws_eval.stats.seeds import summarise_areas, summarise_seeds
from bio_paws_eval.stats.significance import compare, compare_areas, holm


def apart(labels: np.ndarray) -> PairGroups:
    """Each pair by itself."""
    return PairGroups.unknown(len(labels))


def scored(correct: np.ndarray) -> ScoredPairs:
    labels = np.ones(correct.shape[1], dtype=np.int8)
    return ScoredPairs(correct, labels, apart(labels))


def ranked(margins: np.ndarray, labels: np.ndarray) -> RankedPairs:
    return RankedPairs(margins, labels, apart(labels))


def logits_of(margins: list[float]) -> np.ndarray:
    return np.array([[0.0, margin] for margin in margins], dtype=np.float32)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(-3, 3).map(lambda middle: middle + 0.5), st.integers(0, 1)), min_size=8, max_size=60)
)
def test_metrics_are_those_of_scikit_learn(rows: list[tuple[float, int]]) -> None:
    labels = np.array([label for _, label in rows] + [0, 1], dtype=np.int8)
    margins = [margin for margin, _ in rows] + [-0.5, 0.5]
    measured = measure(logits_of(margins), labels, apart(labels))
    answers = np.array(margins) > 0
    assert measured["accuracy"]["value"] == pytest.approx(reference.accuracy_score(labels, answers))
    assert measured["balanced_accuracy"]["value"] == pytest.approx(reference.balanced_accuracy_score(labels, answers))
    assert measured["f1"]["value"] == pytest.approx(reference.f1_score(labels, answers))
    assert measured["mcc"]["value"] == pytest.approx(reference.matthews_corrcoef(labels, answers))
    assert measured["auroc"]["value"] == pytest.approx(reference.roc_auc_score(labels, margins))
    assert measured["predicted_positive_rate"]["value"] == pytest.approx(answers.mean())
    assert measured["confusion"] == reference.confusion_matrix(labels, answers).tolist()
    for name in METRICS:
        assert measured[name]["low"] <= measured[name]["high"]


def test_one_answer_for_all_has_no_correlation_and_one_label_no_curve() -> None:
    labels = np.array([0, 1, 0, 1], dtype=np.int8)
    assert measure(logits_of([1, 1, 1, 1]), labels, apart(labels))["mcc"]["value"] == 0
    assert measure(logits_of([1, 1, 1, 1]), labels, apart(labels))["auroc"]["value"] == 0.5
    zeros = np.zeros(2, dtype=np.int8)
    single = measure(logits_of([1, -1]), zeros, apart(zeros))
    assert single["auroc"] == {"value": None, "low": None, "high": None}
    assert single["accuracy"]["value"] == 0.5


def test_a_tie_is_answered_with_label_0() -> None:
    labels = np.array([0, 1], dtype=np.int8)
    assert measure(logits_of([0.0, 0.0]), labels, apart(labels))["predicted_positive_rate"]["value"] == 0


def test_intervals_have_the_width_of_the_normal_approximation() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 2000).astype(np.int8)
    right = rng.random(2000) < 0.8
    margins = np.where(right == (labels == 1), 1.0, -1.0) * rng.random(2000)
    accuracy = measure(logits_of(margins.tolist()), labels, apart(labels))["accuracy"]
    half = 1.96 * np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / 2000)
    assert accuracy["high"] - accuracy["value"] == pytest.approx(half, rel=0.15)
    assert accuracy["value"] - accuracy["low"] == pytest.approx(half, rel=0.15)


def test_seeds_are_summarised_and_the_oracle_is_named_apart() -> None:
    correct = np.zeros((3, 100), dtype=bool)
    correct[0, :60] = correct[1, :90] = correct[2, :70] = True
    summary = summarise_seeds(scored(correct), [0.8, 0.7, 0.9])
    assert (summary.seeds, summary.min, summary.max) == (3, 0.6, 0.9)
    assert summary.mean == pytest.approx(0.7333, abs=1e-4)
    assert summary.sd == pytest.approx(np.std([0.6, 0.9, 0.7], ddof=1))
    assert summary.dev_chosen == 0.7  # the best on dev is not the best here
    assert summary.oracle == 0.9
    assert summary.low < summary.mean < summary.high
    # Seeds that differ widen the interval beyond that of the pairs.
    alike = summarise_seeds(scored(np.repeat(correct[2:], 3, axis=0)), [0.9] * 3)
    assert summary.high - summary.low > alike.high - alike.low
    assert summarise_seeds(scored(correct), [None, 0.7, 0.9]).dev_chosen is None
    assert np.isnan(summarise_seeds(scored(correct[:1]), [0.5]).sd)


def test_of_seeds_that_tie_on_dev_the_first_is_chosen() -> None:
    correct = np.zeros((2, 10), dtype=bool)
    correct[1] = True
    assert summarise_seeds(scored(correct), [0.8, 0.8]).dev_chosen == 0


def test_comparison_is_paired() -> None:
    first, second = np.zeros((1, 200), dtype=bool), np.zeros((1, 200), dtype=bool)
    first[0, :120] = True
    second[0, :100] = True  # right where the first is right, but for 20
    comparison = compare(scored(first), scored(second))
    assert (comparison.only_first, comparison.only_second) == (20, 0)
    # Of independent pairs the test is McNemar's, whose normal form here is z = 20 / sqrt(20).
    assert 1e-7 < comparison.p_value < 1e-4
    assert comparison.difference == pytest.approx(0.1)
    # Paired: 20 pairs decide, so the interval is narrower than that of two separate samples.
    assert 0.05 < comparison.low < 0.1 < comparison.high < 0.15
    assert compare(scored(first), scored(first)).p_value == 1
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(scored(first), scored(second[:, :100]))


def test_areas_are_compared_without_a_threshold() -> None:
    rng = np.random.default_rng(0)
    labels = (np.arange(400) % 2).astype(np.int8)
    noise = rng.normal(size=(2, 400))
    better, worse = labels * 1.5 + noise, labels * 0.3 + noise
    compared = compare_areas(ranked(better, labels), ranked(worse, labels))
    assert compared.difference == pytest.approx(
        np.mean([auroc(row, labels) for row in better]) - np.mean([auroc(row, labels) for row in worse])
    )
    assert 0 < compared.low < compared.difference < compared.high
    assert compared.p_value < 1e-4
    # The same order of the pairs gives the same area, wherever the threshold is.
    shifted = compare_areas(ranked(better - 100, labels), ranked(worse, labels))
    assert shifted == compared
    assert compare_areas(ranked(better, labels), ranked(better, labels)).p_value == 1
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_areas(ranked(better, labels), ranked(worse[:, :100], labels[:100]))


def test_a_perfect_order_varies_with_the_groups() -> None:
    labels = (np.arange(40) % 2).astype(np.int8)
    summary = summarise_areas(ranked(labels[np.newaxis].astype(float), labels), [None])
    assert summary is not None
    assert summary.mean == 1 == summary.high
    assert 0.8 < summary.low < 1


def test_an_area_needs_both_labels() -> None:
    labels = np.ones(10, dtype=np.int8)
    assert summarise_areas(ranked(np.arange(10.0)[np.newaxis], labels), [None]) is None


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


# Shares, kinds and views


@pytest.mark.parametrize(("hits", "n"), [(0, 40), (1, 40), (20, 40), (39, 40), (40, 40), (480, 500)])
def test_a_share_has_jeffreys_interval(hits: int, n: int) -> None:
    interval = share([hits], n)
    low, high = beta.ppf([0.025, 0.975], hits + 0.5, n - hits + 0.5)
    assert interval["value"] == hits / n
    assert interval["low"] == pytest.approx(low if hits else 0, abs=1e-3)
    assert interval["high"] == pytest.approx(high if hits < n else 1, abs=1e-3)
    assert interval["low"] <= interval["value"] <= interval["high"]


def test_a_share_over_seeds_widens_with_their_spread_and_never_for_their_number() -> None:
    single, alike, apart = share([30], 60), share([30] * 5, 60), share([10, 20, 30, 40, 50], 60)
    assert single["value"] == alike["value"] == apart["value"] == 0.5
    # Seeds that answer alike answer the same pairs: five of them know no more than one.
    assert alike["low"] == pytest.approx(single["low"])
    assert apart["high"] - apart["low"] > 1.2 * (single["high"] - single["low"])
    assert share([0], 0) == {"value": None, "low": None, "high": None}


def test_each_kind_is_measured_against_the_other_label() -> None:
    kinds = np.array(["near"] * 4 + ["far"] * 4 + ["other"] * 8, dtype=object)
    labels = np.array([1] * 8 + [0] * 8, dtype=np.int8)
    margins = [3, 3, 3, -1, 1, -2, -2, -2, *[-1.5] * 6, 2, 2]
    pair_types = measure_pair_types(logits_of([float(margin) for margin in margins]), labels, kinds, apart(labels))
    assert {name: (entry["label"], entry["n"]) for name, entry in pair_types.items()} == {
        "far": (1, 4), "near": (1, 4), "other": (0, 8),
    }  # fmt: skip
    assert {name: entry["predicted_positive_rate"]["value"] for name, entry in pair_types.items()} == {
        "far": 0.25,
        "near": 0.75,
        "other": 0.25,
    }
    for name, entry in pair_types.items():
        rows = (kinds == name) | (labels != entry["label"])
        assert entry["auroc"]["value"] == reference.roc_auc_score(labels[rows], np.array(margins)[rows])
        assert entry["auroc"]["low"] <= entry["auroc"]["value"] <= entry["auroc"]["high"]


def test_one_kind_a_label_says_no_more_than_the_label() -> None:
    labels = np.array([0, 1], dtype=np.int8)
    assert (
        measure_pair_types(
            logits_of([-1, 1]), labels, np.array(["other_group", "homolog"], dtype=object), apart(labels)
        )
        == {}
    )
    assert measure_pair_types(logits_of([-1, 1]), labels, np.empty(0, dtype=object), apart(labels)) == {}


def test_views_are_compared_with_what_is_stored() -> None:
    labels = np.array([1] * 20 + [0] * 20, dtype=np.int8)
    stored = np.array([1.0] * 18 + [-1.0] * 2 + [-1.0] * 20)
    turned = stored.copy()
    turned[:12] = -2.0  # twelve similar pairs are no longer recognised
    turned[19] = 3.0  # and one is
    views = {"swapped": stored + 0.5, "reverse_complement1": turned, "reverse_complement2": stored}
    given = {name: logits_of(margins.tolist()) for name, margins in views.items()}
    # Two pairs more than the views are of change nothing.
    more = np.append(labels, [0, 1]).astype(np.int8)
    perturbations = measure_perturbations(logits_of([*stored, 1.0, -1.0]), more, given, apart(more))
    assert perturbations["n"] == 40
    assert perturbations["original"]["accuracy"] == share([38], 40) | {"effective_pairs": 40}
    assert perturbations["original"]["recall"] == share([18], 20) | {"effective_pairs": 20}
    perturbed = perturbations["perturbed"]["reverse_complement1"]
    assert perturbed["accuracy"]["value"] == 27 / 40
    assert perturbed["recall"]["value"] == 7 / 20
    assert perturbed["consistency"] == share([27], 40) | {"effective_pairs": 40}
    assert perturbed["margin_change"] == pytest.approx((12 * 3 + 4) / 40)
    assert (perturbed["only_original"], perturbed["only_perturbed"]) == (12, 1)
    assert binomtest(12, 13).pvalue / 10 < perturbed["p_value"] < binomtest(12, 13).pvalue
    assert perturbed["p_corrected"] == pytest.approx(3 * perturbed["p_value"])
    same = perturbations["perturbed"]["swapped"]
    assert (same["consistency"]["value"], same["margin_change"], same["p_value"]) == (1.0, 0.5, 1.0)
    assert perturbations["tells_strands"] is True


def test_a_model_tells_strands_only_by_one_side_complemented_and_only_where_there_are_strands() -> None:
    labels = np.array([1] * 20 + [0] * 20, dtype=np.int8)
    stored = np.where(labels == 1, 1.0, -1.0)
    right, wrong = logits_of(stored.tolist()), logits_of([-1.0] * 40)
    sides = ("reverse_complement1", "reverse_complement2")
    both = {**dict.fromkeys(sides, right), "reverse_complement_both": wrong, "swapped": wrong}
    assert measure_perturbations(right, labels, both, apart(labels))["tells_strands"] is False
    changed = both | {"reverse_complement2": wrong}
    assert measure_perturbations(right, labels, changed, apart(labels))["tells_strands"] is True
    # Five changes are significant alone, but not as one of four.
    few = logits_of([-1.0] * 5 + [1.0] * 15 + [-1.0] * 20)
    assert measure_perturbations(right, labels, {"reverse_complement1": few}, apart(labels))["tells_strands"] is True
    four = {**dict.fromkeys((*sides, "reverse_complement_both", "swapped"), right), "reverse_complement1": few}
    assert measure_perturbations(right, labels, four, apart(labels))["tells_strands"] is False
    assert measure_perturbations(right, labels, {"swapped": wrong}, apart(labels))["tells_strands"] is None
    assert measure_perturbations(right, labels, {}, apart(labels)) == {}


def test_views_of_one_label_have_no_recall() -> None:
    zeros = np.zeros(2, dtype=np.int8)
    perturbations = measure_perturbations(logits_of([1, 1]), zeros, {"swapped": logits_of([1, -1])}, apart(zeros))
    assert perturbations["original"]["recall"]["value"] is None
