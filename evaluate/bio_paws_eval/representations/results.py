"""The record of a comparison of representations. Its field names are the keys of ``vectors.json``."""

from __future__ import annotations

from dataclasses import dataclass

from bio_paws_eval.representations.permutation_tests import PermutationTest
from bio_paws_eval.results import Model

SCHEMA_VERSION = "1.0"
"""Version of the JSON: the major number changes when a field changes its meaning or is removed, the minor number when a
field is added."""

RESULTS_FILE = "vectors.json"
"""Name of the file that holds a `Comparison`. It is written last, so a folder that holds it is complete."""

RESULTS_FOLDER = "vectors"
"""Subfolder of a results folder that holds the comparisons of a sweep, each in a folder of its own."""


@dataclass(frozen=True)
class ComparedModel:
    """A model of a comparison.

    Attributes
    ----------
    label : str
        A, B, C, ... in the order in which the models were given: before, after, a control.
    model : Model
        Its identity.
    dimensions : int
        Dimensions of its representations.
    radius : float
        Root mean square distance of the vocabulary's representations to their centre, in the model's own units.
    """

    label: str
    model: Model
    dimensions: int
    radius: float


@dataclass(frozen=True)
class Distance:
    """Mean distance of an item of group `source` to the nearest item of group `target`, in one model.

    Attributes
    ----------
    label : str
        Label of the model.
    metric : str
        One of `distances.METRICS`.
    source, target : str
        Groups of the vocabulary.
    value, low, high : float
        Mean and its 95% bootstrap interval over the items of `source`.
    null : PermutationTest or None
        Test on a sample of both groups whether they lie apart. None within a group, and for ``euclidean``, whose test
        is that of ``scaled`` with all distances multiplied by the radius.
    """

    label: str
    metric: str
    source: str
    target: str
    value: float
    low: float
    high: float
    null: PermutationTest | None


@dataclass(frozen=True)
class Change:
    """The change of a mean distance from one model to another.

    Attributes
    ----------
    first, second : str
        Labels of the models.
    metric, source, target : str
        As in `Distance`.
    before, after : float
        The mean distance in the first and in the second model.
    radius_ratio : float
        Radius of the second model divided by that of the first. For ``euclidean``, after / before is this ratio times
        the ratio of ``scaled``: it separates a change of scale from a change of position.
    null : PermutationTest or None
        Sign-flip test of the mean difference per item; scale-free metrics only.
    corrected : float or None
        p-value corrected for all changes of the comparison (Holm 1979, Scand. J. Stat. 6:65).
    """

    first: str
    second: str
    metric: str
    source: str
    target: str
    before: float
    after: float
    radius_ratio: float
    null: PermutationTest | None
    corrected: float | None


@dataclass(frozen=True)
class Alignment:
    """Linear CKA of one layer, between the two sides of similar pairs or between two models.

    Attributes
    ----------
    first, second : str
        Labels of the models. Where they are equal, the first and second sides of the pairs are compared in that model;
        otherwise the first sides are compared between the models.
    task : str
        Task that the similar pairs are from.
    layer : int
        0 for the embedding layer.
    pairs : int
        Number of pairs.
    cka : float
        Linear CKA, from 0 to 1.
    debiased : PermutationTest
        Debiased linear CKA, tested against randomly matched pairs.
    """

    first: str
    second: str
    task: str
    layer: int
    pairs: int
    cka: float
    debiased: PermutationTest


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Attributes
    ----------
    models : tuple of ComparedModel
        In the order in which they were given.
    words : dict of str to int
        Vocabulary size of each group.
    left_out : dict of str to dict of str to int
        Candidates excluded from each group's vocabulary, by reason.
    distances, changes, alignments
        The measurements.
    settings, environment : dict
        Options of the run, and versions of the software it used.
    notes : tuple of str
        What was not measured, and why.
    schema_version : str
        `SCHEMA_VERSION` of the program that wrote the record.
    """

    models: tuple[ComparedModel, ...]
    words: dict[str, int]
    left_out: dict[str, dict[str, int]]
    distances: tuple[Distance, ...]
    changes: tuple[Change, ...]
    alignments: tuple[Alignment, ...]
    settings: dict[str, str | int | None]
    environment: dict[str, str]
    notes: tuple[str, ...]
    schema_version: str = SCHEMA_VERSION

    def distance(self, label: str, metric: str, source: str, target: str) -> Distance:
        """Return the distance of a model, metric and pair of groups."""
        key = (label, metric, source, target)
        return next(row for row in self.distances if (row.label, row.metric, row.source, row.target) == key)
