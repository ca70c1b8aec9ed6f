"""The words whose vectors are compared: of English, and those that a tokenizer cuts DNA and proteins into.

A word of DNA, or of a protein, is a piece of two or more letters that the tokenizer cuts out of the strings of the data
set: what the model really reads there. Its letters are all ACGT, or all amino acids; a piece that is an English word
too is nobody's (``CAT``), and one of ACGT alone is DNA's. Where there are too few, as with a tokenizer that reads
letter by letter, stretches of `STRETCH` letters stand for them. English words are drawn from those that both Webster's
second edition and GCIDE list, in lower case; of ACGT alone they are nobody's too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from transformers import PreTrainedTokenizerBase

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import digest_of
from bio_paws_eval.models.encode import SEGMENTS, split_words
from bio_paws_eval.options import MIN_WORDS
from bio_paws_eval.tasks.tasks import Pairs, Sources, load_pairs

GROUPS = ("dna", "english", "protein")
CUT_FROM = {"dna": "dna150", "protein": "protein150"}
"""Whose train split the words of DNA and of proteins are cut from."""

STRETCH = {"dna": 6, "protein": 3}
"""Letters of a word where the tokenizer cuts too few pieces of several letters: two codons, three residues."""

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
    stretches : tuple of str
        Groups whose words are stretches of `STRETCH` letters.
    """

    texts: tuple[str, ...]
    places: dict[str, slice]
    left_out: dict[str, dict[str, int]]
    stretches: tuple[str, ...]

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
    dictionary = frozenset().union(*lists)
    chosen: dict[str, list[str]] = {}
    left_out: dict[str, dict[str, int]] = {}
    stretches = []
    for name in GROUPS:
        if name == "english":
            common = sorted(word for word in frozenset.intersection(*lists) if len(word) > 1 and word.isascii())
            drawn = [common[i] for i in np.random.default_rng(seed).permutation(len(common))[:most].tolist()]
            chosen[name], left_out[name] = _choose(tokenizer, drawn, most, _why_not_english)
        else:
            why_not = partial(_why_not_sequence, group=name, dictionary=dictionary)
            pairs = load_pairs(CUT_FROM[name], "train", sources)
            chosen[name], left_out[name] = _choose(tokenizer, _commonest(_pieces(tokenizer), pairs), most, why_not)
            if len(chosen[name]) < min(MIN_WORDS, most):
                stretches.append(name)
                cut = _commonest(partial(_stretches, letters=STRETCH[name]), pairs)
                chosen[name], left_out[name] = _choose(tokenizer, cut, most, why_not)
        if len(chosen[name]) < MIN_WORDS:
            told = "; ".join(f"{count:,} left out: {reason}" for reason, count in left_out[name].items())
            raise BioPawsError(
                f"{len(chosen[name])} words of {name}, {MIN_WORDS} are needed ({told or 'no more candidates'}): take "
                "more --words, a larger data set or a tokenizer that knows its letters"
            )
    ends = np.cumsum([len(words) for words in chosen.values()]).tolist()
    places = {name: slice(end - len(words), end) for (name, words), end in zip(chosen.items(), ends, strict=True)}
    return Words(tuple(word for words in chosen.values() for word in words), places, left_out, tuple(stretches))


def _choose(
    tokenizer: PreTrainedTokenizerBase, candidates: Sequence[str], most: int, why_not: Callable[[str], str]
) -> tuple[list[str], dict[str, int]]:
    """Take the first candidates that nothing speaks against, and count the others by what does."""
    reasons = {word: why_not(word) for word in candidates}
    reasons |= _unreadable(tokenizer, [word for word in candidates if not reasons[word]])
    chosen = [word for word in candidates if not reasons[word]]
    return chosen[:most], dict(sorted(Counter(filter(None, reasons.values())).items()))


def _english_lists() -> list[frozenset[str]]:
    try:
        from english_words import get_english_words_set
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    return [frozenset(get_english_words_set([name], alpha=True, lower=True)) for name in ("web2", "gcide")]


def _commonest(cut: Callable[[list[str]], Iterable[str]], pairs: Pairs) -> list[str]:
    """Cut the strings of a split, each once, and return what comes out, commonest first."""
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    for batch in pairs.read():
        texts = {text for side in ("sentence1", "sentence2") for text in batch[side].to_pylist()} - seen
        seen |= texts
        counts.update(cut(sorted(texts)))
    return [word for word, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def _stretches(texts: list[str], letters: int) -> Iterable[str]:
    return (word for text in texts for word in split_words(text, letters).split() if len(word) == letters)


def _pieces(tokenizer: PreTrainedTokenizerBase) -> Callable[[list[str]], Iterable[str]]:
    """Return what cuts strings into pieces as the tokenizer does; what it does not know is no piece."""
    if not tokenizer.is_fast:
        raise BioPawsError("the tokenizer does not say which letters a token stands for: take a model with a fast one")

    def cut(texts: list[str]) -> Iterable[str]:
        # BERT's WordPiece takes no word of over 100 letters.
        split = [split_words(text, SEGMENTS[0]) for text in texts]
        encoded = tokenizer(
            split, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
        )
        for text, ids, offsets in zip(split, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            for token, (start, end) in zip(ids, offsets, strict=True):
                if token != tokenizer.unk_token_id:
                    yield text[start:end].strip()

    return cut


def _why_not_sequence(word: str, group: str, dictionary: frozenset[str]) -> str:
    letters = set(word)
    if len(word) < 2:
        return "a single letter"
    if not letters <= (_BASES if group == "dna" else _RESIDUES):
        return "other letters"
    if word.lower() in dictionary:
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
