"""Which rows of GFF are one gene each, where the file does not say it: what the sequence reads as decides.

The last exon of a gene ends in a stop codon, and where it happens to begin with a start codon it reads as a gene of its
own. So a row that nothing joins with others is a gene only where no row beside it looks like an exon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from bio_paws.sequences import genes
from bio_paws.sequences.gff import GffCds, GffPart

Read = Callable[[GffCds], str]
"""Returns a coding sequence on its strand, with its stop codon; empty where its location cannot be used."""
_FEW_OPEN = 0.1
"""Part of the CDS of a single row that may lack a stop codon (at the ends of contigs, in pseudogenes) in a file whose
rows are whole genes."""


def genes_of_rows(described: list[GffCds], read: Read, *, with_proteins: bool) -> tuple[list[GffCds], int]:
    """Return coding sequences with those rows taken apart that are genes of their own.

    Parameters
    ----------
    described : list of GffCds
        As `gff.read_gff` returns them.
    read : callable
    with_proteins : bool
        Whether each gene is compared with its protein later, which leaves no doubt.

    Returns
    -------
    coding : list of GffCds
    left_out : int
        Rows that may be genes, or exons of them: nothing tells.
    """
    ranks = _ranks(described)
    coding: list[GffCds] = []
    unexplained: list[GffCds] = []
    for cds in described:
        if len(cds.parts) == 1 or (cds.identity != "name" and (cds.identity == "feature" or _translates(cds, read))):
            coding.append(cds)
            continue
        for run in _runs(cds, ranks[id(cds)]) if cds.identity == "name" else [cds]:
            apart = _apart(run, read) if len(run.parts) > 1 else [run]
            explained = apart or with_proteins or cds.identity == "tag"
            (coding if explained else unexplained).extend(apart or [run])
    if with_proteins:
        return coding, 0
    doubtful = doubtful_rows([cds for cds in coding if _is_lone(cds, read)], read, unexplained)
    left_out = sum(len(cds.parts) for cds in unexplained) + len(doubtful)
    return [cds for cds in coding if id(cds) not in doubtful], left_out


def _is_lone(cds: GffCds, read: Read) -> bool:
    """Whether it is a row that nothing else explains: it is not marked as incomplete, and ends within its sequence."""
    if cds.identity == "feature" or len(cds.parts) > 1 or cds.partial or cds.pseudo:
        return False
    ((start, end, _),) = cds.parts
    return cds.location().problem != "" or len(read(cds)) >= end - start


def _translates(cds: GffCds, read: Read) -> bool:
    coding = read(cds)
    return coding != "" and not genes.translated(coding, _code(cds), {})[1]


def _is_whole(cds: GffCds, read: Read) -> bool:
    """Whether it begins with a start codon and ends with a stop codon of its frame."""
    coding = read(cds)
    return (
        len(coding) > 3
        and len(coding) % 3 == 0
        and coding[:3] in genes.start_codons(_code(cds))
        and coding[-3:] in genes.stop_codons(_code(cds))
    )


def _code(cds: GffCds) -> int:
    return genes.code_of(cds.tags.get("transl_table")) or 1  # a code that is not known is refused later


def _apart(cds: GffCds, read: Read) -> list[GffCds]:
    """Take rows that were joined apart into whole genes; empty where that leaves a row over."""
    numbers = sorted(range(len(cds.parts)), key=lambda number: cds.parts[number], reverse=cds.strand == "-")
    rows = [cds.of_parts([number]) for number in numbers]
    if all(_is_whole(row, read) for row in rows):
        return rows
    made: list[GffCds] = []
    begun: list[int] = []
    for number in numbers:
        begun.append(number)
        gene = cds.of_parts(begun)
        if _is_whole(gene, read) and _translates(gene, read):
            made.append(gene)
            begun = []
        elif not _is_begun(gene, read):
            return []
    return [] if begun else made


def _is_begun(cds: GffCds, read: Read) -> bool:
    """Whether it begins with a start codon and has no stop codon in its frame yet."""
    coding = read(cds)
    codons = {coding[at : at + 3] for at in range(0, len(coding) - 2, 3)}
    return coding[:3] in genes.start_codons(_code(cds)) and not codons & genes.stop_codons(_code(cds))


def _ranks(described: list[GffCds]) -> dict[int, list[int]]:
    """Number the rows that no feature joins as they follow each other on their strand; for each CDS, by its `id`."""
    rows: dict[tuple[str, str], list[tuple[GffPart, int, int]]] = {}
    ranks: dict[int, list[int]] = {}
    for cds in described:
        if cds.identity != "feature":
            ranks[id(cds)] = [0] * len(cds.parts)
            on_strand = rows.setdefault((cds.source, cds.strand), [])
            on_strand += ((part, id(cds), number) for number, part in enumerate(cds.parts))
    for on_strand in rows.values():
        for rank, (_, owner, number) in enumerate(sorted(on_strand)):
            ranks[owner][number] = rank
    return ranks


def _runs(cds: GffCds, ranks: list[int]) -> list[GffCds]:
    """Divide rows of one name where rows of another lie between them."""
    numbers = sorted(range(len(ranks)), key=ranks.__getitem__)
    runs = [numbers[:1]]
    for left, right in pairwise(numbers):
        if ranks[right] > ranks[left] + 1:
            runs.append([])
        runs[-1].append(right)
    return [cds.of_parts(run) for run in runs]


def doubtful_rows(lone: list[GffCds], read: Read, unexplained: Iterable[GffCds] = ()) -> set[int]:
    """Return, by their `id`, the rows alone that may be exons.

    They are all where many have no stop codon: what identifies them numbers exons then. Else they are those that follow
    a row which goes on, and those without an identity that are not whole genes, or lie beside a row that is none.

    Parameters
    ----------
    lone : list of GffCds
        Of a row each.
    read : callable
    unexplained : iterable of GffCds, optional
        Rows beside them that make no gene.
    """
    whole = {id(cds) for cds in lone if _is_whole(cds, read)}
    going_on = {id(cds) for cds in lone if id(cds) not in whole and _goes_on(cds, read)}
    located = {id(cds) for cds in lone if not cds.location().problem}  # the others are left out for that
    if len(going_on) > 1 + _FEW_OPEN * len(lone):
        return located
    rows: dict[tuple[str, str], list[tuple[GffPart, int]]] = {}
    for cds in (*lone, *unexplained):
        rows.setdefault((cds.source, cds.strand), []).extend((part, id(cds)) for part in cds.parts)
    before: dict[int, int] = {}
    behind: dict[int, int] = {}
    for (_, strand), on_strand in rows.items():
        for (_, first), (_, second) in pairwise(sorted(on_strand, reverse=strand == "-")):
            before[second], behind[first] = first, second
    doubtful = {id(cds) for cds in lone if before.get(id(cds)) in going_on}
    for cds in lone:
        near = {id(cds), before.get(id(cds), id(cds)), behind.get(id(cds), id(cds))}
        doubtful |= {id(cds)} if cds.identity == "name" and not near <= whole else set()
    return doubtful & located


def _goes_on(cds: GffCds, read: Read) -> bool:
    """Whether a row begins within a codon, or does not end with a stop codon."""
    if cds.location().problem:
        return True
    return read(cds)[-3:] not in genes.stop_codons(_code(cds))
