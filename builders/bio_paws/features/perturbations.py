"""Perturbations: the same pairs written in another way that keeps their label, for tests of a model's invariance.

Similarity is symmetric and DNA is compared on both strands, so every stored number except the id also holds for the
perturbed pair. Perturbed pairs are computed from the stored rows and are not stored themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import Molecule
from bio_paws.errors import ConfigError

PERTURBED_ROWS = 500
"""Number of rows of a test split that are perturbed: its first ones. Rows are sorted by digest, so the first rows are a
random sample, and always the same one."""

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)

_OPPOSITE_SIDE = {"1": "2", "2": "1"}
_OPPOSITE_STRAND = {"+": "-", "-": "+"}


@dataclass(frozen=True)
class Perturbation:
    """A change of a pair that keeps its similarity and its label.

    Attributes
    ----------
    name : str
        Name of the perturbation.
    molecules : tuple of {"dna", "protein", "dna_protein"}
        The molecules of the pairs that it applies to.
    apply : callable
        Takes a table or record batch with the columns ``sentence1`` and ``sentence2`` and any further columns of
        `bio_paws.schema.SCHEMA`, and returns the perturbed rows in the same order and with the same columns.
        ``pair_id`` stays that of the stored row. A perturbation is its own inverse.
    """

    name: str
    molecules: tuple[Molecule, ...]
    apply: Callable[[Rows], Rows]


def swap(rows: Rows) -> Rows:
    """Exchange the two sides of each pair: sequence, origin and group."""
    names = rows.schema.names
    return rows.select([name[:-1] + _OPPOSITE_SIDE.get(name[-1], name[-1]) for name in names]).rename_columns(names)


def complement(rows: Rows, sides: tuple[int, ...]) -> Rows:
    """Reverse-complement the given sides of each pair, and flip their ``strand`` column where there is one.

    Parameters
    ----------
    rows : pyarrow.Table or pyarrow.RecordBatch
        Pairs of DNA.
    sides : tuple of {1, 2}
        The sides to reverse-complement.
    """
    for side in sides:
        rows = _mapped(rows, f"sentence{side}", reverse_complement)
        if f"strand{side}" in rows.schema.names:
            rows = _mapped(rows, f"strand{side}", _OPPOSITE_STRAND.__getitem__)
    return rows


def _mapped(rows: Rows, name: str, function: Callable[[str], str]) -> Rows:
    """Apply a function to each value of a column."""
    column = rows.schema.get_field_index(name)
    field = rows.schema.field(column)
    return rows.set_column(column, field, pa.array(map(function, rows[name].to_pylist()), field.type))


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation("swapped", ("dna", "protein", "dna_protein"), swap),
    Perturbation("reverse_complement1", ("dna",), partial(complement, sides=(1,))),
    Perturbation("reverse_complement2", ("dna",), partial(complement, sides=(2,))),
    Perturbation("reverse_complement_both", ("dna",), partial(complement, sides=(1, 2))),
)

STRAND_PERTURBATIONS = ("reverse_complement1", "reverse_complement2")
"""Perturbations that change the strand of one side only."""

if len({perturbation.name for perturbation in PERTURBATIONS}) < len(PERTURBATIONS):
    raise ValueError("a perturbation is defined twice")


def perturbations_of(molecule: str) -> dict[str, Perturbation]:
    """Return the perturbations that apply to pairs of a molecule, by name.

    Parameters
    ----------
    molecule : str
        ``"dna"``, ``"protein"``, ``"dna_protein"``, or ``"text"``, which has none.

    Examples
    --------
    >>> list(perturbations_of("protein"))
    ['swapped']
    """
    return {perturbation.name: perturbation for perturbation in PERTURBATIONS if molecule in perturbation.molecules}


def get_perturbation(name: str, molecule: Molecule) -> Perturbation:
    """Return the perturbation called `name`.

    Raises
    ------
    ConfigError
        When no perturbation of this name applies to pairs of this molecule; the message names those that do.
    """
    known = perturbations_of(molecule)
    if name not in known:
        raise ConfigError(f"unknown perturbation {name!r} of {molecule} pairs: choose from {', '.join(known)}")
    return known[name]
