"""The proof search of a finished data set: strings of one split that have a homolog in the splits before it.

Windows of one locus overlap, so searching string by string would read the same letters many times. Strings that lie on
each other and agree in every letter they share are first joined to stretches: their places only say what to compare, so
an altered string, or one whose place is wrong, stays by itself. Stretches are searched in stretches, with every hit
reported that a string of theirs could have; then each string that lies in such a hit is searched by itself among all
strings of the earlier splits, and that search alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from bio_paws.tools import blast
from bio_paws.tools.smith_waterman import Alphabet, reverse_complement

HOMOLOG_EVALUE = 1e-5
SCREEN_EVALUE = 1e-4
"""E-value of a hit between stretches, as if the stretch were one letter long: a string's own is at least 24 times as
high for the same score among proteins, 2.4 times among DNA (its search space is at least that of one letter over
Karlin-Altschul's K). So a hit may have lost 20 (proteins) or 5 (DNA) of its score to other letters around it."""

_LETTERS_A_JOB = 40_000
_STRINGS_A_JOB = 200
_SCREEN_OPTIONS: dict[Alphabet, tuple[str, ...]] = {
    "dna": (),
    # BLAST+'s 11 takes twice as long: among 14,344 pairs with E < 1e-5, most of them under 60% identical, 12 lost one.
    "protein": ("-threshold", "12"),
}


class Placed(NamedTuple):
    """A string, and where it says it comes from: its first letter on the forward strand, 0-based, and its strand."""

    text: str
    source: str
    start: int
    strand: str


@dataclass
class Stretch:
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


def join_overlapping(strings: Sequence[Placed], alphabet: Alphabet) -> list[Stretch]:
    """Join strings that overlap and agree in all letters they share; each lies whole in one stretch.

    Examples
    --------
    >>> [one.text for one in join_overlapping([Placed("ACGT", "s", 5, "+"), Placed("TTAC", "s", 7, "-")], "dna")]
    ['ACGTAA']
    """

    def forward(index: int) -> tuple[str, int]:
        one = strings[index]
        return (reverse_complement(one.text) if alphabet == "dna" and one.strand == "-" else one.text), index

    # Strings may be made as they are looked at: not all of them are there at once.
    places = sorted((one.source, one.start, index) for index, one in enumerate(strings))
    placed = (
        (source, start, text, index)
        for (source, start), some in groupby(places, key=itemgetter(0, 1))
        for text, index in sorted(forward(index) for _, _, index in some)
    )
    stretches: list[Stretch] = []
    opened: list[Stretch] = []
    current = ""
    for source, start, text, index in placed:
        if source != current:
            current, opened = source, []
        opened = [one for one in opened if one.start + len(one.text) > start]
        for stretch in opened:
            at = start - stretch.start
            shared = min(len(stretch.text) - at, len(text))
            if stretch.text.startswith(text[:shared], at):
                stretch.text += text[shared:]
                break
        else:
            stretch, at = Stretch(start, text), 0
            stretches.append(stretch)
            opened.append(stretch)
        stretch.members.append((at, at + len(text), index))
    return stretches


class ProofSearch:
    """A search of strings among those of earlier splits: begun when made, told by `homologs`.

    Parameters
    ----------
    folder : Path
        A folder of its own, there until `homologs` has returned.
    queries, subjects : sequence of Placed
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
        queries: Sequence[Placed],
        subjects: Sequence[Placed],
        alphabet: Alphabet,
        residues: int,
        executor: Executor,
    ) -> None:
        self._folder = folder
        self._queries = queries
        self._subjects = subjects
        self._alphabet: Alphabet = alphabet
        self._residues = residues
        self._executor = executor
        self._stretches: list[Stretch] = []
        self._jobs: list[Future[pa.Table]] = []
        if queries and subjects:
            folder.mkdir()
            self._stretches = join_overlapping(queries, alphabet)
            among = (stretch.text for stretch in join_overlapping(subjects, alphabet))
            database = folder / "stretches"
            blast.write_database(database, among, alphabet)
            self._jobs = [
                executor.submit(_screen, batch, database, alphabet, residues) for batch in _batches(self._stretches)
            ]

    def homologs(self) -> dict[int, int]:
        """Return the index of each query with a significant hit, and that of a subject it hits."""
        near = sorted({index for job in self._jobs for index in self._members(job.result())})
        if not near:
            return {}
        database = self._folder / "strings"
        blast.write_database(database, (one.text for one in self._subjects), self._alphabet)
        batches = [near[at : at + _STRINGS_A_JOB] for at in range(0, len(near), _STRINGS_A_JOB)]
        jobs = [
            self._executor.submit(
                _confirm, {i: self._queries[i].text for i in batch}, database, self._alphabet, self._residues
            )
            for batch in batches
        ]
        return {query: subject for job in jobs for query, subject in job.result().items()}

    def _members(self, hits: pa.Table) -> Iterator[int]:
        """Yield the strings that hits between stretches touch."""
        columns = (hits[name].to_pylist() for name in ("query", "query_start", "query_end"))
        for query, first, last in zip(*columns, strict=True):
            for start, end, index in self._stretches[int(query)].members:
                if start < last and end >= first:
                    yield index


def _batches(stretches: list[Stretch]) -> Iterator[dict[int, str]]:
    """Share stretches out into jobs of about the same number of letters, by their index."""
    batch: dict[int, str] = {}
    letters = 0
    for index, stretch in enumerate(stretches):
        batch[index] = stretch.text
        letters += len(stretch.text)
        if letters >= _LETTERS_A_JOB:
            yield batch
            batch, letters = {}, 0
    if batch:
        yield batch


def _screen(texts: dict[int, str], database: Path, alphabet: Alphabet, residues: int) -> pa.Table:
    """Return all hits of stretches that strings in them might have."""
    options = ("-evalue", str(SCREEN_EVALUE), "-searchsp", str(residues), *_SCREEN_OPTIONS[alphabet])
    return blast.search_widely(texts.items(), database, alphabet, options).select(["query", "query_start", "query_end"])


def _confirm(texts: dict[int, str], database: Path, alphabet: Alphabet, residues: int) -> dict[int, int]:
    """Return a subject of each string with a significant hit."""
    options = ("-evalue", blast.WIDE_EVALUE, "-dbsize", str(residues))
    hits = blast.search_widely(texts.items(), database, alphabet, options, max_targets=5)
    columns = (hits[name].to_pylist() for name in ("query", "subject", "evalue"))
    return {
        int(query): int(subject) for query, subject, evalue in zip(*columns, strict=True) if evalue < HOMOLOG_EVALUE
    }
