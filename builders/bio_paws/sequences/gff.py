"""GFF3 and GTF: the coding sequences that they describe, and the FASTA that may stand behind ``##FASTA``."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote

from bio_paws.errors import SourceError
from bio_paws.sequences.genes import CdsLocation, location_of_parts
from bio_paws.sequences.records import Strand


@dataclass
class GffCds:
    """A coding sequence.

    Attributes
    ----------
    source : str
        The sequence that it lies on.
    strand : str
    parts : list of (int, int)
        In the order of the file; 0-based, half-open.
    tags : dict of str to str
        Attributes of its first row.
    locus : str
        The gene that it belongs to, by the file's ids; empty where there is none.
    pseudo : bool
        Marked as a pseudogene, itself or its gene.
    partial : bool
        Marked as incomplete, or starting within a codon.
    """

    source: str
    strand: str
    parts: list[tuple[int, int]]
    tags: dict[str, str]
    locus: str = ""
    pseudo: bool = False
    partial: bool = False
    phases: list[str] = field(default_factory=list)

    def location(self) -> CdsLocation:
        """Return its location, or the problem with it."""
        if self.strand not in ("+", "-"):
            return CdsLocation(None, (), "mixed_strands")
        ordered = sorted(self.parts, reverse=self.strand == "-")
        first = self.phases[self.parts.index(ordered[0])]
        if self.partial or first not in ("0", "."):
            return CdsLocation(None, (), "partial")
        return location_of_parts(self.source, ordered, cast(Strand, self.strand))


def split_fasta(text: str) -> tuple[str, str]:
    """Split a file into its rows and the FASTA behind them, which is empty where there is none."""
    match = re.search(r"^(##FASTA[^\n]*\n|(?=>))", text, re.MULTILINE)
    return (text[: match.start()], text[match.end() :]) if match else (text, "")


def read_gff(text: str, where: str, rejected: Counter[str], *, gtf: bool) -> list[GffCds]:
    """Parse the coding sequences, in the order in which they begin.

    Parameters
    ----------
    text : str
        The rows.
    where : str
        The file's name for messages.
    rejected : Counter
        Counts rows that cannot be read.
    gtf : bool
        Whether it is GTF, whose CDS come without their stop codon.

    Raises
    ------
    SourceError
        When a row does not have nine columns.
    """
    by_key: dict[tuple[str, ...], GffCds] = {}
    parents: dict[str, dict[str, str]] = {}
    stops: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = line.rstrip().split("\t")
        if len(columns) != 9:
            raise SourceError(f"{where}: line {number}: {len(columns)} columns, not the 9 of GFF3 and GTF")
        source, _, kind, start, end, _, strand, phase, attributes = columns
        tags = _gtf_tags(attributes) if gtf else _gff_tags(attributes)
        if kind not in ("CDS", "stop_codon"):
            if "ID" in tags:
                parents[tags["ID"]] = {**tags, "type": kind}
            continue
        if not (start.isdigit() and end.isdigit() and 0 < int(start) <= int(end)):
            rejected["cds_no_location"] += 1
            continue
        part = (int(start) - 1, int(end))
        key = _key(source, strand, tags, number, gtf=gtf)
        if kind == "stop_codon":
            stops.setdefault(key, []).append(part)
            continue
        cds = by_key.setdefault(key, GffCds(unquote(source), strand, [], tags))
        if cds.strand != strand:
            cds.strand = "?"
        cds.parts.append(part)
        cds.phases.append(phase)
    for key, cds in by_key.items():
        if gtf:
            _add_stop(cds, stops.get(key, []))
        _describe(cds, parents)
    return list(by_key.values())


def _key(source: str, strand: str, tags: dict[str, str], number: int, *, gtf: bool) -> tuple[str, ...]:
    """Return what rows of one CDS share."""
    if gtf:
        return (source, tags.get("transcript_id") or tags.get("protein_id") or f"line {number}")
    return (source, tags.get("ID") or tags.get("Parent") or tags.get("protein_id") or f"line {number}")


def _add_stop(cds: GffCds, stops: list[tuple[int, int]]) -> None:
    """Join the stop codon with the exon that it continues."""
    for start, end in sorted(stops, reverse=cds.strand == "-"):
        for i, (left, right) in enumerate(cds.parts):
            if cds.strand == "+" and right == start:
                cds.parts[i] = (left, end)
                break
            if cds.strand == "-" and left == end:
                cds.parts[i] = (start, right)
                break
            if left <= start and end <= right:
                break
        else:
            cds.parts.append((start, end))
            cds.phases.append(".")


def _describe(cds: GffCds, parents: dict[str, dict[str, str]]) -> None:
    """Take locus, pseudogene and incompleteness from a CDS and the features that it is part of."""
    ancestors = [cds.tags]
    while (name := ancestors[-1].get("Parent", "").split(",")[0]) in parents and len(ancestors) < 10:
        ancestors.append(parents[name])
    for tags in ancestors:
        biotype = tags.get("gene_biotype") or tags.get("biotype") or tags.get("gene_type") or ""
        cds.pseudo |= tags.get("pseudo") == "true" or "pseudogene" in tags or "pseudogene" in biotype
        cds.pseudo |= tags.get("type") == "pseudogene"
    cds.partial = cds.tags.get("partial") == "true"
    last = ancestors[-1]
    locus = next((tags["locus_tag"] for tags in ancestors if tags.get("locus_tag")), "")
    cds.locus = locus or cds.tags.get("gene_id") or (last.get("ID", "") if len(ancestors) > 1 else "")


def _gff_tags(attributes: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in attributes.split(";") if "=" in part)
    return {key.strip(): unquote(value.strip()) for key, value in pairs}


def _gtf_tags(attributes: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+) "([^"]*)"', attributes))
