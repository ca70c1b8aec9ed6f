"""Alignments a CPU-second, against a bare loop over parasail in the same run, on one core.

``python -m benchmarks.alignment [DIR]`` takes its real pairs from a data set that is built, bioPAWS by default; as many
random ones have the same mean length. Both are measured in turns, five times, and the best of each is taken: what else
the machine does then falls on all alike.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import parasail
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import LETTERS, Alphabet, align, align_all, align_scores, best_alignments
from bio_paws.configs import get_config
from bio_paws.execution.files import write_arrow
from bio_paws.sequences.corpus import Corpus, read_corpus
from bio_paws.sources.resolve import resolve

Pairs = list[tuple[str, str]]
CONFIGS = ("dna150", "dna50", "protein450", "protein150")
PAIRS, TURNS = 4_000, 5
SCREENED = 40_000
AT_ONCE = 4_000
LENGTH = 150
COLUMNS = ["sentence1", "sentence2", "similarity", "sw_score"]
_BARE = {"dna": (7, 2, parasail.matrix_create("ACGT", 2, -3)), "protein": (12, 1, parasail.blosum62)}


def bare_loop(pairs: Pairs, alphabet: Alphabet) -> None:
    """What is compared with: one call of parasail a pair, matches included."""
    for a, b in pairs:
        assert parasail.sw_stats_striped_16(a, b, *_BARE[alphabet]).matches >= 0


def rates(works: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """How many of `count` things each of these does in a CPU-second."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(TURNS):
        for name, work in works.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - start)
    return {name: count / seconds for name, seconds in best.items()}


def aligned(pairs: Pairs, alphabet: Alphabet, name: str) -> None:
    """Print the rates of the functions that align."""
    speeds = rates(
        {
            "bare loop": lambda: bare_loop(pairs, alphabet),
            "align": lambda: [align(a, b, alphabet) for a, b in pairs],
            "align_all": lambda: align_all(pairs, alphabet),
            "align_scores": lambda: align_scores(pairs, alphabet),
        },
        len(pairs),
    )
    for work, rate in speeds.items():
        print(f"{name}: {work} {rate:,.0f} pairs a CPU-second, {rate / speeds['bare loop']:.2f} of the bare loop")


def draw(letters: str, known: NDArray[np.bool_], count: int, rng: np.random.Generator) -> list[str]:
    """Draw windows without unknown letters."""
    starts = rng.integers(0, len(letters) - LENGTH, 2 * count)
    starts = starts[known[starts]][:count]
    return [letters[start : start + LENGTH] for start in starts.tolist()]


def screen(corpus: Corpus, folder: Path) -> None:
    """Print how fast dissimilar pairs of windows are drawn, screened on both strands, and written."""
    letters = "N".join(sequence.residues[:] for sequence in corpus.dna.values()).upper()
    unknown = ~np.isin(np.frombuffer(letters.encode("ascii"), dtype=np.uint8), list(b"ACGT"))
    sums = np.concatenate([[0], np.cumsum(unknown)])
    known = sums[LENGTH:] == sums[:-LENGTH]
    most = get_config("dna150").max_dissimilarity * LENGTH

    def drawn(seed: int) -> Pairs:
        rng = np.random.default_rng(seed)
        return list(zip(*(draw(letters, known, AT_ONCE, rng) for _ in range(2)), strict=True))

    def work() -> None:
        parts = []
        for seed in range(SCREENED // AT_ONCE):
            tried = drawn(seed)
            alignments = best_alignments(tried, "dna")
            columns = [*map(list, zip(*tried, strict=True)), alignments.matches / LENGTH, alignments.score]
            parts.append(pa.table(columns, COLUMNS).filter(alignments.matches < most))
        write_arrow(folder / "dissimilar.arrow", pa.concat_tables(parts))

    pairs = [pair for seed in range(SCREENED // AT_ONCE) for pair in drawn(seed)]
    per_second = rates({"bare loop": lambda: bare_loop(pairs, "dna"), "screen": work}, SCREENED)
    print(
        f"dissimilar pairs drawn, screened on both strands, written: {per_second['screen']:,.0f} a CPU-second,", end=" "
    )
    print(f"{per_second['screen'] / per_second['bare loop']:.2f} of the bare loop, which aligns one strand")


def report(data: Path, corpus: Corpus) -> None:
    """Print all ratios, on real and on random pairs."""
    rng = np.random.default_rng(0)
    for name in CONFIGS:
        config = get_config(name)
        alphabet: Alphabet = "protein" if config.molecule == "protein" else "dna"
        table = pq.read_table(data / name / "train-00000-of-00001.parquet", columns=["sentence1", "sentence2"])
        rows = table.slice(0, PAIRS)
        real = list(zip(rows["sentence1"].to_pylist(), rows["sentence2"].to_pylist(), strict=True))
        letters = rng.choice(list(LETTERS[alphabet]), (2, PAIRS, config.mean_length))
        random = list(zip(*(["".join(column) for column in side] for side in letters), strict=True))
        aligned(real, alphabet, f"{name}, its pairs")
        aligned(random, alphabet, f"{name}, random pairs")
    with tempfile.TemporaryDirectory() as folder:
        screen(corpus, Path(folder))


if __name__ == "__main__":
    report(Path(*sys.argv[1:2] or ["bioPAWS"]), read_corpus(resolve(("bundled",))))
