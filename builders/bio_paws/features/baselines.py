"""The trivial baselines and upper bounds: how far one gets with no neural network. A new one is one entry here.

A baseline aligns nothing: it sees one side alone, the lengths, the composition, or the k-mers in common. An upper bound
compares the two sides as the label was made, by edits, alignment or translation. Where a baseline comes close to the
upper bound, a model's score shows no more than that baseline does.

The manifest and the card (`baseline_aucs`), the audit (`bio_paws.audit.checks.baselines`) and the evaluation
(``bio_paws_eval.baselines``) take the entries of `BASELINES`; each measures them in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bio_paws.align.translation import best_frame_alignment, spliced_identity
from bio_paws.configs import Molecule
from bio_paws.features.kmers import LONGEST_KMER, KmerMeasure, KmerSimilarity, kmer_similarity
from bio_paws.features.one_sided import OneSidedClassifier
from bio_paws.features.pair_features import (
    alignment_scores,
    composition_differences,
    edit_similarities,
    length_differences,
)
from bio_paws.features.thresholds import equal_to_rounding, fit_threshold

Content = Molecule | Literal["text"]
"""What the sentences of a pair are."""
Family = Literal["majority", "one side", "length", "composition", "k-mers", "edit", "alignment", "translation"]
"""What a baseline looks at."""
Role = Literal["baseline", "upper_bound"]
Side = Literal["sentence1", "sentence2"]


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs to be scored, without their labels.

    Attributes
    ----------
    sentence1, sentence2 : list of str, length n
        The sides, not empty. In dna_protein the first is the DNA.
    molecule : {"text", "dna", "protein", "dna_protein"}
        What they are.
    """

    sentence1: list[str]
    sentence2: list[str]
    molecule: Content

    @cached_property
    def kmers(self) -> KmerSimilarity:
        """Similarity of the sides' k-mers, computed once for all baselines that look at it."""
        return kmer_similarity(self.sentence1, self.sentence2, LONGEST_KMER)

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Pair after pair."""
        return zip(self.sentence1, self.sentence2, strict=True)

    def __len__(self) -> int:
        return len(self.sentence1)

    def take(self, rows: Iterable[int]) -> PairBatch:
        """Return the pairs at these positions."""
        rows = list(rows)
        return PairBatch([self.sentence1[i] for i in rows], [self.sentence2[i] for i in rows], self.molecule)


Score = Callable[[PairBatch], NDArray[np.float64]]
"""Returns one number per pair: shape (n,)."""


@dataclass(frozen=True)
class Rule:
    """A fitted baseline.

    Attributes
    ----------
    recipe : dict
        What was fitted, for the record.
    margin : callable
        Returns one number per pair; label 1 is predicted where it is above 0.
    """

    recipe: dict[str, Any]
    margin: Score


Fit = Callable[[PairBatch, NDArray[np.int8]], Rule]
"""Fits a baseline on pairs and their labels, which must be of both values."""


@dataclass(frozen=True)
class Baseline:
    """A way to predict the label with no neural network.

    Attributes
    ----------
    name : str
        In manifests, tables and folders.
    family : str
        What it looks at.
    role : {"baseline", "upper_bound"}
        Whether it cannot, or can, compare the two sides as the label does.
    molecules : tuple of str
        What it can be applied to.
    fit : callable
        Makes a `Rule` of training pairs.
    score : callable or None
        For those that fit no more than a direction and a threshold of one number per pair: that number.
    """

    name: str
    family: Family
    role: Role
    molecules: tuple[Content, ...]
    fit: Fit
    score: Score | None = None

    def scores(self, batch: PairBatch) -> NDArray[np.float64]:
        """Return the score of each pair: shape (n,).

        Raises
        ------
        TypeError
            When the baseline is no cut through a score.
        """
        if self.score is None:
            raise TypeError(f"{self.name} has no score of a pair")
        return self.score(batch)


# The scores


def _length(batch: PairBatch) -> NDArray[np.float64]:
    return length_differences(batch.sentence1, batch.sentence2)


def _composition(batch: PairBatch) -> NDArray[np.float64]:
    assert batch.molecule != "text"
    return composition_differences(batch.sentence1, batch.sentence2, batch.molecule)


def _kmers(batch: PairBatch, measure: KmerMeasure, k: int) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = getattr(batch.kmers, measure)[k - 1]
    return scores


def _edit(batch: PairBatch) -> NDArray[np.float64]:
    return edit_similarities(batch.sentence1, batch.sentence2)


def _smith_waterman(batch: PairBatch) -> NDArray[np.float64]:
    return alignment_scores(batch.sentence1, batch.sentence2, "dna" if batch.molecule == "dna" else "protein")


def _six_frame(batch: PairBatch) -> NDArray[np.float64]:
    """Score of the best local alignment of the protein with any of the six frames, per residue of the protein."""
    return np.array([best_frame_alignment(dna, protein).score / len(protein) for dna, protein in batch.pairs])


def _spliced(batch: PairBatch) -> NDArray[np.float64]:
    return np.array([spliced_identity(dna, protein) for dna, protein in batch.pairs])


# The fits


def _majority(_: PairBatch, labels: NDArray[np.int8]) -> Rule:
    label = int(2 * labels.sum(dtype=np.int64) > len(labels))
    return Rule({"label": label}, lambda batch: np.full(len(batch), 2.0 * label - 1))


def _fit_side(train: PairBatch, labels: NDArray[np.int8], side: Side) -> Rule:
    recipe = {"classifier": "logistic regression on character 3-mers"}
    try:
        classifier = OneSidedClassifier().fit(getattr(train, side), labels)
    except ValueError:  # no sentence has three characters
        return Rule(recipe, lambda batch: np.zeros(len(batch)))
    return Rule(recipe, lambda batch: classifier.decision_function(getattr(batch, side)))


def _fit_cut(train: PairBatch, labels: NDArray[np.int8], score: Score) -> Rule:
    threshold = fit_threshold(equal_to_rounding(score(train)), labels)

    def margin(batch: PairBatch) -> NDArray[np.float64]:
        return threshold.direction * (equal_to_rounding(score(batch)) - threshold.value)

    return Rule({"direction": threshold.direction, "threshold": threshold.value}, margin)


def _one_sided(side: Side) -> Baseline:
    return Baseline(side, "one side", "baseline", _ANY, partial(_fit_side, side=side))


def _scored(name: str, family: Family, role: Role, molecules: tuple[Content, ...], score: Score) -> Baseline:
    return Baseline(name, family, role, molecules, partial(_fit_cut, score=score), score)


_ANY: tuple[Content, ...] = ("text", "dna", "protein", "dna_protein")
_SEQUENCES: tuple[Content, ...] = ("dna", "protein", "dna_protein")
_ONE_ALPHABET: tuple[Content, ...] = ("dna", "protein")

BASELINES: tuple[Baseline, ...] = (
    Baseline("majority", "majority", "baseline", _ANY, _majority),
    _one_sided("sentence1"),
    _one_sided("sentence2"),
    _scored("length", "length", "baseline", _ANY, _length),
    _scored("gc", "composition", "baseline", _SEQUENCES, _composition),
    *(
        _scored(f"{measure}{k}", "k-mers", "baseline", _ANY, partial(_kmers, measure=measure, k=k))
        for measure in get_args(KmerMeasure)
        for k in range(1, LONGEST_KMER + 1)
    ),
    _scored("edit", "edit", "upper_bound", _ONE_ALPHABET, _edit),
    _scored("smith_waterman", "alignment", "upper_bound", _ONE_ALPHABET, _smith_waterman),
    _scored("six_frame", "translation", "upper_bound", ("dna_protein",), _six_frame),
    _scored("spliced", "translation", "upper_bound", ("dna_protein",), _spliced),
)
"""All baselines, then all upper bounds, in the order of tables.

``majority`` predicts the commoner label of train. ``sentence1`` and ``sentence2`` see one side alone, by a logistic
regression on its 3-mers. ``length`` and ``gc`` are differences of the sides, for proteins in the residues of GC-rich
codons (`pair_features.composition_differences`). ``jaccard`` and ``cosine`` compare k-mers of 1 to 6 characters
(`kmers.KmerSimilarity`). ``edit`` is Levenshtein's similarity, ``smith_waterman`` the score of the best local alignment
per residue of the longer side, ``six_frame`` that of the protein with the best frame per residue, ``spliced`` the
identity of the protein with the gene read with its introns left out.
"""

SHORTCUTS = tuple(entry.name for entry in BASELINES if entry.family in {"one side", "length", "composition"})
"""Names of the baselines that compare no residue with another."""

KMER_BASELINES = tuple(entry.name for entry in BASELINES if entry.family == "k-mers")
"""Names of the baselines that compare k-mers."""


def check_names(baselines: tuple[Baseline, ...]) -> None:
    """Refuse duplicates: a programming error, raised at import.

    Raises
    ------
    ValueError
        When two entries have the same name.
    """
    names = [baseline.name for baseline in baselines]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"baseline {name!r} is defined twice")


check_names(BASELINES)


def get_baseline(name: str) -> Baseline:
    """Return the entry of this name.

    Raises
    ------
    KeyError
        When there is none.

    Examples
    --------
    >>> get_baseline("edit").scores(PairBatch(["ACGT"], ["ACGA"], "dna")).tolist()
    [0.75]
    """
    return {baseline.name: baseline for baseline in BASELINES}[name]


def applicable(molecule: Content) -> tuple[Baseline, ...]:
    """Return the entries that can be applied to pairs of this content.

    Examples
    --------
    >>> [baseline.name for baseline in applicable("dna_protein") if baseline.role == "upper_bound"]
    ['six_frame', 'spliced']
    """
    return tuple(baseline for baseline in BASELINES if molecule in baseline.molecules)
