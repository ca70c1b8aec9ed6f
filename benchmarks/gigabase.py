"""How memory and time of a build grow with the genome: thirteen made-up assemblies, fetched from a loopback NCBI.

`python -m benchmarks.gigabase [--megabases 50 250 1000] [--pairs 600] [--workers 1] [--out FOLDER]`. Each size, of all
assemblies together, is downloaded as `--source ncbi:...` does it and built from scratch, dna150 and dna_protein,
searched from genes whatever its size, with a cache and a work folder of its own. Memory is anonymous
memory, looked at ten times a second: of the main process, and of the largest of the others (workers, BLAST+). Pages of
mapped files are the system's cache, and are not counted. A table goes to `gigabase.md`, its numbers to `gigabase.json`,
a plot to `gigabase.png`. A gigabase takes some two gigabytes of disk.

Of every species, a gene stands in each 15 kb: 150 to 600 codons in 1 to 7 exons, a quarter of the genes with a paralog
in which a codon in twenty differs. Species differ in 2% of the codons and 4% of the other bases; a tenth of a genome
are copies of twenty repeats, in lower case.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil
from Bio.Data import CodonTable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bio_paws.audit.plot_style import BLUE, ORANGE, styled

SPECIES = 13
SPACING, CHROMOSOME = 15_000, 30_000_000
PARALOGS, PARALOG_DIFFERENCE, SPECIES_DIFFERENCE, DIVERGENCE = 0.25, 0.05, 0.02, 0.04
REPEATS, REPEAT_LENGTH, REPEAT_SHARE = 20, 1_500, 0.1
_TABLE = CodonTable.unambiguous_dna_by_id[1].forward_table
_CODONS = np.array([list(codon.encode()) for codon in sorted(_TABLE)], dtype=np.uint8)
_RESIDUES = np.array([ord(_TABLE[codon]) for codon in sorted(_TABLE)], dtype=np.uint8)
_LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
_COMPLEMENT = np.zeros(256, dtype=np.uint8)
_COMPLEMENT[_LETTERS] = _LETTERS[::-1]
Bases = NDArray[np.uint8]
Measured = dict[str, Any]


@dataclass(frozen=True)
class MadeGene:
    """Codons (indices into the sorted table), the codons before which an intron stands, and the introns."""

    codons: NDArray[np.int64]
    breaks: list[int]
    introns: list[Bases]


def draw_bases(rng: np.random.Generator, length: int) -> Bases:
    """Draw random DNA."""
    return _LETTERS[rng.integers(0, 4, length, dtype=np.uint8)]


def mutated(bases: Bases, rng: np.random.Generator) -> Bases:
    """Substitute some of the bases."""
    return np.where(rng.random(len(bases), np.float32) < DIVERGENCE, draw_bases(rng, len(bases)), bases)


def recoded(gene: MadeGene, share: float, rng: np.random.Generator) -> MadeGene:
    """Exchange a share of the codons, and mutate the introns."""
    drawn = rng.integers(0, len(_CODONS), len(gene.codons))
    codons = np.where(rng.random(len(gene.codons)) < share, drawn, gene.codons)
    return MadeGene(codons, gene.breaks, [mutated(intron, rng) for intron in gene.introns])


def draw_genes(count: int, rng: np.random.Generator) -> list[MadeGene]:
    """Draw genes and their paralogs."""
    genes: list[MadeGene] = []
    for _ in range(count):
        if genes and rng.random() < PARALOGS:
            genes.append(recoded(genes[int(rng.integers(len(genes)))], PARALOG_DIFFERENCE, rng))
            continue
        codons = rng.integers(0, len(_CODONS), int(rng.integers(150, 600)))
        breaks = sorted(rng.choice(np.arange(20, len(codons) - 20), int(rng.integers(0, 7)), replace=False).tolist())
        introns = [draw_bases(rng, int(rng.integers(80, 1_200))) for _ in breaks]
        genes.append(MadeGene(codons, breaks, introns))
    return genes


def coding_sequence(gene: MadeGene) -> bytes:
    """Return the joined exons, from start to stop."""
    return b"ATG" + _CODONS[gene.codons].tobytes() + b"TAA"


def layout(gene: MadeGene) -> tuple[Bases, list[tuple[int, int]]]:
    """Return a gene with its introns, and its exons: 0-based, half-open."""
    coding = np.concatenate(
        [np.frombuffer(b"ATG", np.uint8), _CODONS[gene.codons].ravel(), np.frombuffer(b"TAA", np.uint8)]
    )
    parts: list[Bases] = []
    exons: list[tuple[int, int]] = []
    at = length = 0
    for until, intron in zip(
        [*(3 + 3 * place for place in gene.breaks), len(coding)], [*gene.introns, _LETTERS[:0]], strict=True
    ):
        parts += [coding[at:until], intron]
        exons.append((length, length + until - at))
        length += until - at + len(intron)
        at = until
    return np.concatenate(parts), exons


def accession_of(number: int) -> str:
    """Return the accession of an assembly, counted from 1."""
    return f"GCF_{number:09d}.1"


def write_assemblies(root: Path, megabases: int) -> None:
    """Write related species of so many megabases together, in the folders in which NCBI serves assemblies."""
    per_species = megabases * 1_000_000 // SPECIES
    ancestor = draw_genes(per_species // SPACING, np.random.default_rng(1))
    repeats = [draw_bases(np.random.default_rng([2, number]), REPEAT_LENGTH) for number in range(REPEATS)]
    for number in range(1, SPECIES + 1):
        digits = f"{number:09d}"
        name = f"{accession_of(number)}_Test{number}"
        folder = root / "genomes/all/GCF" / digits[:3] / digits[3:6] / digits[6:] / name
        folder.mkdir(parents=True)
        (folder / f"{name}_assembly_report.txt").write_text(f"# Organism name:  Testus species{number} (made up)\n")
        with (
            gzip.open(folder / f"{name}_genomic.fna.gz", "wb", compresslevel=1) as genome,
            gzip.open(folder / f"{name}_cds_from_genomic.fna.gz", "wt", compresslevel=1) as cds,
            gzip.open(folder / f"{name}_protein.faa.gz", "wt", compresslevel=1) as protein,
        ):
            rng = np.random.default_rng([3, number])
            for at in range(0, per_species, CHROMOSOME):
                accession = f"NC_{number:02d}{at // CHROMOSOME:04d}.1"
                length = min(CHROMOSOME, per_species - at)
                # The ancestor's own bases are drawn anew for each species from one seed.
                bases = mutated(draw_bases(np.random.default_rng([4, at]), length), rng)
                _add_repeats(bases, repeats, rng)
                first = at // SPACING
                for place, gene in enumerate(ancestor[first : first + length // SPACING]):
                    own = recoded(gene, SPECIES_DIFFERENCE, rng)
                    named = accession, number, first + place
                    _add_gene(bases, place * SPACING + 1_000, own, named, cds, protein)
                genome.write(f">{accession} Testus species{number} chromosome {at // CHROMOSOME + 1}\n".encode())
                for line in range(0, length, 80_000):
                    genome.write(bases[line : line + 80_000].tobytes() + b"\n")
        sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  ./{path.name}\n" for path in sorted(folder.iterdir())]
        (folder / "md5checksums.txt").write_text("".join(sums))


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def loopback_ncbi(root: Path) -> Iterator[str]:
    """Serve a folder as NCBI serves its own; return the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def _add_repeats(bases: Bases, repeats: list[Bases], rng: np.random.Generator) -> None:
    for start in rng.integers(0, len(bases) - REPEAT_LENGTH, int(REPEAT_SHARE * len(bases) / REPEAT_LENGTH)).tolist():
        bases[start : start + REPEAT_LENGTH] = mutated(repeats[int(rng.integers(REPEATS))], rng) | 32


def _add_gene(
    bases: Bases, start: int, gene: MadeGene, named: tuple[str, int, int], cds: TextIO, protein: TextIO
) -> None:
    accession, number, serial = named
    text, exons = layout(gene)
    reverse = serial % 2 == 1
    if reverse:
        text, exons = _COMPLEMENT[text[::-1]], [(len(text) - end, len(text) - begin) for begin, end in exons[::-1]]
    bases[start : start + len(text)] = text
    location = ",".join(f"{start + begin + 1}..{start + end}" for begin, end in exons)
    location = f"join({location})" if len(exons) > 1 else location
    location = f"complement({location})" if reverse else location
    name = f"XP_{number:02d}{serial:07d}.1"
    tags = f"[gene=g{serial}] [locus_tag=L{number}_{serial}] [protein_id={name}] [location={location}] [gbkey=CDS]"
    cds.write(f">lcl|{accession}_cds_{name}_{serial} {tags}\n{coding_sequence(gene).decode()}\n")
    protein.write(f">{name} made up\nM{_RESIDUES[gene.codons].tobytes().decode()}\n")


def anonymous_memory(process: psutil.Process) -> int:
    """Return the anonymous memory of a process, bytes; 0 when it is gone."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    match = re.search(r"^RssAnon:\s*(\d+) kB", status, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


def cpu_of_children() -> float:
    """Return the CPU-seconds of all processes that ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def build(url: str, options: argparse.Namespace, folder: Path) -> Measured:
    """Download and build from genes; return seconds by stage and peaks of memory in bytes."""
    command = [sys.executable, "-m", "bio_paws.cli", "build", "dna150", "dna_protein", "--json"]
    for number in range(1, SPECIES + 1):
        command += ["--source", f"ncbi:{accession_of(number)}"]
    command += ["--pairs", str(options.pairs), "--workers", str(options.workers), "--search-from", "genes"]
    command += ["--work", str(folder / "work"), "--out", str(folder / "bioPAWS")]
    settings = {"BIO_PAWS_NCBI_URL": url, "XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    with (folder / "report.json").open("w+") as report:
        start, cpu_before = time.perf_counter(), cpu_of_children()
        process = subprocess.Popen(command, stdout=report, env=os.environ | settings)
        watched, main_peak, other_peak = psutil.Process(process.pid), 0, 0
        while process.poll() is None:
            main_peak = max(main_peak, anonymous_memory(watched))
            try:
                children = watched.children(recursive=True)
            except psutil.NoSuchProcess:
                break
            other_peak = max([other_peak, *map(anonymous_memory, children)])
            time.sleep(0.1)
        if process.wait():
            sys.exit(process.returncode)
        seconds, cpu = time.perf_counter() - start, cpu_of_children() - cpu_before
        report.seek(0)
        stages = json.load(report)["seconds"]
    return {"seconds": seconds, "cpu": cpu, "stages": stages, "main": main_peak, "other": other_peak}


def exponent(runs: list[Measured], name: str) -> float:
    """Return the slope of the logarithm of a measure over that of the bases, by least squares."""
    logs = np.log([[run["megabases"], run[name]] for run in runs])
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def table(runs: list[Measured]) -> str:
    """Lay the measurements out as Markdown."""
    lines = [
        "| Mb | genes | seconds | CPU-seconds | main, MiB | largest other process, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        memory = f"{run['main'] / 2**20:,.0f} | {run['other'] / 2**20:,.0f}"
        times = f"{run['seconds']:,.0f} | {run['cpu']:,.0f}"
        lines.append(f"| {run['megabases']:,} | {run['genes']:,} | {times} | {memory} |")
    if len(runs) > 1:
        names = {
            "seconds": "seconds",
            "cpu": "CPU-seconds",
            "main": "memory of the main process",
            "other": "of the largest other",
        }
        exponents = ", ".join(f"{text} {exponent(runs, name):.2f}" for name, text in names.items())
        lines += ["", f"Exponents of growth with the bases: {exponents}."]
    return "\n".join(lines) + "\n"


def plot(runs: list[Measured], path: Path) -> None:
    """Draw seconds and memory over bases."""
    with styled():
        figure = Figure(figsize=(8, 3), layout="constrained", dpi=150)
        times, memory = figure.subplots(1, 2)
        megabases = [run["megabases"] for run in runs]
        for name, label, colour in (("seconds", "from start to end", BLUE), ("cpu", "of all processors", ORANGE)):
            times.plot(megabases, [run[name] for run in runs], "o-", color=colour, label=label)
        for name, label, colour in (("main", "main", BLUE), ("other", "largest other", ORANGE)):
            memory.plot(megabases, [run[name] / 2**20 for run in runs], "o-", color=colour, label=label)
        times.set(title="Seconds")
        memory.set(title="Peak anonymous memory of a process, MiB")
        for axes in (times, memory):
            axes.set(xscale="log", xlabel="Mb", ylim=(0, axes.get_ylim()[1]))
            axes.set_xticks(megabases, [f"{size:,}" for size in megabases])
            axes.minorticks_off()
            axes.legend(frameon=False)
        figure.savefig(path)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gigabase", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--megabases", type=int, nargs="+", default=[50, 250, 1_000], help="sizes (default: 50 250 1000)"
    )
    parser.add_argument("--pairs", type=int, default=600, help="pairs, and genes (default: 600)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/gigabase"), help="folder of the results")
    options = parser.parse_args()
    runs: list[Measured] = []
    for megabases in options.megabases:
        with tempfile.TemporaryDirectory(prefix="bio-paws-gigabase-") as name:
            root = Path(name) / "ncbi"
            write_assemblies(root, megabases)
            genes = SPECIES * (megabases * 1_000_000 // SPECIES // SPACING)
            with loopback_ncbi(root) as url:
                runs.append({"megabases": megabases, "genes": genes, **build(url, options, Path(name))})
        print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gigabase.md").write_text(table(runs))
    (options.out / "gigabase.json").write_text(json.dumps(runs, indent=2) + "\n")
    plot(runs, options.out / "gigabase.png")
    print(table(runs))


if __name__ == "__main__":
    main()
