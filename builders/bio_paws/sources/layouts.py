"""Layouts of folders and archives: which files belong to one assembly, and which of them it is read from.

What holds sequences and is not used is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.sources.pinned import FileRole
from bio_paws.sources.roles import ENDINGS, Entry, holds_genes_alone, role_by_name, role_in_folder
from bio_paws.sources.text import looks_like_sequences
from bio_paws.sources.unpack import is_zip, zip_members

_READ_TOGETHER: tuple[tuple[FileRole, ...], ...] = (
    ("genomic", "cds", "protein"),
    ("genbank",),
    ("genomic", "gff", "protein"),
    ("genomic", "gtf", "protein"),
    ("gff_fasta", "protein"),
    ("genomic", "gff"),
    ("genomic", "gtf"),
    ("gff_fasta",),
    ("genomic", "ensembl_cds", "protein"),
    ("cds", "protein"),
    ("genomic", "protein"),
    ("genomic", "cds"),
    ("genomic",),
    ("protein",),
    ("cds",),
)
"""What an assembly is read from, best first: whichever of these files it has all of."""
_WITH_GENOME: frozenset[FileRole] = frozenset({"genomic", "genbank", "gff_fasta"})
_GENES_OR_PROTEINS: frozenset[FileRole] = frozenset({"gff", "gtf", "protein", "cds"})
_REPORTS = ("_assembly_report.txt", "data_report.jsonl")
_MASKED_NAME = re.compile(
    r"[._-](?:genomic[._-])?(?:(?P<soft>dna_sm|soft_?masked|sm)|(?P<hard>dna_rm|hard_?masked|masked|rm))(?=[._-]|$)"
)


@dataclass
class Group:
    """The files of one assembly.

    Attributes
    ----------
    prefix : str
        What their names have in common.
    roles : dict of role to Entry
    unused : list of Entry
        Sequence files that nothing is read from.
    organism : str or None
        Where a report or a layout names it.
    name : str
        The longest prefix of its files, as in ``GCF_000005845.2_ASM584v2``.
    """

    prefix: str
    roles: dict[FileRole, Entry] = field(default_factory=dict)
    unused: list[Entry] = field(default_factory=list)
    organism: str | None = None
    name: str = ""

    def add(self, role: FileRole | None, entry: Entry) -> None:
        """Add a file; of two for one role keep the better one, by how it is masked and then by its ending.

        Raises
        ------
        SourceError
            When neither is better.
        """
        if role is None:
            self.unused.append(entry)
            return
        other = self.roles.setdefault(role, entry)
        if other is entry:
            return
        if _rank(other) == _rank(entry):
            raise SourceError(f"{entry.shown()}: {other.name} holds the same part: leave one of them out")
        better, worse = sorted((other, entry), key=_rank)
        self.roles[role] = better
        self.unused.append(worse)

    def choose(self) -> None:
        """Keep the files that the assembly is read from, and move the others to those that are not used."""
        used = next((roles for roles in _READ_TOGETHER if all(role in self.roles for role in roles)), ())
        self.unused += [entry for role, entry in self.roles.items() if role not in used]
        self.roles = {role: self.roles[role] for role in used}


def _rank(entry: Entry) -> tuple[int, int]:
    """Return how well a file serves, the best first: soft mask, none, hard mask; then the usual ending first."""
    match = _MASKED_NAME.search(entry.stem)
    mask = 1 if match is None else 0 if match.group("soft") else 2
    return mask, ENDINGS.index(entry.ending) if entry.ending in ENDINGS else len(ENDINGS)


def groups_in(path: Path) -> list[Group]:
    """Group the files of a folder and its subfolders, or of a .zip archive, by assembly.

    Raises
    ------
    SourceError
        When there is nothing to read in it, or two files for one part.
    """
    entries = [Entry(path, name) for name in sorted(zip_members(path))] if path.is_file() else list(_files(path, set()))
    reports = [entry for entry in entries if entry.name.endswith(_REPORTS)]
    groups: dict[tuple[str, str], Group] = {}
    for entry in entries:
        if entry not in reports:
            _sort_in(entry, groups)
    # Each step needs the groups of the one before: a report names the organisms of groups that are there.
    for entry in reports:
        _take_organisms(entry, groups)
    _set_genes_aside(list(groups.values()))
    _join_lone_parts(groups)
    for group in groups.values():
        group.choose()
    usable = [group for group in groups.values() if group.roles]
    if not usable:
        unused = ", ".join(entry.name for group in groups.values() for entry in group.unused)
        raise SourceError(
            f"{path}: no genome and no proteins in it (FASTA, GenBank, EMBL, .2bit, or GFF3 with ##FASTA; compressed "
            f"or not){'; not used: ' + unused if unused else ''}"
        )
    # What is used nowhere is still reported, with the last assembly.
    usable[-1].unused += [entry for group in groups.values() if not group.roles for entry in group.unused]
    return usable


def _files(folder: Path, visited: set[Path]) -> Iterator[Entry]:
    """Yield the files below a folder, hidden ones left out, each folder once whatever links lead to it.

    Raises
    ------
    SourceError
        When a folder is named like sequences, and there is no file in it.
    """
    if folder.resolve() in visited:
        return
    visited.add(folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            entries = list(_files(path, visited))
            if not entries and _is_named_like_sequences(Entry(path)):
                raise SourceError(
                    f"{path}: the name of a sequence file, and a folder without files: put the file there, or remove it"
                )
            yield from entries
        else:
            yield Entry(path)


def _sort_in(entry: Entry, groups: dict[tuple[str, str], Group]) -> None:
    """Put a file with those of its assembly; leave out what holds neither sequences nor genes.

    Raises
    ------
    SourceError
        When it is named like sequences and is a link to nothing, a pipe or a device.
    """
    named, expected = role_by_name(entry), _is_named_like_sequences(entry)
    if entry.is_missing():
        if expected:
            raise SourceError(f"{entry.path}: neither a file nor a link to one: put the file there, or remove it")
        return
    if named:
        folder = entry.folder if named.organism is None else ""  # Ensembl has a folder for each kind of file
        group = groups.setdefault((folder, named.prefix), Group(named.prefix))
        group.organism = group.organism or named.organism
        group.name = max(group.name, named.name, key=len)
        group.add(named.role, entry)
    elif entry.ending == ".tar" or (entry.path.suffix.lower() == ".zip" and _is_packed_folder(entry)):
        groups.setdefault((entry.folder, entry.name), Group(entry.name)).unused.append(entry)
    elif expected or looks_like_sequences(entry.path, entry.member):
        stem = _MASKED_NAME.sub("", entry.stem.removesuffix(".hypotheticals"))
        groups.setdefault((entry.folder, stem), Group(stem)).add(role_in_folder(entry), entry)


def _is_named_like_sequences(entry: Entry) -> bool:
    named = role_by_name(entry)
    return bool(named.role if named else entry.ending in ENDINGS)


def _is_packed_folder(entry: Entry) -> bool:
    return not entry.member and is_archive_of_many(entry.path)


def _take_organisms(report: Entry, groups: dict[tuple[str, str], Group]) -> None:
    """Take the organisms from an assembly report, or from the data report of a `datasets` package."""
    lines = report.text().split("\n")
    if report.name.endswith("_assembly_report.txt"):
        for line in lines:
            if line.startswith("# Organism name:"):
                prefix = report.name.removesuffix("_assembly_report.txt")
                for group in groups.values():
                    if group.prefix == prefix or prefix.startswith(f"{group.prefix}_"):
                        group.organism = line.split(":", 1)[1].split("(")[0].strip() or group.organism
        return
    for line in lines:
        try:
            assembly = json.loads(line or "{}")
        except ValueError:
            continue
        if not isinstance(assembly, dict):
            continue
        organism = assembly.get("organism")
        name = organism.get("organismName") if isinstance(organism, dict) else None
        for group in groups.values():
            if name and group.prefix == assembly.get("accession"):
                group.organism = str(name)


def _set_genes_aside(groups: list[Group]) -> None:
    """Leave out DNA files of genes or transcripts where there is a genome."""
    of_unknown_layout = [
        group for group in groups if "genomic" in group.roles and role_by_name(group.roles["genomic"]) is None
    ]
    genes = [group for group in of_unknown_layout if holds_genes_alone(group.roles["genomic"])]
    if any(_WITH_GENOME & group.roles.keys() for group in groups if group not in genes):
        for group in genes:
            group.unused.append(group.roles.pop("genomic"))


def _join_lone_parts(groups: dict[tuple[str, str], Group]) -> None:
    """Join a genome with genes or proteins of another name, where a folder has but one of each.

    Folders are visited from the innermost outwards. Across folders only genes are joined, with the proteins beside
    them: where genes lie shows whether they are those of the genome.
    """
    folders = {folder for key in groups for folder in (Path(key[0]), *Path(key[0]).parents)}
    for folder in sorted(folders, key=lambda folder: (-len(folder.parts), folder)):
        keys = [key for key in groups if folder in (Path(key[0]), *Path(key[0]).parents)]
        genomes = [key for key in keys if "genomic" in groups[key].roles]
        others = [key for key in keys if groups[key].roles and "genomic" not in groups[key].roles]
        parts = [role for key in others for role in groups[key].roles]
        # Two genomes, or two files of genes, leave it open which belong together.
        if len(genomes) != 1 or not _GENES_OR_PROTEINS.issuperset(parts) or len(parts) != len(set(parts)):
            continue
        genome = groups[genomes[0]]
        elsewhere = any(key[0] != genomes[0][0] for key in others)
        # Nothing shows that proteins alone, in another folder, are those of the genome.
        if set(parts) & genome.roles.keys() or (elsewhere and set(parts) <= {"protein"}):
            continue
        for key in others:
            group = groups.pop(key)
            for role, entry in group.roles.items():
                genome.add(role, entry)
            genome.unused += group.unused
            genome.organism = genome.organism or group.organism


def is_archive_of_many(path: Path) -> bool:
    """Whether a file is a .zip archive with more than one file in it."""
    return is_zip(path) and len(zip_members(path)) != 1
