"""Views: the same pairs written another way, by which what is similar stays similar.

Similarity is symmetric and DNA is judged on both strands, so every stored number but the id holds for a view as it
stands. Views are functions of stored rows and are not stored themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import Molecule
from bio_paws.errors import BioPawsError

VIEW_ROWS = 500
"""Views are of the first so many rows of a test split: rows stand in the order of their digests, so these are a random
part, and always the same."""

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)

_OTHER_SIDE = {"1": "2", "2": "1"}
_OTHER_STRAND = {"+": "-", "-": "+"}


@dataclass(frozen=True)
class View:
    """A way to write a pair that leaves its similarity and its label as they are.

    Attributes
    ----------
    name : str
        Name of the view.
    molecules : tuple of str
        Which pairs it is for.
    apply : callable
        Takes pairs, a table or record batch with ``sentence1``, ``sentence2`` and any other columns of
        `records.SCHEMA`, and returns them in the same order and columns. ``pair_id`` stays that of the stored row.
        Applied twice it changes nothing.
    """

    name: str
    molecules: tuple[Molecule, ...]
    apply: Callable[[Rows], Rows]


def swap(rows: Rows) -> Rows:
    """Exchange the two sides of each pair: text, origin and group."""
    names = rows.schema.names
    return rows.select([name[:-1] + _OTHER_SIDE.get(name[-1], name[-1]) for name in names]).rename_columns(names)


def complement(rows: Rows, sides: tuple[int, ...]) -> Rows:
    """Write some sides of each pair as their other strand: text and, where there is one, column ``strand``."""
    for side in sides:
        rows = _mapped(rows, f"sentence{side}", reverse_complement)
        if f"strand{side}" in rows.schema.names:
            rows = _mapped(rows, f"strand{side}", _OTHER_STRAND.__getitem__)
    return rows


def _mapped(rows: Rows, name: str, function: Callable[[str], str]) -> Rows:
    place = rows.schema.get_field_index(name)
    field = rows.schema.field(place)
    return rows.set_column(place, field, pa.array(map(function, rows[name].to_pylist()), field.type))


VIEWS: tuple[View, ...] = (
    View("swapped", ("dna", "protein", "dna_protein"), swap),
    View("reverse_complement1", ("dna",), partial(complement, sides=(1,))),
    View("reverse_complement2", ("dna",), partial(complement, sides=(2,))),
    View("reverse_complement_both", ("dna",), partial(complement, sides=(1, 2))),
)

STRAND_VIEWS = ("reverse_complement1", "reverse_complement2")
"""Views in which one side changes its strand and the other does not."""

if len({view.name for view in VIEWS}) < len(VIEWS):
    raise ValueError("a view is defined twice")


def views_of(molecule: str) -> dict[str, View]:
    """Return the views of pairs of a molecule, by name; of text there are none."""
    return {view.name: view for view in VIEWS if molecule in view.molecules}


def get_view(name: str, molecule: Molecule) -> View:
    """Return the view called `name`.

    Raises
    ------
    BioPawsError
        When such pairs have no such view; the message names those they have.
    """
    known = views_of(molecule)
    if name not in known:
        raise BioPawsError(f"unknown view {name!r} of {molecule} pairs: choose from {', '.join(known)}")
    return known[name]
