"""Pairs as prompts: one for each order of the answers, one after the other in a row of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bio_paws.errors import ModelError
from bio_paws_eval.methods.prompt_templates import ANSWERS, ORDERS, TEMPLATES, WORDINGS, TemplateName, render
from bio_paws_eval.methods.separate_sides import join_inputs, longest_of
from bio_paws_eval.models.architectures import known_tokens
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.pair_encoder import PairEncoder, truncate_longest_first
from bio_paws_eval.models.tokenizers import is_from_file, load_tokenizer


@dataclass(frozen=True)
class PromptEncoder(PairEncoder):
    """Encodes a pair as two prompts; the types of a row say which prompt a token is of: 0 or 1.

    Attributes
    ----------
    template : str
        One of `prompt_templates.TEMPLATES`.
    molecule : str
        What the sides are.
    """

    template: TemplateName
    molecule: str = "text"

    @property
    def key(self) -> tuple[object, ...]:
        """Extend the key of the tokens by the words of the prompt."""
        return *super().key, TEMPLATES[self.template], WORDINGS[self.molecule], ANSWERS, ORDERS

    def of(self, molecule: str) -> PromptEncoder:
        """Return the encoder whose prompts ask about such sides."""
        return replace(self, molecule=molecule)

    def tokenise(
        self, sentences1: list[str], sentences2: list[str], max_length: int | None
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return the token ids of both prompts of each pair, and their types; `max_length` is that of one prompt."""
        pairs = list(zip(sentences1, sentences2, strict=True))
        if max_length is not None:
            pairs = [self._cut(side1, side2, max_length) for side1, side2 in pairs]
        first, second = (self._prompts(pairs, order) for order in ORDERS)
        return join_inputs(first, second)

    def longest_inputs(self, ids: list[list[int]], types: list[list[int]]) -> NDArray[np.int64]:
        """Return the number of tokens of the longer prompt of each pair: shape=(n,)."""
        return longest_of(types)

    def letters_kept(self, ids: list[list[int]]) -> list[int]:
        """Return how many letters of each pair its prompts hold: those of the template are not counted."""
        (frame,) = super().letters_kept(self.tokenise([""], [""], None)[0])
        return [max(0, letters - frame) // len(ORDERS) for letters in super().letters_kept(ids)]

    def describe(self, sentence1: str, sentence2: str) -> str:
        """Return the name of the template."""
        return f"{self.join}: {self.template}"

    def ids_of(self, text: str) -> list[int]:
        """Return the tokens of a text that follows another."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _prompts(self, pairs: list[tuple[str, str]], order: tuple[int, int]) -> list[list[int]]:
        texts = [render(self.template, self.molecule, side1, side2, order) for side1, side2 in pairs]
        encoded = self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
        starts = self.starts
        return [[*starts, *ids] for ids in encoded["input_ids"]]

    def _cut(self, side1: str, side2: str, max_length: int) -> tuple[str, str]:
        """Shorten the sides, the longer first, until both prompts fit; the words of the template all stay."""
        ids1, ids2 = self.ids_of(side1), self.ids_of(side2)
        while (excess := self._longest(side1, side2) - max_length) > 0:
            room = len(ids1) + len(ids2) - excess
            if room < 1 or not (ids1 or ids2):
                raise ModelError(f"a prompt leaves no room for a pair in {max_length} tokens: take fewer shots")
            keep1, keep2 = truncate_longest_first(len(ids1), len(ids2), room)
            ids1, ids2 = ids1[:keep1], ids2[:keep2]
            side1, side2 = (str(self.tokenizer.decode(ids)) for ids in (ids1, ids2))
        return side1, side2

    def _longest(self, side1: str, side2: str) -> int:
        return max(len(self._prompts([(side1, side2)], order)[0]) for order in ORDERS)


def prompt_encoder(source: ModelSource, template: TemplateName) -> PromptEncoder:
    """Load a model's tokenizer, to encode pairs as prompts.

    Raises
    ------
    ModelError
        When it cannot be loaded, or has no words for the answers.
    """
    tokenizer = load_tokenizer(source)
    rows = known_tokens(source)
    encoder = PromptEncoder(tokenizer, source.tokenizer_sha256, "prompt", True, rows, is_from_file(tokenizer), template)
    answers = [encoder.ids_of(f" {answer}") for answer in ANSWERS]
    if not all(answers) or answers[0] == answers[1] or any(tokenizer.unk_token_id in ids for ids in answers):
        raise ModelError(f"{source.id}: its tokenizer has no words for {' and '.join(ANSWERS)}: it cannot be prompted")
    return encoder
