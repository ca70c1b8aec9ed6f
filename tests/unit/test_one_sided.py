"""The classifier of one side: the numbers of scikit-learn's own counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from bio_paws.features.one_sided import OneSidedClassifier

texts = st.lists(st.text("abB \n\té漢", max_size=8), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(texts, texts)
def test_decisions_are_those_of_a_pipeline_of_scikit_learn(train: list[str], test: list[str]) -> None:
    train = [*train, "abcd", "dcba", "abcd"]
    labels = np.arange(len(train), dtype=np.int8) % 2
    counts = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False)
    pipeline = make_pipeline(counts, MaxAbsScaler(), LogisticRegression(max_iter=500)).fit(train, labels)
    decisions = OneSidedClassifier().fit(train, labels).decision_function([*test, "bcdX"])
    assert decisions.tolist() == pipeline.decision_function([*test, "bcdX"]).tolist()


def test_strings_without_three_characters_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="three characters"):
        OneSidedClassifier().fit(["ab", ""], np.array([0, 1], dtype=np.int8))
