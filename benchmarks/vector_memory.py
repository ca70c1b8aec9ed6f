"""Compare so many words of so many dimensions, and print the peak memory in bytes; on Linux.

`python -m benchmarks.vector_memory WORDS DIMENSIONS`. The vectors are random and lie on disk, as a model's would.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from bio_paws_eval.vectors.distances import METRICS, frame_of, nearest


def peak(words: int, dimensions: int) -> int:
    """Measure all distances from a third of the words to the others; return the peak resident memory, bytes."""
    rng = np.random.default_rng(0)
    groups = slice(0, words // 3), slice(words // 3, words)
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        vectors = np.lib.format.open_memmap(file.name, "w+", np.float32, (words, dimensions))
        for at in range(0, words, 1000):
            vectors[at : at + 1000] = rng.normal(size=vectors[at : at + 1000].shape)
        frame = frame_of(vectors, groups)
        found = [nearest(vectors, frame, metric, *groups, torch.device("cpu")) for metric in METRICS]
    if not all(np.isfinite(one).all() for one in found):
        raise RuntimeError("a distance is not a number")
    # Not getrusage: a child's maximum starts with that of its parent.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])  # type: ignore[index]


if __name__ == "__main__":
    print(peak(int(sys.argv[1]), int(sys.argv[2])))
