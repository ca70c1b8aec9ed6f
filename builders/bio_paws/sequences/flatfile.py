"""GenBank and EMBL flat files: checked for being whole, then parsed by Biopython, none of whose warnings is lost."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError
from Bio.SeqFeature import SeqFeature
from Bio.SeqRecord import SeqRecord

from bio_paws.errors import SourceError
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws.sequences import fasta

_LOCUS_LENGTH = re.compile(r"LOCUS\s+.*?\s(\d+)\s+(bp|aa|rc)\b")
_NOT_BASES = bytes(code for code in range(128) if not chr(code).isalpha())
_EMBL_LENGTH = re.compile(r"SQ\s+Sequence\s+(\d+)\s+(BP)")


@dataclass(frozen=True)
class FlatRecord:
    """A record.

    Attributes
    ----------
    id, organism : str
        The organism is empty where the record names none.
    residues : str
        Upper case; empty for a record that has no sequence of its own.
    cds : list of SeqFeature
        Its features of that type, marked as pseudogenes where their genes are.
    """

    id: str
    organism: str
    residues: str
    cds: list[SeqFeature]


def read_flat_file(lines: Iterable[str], where: str, notes: Counter[str], *, embl: bool) -> Iterator[FlatRecord]:
    """Parse the records, one after the other.

    Parameters
    ----------
    lines : iterable of str
        The file.
    where : str
        Its name for messages.
    notes : Counter
        Counts the parser's warnings by reason.
    embl : bool
        Whether it is EMBL, not GenBank.

    Raises
    ------
    SourceError
        When the file is cut, has something else behind a record, or cannot be parsed.
    """
    whole = whole_lines(lines, where, embl=embl)
    records = SeqIO.parse(_Handle(whole), "embl" if embl else "genbank")
    while record := _next_record(records, where, notes, kind="an EMBL" if embl else "a GenBank"):
        yield record
    for _ in whole:  # what the parser does not look at
        pass


def _next_record(records: Iterator[SeqRecord], where: str, notes: Counter[str], *, kind: str) -> FlatRecord | None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BiopythonWarning)
        try:
            record = next(records, None)
        except SourceError:
            raise
        except Exception as error:  # Biopython's parser raises whatever it stumbles over
            reraise_if_out_of_memory(error)
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise SourceError(f"{where}: not {kind} flat file that can be parsed ({why})") from error
    for warning in caught:
        if issubclass(warning.category, BiopythonWarning):
            notes[f"parser: {_reason(str(warning.message))}"] += 1
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if record is None:
        return None
    try:
        residues = str(record.seq)
    except UndefinedSequenceError:
        residues = ""
    organism = fasta.as_organism(str(record.annotations.get("organism") or ""))
    cds = [feature for feature in record.features if feature.type == "CDS"]
    pseudogenes = {_gene(feature) for feature in record.features if _is_pseudogene(feature)} - {""}
    for feature in cds:
        if _gene(feature) in pseudogenes:
            feature.qualifiers.setdefault("pseudo", [""])
    return FlatRecord(_name(record.id or "", record.name or ""), organism, residues, cds)


def _is_pseudogene(feature: SeqFeature) -> bool:
    return feature.type == "gene" and bool({"pseudo", "pseudogene"} & feature.qualifiers.keys())


def _gene(feature: SeqFeature) -> str:
    return str(feature.qualifiers.get("locus_tag", [""])[0])


class _Handle(io.TextIOBase):
    """Lines as a file that Biopython reads."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def read(self, size: int | None = -1) -> str:
        """Return nothing, by which Biopython tells text from bytes."""
        return ""

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        """Return the next line."""
        line = next(self._lines, None)
        return "" if line is None else f"{line}\n"


def _name(name: str, locus: str) -> str:
    return locus if name in ("", ".", "<unknown id>") and locus not in ("", "<unknown name>") else name


def _reason(message: str) -> str:
    """Return a warning without what differs from record to record."""
    return re.sub(r"\s+", " ", re.split(r"[:;(\n'\"]", message)[0]).strip()[:80] or "warning"


def _refuse_protein(length: re.Match[str], where: str, line: int) -> None:
    """Refuse a record of a protein, of which some are written in letters that are codes of nucleotides.

    Raises
    ------
    SourceError
        When it counts amino acids.
    """
    if length.group(2) == "aa":
        raise SourceError(
            f"{where}: line {line}: a record of a protein (GenPept), whose letters are no DNA: give the proteins as "
            "FASTA (.faa), or the GenBank file of their genome"
        )


def whole_lines(lines: Iterable[str], where: str, *, embl: bool = False) -> Iterator[str]:
    """Yield lines, and check that every record ends, has as many bases as it says, and is followed by nothing else.

    Raises
    ------
    SourceError
        When not; it names the line.
    """
    first, pattern = ("ID   ", _EMBL_LENGTH) if embl else ("LOCUS", _LOCUS_LENGTH)
    start = 0  # the line of the record, or 0 between records
    said: int | None = None
    bases = -1  # -1 before the sequence
    ended = False
    last = 0  # the last line that is not blank
    for number, line in enumerate(lines, start=1):
        if line and not line.isspace():
            last = number
        if line.startswith(first):
            if start:
                raise SourceError(
                    f"{where}: line {number}: a record starts, but that of line {start} has no end (//): "
                    "the file is cut: fetch it again"
                )
            start, said, bases = number, None, -1
        elif not start:
            if ended and line.strip():
                raise SourceError(
                    f"{where}: line {number}: {line.strip()[:40]!r} stands behind the last record: "
                    "remove it, or fetch the file again"
                )
            yield line
            continue
        if bases < 0 and (match := pattern.match(line)):
            _refuse_protein(match, where, number)
            said = int(match.group(1))
        if line.startswith("//") and line.rstrip() == "//":
            if said is not None and bases >= 0 and bases != said:
                raise SourceError(
                    f"{where}: line {number}: the record of line {start} has {bases:,} bases, not the "
                    f"{said:,} that it says: fetch the file again"
                )
            start, ended = 0, True
        elif bases >= 0:
            bases += len(line.encode().translate(None, _NOT_BASES))
        elif line.startswith("SQ   " if embl else "ORIGIN"):
            bases = 0
        yield line
    if start:
        raise SourceError(
            f"{where}: line {last}: the file ends in the record of line {start}, before "
            "its //: it is cut: fetch it again"
        )
