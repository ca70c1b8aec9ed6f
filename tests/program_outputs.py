"""Folders as programs and databases write them that `annotated_folders` has not, from the truth of `source_kinds`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from annotated_folders import cds_parts, gff_rows, hard_masked, in_folders, named_genome, soft_masked
from genomes import spliced
from source_kinds import Species, cds_fasta, genbank, genome_fasta, gff, lines, protein_fasta, written


def rows(
    species: Species, attributes: Callable[[int, int], str], *, kind: str = "CDS", source: str = "", order: int = 1
) -> str:
    """Rows of CDS alone, whose attributes are those of gene and exon; ``order=-1`` writes those of a gene backwards."""
    text = ""
    for i, gene in enumerate(species.genes):
        phase = 0
        of_gene = []
        for number, (start, end) in enumerate(cds_parts(gene)):
            place = (source or species.chromosome, "made", kind, start + 1, end, ".", gene.strand, phase)
            of_gene.append("\t".join(map(str, (*place, attributes(i, number)))) + "\n")
            phase = (phase - (end - start)) % 3
        text += "".join(of_gene[::order])
    return text


def proteins(species: Species, title: Callable[[int], str], stop: str = "") -> str:
    return "".join(f">{title(i)}\n{lines(species.protein(i) + stop)}\n" for i in range(len(species.genes)))


def coding(species: Species, title: Callable[[int], str]) -> str:
    return "".join(f">{title(i)}\n{lines(spliced(species.dna, gene))}\n" for i, gene in enumerate(species.genes))


def with_attributes(attributes: Callable[[int, int], str], name: str = "a.gff3") -> Callable[..., Path]:
    """Return a writer of genomes with rows of these attributes beside them."""
    return in_folders(lambda species: {"a.fa": named_genome(species), name: rows(species, attributes)})


def beside(files: Callable[[Species], dict[str, str]]) -> Callable[..., Path]:
    """Return a writer of genomes and GFF3 with other files beside them."""
    return in_folders(lambda species: {"a.fa": named_genome(species), "genes.gff3": gff(species)} | files(species))


def of_type(kind: str) -> Callable[..., Path]:
    return in_folders(
        lambda species: {
            "a.fa": named_genome(species),
            "a.gff3": rows(species, lambda i, _: f"ID=c{i};Parent=m{i}", kind=kind),
        }
    )


def ucsc_masked(species: Species) -> dict[str, str]:
    return {"a.fa.masked": f">{species.chromosome}\n{hard_masked(species.dna)}\n"}


def ucsc_chromosomes(species: Species) -> dict[str, str]:
    masked = f">{species.chromosome}\n{hard_masked(species.dna)}\n"
    return {"chr1.fa": named_genome(species), "chr1.fa.masked": masked, "genes.gff3": gff(species)}


def wormbase(species: Species) -> dict[str, str]:
    name = f"c_test.PRJNA{species.number}.WS280"
    title = f"{species.chromosome} [organism={species.organism}]"
    return {
        f"{name}.genomic.fa": named_genome(species),
        f"{name}.genomic_masked.fa": f">{title}\n{hard_masked(species.dna)}\n",
        f"{name}.genomic_softmasked.fa": f">{title}\n{soft_masked(species.dna)}\n",
        f"{name}.annotations.gff3": rows(species, lambda i, _: f"ID=CDS:T{i};Parent=Transcript:T{i}"),
        f"{name}.protein.fa": proteins(species, lambda i: f"T{i} wormpep=CE{i} gene=WBGene{i}"),
        f"{name}.CDS_transcripts.fa": coding(species, lambda i: f"T{i}"),
        f"{name}.mRNA_transcripts.fa": coding(species, lambda i: f"T{i}"),
    }


def jgi(species: Species) -> dict[str, str]:
    """GFF2, whose keys and values are not joined by an equals sign."""
    return {
        "a.fa": named_genome(species),
        "a.gff": rows(species, lambda i, number: f'name "e_gw1.{i}"; proteinId {i}; exonNumber {number + 1}'),
        "a.aa.fasta": proteins(species, lambda i: f"jgi|Tes|{i}|e_gw1.{i}"),
    }


def veupathdb(species: Species) -> dict[str, str]:
    organism = species.organism.replace(" ", "_")
    genome = f">{species.chromosome} | organism={organism} | version=2015 | SO=chromosome\n{lines(species.dna)}\n"
    return {
        "P-68_Genome.fasta": genome,
        "P-68.gff": gff_rows(species, lambda i, number: f"ID=P{i}.1-p1-CDS{number + 1};Parent=G{i}.v3;gene_id=P{i}"),
        "P-68_AnnotatedProteins.fasta": proteins(species, lambda i: f"P{i}.1-p1 | gene=P{i} | organism={organism} | x"),
        "P-68_AnnotatedCDSs.fasta": coding(species, lambda i: f"P{i}.1 | gene=P{i} | organism={organism}"),
    }


def maker(species: Species) -> dict[str, str]:
    annotation = gff_rows(species, lambda i, _: f"ID=G{i}.v3:cds;Parent=G{i}.v3")
    return {
        "T.all.gff": f"{annotation}##FASTA\n{named_genome(species)}",
        "T.all.maker.proteins.fasta": proteins(species, lambda i: f"G{i}.v3 protein AED:0.1"),
        "T.all.maker.transcripts.fasta": coding(species, lambda i: f"G{i}.v3 transcript offset:0"),
    }


def prodigal(species: Species) -> dict[str, str]:
    def title(i: int) -> str:
        return f"{species.chromosome}_{i} # 300 # 900 # 1 # ID=1_{i};partial=00"

    return {
        "genome.fna": named_genome(species),
        "genes.gff": "##gff-version  3\n" + rows(species, lambda i, _: f"ID=1_{i};partial=00;start_type=ATG"),
        "proteins.faa": proteins(species, title, "*"),
        "genes.fna": coding(species, title),
    }


def braker(species: Species) -> dict[str, str]:
    return {
        "genome.fa": named_genome(species),
        "braker.gtf": f"{species.chromosome}\tA\tgene\t1\t9\t1\t+\t.\tg0\n"
        + rows(species, lambda i, _: f'transcript_id "g{i}.t1"; gene_id "g{i}";'),
        "braker.aa": proteins(species, lambda i: f"g{i}.t1"),
        "braker.codingseq": coding(species, lambda i: f"g{i}.t1"),
    }


def funannotate(species: Species) -> dict[str, str]:
    return {
        "T.scaffolds.fa": named_genome(species),
        "T.gff3": gff(species),
        "T.proteins.fa": protein_fasta(species),
        "T.cds-transcripts.fa": coding(species, lambda i: f"T{i}-T1"),
        "T.mrna-transcripts.fa": coding(species, lambda i: f"T{i}-T1"),
    }


def patric(species: Species) -> dict[str, str]:
    source = f"accn|{species.chromosome}"
    return {
        "1.fna": named_genome(species).replace(">", ">accn|"),
        "1.PATRIC.gff": rows(species, lambda i, _: f"ID=fig|1.{i}.peg.{i};locus_tag=T{i:03d}", source=source),
        "1.PATRIC.faa": proteins(species, lambda i: f"fig|1.{i}.peg.{i}|T{i:03d}|VBI x [Testus | 1.1]"),
        "1.PATRIC.ffn": coding(species, lambda i: f"fig|1.{i}.peg.{i}|T"),
    }


def img(species: Species) -> dict[str, str]:
    return {
        "25.fna": named_genome(species),
        "25.gff": rows(species, lambda i, _: f"ID=25{i};locus_tag=T{i};product=x"),
        "25.genes.faa": proteins(species, lambda i: f"25{i} T{i} x [Testus]"),
        "25.genes.fna": coding(species, lambda i: f"25{i} T{i}"),
    }


def flybase(species: Species) -> dict[str, str]:
    return {
        "dmel-all-chromosome-r6.58.fasta": named_genome(species),
        "dmel-all-filtered-r6.58.gff": rows(species, lambda i, _: f"ID=CDS_FBgn{i}:1_8{i};Name=x-cds;Parent=FBtr{i}"),
        "dmel-all-translation-r6.58.fasta": proteins(species, lambda i: f"FBpp{i} type=protein; parent=FBtr{i};"),
        "dmel-all-CDS-r6.58.fasta": coding(species, lambda i: f"FBpp{i} type=CDS;"),
    }


def uniprot(species: Species) -> dict[str, str]:
    """Proteins of other names: those that the CDS read as."""
    title = f"Protein OS={species.organism} OX=1 GN=a PE=1 SV=1"
    return {
        "genome.fa": genome_fasta(species),
        "genome.gff3": rows(species, lambda i, _: f"ID=c{i};Name=X{i}"),
        "UP1.fasta": proteins(species, lambda i: f"sp|P{i:05d}|A{i}_TEST {title}"),
    }


def miniprot(species: Species) -> dict[str, str]:
    annotation = ""
    for i, gene in enumerate(species.genes):
        start, end = cds_parts(gene)[-1]
        stop = (end - 2, end) if gene.strand == "+" else (start + 1, start + 3)
        place = (species.chromosome, "miniprot", "stop_codon", *stop, 0, gene.strand, 0, f"Parent=G{i}.v3;Rank=1")
        annotation += "\t".join(map(str, place)) + "\n"
    coding_rows = gff_rows(species, lambda i, _: f"Parent=G{i}.v3;Rank=1;Target=P{i} 1 50", stop=False)
    return {"a.fa": named_genome(species), "a.gff3": coding_rows + annotation}


def from_flat_file(change: Callable[[str], str]) -> Callable[[Path, list[Species]], Path]:
    """Return a writer of one GenBank file of all species, each record changed."""

    def write(folder: Path, all_species: list[Species]) -> Path:
        return written(folder, {"a.gbk": "".join(change(genbank(species)) for species in all_species)}) / "a.gbk"

    return write


def _complements_within_join(record: str) -> str:
    def turned(match: re.Match[str]) -> str:
        return "join(" + ",".join(f"complement({part})" for part in match.group(1).split(",")[::-1]) + ")"

    return re.sub(r"complement\(join\(([\d.,]+)\)\)", turned, record)


def _of_snapgene(record: str) -> str:
    line = re.compile(r"LOCUS {7}(\S+) +(\d+) bp .*")
    return line.sub(r"LOCUS       \1       \2 bp ds-DNA     circular SYN 01-JAN-2020", record).replace(
        "/locus", "/label"
    )


def _upper_case(record: str) -> str:
    head, sequence = record.split("ORIGIN\n")
    return f"{head}ORIGIN      \n{sequence.upper()}"


PROGRAMS: dict[str, Callable[[Path, list[Species]], Path]] = {
    "UCSC's genome beside its hard-masked twin": beside(ucsc_masked),
    "UCSC's chromosomes beside their hard-masked twins": in_folders(ucsc_chromosomes),
    "WormBase": in_folders(wormbase),
    "JGI": in_folders(jgi),
    "VEuPathDB": in_folders(veupathdb),
    "MAKER": in_folders(maker),
    "Prodigal": in_folders(prodigal),
    "BRAKER": in_folders(braker),
    "funannotate": in_folders(funannotate),
    "PATRIC": in_folders(patric),
    "IMG": in_folders(img),
    "FlyBase": in_folders(flybase),
    "UniProt's proteins": in_folders(uniprot),
    "miniprot": in_folders(miniprot),
    "GTF without transcripts": with_attributes(lambda i, _: f'gene_id "G{i}";', "a.gtf"),
    "GTF whose transcripts are empty": with_attributes(lambda i, _: f'gene_id "G{i}"; transcript_id "";', "a.gtf"),
    "GTF named GFF": with_attributes(lambda i, _: f'transcript_id "g{i}.t1"; gene_id "g{i}";', "a.gff"),
    "GFF3 with blanks between attributes": with_attributes(lambda i, _: f"ID=c{i}; Parent=m{i} ;"),
    "GFF3 with a tab at the ends": with_attributes(lambda i, _: f"ID=c{i};Parent=m{i}\t"),
    "GFF3 whose types are in lower case": of_type("cds"),
    "GFF3 whose types are accessions": of_type("SO:0000316"),
    "GFF3 whose rows are in the order of the strand, backwards": in_folders(
        lambda species: {
            "a.fa": named_genome(species),
            "a.gff3": rows(species, lambda i, _: f"ID=c{i};Parent=m{i}", order=-1),
        }
    ),
    "a table of BLAST": beside(lambda _: {"hits.tsv": "q1\ts1\t98.5\t150\t2\t0\t1\t150\t5\t154\t1e-50\t200\n"}),
    "BED": beside(lambda species: {"x.bed": f"{species.chromosome}\t10\t20\t5\t100\t+\n"}),
    "domains in GFF3": beside(lambda _: {"domains.gff3": "P1\tPfam\tprotein_match\t1\t50\t1\t+\t.\tName=PF1\n"}),
    "repeats in GFF": beside(
        lambda species: {"a.out.gff": f'{species.chromosome}\tRM\tsimilarity\t1\t50\t1.5\t+\t.\tTarget "M" 1 50\n'}
    ),
    "indexes": beside(lambda species: {"a.fa.fai": f"{species.chromosome}\t9\t6\t60\t61\n", "a.dict": "@HD\tVN:1.5\n"}),
    "NCBI's CDS and proteins of a GenBank file": in_folders(
        lambda species: {"a.gbk": genbank(species), "b.faa": protein_fasta(species), "c.ffn": cds_fasta(species)}
    ),
    "GenBank with complements within a join": from_flat_file(_complements_within_join),
    "GenBank of SnapGene": from_flat_file(_of_snapgene),
    "GenBank in upper case": from_flat_file(_upper_case),
    "GenBank whose locations are wrapped": from_flat_file(
        lambda record: re.sub(r"( {5}CDS {13}.*?\d),(\d)", r"\1,\n                     \2", record)
    ),
}
"""Writers by kind, as `source_kinds.KINDS`."""
