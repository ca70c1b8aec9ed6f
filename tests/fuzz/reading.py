"""Sources that a fuzzer made: what must hold of all that is read from them, and where the fuzzer starts."""

from __future__ import annotations

import gzip
import io
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import Location, SeqFeature
from Bio.SeqRecord import SeqRecord

from bio_paws.errors import BioPawsError
from bio_paws.execution.stages import Workdir
from bio_paws.sequences.corpus import Corpus, gene_dna, read_corpus
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sources.resolve import resolve
from genomes import write_source

_NUCLEOTIDES, _RESIDUES = set("ACGTRYSWKMBDHVN"), set("ACDEFGHIKLMNPQRSTVWYBJOUXZ")
SECONDS = 10
"""That no file of some kilobytes may take."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"hangs: over {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(*places: Path) -> Corpus | None:
    """Read sources; None when they are refused in one line. What is let in is held to every rule."""
    try:
        with within(SECONDS):
            assemblies = resolve(tuple(map(str, places)))
            corpus = read_corpus(assemblies)
    except BioPawsError as error:
        assert len(str(error).splitlines()) == 1, str(error)
        return None
    check(corpus)
    with tempfile.TemporaryDirectory() as folder:
        files = CorpusFiles.of(Workdir(Path(folder), "key"))
        files.make(assemblies)
        assert files.load() == corpus
        files.forget()
    return corpus


def check(corpus: Corpus) -> None:
    for name, sequence in (*corpus.dna.items(), *corpus.proteins.items()):
        assert name == sequence.id
        assert name.isprintable()
        assert name.strip()
        assert sequence.residues
        assert set(sequence.residues[:].upper()) <= (_NUCLEOTIDES if sequence.molecule == "dna" else _RESIDUES)
    for name, gene in corpus.genes.items():
        assert gene.protein == corpus.proteins[name].residues
        flat = [end for exon in gene.exons for end in exon]
        assert flat == sorted(set(flat))
        assert (gene.span.start, gene.span.end) == (flat[0], flat[-1])
        assert flat[0] >= 0
        if (whole := gene_dna(corpus, gene)) is None:
            continue
        assert len(whole) == flat[-1] - flat[0]
        genome = corpus.dna[gene.span.source].residues
        coding = Seq("".join(genome[start:end] for start, end in gene.exons).upper())
        coding = coding if gene.span.strand == "+" else coding.reverse_complement()
        assert str(coding.translate())[1:] == f"{gene.protein}*"[1:]
    assert all(count > 0 for count in corpus.rejected.values())


def parts(folder: Path) -> dict[str, str]:
    """A small sound assembly as texts: its genome, its genes, its proteins, and all of it as GenBank."""
    write_source(folder, genes=3)
    texts = {
        role: gzip.decompress((folder / f"GCF_000000001.1_Test1_{role}.gz").read_bytes()).decode()
        for role in ("genomic.fna", "cds_from_genomic.fna", "protein.faa")
    }
    corpus = read_corpus(resolve((str(folder),)))
    (chromosome,) = (sequence for sequence in corpus.dna.values() if sequence.id == "NC_000001.1")
    record = SeqRecord(Seq(chromosome.residues[:].upper()), id=chromosome.id, name="one")
    record.annotations = {"molecule_type": "DNA", "organism": chromosome.organism}
    for gene in corpus.genes.values():
        if gene.span.source == chromosome.id:
            ranges = ",".join(f"{start + 1}..{end}" for start, end in gene.exons)
            location = f"join({ranges})" if len(gene.exons) > 1 else ranges
            location = f"complement({location})" if gene.span.strand == "-" else location
            tags = {"gene": [gene.locus], "protein_id": [gene.protein_id], "translation": [gene.protein]}
            record.features.append(SeqFeature(Location.fromstring(location), type="CDS", qualifiers=tags))
    text = io.StringIO()
    SeqIO.write([record], text, "genbank")
    return texts | {"genomic.gbff": text.getvalue()}
