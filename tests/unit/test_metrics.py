"""Metrics against scikit-learn and scipy; intervals, seeds and comparisons against what must hold."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws_eval.metrics import METRICS, _resampled_auroc, auroc, compare, measure, summarise_seeds


def logits_of(margins: list[float]) -> np.ndarray:
    return np.array([[0.0, one] for one in margins], dtype=np.float32)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(-3, 3).map(lambda one: one + 0.5), st.integers(0, 1)), min_size=8, max_size=60))
def test_metrics_are_those_of_scikit_learn(rows: list[tuple[float, int]]) -> None:
    labels = np.array([label for _, label in rows] + [0, 1], dtype=np.int8)
    margins = [margin for margin, _ in rows] + [-0.5, 0.5]
    measured = measure(logits_of(margins), labels)
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
    assert measure(logits_of([1, 1, 1, 1]), labels)["mcc"]["value"] == 0
    assert measure(logits_of([1, 1, 1, 1]), labels)["auroc"]["value"] == 0.5
    single = measure(logits_of([1, -1]), np.zeros(2, dtype=np.int8))
    assert single["auroc"] == {"value": None, "low": None, "high": None}
    assert single["accuracy"]["value"] == 0.5


def test_a_tie_is_answered_with_label_0() -> None:
    assert measure(logits_of([0.0, 0.0]), np.array([0, 1], dtype=np.int8))["predicted_positive_rate"]["value"] == 0


def test_intervals_have_the_width_of_the_normal_approximation() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 2000).astype(np.int8)
    right = rng.random(2000) < 0.8
    margins = np.where(right == (labels == 1), 1.0, -1.0) * rng.random(2000)
    accuracy = measure(logits_of(margins.tolist()), labels)["accuracy"]
    half = 1.96 * np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / 2000)
    assert accuracy["high"] - accuracy["value"] == pytest.approx(half, rel=0.15)
    assert accuracy["value"] - accuracy["low"] == pytest.approx(half, rel=0.15)


def test_resampled_curves_are_those_of_resampled_pairs() -> None:
    rng = np.random.default_rng(1)
    margin, labels = rng.integers(0, 5, 40).astype(float), rng.integers(0, 2, 40).astype(np.int8)
    order = np.argsort(margin, kind="stable")
    margin, labels = margin[order], labels[order]
    draws = _resampled_auroc(margin, labels, np.random.default_rng(7))
    again = np.random.default_rng(7)
    for draw in draws[:20]:
        rows = again.integers(0, 40, 40)
        assert draw == pytest.approx(auroc(margin[rows], labels[rows]))


def test_seeds_are_summarised_and_the_oracle_is_named_apart() -> None:
    correct = np.zeros((3, 100), dtype=bool)
    correct[0, :60] = correct[1, :90] = correct[2, :70] = True
    summary = summarise_seeds(correct, [0.8, 0.7, 0.9])
    assert (summary.seeds, summary.min, summary.max) == (3, 0.6, 0.9)
    assert summary.mean == pytest.approx(0.7333, abs=1e-4)
    assert summary.sd == pytest.approx(np.std([0.6, 0.9, 0.7], ddof=1))
    assert summary.dev_chosen == 0.7  # the best on dev is not the best here
    assert summary.oracle == 0.9
    assert summary.low < summary.mean < summary.high
    # Seeds that differ widen the interval beyond that of the pairs.
    alike = summarise_seeds(np.repeat(correct[2:], 3, axis=0), [0.9] * 3)
    assert summary.high - summary.low > alike.high - alike.low
    assert summarise_seeds(correct, [None, 0.7, 0.9]).dev_chosen is None
    assert np.isnan(summarise_seeds(correct[:1], [0.5]).sd)


def test_of_seeds_that_tie_on_dev_the_first_is_chosen() -> None:
    correct = np.zeros((2, 10), dtype=bool)
    correct[1] = True
    assert summarise_seeds(correct, [0.8, 0.8]).dev_chosen == 0


def test_comparison_is_mcnemars_and_paired() -> None:
    first, second = np.zeros((1, 200), dtype=bool), np.zeros((1, 200), dtype=bool)
    first[0, :120] = True
    second[0, :100] = True  # right where the first is right, but for 20
    found = compare(first, second)
    assert (found.only_first, found.only_second) == (20, 0)
    assert found.p_value == pytest.approx(2 * 0.5**20)
    assert found.difference == pytest.approx(0.1)
    # Paired: 20 pairs decide, so the interval is narrower than that of two separate samples.
    assert 0.05 < found.low < 0.1 < found.high < 0.15
    assert compare(first, first).p_value == 1
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(first, second[:, :100])
