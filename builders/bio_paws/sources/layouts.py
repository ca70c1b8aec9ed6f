"""Layouts of folders and archives: which files make up an assembly, and what each of them holds.

A file's role comes from its whole name where a layout is known (NCBI assembly folders and `datasets` packages,
Ensembl), else from its content, with the ending of its name as a hint. What holds sequences and is not used is named.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.execution.files import sha256_of
from bio_paws.sources.pinned import FileRole
from bio_paws.sources.text import is_zip, kind_of_text, read_data, read_text, uncompressed_name, zip_members

_NCBI: tuple[tuple[str, FileRole | None], ...] = (
    ("cds_from_genomic.fna", "cds"),
    ("rna_from_genomic.fna", None),
    ("translated_cds.faa", None),
    ("genomic.fna", "genomic"),
    ("protein.faa", "protein"),
    ("genomic.gbff", "genbank"),
    ("genomic.gff", "gff"),
    ("genomic.gtf", "gtf"),
    ("rna.fna", None),
    ("rna.gbff", None),
    ("protein.gpff", None),
    ("cds.fna", None),
)
"""Names in NCBI's layouts: behind the assembly's prefix and ``_``, or, in a `datasets` package, all of the name."""
_ENSEMBL = re.compile(
    r"(?P<species>[A-Z][A-Za-z0-9]*_[A-Za-z0-9_]+?)\.(?P<assembly>.+?)\."
    r"(?:(?P<dna>dna|dna_sm|dna_rm)\.(?:toplevel|primary_assembly)|(?P<cds>cds\.all)|(?P<pep>pep\.all)|"
    r"(?P<unused>cdna\.all|cdna\.abinitio|pep\.abinitio|ncrna|(?:dna|dna_sm|dna_rm)\.(?:nonchromosomal|chromosome\..+)))\.fa"
)
_GENBANK = (".gb", ".gbk", ".gbff", ".gbf", ".genbank", ".embl")
_GFF = (".gff", ".gff3", ".gtf")
_PROTEIN = (".faa", ".pep")
_DNA = (".fna", ".fsa")
_TRANSCRIPTS = (".ffn", ".frn")  # of Prokka and Bakta: genes without their places
_ANY = (".fa", ".fasta", ".fas", ".seq", ".dat", ".txt", ".mpfa", "")
_READ = _GENBANK + _GFF + _PROTEIN + _DNA + _TRANSCRIPTS + _ANY[:-3]
_DNA_LETTERS = set("ACGTUNacgtun")
_USED: tuple[tuple[FileRole, ...], ...] = (
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


@dataclass(frozen=True)
class Entry:
    """A file, or a member of a .zip archive."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """Its name without folders and without endings of compressions."""
        return uncompressed_name(Path(self.member or self.path.name).name)

    def shown(self) -> str:
        """Return its name for messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def sha256(self) -> str:
        """Digest of its bytes, as they are stored or, in an archive, unpacked."""
        return sha256(read_data(self.path, self.member)).hexdigest() if self.member else sha256_of(self.path)


@dataclass
class Group:
    """The files that belong together, by role.

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
        """Add a file.

        Raises
        ------
        SourceError
            When there is one for its role.
        """
        if role is None:
            self.unused.append(entry)
        elif role in self.roles:
            raise SourceError(f"{entry.shown()}: {self.roles[role].name} holds the same part: leave one of them out")
        else:
            self.roles[role] = entry

    def choose(self) -> None:
        """Keep the files that the assembly is read from, and move the others to those that are not used."""
        used = next((roles for roles in _USED if all(role in self.roles for role in roles)), ())
        self.unused += [entry for role, entry in self.roles.items() if role not in used]
        self.roles = {role: self.roles[role] for role in used}


def groups_in(path: Path) -> list[Group]:
    """Group the files of a folder, or of a .zip archive, by assembly.

    Raises
    ------
    SourceError
        When there is nothing to read in it, or two files for one part.
    """
    entries = _members(path) if path.is_file() else _files(path)
    reports = [entry for entry in entries if entry.name.endswith(("_assembly_report.txt", "data_report.jsonl"))]
    groups: dict[tuple[str, str], Group] = {}
    plain: list[tuple[str, str, Entry]] = []
    for entry in entries:
        folder = str(Path(entry.member).parent) if entry.member else str(entry.path.parent)
        if entry in reports:
            continue
        for prefix, role, organism in _known(entry, folder):
            group = groups.setdefault((folder, prefix), Group(prefix))
            group.organism = group.organism or organism
            group.name = max(group.name, _name_before(entry.name), key=len)
            group.add(role, entry)
            break
        else:
            stem, ending = entry.name, Path(entry.name).suffix
            if ending.lower() in _READ:
                plain.append((folder, stem.removesuffix(ending), entry))
    for folder, stem, entry in plain:
        if not entry.member and not entry.path.is_file():
            raise SourceError(f"{entry.path}: not a file, or a link to none: put the file there, or remove it")
        stem = stem.removesuffix(".hypotheticals")  # noqa: PLW2901 - Bakta
        groups.setdefault((folder, stem), Group(stem)).add(role_of(entry, "folder"), entry)
    for entry in reports:
        _add_organism(entry, groups)
    _join_lone_parts(groups)
    for group in groups.values():
        group.choose()
    usable = [group for group in groups.values() if group.roles]
    if not usable:
        unused = ", ".join(entry.name for group in groups.values() for entry in group.unused)
        raise SourceError(
            f"{path}: no *_genomic.fna, *_cds_from_genomic.fna, *_protein.faa or *_genomic.gbff (.gz or not) in it, "
            f"nor another genome or proteins (FASTA, GenBank, EMBL, GFF3){'; not used: ' + unused if unused else ''}"
        )
    usable[-1].unused += [entry for group in groups.values() if not group.roles for entry in group.unused]
    return usable


def role_of(entry: Entry, where: str) -> FileRole | None:
    """Say what a file of no known layout holds, from its content; the ending of its name is a hint.

    Parameters
    ----------
    entry : Entry
        The file.
    where : {"folder", "alone"}
        A file that was named itself is never left aside.

    Raises
    ------
    SourceError
        When it is none of the formats that are read.
    """
    ending = Path(entry.name).suffix.lower()
    if where == "folder" and ending in _TRANSCRIPTS:
        return None
    text = read_text(entry.path, entry.member)
    kind = kind_of_text(text)
    if kind in ("genbank", "embl") or (ending in _GENBANK and not kind):
        return "genbank"
    if kind == "gff":
        if re.search(r"^(##FASTA|>)", text, re.MULTILINE):
            return "gff_fasta"
        return "gtf" if ending == ".gtf" or re.search(r'\tCDS\t[^\n]*gene_id "', text) else "gff"
    if kind == "fasta" or ending in (*_DNA, *_PROTEIN, ".fa", ".fasta", ".fas"):
        alone: tuple[FileRole, FileRole] = ("dna_fasta", "protein_fasta")
        roles: tuple[FileRole, FileRole] = ("genomic", "protein") if where == "folder" else alone
        if ending in _PROTEIN:
            return roles[1]
        return roles[0] if ending in (*_DNA, *_TRANSCRIPTS) or _looks_like_dna(text) else roles[1]
    if where == "folder":
        return None
    known = ", ".join(_GENBANK + _PROTEIN + (*_DNA, ".fa", ".fasta", ".fas") + _GFF)
    raise SourceError(
        f"{entry.shown()}: cannot tell its format: neither FASTA, GenBank, EMBL nor GFF3 (usual names: {known})"
    )


def _looks_like_dna(text: str) -> bool:
    letters = re.sub(r"^[>;].*$|[\s\d*.-]", "", text[:200_000], flags=re.MULTILINE)
    return not letters or sum(letter in _DNA_LETTERS for letter in letters) >= 0.9 * len(letters)


def _files(folder: Path) -> list[Entry]:
    """List the files of a folder and of those below it that NCBI's packages have."""
    for inner in ("ncbi_dataset/data", "data"):
        if (folder / inner).is_dir() and (inner != "data" or folder.name == "ncbi_dataset"):
            return _files(folder / inner)
    entries: list[Entry] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and re.fullmatch(r"GC[AF]_\d+\.\d+", path.name):
            entries += [Entry(inner) for inner in sorted(path.iterdir()) if not inner.is_dir()]
        elif not path.is_dir() or _known(Entry(path), ""):
            entries.append(Entry(path))
    return entries


def _members(path: Path) -> list[Entry]:
    return [Entry(path, name) for name in sorted(zip_members(path))]


def _known(entry: Entry, folder: str) -> list[tuple[str, FileRole | None, str | None]]:
    """Return prefix, role and organism of a file whose whole name a layout defines; empty for any other."""
    name = entry.name
    for ending, role in _NCBI:
        if name == ending:
            return [(Path(folder).name, role, None)]
        if name.endswith(f"_{ending}"):
            prefix = name.removesuffix(f"_{ending}")
            # In a `datasets` package only the genome has the prefix; the folder has the accession of all.
            accession = Path(folder).name
            if re.fullmatch(r"GC[AF]_\d+\.\d+", accession) and prefix.startswith(accession):
                prefix = accession
            if not entry.member and not entry.path.is_file():
                if role is None:
                    return []
                raise SourceError(f"{entry.path}: not a file, or a link to none: put the file there, or remove it")
            return [(prefix, role, None)]
    if match := _ENSEMBL.fullmatch(name):
        roles: dict[str, FileRole | None] = {"dna": "genomic", "cds": "ensembl_cds", "pep": "protein", "unused": None}
        part = next(group for group in roles if match.group(group))
        species = match.group("species").replace("_", " ")
        return [(f"{match.group('species')}.{match.group('assembly')}", roles[part], species)]
    return []


def _name_before(name: str) -> str:
    ending = next((f"_{ending}" for ending, _ in _NCBI if name.endswith(f"_{ending}")), "")
    return name.removesuffix(ending) if ending else ""


def _add_organism(entry: Entry, groups: dict[tuple[str, str], Group]) -> None:
    """Take the organisms from an assembly report, or from the data report of a `datasets` package."""
    lines = read_text(entry.path, entry.member).split("\n")
    if entry.name.endswith("_assembly_report.txt"):
        for line in lines:
            if line.startswith("# Organism name:"):
                prefix = entry.name.removesuffix("_assembly_report.txt")
                for group in groups.values():
                    if group.prefix == prefix or prefix.startswith(f"{group.prefix}_"):
                        group.organism = line.split(":", 1)[1].split("(")[0].strip() or group.organism
        return
    for line in lines:
        try:
            report = json.loads(line or "{}")
        except ValueError:
            continue
        if not isinstance(report, dict):
            continue
        organism = report.get("organism")
        name = organism.get("organismName") if isinstance(organism, dict) else None
        for group in groups.values():
            if name and group.prefix == report.get("accession"):
                group.organism = str(name)


def _join_lone_parts(groups: dict[tuple[str, str], Group]) -> None:
    """Join a genome with genes or proteins of another name, where a folder has but one of each."""
    for folder in {folder for folder, _ in groups}:
        here = [(key, group) for key, group in groups.items() if key[0] == folder]
        genomes = [group for _, group in here if "genomic" in group.roles]
        rest = [(key, group) for key, group in here if group.roles and "genomic" not in group.roles]
        parts = [role for _, group in rest for role in group.roles]
        lone = {"gff", "gtf", "protein", "cds"}
        if len(genomes) == 1 and rest and lone.issuperset(parts) and len(parts) == len(set(parts)):
            if set(parts) & set(genomes[0].roles):
                continue
            for key, group in rest:
                for role, entry in group.roles.items():
                    genomes[0].add(role, entry)
                genomes[0].unused += group.unused
                del groups[key]


def is_archive_of_many(path: Path) -> bool:
    """Whether a file is a .zip archive with more than one file in it."""
    return is_zip(path) and len(zip_members(path)) != 1
