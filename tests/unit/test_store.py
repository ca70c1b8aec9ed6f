"""Sequences that are not in memory: read in pieces, written to one file, and cut out of it."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.errors import DamagedFile
from bio_paws.execution.stages import Workdir
from bio_paws.search import blast
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.fasta import read_fasta
from bio_paws.sequences.store import PIECE, ResidueFile, StoredResidues, pieces_of
from bio_paws.sources.resolve import resolve
from bio_paws.sources.text import lines_of, text_pieces

BOUND = st.none() | st.integers(-30, 30)


def cut(text: str, places: list[int]) -> Iterator[str]:
    bounds = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    return (text[start:end] for start, end in itertools.pairwise(bounds))


@given(st.lists(st.text("ACGTNacgtn", max_size=20), min_size=1), BOUND, BOUND)
def test_stored_residues_are_sliced_as_strings_are(texts: list[str], start: int | None, end: int | None) -> None:
    store = ResidueFile()
    stored = []
    for text in texts:
        stored.append(StoredResidues(store, store.length, len(text)))
        store.append(text.encode())
    for text, residues in zip(texts, stored, strict=True):
        assert (len(residues), residues[:], residues[start:end]) == (len(text), text, text[start:end])
        assert residues == text
        assert "".join(pieces_of(residues)) == text


@given(
    st.lists(st.sampled_from([">a x", ">b", ";c", "ACGT", "NN 12", "", " "]), max_size=8),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_fasta_reads_the_same_however_it_is_cut(lines: list[str], places: list[int]) -> None:
    text = ">first\n" + "\n".join(lines)
    assert list(read_fasta(cut(text, places), "here")) == list(read_fasta([text], "here"))
    assert list(lines_of(cut(text, places))) == text.split("\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_reads_the_same_however_it_is_cut(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.fna").write_bytes(">Müller\r\nACGT\r\r\nN\r".encode(encoding))
    for size in (1, 2, 3, 100):
        monkeypatch.setattr("bio_paws.sources.unpack.PIECE", size)
        assert "".join(text_pieces(tmp_path / "a.fna")) == ">Müller\nACGT\n\nN\n"


def peak_of(pieces: int, folder: Path) -> int:
    """Read a chromosome of so many pieces, write it as BLAST takes it, and return the peak of memory, bytes."""
    folder.mkdir()
    with (folder / "a.fna").open("w") as out:
        out.write(">chr [organism=Testus primus]\n")
        for _ in range(pieces):
            out.write("acgtACGT" * (PIECE // 8) + "\n")
    files = CorpusFiles.of(Workdir(folder / "work", "key"))
    tracemalloc.start()
    files.make(resolve((str(folder / "a.fna"),)))
    chromosome = files.load().dna["chr"]
    blast.write_fasta(folder / "database.fasta", [("0", pieces_of(chromosome.residues))])
    assert blast.count_records(folder / "database.fasta") == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(chromosome.residues) == pieces * PIECE
    assert chromosome.residues[pieces * PIECE - 4 :] == "ACGT"
    files.forget()
    return peak


def test_memory_does_not_grow_with_the_genome(tmp_path: Path) -> None:
    peak_of(1, tmp_path / "first")  # imports
    small, large = (peak_of(pieces, tmp_path / str(pieces)) for pieces in (6, 24))
    assert large < small + PIECE


def test_a_store_that_was_cut_is_not_read(tmp_path: Path) -> None:
    store = ResidueFile(tmp_path / "a.residues", new=True)
    store.append(b"ACGT" * 10)
    residues = StoredResidues(store, 0, 40)
    os.truncate(tmp_path / "a.residues", 20)
    assert residues[:20] == "ACGT" * 5
    with pytest.raises(DamagedFile, match="shorter than it was"):
        residues[10:30]
