"""What needs no biology is worth, split by split: fitted on the earlier rows as they are, measured on the later ones.

The baselines of `bio_paws.audit.checks.baselines` are kept from what they were fitted on; here nothing is, as for a
model that is trained on one split and tested on another. What a leak is worth shows by class of test pair: both of its
sequences, one or none of them in the earlier rows (C1, C2, C3: Park Y, Marcotte EM (2012) Nat Methods 9:1134-1136).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bio_paws.audit.checks.leakage import Division, costly_divisions, fold_count
from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.findings import Estimate
from bio_paws.audit.pairs import SIDE_FEATURES, Pairs, fetch
from bio_paws.audit.sampling.intervals import auc_estimate, share_estimate
from bio_paws.audit.sampling.sample import affordable_texts
from bio_paws.execution.progress import progress
from bio_paws.features.baselines import BASELINES, Content, Fit, PairBatch, Rule, get_baseline
from bio_paws.features.kmers import hashed_kmers

TRAIN_ROWS = 10_000
"""Earlier pairs that are fitted on, at most."""
TEST_ROWS = 2_000
"""Later pairs that are predicted, at most; of folds, in all of them together."""
FOLD_TRAIN_ROWS = 5_000
"""Earlier pairs that are fitted on, at most, for each of several folds."""
RANDOM_TEST = 0.2
"""Part of the rows that is put aside where there is no split."""

PairClass = Literal["all", "C1", "C2", "C3"]
"""All test pairs; those with both sequences in the earlier rows, with one, with none."""

_PREFIX = 1_000  # letters that the nearest neighbour is looked for by
_DIMENSIONS = 1_024  # of hashed k-mers
_ALIGNED = 1_000  # pairs to fit on, and pairs to predict
FEWEST = 10
"""Test pairs of a class that is measured."""
_SEED = 0

Margins = NDArray[np.float64]


@dataclass(frozen=True)
class Shortcut:
    """What one way of guessing is worth on one class of the pairs of a split.

    Attributes
    ----------
    split, name : str
        The split, and the way.
    pairs : {"all", "C1", "C2", "C3"}
        The class of the pairs.
    rows : int
        How many there are.
    accuracy : Estimate
        Part that is guessed rightly; pairs that share sequences count as one in its interval.
    auc : Estimate or None
        None where only one label occurs.
    mcc : float
        Matthews' correlation; 0 where only one label is predicted or occurs.
    folds : int
        Of how many folds it is the mean, in place of an interval their least and most; 0 of a split or a single fold.
    """

    split: str
    name: str
    pairs: PairClass
    rows: int
    accuracy: Estimate
    auc: Estimate | None
    mcc: float
    folds: int = 0


@dataclass(frozen=True)
class _Profiles:
    """Hashed k-mers of one side.

    Attributes
    ----------
    scaled : ndarray, shape=(texts, _DIMENSIONS)
        Of each different text.
    row_of : ndarray, shape=(n,)
        Which of them each row has.
    """

    scaled: NDArray[np.float32]
    row_of: NDArray[np.int64]


@dataclass(frozen=True)
class _Rows:
    """Rows to fit on or to predict: their places, sides and labels."""

    places: NDArray[np.int64]
    batch: PairBatch
    labels: NDArray[np.int8]
    profiles: dict[int, _Profiles] = field(default_factory=dict)  # by side, once they are needed


Guess = Callable[[Pairs, Numbered, _Rows, _Rows], Margins]
"""Returns a margin for each row to predict, fitted on the others: shape (n,)."""


def measure_shortcuts(
    pairs: Pairs, numbered: Numbered, clusters: NDArray[np.int64], split: str | None = None, *, show: bool = True
) -> tuple[Shortcut, ...]:
    """Measure every way of guessing on every later split, or on a random part where there is but one split.

    Parameters
    ----------
    pairs, numbered : Pairs, Numbered
        The data set.
    clusters : ndarray, shape=(n,)
        Cluster of each pair, for intervals.
    split : str, optional
        Measure on this one only.
    show : bool
        Report progress.
    """
    rng = np.random.default_rng(_SEED)
    measured: list[Shortcut] = []
    every = costly_divisions(pairs, RANDOM_TEST)
    folds = fold_count(pairs, every)
    train_rows, test_rows = FOLD_TRAIN_ROWS if folds > 1 else TRAIN_ROWS, max(TEST_ROWS // folds, FEWEST)
    for division in every:
        if split not in {None, division.name}:
            continue
        train = _read(pairs, rng.permutation(np.flatnonzero(division.early))[:train_rows])
        test = _read(pairs, rng.permutation(np.flatnonzero(division.late))[:test_rows])
        if len(np.unique(train.labels)) < 2 or len(test.places) < FEWEST:
            continue
        classes = _classes(numbered, division, test.places)
        guesses = _guesses(pairs)
        for name in progress(guesses, desc="shortcuts", unit="shortcut", show=show):
            margins = guesses[name](pairs, numbered, train, test)
            predicted = ~np.isnan(margins)
            for pair_class in get_args(PairClass):
                rows = predicted & ((classes == pair_class) if pair_class != "all" else True)
                if rows.sum() >= FEWEST:
                    clustered = clusters[test.places[rows]]
                    measured.append(
                        _judge(division.name, name, pair_class, margins[rows], test.labels[rows], clustered)
                    )
    return (*_over_folds(measured), *measured) if folds > 1 else tuple(measured)


def _over_folds(measured: list[Shortcut]) -> Iterator[Shortcut]:
    """Yield the mean of each way of guessing over the folds on which it was measured, for each class of pairs."""
    folds = len({shortcut.split for shortcut in measured})
    for name, pair_class in dict.fromkeys((shortcut.name, shortcut.pairs) for shortcut in measured):
        own = [shortcut for shortcut in measured if (shortcut.name, shortcut.pairs) == (name, pair_class)]
        aucs = [shortcut.auc.value for shortcut in own if shortcut.auc]
        yield Shortcut(
            f"{folds} folds",
            name,
            pair_class,
            sum(shortcut.rows for shortcut in own),
            _mean([shortcut.accuracy.value for shortcut in own]),
            _mean(aucs) if aucs else None,
            _mean([shortcut.mcc for shortcut in own]).value,
            len(own),
        )


def _mean(values: Sequence[float]) -> Estimate:
    return Estimate(float(np.mean(values)), min(values), max(values))


def _read(pairs: Pairs, places: NDArray[np.int64]) -> _Rows:
    texts = fetch(pairs, places)
    first, second = (
        [alphabet.standard(text) for text in side]
        for side, alphabet in zip((texts.sentence1, texts.sentence2), pairs.columns.alphabets, strict=True)
    )
    return _Rows(texts.places, PairBatch(first, second, _content(pairs)), pairs.labels[texts.places])


def _content(pairs: Pairs) -> Content:
    """Return what the registry of baselines calls the pairs."""
    first, second = pairs.columns.alphabets
    return first.aligned_as if first.aligned_as and first.aligned_as == second.aligned_as else "text"


def _classes(numbered: Numbered, division: Division, places: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return C1, C2 or C3 for each test pair, by all the earlier rows: shape (n,)."""
    known = np.zeros(int(numbered.canonical.max()) + 1, dtype=bool)
    known[numbered.canonical[:, division.early].ravel()] = True
    classes: NDArray[np.str_] = np.array(["C3", "C2", "C1"])[known[numbered.canonical[:, places]].sum(axis=0)]
    return classes


def _judge(
    split: str,
    name: str,
    pair_class: PairClass,
    margins: Margins,
    labels: NDArray[np.int8],
    clusters: NDArray[np.int64],
) -> Shortcut:
    positive = margins > 0
    accuracy = share_estimate(positive == (labels == 1), clusters)
    auc = auc_estimate(margins, labels, clusters) if len(np.unique(labels)) == 2 else None
    return Shortcut(split, name, pair_class, len(labels), accuracy, auc, _mcc(positive, labels == 1))


def _mcc(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Matthews BW (1975) Biochim Biophys Acta 405:442-451."""
    if len(np.unique(predicted)) < 2 or len(np.unique(true)) < 2:
        return 0.0
    return float(np.corrcoef(predicted, true)[0, 1])


# The ways of guessing


def _guesses(pairs: Pairs) -> dict[str, Guess]:
    """Return the ways that make sense for a data set, in the order of tables. A new one is one entry here."""
    guesses: dict[str, Guess] = {
        "majority": _registered("majority"),
        "degree": _degree,
        "sentence1 only": _registered("sentence1"),
        "sentence2 only": _registered("sentence2"),
        "nearest sentence1": _nearest((0,)),
        "nearest sentence2": _nearest((1,)),
        "nearest pair": _nearest((0, 1)),
        "length and composition": _length_and_composition,
        "k-mers": _kmers,
    }
    first, second = pairs.columns.alphabets
    if first.aligned_as and first.aligned_as == second.aligned_as:
        guesses |= {"edit": _registered("edit"), "alignment": _alignment}
    elif first == second:
        guesses |= {"edit": _registered("edit")}
    return guesses


def _registered(name: str) -> Guess:
    """Fit a baseline of the registry."""

    def guess(pairs: Pairs, numbered: Numbered, train: _Rows, test: _Rows) -> Margins:
        return get_baseline(name).fit(train.batch, train.labels).margin(test.batch)

    return guess


def _degree(pairs: Pairs, numbered: Numbered, train: _Rows, test: _Rows) -> Margins:
    """Add up how much more often than not the sequences of a pair are under label 1 in the rows fitted on."""
    rate = float(train.labels.mean())
    margins = np.zeros(len(test.places))
    size = int(numbered.canonical.max()) + 1
    for side in numbered.canonical:
        rows = np.bincount(side[train.places], minlength=size)
        ones = np.bincount(side[train.places], train.labels, minlength=size)
        margins += ((ones - rate * rows) / (rows + 1))[side[test.places]]
    return margins if rate < 0.5 else margins + (margins == 0) * 1e-9


def _nearest(sides: tuple[int, ...]) -> Guess:
    """Predict the label of the training row whose side, or sides, have the most k-mers in common."""

    def guess(pairs: Pairs, numbered: Numbered, train: _Rows, test: _Rows) -> Margins:
        known = [(_profiles(pairs, train, side), _profiles(pairs, test, side)) for side in sides]
        margins = np.zeros(len(test.places))
        rate = float(train.labels.mean())
        for start in range(0, len(margins), 250):
            block = slice(start, start + 250)
            similarity = np.sum([_cosines(earlier, later, block) for earlier, later in known], axis=0)
            nearest = similarity >= similarity.max(axis=1, keepdims=True) - 1e-6
            margins[block] = (nearest @ train.labels) / nearest.sum(axis=1) - rate
        return margins

    return guess


def _cosines(earlier: _Profiles, later: _Profiles, block: slice) -> NDArray[np.float32]:
    """Compare a block of the later rows with all earlier ones, each text once: shape (rows of the block, earlier)."""
    texts, rows = np.unique(later.row_of[block], return_inverse=True)
    return (later.scaled[texts] @ earlier.scaled.T)[rows][:, earlier.row_of]


def _profiles(pairs: Pairs, rows: _Rows, side: int) -> _Profiles:
    """Hash the k-mers of a side, each different text and each different k-mer once."""
    if side not in rows.profiles:
        k = 6 if pairs.columns.alphabets[side].aligned_as == "dna" else 3
        texts: Sequence[str] = (rows.batch.sentence1, rows.batch.sentence2)[side]
        numbers: dict[str, int] = {}
        row_of = np.array([numbers.setdefault(text[:_PREFIX], len(numbers)) for text in texts])
        rows.profiles[side] = _Profiles(hashed_kmers(list(numbers), k, _DIMENSIONS), row_of)
    return rows.profiles[side]


def _length_and_composition(pairs: Pairs, numbered: Numbered, train: _Rows, test: _Rows) -> Margins:
    """Fit a logistic regression on lengths, composition and complexity of both sides, and their differences."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sides = np.stack([pairs.features[name] for name in SIDE_FEATURES])
    features = np.concatenate([sides[:, 0], sides[:, 1], np.abs(sides[:, 0] - sides[:, 1])]).T
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    margins: Margins = model.fit(features[train.places], train.labels).decision_function(features[test.places])
    return margins


def _kmers(pairs: Pairs, numbered: Numbered, train: _Rows, test: _Rows) -> Margins:
    """Fit the k-mer baseline that tells the labels of the rows fitted on best."""
    best: tuple[float, Rule] | None = None
    for baseline in BASELINES:
        if baseline.family == "k-mers":
            rule = baseline.fit(train.batch, train.labels)
            right = float(((rule.margin(train.batch) > 0) == (train.labels == 1)).mean())
            if best is None or right > best[0]:
                best = right, rule
    assert best is not None
    return best[1].margin(test.batch)


def _alignment(pairs: Pairs, numbered: Numbered, train: _Rows, test: _Rows) -> Margins:
    """Fit the alignment score on as many pairs as can be afforded; nan for the test pairs beyond."""
    fit: Fit = get_baseline("smith_waterman").fit
    few = min(_ALIGNED, affordable_texts(test.batch.sentence1, test.batch.sentence2) // 2)
    rows = _spread(len(train.places), few)
    margins = np.full(len(test.places), np.nan)
    if few < FEWEST or len(np.unique(train.labels[rows])) < 2:
        return margins
    predicted = _spread(len(test.places), few)
    margins[predicted] = fit(train.batch.take(rows), train.labels[rows]).margin(test.batch.take(predicted))
    return margins


def _spread(rows: int, few: int) -> NDArray[np.int64]:
    """Return the places of a few of so many rows, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, few)).round().astype(np.int64))


def by_split(shortcuts: Sequence[Shortcut]) -> Iterator[tuple[str, list[dict[PairClass, Shortcut]]]]:
    """Yield each split with its ways of guessing, each as its classes of pairs; of folds their mean alone."""
    means = [shortcut for shortcut in shortcuts if shortcut.folds]
    shortcuts = means or shortcuts
    for split in dict.fromkeys(shortcut.split for shortcut in shortcuts):
        own = [shortcut for shortcut in shortcuts if shortcut.split == split]
        names = dict.fromkeys(shortcut.name for shortcut in own)
        yield split, [{shortcut.pairs: shortcut for shortcut in own if shortcut.name == name} for name in names]
