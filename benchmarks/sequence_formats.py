"""Random access to sequences on disk: bytes a base and CPU-microseconds an interval, of formats that could store them.

`python -m benchmarks.sequence_formats [--bases 50000000]`. pyfaidx is measured where it is installed, blastdbcmd where
BLAST+ is. A format that does not return what was written is marked.
"""

from __future__ import annotations

import argparse
import importlib.util
import mmap
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.sequences.store import ResidueFile, StoredResidues

CHROMOSOMES, INTERVALS, BATCH = 10, 20_000, 2_000
LENGTHS = (150, 5_000)
Read = Callable[[int, int, int], str]
"""Number of the chromosome, start, end."""


def make_genome(bases: int) -> list[bytes]:
    """Draw chromosomes, two fifths of each in lower case, with an ambiguous base."""
    rng = np.random.default_rng(0)
    chromosomes = []
    for _ in range(CHROMOSOMES):
        letters = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, bases // CHROMOSOMES)]
        masked = np.repeat(rng.random(len(letters) // 500 + 1) < 0.4, 500)[: len(letters)]
        letters = np.where(masked, letters | 32, letters)
        letters[1_000] = ord("R")
        chromosomes.append(letters.tobytes())
    return chromosomes


def report(name: str, size: int, genome: list[bytes], read: Read) -> None:
    """Time reads of random intervals and print a row."""
    rng = np.random.default_rng(1)
    length = len(genome[0])
    times = []
    equal = True
    for width in LENGTHS:
        starts = rng.integers(0, length - width, INTERVALS).tolist()
        numbers = rng.integers(0, CHROMOSOMES, INTERVALS).tolist()
        begin = time.process_time()
        texts = [read(number, start, start + width) for number, start in zip(numbers, starts, strict=True)]
        times.append((time.process_time() - begin) / INTERVALS * 1e6)
        wanted = (genome[number][start : start + width] for number, start in zip(numbers, starts, strict=True))
        equal &= all(text.encode() == written for text, written in zip(texts, wanted, strict=True))
    row = " | ".join(f"{microseconds:.1f}" for microseconds in times)
    print(f"| {name} | {size / sum(map(len, genome)):.3f} | {row} | {'yes' if equal else 'no'} |", flush=True)


def measure_plain(folder: Path, genome: list[bytes]) -> None:
    """Measure a file of ASCII, by pread and mapped, and with the mask in a file of its own."""
    store = ResidueFile(folder / "plain", new=True)
    stored = []
    for chromosome in genome:
        stored.append(StoredResidues(store, store.length, len(chromosome)))
        store.append(chromosome)
    report("ASCII, pread", store.length, genome, lambda number, start, end: stored[number][start:end])
    with (folder / "plain").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        at = [residues.start for residues in stored]
        report(
            "ASCII, mmap",
            store.length,
            genome,
            lambda number, start, end: mapped[at[number] + start : at[number] + end].decode("ascii"),
        )
    masks = [np.packbits(np.frombuffer(chromosome, np.uint8) >= ord("a")) for chromosome in genome]
    (folder / "masks").write_bytes(b"".join(mask.tobytes() for mask in masks))
    (folder / "upper").write_bytes(b"".join(genome).upper())
    bases: NDArray[np.uint8] = np.memmap(folder / "upper", np.uint8, "r")
    mask: NDArray[np.uint8] = np.memmap(folder / "masks", np.uint8, "r")
    bytes_each = len(masks[0])

    def read_masked(number: int, start: int, end: int) -> str:
        first = number * bytes_each + (start >> 3)
        bits = np.unpackbits(mask[first : number * bytes_each + ((end + 7) >> 3)])
        lower = bits[start & 7 : (start & 7) + end - start] << 5
        return (bases[at[number] + start : at[number] + end] | lower).tobytes().decode("ascii")

    report("numpy memmap and packed mask", len(bases) + len(mask), genome, read_masked)


def measure_arrow(folder: Path, genome: list[bytes]) -> None:
    """Measure a mapped column of Arrow, sliced by Arrow and by its buffer."""
    schema = pa.schema([("residues", pa.large_binary())])
    path = folder / "genome.arrow"
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for chromosome in genome:
            writer.write_batch(pa.record_batch([pa.array([chromosome], pa.large_binary())], schema=schema))
    with pa.memory_map(str(path)) as source:
        column = pa.ipc.open_file(source).read_all()["residues"]
        size = path.stat().st_size
        buffers = [memoryview(chunk.buffers()[2]) for chunk in column.chunks]
        report(
            "Arrow, buffer sliced", size, genome, lambda number, start, end: str(buffers[number][start:end], "ascii")
        )
        report(
            "Arrow, binary_slice",
            size,
            genome,
            lambda number, start, end: pc.binary_slice(column.chunk(number), start, end)[0].as_py().decode(),
        )


def measure_fasta(folder: Path, genome: list[bytes]) -> None:
    """Measure an indexed FASTA file, and BLAST's own database."""
    path = folder / "genome.fasta"
    with path.open("wb") as out:
        for number, chromosome in enumerate(genome):
            lines = (chromosome[at : at + 80] + b"\n" for at in range(0, len(chromosome), 80))
            out.writelines((f">c{number}\n".encode(), *lines))
    if importlib.util.find_spec("pyfaidx"):
        from pyfaidx import Fasta

        indexed = Fasta(str(path), as_raw=True)
        report("pyfaidx", path.stat().st_size, genome, lambda number, start, end: indexed[f"c{number}"][start:end])
    command = ["makeblastdb", "-in", path.name, "-dbtype", "nucl", "-out", "blast", "-parse_seqids"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    rng = np.random.default_rng(1)
    starts = rng.integers(1, len(genome[0]) - LENGTHS[0], BATCH).tolist()
    rows = (f"c{start % CHROMOSOMES} {start}-{start + LENGTHS[0] - 1}\n" for start in starts)
    (folder / "wanted").write_text("".join(rows))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["blastdbcmd", "-db", "blast", "-entry_batch", "wanted", "-outfmt", "%s", "-out", "texts"]
    subprocess.run(command, cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    equal = not any(map(str.islower, (folder / "texts").read_text().split())) and "no: no lower case"
    size = sum(file.stat().st_size for file in folder.glob("blast.*"))
    print(f"| blastdbcmd | {size / sum(map(len, genome)):.3f} | {seconds / BATCH * 1e6:.1f} | | {equal or 'yes'} |")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequence_formats", description=__doc__.split("\n")[0])
    parser.add_argument("--bases", type=int, default=50_000_000, help="size of the genome (default: 50,000,000)")
    genome = make_genome(parser.parse_args().bases)
    print("| format | bytes a base | us, 150 bp | us, 5 kb | reads what was written |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        measure_plain(Path(name), genome)
        measure_arrow(Path(name), genome)
        measure_fasta(Path(name), genome)


if __name__ == "__main__":
    main()
