"""The verification search of a finished data set: strings of one split that have a homolog in the splits before it.

Windows of one locus overlap, so searching each sequence alone would read the same characters many times. Sequences that
overlap and agree in every character they share are first joined to merged intervals: their coordinates only say what to
compare, so an altered sequence, or one with wrong coordinates, stays by itself. Merged intervals are searched among
merged intervals, and every hit that a member could have is reported; then each sequence that lies in such a hit is
searched by itself among all sequences of the earlier splits, and that search alone decides. Where there is much DNA,
`prefilter` replaces the search of merged intervals, and one sequence in twenty is searched by itself in any case; of
proteins, whose merged intervals are searched from fewer words, one in a hundred is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import Alphabet, reverse_complement
from bio_paws.search import blast, prefilter
from bio_paws.search.homologs import SIGNIFICANT_EVALUE

SCREEN_EVALUE = 1e-4
"""E-value of a hit between merged intervals, as if the query were one letter long: a string's own is at least 24 times
as high for the same score among proteins, 2.4 times among DNA (its search space is at least that of one letter over
Karlin-Altschul's K). So a hit may have lost 20 (proteins) or 5 (DNA) of its score to other letters around it."""

SEARCHED_ANYWAY: dict[Alphabet, int] = {"dna": 20, "protein": 100}
"""One in so many strings that the prefilter, or the screen of proteins, rules out is searched by itself."""

_CHARACTERS_PER_JOB = 40_000
_SEQUENCES_PER_JOB, _SEQUENCES_PER_PREFILTER = 200, 17_000
_SEQUENCES_AT_ONCE = 10_000  # of these as Python's
_SCREEN_OPTIONS: dict[Alphabet, tuple[str, ...]] = {
    "dna": (),
    # BLAST+'s 11 takes twice as long: among 14,344 pairs with E < 1e-5, most of them under 60% identical, 12 lost one.
    # Of 370 windows of 150 residues, 30-60% identical, that blastp finds, 12 lost 3, and 13 lost 9: all at 30%.
    "protein": ("-threshold", "12"),
}


class Placed(NamedTuple):
    """A string, and where it says it comes from: its first letter on the forward strand, 0-based, and its strand."""

    text: str
    source: str
    start: int
    strand: str


@dataclass(frozen=True)
class PlacedSequences:
    """Sequences and where they say they come from, in columns: they may be millions.

    Attributes
    ----------
    texts : pyarrow.Array
        Texts, these and others.
    at : ndarray, shape (n,), int64
        Where each stands among them.
    source, start : ndarray, shape (n,), int
        Number of its source, and its first letter there on the forward strand, 0-based.
    reverse : ndarray, shape (n,), bool
        Whether it lies on the other strand.
    """

    texts: pa.Array
    at: NDArray[np.int64]
    source: NDArray[Any]
    start: NDArray[np.int64]
    reverse: NDArray[np.bool_]

    @classmethod
    def of(cls, placed: Sequence[Placed]) -> PlacedSequences:
        """Lay strings out in columns."""
        numbers = {sequence.source: number for number, sequence in enumerate(placed)}
        return cls(
            pa.array([sequence.text for sequence in placed], pa.large_string()),
            np.arange(len(placed)),
            np.array([numbers[sequence.source] for sequence in placed], dtype=np.int64),
            np.array([sequence.start for sequence in placed], dtype=np.int64),
            np.array([sequence.strand == "-" for sequence in placed], dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.at)

    @property
    def letters(self) -> int:
        """Letters of all of them."""
        return pc.sum(pc.binary_length(self.texts).take(pa.array(self.at))).as_py() or 0

    def read(self, which: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
        """Yield some of them with their numbers."""
        for begin in range(0, len(which), _SEQUENCES_AT_ONCE):
            chunk = which[begin : begin + _SEQUENCES_AT_ONCE]
            yield from zip(chunk.tolist(), self.texts.take(pa.array(self.at[chunk])).to_pylist(), strict=True)


@dataclass(slots=True)
class MergedInterval:
    """Letters that overlapping strings agree on.

    Attributes
    ----------
    start : int
        Place of the first letter, forward strand.
    text : str
        The letters.
    members : list of (start, end, index)
        Where each string lies in the text, 0-based, half-open, and which it is.
    """

    start: int
    text: str
    members: list[tuple[int, int, int]] = field(default_factory=list)


def join_overlapping(strings: PlacedSequences, alphabet: Alphabet) -> Iterator[MergedInterval]:
    """Join strings that overlap and agree in all letters they share; each lies whole in one merged interval.

    Examples
    --------
    >>> both = PlacedSequences.of([Placed("ACGT", "s", 5, "+"), Placed("TTAC", "s", 7, "-")])
    >>> [one.text for one in join_overlapping(both, "dna")]
    ['ACGTAA']
    """
    order = np.lexsort((strings.start, strings.source))
    places = zip(*(column[order].tolist() for column in (strings.source, strings.start, strings.reverse)), strict=True)
    opened: list[MergedInterval] = []
    current = -1
    for (source, start), group in groupby(zip(places, strings.read(order), strict=True), key=lambda item: item[0][:2]):
        if source != current:
            yield from opened
            current, opened = source, []
        yield from (interval for interval in opened if interval.start + len(interval.text) <= start)
        opened = [interval for interval in opened if interval.start + len(interval.text) > start]
        forward = [
            (reverse_complement(text) if alphabet == "dna" and reverse else text, index)
            for (_, _, reverse), (index, text) in group
        ]
        for text, index in sorted(forward):
            for interval in opened:
                at = start - interval.start
                shared = min(len(interval.text) - at, len(text))
                if interval.text.startswith(text[:shared], at):
                    interval.text += text[shared:]
                    break
            else:
                interval, at = MergedInterval(start, text), 0
                opened.append(interval)
            interval.members.append((at, at + len(text), index))
    yield from opened


class VerificationSearch:
    """A search of strings among those of earlier splits: begun when made, told by `homologs`.

    Parameters
    ----------
    folder : Path
        A folder of its own, there until `homologs` has returned.
    queries, subjects : PlacedSequences
        Different strings.
    alphabet : {"dna", "protein"}
        What they are.
    residues : int
        Database size that E-values refer to.
    executor : Executor
        Runs the searches.
    """

    def __init__(
        self,
        folder: Path,
        queries: PlacedSequences,
        subjects: PlacedSequences,
        alphabet: Alphabet,
        residues: int,
        executor: Executor,
    ) -> None:
        self._strings = folder / "strings"
        self._queries = queries
        self._subjects = subjects
        self._alphabet: Alphabet = alphabet
        self._residues = residues
        self._executor = executor
        self._merged: list[MergedInterval] = []
        self._screens: list[Future[pa.Table]] = []
        self._prefilters: list[Future[list[int]]] = []
        if not len(queries) or not len(subjects):
            return
        folder.mkdir()
        merged = folder / "merged"
        among = (interval.text for interval in join_overlapping(subjects, alphabet))
        blast.write_texts(merged.with_suffix(".fasta"), among)
        everything = np.arange(len(queries))
        if alphabet == "dna" and prefilter.is_worth_it(queries.letters, merged):
            self._prefilters = [
                executor.submit(_prefilter, dict(queries.read(part)), merged, residues)
                for part in _split(everything, _SEQUENCES_PER_PREFILTER)
            ]
            self._make_database()  # while the jobs run
            return
        blast.make_database(merged, alphabet)
        self._merged = list(join_overlapping(queries, alphabet))
        self._screens = [
            executor.submit(_screen, batch, merged, alphabet, residues) for batch in _batches(self._merged)
        ]

    def homologs(self) -> dict[int, int]:
        """Return the index of each query with a significant hit, and that of a subject it hits."""
        touched = {index for job in self._screens for index in self._members(job.result())}
        if self._screens and self._alphabet == "protein":
            touched.update(range(0, len(self._queries), SEARCHED_ANYWAY["protein"]))
        near = np.array(sorted(touched.union(*(job.result() for job in self._prefilters))), dtype=np.int64)
        if not len(near):
            return {}
        if not self._prefilters:
            self._make_database()
        jobs = [
            self._executor.submit(
                significant_hits, dict(self._queries.read(part)), self._strings, self._alphabet, self._residues
            )
            for part in _split(near, _SEQUENCES_PER_JOB)
        ]
        return {query: subject for job in jobs for query, subject in job.result().items()}

    def _make_database(self) -> None:
        subjects = self._subjects.read(np.arange(len(self._subjects)))
        blast.write_database(self._strings, (text for _, text in subjects), self._alphabet)

    def _members(self, hits: pa.Table) -> Iterator[int]:
        """Yield the strings that hits between merged intervals touch."""
        columns = (hits[name].to_pylist() for name in ("query", "query_start", "query_end"))
        for query, first, last in zip(*columns, strict=True):
            for start, end, index in self._merged[int(query)].members:
                if start < last and end >= first:
                    yield index


def _batches(intervals: list[MergedInterval]) -> Iterator[dict[int, str]]:
    """Share merged intervals out into jobs of about the same number of letters, by their index."""
    batch: dict[int, str] = {}
    letters = 0
    for index, interval in enumerate(intervals):
        batch[index] = interval.text
        letters += len(interval.text)
        if letters >= _CHARACTERS_PER_JOB:
            yield batch
            batch, letters = {}, 0
    if batch:
        yield batch


def _split(numbers: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def _prefilter(texts: dict[int, str], sequences: Path, residues: int) -> list[int]:
    """Return the strings that may have a significant hit, and some that may not."""
    near = set(prefilter.near_homologs(list(texts.values()), sequences, residues, SCREEN_EVALUE))
    return [index for index, text in texts.items() if text in near or index % SEARCHED_ANYWAY["dna"] == 0]


def _screen(texts: dict[int, str], database: Path, alphabet: Alphabet, residues: int) -> pa.Table:
    """Return all hits of merged intervals that strings in them might have."""
    options = ("-evalue", str(SCREEN_EVALUE), "-searchsp", str(residues), *_SCREEN_OPTIONS[alphabet])
    return blast.search_widely(texts.items(), database, alphabet, options).select(["query", "query_start", "query_end"])


def significant_hits(texts: dict[int, str], database: Path, alphabet: Alphabet, residues: int) -> dict[int, int]:
    """Search each sequence by itself.

    Parameters
    ----------
    texts : dict of int to str
        Sequences by index.
    database : Path
        BLAST+ database of the subjects, named by their indices.
    alphabet : {"dna", "protein"}
        Which search.
    residues : int
        Size of the database that E-values are for.

    Returns
    -------
    dict of int to int
        A subject of each sequence with a significant hit.
    """
    options = ("-evalue", blast.WIDE_EVALUE, "-dbsize", str(residues))
    hits = blast.search_widely(texts.items(), database, alphabet, options, max_targets=5)
    columns = (hits[name].to_pylist() for name in ("query", "subject", "evalue"))
    return {
        int(query): int(subject) for query, subject, evalue in zip(*columns, strict=True) if evalue < SIGNIFICANT_EVALUE
    }
