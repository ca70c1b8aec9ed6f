"""FASTA: records with their titles, and the fields of a title that mean something."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bio_paws.errors import SourceError

_IGNORED = dict.fromkeys(map(ord, " \t\f\v\xa00123456789"))
"""Blanks and the numbers of lines, which BLAST+ and others pass over."""


class FastaRecord(NamedTuple):
    """A record: its id, its whole title, and its residues as they are written, blanks and digits left out."""

    id: str
    title: str
    residues: str


def read_fasta(text: str, where: str) -> Iterator[FastaRecord]:
    """Yield the records of a FASTA text; lines that start with ``;`` are comments.

    Raises
    ------
    SourceError
        When something else stands before the first record, or a title within a line.
    """
    title: str | None = None
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(">"):
            if title is not None:
                yield _record(title, lines)
            title, lines = line[1:].rstrip(), []
        elif line.startswith(";") or not line.strip():
            continue
        elif title is None:
            raise SourceError(f"{where}: not FASTA: its first line does not start with '>' (line {number})")
        else:
            if ">" in line:
                raise SourceError(
                    f"{where}: line {number}: '>' within a sequence: put a line end before it (two files were joined)"
                )
            lines.append(line)
    if title is not None:
        yield _record(title, lines)


def _record(title: str, lines: list[str]) -> FastaRecord:
    return FastaRecord((title.split() or [""])[0], title, "".join(lines).translate(_IGNORED))


def tags_in(title: str) -> dict[str, str]:
    """Return the ``[key=value]`` fields of a title."""
    # What stands in a tag's brackets ends where others begin: else a title of a million takes for ever.
    return dict(re.findall(r"\[([\w-]+)=([^][]*)\]", title))


def organism_in(title: str) -> str | None:
    """Return the organism that a title names in a field for it: ``[organism=...]`` or UniProt's ``OS=``."""
    if match := re.search(r"\[organism=((?:[^][]|\[[^][]*\])+)\]", title):
        return as_organism(match.group(1)) or None
    if match := re.search(r"\bOS=([^=]+?)(?: [A-Z]{2}=|$)", title):
        return match.group(1).strip() or None
    return None


_ORGANISM = re.compile(
    r"[\['\"]?[A-Z][a-z]{2,}\b(?![:;=(])|.*(?:virus|phage|viroid|plasmid)\b|"
    r"(?:bacterium|candidate|endosymbiont|marine|metagenome|synthetic|uncultured|unclassified|unidentified) "
)
"""How names of organisms begin; cofactors, functions and references to other databases stand in brackets as well."""
_PLACEHOLDERS = frozenset({"", "genus species", "none", "unclassified", "unknown", "unspecified"})
"""What programs write, in any case and with or without a full stop, for an organism that they were not told."""


def organism_in_brackets(title: str) -> str | None:
    """Return the organism in the brackets that end a protein's title, as in NCBI's ``[[Clostridium] innocuum]``."""
    title = title.rstrip()
    if not title.endswith("]"):
        return None
    depth = 0
    for at in range(len(title) - 1, max(-1, len(title) - 500), -1):
        depth += (title[at] == "]") - (title[at] == "[")
        if depth == 0:
            inside = title[at + 1 : -1].strip()
            return inside if "=" not in inside and _ORGANISM.match(inside) else None
    return None


def as_organism(name: str) -> str:
    """Return the name of an organism; empty where it is but a placeholder for one."""
    return "" if name.strip(" .").lower() in _PLACEHOLDERS else name.strip()


def as_dna(residues: str, notes: Counter[str]) -> str:
    """Read U as T and leave out gaps, and count the records where that was done."""
    if "U" in residues or "u" in residues:
        notes["RNA: U read as T"] += 1
        residues = residues.replace("U", "T").replace("u", "t")
    if "-" in residues:
        notes["gap characters '-' left out of DNA"] += 1
        residues = residues.replace("-", "")
    return residues


def as_protein(residues: str, notes: Counter[str]) -> str:
    """Return a protein in upper case without the stop that ends it (``*`` or ``.``) and without gaps."""
    residues = residues.upper()
    if "-" in residues:
        notes["gap characters '-' left out of proteins"] += 1
        residues = residues.replace("-", "")
    return residues.removesuffix("*").removesuffix(".")
