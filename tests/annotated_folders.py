"""Folders as genome browsers, annotation projects and programs write them, from the truth of `source_kinds`."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

from Bio import SeqIO

from genomes import TestGene
from source_kinds import Species, cds_fasta, genbank, genome_fasta, gff, lines, protein_fasta, written


def soft_masked(dna: str) -> str:
    return dna[:200].lower() + dna[200:]


def hard_masked(dna: str) -> str:
    return "N" * 200 + dna[200:]


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    starts = [i for i, flag in enumerate(flags) if flag and (i == 0 or not flags[i - 1])]
    ends = [i + 1 for i, flag in enumerate(flags) if flag and (i + 1 == len(flags) or not flags[i + 1])]
    return list(zip(starts, ends, strict=True))


def twobit(sequences: dict[str, str], order: str = "<") -> bytes:
    """A .2bit file (https://genome.ucsc.edu/FAQ/FAQformat.html#format7)."""

    def numbers(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}I", *values)

    bodies = []
    for dna in sequences.values():
        body = numbers(len(dna))
        for runs in (_runs([base in "Nn" for base in dna]), _runs([base.islower() for base in dna])):
            body += numbers(len(runs), *(start for start, _ in runs), *(end - start for start, end in runs))
        bases = ["TCAG".find(base) % 4 for base in dna.upper()] + [0] * (-len(dna) % 4)
        four = zip(*(bases[at::4] for at in range(4)), strict=True)
        bodies.append(body + numbers(0) + bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in four))
    at = 16 + sum(5 + len(name) for name in sequences)
    index = b""
    for name, body in zip(sequences, bodies, strict=True):
        index += bytes([len(name)]) + name.encode() + numbers(at)
        at += len(body)
    return numbers(0x1A412743, 0, len(sequences), 0) + index + b"".join(bodies)


def cds_parts(gene: TestGene, *, stop: bool = True) -> list[tuple[int, int]]:
    """The exons in the order of reading, with or without the stop codon."""
    parts = list(gene.exons if gene.strand == "+" else gene.exons[::-1])
    if not stop:
        start, end = parts[-1]
        parts[-1] = (start, end - 3) if gene.strand == "+" else (start + 3, end)
    return parts


def gff_rows(
    species: Species, tags: Callable[[int, int], str], *, stop: bool = True, transcripts: bool = True, gtf: bool = False
) -> str:
    """Rows of CDS whose attributes are `tags` of gene and exon, and those of genes and transcripts."""
    rows = [] if gtf else ["##gff-version 3"]
    for i, gene in enumerate(species.genes):
        start, end = gene.exons[0][0] + 1, gene.exons[-1][1]
        places = [] if gtf else [("gene", start, end, ".", f"ID=G{i}")]
        if transcripts and not gtf:
            places.append(("mRNA", start, end, ".", f"ID=G{i}.v3;Parent=G{i};Name={species.protein_id(i)}"))
        phase = 0
        for number, (first, last) in enumerate(cds_parts(gene, stop=stop)):
            places.append(("CDS", first + 1, last, str(phase), tags(i, number)))
            phase = (phase - (last - first)) % 3
        rows += [
            "\t".join(map(str, (species.chromosome, "made", kind, first, last, ".", gene.strand, phase_, attributes)))
            for kind, first, last, phase_, attributes in places
        ]
    return "\n".join(rows) + "\n"


def named_genome(species: Species) -> str:
    return genome_fasta(species, f"[organism={species.organism}]")


def in_folders(files: Callable[[Species], dict[str, str]]) -> Callable[[Path, list[Species]], Path]:
    """Return a writer of a folder for each species."""

    def write(folder: Path, all_species: list[Species]) -> Path:
        made = ((f"s{species.number}/{name}", text) for species in all_species for name, text in files(species).items())
        return written(folder, dict(made))

    return write


def ucsc(folder: Path, all_species: list[Species]) -> Path:
    """A .2bit genome, and GTF whose CDS end before a stop codon that has no row."""
    for species in all_species:
        rows = gff_rows(species, lambda i, _: f'gene_id "G{i}"; transcript_id "t{i}";', stop=False, gtf=True)
        written(folder / f"s{species.number}", {"db.ensGene.gtf": rows, "db.proteins.fa": protein_fasta(species)})
        (folder / f"s{species.number}/db.2bit").write_bytes(twobit({species.chromosome: soft_masked(species.dna)}))
    return folder


def without_proteins(tags: Callable[[int, int], str], *, stop: bool, transcripts: bool = True) -> Callable[..., Path]:
    return in_folders(
        lambda species: {
            "a.fa": named_genome(species),
            "a.gff3": gff_rows(species, tags, stop=stop, transcripts=transcripts),
        }
    )


def phytozome(folder: Path, all_species: list[Species]) -> Path:
    """CDS numbered by exon, three genomes that differ in their mask, and genes cut out of the genome."""
    files = {}
    for species in all_species:
        genome, genes = f"s{species.number}/assembly/S_447_T10", f"s{species.number}/annotation/S_447_A11"
        files |= {
            f"{genome}.fa": named_genome(species),
            f"{genome}.softmasked.fa": (
                f">{species.chromosome} [organism={species.organism}]\n{soft_masked(species.dna)}\n"
            ),
            f"{genome}.hardmasked.fa": f">{species.chromosome}\n{hard_masked(species.dna)}\n",
            f"{genes}.gene.gff3": gff_rows(species, lambda i, number: f"ID=G{i}.v3.CDS.{number};Parent=G{i}.v3"),
            f"{genes}.protein.fa": protein_fasta(species),
            f"{genes}.cds.fa": cds_fasta(species),
            f"{genes}.cds_primaryTranscriptOnly.fa": cds_fasta(species),
            f"{genes}.transcript.fa": cds_fasta(species),
        }
    return written(folder, files)


def tair(species: Species) -> dict[str, str]:
    """Isoforms whose ids look like versions; a CDS is part of its transcript and of its protein."""

    def name(i: int) -> str:
        return f"AT{i // 2}.{i % 2 + 1}"

    rows = gff_rows(species, lambda i, _: f"Parent={name(i)},{name(i)}-Protein", transcripts=False)
    proteins = "".join(f">{name(i)}\n{species.protein(i)}\n" for i in range(len(species.genes)))
    kinds = "".join(
        f"{species.chromosome}\tmade\t{kind}\t1\t9\t.\t+\t.\tID={name(i)}{end}\n"
        for i in range(len(species.genes))
        for kind, end in (("mRNA", ""), ("protein", "-Protein"))
    )
    return {"a.fa": named_genome(species), "a.gff": rows + kinds, "a.faa": proteins}


def annotated(species: Species, *, bakta: bool) -> dict[str, str]:
    """All that Bakta or Prokka writes of a genome."""
    record = SeqIO.read(io.StringIO(genbank(species)), "genbank")
    record.id = species.chromosome
    flat = io.StringIO()
    SeqIO.write(record, flat, "embl")
    both = {
        "x.fna": genome_fasta(species),
        "x.ffn": cds_fasta(species),
        "x.faa": protein_fasta(species),
        "x.tsv": "#Sequence Id\tType\n",
        "x.txt": "Length: 1\n",
        "x.log": "done\n",
    }
    rows = f"{gff(species)}##FASTA\n{genome_fasta(species)}"
    if bakta:
        return both | {
            "x.gff3": rows,
            "x.gbff": genbank(species),
            "x.embl": flat.getvalue(),
            "x.hypotheticals.faa": protein_fasta(species),
            "x.json": "{}",
        }
    return both | {
        "x.gff": rows,
        "x.gbk": genbank(species),
        "x.fsa": genome_fasta(species),
        "x.tbl": ">Feature x\n1\t2\tCDS\n",
    }


def ensembl(folder: Path, all_species: list[Species]) -> Path:
    """A folder for each kind of file, one for all species, as on Ensembl's server."""
    files = {}
    for species in all_species:
        name = f"{species.organism.replace(' ', '_')}.R{species.number}"
        rows = gff_rows(species, lambda i, _: f"ID=CDS:P{i}.1;Parent=transcript:P{i}.1;protein_id=P{i}.1")
        files |= {
            f"dna/{name}.{mask}.toplevel.fa": f">{species.chromosome} REF\n{masked(species.dna)}\n"
            for mask, masked in (("dna", str), ("dna_sm", soft_masked), ("dna_rm", hard_masked))
        }
        files |= {
            f"gff3/{name}.110.gff3": rows,
            f"gff3/{name}.110.chr.gff3": rows,
            f"cdna/{name}.cdna.all.fa": cds_fasta(species),
            f"pep/{name}.pep.all.fa": "".join(
                f">P{i}.1 pep gene:G{i} description:made [Source:HGNC Symbol;Acc:HGNC:{i}]\n"
                f"{lines(species.protein(i))}\n"
                for i in range(len(species.genes))
            ),
        }
    return written(folder, files)


def without_known_endings(species: Species) -> dict[str, str]:
    return {"genome.txt": named_genome(species), "annotation": gff(species), "coding.fasta": cds_fasta(species)}


def ncbi_without_proteins(species: Species) -> dict[str, str]:
    return {"GCF_1.1_T_genomic.fna": named_genome(species), "GCF_1.1_T_cds_from_genomic.fna": cds_fasta(species)}


def behind_links(folder: Path, all_species: list[Species]) -> Path:
    """Links to files, to a folder, and to the folder that holds them."""
    real = in_folders(tair)(folder / "real files", all_species)
    links = folder / "links"
    (links / "s1").mkdir(parents=True)
    for path in (real / "s1").iterdir():
        (links / "s1" / path.name).symlink_to(path)
    (links / "s2").symlink_to(real / "s2")
    (links / "again").symlink_to(links)
    return links


FOLDERS: dict[str, Callable[[Path, list[Species]], Path]] = {
    ".2bit, proteins, and GTF without stop codons": ucsc,
    "GFF3 whose CDS have no ids and no stop codons": without_proteins(lambda i, _: f"Parent=G{i}.v3", stop=False),
    "GFF3 whose CDS are parts of genes": without_proteins(
        lambda i, number: f"ID=c{i}.{number};Parent=G{i}", stop=True, transcripts=False
    ),
    "GFF3 whose ids are escaped": without_proteins(lambda i, _: f"ID=c%3B%2C{i};Parent=G{i}.v3", stop=True),
    "Phytozome": phytozome,
    "TAIR": in_folders(tair),
    "Bakta, everything it writes": in_folders(partial(annotated, bakta=True)),
    "Prokka, everything it writes": in_folders(partial(annotated, bakta=False)),
    "Ensembl, everything it has": ensembl,
    "names without known endings": in_folders(without_known_endings),
    "NCBI files without proteins": in_folders(ncbi_without_proteins),
    "links": behind_links,
}
"""Writers by kind, as `source_kinds.KINDS`."""
