"""Pairs per CPU-second of the whole build, against the way the paper's notebooks made them.

The reference, written anew: a positive is one 150-bp window sent to one blastn process; a negative is a random pair of
windows aligned by Biopython's PairwiseAligner, one at a time, on both strands, until one is dissimilar enough. Both run
on the bundled corpus, on this machine, in this run. CPU-seconds count child processes.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from Bio import Align

from benchmarks import alignment
from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.dataset.manifest import read_manifest
from bio_paws.search import blast
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources.resolve import resolve

REFERENCE_PAIRS = 40  # of each label


def cpu_seconds() -> float:
    """CPU time of this process and its finished children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Append the CPU-seconds of a block."""
    start = cpu_seconds()
    yield
    into.append(cpu_seconds() - start)


def windows(corpus: Corpus, rng: np.random.Generator) -> Iterator[str]:
    """Random windows of 150 bp."""
    genomes = [sequence.residues[:] for sequence in corpus.dna.values()]
    while True:
        genome = genomes[int(rng.integers(0, len(genomes)))]
        at = int(rng.integers(0, len(genome) - 150))
        window = genome[at : at + 150].upper()
        if set(window) <= set("ACGT"):
            yield window


def reference(corpus: Corpus, folder: Path) -> float:
    """CPU-seconds a pair of the notebooks' way."""
    rng = np.random.default_rng(0)
    drawn = windows(corpus, rng)
    database = folder / "genomes"
    blast.write_database(database, (sequence.residues[:] for sequence in corpus.dna.values()), "dna")
    seconds: list[float] = []
    with timed(seconds):
        made = 0
        while made < REFERENCE_PAIRS:
            (folder / "query.fasta").write_text(f">q\n{next(drawn)}\n")
            command = ["blastn", "-task", "blastn", "-query", str(folder / "query.fasta"), "-db", str(database)]
            command += ["-evalue", "1e-5", "-outfmt", "6 length pident qseq sseq"]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            hits = (line.split("\t") for line in out.splitlines())
            made += any(85 < float(hit[1]) < 100 and int(hit[0]) >= 135 for hit in hits)
    with timed(seconds):
        aligner = Align.PairwiseAligner(
            mode="local", match_score=2, mismatch_score=-3, open_gap_score=-7, extend_gap_score=-2
        )
        made = 0
        while made < REFERENCE_PAIRS:
            window1, window2 = next(drawn), next(drawn)
            matches = max(
                aligner.align(window1, strand)[0].counts().identities
                for strand in (window2, reverse_complement(window2))
            )
            made += matches / 150 < 0.55
    return sum(seconds) / (2 * REFERENCE_PAIRS)


def whole_build(folder: Path) -> tuple[float, int]:
    """CPU-seconds of `bio-paws build` of all configs, checks included, and its pairs."""
    seconds: list[float] = []
    with timed(seconds):
        command = [sys.executable, "-m", "bio_paws.cli", "build", "--out", str(folder / "bioPAWS")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return seconds[0], read_manifest(folder / "bioPAWS").rows


def main() -> None:
    """Print the ratios."""
    corpus = read_corpus(resolve(("bundled",)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slow = reference(corpus, folder)
        print(f"reference (one blastn a query, Biopython a pair): {1 / slow:.2f} pairs a CPU-second")
        seconds, pairs = whole_build(folder)
        fast = pairs / seconds
        print(f"bio-paws build, checks included: {pairs:,} pairs in {seconds:.0f} CPU-seconds, {fast:.0f} a CPU-second")
        print(f"ratio: {slow * fast:.0f} times the reference")
        alignment.report(folder / "bioPAWS", corpus)


if __name__ == "__main__":
    main()
