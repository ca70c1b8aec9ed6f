"""Every coding row again, by Biopython and the source's own files alone: the CDS at its place reads as its protein."""

from __future__ import annotations

import gzip
import importlib.metadata
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from Bio import SeqIO
from Bio.SeqFeature import Location

from bio_paws.sources.pinned import PINNED


def records(paths: list[Path]) -> Iterator[SeqIO.SeqRecord]:
    for path in paths:
        with gzip.open(path, "rt") as stream:
            yield from SeqIO.parse(stream, "fasta")


def check_coding_rows(data: Path, genomes: list[Path], cds: list[Path]) -> None:
    dna = {record.id: record.seq for record in records(genomes)}
    places = {}
    for record in records(cds):
        if tags := re.search(r"\[protein_id=(\S+?)\].*\[location=(\S+?)\]", record.description):
            chromosome = re.search(r"lcl\|(.+?)_cds_", record.id)
            assert chromosome is not None
            places[tags.group(1)] = (chromosome.group(1), tags.group(2), str(record.seq))
    checked = 0
    for path in (data / "dna_protein").glob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            if row["label"] == 0:
                continue
            chromosome, text, stored = places[row["source2"]]
            place = Location.fromstring(text)
            assert (row["source1"], row["start1"], row["end1"]) == (chromosome, int(place.start), int(place.end))
            coding = place.extract(dna[chromosome])
            assert str(coding).upper() == stored.upper()
            assert str(coding.translate())[1:] == row["sentence2"][1:] + "*"
            assert coding.upper().startswith(("ATG", "TTG", "CTG")) or row["sentence2"][0] == coding.translate()[0]
            whole = dna[chromosome][int(place.start) : int(place.end)].upper()
            assert row["sentence1"] == str(whole if place.strand == 1 else whole.reverse_complement())
            checked += 1
    assert checked > 20


def test_coding_rows_of_a_small_source(built: Path, source: Path) -> None:
    check_coding_rows(built, sorted(source.glob("*_genomic.fna.gz")), sorted(source.glob("*_cds_from_genomic.fna.gz")))


@pytest.mark.skipif("BIO_PAWS_BUILT" not in os.environ, reason="BIO_PAWS_BUILT names no data set of the bundled corpus")
def test_coding_rows_of_the_bundled_corpus() -> None:
    files: dict[str, list[Path]] = {"genomic": [], "cds": []}
    for assembly in PINNED["bundled"]:
        distribution = importlib.metadata.distribution(assembly.package)
        for role, name, _ in assembly.files:
            if role in files:
                files[role].append(Path(str(distribution.locate_file(f"{assembly.package}/{name}"))))
    check_coding_rows(Path(os.environ["BIO_PAWS_BUILT"]), files["genomic"], files["cds"])
