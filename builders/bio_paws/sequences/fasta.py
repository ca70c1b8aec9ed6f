"""FASTA: records with their titles, and the fields of a title that mean something."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from bio_paws.errors import SourceError

_IGNORED = dict.fromkeys(map(ord, " \t\f\v\n\xa00123456789"))
"""Blanks and the numbers of lines, which BLAST+ and others pass over."""
_NEXT_TITLE = re.compile(r"\n(?=[>;])")


class FastaRecord(NamedTuple):
    """A record: its id, its whole title, and its residues as they are written, blanks and digits left out."""

    id: str
    title: str
    residues: str


class FastaPieces(NamedTuple):
    """A record whose residues come in pieces, to be read before the next record is."""

    id: str
    title: str
    pieces: Iterator[str]


def read_fasta(text: Iterable[str], where: str, notes: Counter[str] | None = None) -> Iterator[FastaRecord]:
    """Yield the records of a FASTA text that comes in pieces; lines that start with ``;`` are comments.

    Parameters
    ----------
    text : iterable of str
    where : str
        Its name for messages.
    notes : Counter of str, optional
        Counts records from which digits were left out.

    Raises
    ------
    SourceError
        When something else stands before the first record, or a title within a line.
    """
    for record in read_fasta_pieces(text, where, notes):
        yield FastaRecord(record.id, record.title, "".join(record.pieces))


def read_fasta_pieces(text: Iterable[str], where: str, notes: Counter[str] | None = None) -> Iterator[FastaPieces]:
    r"""Yield records as `read_fasta` does, their residues in pieces: no chromosome is in memory as a whole.

    Raises
    ------
    SourceError
        As `read_fasta`.

    Examples
    --------
    >>> [(record.id, list(record.pieces)) for record in read_fasta_pieces([">a x\nAC", "GT\n>b\nT"], "here")]
    [('a', ['', 'AC', 'GT']), ('b', ['', 'T', ''])]
    """
    for (_, title), parts in groupby(_parts(text, where, notes), key=lambda part: part[:2]):
        yield FastaPieces((title.split() or [""])[0], title, (part[2] for part in parts))


def _parts(text: Iterable[str], where: str, notes: Counter[str] | None) -> Iterator[tuple[int, str, str]]:
    """Yield number and title of a record with a part of its residues, each record at least once."""
    number, title = 0, ""
    lines_before = 0  # of the piece
    noted = 0  # number of the last record with digits
    rest = ""  # of the last piece: the beginning of a title or a comment
    at_line_start = True
    for piece in _with_end(text):
        data = rest + piece
        rest = ""
        at = 0
        while at < len(data):
            if at_line_start and data[at] in ">;":
                end = data.find("\n", at)
                if end < 0:
                    rest = data[at:]
                    break
                if data[at] == ">":
                    number, title = number + 1, data[at + 1 : end].rstrip()
                    yield number, title, ""
                at = end + 1
                continue
            following = _NEXT_TITLE.search(data, at)
            end = following.start() + 1 if following else len(data)
            block = data[at:end]
            if not number or ">" in block:
                _refuse_misplaced(block, lines_before + data.count("\n", 0, at) + 1, where, in_record=number > 0)
            else:
                residues = block.translate(_IGNORED)
                if notes is not None and number > noted and _has_digits(block, len(residues)):
                    noted = number
                    notes["digits left out of sequences"] += 1
                yield number, title, residues
            at_line_start = data[end - 1] == "\n"
            at = end
        lines_before += data.count("\n", 0, len(data) - len(rest))


def _has_digits(block: str, residues: int) -> bool:
    """Whether a block has more than line ends beside so many residues, and digits among it: a quick look first."""
    return len(block) > residues + block.count("\n") and re.search("[0-9]", block) is not None


def _with_end(text: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text and, since its last line may be a title without one, a line end."""
    yield from text
    yield "\n"


def _refuse_misplaced(block: str, line: int, where: str, *, in_record: bool) -> None:
    """Refuse residues before the first record, and a title within a line of residues; `line` is the first of them.

    Raises
    ------
    SourceError
        When there are.
    """
    if in_record:
        line += block.count("\n", 0, block.index(">"))
        raise SourceError(
            f"{where}: line {line}: '>' within a sequence: put a line end before it (two files were joined)"
        )
    if between := block.strip():
        line += block.count("\n", 0, block.index(between))
        raise SourceError(f"{where}: not FASTA: its first line does not start with '>' (line {line})")


def tags_in(title: str) -> dict[str, str]:
    """Return the ``[key=value]`` fields of a title."""
    # What stands in a tag's brackets ends where others begin: else a title of a million takes for ever.
    return dict(re.findall(r"\[([\w-]+)=([^][]*)\]", title))


def organism_in(title: str) -> str | None:
    """Return the organism that a title names in a field for it: ``[organism=...]``, ``| organism=...``, ``OS=``."""
    if match := re.search(r"\[org(?:anism)?=((?:[^][]|\[[^][]*\])+)\]", title):
        return as_organism(match.group(1)) or None
    if match := re.search(r"\| *organism=([^|]+)", title):  # VEuPathDB
        return as_organism(match.group(1).replace("_", " ")) or None
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


def as_dna(pieces: Iterable[str], notes: Counter[str]) -> Iterator[str]:
    """Yield the pieces of a record with U read as T and without gaps, and count records where that was done."""
    noted: set[str] = set()
    for piece in pieces:
        if "U" in piece or "u" in piece:
            noted.add("RNA: U read as T")
            piece = piece.replace("U", "T").replace("u", "t")  # noqa: PLW2901 - two changes one after the other
        if "-" in piece:
            noted.add("gap characters '-' left out of DNA")
            piece = piece.replace("-", "")  # noqa: PLW2901
        yield piece
    notes.update(noted)


def as_protein(residues: str, notes: Counter[str]) -> str:
    """Return a protein in upper case without the stop that ends it (``*`` or ``.``) and without gaps."""
    residues = residues.upper()
    if "-" in residues:
        notes["gap characters '-' left out of proteins"] += 1
        residues = residues.replace("-", "")
    return residues.removesuffix("*").removesuffix(".")
