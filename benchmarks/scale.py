"""How the cost of a build grows with its pairs: seconds, peak memory, exponent, and each stage's share; on Linux.

`python -m benchmarks.scale [--most 1000000] [--source cress] [--workers 1 2] [--out FOLDER]`. Builds dna150 with 1,000
pairs, then ten times as many, up to `--most` (100,000 by default: minutes; a million takes half an hour), for each
number of workers, in fresh work folders. What does not depend on the pairs, the corpus and its search against itself,
is done once, and told apart. Memory is that of the whole process tree, workers and BLAST+ among them, looked at five
times a second; files that are mapped count, and what processes share counts once. A table goes to `scale.md`, its
numbers to `scale.json`, a plot to `scale.png`.

By default the source is made up: three species of random DNA that differ from their ancestor in four bases of a
hundred, and hold as many pairs as the largest build wants. `cress` (two Arabidopsis genomes) holds real repeats, but
no more than 166,068 pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter, StrMethodFormatter

from bio_paws.audit.plot_style import BLUE, GREEN, GREY, ORANGE, PURPLE, styled

BASES_PER_PAIR = 45
"""Of each of three species: 180 bp of alignment a similar pair, three alignments a place, and half as much again."""
DIVERGENCE = 0.04
SHARED = ("corpus", "hits", "regions")
"""Folders of the stages that do not depend on the pairs."""
FROM = 10_000
"""Pairs from which the exponent is taken: below, what every build costs hides how it grows."""

Measured = dict[str, Any]


def write_species(folder: Path, pairs: int) -> None:
    """Write three related genomes that hold so many pairs."""
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    ancestor = letters[rng.integers(0, 4, max(BASES_PER_PAIR * pairs, 200_000))]
    folder.mkdir()
    for number, name in enumerate(("primus", "secundus", "tertius"), start=1):
        changed = np.where(rng.random(len(ancestor)) < DIVERGENCE, letters[rng.integers(0, 4, len(ancestor))], ancestor)
        prefix = f"GCF_00000000{number}.1_Test{number}"
        (folder / f"{prefix}_assembly_report.txt").write_text(f"# Organism name:  Testus {name} (made up)\n")
        (folder / f"{prefix}_genomic.fna").write_bytes(f">chr{number}\n".encode() + changed.tobytes() + b"\n")


def tree_memory(process: psutil.Process) -> int:
    """Proportional set size of a process and all below it, bytes."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def build(source: str, pairs: int, workers: int, folder: Path) -> Measured:
    """Build dna150 in a work folder; return pairs, seconds (of stages too) and peak memory in bytes."""
    command = [sys.executable, "-m", "bio_paws.cli", "build", "dna150", "--json", "--source", source]
    command += ["--pairs", str(pairs), "--workers", str(workers), "--work", str(folder / "work")]
    command += ["--out", str(folder / "bioPAWS")]
    with (folder / "told.json").open("w+") as report:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=report, env=os.environ | {"OMP_NUM_THREADS": "1"})
        peak, watched = 0, psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, tree_memory(watched))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.2)
        if process.wait():
            sys.exit(process.returncode)
        seconds = time.perf_counter() - start
        report.seek(0)
        said = json.load(report)
    made = sum(said["configs"][0]["rows"].values())
    return {
        "asked": pairs,
        "pairs": made,
        "workers": workers,
        "seconds": seconds,
        "peak": peak,
        "stages": said["seconds"],
    }


def exponent(runs: list[Measured]) -> float | None:
    """Slope of log seconds over log pairs, by least squares, from `FROM` pairs on."""
    large = [run for run in runs if run["asked"] >= FROM]
    if len(large) < 2:
        return None
    logs = np.log([[run["pairs"], run["seconds"]] for run in large])
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def table(runs: list[Measured], search: Measured) -> str:
    """Lay the measurements out as Markdown."""
    stages = list(runs[0]["stages"])
    head = ["pairs", "workers", "seconds", "peak, MiB", *stages]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for run in runs:
        shares = [f"{run['stages'][stage] / sum(run['stages'].values()):.0%}" for stage in stages]
        cells = [
            f"{run['pairs']:,}",
            str(run["workers"]),
            f"{run['seconds']:.1f}",
            f"{run['peak'] / 2**20:,.0f}",
            *shares,
        ]
        lines.append(" | ".join(cells))
    lines = [f"| {line} |" for line in lines]
    once = search["stages"]["sources, search, splits"]
    peak = f"{search['peak'] / 2**20:,.0f} MiB"
    lines += ["", f"Corpus and search, not counted above: {once:.1f} s with {search['workers']} workers, peak {peak}."]
    whole = [run for run in runs if run["workers"] == search["workers"]][-1]
    lines.append(f"With them, {whole['pairs']:,} pairs took {once + whole['seconds']:.1f} s.")
    for workers in dict.fromkeys(run["workers"] for run in runs):
        growth = exponent([run for run in runs if run["workers"] == workers])
        if growth is not None:
            lines.append(f"Exponent from {FROM:,} pairs on, {workers} workers: {growth:.2f}.")
    return "\n".join(lines) + "\n"


def round_steps(seconds: list[float]) -> list[float]:
    """Return the 1, 2 and 5 times powers of ten around some values."""
    steps = [step * 10**power for power in range(6) for step in (1, 2, 5)]
    low = max((step for step in steps if step <= min(seconds)), default=steps[0])
    high = min((step for step in steps if step >= max(seconds)), default=steps[-1])
    return [float(step) for step in steps if low <= step <= high]


def plot(runs: list[Measured], path: Path) -> None:
    """Draw seconds and memory over pairs, and what each stage takes."""
    with styled():
        figure = Figure(figsize=(10, 3), layout="constrained", dpi=150)
        times, memory, shares = figure.subplots(1, 3)
        for workers, colour in zip(dict.fromkeys(run["workers"] for run in runs), (BLUE, ORANGE), strict=False):
            mine = [run for run in runs if run["workers"] == workers]
            pairs = [run["pairs"] for run in mine]
            name = f"{workers} worker" + ("s" if workers > 1 else "")
            times.plot(pairs, [run["seconds"] for run in mine], "o-", color=colour, label=name)
            memory.plot(pairs, [run["peak"] / 2**20 for run in mine], "o-", color=colour, label=name)
        for axes, title in ((times, "Seconds"), (memory, "Peak memory of all processes, MiB")):
            axes.set(xscale="log", xlabel="pairs", title=title)
            axes.set_xticks(sorted({run["pairs"] for run in runs}))
            axes.legend(frameon=False)
        times.set_yscale("log")
        memory.set_ylim(bottom=0)
        short = EngFormatter(sep="")
        for axis, formatter in (
            (times.xaxis, short),
            (times.yaxis, StrMethodFormatter("{x:,.0f}")),
            (memory.xaxis, short),
        ):
            axis.set_major_formatter(formatter)
            axis.set_minor_formatter(NullFormatter())
        times.set_yticks(round_steps([run["seconds"] for run in runs]))
        last = [run for run in runs if run["workers"] == runs[-1]["workers"]]
        below = np.zeros(len(last))
        for stage, colour in zip(last[0]["stages"], (GREY, BLUE, GREEN, PURPLE), strict=False):
            part = np.array([100 * run["stages"][stage] / sum(run["stages"].values()) for run in last])
            shares.bar([short(run["pairs"]) for run in last], part, bottom=below, color=colour, label=stage)
            below += part
        shares.set(title=f"Share of each stage, %, workers: {runs[-1]['workers']}", xlabel="pairs")
        figure.legend(*shares.get_legend_handles_labels(), loc="outside right", frameon=False)
        figure.savefig(path)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--most", type=int, default=100_000, help="largest number of pairs (default: 100,000)")
    parser.add_argument("--source", help="a source of `bio-paws build` (default: genomes made up for it)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="processes (default: 1 and 2)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/scale"), help="folder of the results")
    options = parser.parse_args()
    sizes = [10**power for power in range(3, 10) if 10**power <= options.most]
    runs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = options.source or str(folder / "species")
        if not options.source:
            write_species(folder / "species", options.most)
        (folder / "first").mkdir()
        search = build(source, sizes[0], max(options.workers), folder / "first")
        for workers in options.workers:
            for pairs in sizes:
                here = folder / f"{workers}-{pairs}"
                for stage in SHARED:
                    shutil.copytree(folder / "first/work" / stage, here / "work" / stage)
                runs.append(build(source, pairs, workers, here))
                shutil.rmtree(here)
                print(f"{pairs:,} pairs, {workers} workers: {runs[-1]['seconds']:.1f} s", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scale.md").write_text(table(runs, search))
    (options.out / "scale.json").write_text(json.dumps({"search": search, "runs": runs}, indent=2) + "\n")
    plot(runs, options.out / "scale.png")
    print(table(runs, search))


if __name__ == "__main__":
    main()
