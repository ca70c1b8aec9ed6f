"""The pool of sequences that all assemblies fill: what is taken in, under which id, and what is left out and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bio_paws.errors import SourceError
from bio_paws.sequences import fasta, masks
from bio_paws.sequences.copies import HEAD, MaskedCopies
from bio_paws.sequences.fasta import FastaPieces, FastaRecord
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.scope import Origin, RecordName, Scope, id_problem, names_apart, printable, unique_id
from bio_paws.sequences.store import ResidueFile, StoredResidues
from bio_paws.sources.unpack import uncompressed_name

_DNA = frozenset("ACGTRYSWKMBDHVNacgtryswkmbdhvn")
_DNA_BYTES = "".join(_DNA).encode()
_PROTEIN = frozenset("ACDEFGHIKLMNPQRSTVWYBJOUXZ")
_MOST_MASKED = 0.95  # part of a genome that may be repeats: more in lower case masks nothing
_ACCESSION = re.compile(r"[A-Z]{1,6}_?\d{5,}\.\d{1,3}")
"""Accession with its version in GenBank, ENA, DDBJ or RefSeq: there, no two are one sequence that was masked."""
_ASSEMBLY = re.compile(r"GC[AF]_(\d{9})")
_LONG = 100  # residues of a protein that are not all codes of nucleotides by chance


class _Named(NamedTuple):
    """What a file calls a DNA sequence: its id, its organism where that is named, and the assembly of the file."""

    name: str
    organism: str | None
    assembly: str

    def differs_from(self, other: _Named) -> bool:
        """Whether the two are surely not one sequence: both are records of an archive, or their organisms differ.

        RefSeq copies assemblies from GenBank, under accessions of its own.
        """
        numbers = [match.group(1) for match in map(_ASSEMBLY.match, (self.assembly, other.assembly)) if match]
        if len(numbers) > len(set(numbers)):
            return False
        accessions = self.name != other.name and all(map(_ACCESSION.fullmatch, (self.name, other.name)))
        return accessions or bool(self.organism and other.organism and self.organism != other.organism)


@dataclass(frozen=True)
class _Written:
    """A DNA sequence that was written to the store.

    Attributes
    ----------
    named : _Named
    residues : StoredResidues
        Taken back where it has a twin.
    digest : bytes
        sha256 of the residues in upper case.
    head : bytes
        The first `HEAD` of them, in upper case.
    lower, upper : int
        Bases in lower and in upper case.
    foreign : str
        What is wrong with the first character that is no nucleotide; empty where there is none.
    twin : str
        Id of the sequence of another file that stands for it; empty where there is none.
    is_masked_copy : bool
        Whether the twin has fewer N.
    masked_copy : str
        Id of the sequence of another file that has more N, for which this one stands; empty where there is none.
    """

    named: _Named
    residues: StoredResidues
    digest: bytes
    head: bytes
    lower: int
    upper: int
    foreign: str
    twin: str = ""
    is_masked_copy: bool = False
    masked_copy: str = ""


class SequencePool:
    """DNA and proteins of all assemblies.

    Parameters
    ----------
    store : ResidueFile
        Takes their residues.
    make_masks : bool
        Give genomes without a soft mask one; else only say in `masks` what would make it.

    Attributes
    ----------
    dna, proteins : dict of str to Sequence
    rejected : Counter of str
        Records left out, by reason.
    notes : Counter of str
        What was changed or guessed, by kind: records or assemblies.
    masks : dict of str to str
        Program that made the soft mask, by sequence.
    renamed : dict of str to str
        Organisms by the names of files that stand for them: another file names the organism of the same sequence.
    """

    def __init__(self, store: ResidueFile, *, make_masks: bool = True) -> None:
        self._make_masks = make_masks
        self.dna: dict[str, Sequence] = {}
        self.proteins: dict[str, Sequence] = {}
        self.rejected: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.masks: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self._of_proteins_alone: dict[str, int] = {}  # number of the assembly, which has no genome and no genes
        self._file_names: set[str] = set()  # that stand for organisms
        self._organisms_elsewhere: dict[str, dict[str, str]] = {}  # by names of files, of sequences that others name
        self._store = store
        self._by_digest: dict[bytes, str] = {}
        self._copies = MaskedCopies()
        self._replaced: dict[str, str] = {}  # hard-masked copies by what stands for them
        self._origin: dict[str, Origin] = {}  # of DNA sequences
        self._named: dict[str, _Named] = {}  # likewise: what their files call them
        self._cases: dict[str, tuple[int, int]] = {}  # bases of a DNA sequence in lower and in upper case

    def add_dna_records(self, where: str, records: Iterable[FastaPieces], scope: Scope) -> None:
        """Take in the records of a FASTA file.

        Raises
        ------
        SourceError
            When none of them is DNA.
        """
        first = ""
        kept: list[tuple[RecordName, str, _Written]] = []
        for name, title, pieces in records:
            organism = scope.organism or scope.assembly.organisms.get(name) or fasta.organism_in(title)
            written = self._write_dna(pieces, _Named(name, organism, scope.assembly.accession), scope)
            if problem := self._dna_problem(name, written):
                first = first or f"{printable(name)}: {problem}"
            else:
                kept.append((RecordName(name, title, written.digest), organism or self.file_name(scope), written))
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file is empty'})")
        names = names_apart([record for record, _, _ in kept], self.notes, "DNA sequences", scope.ambiguous)
        of_word = Counter(record.word for (record, _, _), name in zip(kept, names, strict=True) if name)
        scope.ambiguous |= {word for word, count in of_word.items() if count > 1}
        for (record, organism, written), name in zip(kept, names, strict=True):
            if not name:
                self.rejected["dna_duplicate_id"] += 1
                continue
            self._take_dna(name, organism, written, scope)
            scope.add_title(record.title, scope.dna[name])

    def add_dna(self, name: str, organism: str | None, residues: str, scope: Scope) -> tuple[str, str]:
        """Take in the DNA sequence of a flat file, or a reference to the same sequence of another file.

        Parameters
        ----------
        name : str
            Its id in its file.
        organism : str or None
            None to call it by the file's name.
        residues : str
            As they are written, with the soft mask.
        scope : Scope
            Its assembly.

        Returns
        -------
        name : str
            By which its scope has it: numbered where a sequence of other residues has its id.
        problem : str
            Why it is left out, for messages; empty where it is not.
        """
        written = self._write_dna([residues], _Named(name, organism, scope.assembly.accession), scope)
        if problem := self._dna_problem(name, written):
            return name, problem
        if name in scope.dna and scope.dna[name] == (written.twin or self._by_digest.get(written.digest)):
            self.rejected["dna_duplicate_id"] += 1
            return name, "duplicate id"
        own, number = name, 1
        while own in scope.dna:
            number += 1
            own = f"{name}:{number}"
        if number > 1:
            self.notes["DNA sequences of one id, numbered"] += 1
        self._take_dna(own, organism or self.file_name(scope), written, scope)
        return own, ""

    def _dna_problem(self, name: str, written: _Written) -> str:
        """Say why a sequence that was just written is left out, and count it; empty where it is not."""
        problem = id_problem(name)
        if not problem and not len(written.residues) and not written.foreign:
            problem = "empty"
        if problem or written.foreign:
            self._store.truncate(written.residues.start)
            self.rejected[f"dna_{problem or 'alphabet'}"] += 1
            return _explained(problem, "") if problem else written.foreign
        return ""

    def _take_dna(self, name: str, organism: str, written: _Written, scope: Scope) -> None:
        if written.twin:
            scope.dna[name] = twin = self.in_place_of(written.twin)
            self._compare_organisms(twin, (self.dna[twin].organism, self._named[twin]), (organism, written.named))
            self.rejected[f"dna_{'masked_copy' if written.is_masked_copy else 'identical_record'}"] += 1
            return
        scope.dna[name] = unique = unique_id(name, scope.assembly.accession, self.dna)
        self._by_digest.setdefault(written.digest, unique)
        self._origin[unique] = scope.origin
        self._named[unique] = written.named
        self._cases[unique] = (written.lower, written.upper)
        self.dna[unique] = Sequence(unique, organism, "dna", written.residues)
        if written.masked_copy:
            self.rejected["dna_masked_copy"] += 1
            self._replaced[written.masked_copy] = unique
            copy = self.dna.pop(written.masked_copy)
            self._copies.remove(copy)
            self._compare_organisms(unique, (copy.organism, self._named[copy.id]), (organism, written.named))
            self.masks.pop(written.masked_copy, None)
        self._copies.add(self.dna[unique], written.head, scope.origin)

    def _compare_organisms(self, unique: str, *copies: tuple[str, _Named]) -> None:
        """Note where the file of one copy names the organism that stands as the name of a file in the other."""
        for (made_up, unnamed), (organism, named) in (copies, copies[::-1]):
            if named.organism and not unnamed.organism:
                self._organisms_elsewhere.setdefault(made_up, {}).setdefault(unique, organism)

    def in_place_of(self, unique: str) -> str:
        """Return the sequence that stands for a hard-masked copy of it; any other is its own."""
        while unique in self._replaced:
            unique = self._replaced[unique]
        return unique

    def _write_dna(self, pieces: Iterable[str], named: _Named, scope: Scope) -> _Written:
        """Write a sequence to the store, and look at its letters on the way; up to the first that is no nucleotide.

        It is taken back where another file has it, or has it with fewer N.
        """
        start, digest, foreign, head = self._store.length, sha256(), "", b""
        lower = upper = 0
        for piece in fasta.as_dna(pieces, self.notes):
            residues = piece.encode("ascii", "replace")
            if residues.translate(None, _DNA_BYTES):
                at, character = next((i, c) for i, c in enumerate(piece) if c not in _DNA)
                foreign = _not_a_code(character, self._store.length - start + at)
                break
            self._store.append(residues)
            head += residues[: HEAD - len(head)].upper()
            digest.update(residues.upper())
            lower += len(residues) - len(residues.translate(None, b"acgt"))
            upper += len(residues) - len(residues.translate(None, b"ACGT"))
        stored = StoredResidues(self._store, start, self._store.length - start)
        written = _Written(named, stored, digest.digest(), head, lower, upper, foreign)
        return written if foreign else self._compared(written, scope)

    def _compared(self, written: _Written, scope: Scope) -> _Written:
        twin = self.in_place_of(self._by_digest.get(written.digest, ""))
        copy = None
        if not twin or self._origin[twin] == scope.origin:
            copy = self._copies.find(
                written.residues,
                written.head,
                scope.origin,
                lambda other: not written.named.differs_from(self._named[other.id]),
            )
            if copy is None:
                return written
            if copy[1] == "more":
                return replace(written, masked_copy=copy[0])
            twin = copy[0]
        self._store.truncate(written.residues.start)
        return replace(written, twin=twin, is_masked_copy=copy is not None)

    def add_protein_records(self, where: str, records: Iterable[FastaRecord], scope: Scope) -> None:
        """Take in the records of a FASTA file.

        Raises
        ------
        SourceError
            When none of them is a protein.
        """
        first = ""
        kept: list[tuple[RecordName, str, StoredResidues]] = []
        for name, title, text in records:
            residues = fasta.as_protein(text, self.notes)
            problem = self.protein_problem(name, residues, scope)
            if not problem and _DNA.issuperset(residues) and len(residues) >= _LONG:
                problem = "looks_like_dna"
            if problem:
                self.rejected[f"protein_{problem}"] += 1
                first = first or f"{printable(name)}: {_explained(problem, residues)}"
                continue
            organism = scope.organism or fasta.organism_in(title) or fasta.organism_in_brackets(title)
            record = RecordName(name, title, sha256(residues.encode("ascii")).digest())
            kept.append((record, organism or self.file_name(scope), self._stored(residues)))
        if not kept:
            raise SourceError(f"{where}: no usable protein ({first or 'the file is empty'})")
        names = names_apart([record for record, _, _ in kept], self.notes, "proteins")
        for (_, organism, stored), name in zip(kept, names, strict=True):
            if name:
                self._take_protein(name, organism, stored, scope)
            else:
                self.rejected["protein_duplicate_id"] += 1

    def protein_problem(self, name: str, residues: str, scope: Scope) -> str:
        """Say why a protein cannot be taken in; empty when it can."""
        if problem := id_problem(name):
            return problem
        if name in scope.proteins:
            return "duplicate_id"
        if not residues:
            return "empty"
        if not _PROTEIN.issuperset(residues):
            return "alphabet"
        return ""

    def add_protein(self, name: str, organism: str, residues: str, scope: Scope) -> None:
        """Take in a protein without problems."""
        self._take_protein(name, organism, self._stored(residues), scope)

    def _take_protein(self, name: str, organism: str, stored: StoredResidues, scope: Scope) -> None:
        scope.proteins[name] = unique = unique_id(name, scope.assembly.accession, self.proteins)
        self.proteins[unique] = Sequence(unique, organism, "protein", stored)
        if all(file.role in ("protein", "protein_fasta") for file in scope.assembly.files):
            self._of_proteins_alone[unique] = scope.number

    def leave_out_copies_of_proteins(self) -> None:
        """Leave out proteins without genome or genes that another file has as well, of their organism or of none named.

        Programs write the proteins of a genome once more, those of one transcript a gene alone.
        """
        first: dict[bytes, list[tuple[str, int]]] = {}  # organism, and number of the assembly or 0 for one with genes
        alone = self._of_proteins_alone
        for name in (*(self.proteins.keys() - alone.keys() if alone else ()), *alone):
            protein, number = self.proteins[name], alone.get(name, 0)
            others = first.setdefault(sha256(protein.residues[:].encode("ascii")).digest(), [])
            if any(number != other and self._may_be_one(protein.organism, organism) for organism, other in others):
                del self.proteins[name]
                self.rejected["protein_identical_record"] += 1
            else:
                others.append((protein.organism, number))

    def _may_be_one(self, organism: str, other: str) -> bool:
        return organism == other or not self._file_names.isdisjoint((organism, other))

    def store_protein(self, unique: str, organism: str, residues: str) -> None:
        """Take in a protein under an id that is not taken."""
        self.proteins[unique] = Sequence(unique, organism, "protein", self._stored(residues))

    def _stored(self, residues: str) -> StoredResidues:
        stored = StoredResidues(self._store, self._store.length, len(residues))
        self._store.append(residues.encode("ascii"))
        return stored

    def remove_protein(self, name: str, scope: Scope) -> None:
        """Take a protein back, named by its id in its file."""
        del self.proteins[scope.proteins.pop(name)]

    def mask(self, scope: Scope) -> None:
        """Give a genome its soft mask where it came without one, or in lower case all but a few bases."""
        names = [name for name in dict.fromkeys(scope.dna.values()) if self._origin[name].assembly == scope.number]
        lower, upper = (sum(self._cases[name][case] for name in names) for case in (0, 1))
        if not names or (any(all(self._cases[name]) for name in names) and lower <= _MOST_MASKED * (lower + upper)):
            return
        genome = [self.dna[name] for name in names]
        program = masks.soft_mask(self._store, genome) if self._make_masks else masks.masking_program(genome)
        self.masks.update(dict.fromkeys(names, program))

    def name_organisms(self) -> None:
        """Call sequences by their organisms where another file tells them of all sequences of a genome.

        Of a plasmid alone, which other species have as well, they are not taken.
        """
        for made_up, by_sequence in self._organisms_elsewhere.items():
            unnamed = {name for name, sequence in self.dna.items() if sequence.organism == made_up}
            if unnamed <= by_sequence.keys() and len(set(by_sequence.values())) == 1:
                self.renamed[made_up] = next(iter(by_sequence.values()))
                self.notes.pop(_not_named(made_up), None)
        for sequences in (self.dna, self.proteins):
            for name, sequence in sequences.items():
                if sequence.organism in self.renamed:
                    sequences[name] = replace(sequence, organism=self.renamed[sequence.organism])

    def file_name(self, scope: Scope) -> str:
        """Return the name of the file or the assembly, the last resort for an organism, and note that."""
        accession = scope.assembly.accession
        name = uncompressed_name(accession)
        if any(file.path.name == accession for file in scope.assembly.files):
            name = Path(name).stem
        self.notes[_not_named(name)] += 1
        self._file_names.add(name)
        return name


def _not_named(name: str) -> str:
    return f"organism not named: {name!r} is the name of the file"


def _explained(problem: str, residues: str) -> str:
    if problem == "alphabet":
        at, character = next((i, c) for i, c in enumerate(residues) if c not in _PROTEIN)
        return f"character {character!r} at position {at} is not an amino acid"
    if problem == "empty":
        return "it has no residues; a GenBank record may name them alone (CONTIG, WGS): fetch it with its sequence"
    if problem == "looks_like_dna":
        return "these are nucleotides; DNA belongs in a .fna file"
    return problem.replace("_", " ")


def _not_a_code(character: str, at: int) -> str:
    where = f"character {character!r} at position {at}"
    advice = "; proteins belong in a .faa file" if character.isalpha() else ""
    return f"{where} is not a nucleotide of the IUPAC code{advice}"
