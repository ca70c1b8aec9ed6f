"""Coding sequences from GFF3 and GTF: which protein is theirs, and where their stop codon lies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import cast

from bio_paws.errors import SourceError
from bio_paws.sequences import genes, gff
from bio_paws.sequences.gene_pool import Cds, GenePool
from bio_paws.sequences.genes import CdsLocation
from bio_paws.sequences.gff import GffCds
from bio_paws.sequences.gff_genes import genes_of_rows
from bio_paws.sequences.pool import SequencePool
from bio_paws.sequences.records import Interval
from bio_paws.sequences.scope import ProteinIds, Scope, printable


def read_gff_cds(
    where: str, lines: Iterable[str], scope: Scope, pool: SequencePool, gene_pool: GenePool, *, gtf: bool
) -> list[Cds]:
    """Read the CDS rows of GFF3 or GTF.

    Raises
    ------
    SourceError
        When a row does not have nine columns, or no row lies on a sequence of the genome.
    """
    by_id = ProteinIds(scope.proteins)
    by_residues = {pool.proteins[unique].residues[:]: name for name, unique in scope.proteins.items()}
    described: list[Cds] = []
    rows = gff.read_gff(lines, where, pool.rejected, gtf=gtf)
    if not rows:
        pool.notes["GFF3 or GTF file without a row of type CDS"] += 1
    if rows and not any(scope.find_dna(cds.source) for cds in rows):
        raise SourceError(
            f"{where}: its genes lie on {printable(rows[0].source)!r} and others, the genome has "
            f"{printable(next(iter(scope.dna), ''))!r} and others: fetch both files of one assembly, or rename"
        )
    rows = _usable(rows, scope, pool.rejected)
    rows, left_out = genes_of_rows(rows, partial(_read, scope, gene_pool), with_proteins=bool(by_residues))
    if left_out:
        pool.rejected["cds_gene_or_exon"] += left_out
    for cds in _usable(rows, scope, pool.rejected):
        code = genes.code_of(cds.tags.get("transl_table"), 0) or 0
        location = cds.location()
        ids = _protein_ids(cds)
        protein = next((name for name in map(by_id.find, ids) if name), "")
        residues = pool.proteins[scope.proteins[protein]].residues[:] if protein else ""
        with_stop = _with_stop(location, residues, code, scope, gene_pool)
        if with_stop != location:
            pool.notes["stop codon behind the CDS taken in"] += 1
        location = with_stop
        read = Cds(location, cds.locus, cds.tags.get("gene", ""), protein, code=code or None)
        if location.span and cds.tags.get("transl_except"):
            exceptions = re.findall(r"\([^()]*\)", cds.tags["transl_except"])
            read.recoded = genes.recoded_codons(exceptions, location.span, location.exons)
        if not protein:
            spliced = gene_pool.spliced(gene_pool.located(location, scope).span, location.exons) or ""
            read.protein = by_residues.get(genes.translated(spliced, code or 1, read.recoded)[0], "")
            if by_residues and not read.protein:
                pool.rejected["cds_no_protein"] += 1
                continue
        if not by_residues:
            read.protein = ids[0] if ids else f"{cds.source}:{min(cds.parts).start + 1}..{max(cds.parts).end}"
            read.translation = ""
        described.append(read)
    return described


def _usable(rows: list[GffCds], scope: Scope, rejected: Counter[str]) -> list[GffCds]:
    """Leave out CDS that are none, lie elsewhere or are read by no known code, and count them."""
    usable = []
    for cds in rows:
        if cds.pseudo:
            rejected["cds_pseudogene"] += 1
        elif not scope.find_dna(cds.source):
            rejected["cds_no_genome"] += 1
        elif genes.code_of(cds.tags.get("transl_table"), 0) is None:
            rejected["cds_unknown_genetic_code"] += 1
        else:
            usable.append(cds)
    return usable


def _read(scope: Scope, gene_pool: GenePool, cds: GffCds) -> str:
    """Return a CDS on its strand, with the stop codon behind it; empty where its location cannot be used."""
    code = genes.code_of(cds.tags.get("transl_table"), 0) or 0
    location = _with_stop(cds.location(), "", code, scope, gene_pool)
    return gene_pool.spliced(gene_pool.located(location, scope).span, location.exons) or ""


def _protein_ids(cds: GffCds) -> list[str]:
    """Return the names that a protein may have in its FASTA file, those of the CDS before those of its transcript."""
    keys = ("protein_id", "proteinId", "Name", "ID", "locus_tag", "transcript_id", "Parent")
    names = [cds.tags[key] for key in keys if cds.tags.get(key)]
    names += [cds.transcript[key] for key in ("Name", "transcript_id") if cds.transcript.get(key)]
    return [re.sub(r"^(cds-|CDS:|transcript:|rna-)", "", name) for name in names]


def _with_stop(location: CdsLocation, protein: str, code: int, scope: Scope, gene_pool: GenePool) -> CdsLocation:
    """Extend a CDS by the stop codon right behind it: some programs count it as part of the CDS, others do not.

    Parameters
    ----------
    location : CdsLocation
    protein : str
        Empty where it is not known; its length says more than the last codon.
    code : int
        Genetic code; 0 where it is not named.
    scope, gene_pool
        The assembly and what was read of it.
    """
    span = gene_pool.located(location, scope).span
    spliced = gene_pool.spliced(span, location.exons) or ""
    stops = genes.stop_codons(code or 1)
    if span is None or (len(spliced) == 3 * len(protein) + 3 if protein else spliced[-3:] in stops):
        return location
    forward = span.strand == "+"
    after = (span.end, span.end + 3) if forward else (span.start - 3, span.start)
    if len(spliced) % 3 or after[0] < 0 or gene_pool.spliced(span, (after,)) not in stops:
        return location
    first, last = location.exons[0], location.exons[-1]
    exons = (*location.exons[:-1], (last[0], after[1])) if forward else ((after[0], first[1]), *location.exons[1:])
    named = cast(Interval, location.span)
    return CdsLocation(named._replace(start=exons[0][0], end=exons[-1][1]), exons, "")
