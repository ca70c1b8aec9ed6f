"""Near copies of short sequences, which no alignment finds significant: all within an edit distance, exactly.

Sequences are cut into one piece more than there may be edits, so that one piece at least stands unchanged in a near
copy, shifted by no more than the edits allow: Li G, Deng D, Wang J, Feng J (2011) Pass-Join. Proc VLDB 5:253-264.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from math import factorial

from rapidfuzz.distance import Levenshtein

from bio_paws.align.smith_waterman import LETTERS, Alphabet

SHORT = 40
"""Letters up to which a sequence is searched by edit distance: CDR3, peptides, miRNA, siRNA."""

_EDITED_SHARE = {"dna": 0.1, "protein": 0.15}  # of the letters: a close variant, which carries the same answer
_CHANCE = 0.01  # near copies of a sequence that chance alone may put among the subjects, at most


def allowed_edits(length: int, alphabet: Alphabet, subjects: int) -> int:
    """Return the edit distance up to which a sequence is a near copy.

    A tenth of the bases or 15% of the residues, one at least; but fewer where among so many random subjects one in a
    hundred searches would find something by chance. 0: too short to tell a copy from chance.

    Parameters
    ----------
    length : int
        Letters of the sequence.
    alphabet : {"dna", "protein"}
        What it is written in.
    subjects : int
        Sequences that it is compared with.

    Examples
    --------
    >>> [allowed_edits(length, "protein", 100_000) for length in (9, 14, 20, 30)]
    [1, 2, 3, 4]
    >>> [allowed_edits(length, "dna", 100_000) for length in (10, 21, 30)]
    [0, 2, 3]
    """
    letters = len(LETTERS[alphabet])
    edits = max(1, int(_EDITED_SHARE[alphabet] * length))
    while edits and subjects * _within(length, edits, letters) > _CHANCE * float(letters) ** length:
        edits -= 1
    return edits


def _within(length: int, edits: int, letters: int) -> float:
    """Return an upper bound of how many sequences lie within so many edits: each inserts, deletes or substitutes."""
    return (2.0 * letters * (length + 1)) ** edits / factorial(edits)


class EditIndex:
    """Short sequences, to be searched for near copies.

    Parameters
    ----------
    texts : iterable of str
        The subjects, called by their number; those longer than any near copy of a short sequence are left out.
    alphabet : {"dna", "protein"}
        What they are written in.
    """

    def __init__(self, texts: Iterable[str], alphabet: Alphabet) -> None:
        longest = SHORT + int(_EDITED_SHARE[alphabet] * SHORT) + 1
        self.texts: list[str] = [text if len(text) <= longest else "" for text in texts]
        self._alphabet = alphabet
        self._lengths = sorted({len(text) for text in self.texts if text})

    def edits(self, length: int) -> int:
        """Return how many edits a near copy of a query of this length may have."""
        return allowed_edits(length, self._alphabet, len(self.texts)) if length <= SHORT else 0

    def near(self, query: str) -> Iterator[int]:
        """Yield the numbers of the near copies of a query, itself included; nothing for a query that is not short."""
        length = len(query)
        edits = self._edits.get(length, 0)
        if not edits:
            return
        visited: set[int] = set()
        for subject_length in self._lengths:
            longer = length - subject_length
            if abs(longer) > edits:
                continue
            for start, size, table in self._tables[subject_length]:
                first = max(0, start - (edits - longer) // 2)
                last = min(length - size, start + (edits + longer) // 2)
                for at in range(first, last + 1):
                    for number in table.get(query[at : at + size], ()):
                        if number not in visited:
                            visited.add(number)
                            if Levenshtein.distance(query, self.texts[number], score_cutoff=edits) <= edits:
                                yield number

    @cached_property
    def _tables(self) -> dict[int, list[tuple[int, int, dict[str, list[int]]]]]:
        """For each length and each piece: its start, its size, and the numbers of the subjects that hold it."""
        tables: dict[int, list[tuple[int, int, dict[str, list[int]]]]] = {
            length: [(start, size, defaultdict(list)) for start, size in self._pieces(length)]
            for length in self._lengths
        }
        for number, text in enumerate(self.texts):
            if text:
                for start, size, table in tables[len(text)]:
                    table[text[start : start + size]].append(number)
        return tables

    @cached_property
    def _edits(self) -> dict[int, int]:
        return {length: self.edits(length) for length in range(1, SHORT + 1)}

    @cached_property
    def _most_edits(self) -> dict[int, int]:
        """For each length of a subject, the most edits that a query of any length may ask for."""
        return {
            subject: max((own for length, own in self._edits.items() if abs(length - subject) <= own), default=0)
            for subject in self._lengths
        }

    def _pieces(self, length: int) -> Sequence[tuple[int, int]]:
        """Return start and size of the pieces of a subject of this length."""
        pieces = min(length, self._most_edits[length] + 1)
        bounds = [length * piece // pieces for piece in range(pieces + 1)]
        return [(start, end - start) for start, end in pairwise(bounds)]
