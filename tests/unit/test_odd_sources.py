"""Sources that are nearly right: read as what they mean, or refused in a line; never read wrongly without a word."""

from __future__ import annotations

import gzip
import lzma
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio.SeqFeature import Location

from bio_paws.errors import SourceError
from bio_paws.sequences import reader
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sequences.fasta import organism_in_brackets, read_fasta
from bio_paws.sequences.genes import CdsLocation, location_of, parse_location
from bio_paws.sources.resolve import resolve
from bio_paws.sources.text import read_text, text_pieces
from genomes import random_dna
from program_outputs import rows
from source_kinds import Species, cds_fasta, genbank, genome_fasta, gff, ncbi, protein_fasta, two_species
from split_genomes import fasta, halves


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def corpus(*places: Path) -> Corpus:
    return read_corpus(resolve(tuple(map(str, places))))


@pytest.fixture(scope="module")
def species() -> list[Species]:
    return two_species(genes=3)


def test_a_stream_of_xz_whose_header_is_damaged_is_not_passed_over(tmp_path: Path) -> None:
    first, second = (lzma.compress(text) for text in (b">a\nACGT\n", b">b\nACGT\n"))
    path = tmp_path / "a.fna.xz"
    path.write_bytes(first + bytes(8) + second + bytes(4))
    assert read_text(path) == ">a\nACGT\n>b\nACGT\n"
    path.write_bytes(first + b"\xfd7zXY\0" + second[6:])
    with pytest.raises(SourceError, match="truncated or damaged"):
        read_text(path)


def test_files_that_were_joined(tmp_path: Path) -> None:
    path = tmp_path / "a.fna"
    path.write_bytes("\ufeff>a\nACGT\n\ufeff>b\nGGCC\n".encode())
    assert [record.residues for record in read_fasta(read_text(path), "a")] == ["ACGT", "GGCC"]
    with pytest.raises(SourceError, match="a: line 4: '>' within a sequence: put a line end before it"):
        list(read_fasta(">x\nACGT\n>a\nACGT>b\nGGCC\n", "a"))


@pytest.mark.parametrize("end", ["\x1a", "\r\n\x1a\r\n", "\x1a" * 40])
def test_the_end_of_file_character_of_dos_is_left_out_and_counted(
    end: str, species: list[Species], tmp_path: Path
) -> None:
    genome = species[0]
    writers = {
        "fasta": {"a.fna": genome_fasta(genome), "a.faa": protein_fasta(genome), "a.gff3": gff(genome)},
        "genbank": {"a.gbk": genbank(genome)},
    }
    for kind, files in writers.items():
        for name, text in files.items():
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / kind / name).write_bytes((text.replace("\n", "\r\n") + end).encode())
        read = corpus(tmp_path / kind)
        assert [dna.residues[:].upper() for dna in read.dna.values()] == [genome.dna]
        assert {gene.protein for gene in read.genes.values()} == {genome.protein(i) for i in range(len(genome.genes))}
        assert read.notes["files that end with DOS's end-of-file character, left out"] == len(files)
    within = write(tmp_path / "within.fna", ">a\nAC\x1aGT\n")
    with pytest.raises(SourceError, match="not a nucleotide"):
        corpus(within)


def test_digits_within_sequences_are_left_out_and_counted(tmp_path: Path) -> None:
    dna, protein = "ACGTTGCA" * 12, "MKLVWERTY" * 12
    write(tmp_path / "a.fna", f">a\n{dna}\n>b 7\n1 {dna[::-1]}\n61 {dna}\n>c\nAC GT\n")
    write(tmp_path / "a.faa", f">p\n1 {protein}\n>q\n{protein[::-1]}\n")
    read = corpus(tmp_path)
    assert {name: dna.residues[:].upper() for name, dna in read.dna.items()} == {
        "a": dna,
        "b": dna[::-1] + dna,
        "c": "ACGT",
    }
    assert read.notes["digits left out of sequences"] == 2


def test_an_archive_of_the_wrong_kind_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(b"a.fna".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0") + b">a\nACGT\n"))
    with pytest.raises(SourceError, match="a tar archive: unpack it, and name its folder"):
        read_text(path)


@pytest.mark.parametrize(
    ("end", "organism"),
    [
        ("[Homo sapiens]", "Homo sapiens"),
        ("[[Clostridium] innocuum]", "[Clostridium] innocuum"),
        ("[uncultured bacterium]", "uncultured bacterium"),
        ("[SARS coronavirus]", "SARS coronavirus"),
        ("[Bacillus]", "Bacillus"),
        ("[NADP(+)]", None),
        ("[acyl-carrier protein]", None),
        ("[EC 1.1.1.1]", None),
        ("[2Fe-2S]", None),
        ("[Source:HGNC Symbol;Acc:HGNC:1100]", None),
        ("[Homo sapiens] [partial]", None),
    ],
)
def test_what_stands_in_brackets_is_an_organism_or_not(end: str, organism: str | None) -> None:
    assert organism_in_brackets(f"P1 an enzyme {end}") == organism


def test_a_placeholder_is_no_organism(species: list[Species], tmp_path: Path) -> None:
    for i, placeholder in enumerate(("Genus species", ".")):
        write(tmp_path / f"strain{i}.gbk", genbank(species[i]).replace(species[i].organism, placeholder))
    assert set(corpus(tmp_path).organism.values()) == {"strain0", "strain1"}


def test_an_assembly_has_one_organism_whichever_file_names_it(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", genome_fasta(species[0], "[organism=Mus musculus]"))
    write(tmp_path / "a.gff3", gff(species[0]))
    write(
        tmp_path / "a.faa", "".join(line + "\n" for line in protein_fasta(species[0]).replace(" [", " (").split("\n"))
    )
    assert set(corpus(tmp_path).organism.values()) == {"Mus musculus"}


def test_an_assembly_of_genbank_beside_that_of_refseq(species: list[Species], tmp_path: Path) -> None:
    ncbi(tmp_path, species)
    for role, text in (
        ("genomic.fna", genome_fasta(species[0])),
        ("cds_from_genomic.fna", cds_fasta(species[0])),
        ("protein.faa", protein_fasta(species[0])),
    ):
        renamed = text.replace("NC_000001", "CP_000001").replace("NP_", "AAA")
        write(tmp_path / f"GCA_000000001.1_T1_{role}", renamed)
    both = corpus(tmp_path)
    assert both.rejected == {"cds_identical_record": 3, "dna_identical_record": 1}
    assert len(both.genes) == 6


def test_two_strains_may_have_the_same_proteins(species: list[Species], tmp_path: Path) -> None:
    for number, dna in ((1, species[0].dna), (2, "ACGT" + species[0].dna[4:])):
        prefix = f"GCF_00000000{number}.1_T"
        write(tmp_path / f"{prefix}_genomic.fna", f">NC_{number} x\n{dna}\n")
        write(tmp_path / f"{prefix}_protein.faa", protein_fasta(species[0]))
    assert len(corpus(tmp_path).proteins) == 6


@pytest.mark.parametrize("name", ["a.primary.faa", "0.faa"])
def test_proteins_that_are_written_once_more_are_no_second_organism(
    name: str, species: list[Species], tmp_path: Path
) -> None:
    """Phytozome has a file of all proteins and one of a protein a gene, without a word on their organism."""
    named, other = (protein_fasta(each) for each in species)
    write(tmp_path / "a.fa", genome_fasta(species[0], f"[organism={species[0].organism}]"))
    write(tmp_path / "a.gff3", gff(species[0]))
    write(tmp_path / "a.faa", named)
    write(tmp_path / name, named.replace(f"[{species[0].organism}]", "") + other)
    write(tmp_path / "strain.faa", named.replace(species[0].organism, "Testus tertius"))
    read = corpus(tmp_path)
    assert Counter(protein.organism for protein in read.proteins.values()) == {
        species[0].organism: 3,
        species[1].organism: 3,
        "Testus tertius": 3,
    }
    assert (len(read.genes), read.rejected) == (3, {"protein_identical_record": 3})


def test_a_genetic_code_that_nothing_names_is_not_guessed(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows, dna = [], ""
    for i in range(4):
        body = "".join(random_dna(rng, 2) + "C" for _ in range(40))  # no stop in any code
        cds = f"ATG{'TGAATA' if i % 2 else 'ATA'}{body}TAA"
        rows.append(f"MT\tmade\tCDS\t{len(dna) + 1}\t{len(dna) + len(cds)}\t.\t+\t0\tID=c{i}\n")
        dna += cds
    write(tmp_path / "m.fa", f">MT\n{dna}\n")
    write(tmp_path / "m.gff3", "".join(rows))
    assert corpus(tmp_path).rejected == {"cds_genetic_code_not_named": 4}
    for folder, end in (("named", ";transl_table=2"), ("few", "")):
        few = "" if folder == "named" else "".join(row.replace("ID=c", "ID=d") for row in rows[::2])
        write(tmp_path / folder / "m.fa", f">MT\n{dna}\n")
        write(tmp_path / folder / "m.gff3", "".join(row.replace("\n", f"{end}\n") for row in rows[:3]) + few)
    assert corpus(tmp_path / "named").genetic_codes == {"MT": 2}
    assert corpus(tmp_path / "few").rejected["cds_internal_stop"] == 1


def test_a_residue_that_no_codon_is_read_as_is_not_translated(tmp_path: Path) -> None:
    cds = "ATGGCTTGTAAATAA"
    features = f'     source          1..{len(cds)}\n                     /organism="Testus primus"\n'
    for exception in ("(pos:4..6,aa:OTHER)", "(pos:1..3,aa:Met)"):
        features += f"     CDS             1..{len(cds)}\n                     /transl_except={exception}\n"
        features += f'                     /locus_tag="{len(features)}"\n'
    text = (
        f"LOCUS       A          {len(cds):>11} bp    DNA     linear   BCT 01-JAN-2020\nVERSION     A.1\n"
        f"FEATURES             Location/Qualifiers\n{features}ORIGIN\n        1 {cds.lower()}\n//\n"
    )
    read = corpus(write(tmp_path / "a.gbk", text))
    assert read.rejected == {"cds_recoded": 1}
    assert [gene.protein for gene in read.genes.values()] == ["MACK"]


def test_genes_of_another_genome_are_refused_with_both_names(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", genome_fasta(species[0]).replace("NC_000001.1", "chr1"))
    write(tmp_path / "a.gff3", gff(species[0]))
    with pytest.raises(SourceError, match=r"genes lie on 'NC_000001.1' and others, the genome has 'chr1' and others"):
        corpus(tmp_path)


def test_a_file_of_coding_sequences_is_no_second_genome(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "g.fa", genome_fasta(species[0]))
    write(tmp_path / "below/coding.fa", cds_fasta(species[0]))
    write(tmp_path / "all.tar.gz", "whatever it holds")
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for name in ("a.fa", "b.fa"):
            archive.writestr(name, ">a\nACGT\n")
    (assembly,) = resolve((str(tmp_path),))
    assert Counter(file.path.name for file in assembly.files) == {"g.fa": 1}
    assert set(assembly.unused) == {"coding.fa", "all.tar", "both"}


SHARED_NAME = r"genes.gff3: its genes lie on 'S1a', which both .*a.fa and .*b.fa have: put each genome and its genes"
REFUSED = {
    "a name that two genomes have": ({"a.fa": 0, "b.fa": 0, "genes.gff3": 0}, SHARED_NAME),
    "genes of none of the genomes": (
        {"a.fa": 0, "b.fa": 1, "genes.gff3": 2},
        r"genes.gff3: its genes lie on 'S2a' and others, which no genome beside it has: put its genome there",
    ),
    "genes of one sequence twice": (
        {"genome.fa": 0, "first.gff3": 0, "second.gff3": 0},
        r"genes on 'S1a', as in .*: leave one of them out",
    ),
    "a name that two chromosomes have": (
        {"chr1.fa": 0, "chr2.fa": 4},
        r"chr2.fa: 'S1a' is a sequence in another file of the genome as well",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_files_of_a_genome_that_contradict_each_other_are_refused(
    kind: str, species: list[Species], tmp_path: Path
) -> None:
    files, says = REFUSED[kind]
    chromosomes = [half for genome in species for half in halves(genome)]
    chromosomes.append(halves(species[1], ("S1a", "S1b"))[0])
    for name, number in files.items():
        chromosome = chromosomes[number]
        text = gff(chromosome) if name.endswith(".gff3") else fasta(chromosome)
        write(tmp_path / name, text.replace("secundus", "primus"))
    with pytest.raises(SourceError, match=says):
        corpus(tmp_path)


def test_a_second_annotation_of_a_genome_is_named_and_not_read(species: list[Species], tmp_path: Path) -> None:
    first, second = (halves(genome)[0] for genome in species)
    for name, text in {
        "a.fa": fasta(first),
        "a.gff3": gff(first),
        "b.fa": fasta(second),
        "b.gff3": gff(second),
    }.items():
        write(tmp_path / name, text)
    write(tmp_path / "a.old.gff3", gff(first))
    assemblies = resolve((str(tmp_path),))
    assert [[file.path.name for file in assembly.files] for assembly in assemblies] == [
        ["a.fa", "a.gff3"],
        ["b.fa", "b.gff3"],
    ]
    assert [name for assembly in assemblies for name in assembly.unused] == ["a.old.gff3"]


def test_genomes_that_are_named_alike_but_for_the_organism_stay_apart(species: list[Species], tmp_path: Path) -> None:
    for genome in species:
        for i, half in enumerate(halves(genome), start=1):
            write(tmp_path / f"t{genome.number}.chr{i}.fa", f">{half.name}\n{half.dna}\n")
    write(tmp_path / "chromobacterium.fa", ">c\nACGT\n")
    assert {name: organism for name, organism in corpus(tmp_path).organism.items() if name != "c"} == {
        "S1a": "t1",
        "S1b": "t1",
        "S2a": "t2",
        "S2b": "t2",
    }


def test_records_that_name_their_organisms_keep_them(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "viruses.fa", "".join(fasta(halves(genome)[0]) for genome in species))
    assert corpus(tmp_path).organism == {"S1a": species[0].organism, "S2a": species[1].organism}
    assert corpus(tmp_path).organisms == ((species[0].organism, species[1].organism),)


def test_an_assembly_has_only_its_own_organisms(species: list[Species], tmp_path: Path) -> None:
    for genome in species:
        write(tmp_path / f"genome{genome.number}.fna", fasta(halves(genome)[0]))
    assert corpus(tmp_path).organisms == ((species[0].organism,), (species[1].organism,))


READ = ("3..8", "complement(3..8)", "join(3..8,11..12)", "complement(join(3..8,11..12))", "<3..8", "join(3..8)")
NOT_USED = ("join(11..12,3..8)", "complement(join(11..12,3..8))", "join(3..8,8..9)", "join(3..8,9..10)")
NOT_READ = (
    "join(0..8,11..12)",
    "8..3",
    "join(3..8,11..12",
    "complement(complement(3..8))",
    "order(3..8,9..9)",
)


@pytest.mark.parametrize("location", READ + NOT_USED + NOT_READ)
def test_a_location_means_what_biopython_reads(location: str) -> None:
    try:
        expected = location_of("s", Location.fromstring(location))
    except ValueError:
        expected = CdsLocation(None, (), "no_location")
    assert parse_location("s", location) == expected


@pytest.mark.parametrize("named_alone", [False, True])
def test_genomes_of_one_file_name_are_called_by_their_folders(
    named_alone: bool, species: list[Species], tmp_path: Path
) -> None:
    places = [tmp_path / folder / "data/genome.fa" for folder in ("fly", "yeast")]
    for genome, place in zip(species, places, strict=True):
        write(place, genome_fasta(genome))
    assert set(corpus(*(places if named_alone else (tmp_path,))).organism.values()) == {"fly_data", "yeast_data"}


def test_what_dfast_writes_beside_a_genome_is_its_own(species: list[Species], tmp_path: Path) -> None:
    """In a subfolder lies the genome again, without a word on its organism."""
    genome = species[0]
    write(tmp_path / "genome.gbk", genbank(genome))
    write(tmp_path / "protein.faa", protein_fasta(genome))
    write(tmp_path / "cds.fna", cds_fasta(genome))
    write(tmp_path / "ddbj/genome.fsa", f">{genome.chromosome}\n{genome.dna}\n")
    read = corpus(tmp_path)
    assert len(read.proteins) == len(read.genes) == len(genome.genes)
    assert set(read.organism.values()) == {gene.organism for gene in read.genes.values()} == {genome.organism}
    assert read.organisms == ((genome.organism,), (genome.organism,))
    assert (read.rejected, read.notes) == ({"dna_identical_record": 1}, {})


def test_a_sequence_that_two_genomes_share_names_no_organism(species: list[Species], tmp_path: Path) -> None:
    plasmid, other = species[0].dna[:2000], genome_fasta(species[1], f"[organism={species[1].organism}]")
    write(tmp_path / "a.fa", f">c\n{species[0].dna}\n>p\n{plasmid}\n")
    write(tmp_path / "b.fa", f"{other}>q [organism={species[1].organism}]\n{plasmid}\n")
    assert corpus(tmp_path).organism == {"c": "a", "p": "a", species[1].chromosome: species[1].organism}


def test_an_archive_gives_its_name_to_chromosomes(species: list[Species], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "yeast.zip", "w") as archive:
        for i, half in enumerate(halves(species[0]), start=1):
            archive.writestr(f"chr{i}.fa", f">{half.name}\n{half.dna}\n")
    assert set(corpus(tmp_path / "yeast.zip").organism.values()) == {"yeast"}


def test_genes_without_a_cds_are_noted(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", genome_fasta(species[0]))
    write(tmp_path / "a.gff3", gff(species[0]).replace("\tCDS\t", "\texon\t"))
    assert corpus(tmp_path).notes["GFF3 or GTF file without a row of type CDS"] == 1


def test_genes_that_prodigal_found_at_the_end_of_a_contig_are_not_whole(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", genome_fasta(species[0]))
    write(tmp_path / "a.gff", gff(species[0]).replace("NP_100001.1\n", "NP_100001.1;partial=10\n"))
    assert corpus(tmp_path).rejected == {"cds_partial": 1}


@pytest.mark.parametrize("masked_part", [0.02, 0.9])
@pytest.mark.parametrize("first", ["whole", "masked"])
@pytest.mark.parametrize("with_genes", ["both", "masked"])
def test_a_hard_masked_copy_of_a_genome_is_no_second_genome(
    masked_part: float, first: str, with_genes: str, species: list[Species], tmp_path: Path
) -> None:
    genome, names = species[0], (("a", "b") if first == "whole" else ("b", "a"))
    masked = replace(genome, dna=_hard_masked(genome, masked_part))
    for name, each, chromosome in ((names[0], genome, "NC_000001.1"), (names[1], masked, "chr1")):
        write(tmp_path / f"{name}/{name}.fa", genome_fasta(each).replace("NC_000001.1", chromosome))
        if with_genes == "both" or each is masked:
            write(tmp_path / f"{name}/{name}.gff3", gff(genome).replace("NC_000001.1", chromosome))
    read = corpus(tmp_path)
    assert {dna.residues[:].upper() for dna in read.dna.values()} == {genome.dna}
    assert list(read.dna) == ["NC_000001.1"]
    assert len(read.genes) == len(read.proteins) == len(genome.genes)
    assert {(gene.span.source, gene.exons, gene.protein) for gene in read.genes.values()} == {
        ("NC_000001.1", gene.exons, genome.protein(i)) for i, gene in enumerate(genome.genes)
    }
    identical = len(genome.genes) if with_genes == "both" else 0
    assert read.rejected == {"dna_masked_copy": 1} | ({"cds_identical_record": identical} if identical else {})


def _hard_masked(species: Species, part: float) -> str:
    """The genome with so much of what lies between its genes written as N, spread over it."""
    letters = np.array(list(species.dna))
    coding = np.zeros(len(letters), dtype=bool)
    for gene in species.genes:
        coding[gene.exons[0][0] : gene.exons[-1][1]] = True
    between = np.flatnonzero(~coding)
    letters[between[np.arange(len(between)) % 100 < 100 * part]] = "N"
    return "".join(letters)


def test_a_copy_of_a_chromosome_is_no_part_of_the_genome(species: list[Species], tmp_path: Path) -> None:
    first, second = halves(species[0])
    masked = f"{first.dna[:100]}{'N' * 100}{first.dna[200:]}"
    copies = {"chr1": first.dna, "chr1_N": masked, "chr2": second.dna, "chr2_old": second.dna}
    for name, dna in copies.items():
        write(tmp_path / f"{name}.fa", f">{name}\n{dna}\n")
    read = corpus(tmp_path)
    assert {name: dna.residues[:].upper() for name, dna in read.dna.items()} == {"chr1": first.dna, "chr2": second.dna}
    assert read.rejected == {"dna_identical_record": 1, "dna_masked_copy": 1}
    assert len(read.organisms) == 1


def test_genomes_of_one_length_that_differ_are_both_read(species: list[Species], tmp_path: Path) -> None:
    dna = species[0].dna
    for number, (start, end) in enumerate(((100, 200), (300, 400))):  # two strains, each read as far as it could be
        write(tmp_path / f"strain{number}.fa", f">s\n{dna[:start]}{'N' * (end - start)}{dna[end:]}\n")
    write(tmp_path / "other.fa", f">s\n{dna[:4000]}{'A' if dna[4000] == 'C' else 'C'}{dna[4001:]}\n")
    write(tmp_path / "gap.fa", f">s\n{'N' * len(dna)}\n")
    assert (len(corpus(tmp_path).dna), corpus(tmp_path).rejected) == (4, {})


@pytest.mark.parametrize(
    ("places", "titles", "kept"),
    [
        (("a.fa", "b.fa"), ("MN908947.3 isolate A", "MT019529.1 isolate B"), 2),
        (("a.fa", "b.fa"), ("s [organism=Testus primus]", "s [organism=Testus alius]"), 2),
        (("a.fa", "b.fa"), ("MN908947.3 isolate A", "MN908947.3"), 1),
        (("GCF_000000001.1/genomic.fna", "GCA_000000001.1/genomic.fna"), ("NC_000001.1", "CP000001.1"), 1),
    ],
)
def test_a_strain_that_equals_another_but_for_bases_not_known_is_read(
    places: tuple[str, str], titles: tuple[str, str], kept: int, species: list[Species], tmp_path: Path
) -> None:
    dna = species[0].dna
    for place, title, residues in zip(places, titles, (dna, f"{'N' * 50}{dna[50:]}"), strict=True):
        write(tmp_path / place, f">{title}\n{residues}\n")
    read = corpus(tmp_path)
    assert len(read.dna) == kept
    assert read.rejected == ({} if kept == 2 else {"dna_masked_copy": 1})


def test_a_copy_of_a_copy_is_no_second_genome(species: list[Species], tmp_path: Path) -> None:
    for name, part in (("a", 0.5), ("b", 0.5), ("c", 0.2), ("d", 0.0), ("e", 0.5)):
        write(tmp_path / f"{name}.fa", f">{name}\n{_hard_masked(species[0], part)}\n")
    read = corpus(tmp_path)
    assert (list(read.dna), read.rejected) == (["d"], {"dna_identical_record": 2, "dna_masked_copy": 2})
    assert list(read.masks) == ["d"]


COLLIDING = {
    "whole titles": ("Chromosome 1", "Chromosome 2"),
    "whole titles with underscores": ("Chromosome_1", "Chromosome_2"),
    "escaped": ("Chromosome%201", "Chromosome%202"),
}


@pytest.mark.parametrize("kind", COLLIDING)
@pytest.mark.parametrize("ending", ["gff3", "gtf"])
def test_titles_that_begin_with_the_same_word_are_told_apart(
    kind: str, ending: str, species: list[Species], tmp_path: Path
) -> None:
    parts = halves(species[0])
    write(tmp_path / "a.fa", "".join(f">Chromosome {i}\n{part.dna}\n" for i, part in enumerate(parts, start=1)))
    text = ""
    for part, name in zip(parts, COLLIDING[kind], strict=True):
        attributes = 'gene_id "{0}"; transcript_id "{0}";' if ending == "gtf" else "ID={0}"
        text += rows(part, lambda i, _, name=name, end=attributes: end.format(f"{name[-1]}.{i}"), source=name)
    write(tmp_path / f"a.{ending}", text)
    read = corpus(tmp_path)
    assert {name: dna.residues[:].upper() for name, dna in read.dna.items()} == {
        f"Chromosome {i}": part.dna for i, part in enumerate(parts, start=1)
    }
    assert {
        (read.dna[gene.span.source].residues[:].upper(), gene.exons, gene.protein) for gene in read.genes.values()
    } == {(part.dna, gene.exons, part.protein(i)) for part in parts for i, gene in enumerate(part.genes)}
    assert read.rejected == {}
    assert read.notes["DNA sequences whose titles begin with the same word, called by their whole titles"] == 2


def test_genes_that_name_whole_titles_are_joined_with_their_genome(species: list[Species], tmp_path: Path) -> None:
    for genome, kind in zip(species, ("red", "blue"), strict=True):
        parts = list(enumerate(halves(genome), start=1))
        write(tmp_path / f"{kind}.fa", "".join(f">scaffold {kind} {i}\n{part.dna}\n" for i, part in parts))
        text = [rows(part, lambda i, _, n=n: f"ID={n}.{i}", source=f"scaffold_{kind}_{n}") for n, part in parts]
        write(tmp_path / f"genes_of_{genome.number}.gff3", "".join(text))
    read = corpus(tmp_path)
    assert {(read.dna[gene.span.source].residues[:].upper(), gene.exons) for gene in read.genes.values()} == {
        (part.dna, gene.exons) for genome in species for part in halves(genome) for gene in part.genes
    }
    assert read.rejected == {}


@pytest.mark.parametrize("with_genes", [False, True])
def test_chromosomes_in_files_of_their_own_whose_titles_begin_with_the_same_word(
    with_genes: bool, species: list[Species], tmp_path: Path
) -> None:
    parts = halves(species[0], ("Chromosome 1", "Chromosome 2"))
    for number, part in enumerate(parts, start=1):
        write(tmp_path / f"chr{number}.fa", f">{part.chromosome}\n{part.dna}\n")
    if with_genes:
        write(tmp_path / "genes.gff3", "".join(map(gff, parts)).replace("Chromosome ", "Chromosome_"))
    read = corpus(tmp_path)
    assert {name: dna.residues[:].upper() for name, dna in read.dna.items()} == {
        part.chromosome: part.dna for part in parts
    }
    expected = {(part.chromosome, gene.exons) for part in parts for gene in part.genes} if with_genes else set()
    assert {(gene.span.source, gene.exons) for gene in read.genes.values()} == expected
    assert (len(read.organisms), read.rejected) == (1, {})


def test_titles_of_a_genome_in_several_files_are_read_once(
    species: list[Species], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i, half in enumerate(halves(species[0]), start=1):
        write(tmp_path / f"chr{i}.fa", f">{half.name} [organism={half.organism}]\n{half.dna}\n")
    readings: Counter[str] = Counter()

    def counted(path: Path, *others: Any) -> Iterator[str]:
        readings[path.suffix] += 1
        return text_pieces(path, *others)

    monkeypatch.setattr(reader, "text_pieces", counted)
    assert set(corpus(tmp_path).organism.values()) == {species[0].organism}
    assert readings[".fa"] == 4  # the titles of both files, and then their sequences


def test_genes_on_a_word_that_several_titles_begin_with_are_refused(species: list[Species], tmp_path: Path) -> None:
    parts = halves(species[0])
    write(tmp_path / "a.fa", "".join(f">Chromosome {i}\n{part.dna}\n" for i, part in enumerate(parts, start=1)))
    write(tmp_path / "a.gff3", gff(parts[0]).replace(parts[0].chromosome, "Chromosome"))
    with pytest.raises(SourceError, match="genes lie on 'Chromosome', and the titles of several sequences begin with"):
        corpus(tmp_path)


def test_genes_may_name_the_whole_title_of_a_sequence(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", f">c1 Testus primus\n{species[0].dna}\n")
    write(tmp_path / "a.gff3", gff(species[0]).replace(species[0].chromosome, "c1 Testus primus"))
    assert {gene.span.source for gene in corpus(tmp_path).genes.values()} == {"c1"}


def test_records_of_one_title_are_numbered_and_repeated_ones_left_out(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", ">contig\nACGTT\n>contig\nGGCCA\n>contig\nacgtt\n>Contig\nTTTAA\n")
    read = corpus(tmp_path)
    assert {name: dna.residues[:].upper() for name, dna in read.dna.items()} == {
        "contig": "ACGTT",
        "contig:2": "GGCCA",
        "Contig": "TTTAA",
    }
    assert read.rejected == {"dna_duplicate_id": 1}
    write(tmp_path / "p/a.faa", ">protein 1\nMKLV\n>protein 2\nMWWW\n>protein 1\nMKLV\n")
    read = corpus(tmp_path / "p")
    assert {name: protein.residues[:] for name, protein in read.proteins.items()} == {
        "protein 1": "MKLV",
        "protein 2": "MWWW",
    }
    assert read.rejected == {"protein_duplicate_id": 1}


def test_flat_files_of_one_id_are_numbered_with_their_genes(species: list[Species], tmp_path: Path) -> None:
    text = "".join(genbank(genome).replace(genome.chromosome, "Exported") for genome in species)
    read = corpus(write(tmp_path / "a.gbk", text + genbank(species[0]).replace(species[0].chromosome, "Exported")))
    assert list(read.dna) == ["Exported", "Exported:2"]
    assert {(read.dna[gene.span.source].residues[:].upper(), gene.exons) for gene in read.genes.values()} == {
        (genome.dna, gene.exons) for genome in species for gene in genome.genes
    }
    assert read.rejected == {"dna_duplicate_id": 1}


def test_chromosomes_in_flat_files_and_in_fasta_are_all_read(species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "chr1.gbk", genbank(halves(species[0])[0]))
    write(tmp_path / "chr2.gbk", genbank(halves(species[0])[1]).replace("S1a", "S1b"))
    for i, half in enumerate(halves(species[1]), start=3):
        write(tmp_path / f"chr{i}.fa", fasta(half))
    assert len(corpus(tmp_path).dna) == 4


@pytest.mark.parametrize("name", ["b.fa.Z", "b.fa.7z", "b.tgz", "b.rar"])
def test_a_packed_file_that_is_not_read_is_named(name: str, species: list[Species], tmp_path: Path) -> None:
    write(tmp_path / "a.fa", genome_fasta(species[0]))
    (tmp_path / name).write_bytes(b"\x1f\x9d\x90\0\1")
    (assembly,) = resolve((str(tmp_path),))
    assert assembly.unused == (name,)
