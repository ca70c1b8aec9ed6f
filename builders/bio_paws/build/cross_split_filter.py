"""The search across splits: no sequence of validation or test has a homolog in a split before it.

Chosen windows are searched against everything the earlier splits hold, not only against the windows drawn there: so
what is let into a config does not depend on the other configs, and yet is disjoint from all of them. The search is as
wide as can be had: short words, no masking of repeats or low complexity on either side, both strands.

Isoforms repeat two thirds of the proteins' letters. Strings are first searched in what is left without repetitions;
those with even a weak hit there are searched in everything. Of DNA, where there is much of it, only the strings are
searched that `prefilter` does not rule out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.build.pair_filter import database_size
from bio_paws.build.regions import RegionIndex
from bio_paws.configs import SPLITS
from bio_paws.execution.memory import release_free_memory
from bio_paws.search import blast, prefilter
from bio_paws.search.homologs import DROPPED_EVALUE, find_hits
from bio_paws.sequences.corpus import Corpus

SCREEN_EVALUE = 1e-2
"""Ten times laxer than `DROPPED_EVALUE`: among fewer proteins an alignment's E-value is higher, but by a few percent
only."""
LAX_SCREEN_EVALUE = 0.1
"""The same where windows of earlier splits are searched only as part of their proteins: BLAST adjusts its scores to the
composition of the subject, and of a protein the E-value came out over ten times as high as of the window alone."""
RUN_LENGTH = 1.25
"""Letters that stay together in a screen, for each of the longest string: what it aligns with may be longer."""
QUERIES_PER_SHARD, QUERIES_PER_PREFILTER = 500, 20_000


class CrossSplitFilter:
    """What the other splits hold, ready to be searched."""

    def __init__(self, corpus: Corpus, region_index: RegionIndex, executor: Executor) -> None:
        self._corpus = corpus
        self._region_index = region_index
        self._executor = executor

    @contextmanager
    def searcher(
        self, split: str, alphabet: Alphabet, chosen: Iterable[str], *, later: bool = False, longest: int | None = None
    ) -> Iterator[Callable[[list[str]], set[str]]]:
        """Open a function that picks, from strings of `split`, those with a homolog in an earlier split.

        `chosen`, which can be gone through more than once, are different strings, those that the config already holds
        in earlier splits: they are searched by themselves too, as `verify` will, since among long intervals BLAST may
        pass over what it finds among windows, and since some are altered. With `later`, which says that they are, those
        with a homolog in a later split are picked too: what is altered can have one that the sequence it was made of
        has not, and other configs do not look for it. With `longest`, the length of the longest string that will be
        asked for, proteins are first searched in what isoforms do not repeat.
        """
        whole = self._corpus.dna if alphabet == "dna" else self._corpus.proteins
        place = SPLITS.index(split)
        searched = SPLITS[:place] + (SPLITS[place + 1 :] if later else ())
        intervals = [interval for interval in self._region_index.merged_intervals(searched) if interval[0] in whole]

        def merged() -> Iterator[str]:
            return (whole[source].residues[start:end].upper() for source, start, end, _ in intervals)

        # What is not altered lies in the merged intervals: a screen, which is laxer, finds it there.
        altered = chosen if later else ()
        with tempfile.TemporaryDirectory(prefix="bio-paws-") as name:
            folder = Path(name)
            max_evalues = {folder / "all": DROPPED_EVALUE}
            blast.write_texts(folder / "all.fasta", chain(merged(), chosen))
            if alphabet == "protein" and longest:
                max_evalues = {folder / "distinct": SCREEN_EVALUE if later else LAX_SCREEN_EVALUE, **max_evalues}
                parts = distinct_parts(list(merged()), round(longest * RUN_LENGTH))
                blast.write_texts(folder / "distinct.fasta", chain(parts, altered))
                del parts
            sequences = folder / "sequences"
            if alphabet == "dna":
                blast.write_texts(sequences.with_suffix(".fasta"), chain(merged(), altered))
            nothing = not (folder / "all.fasta").stat().st_size
            release_free_memory()

            @cache
            def make_databases() -> None:
                for database in max_evalues:
                    blast.make_database(database, alphabet)

            def search(queries: list[str]) -> set[str]:
                if nothing:  # makeblastdb refuses an empty database
                    return set()
                if alphabet == "dna" and prefilter.is_worth_it(sum(map(len, queries)), sequences):
                    jobs = self._prefilter(queries, sequences)
                    make_databases()  # while the jobs run
                    queries = [query for job in jobs for query in job.result()]
                make_databases()
                for database, max_evalue in max_evalues.items():
                    queries = self._search(queries, database, alphabet, max_evalue)
                return set(queries)

            yield search

    def _prefilter(self, queries: list[str], sequences: Path) -> list[Future[list[str]]]:
        """Have the queries picked that the prefilter does not rule out."""
        residues = database_size(self._corpus, "dna")
        return [
            self._executor.submit(prefilter.near_homologs, batch, sequences, residues, SCREEN_EVALUE)
            for batch in _batches(queries, QUERIES_PER_PREFILTER)
        ]

    def _search(self, queries: list[str], database: Path, alphabet: Alphabet, max_evalue: float) -> list[str]:
        """Return the queries with a hit."""
        residues = database_size(self._corpus, alphabet)
        jobs = [
            self._executor.submit(find_hits, batch, database, alphabet, residues, max_evalue)
            for batch in _batches(queries, QUERIES_PER_SHARD)
        ]
        return [query for job in jobs for query in job.result()]


def _batches(queries: list[str], size: int) -> Iterator[list[str]]:
    return (queries[at : at + size] for at in range(0, len(queries), size))


def distinct_parts(texts: list[str], run: int) -> list[str]:
    """Leave out what texts repeat: every run of so many letters, and every text that is shorter, stays in one part.

    Examples
    --------
    >>> distinct_parts(["MKLVWAG", "MKLVHAG", "LVW"], 3)
    ['MKLVHAG', 'LVWAG']
    """
    visited: set[bytes] = set()
    parts: list[str] = []
    for text in sorted(set(texts), key=lambda text: (-len(text), text)):
        start = end = 0
        for at in range(max(len(text) - run, 0) + 1):
            # 16 bytes in place of the residues: a corpus has as many runs as residues.
            digest = blake2b(text[at : at + run].encode(), digest_size=16).digest()
            if digest in visited:
                continue
            visited.add(digest)
            if at > end:
                parts.append(text[start:end])
                start = at
            end = min(at + run, len(text))
        parts.append(text[start:end])
    return [part for part in parts if part]
