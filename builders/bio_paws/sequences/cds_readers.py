"""Coding sequences from what files say of them: FASTA of CDS as NCBI and Ensembl write it, flat files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from Bio.SeqFeature import SeqFeature

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.errors import SourceError
from bio_paws.sequences import fasta, genes
from bio_paws.sequences.fasta import FastaRecord
from bio_paws.sequences.gene_pool import Cds, GenePool
from bio_paws.sequences.genes import CdsLocation
from bio_paws.sequences.gff import GffCds, GffPart
from bio_paws.sequences.gff_genes import doubtful_rows
from bio_paws.sequences.pool import SequencePool
from bio_paws.sequences.scope import ProteinIds, Scope

_MAX_DIFFERING = 0.5
"""Part of the CDS of an assembly that may not be in its genome before the two cannot belong together."""


def read_ncbi_cds(
    where: str,
    records: Iterable[FastaRecord],
    scope: Scope,
    pool: SequencePool,
    gene_pool: GenePool,
    *,
    with_genome: bool,
) -> list[Cds]:
    """Read CDS whose titles hold ``[location=...]`` and ``[protein_id=...]``, and compare them with the genome.

    Raises
    ------
    SourceError
        When most of them are not in the genome beside them.
    """
    compared = differing = 0
    described: list[Cds] = []
    for name, title, text in records:
        tags = fasta.tags_in(title)
        source = _sequence_named_in(name, scope)
        if not source or "location" not in tags:
            pool.rejected["cds_no_location"] += 1
            continue
        if "pseudo" in tags:
            pool.rejected["cds_pseudogene"] += 1
            continue
        code = genes.code_of(tags.get("transl_table"), 0)
        if code is None:
            pool.rejected["cds_unknown_genetic_code"] += 1
            continue
        residues = text.upper().replace("U", "T")
        location = genes.parse_location(source, tags["location"])
        if location.span and with_genome:
            compared += 1
            if gene_pool.spliced(gene_pool.located(location, scope).span, location.exons) != residues:
                differing += 1
                location = CdsLocation(None, (), "not_in_genome")
        locus = tags.get("locus_tag") or _gene_id(tags.get("db_xref", ""))
        symbol = tags.get("gene", "")
        protein = tags.get("protein_id") or locus or name
        translation = None if scope.proteins and "protein_id" in tags else ""
        # What is in the genome is read from there: all CDS of a genome are some hundred megabytes.
        in_file = None if with_genome else residues
        described.append(Cds(location, locus, symbol, protein, translation, in_file, code=code or None))
    if compared and differing > _MAX_DIFFERING * compared:
        raise SourceError(
            f"{where}: {differing} of {compared} CDS are not in the genome beside it: fetch both files of one assembly"
        )
    return described


def _sequence_named_in(name: str, scope: Scope) -> str:
    """Return the sequence that stands before ``_cds``, which may be part of its own name as well."""
    name = name.removeprefix("lcl|")
    names = [name[: match.start()] for match in re.finditer(r"_cds(?=_|$)", name)]
    return next(filter(scope.find_dna, names[::-1]), names[0] if names else "")


def read_ensembl_cds(records: Iterable[FastaRecord], scope: Scope, pool: SequencePool) -> list[Cds]:
    """Locate CDS whose titles name an interval of the genome but not their exons: those without introns can be."""
    by_id = ProteinIds(scope.proteins)
    described: list[Cds] = []
    for name, title, text in records:
        match = re.search(r"\b\w+:[^:\s]*:([^:\s]+):(\d+):(\d+):-?1\b", title)
        source = pool.dna.get(scope.find_dna(match.group(1))) if match else None
        if match is None or source is None:
            pool.rejected["cds_no_location"] += 1
            continue
        residues = text.upper()
        first, last = int(match.group(2)) - 1, int(match.group(3))
        interval = source.residues[first:last].upper()
        gene = re.search(r"\bgene:(\S+)", title)
        protein = by_id.find(name) or name
        for strand, read in (("+", residues), ("-", reverse_complement(residues))):
            at = interval.find(read)
            if at >= 0:
                part = (first + at, first + at + len(residues))
                location = genes.location_of_parts(match.group(1), [part], "+" if strand == "+" else "-")
                described.append(Cds(location, gene.group(1) if gene else "", protein=protein))
                break
        else:
            pool.rejected["cds_exons_not_given"] += 1
    return described


def read_cds_feature(source: str, feature: SeqFeature, scope: Scope, pool: SequencePool) -> Cds | None:
    """Read a CDS of a flat file, and take its protein in; None where it is left out, which is counted.

    Parameters
    ----------
    source : str
        Its record, which the pool holds.
    feature : SeqFeature
    scope : Scope
        Its assembly.
    pool : SequencePool
        Takes the protein, and the counts.
    """
    tags: dict[str, list[str]] = feature.qualifiers
    translation = "".join(tags.get("translation", [""])[0].split()) if "translation" in tags else None
    # A pseudogene has no protein; one that states a translation is read as the gene that it claims to be.
    if translation is None and ("pseudo" in tags or "pseudogene" in tags):
        pool.rejected["cds_pseudogene"] += 1
        return None
    code = genes.code_of(next(iter(tags.get("transl_table", [])), None), 0)
    if code is None:
        pool.rejected["cds_unknown_genetic_code"] += 1
        return None
    location = genes.location_of(source, feature.location)
    # Read from its second or third base on, a CDS lacks its start.
    if not location.problem and (tags.get("codon_start") or ["1"])[0] != "1":
        location = CdsLocation(None, (), "partial")
    locus = (tags.get("locus_tag") or [""])[0] or _gene_id(" ".join(tags.get("db_xref", [])))
    protein = (tags.get("protein_id") or [""])[0] if "protein_id" in tags else ""
    if not protein:
        protein = f"{source}:{locus or _shown_location(location, feature)}"
    symbol = (tags.get("gene") or [""])[0]
    if translation is None:
        recoded = {}
        if location.span:
            recoded = genes.recoded_codons(tags.get("transl_except", []), location.span, location.exons)
        return Cds(location, locus, symbol, protein, "", code=code or None, recoded=recoded)
    residues = fasta.as_protein(translation, pool.notes)
    if problem := pool.protein_problem(protein, residues, scope):
        # An id that was read before is no reason to leave the gene out: the gene pool compares the two proteins.
        if problem != "duplicate_id":
            pool.rejected[f"protein_{problem}"] += 1
            return None
    else:
        pool.add_protein(protein, pool.dna[scope.dna[source]].organism, residues, scope)
    return Cds(location, locus, symbol, protein, residues, code=code or None)


def without_exons(described: list[Cds], scope: Scope, pool: SequencePool, gene_pool: GenePool) -> list[Cds]:
    """Leave out, and count, CDS of a flat file that may be exons: of one interval, and without a translation.

    Some programs write a feature for each exon.
    """

    def read(row: GffCds) -> str:
        location = row.location()
        return gene_pool.spliced(gene_pool.located(location, scope).span, location.exons) or ""

    rows: dict[int, GffCds] = {}
    for number, cds in enumerate(described):
        span = cds.location.span
        if span and cds.translation == "" and len(cds.location.exons) == 1:
            tags = {"transl_table": str(cds.code)} if cds.code else {}
            part = GffPart(span.start, span.end, ".")
            rows[number] = GffCds(span.source, span.strand, [part], tags, identity="tag")
    doubtful = doubtful_rows(list(rows.values()), read)
    left_out = {number for number, row in rows.items() if id(row) in doubtful}
    if left_out:
        pool.rejected["cds_gene_or_exon"] += len(left_out)
    return [cds for number, cds in enumerate(described) if number not in left_out]


def _gene_id(references: str) -> str:
    match = re.search(r"\bGeneID:(\d+)", references)
    return f"GeneID:{match.group(1)}" if match else ""


def _shown_location(location: CdsLocation, feature: SeqFeature) -> str:
    if location.span:
        return f"{location.span.start + 1}..{location.span.end}{'' if location.span.strand == '+' else 'c'}"
    return str(feature.location)
