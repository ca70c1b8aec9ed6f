"""Memory and time of the audit at 10,000 and at 1,000,000 pairs, in one run; on Linux.

`python -m benchmarks.audit`, or `python -m benchmarks.audit kinds` for CPU time and memory at 100,000 pairs of other
kinds: peptides, a family of near-identical long proteins with RNA, and SMILES with one of 200 proteins.

Pairs are made as they are read: random DNA of 100 to
160 letters, each first sequence once beside a copy with a tenth of its letters changed (label 1), and once beside the
copy of another (label 0). Each size runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.audit.run import audit
from bio_paws.audit.tables.dataset import DataSet, Part
from bio_paws.audit.tables.formats import ROWS_PER_BATCH
from bio_paws.execution.memory import peak_memory

SIZES = (10_000, 1_000_000)  # pairs


def read_pairs(count: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Make pairs, four at a time of four sequences: the same ones at each reading."""
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    for at in range(0, count, ROWS_PER_BATCH):
        rows = min(ROWS_PER_BATCH, count - at)
        first = letters[rng.integers(0, 4, (rows // 2, 160))]
        changed = np.where(rng.random(first.shape) < 0.1, letters[rng.integers(0, 4, first.shape)], first)
        lengths = np.repeat(rng.integers(100, 161, rows // 4), 2)
        a, b = ([bytes(row[:n]).decode() for row, n in zip(side, lengths, strict=True)] for side in (first, changed))
        # Two by two: each with its own partner, then with the other's.
        swapped = [b[i ^ 1] for i in range(len(b))]
        order = rng.permutation(2 * len(a))
        texts = [a + a, b + swapped, [1] * len(a) + [0] * len(a)]
        columns = [[column[i] for i in order] for column in texts]
        yield pa.record_batch(dict(zip(("sentence1", "sentence2", "label"), columns, strict=True)))


KINDS = ("peptides", "family", "molecules")
_FRAGMENTS = ("CC(=O)O", "c1ccccc1", "N", "C(F)(F)F", "CCN", "C(=O)N", "S(=O)(=O)", "Cl", "c1ccncc1", "OC", "C#N")
KIND_ROWS = 100_000


def read_kind(kind: str, count: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Make pairs of two peptides, of an RNA and a protein of 300 residues of one family, or of SMILES and a protein."""
    rng = np.random.default_rng(seed)
    residues, bases = (np.frombuffer(letters, dtype=np.uint8) for letters in (b"ARNDCQEGHILKMFPSTWYV", b"ACGU"))
    founder = np.random.default_rng(0).integers(0, 20, 300)
    targets = _strings(residues[np.random.default_rng(0).integers(0, 20, (200, 300))])
    for at in range(0, count, ROWS_PER_BATCH):
        rows = min(ROWS_PER_BATCH, count - at)
        if kind == "peptides":
            first, second = (_strings(residues[rng.integers(0, 20, (rows, width))]) for width in (14, 9))
        elif kind == "family":
            changed = np.where(rng.random((rows, 300)) < 0.05, rng.integers(0, 20, (rows, 300)), founder)
            first, second = _strings(bases[rng.integers(0, 4, (rows, 200))]), _strings(residues[changed])
        else:
            chosen = rng.integers(0, len(_FRAGMENTS), (rows, 8))
            first = ["".join(_FRAGMENTS[fragment] for fragment in row) for row in chosen.tolist()]
            second = [targets[target] for target in rng.integers(0, len(targets), rows).tolist()]
        yield pa.record_batch({"sentence1": first, "sentence2": second, "label": rng.integers(0, 2, rows)})


def _strings(letters: NDArray[np.uint8]) -> list[str]:
    return [bytes(row).decode() for row in letters]


def run_kind(kind: str, count: int) -> None:
    """Audit so many pairs of a kind; print CPU seconds, those of BLAST+ too, and peak memory in MiB."""
    parts = tuple(
        Part(split, partial(read_kind, kind, rows, seed))
        for seed, (split, rows) in enumerate({"train": count * 9 // 10, "test": count // 10}.items())
    )
    before = os.times()
    result = audit(DataSet(kind, parts))
    after = os.times()
    seconds = sum(after[:4]) - sum(before[:4])
    print(f"{kind}: {count:,} pairs: {seconds:.0f} CPU-s, {peak_memory()[0] / 2**20:,.0f} MiB")
    print("\n".join(result.searches))


def run(count: int) -> None:
    """Audit so many pairs; print peak memory in bytes, and seconds."""
    parts = (Part("train", partial(read_pairs, count * 9 // 10, 0)), Part("test", partial(read_pairs, count // 10, 1)))
    start = time.perf_counter()
    audited = audit(DataSet("made up", parts))
    seconds = time.perf_counter() - start
    if sum(audited.rows.values()) != count:
        raise RuntimeError(f"{audited.rows} of {count} pairs")
    print(peak_memory()[0], seconds, ",".join(finding.check for finding in audited.findings))


def in_a_process(*arguments: str) -> str:
    """Return what this module prints in a process of its own, whose peak is its own."""
    command = [sys.executable, "-m", "benchmarks.audit", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def main() -> None:
    """Print sizes, memory, seconds and their ratios."""
    measured = []
    for count in SIZES:
        peak, seconds, checks = in_a_process(str(count)).split()
        measured.append((int(peak), float(seconds)))
        print(f"audit of {count:,} pairs: {int(peak) / 2**20:,.0f} MiB, {float(seconds):.0f} s; found {checks}")
    (few, quick), (many, slow) = measured
    print(
        f"{SIZES[1] // SIZES[0]} times the pairs: {many / few:.1f} times the memory, {slow / quick:.1f} times the time"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["kinds"]:
        for name in KINDS:
            print(in_a_process(name), end="", flush=True)
    elif sys.argv[1:] and sys.argv[1] in KINDS:
        run_kind(sys.argv[1], KIND_ROWS)
    elif len(sys.argv) > 1:
        run(int(sys.argv[1]))
    else:
        main()
