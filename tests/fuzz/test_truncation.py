"""Sources of every kind, cut at random places: refused in a line, or what is read of them is as it was written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from reading import read

from bio_paws.errors import BioPawsError
from bio_paws.sources.text import read_text
from conftest import Tally
from source_kinds import KINDS, Species, two_species

CUTS, SOAK_CUTS = 3, 100


def cut_sources(kind: str, cuts: int, folder: Path) -> int:
    """Cut one file of a source at a time; return how often that was refused."""
    species = two_species(genes=4)
    rng = random.Random(f"{kind} {cuts}")
    source = KINDS[kind](folder / "s", species)
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    refused = 0
    for _ in range(cuts):
        path = rng.choice(files)
        whole = path.read_bytes()
        path.write_bytes(whole[: rng.randrange(1, len(whole))])
        refused += not right_as_far_as_read(source, species)
        path.write_bytes(whole)
    return refused


def right_as_far_as_read(source: Path, species: list[Species]) -> bool:
    """Read a source: False where it is refused; what is read must be a part of the truth."""
    corpus = read(source)
    if corpus is None:
        return False
    genomes = {genome.chromosome: genome.dna for genome in species}
    proteins = {genome.protein(i) for genome in species for i in range(len(genome.genes))}
    for sequence in corpus.dna.values():
        # Nothing in FASTA tells that its last sequence, or its name, goes on.
        assert any(whole.startswith(sequence.residues[:].upper()) for whole in genomes.values())
    for sequence in corpus.proteins.values():
        assert any(whole.startswith(sequence.residues[:]) for whole in proteins)
    places = {(genome.protein(i), gene.exons, gene.strand) for genome in species for i, gene in enumerate(genome.genes)}
    assert {(gene.protein, gene.exons, gene.span.strand) for gene in corpus.genes.values()} <= places
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_cut_sources(kind: str, tmp_path: Path, tally: Tally) -> None:
    cut_sources(kind, CUTS, tmp_path)
    tally("sources of all kinds cut short", CUTS, CUTS)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_sources_cut_at_many_places(kind: str, tmp_path: Path, tally: Tally) -> None:
    cut_sources(kind, SOAK_CUTS, tmp_path)
    tally("sources of all kinds cut short", SOAK_CUTS, SOAK_CUTS)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.fna", data)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd), ("zip", zipped)],
)
def test_cut_streams(ending: str, pack: Callable[[bytes], bytes], tmp_path: Path, tally: Tally) -> None:
    text = f">a x\n{two_species(genes=3)[0].dna}\n"
    path = tmp_path / f"a.fna.{ending}"
    whole = pack(text.encode())
    path.write_bytes(whole)
    assert read_text(path) == text
    rng = random.Random(ending)
    for at in [len(whole) - 1, *(rng.randrange(1, len(whole)) for _ in range(CUTS * 5))]:
        path.write_bytes(whole[:at])
        with pytest.raises(BioPawsError, match=r"truncated or damaged|not an? .* file"):
            read_text(path)
    tally("compressed streams cut short", CUTS * 5 + 1, CUTS * 5 + 1)
