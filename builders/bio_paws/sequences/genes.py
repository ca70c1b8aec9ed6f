"""From a coding sequence to its protein: genetic codes, alternative starts, recoded stops, and locations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from Bio.Data import CodonTable
from Bio.SeqFeature import Location

from bio_paws.align import translation
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws.sequences.records import Interval, Strand

CODES = frozenset(CodonTable.unambiguous_dna_by_id)
"""NCBI's genetic codes, by number: https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi"""
RECODED = {"TGA": "U", "TAG": "O"}
"""Codons that are read as selenocysteine and pyrrolysine where a protein says so."""
_AMINO_ACIDS = {"sec": "U", "pyl": "O"}
_RANGES = r"\d{1,12}\.\.\d{1,12}|join\((?:\d{1,12}\.\.\d{1,12},)+\d{1,12}\.\.\d{1,12}\)"
_USUAL_LOCATION = re.compile(rf"(?:{_RANGES})|complement\((?:{_RANGES})\)")
_LONGEST = 1 << 40  # bases: far beyond any chromosome, and within 64 bits


class CdsLocation(NamedTuple):
    """Where a CDS lies, or the problem because of which its location cannot be used."""

    span: Interval | None
    exons: tuple[tuple[int, int], ...]
    problem: str


@lru_cache(maxsize=64)
def start_codons(code: int) -> frozenset[str]:
    """Codons that are read as methionine at the first position.

    With the standard code, any start codon of the bacterial one: sources that name no code are often bacteria.
    """
    tables = CodonTable.unambiguous_dna_by_id
    return frozenset(tables[code].start_codons) | (frozenset(tables[11].start_codons) if code == 1 else frozenset())


def stop_codons(code: int) -> frozenset[str]:
    """Codons that end a CDS; some codes read them as residues within it."""
    return frozenset(CodonTable.unambiguous_dna_by_id[code].stop_codons)


def code_of(text: str | None, default: int = 1) -> int | None:
    """Parse a genetic code; None when it is not one of NCBI's."""
    if text is None:
        return default
    try:
        code = int(text)
    except ValueError:
        return None
    return code if code in CODES else None


def translates(cds: str, protein: str, code: int = 1) -> bool:
    """Whether a CDS with its stop codon reads as exactly this protein."""
    if len(cds) % 3 or len(cds) != 3 * len(protein) + 3 or cds.strip("ACGT") or not protein:
        return False
    if cds[-3:] not in stop_codons(code):
        return False
    read = translation.translated(cds[:-3], code)
    if read[0] != protein[0] and not (protein[0] == "M" and cds[:3] in start_codons(code)):
        return False
    if read[1:] == protein[1:]:
        return True
    differing = (i for i in range(1, len(protein)) if read[i] != protein[i])
    return all(RECODED.get(cds[3 * i : 3 * i + 3]) == protein[i] for i in differing)


def translated(cds: str, code: int, recoded: dict[int, str]) -> tuple[str, str]:
    """Translate a CDS for which its source gives no protein.

    Parameters
    ----------
    cds : str
        On its strand, exons joined, upper case.
    code : int
        Its genetic code.
    recoded : dict of int to str
        Residues at codons that are read otherwise, by the codon's number, from 0.

    Returns
    -------
    protein : str
    problem : str
        Why there is none; empty otherwise.
    """
    if cds.strip("ACGT"):
        return "", "ambiguous"
    if len(cds) % 3 or len(cds) < 6:
        return "", "incomplete_codon"
    if cds[-3:] not in stop_codons(code):
        return "", "no_stop"
    residues = list(translation.translated(cds[:-3], code))
    for at, residue in recoded.items():
        if 0 <= at < len(residues):
            if RECODED.get(cds[3 * at : 3 * at + 3]) != residue:
                return "", "recoded"
            residues[at] = residue
    if cds[:3] in start_codons(code):
        residues[0] = "M"
    if "*" in residues:
        return "", "internal_stop"
    return "".join(residues), ""


def recoded_codons(exceptions: Iterable[str], span: Interval, exons: tuple[tuple[int, int], ...]) -> dict[int, str]:
    """Return residue by number of codon, from ``(pos:213..215,aa:Sec)`` with positions on the genome.

    Residues that no codon is read as stand as ``X``; a methionine at the start and a stop are not recoded.
    """
    recoded = {}
    for exception in exceptions:
        match = re.search(r"pos:\D*(\d+)(?:\.\.(\d+))?.*?aa:(\w+)", "".join(exception.split()))
        if match is None:
            continue
        amino_acid = match.group(3).lower()
        first = int(match.group(1)) - 1
        if span.strand == "+":
            before = sum(min(end, first) - start for start, end in exons if start < first)
        else:
            last = int(match.group(2) or match.group(1))
            before = sum(end - max(start, last) for start, end in exons if end > last)
        if amino_acid != "term" and (before or amino_acid != "met"):
            recoded[before // 3] = _AMINO_ACIDS.get(amino_acid, "X")
    return recoded


def parse_location(source: str, location: str) -> CdsLocation:
    """Parse a location as GenBank writes it."""
    # Nearly all have this form, and the parser takes a millisecond for each.
    if _USUAL_LOCATION.fullmatch(location):
        parts = [(int(start) - 1, int(end)) for start, end in re.findall(r"(\d+)\.\.(\d+)", location)]
        if all(0 <= start < end for start, end in parts):
            forward = not location.startswith("complement")
            return location_of_parts(source, parts if forward else parts[::-1], "+" if forward else "-")
    try:
        parsed = Location.fromstring(location)
    except Exception as error:  # Biopython's parser raises whatever it stumbles over
        reraise_if_out_of_memory(error)
        return CdsLocation(None, (), "no_location")
    return location_of(source, parsed)


def location_of(source: str, location: Any) -> CdsLocation:
    """Turn a Biopython location into a span and its exons, or say why it cannot be used."""
    if location is None:
        return CdsLocation(None, (), "no_location")
    parts = [(int(part.start), int(part.end)) for part in location.parts]
    if len({part.strand for part in location.parts}) != 1 or location.strand not in (1, -1):
        return CdsLocation(None, (), "mixed_strands")
    if any(part.ref is not None and part.ref != source for part in location.parts):
        return CdsLocation(None, (), "trans_spliced")
    if any(not str(end).isdigit() for part in location.parts for end in (part.start, part.end)):
        return CdsLocation(None, (), "partial")
    return location_of_parts(source, parts, "+" if location.strand == 1 else "-")


def location_of_parts(source: str, parts: list[tuple[int, int]], strand: Strand) -> CdsLocation:
    """Make a location of parts, 0-based and half-open, in the order in which they are read."""
    # Biological order is descending on the reverse strand, and broken where a ring is closed.
    starts = [start for start, _ in parts]
    if starts != sorted(starts, reverse=strand == "-"):
        return CdsLocation(None, (), "crosses_origin")
    exons = sorted(parts)
    # Exons that overlap or touch: ribosomal slippage.
    if any(left[1] >= right[0] for left, right in pairwise(exons)):
        return CdsLocation(None, (), "slippage")
    if exons[0][0] < 0 or exons[-1][1] > _LONGEST:
        return CdsLocation(None, (), "no_location")
    return CdsLocation(Interval(source, exons[0][0], exons[-1][1], strand), tuple(exons), "")
