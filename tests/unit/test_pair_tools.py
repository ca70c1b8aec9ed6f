"""What is measured of pairs without an alignment: k-mers against plain Python, composition, the best threshold."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from bio_paws.features import kmers
from bio_paws.features.kmers import hashed_kmers, kmer_similarity
from bio_paws.features.pair_features import composition_differences
from bio_paws.features.thresholds import fit_threshold

TEXTS = st.text(alphabet="ACGTa é汉😀", max_size=25)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_kmers_are_those_of_plain_python(pairs: list[tuple[str, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kmers, "PAIRS_PER_BLOCK", 2)
        patch.setattr(kmers, "_MOST_NUMBERS", 50)
        similarities = kmer_similarity([a for a, _ in pairs], [b for _, b in pairs], 6)
    for i, pair in enumerate(pairs):
        for k in range(1, 7):
            a, b = (Counter(text[at : at + k] for at in range(len(text) - k + 1)) for text in pair)
            either = len(a.keys() | b.keys())
            norm = sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
            assert similarities.jaccard[k - 1, i] == pytest.approx(len(a.keys() & b.keys()) / either if either else 0)
            assert similarities.cosine[k - 1, i] == pytest.approx(
                sum(a[kmer] * b[kmer] for kmer in a) / norm if norm else 0
            )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("AC \n\té汉😀", max_size=9), min_size=1, max_size=7), st.sampled_from((3, 6)))
def test_hashed_kmers_are_those_of_scikit_learn(texts: list[str], k: int) -> None:
    hashing = HashingVectorizer(analyzer="char", ngram_range=(k, k), lowercase=False, n_features=8, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kmers, "_PROFILES_AT_ONCE", 2)
        profiles = hashed_kmers(texts, k, 8)
    assert profiles.dtype == np.float32
    assert profiles.tolist() == hashing.transform(texts).toarray().tolist()


def test_what_is_compared_again_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = ["ACGTACGTAG"], ["ACGTACCTAG"]
    similarity = kmer_similarity(*pair, 3)
    monkeypatch.setattr(kmers, "_list_kmers", None)
    assert np.array_equal(similarity.cosine, kmer_similarity(*pair, 3).cosine)


def test_composition_is_gc_of_dna_and_garp_of_proteins() -> None:
    assert composition_differences(["ACGT", "GGGG"], ["AAAT", "AC"], "dna").tolist() == [0.5, 0.5]
    assert composition_differences(["GARP"], ["CMST"], "protein").tolist() == [1]
    assert composition_differences(["GGGG"], ["ACCC"], "dna_protein").tolist() == [0.75]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=1, max_size=30))
def test_no_threshold_is_better_and_no_train_score_lies_on_it(pairs: list[tuple[int, int]]) -> None:
    scores = np.array([score for score, _ in pairs], dtype=np.float64) / 7
    labels = np.array([label for _, label in pairs], dtype=np.int8)
    threshold = fit_threshold(scores, labels)
    cuts = np.r_[-1, np.sort(scores) + 1e-6]
    best = max(((way * (scores - cut) > 0) == labels).mean() for cut in cuts for way in (1, -1))
    margin = threshold.direction * (scores - threshold.value)
    assert ((margin > 0) == labels).mean() == best
    assert np.abs(margin).min() > 0.01


def test_threshold_lies_half_way_and_knows_its_direction() -> None:
    labels = np.array([1, 0, 1, 0], dtype=np.int8)
    assert vars(fit_threshold(np.array([2.0, 1.0, 3.0, 0.0]), labels)) == {"direction": 1, "value": 1.5}
    assert vars(fit_threshold(np.array([1.0, 2.0, 0.0, 3.0]), labels)) == {"direction": -1, "value": 1.5}
    assert vars(fit_threshold(np.zeros(3), labels[:3])) == {"direction": 1, "value": -1.0}
