"""The files of one assembly: what each holds, which of two is better, and which of all the assembly is read from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bio_paws.errors import SourceError
from bio_paws.sources.pinned import FileRole
from bio_paws.sources.roles import ENDINGS, Entry

_READ_TOGETHER: tuple[tuple[FileRole, ...], ...] = (
    ("genomic", "cds", "protein"),
    ("genbank",),
    ("genomic", "gff", "protein"),
    ("genomic", "gtf", "protein"),
    ("gff_fasta", "protein"),
    ("genomic", "gff"),
    ("genomic", "gtf"),
    ("gff_fasta",),
    ("genomic", "ensembl_cds", "protein"),
    ("cds", "protein"),
    ("genomic", "protein"),
    ("genomic", "cds"),
    ("genomic",),
    ("protein",),
    ("cds",),
)
"""What an assembly is read from, best first: whichever of these files it has all of."""
_WHOLE = ("", "chr")
"""Parts that are all of a genome, best first: the file without a part, and Ensembl's of all chromosomes."""
MASKED_NAME = re.compile(
    r"[._-](?:genomic[._-])?(?:(?P<soft>dna_sm|soft_?masked|sm)|(?P<hard>dna_rm|hard_?masked|masked|rm))(?=[._-]|$)"
)
"""How names of files say that a genome is masked."""


@dataclass
class AssemblyFiles:
    """The files of one assembly.

    Attributes
    ----------
    prefix : str
        What their names have in common.
    roles : dict of role to dict of str to Entry
        Files by what they hold, and by the part of the genome that they hold it of: a chromosome, or empty for all.
    unused : list of Entry
        Sequence files that nothing is read from.
    organism : str or None
        Where a report or a layout names it.
    organisms : dict of str to str
        Organisms by the ids of genome sequences, where a report names each.
    name : str
        The longest prefix of its files, as in ``GCF_000005845.2_ASM584v2``.
    """

    prefix: str
    roles: dict[FileRole, dict[str, Entry]] = field(default_factory=dict)
    unused: list[Entry] = field(default_factory=list)
    organism: str | None = None
    organisms: dict[str, str] = field(default_factory=dict)
    name: str = ""

    def add(self, role: FileRole | None, entry: Entry, part: str = "") -> None:
        """Add a file; of two for one role and part keep the better one, by how it is masked and then by its ending.

        Raises
        ------
        SourceError
            When neither is better.
        """
        if role is None:
            self.unused.append(entry)
            return
        parts = self.roles.setdefault(role, {})
        other = parts.setdefault(part, entry)
        if other is entry:
            return
        if _rank(other) == _rank(entry):
            raise SourceError(f"{entry.shown()}: {other.name} holds the same part: leave one of them out")
        parts[part], worse = sorted((other, entry), key=_rank)
        self.unused.append(worse)

    def prefer_whole(self) -> None:
        """Leave out files of parts of the genome where one file holds the same of all of it."""
        for parts in self.roles.values():
            whole = next((part for part in _WHOLE if part in parts), None)
            if whole is not None:
                self.unused += [parts.pop(part) for part in list(parts) if part != whole]

    def absorb(self, other: AssemblyFiles) -> None:
        """Take in the files of another assembly, beside those that are there."""
        for role, parts in other.roles.items():
            self.roles.setdefault(role, {}).update({entry.shown(): entry for entry in parts.values()})
        self.unused += other.unused
        self.organism = self.organism or other.organism

    def choose(self) -> None:
        """Keep the files that the assembly is read from, and move the others to those that are not used."""
        used = next((roles for roles in _READ_TOGETHER if all(role in self.roles for role in roles)), ())
        self.unused += [entry for role in self.roles if role not in used for entry in self.roles[role].values()]
        self.roles = {role: self.roles[role] for role in used}

    def files(self) -> Iterator[tuple[FileRole, Entry]]:
        """Yield the files with their roles."""
        return ((role, entry) for role, parts in self.roles.items() for entry in parts.values())


def _rank(entry: Entry) -> tuple[int, int]:
    """Return how well a file serves, the best first: soft mask, none, hard mask; then the usual ending first."""
    match = MASKED_NAME.search(entry.stem)
    mask = 1 if match is None else 0 if match.group("soft") else 2
    return mask, ENDINGS.index(entry.ending) if entry.ending in ENDINGS else len(ENDINGS)
