"""The genes of all assemblies: coding sequences whose translation is their protein, and why others are left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.align.translation import reads_as
from bio_paws.sequences import genes
from bio_paws.sequences.genes import CdsLocation
from bio_paws.sequences.pool import SequencePool
from bio_paws.sequences.records import Gene, Interval
from bio_paws.sequences.scope import Scope, id_problem, unique_id

_TRIED = 100
"""CDS of a sequence that are tried with every genetic code where their source names none."""
_FEW_STOPPED = 0.2
"""Part of the CDS of a sequence that may be pseudogenes without a mark, or selenoproteins."""


@dataclass
class Cds:
    """A coding sequence as its file describes it.

    Attributes
    ----------
    location : CdsLocation
        With the file's id of the sequence that it lies on.
    locus : str
        The gene that it belongs to, by its id; empty where the file gives none.
    symbol : str
        The gene's symbol, which is no identity.
    protein : str
        The file's id of its protein.
    translation : str or None
        The protein; empty to translate the CDS; None to take the protein of that id.
    residues : str or None
        The CDS, where the file gives it; None to read it from the genome.
    code : int or None
        Genetic code; None where the file names none.
    recoded : dict of int to str
        As in `genes.translated`.
    """

    location: CdsLocation
    locus: str
    symbol: str = ""
    protein: str = ""
    translation: str | None = None
    residues: str | None = None
    code: int | None = None
    recoded: dict[int, str] = field(default_factory=dict)


class GenePool:
    """The genes of all assemblies.

    Attributes
    ----------
    genes : dict of str to Gene
        By the id of their protein in the corpus.
    """

    def __init__(self, pool: SequencePool) -> None:
        self.genes: dict[str, Gene] = {}
        self._pool = pool
        self._origin: dict[str, int] = {}  # number of the assembly that a gene came with
        self._owners: dict[str, str] = {}  # assembly, or sequence of it, that a locus or a symbol was read in first
        self._intervals: dict[tuple[Interval, tuple[tuple[int, int], ...]], str] = {}
        self._symbols: dict[tuple[str, str, str], list[tuple[Interval, str]]] = {}
        self._without_genome: list[str] = []  # genes whose genome may come with another assembly

    def add(self, described: list[Cds], scope: Scope, *, with_genome: bool = True) -> int:
        """Take in the genes whose CDS translate to their proteins, and count the others by reason.

        Parameters
        ----------
        described : list of Cds
            All of a file: its genetic codes are found from them together.
        scope : Scope
            Their assembly.
        with_genome : bool
            Whether their genome is in the assembly; `leave_out_misplaced` looks for it in others.

        Returns
        -------
        int
            How many do not speak against the file: were taken in, are another assembly's as well, or have a genetic
            code that nothing names.
        """
        codes = self._codes(described, scope)
        accepted = []
        blameless = 0
        for cds in described:
            location = self.located(cds.location, scope)
            problem = location.problem
            unique = ""
            if not problem and location.span:
                code = cds.code or codes.get(location.span.source, 1)
                problem = "" if code else "genetic_code_not_named"
            if not problem and location.span:
                unique, problem = self._add(cds, location.span, location.exons, code, scope)
            if problem:
                self._pool.rejected[f"cds_{problem}"] += 1
                blameless += problem in ("identical_record", "genetic_code_not_named")
            else:
                accepted.append(unique)
        if not with_genome:
            self._without_genome += accepted
        return len(accepted) + blameless

    def located(self, location: CdsLocation, scope: Scope) -> CdsLocation:
        """Return a location on the sequence as the corpus names it."""
        if location.span is None:
            return location
        source = scope.find_dna(location.span.source) or location.span.source
        return CdsLocation(location.span._replace(source=source), location.exons, "")

    def spliced(self, span: Interval | None, exons: tuple[tuple[int, int], ...]) -> str | None:
        """Return the joined exons on their strand, in upper case; None without their genome."""
        if span is None or span.source not in self._pool.dna:
            return None
        first, last = min(start for start, _ in exons), max(end for _, end in exons)
        genome = self._pool.dna[span.source].residues[first:last].upper()  # one access for all exons
        joined = "".join(genome[start - first : end - first] for start, end in exons)
        return joined if span.strand == "+" else reverse_complement(joined)

    def leave_out_misplaced(self) -> None:
        """Leave out genes of assemblies without a genome that are not where they say in the genome of another."""
        for protein_id in self._without_genome:
            gene = self.genes[protein_id]
            spliced = self.spliced(gene.span, gene.exons)
            if spliced is not None and not genes.translates(spliced, gene.protein, gene.code):
                del self.genes[protein_id]
                self._pool.rejected["cds_not_in_genome"] += 1

    def move_from_copies(self) -> None:
        """Move genes of hard-masked copies to the sequences that stand for these; leave out those that are there."""
        for protein_id, gene in list(self.genes.items()):
            span = gene.span._replace(source=self._pool.in_place_of(gene.span.source))
            if span == gene.span:
                continue
            twin = self.genes.get(self._intervals.setdefault((span, gene.exons), protein_id))
            if twin and twin is not gene and twin.protein == gene.protein:
                del self.genes[protein_id], self._pool.proteins[protein_id]
                self._pool.rejected["cds_identical_record"] += 1
            else:
                self.genes[protein_id] = replace(gene, span=span)

    def name_organisms(self) -> None:
        """Call genes by their organisms where only another file has told them."""
        for name, gene in self.genes.items():
            if gene.organism in self._pool.renamed:
                self.genes[name] = replace(gene, organism=self._pool.renamed[gene.organism])

    def genetic_codes(self) -> dict[str, int]:
        """Return the genetic code of each genome sequence that is not read by the standard one.

        Genes of another code than most genes of their sequence are left out.
        """
        counts: dict[str, Counter[int]] = {}
        for gene in self.genes.values():
            counts.setdefault(gene.span.source, Counter())[reads_as(gene.code)] += 1
        most = {source: max(sorted(count), key=count.__getitem__) for source, count in counts.items()}
        for name in [name for name, gene in self.genes.items() if reads_as(gene.code) != most[gene.span.source]]:
            del self.genes[name]
            self._pool.rejected["cds_other_genetic_code"] += 1
        return {source: code for source, code in most.items() if code != 1}

    def _add(
        self, cds: Cds, span: Interval, exons: tuple[tuple[int, int], ...], code: int, scope: Scope
    ) -> tuple[str, str]:
        """Take in a gene; return its id, or the problem because of which it is left out."""
        pool = self._pool
        spliced = cds.residues if cds.residues is not None else self.spliced(span, exons)
        if spliced is None or (span.source in pool.dna and span.end > len(pool.dna[span.source].residues)):
            return "", "no_genome" if spliced is None else "beyond_the_sequence"
        unique = scope.proteins.get(cds.protein, "")
        # A reader gives None where the protein is to be found in another file, "" where there is none to find.
        residues = cds.translation
        if residues == "":
            residues, problem = genes.translated(spliced, code, cds.recoded)
            if problem:
                return "", problem
            pool.notes["CDS without a protein, translated"] += 1
        else:
            if residues is None and not unique:
                return "", "no_protein"
            residues = residues or pool.proteins[unique].residues[:]
            if not genes.translates(spliced, residues, code):
                return "", "translation_differs"
        # Assemblies that share a sequence, or one given twice, describe a gene twice: the first one read stays.
        twin = self._intervals.get((span, exons))
        if twin and self._origin.get(twin) != scope.number and self.genes[twin].protein == residues:
            if unique and unique not in self.genes and unique != twin:
                pool.remove_protein(cds.protein, scope)
            return "", "identical_record"
        # The record of the protein names the species where there is one, else that of the sequence, else the file.
        dna = pool.dna.get(span.source)
        protein = pool.proteins.get(unique)
        named = protein or dna
        organism = scope.organism or (named.organism if named else pool.file_name(scope))
        if unique in self.genes and (self.genes[unique].span, self.genes[unique].exons) == (span, exons):
            return "", "duplicate_id"
        if not unique or unique in self.genes or (protein and protein.residues != residues):
            # The protein is that of another gene as well, or has no record of its own.
            name = cds.protein if not unique and cds.protein else f"{cds.protein}:{cds.locus or _shown(span)}"
            if id_problem(name):
                return "", "unnamed"
            unique = unique_id(name, scope.assembly.accession, pool.proteins)
            scope.proteins.setdefault(cds.protein, unique)
            pool.store_protein(unique, organism, residues)
        stored = pool.proteins[unique].residues
        self.genes[unique] = Gene(unique, self._locus(cds, unique, span, scope), organism, span, exons, stored, code)
        self._intervals.setdefault((span, exons), unique)
        self._origin.setdefault(unique, scope.number)
        return unique, ""

    def _locus(self, cds: Cds, unique: str, span: Interval, scope: Scope) -> str:
        """Return the gene that isoforms share; a symbol names a gene only where its isoforms overlap."""
        accession = scope.assembly.accession
        if cds.locus:
            owner = self._owners.setdefault(f"locus {cds.locus}", accession)
            return cds.locus if owner == accession else f"{accession}:{cds.locus}"
        if not cds.symbol:
            return unique
        intervals = self._symbols.setdefault((accession, span.source, cds.symbol), [])
        for interval, locus in intervals:
            if interval.strand == span.strand and interval.start < span.end and span.start < interval.end:
                intervals.append((span, locus))
                return locus
        owner = self._owners.setdefault(f"symbol {cds.symbol}", f"{accession} {span.source}")
        first = not intervals and owner == f"{accession} {span.source}"
        locus = cds.symbol if first else f"{cds.symbol}@{_shown(span)}"
        intervals.append((span, locus))
        return locus

    def _codes(self, described: list[Cds], scope: Scope) -> dict[str, int]:
        """Find the genetic code of each sequence whose source names none from its CDS, and from their proteins.

        It is 0 where there are no proteins and the standard code reads stops within CDS that another does not: which
        of those it is, nothing tells.
        """
        with_protein: dict[str, list[tuple[str, str]]] = {}
        alone: dict[str, list[str]] = {}
        for cds in described:
            location = self.located(cds.location, scope)
            if cds.code is not None or location.span is None:
                continue
            protein = self._pool.proteins.get(scope.proteins.get(cds.protein, ""))
            pairs = with_protein.setdefault(location.span.source, [])
            unread = alone.setdefault(location.span.source, [])
            if len(pairs) + len(unread) < _TRIED:
                spliced = cds.residues if cds.residues is not None else self.spliced(location.span, location.exons)
                if spliced and protein:
                    pairs.append((spliced, protein.residues[:]))
                elif spliced and cds.translation == "" and not cds.recoded:
                    unread.append(spliced)
        codes = {}
        for source, pairs in with_protein.items():
            by_standard = _agreeing(pairs, 1)
            if 2 * by_standard < len(pairs):
                best = max(sorted(genes.CODES), key=lambda code: _agreeing(pairs, code))
                if _agreeing(pairs, best) > max(by_standard, len(pairs) // 2):
                    codes[source] = best
                    self._pool.notes[f"genetic code {best} found from the proteins of {source}"] += 1
        return {source: 0 for source, unread in alone.items() if _needs_other_code(unread)} | codes


def _needs_other_code(spliced: list[str]) -> bool:
    """Whether a fifth of these CDS, and more than one, have stops within by the standard code, and none by another."""
    stopped = [cds for cds in spliced if _has_stops(cds, 1)]
    if len(stopped) < 2 or _FEW_STOPPED * len(spliced) > len(stopped):
        return False
    return any(not any(_has_stops(cds, code) for cds in stopped) for code in genes.CODES)


def _has_stops(cds: str, code: int) -> bool:
    return genes.translated(cds, code, {})[1] == "internal_stop"


def _agreeing(pairs: list[tuple[str, str]], code: int) -> int:
    return sum(genes.translates(cds, protein, code) for cds, protein in pairs)


def _shown(span: Interval) -> str:
    return f"{span.source}:{span.start + 1}..{span.end}"
