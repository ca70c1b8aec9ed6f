"""What the prefilter saves: strings searched by BLAST among whole genomes, against the same with the prefilter first.

`python -m benchmarks.leaks [--strings 10000]`. Three made-up genomes of 45 Mb (see `benchmarks.scale`) lose a fifth;
strings of 150 bp are cut out of it, and each is searched in the rest, on one core. Both ways must find the same.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.scale import write_species
from bio_paws.build.cross_split_filter import SCREEN_EVALUE
from bio_paws.search import blast, prefilter
from bio_paws.search.homologs import DROPPED_EVALUE, find_hits

PAIRS = 1_000_000
"""Pairs that the genomes hold."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--strings", type=int, default=10_000, help="strings of 150 bp (default: 10,000)")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_species(folder / "species", PAIRS)
        genomes = [path.read_text().split("\n")[1] for path in sorted((folder / "species").glob("*.fna"))]
        queried_bases, residues = len(genomes[0]) // 5, sum(map(len, genomes))
        strings = []
        for genome in rng.integers(0, len(genomes), options.strings).tolist():
            start = int(rng.integers(0, queried_bases - 150))
            strings.append(genomes[genome][start : start + 150])
        blast.write_database(folder / "all", (genome[queried_bases:] for genome in genomes), "dna")
        del genomes
        first_query = folder / "first"
        blast.write_texts(first_query.with_suffix(".fasta"), strings[:1])
        prefilter.near_homologs(strings[:1], first_query, residues, SCREEN_EVALUE)  # compiles
        begin = cpu_seconds()
        hits = find_hits(strings, folder / "all", "dna", residues, DROPPED_EVALUE)
        of_blast, begin = cpu_seconds() - begin, cpu_seconds()
        near = prefilter.near_homologs(strings, folder / "all", residues, SCREEN_EVALUE)
        of_prefilter, begin = cpu_seconds() - begin, cpu_seconds()
        again = find_hits(near, folder / "all", "dna", residues, DROPPED_EVALUE)
        of_rest = cpu_seconds() - begin
    if again.keys() != hits.keys():
        sys.exit(f"BLAST finds {len(hits)} strings, with the prefilter {len(again)}")
    print(f"{len(strings):,} strings of 150 bp among {0.8 * residues / 1e6:.0f} Mb, CPU-seconds:")
    print(f"BLAST alone {of_blast:.1f}; prefilter {of_prefilter:.1f}, BLAST of the {len(near):,} left {of_rest:.1f}")
    print(f"ratio {of_blast / (of_prefilter + of_rest):.1f}; both find the same {len(hits)}")


def cpu_seconds() -> float:
    """CPU-seconds of this process and of the programs it ran."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
