"""The one similarity function: exact Smith-Waterman local alignment with parasail.

Scores are those of BLAST+: DNA +2/-3 with a gap of length k costing 5 + 2k (blastn), proteins BLOSUM62 with a gap
of length k costing 11 + k (blastp). Where best alignments tie, the one with most identical positions counts, then
the shortest.

parasail returns one optimal alignment of many, so its own match counts depend on the order of its arguments.
Here the tie rule is part of the score: each column scores ``score * 2**(m + c) + match * 2**c - 1``, with m and c
large enough that matches and columns never carry over. The best such score is the best ordinary score, then the
most matches, then the fewest columns, and all three are read back from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import parasail
from Bio.Align import substitution_matrices
from numpy.typing import NDArray

from bio_paws.align import batch_kernels

logger = logging.getLogger(__name__)

Alphabet = Literal["dna", "protein"]

GAP_OPEN = {"dna": 5, "protein": 11}
GAP_EXTEND = {"dna": 2, "protein": 1}
LETTERS = {"dna": "ACGT", "protein": "ARNDCQEGHILKMFPSTWYV"}
_COMPLEMENT = str.maketrans("ACGTacgtNn", "TGCAtgcaNn")
_INT32_MAX = 2**31 - 1
_MAX_COLUMN_SCORE = {"dna": 2, "protein": 11}
_OTHER_LETTER = {"dna": -3, "protein": -4}
PAIRS_PER_CHECK = 100
"""One pair in this many that were aligned in batches is aligned again by `align`, as a check."""
_BATCH_MATCH_BITS, _BATCH_COLUMN_BITS = 9, 10  # of strings up to 511 letters: their scores fit int32 above these
LONGEST_KEYS = {"dna": 511, "protein": 340}
"""So many times the best score of a column, and one letter of a gap, are less than 2^12."""
LONGEST_SCORES = 2_000
"""Longest strings whose scores alone fit batches: below 2^15 by the same count."""
Ints = NDArray[np.int64]
Key = TypeVar("Key", int, Ints)


class Alignment(NamedTuple):
    """The best local alignment: its score, its identical positions, its columns (gaps included)."""

    score: int
    matches: int
    columns: int

    @property
    def identity(self) -> float:
        """Identical positions / alignment columns, as BLAST reports it; 0 for the empty alignment."""
        return self.matches / self.columns if self.columns else 0.0


@dataclass(frozen=True)
class Alignments:
    """The best local alignments of many pairs.

    Attributes
    ----------
    score, matches, columns : ndarray, shape (pairs,), int64
        As in `Alignment`.
    """

    score: Ints
    matches: Ints
    columns: Ints

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, i: int) -> Alignment:
        return Alignment(int(self.score[i]), int(self.matches[i]), int(self.columns[i]))

    @property
    def identity(self) -> NDArray[np.float64]:
        """That of each alignment."""
        return self.matches / np.maximum(self.columns, 1)


def reverse_complement(dna: str) -> str:
    """Return the other strand of `dna`, keeping the case."""
    return dna.translate(_COMPLEMENT)[::-1]


def _column_score(alphabet: Alphabet, a: str, b: str) -> int:
    if alphabet == "dna":
        return 2 if a == b else -3
    return int(_blosum62()[a][b])


@lru_cache(maxsize=1)
def _blosum62() -> substitution_matrices.Array:
    matrix: substitution_matrices.Array = substitution_matrices.load("BLOSUM62")
    return matrix


@lru_cache(maxsize=64)
def _matrix(alphabet: Alphabet, match_bits: int, column_bits: int) -> parasail.Matrix:
    """Substitution matrix whose scores carry the tie rule; the plain one where no bits are given to it."""
    letters = LETTERS[alphabet]
    bits, column = match_bits + column_bits, 1 if column_bits else 0
    match = 1 << column_bits if match_bits else 0
    matrix = parasail.matrix_create(letters, 0, 0)
    for i, a in enumerate(letters):
        for j, b in enumerate(letters):
            matrix[i, j] = (_column_score(alphabet, a, b) << bits) + match * (a == b) - column
    # parasail's last row stands for every other letter: a stop codon, an ambiguous base.
    unknown = (_OTHER_LETTER[alphabet] << bits) - column
    for i in range(len(letters) + 1):
        matrix[i, len(letters)] = matrix[len(letters), i] = unknown
    return matrix


def align(a: str, b: str, alphabet: Alphabet) -> Alignment:
    """Align two upper-case strings locally.

    Parameters
    ----------
    a, b : str
        Strings over the four bases or the twenty amino acids, not empty; any other letter, a stop among them,
        matches nothing.
    alphabet : {"dna", "protein"}
        Which scores to use.

    Returns
    -------
    Alignment
        Symmetric in `a` and `b`.

    Raises
    ------
    OverflowError
        When the strings are so long (some 8,000 letters) that scores with the tie rule do not fit parasail's matrix.
    """
    shorter = min(len(a), len(b))
    match_bits = shorter.bit_length()
    column_bits = (len(a) + len(b)).bit_length()
    low_bits = match_bits + column_bits
    if GAP_OPEN[alphabet] + GAP_EXTEND[alphabet] + 1 > _INT32_MAX >> low_bits:
        raise OverflowError(f"strings of {len(a)} and {len(b)} letters are too long to align")
    score = None
    if _MAX_COLUMN_SCORE[alphabet] * shorter + 1 > _INT32_MAX >> low_bits:
        score = align_score(a, b, alphabet)  # may be as large as that, but seldom is
    wide = score is not None and score + 1 > _INT32_MAX >> low_bits
    key = _run(a, b, alphabet, match_bits, column_bits, wide=wide)
    # parasail hands back the low 32 bits of a wide score: all of matches and columns are in them.
    alignment = Alignment(*_decode(key, match_bits, column_bits))
    return alignment if score is None else alignment._replace(score=score)


def align_score(a: str, b: str, alphabet: Alphabet) -> int:
    """Return the score of the best local alignment alone; the arguments are those of `align`."""
    return _run(a, b, alphabet, 0, 0, wide=False)


def align_all(pairs: Sequence[tuple[str, str]], alphabet: Alphabet) -> Alignments:
    """Align many pairs: by `batch_alignment` where llvmlite is installed, those of long strings by `align`.

    Parameters
    ----------
    pairs : sequence of (str, str)
        As in `align`.
    alphabet : {"dna", "protein"}
        Which scores to use.

    Returns
    -------
    Alignments
        Equal to those of `align`, in the order of the pairs.

    Raises
    ------
    ArithmeticError
        When `align`, which aligns one pair in `PAIRS_PER_CHECK` again, disagrees.
    """

    def in_batches(batch: Sequence[tuple[str, str]]) -> Ints:
        keys = batch_kernels.best_scores(batch, *_batch_scores(alphabet, _BATCH_MATCH_BITS, _BATCH_COLUMN_BITS))
        return np.stack(_decode(keys, _BATCH_MATCH_BITS, _BATCH_COLUMN_BITS), axis=1)

    return Alignments(*_checked_batches(pairs, alphabet, LONGEST_KEYS[alphabet], in_batches, align).reshape(-1, 3).T)


def align_scores(pairs: Sequence[tuple[str, str]], alphabet: Alphabet) -> list[int]:
    """Return the `align_score` of many pairs, twice as fast as `align_all`, whose arguments and errors these are."""

    def in_batches(batch: Sequence[tuple[str, str]]) -> Ints:
        return batch_kernels.best_scores(batch, *_batch_scores(alphabet, 0, 0))

    scores: list[int] = _checked_batches(pairs, alphabet, LONGEST_SCORES, in_batches, align_score).tolist()
    return scores


def dna_scores_around(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the best score of strings of DNA with what lies around their places: llvmlite must be there.

    Parameters
    ----------
    first : ndarray, shape (n, letters)
        Upper-case ASCII, at most 2,000 letters, spaces behind the ends.
    second : ndarray, shape (n, letters + shifts)
        Likewise. Letter i of the first string may be aligned with any of letters i to i + shifts.

    Returns
    -------
    ndarray, shape (n,), int64
    """
    scores, bits, _ = _batch_scores("dna", 0, 0)
    return batch_kernels.best_scores_around(first, second, scores, bits)


@lru_cache(maxsize=4)
def _batch_scores(
    alphabet: Alphabet, match_bits: int, column_bits: int
) -> tuple[batch_kernels.Scores, batch_kernels.Bits, batch_kernels.Substitutions | None]:
    """Scores that carry the tie rule, in lanes of 32 bits; the plain ones in 16 where no bits are given to it."""
    shift, column = match_bits + column_bits, 1 if column_bits else 0
    match = 1 << column_bits if match_bits else 0
    extend = (GAP_EXTEND[alphabet] << shift) + column
    first = (GAP_OPEN[alphabet] << shift) + extend
    bits: batch_kernels.Bits = 32 if shift else 16
    if alphabet == "dna":
        equal, different = _MAX_COLUMN_SCORE["dna"] << shift, _OTHER_LETTER["dna"] << shift
        return batch_kernels.Scores(equal + match - column, different - column, first, extend), bits, None
    letters = LETTERS[alphabet]
    table = np.full((32, 32), _OTHER_LETTER[alphabet], dtype=np.int8)
    for i, a in enumerate(letters):
        table[i, : len(letters)] = [_column_score(alphabet, a, b) for b in letters]
    least = int(table.diagonal()[: len(letters)].min())  # above the score of any two letters that differ
    substitutions = batch_kernels.Substitutions(letters, table, least, shift)
    return batch_kernels.Scores(match - column, -column, first, extend), bits, substitutions


def _checked_batches(
    pairs: Sequence[tuple[str, str]],
    alphabet: Alphabet,
    longest: int,
    in_batches: Callable[[Sequence[tuple[str, str]]], Ints],
    align_one: Callable[[str, str, Alphabet], int | tuple[int, ...]],
) -> Ints:
    """Align pairs up to a length by `in_batches`; longer ones, and a sample as a check, by `align_one`."""

    def one_by_one(pairs: Iterable[tuple[str, str]]) -> Ints:
        return np.array([align_one(a, b, alphabet) for a, b in pairs], dtype=np.int64)

    if not batch_kernels.available():
        return one_by_one(pairs)
    short, long = pairs, []
    if max(map(len, chain.from_iterable(pairs)), default=0) > longest:
        long = [i for i, (a, b) in enumerate(pairs) if max(len(a), len(b)) > longest]
        short = [(a, b) for a, b in pairs if max(len(a), len(b)) <= longest]
    aligned = in_batches(short)
    sample = one_by_one(short[::PAIRS_PER_CHECK])
    if not np.array_equal(aligned[::PAIRS_PER_CHECK].ravel(), sample.ravel()):
        raise ArithmeticError("alignments in batches differ from parasail's: uninstall llvmlite")
    logger.debug("aligned %d pairs in batches, one in %d by parasail too", len(short), PAIRS_PER_CHECK)
    if not long:
        return aligned
    rest = one_by_one(pairs[i] for i in long)
    return np.insert(aligned, np.array(long) - np.arange(len(long)), rest, axis=0)


def _decode(key: Key, match_bits: int, column_bits: int) -> tuple[Key, Key, Key]:
    """Read score, matches and columns back from a score that carries the tie rule, or from an array of such scores."""
    columns = -key % (1 << column_bits)
    scored = (key + columns) >> column_bits
    return scored >> match_bits, scored & ((1 << match_bits) - 1), columns


def local_start(a: str, b: str, alphabet: Alphabet) -> tuple[int, int]:
    """Return where a best local alignment starts in `a` and in `b`, 0-based; the arguments are those of `align`."""
    ends = _ends(a, b, alphabet)
    # Read backwards from its end, the best alignment ends where it starts.
    back = _ends(a[: ends[0] + 1][::-1], b[: ends[1] + 1][::-1], alphabet)
    return ends[0] - back[0], ends[1] - back[1]


def _ends(a: str, b: str, alphabet: Alphabet) -> tuple[int, int]:
    first = GAP_OPEN[alphabet] + GAP_EXTEND[alphabet]
    result = parasail.sw_striped_32(a, b, first, GAP_EXTEND[alphabet], _matrix(alphabet, 0, 0))
    return result.end_query, result.end_ref


def _run(a: str, b: str, alphabet: Alphabet, match_bits: int, column_bits: int, *, wide: bool) -> int:
    kernel = parasail.sw_striped_64 if wide else parasail.sw_striped_32
    unit = 1 << (match_bits + column_bits)
    column = 1 if column_bits else 0
    extend = GAP_EXTEND[alphabet] * unit + column
    # parasail's `open` is the cost of the first gap residue, BLAST's comes on top of `extend`.
    first = GAP_OPEN[alphabet] * unit + extend
    return int(kernel(a, b, first, extend, _matrix(alphabet, match_bits, column_bits)).score)


def best_alignment(a: str, b: str, alphabet: Alphabet) -> Alignment:
    """Align `a` with `b`, for DNA also with the other strand of `b`, and return the one with most matches."""
    forward = align(a, b, alphabet)
    if alphabet == "protein":
        return forward
    reverse = align(a, reverse_complement(b), alphabet)
    return max(forward, reverse, key=lambda alignment: _rank(*alignment))


def best_alignments(pairs: Sequence[tuple[str, str]], alphabet: Alphabet) -> Alignments:
    """Return the `best_alignment` of many pairs, by `align_all`."""
    forward = align_all(pairs, alphabet)
    if alphabet == "protein":
        return forward
    reverse = align_all([(a, reverse_complement(b)) for a, b in pairs], alphabet)
    turned = _rank(reverse.score, reverse.matches, reverse.columns) > _rank(
        forward.score, forward.matches, forward.columns
    )
    return Alignments(
        np.where(turned, reverse.score, forward.score),
        np.where(turned, reverse.matches, forward.matches),
        np.where(turned, reverse.columns, forward.columns),
    )


def _rank(score: Key, matches: Key, columns: Key) -> Key:
    """Most matches first, then the best score, then the fewest columns: none of them reaches 2^20."""
    return (matches << 40) + (score << 20) - columns


def similarity(a: str, b: str, alphabet: Alphabet) -> float:
    """Identical positions in the optimal local alignment / length of the longer string; DNA on both strands.

    Rows of a data set state it from alignments in batches (`bio_paws.build.pair_filter.PairFilter.measured`), and
    `bio_paws.verify.rows` computes it anew.

    Examples
    --------
    >>> similarity("ACGTACGT", "ACGTACGT", "dna")
    1.0
    """
    return best_alignment(a, b, alphabet).matches / max(len(a), len(b))
