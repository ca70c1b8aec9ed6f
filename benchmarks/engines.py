"""What the engines that are installed find of what blastp finds among the bundled corpus's proteins, and how fast.

`python -m benchmarks.engines`. Every engine searches all proteins against all, in this run, as a build does. A pair of
proteins counts once, whichever way round it was found; its identity is that of blastp's best alignment.
"""

from __future__ import annotations

import re
import tempfile
from bisect import bisect
from collections import Counter
from pathlib import Path

import pyarrow as pa

from benchmarks.build import timed
from bio_paws.errors import BioPawsError
from bio_paws.search.blast import write_fasta
from bio_paws.search.engines import ENGINES, Engine
from bio_paws.sequences.corpus import read_corpus, representative_proteins
from bio_paws.sources.resolve import resolve

EVALUE = "1e-5"
BANDS = (0.3, 0.4, 0.6, 0.8)
NAMES = ("under 0.3", "0.3-0.4", "0.4-0.6", "0.6-0.8", "0.8-1")


def identity(btop: str) -> float:
    """Part of an alignment's columns that match."""
    matches = sum(map(int, re.findall(r"\d+", btop)))
    return matches / (matches + len(re.sub(r"\d", "", btop)) / 2)


def pairs_of(hits: pa.Table) -> dict[tuple[int, int], float]:
    """Pairs of different proteins, and the identity of the best alignment of each."""
    best: dict[tuple[int, int], tuple[float, float]] = {}
    for query, subject, evalue, btop in zip(
        *(hits[name].to_pylist() for name in ("query", "subject", "evalue", "btop")), strict=True
    ):
        pair = min(int(query), int(subject)), max(int(query), int(subject))
        if pair[0] != pair[1] and (pair not in best or evalue < best[pair][0]):
            best[pair] = evalue, identity(btop)
    return {pair: alike for pair, (_, alike) in best.items()}


def search(engine: Engine, texts: list[str], folder: Path) -> tuple[pa.Table, float]:
    """Search proteins against themselves in shards, as a build does: hits, and CPU-seconds."""
    seconds: list[float] = []
    folder.mkdir()
    residues = sum(map(len, texts))
    tables = []
    with timed(seconds):
        engine.write_database(folder / "all", texts)
        for first in range(0, len(texts), engine.queries_per_shard):
            query = folder / f"{first}.fasta"
            shard = texts[first : first + engine.queries_per_shard]
            write_fasta(query, ((str(number), text) for number, text in enumerate(shard, first)))
            tables.append(engine.search(query, folder / "all", EVALUE, residues))
    return pa.concat_tables(tables), seconds[0]


def main() -> None:
    """Print the shares found, band by band, and the ratios."""
    texts = [
        representative_protein.residues[:]
        for representative_protein in representative_proteins(read_corpus(resolve(("bundled",))))
    ]
    reference, *others = ENGINES
    with tempfile.TemporaryDirectory() as name:
        hits, slow = search(reference, texts, Path(name) / reference.name)
        truth = pairs_of(hits)
        counts = Counter(bisect(BANDS, alike) for alike in truth.values())
        text = ", ".join(f"{band} {counts[i]:,}" for i, band in enumerate(NAMES))
        print(f"blastp {reference.version()}: {len(texts):,} proteins, {len(truth):,} pairs with E < {EVALUE} ({text})")
        for engine in others:
            try:
                version = engine.version()
            except BioPawsError as error:
                print(f"{engine.name}: not compared: {error}")
                continue
            hits, quick = search(engine, texts, Path(name) / engine.name)
            pairs = pairs_of(hits)
            counter = Counter(bisect(BANDS, alike) for pair, alike in truth.items() if pair in pairs)
            text = ", ".join(f"{band} {counter[i] / max(counts[i], 1):.3f}" for i, band in enumerate(NAMES))
            print(
                f"{engine.name} {version}: found {counter.total() / len(truth):.3f} of them ({text}) and "
                f"{len(pairs.keys() - truth.keys()):,} others, {slow / quick:.1f} times as fast as blastp"
            )


if __name__ == "__main__":
    main()
