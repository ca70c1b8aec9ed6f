"""Near copies of long sequences by MinHash sketches of their k-mers.

Broder AZ (1997) On the resemblance and containment of documents. Proc Compression and Complexity of Sequences: 21-29.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from bio_paws.align.smith_waterman import Alphabet, reverse_complement

HASHES = 8
"""Hash functions of a sketch."""
ALIKE = 4
"""Hashes that two sequences of one family share, at least: about half of their k-mers, nine residues in ten."""
SIMILARITY = 0.8
"""1 - edit distance / longer length, from which a long sequence is a near copy."""

_K = {"dna": 11, "protein": 5}
_BATCH = 256  # sequences that are hashed together
_EMPTY = np.uint64(2**64 - 1)
_MULTIPLIERS = np.array(
    [(0x9E3779B97F4A7C15 * (2 * i + 1)) & (2**64 - 1) for i in range(1, HASHES + 1)], dtype=np.uint64
)
_CANDIDATE = 2  # hashes in common, before two sequences are compared letter by letter


def sketch(texts: Sequence[str], alphabet: Alphabet) -> NDArray[np.uint64]:
    """Return the sketch of each sequence, regardless of the strand: shape (n, HASHES).

    Parameters
    ----------
    texts : sequence of str, length n
        In standard spelling. Of those without a k-mer all hashes are equal, and mean nothing.
    alphabet : {"dna", "protein"}
        k is 11 bases or 5 residues.
    """
    parts = [_sketch(texts[at : at + _BATCH], alphabet) for at in range(0, len(texts), _BATCH)]
    return np.concatenate(parts) if parts else np.empty((0, HASHES), dtype=np.uint64)


def _sketch(texts: Sequence[str], alphabet: Alphabet) -> NDArray[np.uint64]:
    k, bits = _K[alphabet], 2 if alphabet == "dna" else 5
    codes = np.frombuffer("".join(texts).encode("ascii", "replace"), dtype=np.uint8)
    if alphabet == "dna":
        letters = np.full(256, 4, dtype=np.uint64)
        letters[[ord(base) for base in "ACGT"]] = np.arange(4)
        values = letters[codes]
        valid = values < 4
    else:
        values = (codes & 31).astype(np.uint64)
        valid = (codes >= ord("A")) & (codes <= ord("Z"))
    count = len(codes) - k + 1
    if count < 1:
        return np.full((len(texts), HASHES), _EMPTY)
    kmers = np.zeros(count, dtype=np.uint64)
    strand = np.zeros(count, dtype=np.uint64)
    usable = np.ones(count, dtype=bool)
    for at in range(k):
        window = slice(at, at + count)
        kmers |= values[window] << np.uint64(bits * (k - 1 - at))
        usable &= valid[window]
        if alphabet == "dna":
            strand |= (np.uint64(3) - (values[window] & np.uint64(3))) << np.uint64(bits * at)
    if alphabet == "dna":
        kmers = np.minimum(kmers, strand)
    lengths = np.array([len(text) for text in texts])
    owner = np.repeat(np.arange(len(texts)), lengths)
    usable &= owner[:count] == owner[k - 1 :]
    kmers, owner = kmers[usable], owner[:count][usable]
    sketches = np.full((len(texts), HASHES), _EMPTY)
    owners, starts = np.unique(owner, return_index=True)
    if not len(owners):
        return sketches
    for number, multiplier in enumerate(_MULTIPLIERS):
        mixed = (kmers + np.uint64(1)) * multiplier
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        sketches[owners, number] = np.minimum.reduceat(mixed, starts)
    return sketches


class Families:
    """Groups sequences as they come: each joins the family whose founder's sketch is like its own, or founds one."""

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet
        self.count = 0
        self._by_hash: list[dict[int, int]] = [{} for _ in range(HASHES)]

    def founders(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the sequences that found a family."""
        stream = iter(texts)
        while batch := list(islice(stream, _BATCH)):
            for text, hashes in zip(batch, sketch(batch, self.alphabet).tolist(), strict=True):
                if self.family_of(hashes) is None:
                    self.add(hashes)
                    yield text

    def family_of(self, hashes: Sequence[int]) -> int | None:
        """Return the family that a sketch belongs to; None where there is none."""
        votes = self.votes(hashes)
        family, shared = max(votes.items(), key=lambda item: item[1], default=(0, 0))
        return family if shared >= ALIKE else None

    def votes(self, hashes: Sequence[int]) -> Counter[int]:
        """Count the hashes that each family shares with a sketch."""
        if hashes[0] == _EMPTY:
            return Counter()
        own = (table.get(value) for table, value in zip(self._by_hash, hashes, strict=True))
        return Counter(family for family in own if family is not None)

    def add(self, hashes: Sequence[int]) -> int:
        """Found a family; return its number."""
        if hashes[0] != _EMPTY:
            for table, value in zip(self._by_hash, hashes, strict=True):
                table.setdefault(value, self.count)
        self.count += 1
        return self.count - 1


def linked(texts: Sequence[str], alphabet: Alphabet) -> Iterator[tuple[int, int]]:
    """Yield pairs of numbers of sequences that are near copies: each with founders of its families, letter by letter.

    Near copies of one founder are chained by it; a family whose hashes chance has given to others may be missed.
    """
    families = Families(alphabet)
    founder_of: list[int] = []
    for number, hashes in enumerate(sketch(texts, alphabet).tolist()):
        alone = True
        for family, shared in families.votes(hashes).items():
            if shared >= _CANDIDATE and _similar(texts[number], texts[founder_of[family]], alphabet):
                yield founder_of[family], number
                alone = False
        if alone:
            families.add(hashes)
            founder_of.append(number)


def _similar(text: str, founder: str, alphabet: Alphabet) -> bool:
    strands = (text, reverse_complement(text)) if alphabet == "dna" else (text,)
    return any(Levenshtein.normalized_similarity(own, founder, score_cutoff=SIMILARITY) > 0 for own in strands)
