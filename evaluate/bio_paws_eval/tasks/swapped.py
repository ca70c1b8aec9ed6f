"""Sentences with two words exchanged: an English source that asks for the order of words, as much as is wanted.

Two copies of a sentence of the bundled text, a and b, each without one word of its own; and the same two with two
words of the sentence exchanged, a' and b'. Similar are (a, b) and (a', b'), where both sides have the same order;
(a, b') and (a', b) are not. So each side stands once under either label, a sentence that sounds wrong tells nothing,
and the words that the sides share are the same under both labels: only the order does. The configs ``_paws`` of
bioPAWS are made in this way of sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from bio_paws_eval.tasks.english_text import find_english, read_chapters

PAIRS = {"train": 49_400, "validation": 2_000, "test": 2_000}
"""Pairs of each split: as many as PAWS-X has in English, in whole fours."""

WORDS = (8, 24)
"""Least and most words of a sentence."""

DISTANCE = 3
"""Least distance of the words that are exchanged."""

_Row = tuple[str, str, str, int]


def swapped_pairs(split: str, sources: Any = None) -> Iterator[_Row]:
    """Yield id, sides and label of the pairs of a split, always the same ones.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        No two splits share a sentence.
    sources : object
        Not used: the text is that of a package.

    Raises
    ------
    BioPawsError
        When the package of the bundled text is not installed.
    """
    rng = Random(f"swapped {split}")
    sentences = _sentences(split)
    for four in range(0, PAIRS[split], 4):
        a, b, a_exchanged, b_exchanged = _variants(next(sentences), rng)
        rows = [(a, b, 1), (a_exchanged, b_exchanged, 1), (a, b_exchanged, 0), (a_exchanged, b, 0)]
        rng.shuffle(rows)
        for place, (first, second, label) in enumerate(rows):
            yield f"swapped-{split}-{four + place}", first, second, label


def _sentences(split: str) -> Iterator[list[str]]:
    """Yield sentences as words, in an order of their own, each in one split."""
    parts = re.split(r"[.:;?!]", " ".join(read_chapters(find_english())))
    texts = dict.fromkeys(re.sub(r"[^a-z' ]", "", part.lower()).strip() for part in parts)
    sentences = [words for text in texts if WORDS[0] <= len(words := text.split()) <= WORDS[1] and _places(words)]
    Random("swapped").shuffle(sentences)
    quartets = {name: pairs // 4 for name, pairs in PAIRS.items()}
    starts = {"test": 0, "validation": quartets["test"], "train": quartets["test"] + quartets["validation"]}
    return iter(sentences[starts[split] : starts[split] + quartets[split]])


def _variants(words: list[str], rng: Random) -> tuple[str, str, str, str]:
    """Return two copies of a sentence without one word each, and both with two words exchanged."""
    i, j = rng.choice(_places(words))
    exchanged = list(words)
    exchanged[i], exchanged[j] = words[j], words[i]
    kept = [place for place in range(len(words)) if place not in {i, j}]
    dropped_a, dropped_b = rng.sample(kept, 2)
    a, b, a_exchanged, b_exchanged = (
        " ".join(word for place, word in enumerate(order) if place != dropped)
        for order in (words, exchanged)
        for dropped in (dropped_a, dropped_b)
    )
    return a, b, a_exchanged, b_exchanged


def _places(words: list[str]) -> list[tuple[int, int]]:
    """List the places of two different words that are not too near each other."""
    return [(i, j) for i in range(len(words)) for j in range(i + DISTANCE, len(words)) if words[i] != words[j]]
