"""New orders of the parts of a string, of two aligned strings at once: a permutation of blocks, and a shuffle of words.

Both return the order in which parts are to stand; the caller cuts the strings. So whatever is cut at aligned places
can be put into one and the same order on both sides.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np


def block_order(blocks: int, rng: np.random.Generator) -> list[int]:
    """Draw an order of blocks in which no block is followed by the one that followed it.

    Parameters
    ----------
    blocks : int
        At least 2.
    rng : numpy.random.Generator
        Source of the order; all orders of that sort are equally likely.

    Returns
    -------
    list of int, length `blocks`
        The blocks, as they shall stand.
    """
    while True:  # about one order in three is of that sort
        order = rng.permutation(blocks).tolist()
        if not any(after == before + 1 for before, after in pairwise(order)):
            return [int(position) for position in order]


def word_order(letters: Sequence[Hashable], rng: np.random.Generator) -> list[int]:
    """Draw an order of words that keeps the counts of all neighbours: each word still goes from letter to letter.

    A string is a walk through its letters; cut at places that hold the given letters, it falls into words that each
    lead from one such letter to the next. Any other walk over the same words, from the first letter to the last, keeps
    every word whole, and with it the counts of all dinucleotides (or dipeptides).

    Parameters
    ----------
    letters : sequence of hashable, length n + 1
        The letters at the cuts; for two aligned strings, pairs of letters. Word i lies between letters i and i + 1.
    rng : numpy.random.Generator
        Source of the order; all walks are equally likely.

    Returns
    -------
    list of int, length n
        The words, as they shall stand.

    References
    ----------
    Altschul SF, Erickson BW (1985) Mol Biol Evol 2:526-538. Here the edges of the walk are words of any length instead
    of single letters.
    """
    words = len(letters) - 1
    leaving: dict[Hashable, list[int]] = {}
    for word, letter in enumerate(letters[:-1]):
        leaving.setdefault(letter, []).append(word)
    last = _last_words(letters, leaving, rng)
    queues: dict[Hashable, list[int]] = {}
    for letter, choices in leaving.items():
        alternatives = [word for word in choices if word != last.get(letter)]
        shuffled = [alternatives[i] for i in rng.permutation(len(alternatives)).tolist()]
        queues[letter] = ([last[letter]] if letter in last else []) + shuffled  # taken from the end
    order: list[int] = []
    at = letters[0]
    for _ in range(words):
        order.append(queues[at].pop())
        at = letters[order[-1] + 1]
    return order


def _last_words(
    letters: Sequence[Hashable], leaving: dict[Hashable, list[int]], rng: np.random.Generator
) -> dict[Hashable, int]:
    """Draw by which word each letter but the last one is left for good: together they must lead to the last one."""
    goal = letters[-1]
    left = [(letter, choices) for letter, choices in leaving.items() if letter != goal]
    counts = np.array([len(choices) for _, choices in left], dtype=np.int64)
    while True:
        drawn = rng.integers(counts).tolist()
        last = {letter: choices[at] for (letter, choices), at in zip(left, drawn, strict=True)}
        leads: set[Hashable] = {goal}
        for start in last:
            path: list[Hashable] = []
            at = start
            while at not in leads and at not in path:
                path.append(at)
                at = letters[last[at] + 1]
            if at not in leads:
                break
            leads.update(path)
        else:
            return last
