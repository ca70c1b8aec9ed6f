"""Which of many DNA strings may have a homolog among long sequences: all that blastn could find there, and a few more.

blastn starts from words of 11 equal letters, extends each without gaps, and goes on with gaps only where that scores
enough. The same is done here, one after the other: words, extensions, and for what is left the best score around the
place by `smith_waterman`, which no alignment of blastn's passes that shifts as little. numba compiles the first two,
when they are first used; their letters lie where the processor finds them, which is all that makes them several times
as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bio_paws.align.karlin_altschul import GAPPED
from bio_paws.align.smith_waterman import dna_scores_around, reverse_complement
from bio_paws.search.digests import require_intact

WORD = 11
"""Letters of blastn's words in `blast.WIDE_OPTIONS`."""
TRIGGER = 28
"""Score without gaps that blastn asks for before it tries gaps: 27 bits (``BLAST_GAP_TRIGGER_NUCL``) of the ungapped
statistics of +2/-3, lambda 0.634 and K 0.41 for bases in equal parts; for all others it is higher."""
DROP = 22
"""How far below its best an extension without gaps may fall: 20 bits (``BLAST_UNGAPPED_X_DROPOFF_NUCL``)."""
SHIFT = 20
"""Letters by which gaps may shift an alignment. One that shifts further costs 45, and holds a part that is found by
itself."""
MUCH = 3e13
"""Letters of strings times letters of sequences, from which BLAST takes longer than this takes to compile."""

LONGEST = 1_900
"""Longer strings are let through: with their surroundings they pass what `dna_scores_around` can align."""

_MATCH, _MISMATCH = 2, -3
_NEAR = 16  # letters on either side of a word that lie beside it in the index
_HOPELESS = -18
"""Score of these letters under which those behind them are not looked at. Of 1.8 million made-up alignments without
gaps, of 50 and 150 columns and 60-90% identity, that blastn would go on with, none was lost so."""
CHARACTERS_PER_BLOCK = 1 << 21  # of sequences in memory at a time
EXTENSIONS_PER_BLOCK = 1 << 18  # in memory at a time
_PAIRS_AT_ONCE = 4_096
_SEEDS_AT_ONCE, _FEW = 1 << 15, 4  # words of a block, each at one place of the strings; places that most words have
_PART_BITS = 6  # words that begin alike are looked up together: their part of the index stays in the cache
_SPACE = ord(" ")
_END = 4  # code of whatever is not a base, and between two strings: equal to nothing

Letters = NDArray[np.uint8]
Codes = NDArray[np.uint8]


def available() -> bool:
    """Whether numba, which is an extra, is installed and compiles."""
    try:
        import numba
    except ImportError:
        return False
    settings: Any = numba.config
    return not settings.DISABLE_JIT


def is_worth_it(letters: int, sequences: Path) -> bool:
    """Whether strings of so many letters are so much to search among sequences that the prefilter saves time."""
    return letters * sequences.with_suffix(".fasta").stat().st_size > MUCH and available()


def least_score(query_length: int, residues: int, evalue: float) -> int:
    """Return the lowest score whose E-value may be below `evalue`; the formula is that of `statistics`."""
    lambda_, k = GAPPED["dna"]
    return math.floor(math.log(k * query_length * residues / evalue) / lambda_)


def near_homologs(queries: Sequence[str], sequences: Path, residues: int, evalue: float) -> list[str]:
    """Pick the strings that may have a hit: all of them where numba is missing.

    Parameters
    ----------
    queries : sequence of str
        Upper-case DNA.
    sequences : Path
        Path, without its suffix, of a file from `blast.write_texts`: upper-case sequences.
    residues : int
        Database size that E-values refer to.
    evalue : float
        A hit lies below it.

    Returns
    -------
    list of str
        In the order of the queries.

    Raises
    ------
    DamagedFile
        When the file is not as it was written.
    """
    if not queries or not available():
        return list(queries)
    require_intact(sequences)
    strings = _pack([*queries, *map(reverse_complement, queries)])
    index = _index_of(strings)
    least = np.array([least_score(length, residues, evalue) for length in strings.lengths.tolist()])
    may_hit = strings.lengths > LONGEST
    for block in _blocks(sequences.with_suffix(".fasta"), int(strings.lengths.max()) + 2 * SHIFT):
        _search(strings, index, block, least, may_hit)
    either = may_hit[: len(queries)] | may_hit[len(queries) :]
    return [queries[i] for i in np.flatnonzero(either).tolist()]


class _PackedSequences(NamedTuple):
    """Sequences behind each other, a line break between two: where each starts, and how long it is.

    As many spaces as the longest has letters stand behind the last: so as many can be cut out anywhere.
    """

    letters: Letters
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


class _Index(NamedTuple):
    """Words of strings: their codes, and of `_words` what is looked up."""

    codes: Codes
    heads: NDArray[np.int32]
    places: NDArray[np.int32]
    near: NDArray[np.int64]


def _pack(texts: Sequence[str]) -> _PackedSequences:
    lengths = np.array([len(text) for text in texts])
    letters = np.frombuffer("\n".join([*texts, " " * int(lengths.max())]).encode(), dtype=np.uint8)
    return _PackedSequences(letters, np.cumsum(lengths + 1) - lengths - 1, lengths)


def _index_of(strings: _PackedSequences) -> _Index:
    codes = _codes(strings.letters)
    heads, _, places, near = _compiled(_words)(codes, 2 * WORD)
    return _Index(codes, heads, places, near)


def _search(
    strings: _PackedSequences, index: _Index, block: Letters, least: NDArray[np.int64], may_hit: NDArray[np.bool_]
) -> None:
    """Mark the strings that may have a hit in a block."""
    codes = _codes(block)
    _, words, starts, around = _compiled(_words)(codes, _PART_BITS)
    seeds = np.empty((2, _SEEDS_AT_ONCE + int(np.diff(index.heads).max()) + _FEW), dtype=np.int32)
    extensions = []
    word = waiting = 0
    while word < len(words):
        word, count = _compiled(_gather)(index.heads, words, word, seeds)
        count = _compiled(_keep_hopeful)(index.near, around, seeds, count, *_tables())
        sides = index.codes, index.places, index.near, codes, starts, around
        extensions.append(_compiled(_extend)(*sides, seeds[:, :count], *_tables()))
        waiting += len(extensions[-1])
        if waiting > EXTENSIONS_PER_BLOCK or word == len(words):
            _judge(np.concatenate(extensions), strings, block, least, may_hit)
            extensions, waiting = [], 0


def _judge(
    extensions: NDArray[np.int32],
    strings: _PackedSequences,
    block: Letters,
    least: NDArray[np.int64],
    may_hit: NDArray[np.bool_],
) -> None:
    """Mark the strings whose extensions score enough, with gaps where they need them."""
    string = np.searchsorted(strings.starts, extensions[:, 0], "right") - 1
    may_hit[string[extensions[:, 2] >= least[string]]] = True
    extensions, string = extensions[~may_hit[string]], string[~may_hit[string]]
    # A string lies at one place for all its words on a diagonal. Like lengths are aligned together.
    diagonal = extensions[:, 1].astype(np.int64) - (extensions[:, 0] - strings.starts[string])
    place = np.unique((strings.lengths[string] << 48) + (diagonal + (1 << 20) << 24) + string)
    string, diagonal = place & 0xFFFFFF, (place >> 24 & 0xFFFFFF) - (1 << 20)
    margin = int(strings.lengths.max()) + SHIFT
    around = np.pad(block, margin, constant_values=_SPACE)
    for at in range(0, len(place), _PAIRS_AT_ONCE):
        chunk = string[at : at + _PAIRS_AT_ONCE]
        lengths = strings.lengths[chunk]
        longest = int(lengths.max())
        own = sliding_window_view(strings.letters, longest)[strings.starts[chunk]]
        own[np.arange(longest) >= lengths[:, None]] = _SPACE
        starts = diagonal[at : at + _PAIRS_AT_ONCE] - SHIFT + margin
        windows = sliding_window_view(around, longest + 2 * SHIFT)[starts]
        may_hit[chunk[dna_scores_around(own, windows) >= least[chunk]]] = True


def _blocks(path: Path, overlap: int) -> Iterator[Letters]:
    """Read a file block by block, each with the end of the one before."""
    size = path.stat().st_size
    for at in range(0, max(size - overlap, 1), CHARACTERS_PER_BLOCK):
        yield np.fromfile(path, dtype=np.uint8, count=CHARACTERS_PER_BLOCK + overlap, offset=at)


def _codes(letters: Letters) -> Codes:
    table = np.full(256, _END, dtype=np.uint8)
    table[list(b"ACGT")] = range(4)
    return table[letters]


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    compiled: Callable[..., Any] = numba.njit(function)
    return compiled


@cache
def _tables() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Best score of a beginning of 8 columns, and score of all: by 16 bits, each two zero where letters agree."""
    columns = np.arange(1 << 16)[:, None] >> np.arange(0, 16, 2) & 3
    scores = np.where(columns == 0, _MATCH, _MISMATCH).cumsum(axis=1)
    return np.maximum(scores.max(axis=1), 0).astype(np.int8), scores[:, -1].astype(np.int8)


# --- compiled by numba ----------------------------------------------------------------------------------------------


def _words(codes: Codes, bits: int) -> tuple[NDArray[np.int32], ...]:
    """List the words of letters, those that begin with the same bits together.

    Returns
    -------
    heads : ndarray, shape (2**bits + 1,), int32
        Where those of each beginning start.
    words, starts : ndarray, shape (words,), int32
        Each word, and where it starts.
    near : ndarray, shape (words,), int64
        The letters before it (high) and behind it (low), two bits each, the nearest lowest.
    """
    mask, apart = (1 << 2 * WORD) - 1, 2 * WORD - bits
    heads = np.zeros((1 << bits) + 1, dtype=np.int32)
    value = length = 0
    for i in range(len(codes)):
        value = (value << 2 | codes[i] & 3) & mask
        length = 0 if codes[i] == _END else length + 1
        if length >= WORD:
            heads[(value >> apart) + 1] += 1
    for i in range(1, len(heads)):
        heads[i] += heads[i - 1]
    fill = heads.copy()
    words, starts = np.empty(heads[-1], dtype=np.int32), np.empty(heads[-1], dtype=np.int32)
    near = np.empty(heads[-1], dtype=np.int64)
    value = length = 0
    before = behind = np.int64(0)
    for i in range(min(_NEAR, len(codes))):
        behind |= np.int64(codes[i] & 3) << 2 * i
    for i in range(len(codes)):
        behind >>= 2
        if i + _NEAR < len(codes):
            behind |= np.int64(codes[i + _NEAR] & 3) << 2 * (_NEAR - 1)
        if i >= WORD:
            before = (before << 2 | codes[i - WORD] & 3) & 0xFFFFFFFF
        value = (value << 2 | codes[i] & 3) & mask
        length = 0 if codes[i] == _END else length + 1
        if length >= WORD:
            at = fill[value >> apart]
            fill[value >> apart] += 1
            words[at], starts[at], near[at] = value, i - WORD + 1, before << 32 | behind
    return heads, words, starts, near


def _gather(
    heads: NDArray[np.int32], words: NDArray[np.int32], first: int, seeds: NDArray[np.int32]
) -> tuple[int, int]:
    """List words of a block, from one of them on, with each place where strings hold them.

    Returns
    -------
    int
        The word to go on from.
    int
        How many were written to `seeds`: number of the place, number of the word.
    """
    count, word = 0, first
    while word < len(words) and count < _SEEDS_AT_ONCE:
        head, more = heads[words[word]], heads[words[word] + 1] - heads[words[word]]
        # Of most words there are no more than a few. To write too many, which the next word's take the place of, is
        # faster than to be wrong about how many there are.
        for k in range(_FEW):
            seeds[0, count + k], seeds[1, count + k] = head + k, word
        for k in range(_FEW, more):
            seeds[0, count + k], seeds[1, count + k] = head + k, word
        count += more
        word += 1
    return word, count


def _keep_hopeful(
    near: NDArray[np.int64],
    around: NDArray[np.int64],
    seeds: NDArray[np.int32],
    count: int,
    gains: NDArray[np.int8],
    totals: NDArray[np.int8],
) -> int:
    """Move the seeds whose letters nearby score enough to the front, and return how many they are."""
    kept = 0
    for i in range(count):
        differ = near[seeds[0, i]] ^ around[seeds[1, i]]
        left1, right1 = differ >> 32 & 0xFFFF, differ & 0xFFFF
        left, right = totals[left1] + totals[differ >> 48 & 0xFFFF], totals[right1] + totals[differ >> 16 & 0xFFFF]
        gain = gains[left1] + gains[right1]  # where both are hopeless, letters further on add nothing
        seeds[0, kept], seeds[1, kept] = seeds[0, i], seeds[1, i]
        kept += (_MATCH * WORD + gain >= TRIGGER) | (left >= _HOPELESS) | (right >= _HOPELESS)
    return kept


def _extend(
    codes: Codes,
    places: NDArray[np.int32],
    near: NDArray[np.int64],
    block: Codes,
    starts: NDArray[np.int32],
    around: NDArray[np.int64],
    seeds: NDArray[np.int32],
    gains: NDArray[np.int8],
    totals: NDArray[np.int8],
) -> NDArray[np.int32]:
    """Extend seeds without gaps.

    Returns
    -------
    ndarray, shape (n, 3), int32
        Place in `codes`, place in `block`, score.
    """
    out = np.empty((seeds.shape[1], 3), dtype=np.int32)
    count = 0
    for i in range(seeds.shape[1]):
        p, b = places[seeds[0, i]], starts[seeds[1, i]]
        differ = near[seeds[0, i]] ^ around[seeds[1, i]]
        left1, left2 = differ >> 32 & 0xFFFF, differ >> 48 & 0xFFFF
        right1, right2 = differ & 0xFFFF, differ >> 16 & 0xFFFF
        if left1 & 3 == 0 and p > 0 and b > 0 and codes[p - 1] == block[b - 1] and codes[p - 1] != _END:
            continue  # the word before it is equal too
        gain_left = max(gains[left1], totals[left1] + gains[left2])
        gain_right = max(gains[right1], totals[right1] + gains[right2])
        score = _MATCH * WORD + gain_left + gain_right
        if score < TRIGGER:
            left, right = totals[left1] + totals[left2], totals[right1] + totals[right2]
            score = _MATCH * WORD
            for way, total_near, gain in ((-1, left, gain_left), (1, right, gain_right)):
                total, best = total_near, gain
                step = _NEAR + 1 if way < 0 else WORD + _NEAR
                q, s = p + way * step, b + way * step
                while total >= best - DROP and 0 <= q < len(codes) and 0 <= s < len(block) and codes[q] != _END:
                    total += _MATCH if codes[q] == block[s] else _MISMATCH
                    best = max(best, total)
                    q += way
                    s += way
                score += best
        if score >= TRIGGER:
            out[count, 0], out[count, 1], out[count, 2] = p, b, score
            count += 1
    return out[:count].copy()
