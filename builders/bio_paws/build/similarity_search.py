"""Candidate similar pairs: long stretches searched once with BLAST+, then windows cut out of the alignments.

Searching one window at a time would take hours. Instead chromosome pieces and whole proteins are searched against
all others, each alignment is divided into slots, and windows of the config's length are drawn inside the slots, so
that windows of one alignment never overlap. `constraints` judges each by its own Smith-Waterman alignment.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bio_paws.build.pair_filter import PairFilter, outcomes_of
from bio_paws.build.partition import limits_of
from bio_paws.build.regions import RegionIndex
from bio_paws.build.windows import DrawRates, draw_windows, may_hold_pair, tiles
from bio_paws.configs import SPLIT_SHARES, SPLITS, PairConfig
from bio_paws.execution.files import read_arrow, temporary_folder, write_arrow
from bio_paws.execution.stages import Workdir, is_finished, run_shards
from bio_paws.search import blast
from bio_paws.search.engines import MANY_RESIDUES, Engine
from bio_paws.search.homologs import SIGNIFICANT_EVALUE
from bio_paws.sequences.corpus import Corpus, representative_proteins
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sequences.records import Sequence
from bio_paws.sequences.store import pieces_of

HIT_INTERVALS = pa.schema(
    [
        ("source1", pa.string()),
        ("start1", pa.int64()),
        ("end1", pa.int64()),
        ("source2", pa.string()),
        ("start2", pa.int64()),
        ("end2", pa.int64()),
        ("strand2", pa.string()),
        ("btop", pa.string()),
    ]
)
"""Hits as pairs of intervals, each pair once; intervals 0-based, half-open, on the forward strands."""

PIECE = 20_000
"""Longest DNA query, bp: longer ones make BLAST slower, not better."""
PIECES_PER_SHARD, SHARDS, MOST_PIECES_PER_SHARD = 32, 32, 256
"""Pieces searched together: so many; more where that gives more shards than that, up to a limit. Each search reads the
whole database, so few large ones take a third of the time of many."""
BLOCKS = 8
"""Parts of the queries that are searched in a database each, where there are many proteins: a pair is kept once, when
its first member is the query, so the database of a part needs none of the sequences before it. That saves 7/16."""
HITS_PER_SHARD, LETTERS_PER_SHARD = 4_000, 3_000_000
"""Most hits whose windows one shard draws, and letters of theirs after which it ends."""
DRAWS_PER_PAIR, DRAWS_PER_QUARTET, MAX_DRAWS_PER_SLOT = 7, 5, 12
"""Windows drawn for each similar pair that is needed, for each two that are rearranged, and at most in one slot."""
DRAWS_FOR_MATCHES, ENOUGH_FOR_MATCHES = 900, 32_000
"""Windows that match in length and composition grow with the square of those drawn: so a small split draws
``900 * sqrt(pairs)`` up to 32,000, or its dissimilar pairs would match worse."""
MANY_WINDOWS, DRAWS_OF_MANY = 250_000, 2
"""Among so many windows of a split all find a match: then a slot, which is used once, needs no more than two."""

HITS_COUNTED = 50_000
"""Hits whose tiles are counted, evenly spread, where windows are shared out over groups: enough to tell how many a
group has."""

# Keep the soft mask out of the seeds, or repeats bring millions of hits. Greedy scores propose; parasail decides.
_DNA_SEARCH = (
    *("-task", "megablast", "-word_size", "16", "-lcase_masking"),
    *("-soft_masking", "true", "-dust", "no"),
)


# --- search ---------------------------------------------------------------------------------------------------------


def search_dna(files: CorpusFiles, work: Workdir, executor: Executor) -> Path:
    """Search every genome piece against all genomes, both strands.

    Returns
    -------
    Path
        Arrow file of hits, schema `HIT_INTERVALS`.
    """
    sequences = list(files.load().dna.values())
    pieces = [(sequence.id, start) for sequence in sequences for start in range(0, len(sequence.residues), PIECE)]
    size = min(max(PIECES_PER_SHARD, ceil(len(pieces) / SHARDS)), MOST_PIECES_PER_SHARD)
    batches = [pieces[i : i + size] for i in range(0, len(pieces), size)]
    return _search(files, work, executor, "dna", batches, sum(len(sequence.residues) for sequence in sequences))


def search_proteins(files: CorpusFiles, work: Workdir, executor: Executor, engine: Engine) -> Path:
    """Search one protein of each gene against all others; return an Arrow file of hits, schema `HIT_INTERVALS`."""
    proteins = representative_proteins(files.load())
    batches = [
        [(protein.id, 0) for protein in proteins[i : i + engine.queries_per_shard]]
        for i in range(0, len(proteins), engine.queries_per_shard)
    ]
    return _search(
        files, work, executor, "protein", batches, sum(len(protein.residues) for protein in proteins), engine
    )


def _search(
    files: CorpusFiles,
    work: Workdir,
    executor: Executor,
    molecule: str,
    batches: list[list[tuple[str, int]]],
    residues: int,
    engine: Engine | None = None,
) -> Path:
    """Run the shards of a search against one database that lives as long as they run; proteins by `engine`."""
    hits = work.path("hits", ".arrow", molecule)
    if not is_finished(hits):
        shards = [work.path(f"search-{molecule}", ".arrow", number) for number in range(len(batches))]
        work.root.mkdir(parents=True, exist_ok=True)
        with temporary_folder(work.root, "database") as folder:
            # Where each block begins: at a batch, and at a sequence. No batch, no database: makeblastdb refuses it.
            divides = engine is not None and engine.sizes_database and residues > MANY_RESIDUES
            step = ceil(len(batches) / BLOCKS) if divides else max(len(batches), 1)
            arguments = []
            for block in range(0, len(batches), step):
                first = sum(map(len, batches[:block]))
                database = folder / f"from{first}"
                subjects = (subject.residues for subject in _subjects(files.load(), molecule)[first:])
                if engine:
                    engine.write_database(database, (residues[:] for residues in subjects))
                else:
                    blast.write_database(database, map(pieces_of, subjects), "dna")
                arguments += [
                    (files, molecule, batch, database, first, residues, engine)
                    for batch in batches[block : block + step]
                ]
            run_shards(executor, _search_shard, list(zip(shards, arguments, strict=True)), f"search {molecule}")
        write_arrow(hits, pa.concat_tables([HIT_INTERVALS.empty_table(), *map(read_arrow, shards)]).combine_chunks())
    return hits


def _subjects(corpus: Corpus, molecule: str) -> list[Sequence]:
    return list(corpus.dna.values()) if molecule == "dna" else representative_proteins(corpus)


def _search_shard(
    path: Path,
    files: CorpusFiles,
    molecule: str,
    batch: list[tuple[str, int]],
    database: Path,
    first: int,
    residues: int,
    engine: Engine | None,
) -> None:
    """Search a batch of queries in a database of the sequences from number `first` on."""
    corpus = files.load()
    names = [subject.id for subject in _subjects(corpus, molecule)]
    number = {name: i for i, name in enumerate(names)}
    whole = corpus.dna if molecule == "dna" else corpus.proteins
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        query = Path(folder) / "query.fasta"
        blast.write_fasta(
            query, ((f"{number[name]}:{at}", whole[name].residues[at : at + PIECE]) for name, at in batch)
        )
        if engine:
            hits = engine.search(query, database, str(SIGNIFICANT_EVALUE), residues)
        else:
            options = ["-evalue", str(SIGNIFICANT_EVALUE), "-dbsize", str(residues), *_DNA_SEARCH]
            hits = blast.search("blastn", query, database, options)
    write_arrow(path, _each_once(hits, names, first))


def _each_once(hits: pa.Table, names: list[str], first: int) -> pa.Table:
    """Turn hits in the sequences from number `first` on into intervals, and keep one of A on B and B on A."""
    kept: list[tuple[Any, ...]] = []
    for query, q0, q1, subject, s0, s1, btop in zip(
        *(hits[name].to_pylist() for name in hits.column_names if name not in ("evalue", "score")),
        strict=True,
    ):
        query_number, _, at = query.partition(":")
        number1, number2 = int(query_number), first + int(subject)
        start1, end1 = int(at) + q0 - 1, int(at) + q1
        start2, end2 = min(s0, s1) - 1, max(s0, s1)
        if (number1, start1) < (number2, start2):
            strand = "+" if s0 <= s1 else "-"
            kept.append((names[number1], start1, end1, names[number2], start2, end2, strand, btop))
    columns = list(zip(*kept, strict=True)) or [()] * len(HIT_INTERVALS)
    return pa.table([pa.array(c, t) for c, t in zip(columns, HIT_INTERVALS.types, strict=True)], schema=HIT_INTERVALS)


# --- candidates -----------------------------------------------------------------------------------------------------


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
            quota = float(part) * pairs / 2
            matching = min(DRAWS_FOR_MATCHES * quota**0.5, ENOUGH_FOR_MATCHES)
            # What is rearranged needs no match, and gives two similar pairs at once.
            wanted = DRAWS_PER_QUARTET * quota / 2 if config.rearranged else max(DRAWS_PER_PAIR * quota, matching)
            wanted *= share
            groups = counts[f"{split}/{kind}"]
            here = max(groups.total(), 1)
            most = min(max(MANY_WINDOWS / here, DRAWS_OF_MANY), MAX_DRAWS_PER_SLOT)
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
