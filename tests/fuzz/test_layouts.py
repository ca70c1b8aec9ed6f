"""Sources as people have them: layouts of folders, compressions, encodings, genetic codes and shared names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import check, parts

from bio_paws.align.translation import translated
from bio_paws.cli.app import main
from bio_paws.errors import BioPawsError
from bio_paws.sequences import masks
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources.resolve import resolve
from genomes import write_source

CDS = ">lcl|chr_cds_P1_1 [gene=a] [protein_id=P1] [location=1..12] [gbkey=CDS]\n{}\n"


def corpus(*places: Path) -> Corpus:
    result = read_corpus(resolve(tuple(map(str, places))))
    check(result)
    return result


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return parts(tmp_path_factory.mktemp("sound") / "a")


FASTA = {
    "blank lines": "\n\n>NC_1.1 x\n\nACGT\n\nacgtN\n\n",
    "a comment": ";old FASTA\n>NC_1.1 x\nACGTacgtN\n",
    "a blank before the name": "> NC_1.1 x\nACGTacgtN\n",
    "numbered lines": ">NC_1.1 x\n1 ACGT acgt\n9 N\n",
    "gaps": ">NC_1.1 x\nACGT--acgt-N\n",
    "RNA": ">NC_1.1 x\nACGUacguN\n",
    "no end of the last line": ">NC_1.1 x\nACGTacgtN",
    "a byte order mark": "\ufeff>NC_1.1 x\nACGTacgtN\n",
    "letters beyond ASCII in its title": ">NC_1.1 \u03b2-lactamase of M\u00fcller\nACGTacgtN\n",
    "mixed line ends": ">NC_1.1 x\rACGT\r\nacgt\nN\r",
}


@pytest.mark.parametrize("kind", FASTA)
def test_ways_to_write_fasta(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.fna").write_bytes(FASTA[kind].encode())
    assert [(sequence.id, sequence.residues[:]) for sequence in corpus(tmp_path / "a.fna").dna.values()] == [
        ("NC_1.1", "ACGTacgtN")
    ]


def test_a_base_in_upper_case_makes_no_mask(tmp_path: Path) -> None:
    (tmp_path / "a.fna").write_text(f">a x\n{'acgttgcaac' * 30}A\n>b x\n{'acgttgcagg' * 30}\n")
    assert corpus(tmp_path / "a.fna").masks == {"a": "dustmasker", "b": "dustmasker"}


def test_a_chromosome_in_lower_case_is_not_all_repeat(tmp_path: Path) -> None:
    (tmp_path / "a.fna").write_text(f">a x\n{'ACGTTGCAAC' * 3}\n>b x\n{'acgttgcagg' * 3}\n")
    masked = corpus(tmp_path / "a.fna")
    assert masked.masks == {"a": "dustmasker", "b": "dustmasker"}
    assert any(base.isupper() for base in masked.dna["b"].residues[:])


def test_two_parts_of_an_assembly_share_its_accession(sound: dict[str, str], tmp_path: Path) -> None:
    for folder, chromosome in (("a", ">NC_000001.1"), ("b", ">NC_000009.1")):
        name = tmp_path / folder / "GCF_000000001.1_T_genomic.fna"
        name.parent.mkdir()
        name.write_text(sound["genomic.fna"].replace(">NC_000001.1", chromosome))
    both = corpus(tmp_path / "a", tmp_path / "b")
    assert (list(both.dna), both.rejected) == (["NC_000001.1"], {"dna_identical_record": 1})


@pytest.mark.parametrize("ends", ["\r", "\r\n"])
def test_line_ends_change_nothing(ends: str, sound: dict[str, str], tmp_path: Path) -> None:
    for name, end in (("a", "\n"), ("b", ends)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.gbff").write_bytes(sound["genomic.gbff"].replace("\n", end).encode())
        (tmp_path / name / "y.fna").write_bytes(sound["genomic.fna"].replace("\n", end).encode())
    for name in ("x.gbff", "y.fna"):
        first, second = corpus(tmp_path / "a" / name), corpus(tmp_path / "b" / name)
        assert (first.dna, first.genes) == (second.dna, second.genes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "before its //"),
        (lambda text: text + "<html>\n", "behind the last record"),
        (lambda text: text.replace("ORIGIN\n        1 ", "ORIGIN\n        1 a", 1), "bases, not the"),
    ],
)
def test_a_flat_file_that_is_not_whole_is_refused(
    change: Callable[[str], str], says: str, sound: dict[str, str], tmp_path: Path
) -> None:
    text = sound["genomic.gbff"]
    changed = change(text)
    assert changed != text
    (tmp_path / "a.gbff").write_text(changed)
    with pytest.raises(BioPawsError, match=says) as caught:
        corpus(tmp_path / "a.gbff")
    assert "line " in str(caught.value)


def test_names_that_two_assemblies_share_lose_nothing(sound: dict[str, str], tmp_path: Path) -> None:
    text = sound["genomic.gbff"]
    (tmp_path / "a.gbff").write_text(text)
    head, letters = sound["genomic.fna"].split("\n", 1)
    (tmp_path / "b.fna").write_text(f"{head}\n{letters[:700]}\n")
    both = corpus(tmp_path / "a.gbff", tmp_path / "b.fna")
    assert sorted(both.dna) == ["NC_000001.1", "b.fna:NC_000001.1"]
    (tmp_path / "c.fna").write_text(sound["genomic.fna"].replace("NC_000001.1", "chr1"))
    assert corpus(tmp_path / "a.gbff", tmp_path / "c.fna").rejected == {"dna_identical_record": 1}


def test_a_genetic_code_is_found_from_the_proteins(tmp_path: Path) -> None:
    for role, text in (
        ("genomic.fna", ">chr x\nATGTGAGCTTAA\n"),
        ("cds_from_genomic.fna", CDS.format("ATGTGAGCTTAA")),
        ("protein.faa", ">P1 x [[Clostridium] innocuum]\nMWA*\n"),
    ):
        (tmp_path / f"GCF_000000001.1_T_{role}").write_text(text)
    corpus = read_corpus(resolve((str(tmp_path),)))
    assert corpus.genetic_codes == {"chr": corpus.genes["P1"].code}
    assert translated("ATGTGAGCT", corpus.genes["P1"].code) == "MWA"
    assert set(corpus.organism.values()) == {"[Clostridium] innocuum"}


def test_inspect_says_what_would_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_source(tmp_path / "s", genes=3)
    (source / "extra_rna_from_genomic.fna").write_text(">a\nACGT\n")
    monkeypatch.setattr(masks, "run_program", None)  # takes most of the time, and is left to the build
    (source / "unmasked.fna").write_text(">b\nACGT\n")
    assert main(["inspect", str(source), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["masks"] == {"b": "dustmasker"}
    assert {name: counts["genes"] for name, counts in described["organisms"].items()} == {
        "unmasked": 0,
        "Testus primus": 3,
        "Testus secundus": 3,
        "Testus tertius": 3,
    }
    assert "extra_rna_from_genomic.fna" in str(described["assemblies"])
    assert main(["inspect", str(source)]) == 0
    text = capsys.readouterr().out
    assert "not used: extra_rna_from_genomic.fna" in text
    assert "No soft mask, which a build makes with dustmasker: 1 sequence" in text
