"""Candidate similar pairs: long stretches searched once with BLAST+, then windows cut out of the alignments.

Searching one window at a time would take hours. Instead chromosome pieces and whole proteins are searched against
all others, each alignment is divided into slots, and windows of the config's length are drawn inside the slots, so
that windows of one alignment never overlap. `constraints` judges each by its own Smith-Waterman alignment.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bio_paws import constraints
from bio_paws.configs import SPLIT_SHARES, SPLITS, Kind, PairConfig
from bio_paws.files import read_arrow, write_arrow
from bio_paws.records import Interval
from bio_paws.sequences import Corpus, corpus_from_tables, representative_proteins
from bio_paws.splits import Ints, Lookup, seeded
from bio_paws.stages import Workdir, run_shards
from bio_paws.tools import blast

HITS = pa.schema(
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
"""Hits between two places, each pair of places once; intervals 0-based, half-open, on the forward strands."""

PIECE = 20_000
"""Longest DNA query, bp: longer ones make BLAST slower, not better."""
PIECES_A_SHARD = 32
PROTEINS_A_SHARD = 64
HITS_A_SHARD = 4_000
DRAWS_A_PAIR, MAX_DRAWS_A_SLOT = 7, 12
"""Windows drawn for each similar pair that is needed, and at most in one slot."""
DRAWS_FOR_MATCHES, ENOUGH_FOR_MATCHES = 900, 32_000
"""Windows that match in length and composition grow with the square of those drawn: so a small split draws
``900 * sqrt(pairs)`` up to 32,000, or its dissimilar pairs would match worse."""

_MAX_EVALUE = "1e-5"
# Keep the soft mask out of the seeds, or repeats bring millions of hits. Greedy scores propose; parasail decides.
_DNA_SEARCH = (
    *("-task", "megablast", "-word_size", "16", "-lcase_masking"),
    *("-soft_masking", "true", "-dust", "no"),
)
_PROTEIN_SEARCH = ("-task", "blastp", "-seg", "yes", "-soft_masking", "true")
_BTOP = re.compile(r"(\d+)|(\D\D)")


@dataclass(frozen=True)
class CorpusFiles:
    """A corpus on disk, as worker processes open it."""

    sequences: Path
    genes: Path
    rejected: Path

    def load(self) -> Corpus:
        """Read the corpus; a process reads it once."""
        return _load_corpus(self)


@lru_cache(maxsize=1)
def _load_corpus(files: CorpusFiles) -> Corpus:
    return corpus_from_tables({name: read_arrow(path) for name, path in vars(files).items()})


# --- search ---------------------------------------------------------------------------------------------------------


def search_dna(files: CorpusFiles, work: Workdir, executor: Executor) -> Path:
    """Search every genome piece against all genomes, both strands.

    Returns
    -------
    Path
        Arrow file of hits, schema `HITS`.
    """
    sequences = list(files.load().dna.values())
    pieces = [(one.id, start) for one in sequences for start in range(0, len(one.residues), PIECE)]
    batches = [pieces[i : i + PIECES_A_SHARD] for i in range(0, len(pieces), PIECES_A_SHARD)]
    return _search(files, work, executor, "dna", batches, sum(len(one.residues) for one in sequences))


def search_proteins(files: CorpusFiles, work: Workdir, executor: Executor) -> Path:
    """Search one protein of each gene against all others; return an Arrow file of hits, schema `HITS`."""
    proteins = representative_proteins(files.load())
    batches = [
        [(one.id, 0) for one in proteins[i : i + PROTEINS_A_SHARD]] for i in range(0, len(proteins), PROTEINS_A_SHARD)
    ]
    return _search(files, work, executor, "protein", batches, sum(len(one.residues) for one in proteins))


def _search(
    files: CorpusFiles,
    work: Workdir,
    executor: Executor,
    molecule: str,
    batches: list[list[tuple[str, int]]],
    residues: int,
) -> Path:
    """Run the shards of a search against one database that lives as long as they run."""
    hits = work.path("hits", ".arrow", molecule)
    if not hits.is_file():
        shards = [work.path(f"search-{molecule}", ".arrow", number) for number in range(len(batches))]
        work.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work.root, prefix=".database-") as folder:
            database = Path(folder) / "all"
            if shards:  # makeblastdb refuses an empty database
                write_database(database, _subjects(files.load(), molecule), molecule)
            arguments = [(files, molecule, batch, database, residues) for batch in batches]
            run_shards(executor, _search_shard, list(zip(shards, arguments, strict=True)), f"search {molecule}")
        write_arrow(hits, pa.concat_tables([HITS.empty_table(), *map(read_arrow, shards)]).combine_chunks())
    return hits


def _subjects(corpus: Corpus, molecule: str) -> list[tuple[str, str]]:
    whole = corpus.dna.values() if molecule == "dna" else representative_proteins(corpus)
    return [(one.id, one.residues) for one in whole]


def write_database(database: Path, records: Iterable[tuple[str, str]], molecule: str) -> list[str]:
    """Make a BLAST database whose subjects are called by their number; return the names in that order."""
    fasta = database.with_suffix(".fasta")
    listed = list(records)
    blast.write_fasta(fasta, ((str(number), residues) for number, (_, residues) in enumerate(listed)))
    blast.make_database(fasta, database, "dna" if molecule == "dna" else "protein")
    return [name for name, _ in listed]


def _search_shard(
    path: Path, files: CorpusFiles, molecule: str, batch: list[tuple[str, int]], database: Path, residues: int
) -> None:
    corpus = files.load()
    names = [name for name, _ in _subjects(corpus, molecule)]
    number = {name: i for i, name in enumerate(names)}
    whole = corpus.dna if molecule == "dna" else corpus.proteins
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        query = Path(folder) / "query.fasta"
        blast.write_fasta(
            query, ((f"{number[name]}:{at}", whole[name].residues[at : at + PIECE]) for name, at in batch)
        )
        options = ["-evalue", _MAX_EVALUE, "-dbsize", str(residues)]
        if molecule == "dna":
            hits = blast.search("blastn", query, database, [*options, *_DNA_SEARCH])
        else:
            hits = blast.search("blastp", query, database, [*options, *_PROTEIN_SEARCH])
    write_arrow(path, _each_once(hits, names))


def _each_once(hits: pa.Table, names: list[str]) -> pa.Table:
    """Turn BLAST's hits into places, and keep one of A on B and B on A."""
    kept: list[tuple[Any, ...]] = []
    for query, q0, q1, subject, s0, s1, btop in zip(
        *(hits[name].to_pylist() for name in hits.column_names if name not in ("evalue", "score")),
        strict=True,
    ):
        one, _, at = query.partition(":")
        start1, end1 = int(at) + q0 - 1, int(at) + q1
        start2, end2 = min(s0, s1) - 1, max(s0, s1)
        if (int(one), start1) < (int(subject), start2):
            strand = "+" if s0 <= s1 else "-"
            kept.append((names[int(one)], start1, end1, names[int(subject)], start2, end2, strand, btop))
    columns = list(zip(*kept, strict=True)) or [()] * len(HITS)
    return pa.table([pa.array(c, t) for c, t in zip(columns, HITS.types, strict=True)], schema=HITS)


# --- windows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A drawn pair of intervals."""

    kind: Kind
    slot: int
    side1: Interval
    side2: Interval


@dataclass(frozen=True)
class Trace:
    """An alignment as its runs of matches.

    Attributes
    ----------
    start1, start2, length : ndarray, shape (runs,), int64
        First position of each run on the forward strand of the first sequence, offset of the run from the
        beginning of the second one's aligned part in the alignment's direction, and length of the run.
    """

    start1: Ints
    start2: Ints
    length: Ints

    @classmethod
    def parse(cls, btop: str, start1: int) -> Trace:
        """Parse BLAST's trace-back of an alignment that starts at `start1`."""
        runs: list[tuple[int, int, int]] = []
        at1, at2 = start1, 0
        for count, column in _BTOP.findall(btop):
            if count:
                runs.append((at1, at2, int(count)))
                at1 += int(count)
                at2 += int(count)
            else:
                at1 += column[0] != "-"
                at2 += column[1] != "-"
        array = np.array(runs, dtype=np.int64).reshape(-1, 3)
        return cls(array[:, 0], array[:, 1], array[:, 2])

    def snap(self, start: int, end: int) -> tuple[int, int, int, int] | None:
        """Return the widest window inside [start, end) that begins and ends on a match, in both coordinates."""
        first = int(np.searchsorted(self.start1 + self.length, start, "right"))
        last = int(np.searchsorted(self.start1, end, "left")) - 1
        if first > last:
            return None
        start1 = max(start, int(self.start1[first]))
        end1 = min(end, int(self.start1[last] + self.length[last]))
        start2 = int(self.start2[first]) + start1 - int(self.start1[first])
        end2 = int(self.start2[last]) + end1 - int(self.start1[last])
        return (start1, end1, start2, end2) if end1 > start1 else None


def side2_interval(hit: dict[str, Any], start: int, end: int) -> Interval:
    """Place offsets along an alignment on the forward strand of its second sequence."""
    if hit["strand2"] == "+":
        return Interval(hit["source2"], hit["start2"] + start, hit["start2"] + end, "+")
    return Interval(hit["source2"], hit["end2"] - end, hit["end2"] - start, "-")


def draw_windows(
    config: PairConfig, hits: pa.Table, first_hit: int, lookup: Lookup, draws: dict[str, float], seed: int
) -> Iterator[Window]:
    """Draw windows in the slots of alignments.

    Parameters
    ----------
    config : PairConfig
        Kinds and lengths.
    hits : pyarrow.Table
        Schema `HITS`.
    first_hit : int
        Number of the first hit: each shard of hits has its own random stream.
    lookup : Lookup
        Splits of the loci.
    draws : dict of str to float
        Windows a slot, by split and kind as in ``"test/homolog"``; a part of one is a chance.
    seed : int
        Seed of the build.
    """
    rng = seeded(seed, config.name, "windows", first_hit)
    for number, hit in enumerate(hits.to_pylist(), start=first_hit):
        for kinds, (kind, _) in enumerate(config.similar_mix):
            for ordinal, (low, high) in enumerate(slots(config, kind, hit)):
                wanted = draws[f"{lookup.split_at(hit['source1'], low)}/{kind}"]
                for _ in range(int(wanted) + (rng.random() < wanted % 1)):
                    window = _draw(config, kind, hit, low, high, rng)
                    if window is not None:
                        yield Window(kind, (number * 1_000_000 + ordinal) * 10 + kinds, *window)


@lru_cache(maxsize=16)
def _trace(btop: str, start1: int) -> Trace:
    return Trace.parse(btop, start1)


def slots(config: PairConfig, kind: Kind, hit: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Divide an alignment, or for identical pairs its runs of matches, into stretches of one window each."""
    stretches: list[tuple[int, int]] = []
    if hit["end1"] - hit["start1"] >= config.min_length:
        if kind == "homolog":
            stretches = [(hit["start1"], hit["end1"])]
        else:
            runs = _trace(hit["btop"], hit["start1"])
            long = runs.length >= config.min_length
            stretches = [(int(s), int(s + n)) for s, n in zip(runs.start1[long], runs.length[long], strict=True)]
    # Runs of matches are short and few: slots of the mean length waste less of them.
    narrowest = config.max_length if kind == "homolog" else config.mean_length
    for start, end in stretches:
        count = max((end - start) // narrowest, 1)
        for i in range(count):
            yield start + (end - start) * i // count, start + (end - start) * (i + 1) // count


def _draw(
    config: PairConfig, kind: Kind, hit: dict[str, Any], low: int, high: int, rng: np.random.Generator
) -> tuple[Interval, Interval] | None:
    """Draw one window between two positions of the first sequence."""
    trace = _trace(hit["btop"], hit["start1"])
    length = int(rng.integers(config.min_length, min(config.max_length, high - low) + 1))
    start = low + int(rng.integers(0, high - low - length + 1))
    if kind == "containment":
        return _draw_contained(config, hit, trace, start, start + length, rng)
    window = trace.snap(start, start + length)
    if window is None or window[1] - window[0] < config.min_length:
        return None
    start1, end1, start2, end2 = window
    return Interval(hit["source1"], start1, end1, "+"), side2_interval(hit, start2, end2)


def _draw_contained(
    config: PairConfig, hit: dict[str, Any], trace: Trace, start: int, end: int, rng: np.random.Generator
) -> tuple[Interval, Interval] | None:
    """Shorten one side of an identical window, at both ends as chance has it."""
    window = trace.snap(start, end)
    if window is None:
        return None
    start1, end1, start2, end2 = window
    most = int((end1 - start1) * config.length_tolerance / (1 + config.length_tolerance))
    if most < 1:
        return None
    cut = int(rng.integers(1, most + 1))
    left = int(rng.integers(0, cut + 1))
    if rng.random() < 0.5:
        start1, end1 = start1 + left, end1 - (cut - left)
    else:
        start2, end2 = start2 + left, end2 - (cut - left)
    return Interval(hit["source1"], start1, end1, "+"), side2_interval(hit, start2, end2)


# --- candidates -----------------------------------------------------------------------------------------------------


def find_candidates(
    config: PairConfig,
    files: CorpusFiles,
    loci: Path,
    hits: Path,
    work: Workdir,
    executor: Executor,
    seed: int,
    pairs: int,
) -> tuple[pa.Table, Counter[str]]:
    """Draw windows in all alignments and keep those that meet the config's constraints.

    Returns
    -------
    pyarrow.Table
        Schema `constraints.CANDIDATES`.
    Counter
        Windows by outcome: accepted, or why not.
    """
    parameters = (config.name, vars(config), seed, pairs)
    found = read_arrow(hits)
    draws = _draws_a_slot(config, found, Lookup(read_arrow(loci)), pairs)
    shards = [
        (
            work.path("candidates", ".arrow", parameters, first),
            (config, files, loci, hits, first, draws, seed),
        )
        for first in range(0, len(found), HITS_A_SHARD)
    ]
    paths = run_shards(executor, _candidate_shard, shards, f"{config.name} windows")
    tables = [read_arrow(path) for path in paths]
    outcomes: Counter[str] = Counter()
    for table in tables:
        outcomes.update(constraints.outcomes_of(table))
    return pa.concat_tables(
        [constraints.CANDIDATES.empty_table(), *(t.replace_schema_metadata() for t in tables)]
    ), outcomes


def _draws_a_slot(config: PairConfig, hits: pa.Table, lookup: Lookup, pairs: int) -> dict[str, float]:
    """Windows to draw in each slot: as many in all as the split needs, spread over what there is."""
    counts: Counter[str] = Counter()
    for hit in hits.to_pylist():
        for kind, _ in config.similar_mix:
            for low, _ in slots(config, kind, hit):
                counts[f"{lookup.split_at(hit['source1'], low)}/{kind}"] += 1
    draws = {}
    for split, part in zip(SPLITS, SPLIT_SHARES, strict=True):
        for kind, share in config.similar_mix:
            quota = float(part) * pairs / 2
            matching = min(DRAWS_FOR_MATCHES * quota**0.5, ENOUGH_FOR_MATCHES)
            wanted = max(DRAWS_A_PAIR * quota, matching) * share / 100
            draws[f"{split}/{kind}"] = min(wanted / max(counts[f"{split}/{kind}"], 1), MAX_DRAWS_A_SLOT)
    return draws


def _candidate_shard(
    path: Path,
    config: PairConfig,
    files: CorpusFiles,
    loci: Path,
    hits: Path,
    first: int,
    draws: dict[str, float],
    seed: int,
) -> None:
    corpus, lookup = files.load(), Lookup(read_arrow(loci))
    judge = constraints.Judge(config, corpus, lookup)
    windows = draw_windows(config, read_arrow(hits).slice(first, HITS_A_SHARD), first, lookup, draws, seed)
    write_arrow(path, judge.candidates(windows))
