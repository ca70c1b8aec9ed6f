"""Which genomes, genes and proteins belong together where their files' names do not say it.

A folder that has one of each leaves no doubt. Where it has several, genes belong to the genomes whose sequences they
name: one file of genes may describe many chromosomes, each in a file of its own, and a genome may have a file of genes
for each chromosome.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from bio_paws.errors import SourceError
from bio_paws.sources.accessions import accession_in
from bio_paws.sources.assembly_files import AssemblyFiles
from bio_paws.sources.pinned import FileRole
from bio_paws.sources.roles import Entry
from bio_paws.sources.text import lines_of, text_pieces

Key = tuple[str, str]
"""An assembly by its folder and what the names of its files have in common."""

_GENES: tuple[FileRole, ...] = ("gff", "gtf", "cds")
"""Files that name the sequences that their genes lie on; of two kinds in one assembly, the first is read."""
_GENOMES: frozenset[FileRole] = frozenset({"genomic", "gff_fasta", "genbank"})
_GENES_OR_PROTEINS: frozenset[FileRole] = frozenset({*_GENES, "protein"})
_CDS_TITLE = re.compile(r">(?:lcl\|)?(\S+?)_cds(?:_|\s)")
_CDS_ROW = re.compile(r"([^\t#>][^\t]*)\t[^\t]*\t(?:CDS|cds|SO:0000316)\t")


class _NamesIn(dict[tuple[FileRole, Entry], tuple[str, ...]]):
    """Names of the sequences that a genome's file has, or that genes lie on, in order; each file is read once."""

    def __missing__(self, key: tuple[FileRole, Entry]) -> tuple[str, ...]:
        role, entry = key
        lines = lines_of(text_pieces(entry.path, entry.member))
        if role in _GENOMES:
            names = (name for line in lines if line.startswith(">") for name in _names_of(line[1:].split()))
        else:
            pattern = _CDS_TITLE if role == "cds" else _CDS_ROW
            matches = (match for line in lines if (match := pattern.match(line)))
            names = (name for match in matches for name in _with_accession(unquote(match.group(1))))
        self[key] = tuple(dict.fromkeys(names))
        return self[key]

    def of_genome(self, assembly: AssemblyFiles) -> list[str]:
        """Return those of an assembly's genome, none where it is a flat file."""
        return [
            name for role, entry in assembly.files() if role in ("genomic", "gff_fasta") for name in self[role, entry]
        ]

    def of_genes(self, assembly: AssemblyFiles) -> list[str]:
        """Return those that an assembly's genes lie on, by the first of its kinds of files."""
        role = next((role for role in _GENES if role in assembly.roles), None)
        return [name for entry in assembly.roles[role].values() for name in self[role, entry]] if role else []


def _names_of(title: list[str]) -> tuple[str, ...]:
    """Return the names by which genes may mean a sequence: the first word of its title, the accession in it, or all."""
    return (*_with_accession(title[0]), " ".join(title), "_".join(title)) if title else ("",)


def _with_accession(word: str) -> tuple[str, ...]:
    accession = accession_in(word)
    return (word, accession) if accession else (word,)


def join_lone_parts(assemblies: dict[Key, AssemblyFiles]) -> None:
    """Join genomes with genes and proteins of other names.

    Folders are visited from the innermost outwards, each first without its subfolders: what lies beside a genome is its
    own. Across folders only genes are joined, with the proteins beside them, and what has the genome's name: where
    genes lie shows whether they are those of the genome.

    Raises
    ------
    SourceError
        When it is open to which of several genomes genes belong, or none of them has the sequences that they lie on.
    """
    names = _NamesIn()
    folders = {folder for key in assemblies for folder in (Path(key[0]), *Path(key[0]).parents)}
    for folder in sorted(folders, key=lambda folder: (-len(folder.parts), folder)):
        _join_single_parts(assemblies, *_in(assemblies, folder))
        _join_same_name(assemblies, folder)
        if not _join_single_parts(assemblies, *_below(assemblies, folder)):
            _join_by_sequences(assemblies, folder, names)
            _join_single_parts(assemblies, *_below(assemblies, folder))
    for assembly in assemblies.values():
        _require_disjoint(assembly, names)


def _below(assemblies: dict[Key, AssemblyFiles], folder: Path) -> tuple[list[Key], list[Key]]:
    """Return the assemblies below a folder that have a genome, and those that have genes or proteins alone."""
    keys = [key for key in assemblies if assemblies[key].roles and folder in (Path(key[0]), *Path(key[0]).parents)]
    genomes = [key for key in keys if assemblies[key].roles.keys() & _GENOMES]
    return genomes, [key for key in keys if key not in genomes]


def _in(assemblies: dict[Key, AssemblyFiles], folder: Path) -> tuple[list[Key], list[Key]]:
    """Return the same of a folder itself, without its subfolders."""
    genomes, others = _below(assemblies, folder)
    return [key for key in genomes if Path(key[0]) == folder], [key for key in others if Path(key[0]) == folder]


def _join_same_name(assemblies: dict[Key, AssemblyFiles], folder: Path) -> None:
    """Join what has the same name in different folders, as where each kind of file has a folder."""
    genomes, others = _below(assemblies, folder)
    for key in others:
        roles = assemblies[key].roles.keys()
        homes = [genome for genome in genomes if genome[1] == key[1]]
        rivals = [other for other in others if other[1] == key[1] and other != key]
        if len(homes) == 1 and not rivals and roles <= _GENES_OR_PROTEINS - assemblies[homes[0]].roles.keys():
            assemblies[homes[0]].absorb(assemblies.pop(key))


def _join_single_parts(assemblies: dict[Key, AssemblyFiles], genomes: list[Key], others: list[Key]) -> bool:
    """Join a genome with all else, where there are not two of anything; return whether that leaves nothing open."""
    parts = [role for key in others for role in assemblies[key].roles]
    if not genomes or not _GENES_OR_PROTEINS.issuperset(parts):
        return True
    if len(genomes) != 1 or len(parts) != len(set(parts)):
        return False
    genome = assemblies[genomes[0]]
    elsewhere = any(key[0] != genomes[0][0] for key in others)
    # Nothing shows that proteins alone, in another folder, are those of the genome.
    if not set(parts) & genome.roles.keys() and not (elsewhere and set(parts) <= {"protein"}):
        for key in others:
            genome.absorb(assemblies.pop(key))
    return True


def _join_by_sequences(assemblies: dict[Key, AssemblyFiles], folder: Path, names: _NamesIn) -> None:
    """Join genes with the genomes that have the sequences which they name.

    Raises
    ------
    SourceError
        When two genomes have a sequence of that name, or none has one while a genome is without genes.
    """
    genomes, others = _below(assemblies, folder)
    # As it is before: of two files that this joins with a genome, neither is the genome's own.
    described = {
        genome: set(names.of_genome(assemblies[genome]) if "gff_fasta" in assemblies[genome].roles else ())
        | set(names.of_genes(assemblies[genome]))
        for genome in genomes
        if "genbank" not in assemblies[genome].roles
    }
    for key in others:
        named = names.of_genes(assemblies[key])
        if not named or not _GENES_OR_PROTEINS.issuperset(assemblies[key].roles):
            continue
        owners: dict[str, list[Key]] = {name: [] for name in named}
        for genome in described:
            for name in names.of_genome(assemblies[genome]):
                if name in owners:
                    owners[name].append(genome)
        hits = sorted({genome for having in owners.values() for genome in having})
        shown = next(entry.shown() for role, entry in assemblies[key].files() if role in _GENES)
        if not hits and _are_without_genes(assemblies, genomes, others):
            raise SourceError(
                f"{shown}: its genes lie on {named[0]!r} and others, which no genome beside it has: put its genome "
                "there, rename the sequences, or remove it"
            )
        if all(name in described[genome] for name in named for genome in owners[name]):
            continue  # another annotation of genomes that have their own
        if shared := next((name for name in named if len(owners[name]) > 1), None):
            first, second = (next(assemblies[genome].files())[1].shown() for genome in owners[shared][:2])
            raise SourceError(
                f"{shown}: its genes lie on {shared!r}, which both {first} and {second} have: put each genome and its "
                "genes in a folder of their own, or give them one name"
            )
        # A genome in one file keeps its name; one in several is called as its genes are.
        whole, parts = (hits[0], [key]) if len(hits) == 1 else (key, hits)
        described[whole] = {name for genome in hits for name in described.pop(genome)}
        for part in parts:
            assemblies[whole].absorb(assemblies.pop(part))


def _are_without_genes(assemblies: dict[Key, AssemblyFiles], genomes: list[Key], others: list[Key]) -> bool:
    """Whether one of these genomes has no genes, and all have their sequences in FASTA, whose names can be compared."""
    roles = [assemblies[key].roles.keys() for key in genomes if key in assemblies]
    comparable = all("genomic" in having or "gff_fasta" in having for having in roles)
    comparable &= all(_GENES_OR_PROTEINS.issuperset(assemblies[key].roles) for key in others if key in assemblies)
    return comparable and any(not having & {*_GENES, "gff_fasta"} for having in roles)


def _require_disjoint(assembly: AssemblyFiles, names: _NamesIn) -> None:
    """Refuse two files that both have genes on one sequence of a genome.

    Raises
    ------
    SourceError
        When there are.
    """
    for role in _GENES:
        first: dict[str, Entry] = {}
        entries = list(assembly.roles.get(role, {}).values())
        for entry in entries if len(entries) > 1 else ():
            for name in names[role, entry]:
                if name in first:
                    raise SourceError(
                        f"{entry.shown()}: genes on {name!r}, as in {first[name].shown()}: leave one of them out"
                    )
                first[name] = entry
