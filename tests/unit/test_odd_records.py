"""Odd records within files of the usual formats: what is read of them is true, and the rest is counted or refused."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from annotated_folders import gff_rows, named_genome
from bio_paws.errors import SourceError
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources import unpack
from bio_paws.sources.resolve import resolve
from source_kinds import Species, cds_fasta, genbank, genome_fasta, gff, protein_fasta, two_species

Files = dict[str, str | bytes]
A, B = two_species(genes=4)
MITOCHONDRION = Species(3, A.organism, two_species(genes=4, code=4)[0].dna, A.genes, 4)
PLASTID = Species(2, A.organism, B.dna, B.genes, 11)
(START, FIRST_END), (SECOND_START, END) = A.genes[0].exons
FIRST_CDS = f"     CDS             join({START + 1}..{FIRST_END},{SECOND_START + 1}..{END})\n"


def corpus_of(folder: Path, files: Files, *, named: str = "") -> tuple[Corpus, list[str]]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assemblies = resolve((str(folder / named),))
    unused = [name for assembly in assemblies for name in assembly.unused]
    return read_corpus(assemblies, make_masks=False), unused


def flat(location: str) -> Files:
    """A flat file whose first CDS lies elsewhere."""
    return {"a.gbk": genbank(A).replace(FIRST_CDS, f"     CDS             {location}\n")}


def without_translations(record: str) -> str:
    return re.sub(r' +/translation="[^"]*"\n', "", record)


def with_gene(tag: str) -> Files:
    """A flat file where the gene of the first CDS is marked, and the CDS is not."""
    gene = f'     gene            {START + 1}..{END}\n{"":21}/locus_tag="T000"\n{"":21}{tag}\n'
    return {"a.gbk": without_translations(genbank(A).replace(FIRST_CDS, gene + FIRST_CDS))}


def rows(annotation: str, name: str = "a.gff3") -> Files:
    return {"a.fa": named_genome(A), name: annotation}


def with_columns(change: Callable[[list[str]], list[str]]) -> str:
    changed = [line.split("\t") for line in gff(A).split("\n")]
    return "\n".join("\t".join(change(columns) if len(columns) == 9 else columns) for columns in changed)


def with_phase(phase: Callable[[str], str]) -> Files:
    return rows(with_columns(lambda columns: [*columns[:7], phase(columns[7]), columns[8]]))


def _rotated() -> Species:
    """The ring that begins within the first gene, and its other genes."""
    cut = START + 100
    genes = tuple(
        replace(gene, exons=tuple((start - cut, end - cut) for start, end in gene.exons)) for gene in A.genes[1:]
    )
    return Species(1, A.organism, A.dna[cut:] + A.dna[:cut], genes)


def _over_the_origin() -> str:
    record, cut, length = genbank(_rotated()), START + 100, len(A.dna)
    parts = f"{length - 99}..{length},1..{FIRST_END - cut},{SECOND_START - cut + 1}..{END - cut}"
    tags = f'{"":21}/locus_tag="Z"\n{"":21}/translation="{A.protein(0)}"\n'
    # It is not in the form that the rows of the others have, since its protein is that of the first gene.
    return record.replace("ORIGIN", f"     CDS             join({parts})\n{tags}ORIGIN", 1)


def _zipped(name: str, replaced: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"{name}/a.fa", named_genome(A))
        archive.writestr(f"{name}/a.gff3", gff(A))
    return stream.getvalue().replace(*replaced) if replaced[0] else stream.getvalue()


LINES = genbank(A).split("\n")
HEAD = genbank(A).partition("ORIGIN")[0]
CONTIG = f"{HEAD}CONTIG      join(AB000001.1:1..5000)\n//\n"
WGS = (
    f"LOCUS       {'AAAA01000000':<16} {12:>11} rc    DNA     linear   BCT 01-JAN-2020\nDEFINITION  x\n"
    "ACCESSION   AAAA00000000\nVERSION     AAAA01000000.1\nFEATURES             Location/Qualifiers\n"
    "     source          1..12\nWGS         AAAA01000001-AAAA01000012\n//\n"
)
GENPEPT = f"LOCUS       {'NP_1':<16} {4:>11} aa            linear   BCT 01-JAN-2020\nORIGIN\n        1 mkds\n//\n"
PACKAGE = "ncbi_dataset/data/GCF_000000001.1"
REPORT = json.dumps({"accession": "GCF_000000001.1", "organism": {"organismName": A.organism}})

READ: dict[str, tuple[Files, list[Species], dict[str, int]]] = {
    "line ends that change from line to line": (
        {"a.gbk": "".join(line + ("\r\n", "\r", "\n")[i % 3] for i, line in enumerate(LINES))},
        [A],
        {},
    ),
    "byte order marks": (
        {"a.fa": b"\xef\xbb\xbf" + named_genome(A).encode(), "a.gff3": b"\xef\xbb\xbf" + gff(A).encode()},
        [A],
        {},
    ),
    "UTF-16": ({"a.fa": named_genome(A).encode("utf-16"), "a.gff3": gff(A).encode("utf-16")}, [A], {}),
    "a record that is made of others": ({"a.gbk": CONTIG + genbank(B)}, [B], {"dna_empty": 1}),
    "a record that is made of others and has its sequence": (
        {"a.gbk": genbank(A).replace("ORIGIN", "CONTIG      join(AB000001.1:1..5000)\nORIGIN")},
        [A],
        {},
    ),
    "the master record of a shotgun assembly": ({"a.gbk": WGS + genbank(A)}, [A], {"dna_empty": 1}),
    "phases of 0 alone": (with_phase(lambda _: "0"), [A], {}),
    "no phases": (with_phase(lambda _: "."), [A], {}),
    "phases that are counted from the other side": (with_phase(lambda phase: str(-int(phase) % 3)), [A], {}),
    "trans-splicing": (
        flat(f"join({START + 1}..{FIRST_END},complement({SECOND_START + 1}..{END}))"),
        [A],
        {"cds_mixed_strands": 1},
    ),
    "a gene over the origin": ({"a.gbk": _over_the_origin()}, [_rotated()], {"cds_crosses_origin": 1}),
    "a gene over the origin in GFF3": (
        {
            "a.fa": named_genome(_rotated()),
            "a.gff3": f"{gff(_rotated())}NC_000001.1\tmade\tCDS\t{len(A.dna) - 99}\t{len(A.dna) + 9}\t.\t+\t0\tID=z\n",
        },
        [_rotated()],
        {"cds_beyond_the_sequence": 1},
    ),
    "slippage": (
        flat(f"join({START + 1}..{FIRST_END},{FIRST_END}..{FIRST_END + 300})"),
        [A],
        {"cds_slippage": 1},
    ),
    "slippage in GFF3": (
        rows(f"{gff(A)}NC_000001.1\tm\tCDS\t10\t20\t.\t+\t0\tID=s\nNC_000001.1\tm\tCDS\t20\t40\t.\t+\t0\tID=s\n"),
        [A],
        {"cds_slippage": 1},
    ),
    "a partial CDS": (flat(f"<{START + 1}..>{FIRST_END}"), [A], {"cds_partial": 1}),
    "a partial CDS in GFF3": (
        rows(gff(A).replace("locus_tag=T000", "partial=true;start_range=.,1;locus_tag=T000")),
        [A],
        {"cds_partial": 1},
    ),
    "a CDS read from its second base on": (
        {"a.gbk": genbank(A).replace('/locus_tag="T000"', f'/codon_start=2\n{"":21}/locus_tag="T000"')},
        [A],
        {"cds_partial": 1},
    ),
    "a gene that is a pseudogene": (with_gene("/pseudo"), [A], {"cds_pseudogene": 1}),
    "a gene that is a pseudogene of a kind": (with_gene('/pseudogene="unitary"'), [A], {"cds_pseudogene": 1}),
    "a biotype of pseudogenes": (
        rows(
            gff_rows(A, lambda i, _: f"ID=c{i};Parent=G{i}.v3").replace(
                "ID=G0\n", "ID=G0;biotype=processed_pseudogene\n"
            )
        ),
        [A],
        {"cds_pseudogene": 1},
    ),
    "a transcript of a pseudogene": (
        rows(gff_rows(A, lambda i, _: f"ID=c{i};Parent=G{i}.v3").replace("mRNA", "pseudogenic_transcript", 1)),
        [A],
        {"cds_pseudogene": 1},
    ),
    "pseudo=1": (rows(gff(A).replace("locus_tag=T000", "pseudo=1;locus_tag=T000")), [A], {"cds_pseudogene": 1}),
    "pseudogenes in GTF": (
        rows(
            gff_rows(
                A,
                lambda i, _: (
                    f'gene_id "G{i}"; transcript_id "t{i}"; '
                    + ('gene_type "processed_pseudogene";', 'pseudo "true";', "", "")[i]
                ),
                gtf=True,
            ),
            "a.gtf",
        ),
        [A],
        {"cds_pseudogene": 2},
    ),
    "a type of its own for pseudogenic CDS": (
        rows(f"{gff(A)}NC_000001.1\tmade\tpseudogenic_CDS\t10\t40\t.\t+\t0\tID=s\n"),
        [A],
        {},
    ),
    "organelles beside the genome": (
        {
            "nuclear.fa": named_genome(A),
            "nuclear.gff3": gff(A),
            "chloroplast.gb": genbank(PLASTID),
            "mito.fa": named_genome(MITOCHONDRION),
            "mito.gff3": gff(MITOCHONDRION, ";transl_table=4"),
        },
        [A, PLASTID, MITOCHONDRION],
        {},
    ),
    "an organelle in the file of the genome": (
        {
            "GCF_000000001.1_T_genomic.fna": genome_fasta(A) + genome_fasta(MITOCHONDRION),
            "GCF_000000001.1_T_cds_from_genomic.fna": cds_fasta(A) + cds_fasta(MITOCHONDRION),
            "GCF_000000001.1_T_protein.faa": protein_fasta(A) + protein_fasta(MITOCHONDRION),
        },
        [A, MITOCHONDRION],
        {},
    ),
    "zeros behind a gzip stream": (
        {"a.fa.gz": gzip.compress(named_genome(A).encode()) + bytes(512), "a.gff3": gff(A)},
        [A],
        {},
    ),
    "an archive with folders in UTF-8": ({"z.zip": _zipped("Génome µ")}, [A], {}),
    "an archive with folders in Latin-1": ({"z.zip": _zipped("G_nome", (b"G_nome", b"G\xe9nome"))}, [A], {}),
    "an archive with backslashes": ({"z.zip": _zipped("data", (b"data/", b"data\\"))}, [A], {}),
    "a sequence whose name has _cds in it": (
        {
            f"GCF_000000001.1_T_{role}": text.replace(A.chromosome, "my_cds_contig")
            for role, text in (
                ("genomic.fna", genome_fasta(A)),
                ("cds_from_genomic.fna", cds_fasta(A)),
                ("protein.faa", protein_fasta(A)),
            )
        },
        [A],
        {},
    ),
    "rows in no order": (rows("\n".join(sorted(gff(A).split("\n"), key=lambda row: row[::-1]))), [A], {}),
    "a title within rows": ({"a.gff3": gff(A) + named_genome(A)}, [A], {}),
    "an id that the CDS of two transcripts share": (
        rows(
            (shared := gff_rows(A, lambda i, _: f"ID=c{i};Parent=G{i}.v3"))
            + "".join(
                f"{row.replace('.v3', '.v4')}\n" for row in shared.split("\n") if "CDS\t" in row or "mRNA\t" in row
            )
        ),
        [A],
        {"cds_duplicate_id": 4},
    ),
    "an id that all CDS share": (rows(gff_rows(A, lambda i, _: f"ID=CDS;Parent=G{i}.v3")), [A], {}),
    "semicolons within quotes": (
        rows(gff_rows(A, lambda i, _: f'gene_id "G;{i}"; transcript_id "t;{i}"; note "a; b";', gtf=True), "a.gtf"),
        [A],
        {},
    ),
    "a translation partly in lower case": (
        {"a.gbk": genbank(A).replace(A.protein(1)[:30], A.protein(1)[:30].lower())},
        [A],
        {},
    ),
    "CDS without a strand": (
        rows(with_columns(lambda columns: [*columns[:6], columns[6].replace("-", "."), *columns[7:]])),
        [A],
        {"cds_mixed_strands": 2},
    ),
    "all files of a datasets package": (
        {
            f"{PACKAGE}/GCF_000000001.1_T_genomic.fna": genome_fasta(A, "whole genome shotgun sequence"),
            f"{PACKAGE}/cds_from_genomic.fna": cds_fasta(A),
            f"{PACKAGE}/protein.faa": protein_fasta(A),
            f"{PACKAGE}/genomic.gff": gff(A),
            f"{PACKAGE}/genomic.gtf": "",
            f"{PACKAGE}/rna.fna": cds_fasta(A),
            f"{PACKAGE}/sequence_report.jsonl": REPORT,
            "ncbi_dataset/data/assembly_data_report.jsonl": REPORT,
            "ncbi_dataset/data/dataset_catalog.json": "{}",
            "README.md": "# NCBI Datasets\n",
            "md5sum.txt": "0  README.md\n",
        },
        [A],
        {},
    ),
}
"""Files, the truth that is read of them but for what is left out, and what is left out."""

BESIDE_THE_TRUTH = (
    "a gene over the origin",
    "a gene over the origin in GFF3",
    "slippage in GFF3",
    "an id that the CDS of two transcripts share",
)
"""Kinds where what is left out is no gene of the truth."""

REFUSED: dict[str, tuple[Files, str]] = {
    "a record that is made of others alone": ({"a.gbk": CONTIG}, r"may name them alone \(CONTIG, WGS\): fetch it"),
    "the master record of a shotgun assembly alone": ({"a.gbk": WGS}, r"may name them alone \(CONTIG, WGS\): fetch it"),
    "proteins in the form of GenBank": ({"a.gp": GENPEPT}, r"a.gp: line 1: a record of a protein \(GenPept\)"),
    "proteins that are named DNA": (
        {"a.fa": named_genome(A), "a.gff3": gff(A), "b.fna": protein_fasta(A)},
        r"b.fna: no usable DNA sequence .*; proteins belong in a .faa file",
    ),
    "CDS that all begin within a codon": (with_phase(lambda _: "1"), r"no CDS in it translates .*\(cds_partial 4\)"),
    "starts that count from 0": (
        rows(with_columns(lambda columns: [*columns[:3], str(int(columns[3]) - 1), *columns[4:]])),
        r"no CDS in it translates .*\(cds_incomplete_codon 4\)",
    ),
    "a genome of another release": (
        {"a.fa": named_genome(A).replace(A.dna[:3], f"{A.dna[:3]}A"), "a.gff3": gff(A)},
        r"no CDS in it translates to a protein",
    ),
    "a name without its version": (
        rows(gff(A).replace("NC_000001.1", "NC_000001")),
        r"its genes lie on 'NC_000001' and others, the genome has 'NC_000001.1' and others",
    ),
    "blanks for tabs": (rows(gff(A).replace("\t", "    ")), r"line 2: 1 columns, not the 9 of GFF3 and GTF"),
    "no proteins": (rows(gff(A)) | {"a.faa": ""}, r"a.faa: no usable protein \(the file is empty\)"),
    "no genome": (rows(gff(A)) | {"a.fa": ""}, r"a.fa: no usable DNA sequence \(the file is empty\)"),
    "garbage behind a gzip stream": (
        {"a.fa.gz": gzip.compress(named_genome(A).encode()) + b"garbage"},
        r"a.fa.gz: gzip stream truncated or damaged",
    ),
    "a genome that is packed twice": (
        {"a.fa.gz": gzip.compress(gzip.compress(named_genome(A).encode()))},
        r"a.fa.gz: packed twice \(gzip within gzip\): unpack it once",
    ),
    "a genome that compress packed": ({"a.fa.gz": b"\x1f\x9d\x90abc"}, r"packed by compress \(.Z\), which is not read"),
    "a page of the server": ({"a.fna.gz": b"<html>404</html>"}, r"a.fna.gz: not a gzip file though it is named .gz"),
    "a mask of X": (
        {"a.fa": named_genome(A).replace(A.dna[:60], "X" * 60)},
        r"character 'X' at position 0 is not a nucleotide of the IUPAC code",
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_what_is_read_is_true_and_the_rest_is_counted(kind: str, tmp_path: Path) -> None:
    files, species, rejected = READ[kind]
    corpus, _ = corpus_of(tmp_path, files, named="z.zip" if "z.zip" in files else "")
    read = {
        (corpus.dna[gene.span.source].residues[:].upper(), gene.organism, gene.exons, gene.span.strand, gene.protein)
        for gene in corpus.genes.values()
    }
    truth = {row for genome in species for row in genome.truth()}
    assert read <= truth
    left_out = sum(count for reason, count in rejected.items() if reason.startswith("cds_"))
    assert len(truth - read) == (0 if kind in BESIDE_THE_TRUTH else left_out)
    assert corpus.rejected == rejected
    assert corpus.genetic_codes.keys() == ({MITOCHONDRION.chromosome} if MITOCHONDRION in species else set())


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    files, says = REFUSED[kind]
    with pytest.raises(SourceError, match=says) as caught:
        corpus_of(tmp_path, files)
    assert "\n" not in str(caught.value)


def test_a_package_of_viruses_has_an_organism_for_each_genome(tmp_path: Path) -> None:
    folder = "ncbi_dataset/data"
    report = [json.dumps({"accession": each.chromosome, "virus": {"organismName": each.organism}}) for each in (A, B)]
    corpus, unused = corpus_of(
        tmp_path,
        {
            f"{folder}/genomic.fna": genome_fasta(A, "isolate 1, complete genome") + genome_fasta(B, "isolate 2"),
            f"{folder}/protein.faa": protein_fasta(A) + protein_fasta(B),
            f"{folder}/cds.fna": cds_fasta(A),
            f"{folder}/data_report.jsonl": "\n".join(report),
        },
    )
    assert {name: dna.organism for name, dna in corpus.dna.items()} == {
        A.chromosome: A.organism,
        B.chromosome: B.organism,
    }
    assert unused == ["cds.fna"]
    assert {corpus.proteins[each.protein_id(0)].organism for each in (A, B)} == {A.organism, B.organism}


def test_files_of_formats_that_are_not_read_are_named(tmp_path: Path) -> None:
    snapgene = b"\t\0\0\0\x0eSnapGene\0\1"
    _, unused = corpus_of(tmp_path, {"a.fa": named_genome(A), "r.fastq": "@r\nA\n+\nI\n", "x.dna": snapgene})
    assert unused == ["r.fastq", "x.dna"]
    corpus, unused = corpus_of(tmp_path / "text", {"x.dna": named_genome(A)})
    assert (len(corpus.dna), unused) == (1, [])


@pytest.mark.parametrize("size", [7, 61, 64])
def test_where_a_file_is_cut_into_pieces_changes_nothing(
    size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(unpack, "PIECE", size)
    files: Files = {name: text.replace("\n", "\r\n") for name, text in (("a.fa", named_genome(A)), ("a.gff3", gff(A)))}
    corpus, _ = corpus_of(tmp_path, files)
    assert [dna.residues[:] for dna in corpus.dna.values()] == [A.dna]
    assert {gene.exons for gene in corpus.genes.values()} == {gene.exons for gene in A.genes}


def test_a_chromosome_in_a_line(tmp_path: Path) -> None:
    corpus, _ = corpus_of(tmp_path, {"a.fa": f">c x\n{A.dna * 500}"})
    assert corpus.dna["c"].residues[-50:] == A.dna[-50:]
    assert len(corpus.dna["c"].residues) == 500 * len(A.dna) > 2 * unpack.PIECE
