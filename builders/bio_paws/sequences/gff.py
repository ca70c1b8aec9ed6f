"""GFF3 and GTF: the coding sequences that they describe, and the FASTA that may stand behind ``##FASTA``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import Literal, NamedTuple, cast
from urllib.parse import unquote

from bio_paws.errors import SourceError
from bio_paws.sequences.genes import CdsLocation, location_of_parts
from bio_paws.sequences.records import Strand
from bio_paws.sources.text import lines_of

_PROTEINS = frozenset({"protein", "polypeptide"})
_CDS = frozenset({"cds", "so:0000316"})
_TRANSCRIPT_TAGS = ("transcript_id", "protein_id", "transcriptId", "proteinId", "name")
"""What tells transcripts apart in GTF and, with ``proteinId`` and ``name``, in JGI's GFF2, best first."""
_IDENTITIES = ("locus_tag", "transcript_id", "protein_id")
"""Which rows of GFF3 without id and parent belong together is told by all of these that they have."""
_NAMES = ("gene", "Name", "gene_name", "product")
"""What may stand at all rows of a CDS, and at those of others as well."""
Identity = Literal["feature", "tag", "name"]
"""How the rows of a CDS were joined: as one feature or parts of one transcript; by what identifies a gene; by a name
that others may have too, or, a row alone, by nothing."""


class GffPart(NamedTuple):
    """A row of a coding sequence: 0-based, half-open, with the phase as it is written."""

    start: int
    end: int
    phase: str


@dataclass
class GffCds:
    """A coding sequence.

    Attributes
    ----------
    source : str
        The sequence that it lies on.
    strand : str
    parts : list of GffPart
        In the order of the file.
    tags : dict of str to str
        Attributes of its first row.
    transcript : dict of str to str
        Attributes of the feature that it is directly part of; empty where there is none.
    locus : str
        The gene that it belongs to, by the file's ids; empty where there is none.
    pseudo : bool
        Marked as a pseudogene, itself or its gene.
    partial : bool
        Marked as incomplete.
    identity : str
        How its rows were joined.
    tags_of_parts : list of dict of str to str
        Attributes of each of its rows.
    """

    source: str
    strand: str
    parts: list[GffPart]
    tags: dict[str, str]
    transcript: dict[str, str] = field(default_factory=dict)
    locus: str = ""
    pseudo: bool = False
    partial: bool = False
    identity: Identity = "feature"
    tags_of_parts: list[dict[str, str]] = field(default_factory=list)

    def of_parts(self, numbers: Sequence[int]) -> GffCds:
        """Return the coding sequence that only these of its rows are, by their numbers."""
        own = self.tags_of_parts[numbers[0]]
        tags = {**own, "Parent": self.tags["Parent"]} if "Parent" in self.tags else own
        of_parts = [self.tags_of_parts[number] for number in numbers]
        parts = [self.parts[number] for number in numbers]
        return replace(
            self,
            parts=parts,
            tags=tags,
            tags_of_parts=of_parts,
            locus=own.get("locus_tag") or self.locus,
            pseudo=self.pseudo or any(map(_is_pseudo, of_parts)),
            partial=any(map(_is_partial, of_parts)),
        )

    def location(self) -> CdsLocation:
        """Return its location, or the problem with it."""
        if self.strand not in ("+", "-"):
            return CdsLocation(None, (), "mixed_strands")
        ordered = sorted(self.parts, reverse=self.strand == "-")
        if self.partial or ordered[0].phase not in ("0", "."):
            return CdsLocation(None, (), "partial")
        return location_of_parts(self.source, [(part.start, part.end) for part in ordered], cast(Strand, self.strand))


@dataclass(frozen=True)
class _Feature:
    """What other rows refer to by its id."""

    kind: str
    tags: dict[str, str]
    parents: tuple[str, ...]


@dataclass(frozen=True)
class _CdsRow:
    source: str
    strand: str
    part: GffPart
    tags: dict[str, str]
    parents: tuple[str, ...]
    line: int
    written: str


def is_before_fasta(line: str) -> bool:
    """Whether the FASTA behind the rows does not begin in a line."""
    return not line.startswith(("##FASTA", ">"))


def fasta_behind_rows(text: Iterable[str]) -> Iterator[str]:
    """Yield the FASTA that stands behind the rows of a file, line by line."""
    behind = dropwhile(is_before_fasta, lines_of(text))
    return (f"{line}\n" for line in behind if not line.startswith("##FASTA"))


def read_gff(lines: Iterable[str], where: str, rejected: Counter[str], *, gtf: bool) -> list[GffCds]:
    """Parse the coding sequences, in the order in which they begin.

    Parameters
    ----------
    lines : iterable of str
        The rows.
    where : str
        The file's name for messages.
    rejected : Counter
        Counts rows that cannot be read.
    gtf : bool
        Whether it is GTF, which may put stop codons in rows of their own.

    Raises
    ------
    SourceError
        When a row does not have nine columns.
    """
    features: dict[str, _Feature] = {}
    rows: list[_CdsRow] = []
    stops: list[_CdsRow] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = line.rstrip().split("\t")
        if len(columns) != 9:
            raise SourceError(f"{where}: line {number}: {len(columns)} columns, not the 9 of GFF3 and GTF")
        source, _, kind, start, end, _, strand, phase, attributes = columns
        tags, parents = (_gtf_tags(attributes), ()) if gtf else _gff_tags(attributes)
        is_cds = kind.lower() in _CDS
        if not is_cds and kind != "stop_codon":
            if "ID" in tags:
                features[tags["ID"]] = _Feature(kind, tags, parents)
            continue
        if not (start.isdigit() and end.isdigit() and 0 < int(start) <= int(end)):
            rejected["cds_no_location"] += 1
            continue
        part = GffPart(int(start) - 1, int(end), phase)
        row = _CdsRow(unquote(source), strand, part, tags, parents, number, attributes)
        if is_cds:
            rows.append(row)
        elif gtf:
            stops.append(row)
    described = _by_transcript(rows, stops) if gtf else _by_id_or_parent(rows, features)
    for cds in described:
        _describe(cds, features)
    return described


def _by_transcript(rows: list[_CdsRow], stops: list[_CdsRow]) -> list[GffCds]:
    """Join the rows of GTF that belong to one transcript, with their stop codon."""

    def key(row: _CdsRow) -> tuple[str, ...]:
        transcript = next((row.tags[tag] for tag in _TRANSCRIPT_TAGS if row.tags.get(tag)), "")
        gene = row.tags.get("gene_id", "")  # in a file of NCBI one transcript's name may stand at all genes
        return (row.source, gene, transcript) if gene or transcript else ()

    names = _shared_names(row for row in rows if not key(row))
    by_key: dict[tuple[str, ...], GffCds] = {}
    for row in rows:
        identity: Identity = "tag" if key(row) else "name"
        joined = by_key.setdefault(
            key(row) or names[row.line], GffCds(row.source, row.strand, [], row.tags, identity=identity)
        )
        _extend(joined, row)
    for cds in by_key.values():
        if cds.tags.get("transcript_id") and len(cds.parts) > 1 and cds.strand != "?":
            cds.identity = "feature"
    stops_of: dict[tuple[str, ...], list[GffPart]] = {}
    for row in stops:
        stops_of.setdefault(key(row), []).append(row.part)
    for name, parts in stops_of.items():
        if name in by_key:  # else the sequence tells where it lies
            _add_stop(by_key[name], parts)
    return list(by_key.values())


def _shared_names(rows: Iterable[_CdsRow]) -> dict[int, tuple[str, ...]]:
    """Return for rows that nothing identifies, by their lines, what those have in common that may be of one CDS.

    Of the names of a row that others have too it is the one that the fewest have.
    """
    rows = list(rows)

    def keys(row: _CdsRow) -> list[tuple[str, ...]]:
        named = [(tag, row.tags[tag]) for tag in _NAMES if row.tags.get(tag)]
        named += [("", row.written)] if row.written.strip(" .;") else []
        return [(row.source, row.strand, *each) for each in named]

    counts = Counter(key for row in rows for key in keys(row))
    names = {}
    for row in rows:
        shared = [key for key in keys(row) if counts[key] > 1]
        names[row.line] = min(shared, key=counts.__getitem__) if shared else (f"line {row.line}",)
    return names


def _by_id_or_parent(rows: list[_CdsRow], features: dict[str, _Feature]) -> list[GffCds]:
    """Join the rows of GFF3 that share an id, else those that share a transcript, else what identifies a gene.

    GFF3 has one id for all rows of a CDS. Many files number the rows instead, share rows between transcripts, give
    the CDS of several transcripts one id, or have neither ids nor parents.
    """
    parents_of_id: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for row in rows:
        parents_of_id.setdefault((row.source, row.tags.get("ID", "")), []).append(row.parents)
    names = _shared_names(row for row in rows if not row.parents and not any(row.tags.get(tag) for tag in _IDENTITIES))
    by_key: dict[tuple[str, ...], list[_CdsRow]] = {}
    for row in rows:
        name = row.tags.get("ID")
        parents = parents_of_id[row.source, name] if name else []
        if name and len(parents) > 1 and len(set(parents)) == 1:
            by_key.setdefault(("id", row.source, name), []).append(row)
            continue
        transcripts = [name for name in row.parents if name not in features or features[name].kind not in _PROTEINS]
        for parent in transcripts or row.parents:
            of_parent = replace(row, parents=(parent,))
            by_key.setdefault(("parent", row.source, parent), []).append(of_parent)
        identities = [row.tags.get(tag, "") for tag in _IDENTITIES]
        if not row.parents and any(identities):
            strand = "" if row.tags.get("locus_tag") else row.strand  # two genes may have one protein
            by_key.setdefault(("tag", row.source, strand, *identities), []).append(row)
        elif not row.parents:
            by_key.setdefault(("name", *names[row.line]), []).append(row)
    described = []
    for key, joined in by_key.items():
        first = joined[0]
        transcript = features.get(first.parents[0]) if first.parents else None
        cds = GffCds(first.source, first.strand, [], first.tags, transcript.tags if transcript else {})
        if first.parents:
            cds.tags = {**first.tags, "Parent": first.parents[0]}
        cds.identity = _identity(key[0], joined, transcript)
        for row in joined:
            _extend(cds, row)
        described.append(cds)
    return described


def _identity(joined_by: str, rows: list[_CdsRow], parent: _Feature | None) -> Identity:
    """Return how rows were joined: under a transcript they are one CDS, under a gene or an operon they need not be."""
    if joined_by == "name":
        return "name"
    if joined_by == "tag":
        return "tag"
    of_transcript = joined_by == "parent" and parent is not None and _is_transcript(parent.kind)
    return "feature" if of_transcript or len(rows) == 1 else "tag"


def _is_transcript(kind: str) -> bool:
    return "rna" in kind.lower() or "transcript" in kind.lower()


def _extend(cds: GffCds, row: _CdsRow) -> None:
    if cds.strand != row.strand:
        cds.strand = "?"
    cds.parts.append(row.part)
    cds.tags_of_parts.append(row.tags)


def _add_stop(cds: GffCds, stops: list[GffPart]) -> None:
    """Join the stop codon with the exon that it continues."""
    for stop in sorted(stops, reverse=cds.strand == "-"):
        for i, part in enumerate(cds.parts):
            if cds.strand == "+" and part.end == stop.start:
                cds.parts[i] = part._replace(end=stop.end)
                break
            if cds.strand == "-" and part.start == stop.end:
                cds.parts[i] = part._replace(start=stop.start)
                break
            if part.start <= stop.start and stop.end <= part.end:
                break
        else:
            cds.parts.append(stop._replace(phase="."))
            cds.tags_of_parts.append(cds.tags)


def _describe(cds: GffCds, features: dict[str, _Feature]) -> None:
    """Take locus, pseudogene and incompleteness from a CDS and the features that it is part of."""
    above: list[_Feature] = []
    parent = cds.tags.get("Parent", "")
    while parent in features and len(above) < 10:
        above.append(features[parent])
        parent = above[-1].parents[0] if above[-1].parents else ""
    # As in pseudogenic_transcript and processed_pseudogene.
    cds.pseudo = any(_is_pseudo(feature.tags) or "pseudogen" in feature.kind.lower() for feature in above)
    cds.pseudo |= all(map(_is_pseudo, cds.tags_of_parts))
    cds.partial = any(map(_is_partial, cds.tags_of_parts))
    locus_tags = (tags["locus_tag"] for tags in (cds.tags, *(each.tags for each in above)) if tags.get("locus_tag"))
    ids = [feature.tags["ID"] for feature in above if feature.kind.lower() not in _OF_MANY_GENES]
    cds.locus = next(locus_tags, "") or cds.tags.get("gene_id") or (ids[-1] if ids else "")


def _is_pseudo(tags: dict[str, str]) -> bool:
    biotype = tags.get("gene_biotype") or tags.get("biotype") or tags.get("gene_type") or ""
    return tags.get("pseudo", "").lower() in _YES or "pseudogene" in tags or "pseudogene" in biotype


def _is_partial(tags: dict[str, str]) -> bool:
    return tags.get("partial", "").lower() in _PARTIAL or bool(_NOT_WHOLE & set(tags.get("tag", "").split(",")))


_OF_MANY_GENES = frozenset({"chromosome", "contig", "operon", "region", "scaffold", "supercontig"})
_YES = frozenset({"true", "1", "yes"})
_PARTIAL = frozenset({"true", "10", "01", "11"})
"""NCBI says ``true``; Prodigal has a digit for either end."""
_NOT_WHOLE = frozenset({"cds_start_NF", "cds_end_NF"})
"""What Ensembl and GENCODE call a CDS whose start or end was not found."""


def _gff_tags(attributes: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the attributes of a row of GFF3, and its parents, which are separated before they are decoded."""
    raw = dict(part.split("=", 1) for part in attributes.split(";") if "=" in part)
    tags = {key.strip(): unquote(value.strip()) for key, value in raw.items()}
    parents = next((value for key, value in raw.items() if key.strip() == "Parent"), "")
    return tags, tuple(unquote(name.strip()) for name in parents.split(",") if name.strip())


def _gtf_tags(attributes: str) -> dict[str, str]:
    """Return the attributes of a row of GTF; the values of one that is repeated are joined with commas."""
    tags: dict[str, str] = {}
    for key, quoted, plain in re.findall(r'(\w+)\s+(?:"([^"]*)"|([^\s;"]+))', attributes):
        value = quoted or plain
        tags[key] = f"{tags[key]},{value}" if key == "tag" and key in tags else value
    return tags
