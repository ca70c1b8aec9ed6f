"""How much of a summary's wording is in another: ROUGE-L."""

from __future__ import annotations

import re

from rapidfuzz.distance import Indel


def words(text: str) -> list[str]:
    """Return the words that ROUGE counts: letters a-z and digits, in lower case."""
    return re.findall("[a-z0-9]+", text.lower())


def rouge_l(written: str, wanted: str) -> float:
    """ROUGE-L, from 0 to 1: F1 of the longest common subsequence of words (Lin 2004, Text Summarization Branches Out).

    With L words in common, P = L/m and R = L/n, it is 2L/(m + n): the similarity whose only edits are insertions and
    deletions. Where neither has a word it is 0, as in the package rouge-score.
    """
    words1, words2 = words(written), words(wanted)
    return Indel.normalized_similarity(words1, words2) if words1 and words2 else 0.0
