"""The pool of sequences that all assemblies fill: what is taken in, under which id, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from bio_paws.errors import SourceError
from bio_paws.sequences import fasta, masks
from bio_paws.sequences.fasta import FastaPieces, FastaRecord
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.scope import Scope, id_problem, printable, unique_id
from bio_paws.sequences.store import ResidueFile, StoredResidues, pieces_of
from bio_paws.sources.unpack import uncompressed_name

_DNA = frozenset("ACGTRYSWKMBDHVNacgtryswkmbdhvn")
_DNA_BYTES = "".join(_DNA).encode()
_PROTEIN = frozenset("ACDEFGHIKLMNPQRSTVWYBJOUXZ")
_N = ord("N")
_MOST_MASKED = 0.95  # part of a genome that may be repeats: more in lower case masks nothing
_LONG = 100  # residues of a protein that are not all codes of nucleotides by chance


@dataclass(frozen=True)
class _Written:
    """A DNA sequence that was written to the store.

    Attributes
    ----------
    residues : StoredResidues
    digest : bytes
        sha256 of the residues in upper case.
    lower, upper : int
        Bases in lower and in upper case.
    foreign : str
        What is wrong with the first character that is no nucleotide; empty where there is none.
    """

    residues: StoredResidues
    digest: bytes
    lower: int
    upper: int
    foreign: str


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
    """

    def __init__(self, store: ResidueFile, *, make_masks: bool = True) -> None:
        self._make_masks = make_masks
        self.dna: dict[str, Sequence] = {}
        self.proteins: dict[str, Sequence] = {}
        self.rejected: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.masks: dict[str, str] = {}
        self._store = store
        self._by_digest: dict[bytes, str] = {}
        self._by_name: dict[tuple[str, int], str] = {}  # DNA sequences by their ids in their files, and their lengths
        self._origin: dict[str, int] = {}  # number of the assembly that a DNA sequence came with
        self._cases: dict[str, tuple[int, int]] = {}  # bases of a DNA sequence in lower and in upper case

    def add_dna_records(self, where: str, records: Iterable[FastaPieces], scope: Scope) -> None:
        """Take in the records of a FASTA file.

        Raises
        ------
        SourceError
            When none of them is DNA.
        """
        first = ""
        kept = 0
        for name, title, pieces in records:
            organism = scope.organism or fasta.organism_in(title)
            if problem := self.add_dna(name, organism, pieces, scope):
                first = first or f"{printable(name)}: {problem}"
            else:
                kept += 1
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file is empty'})")

    def add_dna(self, name: str, organism: str | None, pieces: Iterable[str], scope: Scope) -> str:
        """Take in a DNA sequence, or a reference to the same sequence of another assembly.

        Parameters
        ----------
        name : str
            Its id in its file.
        organism : str or None
            None to call it by the file's name.
        pieces : iterable of str
            Its residues as they are written, with the soft mask.
        scope : Scope
            Its assembly.

        Returns
        -------
        str
            Why it is left out, for messages; empty where it is not.
        """
        written = self._write_dna(pieces)
        problem = id_problem(name)
        if not problem and name in scope.dna:
            problem = "duplicate_id"
        if not problem and not len(written.residues) and not written.foreign:
            problem = "empty"
        if problem or written.foreign:
            self._store.truncate(written.residues.start)
            self.rejected[f"dna_{problem or 'alphabet'}"] += 1
            return _explained(problem, "") if problem else written.foreign
        organism = organism or self.file_name(scope)
        twin = self._by_digest.get(written.digest)
        if twin is not None and self._origin[twin] != scope.number:
            self._store.truncate(written.residues.start)
            scope.dna[name] = twin
            self.rejected["dna_identical_record"] += 1
            return ""
        self._require_other_genome(name, written, scope)
        scope.dna[name] = unique = unique_id(name, scope.assembly.accession, self.dna)
        self._by_name.setdefault((name, len(written.residues)), unique)
        self._by_digest.setdefault(written.digest, unique)
        self._origin[unique] = scope.number
        self._cases[unique] = (written.lower, written.upper)
        self.dna[unique] = Sequence(unique, organism, "dna", written.residues)
        return ""

    def _require_other_genome(self, name: str, written: _Written, scope: Scope) -> None:
        """Refuse a sequence that is one of another assembly but for its N: pairs of the two would be copies.

        Raises
        ------
        SourceError
            When it is.
        """
        twin = self._by_name.get((name, len(written.residues)))
        if twin is None or self._origin[twin] == scope.number:
            return
        equal = 0
        for first, second in zip(pieces_of(self.dna[twin].residues), pieces_of(written.residues), strict=True):
            a, b = (np.frombuffer(piece.upper().encode("ascii"), dtype=np.uint8) for piece in (first, second))
            if np.any((a != b) & (a != _N) & (b != _N)):
                return
            equal += int(np.sum(a == b))
        if 2 * equal > len(written.residues):
            raise SourceError(
                f"{scope.assembly.accession}: its sequence {printable(name)!r} is that of another genome among the "
                "sources but for N: one is hard-masked: leave one of them out"
            )

    def _write_dna(self, pieces: Iterable[str]) -> _Written:
        """Write a sequence to the store, and look at its letters on the way; up to the first that is no nucleotide."""
        start, digest, foreign = self._store.length, sha256(), ""
        lower = upper = 0
        for piece in fasta.as_dna(pieces, self.notes):
            residues = piece.encode("ascii", "replace")
            if residues.translate(None, _DNA_BYTES):
                at, character = next((i, c) for i, c in enumerate(piece) if c not in _DNA)
                foreign = _not_a_code(character, self._store.length - start + at)
                break
            self._store.append(residues)
            digest.update(residues.upper())
            lower += len(residues) - len(residues.translate(None, b"acgt"))
            upper += len(residues) - len(residues.translate(None, b"ACGT"))
        stored = StoredResidues(self._store, start, self._store.length - start)
        return _Written(stored, digest.digest(), lower, upper, foreign)

    def add_protein_records(self, where: str, records: Iterable[FastaRecord], scope: Scope) -> None:
        """Take in the records of a FASTA file.

        Raises
        ------
        SourceError
            When none of them is a protein.
        """
        first = ""
        kept = 0
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
            self.add_protein(name, organism or self.file_name(scope), residues, scope)
            kept += 1
        if not kept:
            raise SourceError(f"{where}: no usable protein ({first or 'the file is empty'})")

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

    def add_protein(self, name: str, organism: str, residues: str, scope: Scope) -> str:
        """Take in a protein without problems and return its id in the corpus."""
        twin = self.proteins.get(name)
        if twin and twin.residues == residues and not {file.role for file in scope.assembly.files} - {"protein_fasta"}:
            scope.proteins[name] = name
            self.rejected["protein_identical_record"] += 1
            return name
        scope.proteins[name] = unique = unique_id(name, scope.assembly.accession, self.proteins)
        self.store_protein(unique, organism, residues)
        return unique

    def store_protein(self, unique: str, organism: str, residues: str) -> None:
        """Take in a protein under an id that is not taken."""
        stored = StoredResidues(self._store, self._store.length, len(residues))
        self._store.append(residues.encode("ascii"))
        self.proteins[unique] = Sequence(unique, organism, "protein", stored)

    def remove_protein(self, name: str, scope: Scope) -> None:
        """Take a protein back, named by its id in its file."""
        del self.proteins[scope.proteins.pop(name)]

    def mask(self, names: list[str]) -> None:
        """Give a genome its soft mask where it came without one, or in lower case all but a few bases."""
        lower, upper = (sum(self._cases[name][case] for name in names) for case in (0, 1))
        if not names or (any(all(self._cases[name]) for name in names) and lower <= _MOST_MASKED * (lower + upper)):
            return
        genome = [self.dna[name] for name in names]
        program = masks.soft_mask(self._store, genome) if self._make_masks else masks.masking_program(genome)
        self.masks.update(dict.fromkeys(names, program))

    def file_name(self, scope: Scope) -> str:
        """Return the name of the file or the assembly, the last resort for an organism, and note that."""
        accession = scope.assembly.accession
        name = uncompressed_name(accession)
        if any(file.path.name == accession for file in scope.assembly.files):
            name = Path(name).stem
        self.notes[f"organism not named: {name!r} is the name of the file"] += 1
        return name


def _explained(problem: str, residues: str) -> str:
    if problem == "alphabet":
        at, character = next((i, c) for i, c in enumerate(residues) if c not in _PROTEIN)
        return f"character {character!r} at position {at} is not an amino acid"
    if problem == "empty":
        return "it has no residues; a GenBank record may name them alone (CONTIG): fetch it with its sequence"
    if problem == "looks_like_dna":
        return "these are nucleotides; DNA belongs in a .fna file"
    return problem.replace("_", " ")


def _not_a_code(character: str, at: int) -> str:
    where = f"character {character!r} at position {at}"
    return f"{where} is not a nucleotide of the IUPAC code; proteins belong in a .faa file"
