"""Ids: those of an assembly, and what they are called among the sequences of all assemblies."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from bio_paws.sources.resolve import Assembly


@dataclass
class Scope:
    """An assembly that is being read, and the ids that its sequences have in the corpus.

    Attributes
    ----------
    assembly : Assembly
    number : int
        Tells assemblies apart: two sources may hold parts of one, under the same accession.
    organism : str or None
        Of all its records; None where each names its own.
    dna, proteins : dict of str to str
        Id in the corpus by id in the file.
    """

    assembly: Assembly
    number: int
    organism: str | None
    dna: dict[str, str] = field(default_factory=dict)
    proteins: dict[str, str] = field(default_factory=dict)


class ProteinIds:
    """The ids of an assembly's proteins, found with or without the version that stands behind them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        without: dict[str, list[str]] = {}
        for name in self._names:
            without.setdefault(_without_version(name), []).append(name)
        # What looks like versions may be isoforms, as in AT1G01010.1 and AT1G01010.2.
        self._by_unversioned = {short: full[0] for short, full in without.items() if len(full) == 1}

    def find(self, name: str) -> str:
        """Return the id of the protein that a name means; empty where there is none."""
        return name if name in self._names else self._by_unversioned.get(_without_version(name), "")


def unique_id(name: str, accession: str, taken: Container[str]) -> str:
    """Return an id that is not taken: the name, else with the assembly's accession, else numbered as well."""
    if name not in taken:
        return name
    scoped = f"{accession}:{name}"
    candidate = scoped
    number = 2
    while candidate in taken:
        candidate = f"{scoped}:{number}"
        number += 1
    return candidate


def id_problem(name: str) -> str:
    """Say why a name is no id; empty when it is one."""
    if not name.strip():
        return "unnamed"
    return "" if name.isprintable() else "unprintable_id"


def printable(name: str) -> str:
    """Return an id for messages."""
    return (name if name.isprintable() else ascii(name)) or "a record without a name"


def _without_version(name: str) -> str:
    return re.sub(r"\.\d+$", "", name)
