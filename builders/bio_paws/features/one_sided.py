"""A logistic regression on the 3-mers of one side: what that side alone tells of the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from bio_paws.features.kmers import SPACES

_BITS = 21  # of a character: three of them fit 63 bits


class OneSidedClassifier:
    """A logistic regression on the character 3-mers of one string, counted as written; runs of white space are one.

    The counts are those of scikit-learn's ``CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False)``,
    whose loop over every k-mer takes ten times as long.
    """

    def __init__(self) -> None:
        from sklearn.linear_model import LogisticRegression  # takes a second, and workers never need it
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MaxAbsScaler

        self._regression = make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=500))
        self._vocabulary: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def fit(self, texts: Sequence[str], labels: NDArray[np.int8]) -> OneSidedClassifier:
        """Fit on strings and their labels, and return this classifier.

        Raises
        ------
        ValueError
            When no string has three characters, or the labels are of one value only.
        """
        self._vocabulary = np.unique(_kmers(list(dict.fromkeys(texts)))[1])
        if not len(self._vocabulary):
            raise ValueError("no string has three characters")
        self._regression.fit(self._counts(texts), labels)
        return self

    def decision_function(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one number for each string, above 0 where it looks like label 1: shape (n,)."""
        decisions: NDArray[np.float64] = self._regression.decision_function(self._counts(texts))
        return decisions

    def _counts(self, texts: Sequence[str]) -> csr_array[Any, Any]:
        """Count the k-mers of the vocabulary: shape (texts, vocabulary)."""
        rows: dict[str, int] = {}
        row_of = [rows.setdefault(text, len(rows)) for text in texts]  # most strings stand under both labels
        text, kmers = _kmers(list(rows))
        column = np.searchsorted(self._vocabulary, kmers)
        column[column == len(self._vocabulary)] = 0
        known = self._vocabulary[column] == kmers
        places = text[known], column[known]
        counts = coo_array(
            (np.ones(len(places[0]), dtype=np.int64), places), shape=(len(rows), len(self._vocabulary))
        ).tocsr()
        return counts[row_of]


def _kmers(texts: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List all 3-mers: the number of the text that each lies in, and the 3-mer as a number, in the order of strings."""
    texts = [SPACES.sub(" ", text) for text in texts]
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    text = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    within = text[:-2] == text[2:]
    kmers = letters[:-2] << 2 * _BITS | letters[1:-1] << _BITS | letters[2:]
    return text[:-2][within], kmers[within]
