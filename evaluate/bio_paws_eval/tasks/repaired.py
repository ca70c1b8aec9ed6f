"""Paraphrases against sentences of another pair: an English source that a small model learns in minutes.

PAWS-X asks for what small models do not learn from a few thousand pairs: its two labels share nearly all their words.
Here two paraphrases of PAWS-X English, (a, a') and (b, b'), exchange their second sentences: a and a' are similar, a
and b' are not. So each sentence stands once under either label, and no side alone tells it. The two paraphrases of an
exchange are neighbours in length, so that a difference of lengths tells little; the words that both sides share tell
nearly all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from random import Random

from bio_paws_eval.tasks.pawsx import load_pawsx
from bio_paws_eval.tasks.registry import Row, Sources


def repaired_pairs(split: str, sources: Sources) -> Iterator[Row]:
    """Yield id, sentences and label of the pairs of a split, always the same ones for the same PAWS-X.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        Of PAWS-X English, whose paraphrases it takes.
    sources : Sources
        Where PAWS-X is.

    Raises
    ------
    MissingPairs
        As `pawsx.load_pawsx`.
    """
    rows = chain.from_iterable(
        batch.to_pylist() for batch in load_pawsx("en", split, Sources(pawsx=sources.pawsx)).read()
    )
    paraphrases = [(row["sentence1"], row["sentence2"]) for row in rows if row["label"] == 1]
    # The sentences break ties of length, so that the order of the rows does not matter.
    paraphrases.sort(key=lambda pair: (len(pair[0]) + len(pair[1]), pair))
    exchanges = list(zip(paraphrases[::2], paraphrases[1::2], strict=False))
    rng = Random(f"repaired {split}")
    rng.shuffle(exchanges)
    for number, ((first1, second1), (first2, second2)) in enumerate(exchanges):
        four = [(first1, second1, 1), (first2, second2, 1), (first1, second2, 0), (first2, second1, 0)]
        rng.shuffle(four)
        for place, (first, second, label) in enumerate(four):
            yield f"repaired-{split}-{4 * number + place}", first, second, label
