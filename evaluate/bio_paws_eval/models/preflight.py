"""What is checked of a model and a task before anything is scored: a score can be wrong without any error.

A byte-pair tokenizer without an unknown token drops letters it does not have; a tokenizer may be rebuilt otherwise than
its file says; a head may be drawn anew, or count its labels the other way round. What is found is printed by
``--dry-run`` and kept in each result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from bio_paws_eval.models.encode import MAX_UNKNOWN, split_into_blocks
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.tasks.pairs import Pairs

MIN_COVERED = 1 - MAX_UNKNOWN
"""Least fraction of the letters that tokens must cover."""

SAMPLE = 64
"""Pairs of a task that are looked at."""


@dataclass(frozen=True)
class Preflight:
    """What a preflight found.

    Attributes
    ----------
    tokenizer : str
        Class of the tokenizer, and whether it is tokenizer.json as it is.
    padding : str
        Token that fills up a batch.
    join : str
        How two sentences are joined, and by which tokens.
    embeddings : int or None
        Tokens that the model has embeddings of; None where it computes them.
    head : str
        Whether the head is that of the files or drawn, and which of its labels means similar.
    tokens : tuple of str
        Tokens of the task's first pair.
    letters_covered : float
        Fraction of the letters of the first `SAMPLE` pairs that are part of a token.
    empty_sides : float
        Fraction of their sides without a token, special ones not counted.
    """

    tokenizer: str
    padding: str
    join: str
    embeddings: int | None
    head: str
    tokens: tuple[str, ...]
    letters_covered: float
    empty_sides: float

    @property
    def refusal(self) -> str:
        """Return why the task is not scored; "" where it is."""
        if self.letters_covered < MIN_COVERED:
            return f"refused: {1 - self.letters_covered:.0%} of letters dropped by the tokenizer"
        if self.empty_sides > MAX_UNKNOWN:
            return f"refused: {self.empty_sides:.0%} of sides without a token"
        return ""


def preflight(pairs: Pairs, encoder: PairEncoder, segment: int | None, head: str) -> Preflight:
    """Look at the first pairs of a task, as the tokenizer reads them.

    Parameters
    ----------
    pairs : Pairs
        The task.
    encoder : PairEncoder
        The tokenizer.
    segment : int or None
        Residues per block that sequences are split into.
    head : str
        What the result says of the head, as in `Preflight`.
    """
    encoder = encoder.of(pairs.molecule)
    tokenizer = encoder.tokenizer
    batch = next(iter(pairs.read())).slice(0, SAMPLE)
    sides = [
        [split_into_blocks(text, segment) for text in batch[name].to_pylist()] for name in ("sentence1", "sentence2")
    ]
    texts = [text for side in sides for text in side]
    ids, _ = encoder.tokenise([sides[0][0]], [sides[1][0]], None)
    return Preflight(
        type(tokenizer).__name__ + (", tokenizer.json as it is" if encoder.from_file else ""),
        str(tokenizer.pad_token),
        encoder.describe(sides[0][0], sides[1][0]),
        encoder.rows,
        head,
        tuple(map(str, tokenizer.convert_ids_to_tokens(ids[0]))),
        letters_covered(tokenizer, texts),
        _empty(tokenizer, texts),
    )


def letters_covered(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """Return the fraction of the letters of texts, spaces not counted, that tokens stand for, unknown ones included.

    Where the tokenizer knows the offsets of its tokens, these tell; else what its tokens spell does, of texts without
    unknown tokens.
    """
    covered = letters = 0
    for text in texts:
        if tokenizer.is_fast:
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            marks = np.zeros(len(text), dtype=bool)
            for start, end in encoded["offset_mapping"]:
                marks[start:end] = True
            spaces = np.array([character.isspace() for character in text], dtype=bool)
            covered += int((marks & ~spaces).sum())
            letters += int((~spaces).sum())
            continue
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if tokenizer.unk_token_id is None or tokenizer.unk_token_id not in ids:
            spelt, written = ("".join(part.split()) for part in (str(tokenizer.decode(ids)), text))
            covered += min(len(spelt), len(written))
            letters += len(written)
    return covered / letters if letters else 1.0


def _empty(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """Return the fraction of texts of which the tokenizer makes no token; unknown ones are counted elsewhere."""
    special = {*tokenizer.all_special_ids} - {tokenizer.unk_token_id}
    encoded = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    return sum(special.issuperset(ids) for ids in encoded) / len(texts)
