"""Sources that come as PyPI packages: which files of which version, pinned by their sha256 in `pinned.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

FileRole = Literal[
    "genomic",
    "cds",
    "protein",
    "genbank",
    "genbank_zip",
    "dna_fasta",
    "protein_fasta",
    "gff",
    "gtf",
    "gff_fasta",
    "ensembl_cds",
]


@dataclass(frozen=True)
class PinnedAssembly:
    """An assembly inside a PyPI package, pinned by the sha256 of its files.

    Attributes
    ----------
    package, version : str
        The package, and the one version that is read.
    accession, name, organism : str
        Of the assembly, as in ``GCF_000146045.2``, ``R64`` and ``Saccharomyces cerevisiae``.
    files : tuple of (role, path, sha256)
        Paths are relative to the package.
    """

    package: str
    version: str
    accession: str
    name: str
    organism: str
    files: tuple[tuple[FileRole, str, str], ...]


def _read_pins() -> dict[str, tuple[PinnedAssembly, ...]]:
    pins = tomllib.loads(resources.files("bio_paws.sources").joinpath("pinned.toml").read_text("utf-8"))
    groups: dict[str, list[PinnedAssembly]] = {}
    for entry in pins["assembly"]:
        groups.setdefault(entry["group"], []).append(_assembly(entry))
    return {name: tuple(pin for group in parts for pin in groups[group]) for name, parts in pins["sources"].items()}


def _assembly(entry: dict[str, Any]) -> PinnedAssembly:
    files = tuple((file["role"], file["path"], file["sha256"]) for file in entry["files"])
    package, version, accession, name, organism = (
        str(entry[key]) for key in ("package", "version", "accession", "name", "organism")
    )
    return PinnedAssembly(package, version, accession, name, organism, files)


PINNED: dict[str, tuple[PinnedAssembly, ...]] = _read_pins()
"""Sources by name, as the command line takes them."""
