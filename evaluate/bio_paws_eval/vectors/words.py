"""The words whose vectors are compared: of English, and those that a tokenizer cuts DNA and proteins into.

A word of DNA, or of a protein, is a piece of two or more letters that the tokenizer cuts out of the strings of the data
set: what the model really reads there. Its letters are all ACGT, or all amino acids; a piece that is an English word
too is nobody's (``CAT``), and one of ACGT alone is DNA's. English words are drawn from those that both Webster's second
edition and GCIDE list, in lower case; of ACGT alone they are nobody's too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from bio_paws.errors import BioPawsError
from bio_paws.files import digest_of
from bio_paws_eval.encode import SEGMENTS, split_words
from bio_paws_eval.tasks import Pairs, Sources, load_pairs

GROUPS = ("dna", "english", "protein")
CUT_FROM = {"dna": "dna150", "protein": "protein150"}
"""Whose train split the words of DNA and of proteins are cut from."""

MIN_WORDS = 10
"""Fewer words of a group say nothing about it."""

_BASES = frozenset("ACGT")
_RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWY")


@dataclass(frozen=True)
class Words:
    """Words of three groups, one group after the other.

    Attributes
    ----------
    texts : tuple of str
        The words, all different.
    places : dict of str to slice
        Where each of `GROUPS` lies among them.
    left_out : dict of str to dict of str to int
        For each group, how many candidates were left out for each reason.
    """

    texts: tuple[str, ...]
    places: dict[str, slice]
    left_out: dict[str, dict[str, int]]

    @property
    def digest(self) -> str:
        """Digest of the words in their order."""
        return digest_of(self.texts)

    @property
    def groups(self) -> list[str]:
        """Group of each word."""
        return [name for name, place in self.places.items() for _ in self.texts[place]]


def find_words(tokenizer: PreTrainedTokenizerBase, sources: Sources, most: int, seed: int) -> Words:
    """Find the words.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        Cuts the data set's strings.
    sources : Sources
        Where the data set is.
    most : int
        Largest number of words of a group: the commonest of DNA and proteins, a random part of English.
    seed : int
        Of that part.

    Raises
    ------
    BioPawsError
        When the word list is not installed, the data set is not at hand, or a group has under `MIN_WORDS`.
    """
    lists = _english_lists()
    known = frozenset().union(*lists)
    pieces = {name: _pieces(tokenizer, load_pairs(config, "train", sources)) for name, config in CUT_FROM.items()}
    chosen: dict[str, list[str]] = {}
    left_out: dict[str, dict[str, int]] = {}
    for name in GROUPS:
        if name == "english":
            common = sorted(word for word in frozenset.intersection(*lists) if len(word) > 1 and word.isascii())
            candidates = [common[i] for i in np.random.default_rng(seed).permutation(len(common))[:most].tolist()]
            reasons = {word: _why_not_english(word) for word in candidates}
        else:
            candidates = [word for word, _ in sorted(pieces[name].items(), key=lambda one: (-one[1], one[0]))]
            reasons = {word: _why_not_sequence(word, name, known) for word in candidates}
        reasons |= _unreadable(tokenizer, [word for word in candidates if not reasons[word]])
        chosen[name] = [word for word in candidates if not reasons[word]][:most]
        left_out[name] = dict(sorted(Counter(filter(None, reasons.values())).items()))
        if len(chosen[name]) < MIN_WORDS:
            told = "; ".join(f"{count:,} left out: {reason}" for reason, count in left_out[name].items())
            raise BioPawsError(
                f"{len(chosen[name])} words of {name}, {MIN_WORDS} are needed ({told or 'no candidates'}): take a "
                "tokenizer that cuts sequences into pieces of several letters, a larger data set or more --words"
            )
    return _in_order(chosen, left_out)


def _in_order(chosen: dict[str, list[str]], left_out: dict[str, dict[str, int]]) -> Words:
    ends = np.cumsum([len(words) for words in chosen.values()]).tolist()
    places = {name: slice(end - len(words), end) for (name, words), end in zip(chosen.items(), ends, strict=True)}
    return Words(tuple(word for words in chosen.values() for word in words), places, left_out)


def _english_lists() -> list[frozenset[str]]:
    try:
        from english_words import get_english_words_set
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    return [frozenset(get_english_words_set([name], alpha=True, lower=True)) for name in ("web2", "gcide")]


def _pieces(tokenizer: PreTrainedTokenizerBase, pairs: Pairs) -> Counter[str]:
    """Count the pieces that a tokenizer cuts strings into; what it does not know is no piece."""
    if not tokenizer.is_fast:
        raise BioPawsError("the tokenizer does not say which letters a token stands for: take a model with a fast one")
    seen: set[str] = set()
    pieces: Counter[str] = Counter()
    for batch in pairs.read():
        texts = {text for side in ("sentence1", "sentence2") for text in batch[side].to_pylist()} - seen
        seen |= texts
        # BERT's WordPiece takes no word of over 100 letters.
        split = [split_words(text, SEGMENTS[0]) for text in sorted(texts)]
        if split:
            pieces.update(_cut(tokenizer, split))
    return pieces


def _cut(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Iterable[str]:
    encoded = tokenizer(
        texts, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
    )
    for text, ids, offsets in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        for token, (start, end) in zip(ids, offsets, strict=True):
            if token != tokenizer.unk_token_id:
                yield text[start:end].strip()


def _why_not_sequence(word: str, group: str, english: frozenset[str]) -> str:
    letters = set(word)
    if len(word) < 2:
        return "a single letter"
    if not letters <= (_BASES if group == "dna" else _RESIDUES):
        return "other letters"
    if word.lower() in english:
        return "an English word"
    return "DNA as well" if group == "protein" and letters <= _BASES else ""


def _why_not_english(word: str) -> str:
    return "DNA as well" if set(word.upper()) <= _BASES else ""


def _unreadable(tokenizer: PreTrainedTokenizerBase, words: Sequence[str]) -> dict[str, str]:
    """Say which words, standing alone, the tokenizer does not know."""
    if not words:
        return {}
    encoded = tokenizer(list(words), add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    return {
        word: "unknown to the tokenizer" for word, ids in zip(words, encoded, strict=True) if not ids or unknown in ids
    }
