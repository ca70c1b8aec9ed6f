"""The vocabulary whose representations are compared: English words, and DNA and protein tokens.

A DNA or protein token is a piece of two or more residues that the tokenizer cuts out of the sequences of the data set,
and therefore what the model reads. It consists of ACGT, or of the 20 amino acids. A token that is also an English word
(``CAT``) belongs to no group, and a token of ACGT alone counts as DNA. Where there are too few tokens, as with a
tokenizer that reads residue by residue, k-mers of `KMER_LENGTHS` residues take their place. English words are drawn
from the intersection of Webster's second edition and GCIDE, in lower case, without words of the letters ACGT alone.
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
from bio_paws_eval.models.encode import SEGMENTS, split_into_blocks
from bio_paws_eval.options import MIN_WORDS
from bio_paws_eval.tasks.load import load_pairs
from bio_paws_eval.tasks.pairs import Pairs
from bio_paws_eval.tasks.registry import Sources

GROUPS = ("dna", "english", "protein")

TOKEN_CONFIGS = {"dna": "dna150", "protein": "protein150"}
"""Config whose train split provides the sequences that DNA and protein tokens are cut from."""

KMER_LENGTHS = {"dna": 6, "protein": 3}
"""Residues of a k-mer where the tokenizer gives too few tokens: two codons, three amino acids."""

_BASES = frozenset("ACGT")
_AMINO_ACIDS = frozenset("ACDEFGHIKLMNPQRSTVWY")


@dataclass(frozen=True)
class Vocabulary:
    """Items of the three groups, one group after the other.

    Attributes
    ----------
    texts : tuple of str
        The items: English words, DNA and protein tokens, all different.
    slices : dict of str to slice
        Indices of the items of each of `GROUPS`.
    excluded : dict of str to dict of str to int
        Candidates that were excluded from each group, by reason.
    kmer_groups : tuple of str
        Groups whose items are k-mers rather than tokens.
    """

    texts: tuple[str, ...]
    slices: dict[str, slice]
    excluded: dict[str, dict[str, int]]
    kmer_groups: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Digest of the items in their order."""
        return digest_of(self.texts)

    @property
    def groups(self) -> list[str]:
        """Group of each item."""
        return [name for name, rows in self.slices.items() for _ in self.texts[rows]]


def build_vocabulary(tokenizer: PreTrainedTokenizerBase, sources: Sources, max_size: int, seed: int) -> Vocabulary:
    """Choose the items of the three groups.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        Cuts the sequences of the data set into tokens.
    sources : Sources
        Location of the data set.
    max_size : int
        Largest number of items per group: the most frequent tokens, and a random sample of the English words.
    seed : int
        Seed of the sample of English words.

    Raises
    ------
    BioPawsError
        When the data set or the word lists are missing, or a group has fewer than `MIN_WORDS` items.
    """
    word_lists = _english_word_lists()
    dictionary = frozenset().union(*word_lists)
    items: dict[str, list[str]] = {}
    excluded: dict[str, dict[str, int]] = {}
    kmer_groups = []
    for name in GROUPS:
        if name == "english":
            common = sorted(word for word in frozenset.intersection(*word_lists) if len(word) > 1 and word.isascii())
            sample = [common[i] for i in np.random.default_rng(seed).permutation(len(common))[:max_size].tolist()]
            items[name], excluded[name] = _choose(tokenizer, sample, max_size, _reason_against_word)
        else:
            reason_against = partial(_reason_against_token, group=name, dictionary=dictionary)
            pairs = load_pairs(TOKEN_CONFIGS[name], "train", sources)
            tokens = _by_frequency(_token_cutter(tokenizer), pairs)
            items[name], excluded[name] = _choose(tokenizer, tokens, max_size, reason_against)
            if len(items[name]) < min(MIN_WORDS, max_size):
                kmer_groups.append(name)
                kmers = _by_frequency(partial(_kmers, k=KMER_LENGTHS[name]), pairs)
                items[name], excluded[name] = _choose(tokenizer, kmers, max_size, reason_against)
        if len(items[name]) < MIN_WORDS:
            reasons = "; ".join(f"{count:,} excluded: {reason}" for reason, count in excluded[name].items())
            raise BioPawsError(
                f"the vocabulary of {name} has {len(items[name])} items, at least {MIN_WORDS} are needed "
                f"({reasons or 'no more candidates'}): use more --words, a larger data set, or a model whose tokenizer "
                "knows these characters"
            )
    ends = np.cumsum([len(group) for group in items.values()]).tolist()
    slices = {name: slice(end - len(group), end) for (name, group), end in zip(items.items(), ends, strict=True)}
    return Vocabulary(tuple(text for group in items.values() for text in group), slices, excluded, tuple(kmer_groups))


def _choose(
    tokenizer: PreTrainedTokenizerBase,
    candidates: Sequence[str],
    max_size: int,
    reason_against: Callable[[str], str],
) -> tuple[list[str], dict[str, int]]:
    """Return the first suitable candidates, and the number of unsuitable ones by reason."""
    reasons = {text: reason_against(text) for text in candidates}
    reasons |= _unknown(tokenizer, [text for text in candidates if not reasons[text]])
    suitable = [text for text in candidates if not reasons[text]]
    return suitable[:max_size], dict(sorted(Counter(filter(None, reasons.values())).items()))


def _english_word_lists() -> list[frozenset[str]]:
    try:
        from english_words import get_english_words_set
    except ModuleNotFoundError as error:
        raise BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[plots]'") from error
    return [frozenset(get_english_words_set([name], alpha=True, lower=True)) for name in ("web2", "gcide")]


def _by_frequency(cut: Callable[[list[str]], Iterable[str]], pairs: Pairs) -> list[str]:
    """Cut each distinct sequence of a split once, and return the pieces, the most frequent first."""
    visited: set[str] = set()
    counts: Counter[str] = Counter()
    for batch in pairs.read():
        sequences = {text for side in ("sentence1", "sentence2") for text in batch[side].to_pylist()} - visited
        visited |= sequences
        counts.update(cut(sorted(sequences)))
    return [piece for piece, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))]


def _kmers(sequences: list[str], k: int) -> Iterable[str]:
    """Yield the consecutive, non-overlapping k-mers of sequences."""
    return (kmer for sequence in sequences for kmer in split_into_blocks(sequence, k).split() if len(kmer) == k)


def _token_cutter(tokenizer: PreTrainedTokenizerBase) -> Callable[[list[str]], Iterable[str]]:
    """Return a function that cuts sequences into the tokenizer's pieces, without its unknown tokens."""
    if not tokenizer.is_fast:
        raise BioPawsError("the tokenizer does not report the offsets of its tokens: use a model with a fast tokenizer")

    def cut(sequences: list[str]) -> Iterable[str]:
        # BERT's WordPiece turns a run of over 100 characters without a space into a single unknown token.
        split = [split_into_blocks(sequence, SEGMENTS[0]) for sequence in sequences]
        encoded = tokenizer(
            split, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
        )
        for text, ids, offsets in zip(split, encoded["input_ids"], encoded["offset_mapping"], strict=True):
            for token, (start, end) in zip(ids, offsets, strict=True):
                if token != tokenizer.unk_token_id:
                    yield text[start:end].strip()

    return cut


def _reason_against_token(token: str, group: str, dictionary: frozenset[str]) -> str:
    """Return why a candidate does not belong to a group of tokens, empty where it does."""
    characters = set(token)
    if len(token) < 2:
        return "a single letter"
    if not characters <= (_BASES if group == "dna" else _AMINO_ACIDS):
        return "other letters"
    if token.lower() in dictionary:
        return "an English word"
    return "DNA as well" if group == "protein" and characters <= _BASES else ""


def _reason_against_word(word: str) -> str:
    return "DNA as well" if set(word.upper()) <= _BASES else ""


def _unknown(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> dict[str, str]:
    """Return the reason against each text that the tokenizer does not know when it stands alone."""
    if not texts:
        return {}
    encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    return {
        text: "unknown to the tokenizer" for text, ids in zip(texts, encoded, strict=True) if not ids or unknown in ids
    }
