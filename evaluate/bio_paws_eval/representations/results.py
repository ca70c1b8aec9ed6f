"""What a comparison of vectors comes to: numbers, with intervals and permutations, as they stand in the JSON."""

from __future__ import annotations

from dataclasses import dataclass

from bio_paws_eval.representations.permutation_tests import Null
from bio_paws_eval.results import Model

SCHEMA_VERSION = "1.0"
"""Version of the JSON: major when a field changes its meaning or goes, minor when one comes."""


@dataclass(frozen=True)
class Compared:
    """A model that is compared.

    Attributes
    ----------
    label : str
        A, B, C in the order they were given: before, after, a control.
    model : Model
        Who it is.
    dimensions : int
        Of a vector.
    radius : float
        Root mean square of the words' distances to their centre, in the model's own units.
    """

    label: str
    model: Model
    dimensions: int
    radius: float


@dataclass(frozen=True)
class Distance:
    """Mean distance of a word of `source` to the nearest word of `target`, in one model.

    Attributes
    ----------
    label : str
        The model.
    metric : str
        One of `distances.METRICS`.
    source, target : str
        Groups of words.
    value, low, high : float
        Mean and its 95% interval over the words of `source`.
    null : Null or None
        The same of a sample of both groups, beside what it is where group and word are put together at random; None
        within a group and for ``euclidean``, whose null is that of ``scaled`` times the radius.
    """

    label: str
    metric: str
    source: str
    target: str
    value: float
    low: float
    high: float
    null: Null | None


@dataclass(frozen=True)
class Change:
    """A distance in two models.

    Attributes
    ----------
    first, second : str
        The models.
    metric, source, target : str
        As in `Distance`.
    before, after : float
        The distance in either.
    radius_ratio : float
        Radius of the second model over that of the first: for ``euclidean``, after / before is this times the same of
        ``scaled``, so that what shrank and what moved are told apart.
    null : Null or None
        Of the mean difference of a word's distances, scale-free metrics only.
    corrected : float or None
        Its p-value, corrected for all changes of this comparison (Holm 1979).
    """

    first: str
    second: str
    metric: str
    source: str
    target: str
    before: float
    after: float
    radius_ratio: float
    null: Null | None
    corrected: float | None


@dataclass(frozen=True)
class Alignment:
    """Linear CKA of one layer: of the two sides of similar pairs in a model, or of two models on the first sides.

    Attributes
    ----------
    first, second : str
        Models; the same where the sides are compared.
    task : str
        Whose similar pairs.
    layer : int
        0 for the embedding.
    pairs : int
        How many.
    cka : float
        Linear CKA.
    debiased : Null
        Debiased, beside that of pairs put together at random.
    """

    first: str
    second: str
    task: str
    layer: int
    pairs: int
    cka: float
    debiased: Null


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Attributes
    ----------
    models : tuple of Compared
        In the order they were given.
    words : dict of str to int
        Words of each group.
    left_out : dict of str to dict of str to int
        For each group, how many candidates were left out for each reason.
    distances, changes, alignments
        What was measured.
    settings, environment : dict
        What was asked for, and with what it was computed.
    notes : tuple of str
        What could not be measured, and why.
    """

    models: tuple[Compared, ...]
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
        """Return one of the distances."""
        asked = (label, metric, source, target)
        return next(one for one in self.distances if (one.label, one.metric, one.source, one.target) == asked)
