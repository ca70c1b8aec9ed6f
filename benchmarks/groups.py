"""Homology groups of a million sequences joined by ten million hits, against the plain loop, in one run; on Linux.

`python -m benchmarks.groups`. Sequences are made up as families of up to 200, with hits inside them of all coverages,
and a tenth of the hits, as repeats have them, between any two: enough that groups would pass their cap. Each part runs
in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from bio_paws.build.homology_groups import MAX_GROUP_SHARE, MIN_COVERAGE, Edges, join_groups
from bio_paws.build.regions import REGIONS, RegionIndex
from bio_paws.build.segments import Ints
from bio_paws.build.splits import assign_splits
from bio_paws.execution.memory import peak_memory

SEQUENCES, EDGES = 1_000_000, 10_000_000


def made_up() -> tuple[Ints, Edges]:
    """Sizes of sequences, and edges between them."""
    rng = np.random.default_rng(0)
    family = rng.integers(0, 200, EDGES)
    first = rng.integers(0, SEQUENCES - 200, EDGES)
    second = np.where(rng.random(EDGES) < 0.1, rng.integers(0, SEQUENCES, EDGES), first // 200 * 200 + family)
    pairs = np.unique(np.minimum(first, second) * SEQUENCES + np.maximum(first, second))
    first, second = np.divmod(rng.permutation(pairs), SEQUENCES)
    edges = Edges(first, second, rng.random(len(pairs)))
    return rng.integers(100, 5_000, SEQUENCES), edges


def plain_loop(sizes: Ints, edges: Edges) -> Ints:
    """Join along a dict of edges, one by one."""
    coverage_of = dict(
        zip(zip(edges.first.tolist(), edges.second.tolist(), strict=True), edges.coverage.tolist(), strict=True)
    )
    parent, mass = list(range(len(sizes))), sizes.tolist()
    cap = MAX_GROUP_SHARE * sum(mass)

    def root(atom: int) -> int:
        while parent[atom] != atom:
            parent[atom] = parent[parent[atom]]
            atom = parent[atom]
        return atom

    for (u, v), coverage in sorted(coverage_of.items(), key=lambda edge: (-edge[1], edge[0])):
        if coverage < MIN_COVERAGE:
            break
        a, b = sorted((root(u), root(v)))
        if a != b and mass[a] + mass[b] <= cap:
            parent[b] = a
            mass[a] += mass[b]
    return np.array([root(atom) for atom in range(len(sizes))])


def look_up(region_index: RegionIndex) -> str:
    """Ask for every tenth locus."""
    return "".join(
        region_index.assignment_at(f"s{number % 1000}", number // 1000 * 500 + 1)[1]
        for number in range(0, SEQUENCES, 10)
    )


def regions() -> pa.Table:
    """A million regions on a thousand sources."""
    number = np.arange(SEQUENCES)
    return pa.table(
        [
            pa.array([f"s{i}" for i in range(1000)]).take(pa.array(number // 1000)),
            number % 1000 * 500,
            number % 1000 * 500 + 500,
            pa.array([f"g{i:06d}" for i in range(300_000)]).take(pa.array(number % 300_000)),
            pa.array(["train", "validation", "test"]).take(pa.array(number % 3)),
        ],
        schema=REGIONS,
    )


def parts() -> dict[str, Callable[[], tuple[Callable[..., object], ...]]]:
    """Return what is measured: each a function that makes the input ready, and returns the work and its input."""
    return {
        "join_groups": lambda: (join_groups, *made_up()),
        "plain loop": lambda: (plain_loop, *made_up()),
        "assign_splits": lambda: (assign_splits, np.random.default_rng(0).random((SEQUENCES // 5, 8)), 0),
        "RegionIndex": lambda: (RegionIndex, regions()),
        "100,000 look-ups": lambda: (look_up, RegionIndex(regions())),
    }


def run(part: str) -> None:
    """Do a part; print its CPU-seconds, the MiB it needed beside its input, and a digest of what came out."""
    work, *given = parts()[part]()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of making the input is not that of the work
    before = peak_memory()[0]
    start = time.process_time()
    done = partial(work, *given)()
    seconds = time.process_time() - start
    digest = sha256(done.astype(np.int64).tobytes()).hexdigest() if isinstance(done, np.ndarray) else "-"
    print(seconds, (peak_memory()[0] - before) / 2**20, digest)


def main() -> None:
    """Print CPU-seconds, memory, and the ratio to the plain loop."""
    measured = {}
    for part in parts():
        command = [sys.executable, "-m", "benchmarks.groups", part]
        seconds, mebibytes, digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        measured[part] = float(seconds), float(mebibytes), digest
        print(f"{part}: {float(seconds):.1f} CPU-seconds, {float(mebibytes):,.0f} MiB", flush=True)
    ours, plain = measured["join_groups"], measured["plain loop"]
    if ours[2] != plain[2]:
        raise RuntimeError("join_groups and the plain loop differ")
    print(
        f"{SEQUENCES:,} sequences, {EDGES:,} hits: the same groups as the plain loop, "
        f"{plain[0] / ours[0]:.1f} times as fast, in {ours[1] / plain[1]:.2f} of its memory"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1])
    else:
        main()
