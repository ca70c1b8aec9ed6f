"""Ids: those of an assembly, and what they are called among the sequences of all assemblies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bio_paws.errors import SourceError
from bio_paws.sources.accessions import accession_in
from bio_paws.sources.resolve import Assembly


class Origin(NamedTuple):
    """Where a sequence came from: numbers of the assembly and, within it, of the file."""

    assembly: int
    file: int


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
    titles : dict of str to str
        Id in the corpus of a DNA sequence by its whole title, its words joined by ``_``.
    ambiguous : set of str
        Names that several DNA sequences have.
    file : int
        Tells the files of its genome apart: the number of the one that is read.
    """

    assembly: Assembly
    number: int
    organism: str | None
    dna: dict[str, str] = field(default_factory=dict)
    proteins: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)
    file: int = 0
    _by_accession: dict[str, list[str]] = field(default_factory=dict)
    _with_accessions: int = 0  # sequences that are in it

    @property
    def origin(self) -> Origin:
        """Where the sequences come from that are read now."""
        return Origin(self.number, self.file)

    def add_title(self, title: str, unique: str) -> None:
        """Let a DNA sequence be found by its whole title."""
        self.titles.setdefault(as_word(title), unique)

    def find_dna(self, name: str) -> str:
        """Return the id in the corpus of the DNA sequence that a gene's file names; empty where there is none.

        It may be named by its whole title, with blanks or, as some programs write them, with underscores; or by the
        accession that one of the two names has between bars.

        Raises
        ------
        SourceError
            When several sequences have the name, or the accession.
        """
        if name in self.ambiguous:
            raise SourceError(
                f"{self.assembly.accession}: genes lie on {printable(name)!r}, and the titles of several sequences "
                "begin with that: name each by its whole title, or rename them"
            )
        return self.dna.get(name) or self.titles.get(as_word(name)) or self._with_accession(name)

    def _with_accession(self, name: str) -> str:
        if self._with_accessions < len(self.dna):
            self._with_accessions, self._by_accession = len(self.dna), {}
            for word in self.dna:
                self._by_accession.setdefault(accession_in(word) or word, []).append(word)
        words = self._by_accession.get(accession_in(name) or name, [])
        if len(words) > 1:
            raise SourceError(
                f"{self.assembly.accession}: genes lie on {printable(name)!r}, and {printable(words[0])!r} and "
                f"{printable(words[1])!r} both have that accession: rename one"
            )
        return self.dna[words[0]] if words else ""


class RecordName(NamedTuple):
    """What a record is called: its first word, its whole title, and a digest of its residues."""

    word: str
    title: str
    digest: bytes


def names_apart(
    records: Sequence[RecordName], notes: Counter[str], what: str, shared: Container[str] = ()
) -> list[str]:
    """Return a name for each record of a file, none of them twice: its first word, else its title, else numbered.

    Parameters
    ----------
    records : sequence of RecordName
    notes : Counter of str
        Counts records that are not called by their first word.
    what : str
        What the records are, for `notes`.
    shared : container of str
        First words that name no record: titles in other files begin with them as well.

    Returns
    -------
    list of str
        Empty for a record that repeats an earlier one of its first word.

    Examples
    --------
    >>> records = [RecordName("chr", "chr 1", b"a"), RecordName("chr", "chr 2", b"b"), RecordName("M", "M x", b"c")]
    >>> names_apart(records, Counter(), "sequences")
    ['chr 1', 'chr 2', 'M']
    """
    first = dict.fromkeys((record.word, record.digest) for record in records)
    of_word = Counter(word for word, _ in first)
    alone = {word for word, count in of_word.items() if count == 1 and word not in shared}
    taken = set(alone)
    last: dict[str, int] = {}  # number of a title that is taken: to count from one each time takes the square
    names = []
    for record in records:
        if (record.word, record.digest) not in first:
            names.append("")
            continue
        del first[record.word, record.digest]
        if record.word in alone:
            names.append(record.word)
            continue
        title = " ".join(record.title.split())
        number = last.get(title, 1)
        name = title if number == 1 else f"{title}:{number}"
        while name in taken:
            number += 1
            name = f"{title}:{number}"
        last[title] = number
        taken.add(name)
        names.append(name)
        if name != record.word:
            how = "called by their whole titles" if number == 1 else "numbered"
            notes[f"{what} whose titles begin with the same word, {how}"] += 1
    return names


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


def as_word(title: str) -> str:
    """Return a title as one word, in which some programs write it."""
    return "_".join(title.split())


def _without_version(name: str) -> str:
    return re.sub(r"\.\d+$", "", name)
