"""What a build from NCBI's assemblies would fetch, and what reading them would take: `bio-paws build --dry-run`."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bio_paws.configs import LARGEST_WHOLE
from bio_paws.errors import ConfigError
from bio_paws.sequences.corpus import read_corpus
from bio_paws.sources import ncbi
from bio_paws.sources.resolve import ncbi_accessions, resolve

BASES_PER_BYTE = 3.3
"""Bases of a genome in a byte of its .fna.gz: 3.26 for GCF_000005845.2 (4,641,652 bp in 1,424,935 bytes)."""

_MADE_BASES = 2_000_000
"""Bases that are read to measure this machine: half a second or so."""


@dataclass(frozen=True)
class AssemblyEstimate:
    """An assembly that would be downloaded.

    Attributes
    ----------
    accession : str
    fetched : int
        Bytes still to be downloaded.
    here : int
        Bytes that lie in the cache.
    bases : int
        Length of the genome in bp, guessed from the size of its compressed file.
    """

    accession: str
    fetched: int
    here: int
    bases: int


@dataclass(frozen=True)
class BuildEstimate:
    """What a build would take until its sources are read.

    Attributes
    ----------
    assemblies : tuple of AssemblyEstimate
    cache, work : Path
        Where downloads and stages go.
    stored : int
        Bytes that the sequences take in `work`: one a base.
    cache_free, work_free : int
        Bytes that are free there now.
    bases_per_second : float
        Rate at which this machine reads a genome, measured.
    from_genes : bool
        Whether pairs would be searched around genes, since the genomes are large.
    """

    assemblies: tuple[AssemblyEstimate, ...]
    cache: Path
    work: Path
    stored: int
    cache_free: int
    work_free: int
    bases_per_second: float
    from_genes: bool

    @property
    def fetched(self) -> int:
        """Bytes to download."""
        return sum(assembly.fetched for assembly in self.assemblies)

    @property
    def fits(self) -> bool:
        """Whether the disks have room: one disk for both where downloads and stages lie on one."""
        if self.cache.stat().st_dev == self.work.stat().st_dev:
            return self.fetched + self.stored <= self.cache_free
        return self.fetched <= self.cache_free and self.stored <= self.work_free

    @property
    def reading_seconds(self) -> float:
        """Seconds to read all genomes."""
        return self.stored / self.bases_per_second


def estimate(sources: tuple[str, ...], work: Path, cache: Path | None = None) -> BuildEstimate:
    """Ask NCBI for the sizes of the assemblies among `sources`, and measure how fast this machine reads.

    Parameters
    ----------
    sources : tuple of str
        As for `bio_paws.sources.resolve.resolve`; what is local is looked for, and not counted.
    work : Path
        Folder of stages; it need not exist.
    cache : Path, optional
        Parent of the folder of downloads; by default the user's cache folder.

    Raises
    ------
    ConfigError
        When no source is at NCBI: `bio-paws inspect` reads what is here.
    SourceError
        When a source is unknown, or NCBI cannot be asked.
    """
    resolve(tuple(source for source in sources if not ncbi_accessions(source)))
    accessions = list(dict.fromkeys(accession for source in sources for accession in ncbi_accessions(source)))
    if not accessions:
        raise ConfigError("--dry-run: no source is to be downloaded: 'bio-paws inspect' shows what is read from these")
    assemblies = tuple(
        AssemblyEstimate(
            accession,
            sum(max(0, file.size - file.here) for file in files),
            sum(file.here for file in files),
            round(BASES_PER_BYTE * sum(file.size for file in files if file.is_genome)),
        )
        for accession, files in zip(accessions, ncbi.list_all(accessions, cache), strict=True)
    )
    bases = sum(assembly.bases for assembly in assemblies)
    downloads, stages = _existing(ncbi.cache_folder(cache)), _existing(work)
    return BuildEstimate(
        assemblies,
        downloads,
        stages,
        bases,
        shutil.disk_usage(downloads).free,
        shutil.disk_usage(stages).free,
        _reading_rate(),
        from_genes=bases > LARGEST_WHOLE,
    )


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that exists: they are of one disk."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())


def _reading_rate() -> float:
    """Measure how many bases a second are read from a compressed FASTA file: one of random bases, made for it."""
    letters = np.random.default_rng(0).choice(np.frombuffer(b"ACGTacgt", dtype=np.uint8), (_MADE_BASES // 80, 80))
    lines = b"\n".join(line.tobytes() for line in letters)
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        path = Path(folder) / "made_genomic.fna.gz"
        path.write_bytes(gzip.compress(b">NC_000001.1 Made up, complete sequence\n" + lines + b"\n", 1))
        start = time.perf_counter()
        read_corpus(resolve((str(path),)))
        return _MADE_BASES / (time.perf_counter() - start)
