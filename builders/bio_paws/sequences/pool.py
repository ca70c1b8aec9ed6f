"""The pool of sequences that all assemblies fill: what is taken in, under which id, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.sequences import fasta, masks
from bio_paws.sequences.fasta import FastaRecord
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.scope import Scope, id_problem, printable, unique_id
from bio_paws.sources.text import uncompressed_name

_DNA = frozenset("ACGTRYSWKMBDHVNacgtryswkmbdhvn")
_PROTEIN = frozenset("ACDEFGHIKLMNPQRSTVWYBJOUXZ")
_LONG = 100  # residues of a protein that are not all codes of nucleotides by chance


class SequencePool:
    """DNA and proteins of all assemblies.

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

    def __init__(self) -> None:
        self.dna: dict[str, Sequence] = {}
        self.proteins: dict[str, Sequence] = {}
        self.rejected: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.masks: dict[str, str] = {}
        self._by_digest: dict[bytes, str] = {}
        self._origin: dict[str, int] = {}  # number of the assembly that a DNA sequence came with

    def add_dna_records(self, where: str, records: list[FastaRecord], scope: Scope) -> None:
        """Take in the records of a FASTA file.

        Raises
        ------
        SourceError
            When none of them is DNA.
        """
        first = ""
        kept = 0
        for name, title, text in records:
            residues = fasta.as_dna(text, self.notes)
            organism = scope.organism or fasta.organism_in(title)
            if problem := self.add_dna(name, organism, residues, scope):
                first = first or f"{printable(name)}: {problem}"
            else:
                kept += 1
        if not kept:
            raise SourceError(f"{where}: no usable DNA sequence ({first or 'the file is empty'})")

    def add_dna(self, name: str, organism: str | None, residues: str, scope: Scope) -> str:
        """Take in a DNA sequence, or a reference to the same sequence of another assembly.

        Parameters
        ----------
        name : str
            Its id in its file.
        organism : str or None
            None to call it by the file's name.
        residues : str
            With the soft mask.
        scope : Scope
            Its assembly.

        Returns
        -------
        str
            Why it is left out, for messages; empty where it is not.
        """
        if problem := self._dna_problem(name, residues, scope):
            self.rejected[f"dna_{problem}"] += 1
            return _explained(problem, residues)
        organism = organism or self.file_name(scope)
        digest = sha256(residues.upper().encode("ascii")).digest()
        twin = self._by_digest.get(digest)
        if twin is not None and self._origin[twin] != scope.number:
            scope.dna[name] = twin
            self.rejected["dna_identical_record"] += 1
            return ""
        scope.dna[name] = unique = unique_id(name, scope.assembly.accession, self.dna)
        self._by_digest.setdefault(digest, unique)
        self._origin[unique] = scope.number
        self.dna[unique] = Sequence(unique, organism, "dna", residues)
        return ""

    def add_protein_records(self, where: str, records: list[FastaRecord], scope: Scope) -> None:
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
                first = first or f"{printable(name)}: {_explained(problem, residues, protein=True)}"
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
        self.proteins[unique] = Sequence(unique, organism, "protein", residues)
        return unique

    def remove_protein(self, name: str, scope: Scope) -> None:
        """Take a protein back, named by its id in its file."""
        del self.proteins[scope.proteins.pop(name)]

    def mask(self, names: list[str]) -> None:
        """Give a genome its soft mask where it came without one."""
        genome = [self.dna[name] for name in names]
        if not masks.lacks_mask([sequence.residues for sequence in genome]):
            return
        masked, program = masks.soft_masked([sequence.residues for sequence in genome])
        for sequence, residues in zip(genome, masked, strict=True):
            self.dna[sequence.id] = Sequence(sequence.id, sequence.organism, sequence.molecule, residues)
            self.masks[sequence.id] = program

    def file_name(self, scope: Scope) -> str:
        """Return the name of the file or the assembly, the last resort for an organism, and note that."""
        accession = scope.assembly.accession
        name = uncompressed_name(accession)
        if any(file.path.name == accession for file in scope.assembly.files):
            name = Path(name).stem
        self.notes[f"organism not named: {name!r} is the name of the file"] += 1
        return name

    def _dna_problem(self, name: str, residues: str, scope: Scope) -> str:
        if problem := id_problem(name):
            return problem
        if name in scope.dna:
            return "duplicate_id"
        if not residues:
            return "empty"
        if not _DNA.issuperset(residues):
            return "alphabet"
        return ""


def _explained(problem: str, residues: str, *, protein: bool = False) -> str:
    if problem == "alphabet":
        alphabet = _PROTEIN if protein else _DNA
        at, character = next((i, c) for i, c in enumerate(residues) if c not in alphabet)
        kind = "an amino acid" if protein else "a nucleotide of the IUPAC code; proteins belong in a .faa file"
        return f"character {character!r} at position {at} is not {kind}"
    if problem == "empty":
        return "it has no residues; a GenBank record may name them alone (CONTIG): fetch it with its sequence"
    if problem == "looks_like_dna":
        return "these are nucleotides; DNA belongs in a .fna file"
    return problem.replace("_", " ")
