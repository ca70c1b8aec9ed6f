"""How much of a validation or test split one homology group, or one organism, may give where splits must be broad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from bio_paws_cards.manifest import BreadthBounds

MARGIN = 0.95
"""Part of a bound up to which is filled: fewer pairs than wanted may come out in the end."""


class Origin(NamedTuple):
    """What the similar pairs of one tile come from, by names or by numbers.

    Attributes
    ----------
    group : str or int
        Homology group of both sides.
    organism1, organism2 : str or int
        Organisms of the two sides.
    """

    group: str | int
    organism1: str | int
    organism2: str | int


class BreadthLimits:
    """Counts what groups and organisms give of a split, and says which have given all they may.

    Parameters
    ----------
    bounds : BreadthBounds
        Largest shares of the pairs of a split.
    pairs : int
        Similar pairs wanted. The dissimilar ones are made of the same strings, so that their shares are equal.

    Examples
    --------
    >>> from bio_paws.features.breadth import BROAD
    >>> limits = BreadthLimits(BROAD, 100)
    >>> limits.take(7, Origin(group=0, organism1=0, organism2=0), pairs=2)
    >>> limits.admit(8, Origin(group=0, organism1=1, organism2=1)), limits.admit(9, Origin(1, 0, 1))
    (False, True)
    >>> limits.give_back([7])
    >>> limits.admit(8, Origin(group=0, organism1=1, organism2=1))
    True

    Attributes
    ----------
    refused : set of int
        Tiles that were not admitted at some time.
    """

    def __init__(self, bounds: BreadthBounds, pairs: int) -> None:
        self._most_of_group = MARGIN * bounds.max_group * pairs
        self._most_of_organism = MARGIN * bounds.max_organism * pairs
        self._groups: Counter[str | int] = Counter()
        self._sides: Counter[str | int] = Counter()  # two of each pair, by organism
        self._taken: dict[int, tuple[Origin, int]] = {}
        self.refused: set[int] = set()

    def admit(self, tile: int, origin: Origin) -> bool:
        """Whether neither the group of a tile nor one of its organisms has given all it may."""
        admitted = (
            self._groups[origin.group] < self._most_of_group
            and self._sides[origin.organism1] < 2 * self._most_of_organism
            and self._sides[origin.organism2] < 2 * self._most_of_organism
        )
        if not admitted:
            self.refused.add(tile)
        return admitted

    def take(self, tile: int, origin: Origin, pairs: int = 1) -> None:
        """Count the similar pairs of a tile."""
        self._taken[tile] = origin, pairs
        self._count(origin, pairs)

    def give_back(self, tiles: Iterable[int]) -> None:
        """Take back what was counted of tiles, since their pairs did not come in."""
        for tile in tiles:
            if tile in self._taken:
                origin, pairs = self._taken.pop(tile)
                self._count(origin, -pairs)

    def _count(self, origin: Origin, pairs: int) -> None:
        self._groups[origin.group] += pairs
        self._sides[origin.organism1] += pairs
        self._sides[origin.organism2] += pairs
