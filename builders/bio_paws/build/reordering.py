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


class WordWalks:
    """Orders of words that keep the counts of all neighbours: each word still goes from letter to letter.

    A string is a walk through its letters; cut at places that hold the given letters, it falls into words that each
    lead from one such letter to the next. Any other walk over the same words, from the first letter to the last, keeps
    every word whole, and with it the counts of all dinucleotides (or dipeptides).

    Parameters
    ----------
    letters : sequence of hashable, length n + 1
        The letters at the cuts; for two aligned strings, pairs of letters. Word i lies between letters i and i + 1.

    References
    ----------
    Altschul SF, Erickson BW (1985) Mol Biol Evol 2:526-538. Here the edges of the walk are words of any length instead
    of single letters.
    """

    def __init__(self, letters: Sequence[Hashable]) -> None:
        numbers: dict[Hashable, int] = {}
        walk = [numbers.setdefault(letter, len(numbers)) for letter in letters]
        self._first, self._goal = walk[0], walk[-1]
        self._leads_to = walk[1:]
        self._leaving: list[list[int]] = [[] for _ in numbers]
        for word, letter in enumerate(walk[:-1]):
            self._leaving[letter].append(word)
        # A letter that a single word leaves has no choice: nothing is drawn for it.
        self._open = [i for i, words in enumerate(self._leaving) if len(words) > 1 and i != self._goal]
        self._choices = np.array([len(self._leaving[i]) for i in self._open], dtype=np.int64)
        self._only = [words[0] if len(words) == 1 and i != self._goal else -1 for i, words in enumerate(self._leaving)]
        self._others = [i for i in range(len(numbers)) if i != self._goal]

    def order(self, rng: np.random.Generator) -> list[int]:
        """Draw an order.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the order; all walks are equally likely.

        Returns
        -------
        list of int, length n
            The words, as they shall stand.
        """
        last = self._last_words(rng)
        queues: list[list[int]] = []  # by letter; words are taken from the end
        for letter, words in enumerate(self._leaving):
            queue = [word for word in words if word != last[letter]]
            if len(queue) > 1:
                rng.shuffle(queue)
            queues.append(queue if letter == self._goal else [last[letter], *queue])
        order: list[int] = []
        at = self._first
        for _ in self._leads_to:
            word = queues[at].pop()
            order.append(word)
            at = self._leads_to[word]
        return order

    def _last_words(self, rng: np.random.Generator) -> list[int]:
        """Draw by which word each letter but the last one is left for good: together they must lead to the last one."""
        last, leads_to, goal = self._only.copy(), self._leads_to, self._goal
        while True:
            for letter, drawn in zip(self._open, rng.integers(self._choices).tolist(), strict=True):
                last[letter] = self._leaving[letter][drawn]
            arrives = {goal}
            for start in self._others:
                path = []
                at = start
                while at not in arrives:
                    path.append(at)
                    at = leads_to[last[at]]
                    if at in path:
                        break
                else:
                    arrives.update(path)
                    continue
                break
            else:
                return last
