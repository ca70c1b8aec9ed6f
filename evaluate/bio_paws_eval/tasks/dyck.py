"""Pairs of bracket strings: the second side closes what the first leaves open, or does not.

A control of the transfer claim: a task of pairs with neither words nor sequences in it. The two sides, one after the
other, are a word of the Dyck language of four kinds of brackets (label 1), or are not (label 0). Two pairs of label 1
whose first sides leave the same brackets open, in two different orders, exchange their second sides and give the two
pairs of label 0. So every string stands once under either label, both labels have the same lengths and the same counts
of every bracket, and neither side alone, nor counting, tells the label: only the order does.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

BRACKETS = ("()", "[]", "{}", "<>")
"""Kinds of brackets; written with spaces between, they are words of their own to any tokenizer."""

PAIRS = {"train": 49_400, "validation": 2_000, "test": 2_000}
"""Pairs of each split: as many as PAWS-X has in English, in whole fours."""

OPEN = (4, 8)
"""Brackets that the first side leaves open, at least and at most."""
CLOSED = (2, 10)
"""Brackets that a side opens and closes itself."""

_Row = tuple[str, str, str, int]


def dyck_pairs(split: str, sources: object = None) -> Iterator[_Row]:
    """Yield id, sides and label of the pairs of a split, always the same ones.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        Each is drawn from a seed of its own.
    sources : object
        Not used: brackets need no text.
    """
    rng = Random(f"dyck {split}")  # many times faster than numpy's, one number at a time
    for four in range(0, PAIRS[split], 4):
        rows = [(text1, text2, label) for label, pairs in enumerate(_four(rng)) for text1, text2 in pairs]
        rng.shuffle(rows)
        for place, (first, second, label) in enumerate(rows):
            yield f"dyck-{split}-{four + place}", " ".join(first), " ".join(second), label


def _four(rng: Random) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Draw two pairs that do not close, and the two that do."""
    left_open = rng.choices(BRACKETS, k=rng.randint(*OPEN))
    while len(set(left_open)) == 1:  # no other order
        left_open = rng.choices(BRACKETS, k=len(left_open))
    partners = left_open
    while partners == left_open:
        partners = rng.sample(left_open, len(left_open))
    # Both pairs close brackets of the same kinds, so that a side's counts do not tell which pair it is of.
    closed1, closed2 = (rng.choices(BRACKETS, k=rng.randint(*CLOSED)) for _ in range(2))
    sides = [
        (
            _side([kind[0] for kind in order], closed1, rng),
            _side([kind[1] for kind in reversed(order)], closed2, rng),
        )
        for order in (left_open, partners)
    ]
    (first1, second1), (first2, second2) = sides
    return [(first1, second2), (first2, second1)], sides


def _side(frame: list[str], closed: list[str], rng: Random) -> str:
    """Put well-nested brackets of these kinds between the brackets of a frame."""
    pieces = [""] * (len(frame) + 1)
    for kind in rng.sample(closed, len(closed)):
        at = rng.randrange(len(pieces))
        # Around what stands there, or beside it: both stay well-nested.
        around = rng.random() < 0.5
        pieces[at] = kind[0] + pieces[at] + kind[1] if around else pieces[at] + kind
    return pieces[0] + "".join(bracket + piece for bracket, piece in zip(frame, pieces[1:], strict=True))
