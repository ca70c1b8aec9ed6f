"""Candidate similar pairs: windows cut out of the alignments of a search, as many as each split needs.

Each alignment is divided into tiles, and windows of the config's length are drawn inside the tiles, so that windows of
one alignment never overlap. `pair_filter` judges each by its own Smith-Waterman alignment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa

from bio_paws.build.pair_filter import PairFilter, outcomes_of
from bio_paws.build.partition import limits_of
from bio_paws.build.regions import RegionIndex
from bio_paws.build.windows import DrawRates, draw_windows, may_hold_pair, tiles
from bio_paws.configs import SPLIT_SHARES, SPLITS, PairConfig
from bio_paws.execution.files import read_arrow, write_arrow
from bio_paws.execution.stages import Workdir, run_shards
from bio_paws.sequences.corpus_files import CorpusFiles

HITS_PER_SHARD, LETTERS_PER_SHARD = 4_000, 3_000_000
"""Most hits whose windows one shard draws, and letters of theirs after which it ends."""
DRAWS_PER_PAIR, DRAWS_PER_QUARTET, MAX_DRAWS_PER_TILE = 7, 5, 12
"""Windows drawn for each similar pair that is needed, for each two that are rearranged, and at most in one tile."""
DRAWS_FOR_MATCHES, ENOUGH_FOR_MATCHES = 900, 32_000
"""Windows that match in length and composition grow with the square of those drawn: so a small split draws
``900 * sqrt(pairs)`` up to 32,000, or its dissimilar pairs would match worse."""
FEWEST_DRAWN_FOR = 100
"""Windows are drawn for at least so many similar pairs: the last of a few pairs must find a match as well."""
MANY_WINDOWS, DRAWS_OF_MANY = 250_000, 2
"""Among so many windows of a split all find a match: then a tile, which is used once, needs no more than two."""

HITS_COUNTED = 50_000
"""Hits whose tiles are counted, evenly spread, where windows are shared out over groups: enough to tell how many a
group has."""


Shard = Callable[[Path, PairConfig, CorpusFiles, Path, Path, range, DrawRates, int], None]


def find_candidates(
    config: PairConfig,
    files: CorpusFiles,
    regions: Path,
    hits: Path,
    work: Workdir,
    executor: Executor,
    seed: int,
    pairs: int,
    shard: Shard,
) -> tuple[list[Path], Counter[str]]:
    """Draw windows in all alignments and keep those that meet the config's constraints.

    Parameters
    ----------
    config : PairConfig
        What to look for.
    files, regions, hits : CorpusFiles, Path, Path
        Where the corpus, its regions and its alignments are.
    work, executor : Workdir, Executor
        Where finished shards are kept, and what runs the others.
    seed, pairs : int
        Seed of the build, and pairs wanted of all splits.
    shard : callable
        `candidate_shard`, or another function with its arguments.

    Returns
    -------
    list of Path
        What `shard` wrote, in the order of the hits.
    Counter
        Windows by outcome: accepted, or why not.
    """
    parameters = (config.name, vars(config), seed, pairs)
    arrow = read_arrow(hits)
    draws = draw_rates(config, arrow, read_arrow(regions), pairs)
    shards = [
        (
            work.path("candidates", ".arrow", parameters, shard.start),
            (config, files, regions, hits, shard, draws, seed),
        )
        for shard in _shards(arrow)
    ]
    paths = run_shards(executor, shard, shards, f"{config.name} windows")
    outcomes: Counter[str] = Counter()
    for path in paths:
        outcomes.update(outcomes_of(read_arrow(path)))
    return paths, outcomes


def _shards(hits: pa.Table) -> Iterator[range]:
    """Share hits out, in their order: few are of the length of genes, or many of that of a chromosome."""
    reach = np.cumsum(hits["end1"].to_numpy() - hits["start1"].to_numpy())
    first = 0
    while first < len(reach):
        most = reach[first] + LETTERS_PER_SHARD
        after = min(int(np.searchsorted(reach, most)) + 1, first + HITS_PER_SHARD, len(reach))
        yield range(first, after)
        first = after


def draw_rates(config: PairConfig, hits: pa.Table, regions: pa.Table, pairs: int) -> DrawRates:
    """Choose how many windows to draw in each tile: as many in all as each split needs.

    They are spread evenly over the tiles of a split. Where its groups must be many and small
    (`splits.choose_held_out`), they are spread evenly over groups, as far as each has tiles that may hold a pair:
    drawn from all tiles alike, nearly all windows of large genomes would come from the largest family of transposons.

    Parameters
    ----------
    config : PairConfig
        What to look for.
    hits, regions : pyarrow.Table
        Schemas `HIT_INTERVALS` and `regions.REGIONS`.
    pairs : int
        Pairs wanted of all splits.
    """
    region_index = RegionIndex(regions)
    over_groups = limits_of(regions).max_held_out_share is not None
    every = ceil(len(hits) / HITS_COUNTED) if over_groups else 1
    counts: dict[str, Counter[str]] = {f"{split}/{kind}": Counter() for split in SPLITS for kind in config.drawn_types}
    counted = hits.take(np.arange(0, len(hits), every)) if every > 1 else hits  # all of them stay on disk
    for batch in counted.to_batches(max_chunksize=HITS_PER_SHARD):
        for hit in batch.to_pylist():
            for kind in config.drawn_types:
                for low, high in tiles(config, kind, hit):
                    group, split = region_index.assignment_at(hit["source1"], low)
                    if not over_groups or may_hold_pair(config, kind, hit, low, high, region_index):
                        counts[f"{split}/{kind}"][f"{group}/{kind}"] += every
    of_split: dict[str, float] = {}
    of_group: dict[str, float] = {}
    for split, part in zip(SPLITS, SPLIT_SHARES, strict=True):
        for kind, share in config.drawn_types.items():
            quota = max(float(part) * pairs / 2, FEWEST_DRAWN_FOR)
            matching = min(DRAWS_FOR_MATCHES * quota**0.5, ENOUGH_FOR_MATCHES)
            # What is rearranged needs no match, and gives two similar pairs at once.
            wanted = DRAWS_PER_QUARTET * quota / 2 if config.rearranged else max(DRAWS_PER_PAIR * quota, matching)
            wanted *= share
            groups = counts[f"{split}/{kind}"]
            here = max(groups.total(), 1)
            most = min(max(MANY_WINDOWS / here, DRAWS_OF_MANY), MAX_DRAWS_PER_TILE)
            if not over_groups:
                of_split[f"{split}/{kind}"] = min(wanted / here, most)
                continue
            of_split[f"{split}/{kind}"] = most
            windows = shared_out(wanted, {group: count * most for group, count in groups.items()})
            of_group |= {group: windows[group] / count for group, count in groups.items()}
    return DrawRates(of_split, of_group if over_groups else None)


def shared_out(total: float, limits: dict[str, float]) -> dict[str, float]:
    """Share a total out evenly: who can take less than the others takes all it can.

    Examples
    --------
    >>> shared_out(10, {"a": 2, "b": 9, "c": 9})
    {'a': 2.0, 'b': 4.0, 'c': 4.0}
    """
    shares: dict[str, float] = {}
    left = total
    for number, (name, limit) in enumerate(sorted(limits.items(), key=lambda item: item[1])):
        shares[name] = float(min(limit, left / (len(limits) - number)))
        left -= shares[name]
    return shares


def candidate_shard(
    path: Path,
    config: PairConfig,
    files: CorpusFiles,
    regions: Path,
    hits: Path,
    chunk: range,
    draws: DrawRates,
    seed: int,
) -> None:
    """Write the candidates of `some` hits, the outcomes of all windows in the table's metadata."""
    corpus, region_index = files.load(), RegionIndex(read_arrow(regions))
    pair_filter = PairFilter(config, corpus, region_index)
    windows = draw_windows(
        config, read_arrow(hits).slice(chunk.start, len(chunk)), chunk.start, region_index, draws, seed
    )
    write_arrow(path, pair_filter.candidates(windows))
