"""Compare many words with all others, and measure peak memory and time; on Linux.

`python -m benchmarks.vector_memory` takes 100,000 words of 768 dimensions, those of a large vocabulary, and says what
it took. `python -m benchmarks.vector_memory WORDS DIMENSIONS` prints the peak memory in bytes only. The vectors are
random and lie on disk, as a model's would.
"""

from __future__ import annotations

import sys
import tempfile
import time

import numpy as np
import torch

from bio_paws.execution.memory import peak_memory
from bio_paws_eval.representations.distances import METRICS, fit_normalisation, nearest_distances
from bio_paws_eval.representations.vocabulary import GROUPS

WORDS, DIMENSIONS = 100_000, 768


def compare(words: int, dimensions: int) -> int:
    """Measure all distances within and between three groups of words; return the peak resident memory, bytes."""
    rng = np.random.default_rng(0)
    ends = np.linspace(0, words, len(GROUPS) + 1).astype(int).tolist()
    groups = {name: slice(*ends[i : i + 2]) for i, name in enumerate(GROUPS)}
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        vectors = np.lib.format.open_memmap(file.name, "w+", np.float32, (words, dimensions))
        for at in range(0, words, 1000):
            vectors[at : at + 1000] = rng.normal(size=vectors[at : at + 1000].shape)
        normalisation = fit_normalisation(vectors, groups.values())
        for metric in METRICS:
            if metric != "scaled":  # of which the program computes none: it is the first less a factor
                distances = nearest_distances(vectors, normalisation, metric, groups, torch.device("cpu"))
                if not all(np.isfinite(values).all() for values in distances.values()):
                    raise RuntimeError("a distance is not a number")
    return peak_memory()[0]


def main() -> None:
    """Print one line."""
    start, busy = time.perf_counter(), time.process_time()
    peak = compare(WORDS, DIMENSIONS)
    print(
        f"vectors, {WORDS:,} words of {DIMENSIONS} dimensions, all with all, three metrics: {peak / 2**20:,.0f} MiB, "
        f"{time.perf_counter() - start:,.0f} s, of processors {time.process_time() - busy:,.0f} s"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(compare(*map(int, sys.argv[1:])))
    else:
        main()
