"""Layouts of folders and archives: which files belong to one assembly, and which of them it is read from.

What holds sequences and is not used is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.sources.assembly_files import MASKED_NAME, AssemblyFiles
from bio_paws.sources.joining import join_lone_parts
from bio_paws.sources.roles import ENDINGS, Entry, holds_genes_alone, role_by_name, role_in_folder
from bio_paws.sources.text import looks_like_sequences
from bio_paws.sources.unpack import is_zip, zip_members

_NOT_READ = (
    *(".tar", ".tgz", ".tbz2", ".txz", ".7z", ".rar", ".z", ".lz4", ".lzma"),
    *(".fastq", ".fq", ".sam", ".bam", ".cram", ".sra", ".dna", ".ab1", ".sqn", ".asn", ".asn1"),
)
"""Endings of archives, compressions and formats that are not read; files of theirs are named."""
_REPORTS = ("_assembly_report.txt", "data_report.jsonl")
_CHROMOSOME = re.compile(
    r"(?P<prefix>|.*[._-])(?P<part>(?:chr(?:om(?:osome)?)?|lg|linkage[._-]?group)[._-]?(?:\d{1,3}[A-Za-z]?|[IVX]+|[XYZWMC]|MT|Mt|Pt|Un)(?:_\w+)?)",
    re.IGNORECASE,
)
"""Names of files that hold a chromosome each, as in ``chr1``, ``hg38.chrUn_GL000195v1`` and ``rice_chromosome-12``."""


def assemblies_in(path: Path) -> list[AssemblyFiles]:
    """Group the files of a folder and its subfolders, or of a .zip archive, by assembly.

    Raises
    ------
    SourceError
        When there is nothing to read in it, or two files for one part.
    """
    entries = [Entry(path, name) for name in sorted(zip_members(path))] if path.is_file() else list(_files(path, set()))
    reports = [entry for entry in entries if entry.name.endswith(_REPORTS)]
    assemblies: dict[tuple[str, str], AssemblyFiles] = {}
    for entry in entries:
        if entry not in reports:
            _sort_in(entry, assemblies)
    for assembly in assemblies.values():
        assembly.prefer_whole()
    _join_chromosomes(assemblies)
    # Each step needs the assemblies of the one before: a report names the organisms of assemblies that are there.
    for entry in reports:
        _take_organisms(entry, assemblies)
    _set_genes_aside(list(assemblies.values()))
    join_lone_parts(assemblies)
    for assembly in assemblies.values():
        assembly.choose()
    usable = [assembly for assembly in assemblies.values() if assembly.roles]
    if not usable:
        unused = ", ".join(entry.name for assembly in assemblies.values() for entry in assembly.unused)
        raise SourceError(
            f"{path}: no genome and no proteins in it (FASTA, GenBank, EMBL, .2bit, or GFF3 with ##FASTA; compressed "
            f"or not){'; not used: ' + unused if unused else ''}"
        )
    # What is used nowhere is still reported, with the last assembly.
    usable[-1].unused += [entry for assembly in assemblies.values() if not assembly.roles for entry in assembly.unused]
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


def _sort_in(entry: Entry, assemblies: dict[tuple[str, str], AssemblyFiles]) -> None:
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
        assembly = assemblies.setdefault((folder, named.prefix), AssemblyFiles(named.prefix))
        assembly.organism = assembly.organism or named.organism
        assembly.name = max(assembly.name, named.name, key=len)
        assembly.add(named.role, entry, named.part)
    elif entry.path.suffix.lower() == ".zip" and _is_packed_folder(entry):
        _name_as_unused(entry, assemblies)
    elif expected or looks_like_sequences(entry.path, entry.member):
        # WormBase has x.genomic.fa beside x.genomic_softmasked.fa.
        stem = re.sub(r"[._-]genomic$", "", MASKED_NAME.sub("", entry.stem.removesuffix(".hypotheticals")))
        assemblies.setdefault((entry.folder, stem), AssemblyFiles(stem)).add(role_in_folder(entry), entry)
    elif entry.ending in _NOT_READ:
        _name_as_unused(entry, assemblies)


def _name_as_unused(entry: Entry, assemblies: dict[tuple[str, str], AssemblyFiles]) -> None:
    assemblies.setdefault((entry.folder, entry.name), AssemblyFiles(entry.name)).unused.append(entry)


def _is_named_like_sequences(entry: Entry) -> bool:
    named = role_by_name(entry)
    return bool(named.role if named else entry.ending in ENDINGS)


def _is_packed_folder(entry: Entry) -> bool:
    return not entry.member and is_archive_of_many(entry.path)


def _take_organisms(report: Entry, assemblies: dict[tuple[str, str], AssemblyFiles]) -> None:
    """Take the organisms from an assembly report, or from the data report of a `datasets` package."""
    lines = report.text().split("\n")
    if not report.name.endswith("_assembly_report.txt"):
        _take_organisms_of_package(lines, report.folder, assemblies)
        return
    for line in lines:
        if line.startswith("# Organism name:"):
            prefix = report.name.removesuffix("_assembly_report.txt")
            for assembly in assemblies.values():
                if assembly.prefix == prefix or prefix.startswith(f"{assembly.prefix}_"):
                    assembly.organism = line.split(":", 1)[1].split("(")[0].strip() or assembly.organism


def _take_organisms_of_package(lines: list[str], folder: str, assemblies: dict[tuple[str, str], AssemblyFiles]) -> None:
    for line in lines:
        try:
            record = json.loads(line or "{}")
        except ValueError:
            continue
        if not isinstance(record, dict):
            continue
        accession = str(record.get("accession"))
        of_assembly, of_virus = (_organism_name(record.get(key)) for key in ("organism", "virus"))
        for (place, _), assembly in assemblies.items():
            if of_assembly and assembly.prefix == accession:
                assembly.organism = of_assembly
            # A package of viruses has one file of genomes, and a line for each of them.
            if of_virus and place == folder:
                assembly.organisms[accession] = of_virus


def _organism_name(described: object) -> str:
    return str(described.get("organismName") or "") if isinstance(described, dict) else ""


def _join_chromosomes(assemblies: dict[tuple[str, str], AssemblyFiles]) -> None:
    """Join files that are named as the chromosomes of one genome; it is called by what they share, else its folder."""
    genomes: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
    for key, assembly in assemblies.items():
        if match := _CHROMOSOME.fullmatch(key[1]):
            # An assembly is read from flat files or from FASTA: of both, one would not be read.
            is_flat = "genbank" in assembly.roles
            genomes.setdefault((key[0], match.group("prefix").rstrip("._-"), is_flat), []).append(key)
    for (folder, prefix, is_flat), keys in genomes.items():
        if len(keys) > 1:
            whole = AssemblyFiles(prefix or _folder_name(folder, assemblies[keys[0]]))
            for key in keys:
                whole.absorb(assemblies.pop(key))
            # Behind a stroke, which no file's name has: a file of that name holds something else.
            assemblies[folder, f"{whole.prefix}/{'flat' if is_flat else ''}"] = whole


def _folder_name(folder: str, assembly: AssemblyFiles) -> str:
    """Return the name of a folder, or of the archive where an assembly's files lie in no folder of it."""
    _, entry = next(assembly.files(), (None, None))
    if entry and entry.member and not Path(folder).name:
        return entry.path.stem
    return Path(folder).resolve().name


def _set_genes_aside(assemblies: list[AssemblyFiles]) -> None:
    """Leave out DNA files of genes or transcripts where there is a genome."""
    genes: list[tuple[AssemblyFiles, str]] = []
    genomes = 0
    for assembly in assemblies:
        for part, entry in assembly.roles.get("genomic", {}).items():
            if role_by_name(entry) is None and holds_genes_alone(entry):
                genes.append((assembly, part))
            else:
                genomes += 1
        genomes += len({"genbank", "gff_fasta"} & assembly.roles.keys())
    if genomes:
        for assembly, part in genes:
            assembly.unused.append(assembly.roles["genomic"].pop(part))
            if not assembly.roles["genomic"]:
                del assembly.roles["genomic"]


def is_archive_of_many(path: Path) -> bool:
    """Whether a file is a .zip archive with more than one file in it."""
    return is_zip(path) and len(zip_members(path)) != 1
