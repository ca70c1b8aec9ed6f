"""What the card tells of a data set beside its manifest: measured on its rows by whoever calls the card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """Pairs, or strings, in each bin, by label.

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
class Example:
    """A row, its strings whole."""

    label: int
    kind: str
    similarity: float
    sentences: tuple[str, str]


@dataclass(frozen=True)
class Side:
    """The strings of one side of a config.

    Attributes
    ----------
    unit : str
        What a letter is: bp or aa.
    shortest, mean, longest : float
        Lengths, in `unit`.
    """

    unit: str
    shortest: int
    mean: float
    longest: int


@dataclass(frozen=True)
class Strings:
    """Strings of one alphabet: those of both sides, or of one where the sides hold different molecules.

    Attributes
    ----------
    column : str
        The column that holds them; empty when both do.
    unit : str
        What a letter is: bp or aa.
    letters : str
        Letters whose part `composition` is of: GC, or the amino acids of GC-rich codons.
    length, composition : Histogram
        Of the lengths, in `unit`, and of the parts, between 0 and 1.
    """

    column: str
    unit: str
    letters: str
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
        Whether its strings are put together anew from pieces of natural ones.
    kinds : tuple of Kind
        Label 1 first.
    examples : tuple of Example
        One of each label where there is one, label 1 first.
    sides : tuple of (Side, Side)
        sentence1 and sentence2.
    similarity : Histogram
        Of the column of that name.
    strings : tuple of Strings
        One, or one for each side.
    """

    rules: tuple[str, str]
    rearranged: bool
    kinds: tuple[Kind, ...]
    examples: tuple[Example, ...]
    sides: tuple[Side, Side]
    similarity: Histogram
    strings: tuple[Strings, ...]


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
    groups, strings : Spread
        Homology groups, and strings as they are stored.
    changes : tuple of (version, what)
        What each version changed, the newest first.
    """

    configs: dict[str, ConfigDescription]
    groups: Spread
    strings: Spread
    changes: tuple[tuple[str, str], ...]
