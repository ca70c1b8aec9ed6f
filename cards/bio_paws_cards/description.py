"""What the card tells of a data set beside its manifest: measured on its rows by whoever calls the card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Histogram:
    """Pairs, or sequences, in each bin, by label.

    Attributes
    ----------
    edges : tuple of float, length n + 1
        Ascending; a bin holds its lower edge, the last one its upper edge too.
    counts : tuple of two tuples of int, each of length n
        Of label 0 and of label 1.
    """

    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Kind:
    """Pairs of one label that came about in one way; `pairs` by split."""

    label: int
    name: str
    meaning: str
    pairs: dict[str, int]


@dataclass(frozen=True)
class Side:
    """The sequences of one side of a config.

    Attributes
    ----------
    unit : str
        Unit of length: bp or aa.
    shortest, mean, longest : float
        Lengths, in `unit`.
    """

    unit: str
    shortest: int
    mean: float
    longest: int


@dataclass(frozen=True)
class SequenceSet:
    """Sequences of one alphabet: those of both sides, or of one where the sides hold different molecules.

    Attributes
    ----------
    column : str
        The column that holds them; empty when both do.
    unit : str
        Unit of length: bp or aa.
    residues : str
        Bases or amino acids whose share `composition` is: GC, or the amino acids of GC-rich codons.
    length, composition : Histogram
        Of the lengths, in `unit`, and of the shares, between 0 and 1.
    """

    column: str
    unit: str
    residues: str
    length: Histogram
    composition: Histogram


@dataclass(frozen=True)
class ConfigDescription:
    """What the rows of a config hold, all splits together where no split is named.

    Attributes
    ----------
    rules : tuple of (str, str)
        What a pair of label 0, and of label 1, must meet.
    rearranged : bool
        Whether its sequences are put together from pieces of natural ones.
    synthetic : bool
        Whether any of its sequences does not occur in nature: rearranged, mutated or frameshifted.
    kinds : tuple of Kind
        Label 1 first.
    examples : tuple of dict
        Rows, by column: the first of each label where there is one, label 1 first.
    sides : tuple of (Side, Side)
        sentence1 and sentence2.
    similarity : Histogram
        Of the column of that name.
    sequences : tuple of SequenceSet
        One, or one for each side.
    test_digest : str
        `reference.pairs_digest` of the test split; "" where there is none.
    """

    rules: tuple[str, str]
    rearranged: bool
    synthetic: bool
    kinds: tuple[Kind, ...]
    examples: tuple[dict[str, Any], ...]
    sides: tuple[Side, Side]
    similarity: Histogram
    sequences: tuple[SequenceSet, ...]
    test_digest: str = ""


@dataclass(frozen=True)
class Spread:
    """How different values lie over the splits, all configs together; `shared` counts those in more than one."""

    by_split: dict[str, int]
    shared: int


@dataclass(frozen=True)
class Description:
    """What the rows of a data set hold.

    Attributes
    ----------
    configs : dict of str to ConfigDescription
        In the order of the manifest.
    groups, sequences : Spread
        Homology groups, and sequences as they are stored.
    changes : tuple of (version, day, what)
        When each version was released and what it changed, the newest first.
    """

    configs: dict[str, ConfigDescription]
    groups: Spread
    sequences: Spread
    changes: tuple[tuple[str, str, str], ...]

    @property
    def released(self) -> str:
        """Day of the release, as in ``2026-11-29``."""
        return self.changes[0][1]
