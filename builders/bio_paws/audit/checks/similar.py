"""What later splits hold that is similar to earlier ones: near copies of short sequences, homologs of long ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import LETTERS, Alphabet, reverse_complement
from bio_paws.audit.checks.leakage import FEWEST, Division, costly_divisions, fold_count
from bio_paws.audit.checks.repeats import Numbered
from bio_paws.audit.findings import Chart, Estimate, Finding, finding
from bio_paws.audit.near_copies.edits import SHORT, EditIndex
from bio_paws.audit.near_copies.sketches import Families, sketch
from bio_paws.audit.near_copies.texts import PIECE, SIMILARITY, TextIndex
from bio_paws.audit.pairs import Pairs, fetch, sequences_of
from bio_paws.execution.progress import progress
from bio_paws.search import blast
from bio_paws.search.homologs import SIGNIFICANT_EVALUE, find_hits

SEARCHED = 1_000
"""Long sequences that are searched for homologs, at most, of all sides of an alphabet together."""

SEARCHED_SHORT = 100_000
"""Short sequences of a side that are searched for near copies, at most."""

SPACE = 100_000_000  # letters that E-values refer to, so that they do not hang on how many pairs there are
_FIRST_SUBJECTS = (64, 1_024)  # searched before all: queries of a large family find a homolog among few
_BATCH = 500  # sequences that are searched together
_SEED = 0


@dataclass(frozen=True)
class Queries:
    """Later sequences of one side that no earlier row holds, each once.

    Attributes
    ----------
    side : int
        0 or 1.
    rows : ndarray, shape=(k,)
        A row of each.
    texts : list of str
        In standard spelling.
    whole : int
        How many there are, before sampling.
    """

    side: int
    rows: NDArray[np.int64]
    texts: list[str]
    whole: int


@dataclass(frozen=True)
class Answer:
    """Which of the queries of a side have something similar among the earlier sequences."""

    queries: Queries
    similar: NDArray[np.bool_]

    def words(self, pairs: Pairs) -> str:
        """Say how many of how many sequences of which side."""
        searched = f"{len(self.similar):,}"
        sampled = f" (of {self.queries.whole:,})" if self.queries.whole > len(self.similar) else ""
        return f"{int(self.similar.sum()):,} of {searched}{sampled} of {pairs.columns.sides[self.queries.side]}"


@dataclass(frozen=True)
class Search:
    """A search of the later sequences of one alphabet, short or long.

    Attributes
    ----------
    check : str
        Id of the check that judges it.
    name, method : str
        What was looked for, and how.
    answers : tuple of Answer
        One for each side with sequences to search.
    """

    check: str
    name: str
    method: str
    answers: tuple[Answer, ...]


def check_similar(
    pairs: Pairs, numbered: Numbered, among: Iterable[Division] | None = None
) -> tuple[list[Finding], list[str]]:
    """Search what is new in every split, or in a random split, among the earlier sequences.

    Parameters
    ----------
    pairs, numbered : Pairs, Numbered
        The data set.
    among : iterable of Division, optional
        Which rows are later and which earlier; by default `costly_divisions`.

    Returns
    -------
    tuple of list of Finding, list of str
        The findings; and what was searched how, in words.
    """
    findings: list[Finding] = []
    searches: list[str] = []
    every = costly_divisions(pairs) if among is None else list(among)
    folds = fold_count(pairs, every)
    for division in every:
        for search in search_division(pairs, numbered.canonical, division, SEARCHED // folds, SEARCHED_SHORT // folds):
            report, said = _report(pairs, division, search)
            findings += report
            searches.append(said)
    return (_over_folds(findings, folds) if folds > 1 else findings), searches


def _over_folds(findings: list[Finding], folds: int) -> list[Finding]:
    """Join what was found in each fold, check by check: mean, least and most; a fold without a finding counts as 0."""
    joined = []
    for check in dict.fromkeys(each.check for each in findings):
        own = sorted((each for each in findings if each.check == check), key=lambda each: -each.figure.value)
        values = [each.figure.value for each in own] + [0.0] * (folds - len(own))
        mean = Estimate(sum(values) / folds, min(values), max(values))
        what = f"mean of {folds} folds {mean.value:.1%} ({mean.low:.1%} to {mean.high:.1%}); most: {own[0].what}"
        rows = np.array(own[0].rows, dtype=np.int64)
        joined.append(finding(check, mean, what, rows=rows, numbers=own[0].numbers, chart=own[0].chart))
    return joined


def search_division(
    pairs: Pairs,
    numbers: NDArray[np.int64],
    division: Division,
    most_long: int,
    most_short: int,
    max_evalue: float = SIGNIFICANT_EVALUE,
) -> Iterator[Search]:
    """Search later sequences that are not among the earlier ones, short and long ones of each alphabet.

    Parameters
    ----------
    pairs : Pairs
        The data set.
    numbers : ndarray, shape=(2, n)
        Numbers of the sequences, regardless of the strand.
    division : Division
        Which rows are later and which earlier.
    most_long, most_short : int
        Long sequences of an alphabet, and short ones of a side, that are searched at most.
    max_evalue : float
        Below it a long sequence is a homolog.
    """
    alphabets = pairs.columns.alphabets
    for aligned_as in dict.fromkeys(alphabet.aligned_as for alphabet in alphabets):
        if aligned_as is None:
            sides = [side for side in (0, 1) if alphabets[side].aligned_as is None]
            if texts := _queries(pairs, numbers, division, sides, most_short, short=None):
                yield _search_texts(pairs, numbers, division, sides, texts)
            continue
        sides = [side for side in (0, 1) if alphabets[side].aligned_as == aligned_as]
        if short := _queries(pairs, numbers, division, sides, most_short, short=True):
            yield _search_short(pairs, numbers, division, sides, aligned_as, short)
        if long := _queries(pairs, numbers, division, sides, most_long // len(sides), short=False):
            yield _search_long(pairs, numbers, division, sides, aligned_as, long, max_evalue)


def _search_texts(
    pairs: Pairs, numbers: NDArray[np.int64], division: Division, sides: list[int], queries: list[Queries]
) -> Search:
    """Compare texts, or SMILES as they are written, with earlier ones that share their rarest pieces."""
    index = TextIndex(_earlier(pairs, numbers, division, sides, short=False))
    answers = []
    for own in queries:
        near = progress(index.near(own.texts), desc="near copies", total=len(own.texts), unit="text")
        answers.append(Answer(own, np.array([next(copies, None) is not None for copies in near])))
    method = f"edit distance, up to {1 - SIMILARITY:.0%} of the characters, to any of {len(index.texts):,} earlier ones"
    if index.incomplete:
        method += f"; {index.incomplete:,} were compared with those alone that share their rarest pieces of {PIECE}, "
        method += "so their near copies may be missed"
    check = "random_near_copies" if division.random else "leaked_near_copies"
    return Search(check, "a near copy", method, tuple(answers))


def _search_short(
    pairs: Pairs,
    numbers: NDArray[np.int64],
    division: Division,
    sides: list[int],
    alphabet: Alphabet,
    queries: list[Queries],
) -> Search:
    """Compare short sequences with all earlier ones, by edit distance."""
    index = EditIndex(_earlier(pairs, numbers, division, sides, short=True), alphabet)
    strands = any(pairs.columns.alphabets[side].both_strands for side in sides)
    answers, edits = [], set()
    for own in queries:
        similar = np.zeros(len(own.texts), dtype=bool)
        for at, text in enumerate(progress(own.texts, desc="near copies", unit="sequence")):
            edits.add(index.edits(len(text)))
            near: Iterable[int] = index.near(text)
            if strands:
                near = chain(near, index.near(reverse_complement(text)))
            similar[at] = next(iter(near), None) is not None
        answers.append(Answer(own, similar))
    how = f"up to {min(edits)}" if len(edits) == 1 else f"up to {min(edits)} to {max(edits)}, by length"
    method = f"edit distance, {how}, to any of {len(index.texts):,} earlier sequences"
    check = "random_near_copies" if division.random else "leaked_near_copies"
    return Search(check, "a near copy", method, tuple(answers))


def _search_long(
    pairs: Pairs,
    numbers: NDArray[np.int64],
    division: Division,
    sides: list[int],
    alphabet: Alphabet,
    queries: list[Queries],
    max_evalue: float,
) -> Search:
    """Search long sequences among all the earlier ones, by BLAST+."""
    texts = [clean_for_blast(text, alphabet) for own in queries for text in own.texts]
    earlier = (clean_for_blast(text, alphabet) for text in _earlier(pairs, numbers, division, sides, short=False))
    hits = _homologs(texts, earlier, alphabet, max_evalue)
    answers, start = [], 0
    for own in queries:
        end = start + len(own.texts)
        answers.append(Answer(own, np.array([text in hits for text in texts[start:end]])))
        start = end
    check = "random_homologs" if division.random else "leaked_homologs"
    return Search(check, "a homolog", f"BLAST+, E < {max_evalue:.0e}", tuple(answers))


def _homologs(queries: list[str], earlier: Iterator[str], alphabet: Alphabet, max_evalue: float) -> set[str]:
    """Return the queries that have a homolog among the earlier sequences.

    Near-identical earlier sequences are searched once, and a query that is near-identical to one is not searched.
    """
    families = Families(alphabet)
    founders = list(progress(families.founders(earlier), desc="families of sequences", unit="family"))
    if not founders:
        return set()
    hits, remaining, of_family = set(), [], Families(alphabet)
    members: dict[int, list[str]] = {}
    for text, hashes in zip(queries, sketch(queries, alphabet).tolist(), strict=True):
        if families.family_of(hashes) is not None:
            hits.add(text)
            continue
        family = of_family.family_of(hashes)
        if family is None:
            family = of_family.add(hashes)
            remaining.append(text)
        members.setdefault(family, []).append(text)
    order = np.random.default_rng(_SEED).permutation(len(founders))
    start = 0
    for end in (*_FIRST_SUBJECTS, len(founders)):
        subjects = [founders[at] for at in order[start:end].tolist()]
        if not remaining or not subjects:
            break
        hits |= _search(remaining, subjects, alphabet, max_evalue)
        remaining = [text for text in remaining if text not in hits]
        start = end
    for alike in members.values():
        if alike[0] in hits:
            hits.update(alike)
    return hits


def _search(queries: list[str], subjects: list[str], alphabet: Alphabet, max_evalue: float) -> set[str]:
    with tempfile.TemporaryDirectory(prefix="bio-paws-") as folder:
        database = Path(folder) / "earlier"
        blast.write_database(database, subjects, alphabet)
        hits: set[str] = set()
        batches = iter(queries)
        with progress(desc="homologs", total=len(queries), unit="sequence") as bar:
            while batch := list(islice(batches, _BATCH)):
                hits |= set(find_hits(batch, database, alphabet, SPACE, max_evalue))
                bar.update(len(batch))
        return hits


def _report(pairs: Pairs, division: Division, search: Search) -> tuple[list[Finding], str]:
    """Judge the side with most; sides with a handful of sequences are told, not judged."""
    answers = search.answers
    words = "; ".join(answer.words(pairs) for answer in answers)
    said = f"{division.name}: {words} not among {division.earlier} have {search.name} there ({search.method})"
    judged = [answer for answer in answers if len(answer.similar) >= FEWEST and answer.similar.any()]
    if not judged:
        return [], said
    worst = max(judged, key=lambda answer: float(answer.similar.mean()))
    count, whole = int(worst.similar.sum()), len(worst.similar)
    sides = [pairs.columns.sides[answer.queries.side] for answer in answers]
    numbers: dict[str, float | int | str] = {}
    for side, answer in zip(sides, answers, strict=True):
        numbers |= {f"{side}, searched": len(answer.similar), f"{side}, similar": int(answer.similar.sum())}
    rows = np.unique(np.concatenate([answer.queries.rows[answer.similar] for answer in judged]))
    shares = {"similar": tuple(float(answer.similar.mean()) for answer in answers)}
    chart = Chart("bars", "side", tuple(sides), shares, "part of the new sequences")
    complete = worst.queries.whole == whole and not division.random
    figure = Estimate.counted(count, whole) if complete else Estimate.sampled(count, whole)
    return [finding(search.check, figure, said, rows=rows, numbers=numbers, chart=chart)], said


def _queries(
    pairs: Pairs, numbers: NDArray[np.int64], division: Division, sides: list[int], most: int, *, short: bool | None
) -> list[Queries]:
    """Sample the later sequences of each side that no earlier row holds: short ones, the others, or (None) all."""
    known = np.zeros(int(numbers.max()) + 1, dtype=bool)
    known[numbers[sides][:, division.early].ravel()] = True
    queries = []
    for side in sides:
        of_length = True if short is None else (pairs.features["length"][side] <= SHORT) == short
        late = np.flatnonzero(division.late & of_length)
        first = late[np.unique(numbers[side, late], return_index=True)[1]]
        new = first[~known[numbers[side, first]]]
        rows = np.sort(np.random.default_rng(_SEED).permutation(new)[:most])
        if len(rows):
            texts = fetch(pairs, rows)
            standard = pairs.columns.alphabets[side].standard
            own = [standard(text) for text in (texts.sentence1, texts.sentence2)[side]]
            queries.append(Queries(side, rows, own, len(new)))
    return queries


def _earlier(
    pairs: Pairs, numbers: NDArray[np.int64], division: Division, sides: list[int], *, short: bool
) -> Iterator[str]:
    """Yield each earlier sequence once: those that can be near copies of short ones, or all."""
    parts = [part for part in range(len(pairs.splits)) if (division.early & (pairs.part == part)).any()]
    streams = []
    taken = np.zeros(int(numbers.max()) + 1, dtype=bool)
    for side in sides:
        own = np.flatnonzero(division.early & ((pairs.features["length"][side] <= 2 * SHORT) if short else True))
        first = own[np.unique(numbers[side, own], return_index=True)[1]]
        first = first[~taken[numbers[side, first]]]
        taken[numbers[side, first]] = True
        wanted = np.zeros(len(pairs), dtype=bool)
        wanted[first] = True
        streams.append(sequences_of(pairs, parts, wanted, side))
    return chain.from_iterable(streams)


def clean_for_blast(text: str, alphabet: Alphabet) -> str:
    """Keep what BLAST takes: other letters become the one that matches nothing, gaps go."""
    unknown = "N" if alphabet == "dna" else "X"
    letters = (letter if letter in LETTERS[alphabet] else unknown for letter in text if letter not in "-.* \t")
    return "".join(letters) or unknown
