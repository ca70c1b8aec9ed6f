"""The two sides of a pair as inputs of their own, one after the other in a row of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bio_paws_eval.models.architectures import known_tokens
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.tokenizers import is_from_file, load_tokenizer
from bio_paws_eval.models.tokens import Tokens


@dataclass(frozen=True)
class SeparateEncoder(PairEncoder):
    """Encodes each side as a text of its own; the types of a row say which input a token is of: 0 or 1."""

    def tokenise(
        self, sentences1: list[str], sentences2: list[str], max_length: int | None
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return the token ids of both inputs of each pair, and their types; `max_length` is that of one input."""
        first, second = (self._texts(texts, max_length) for texts in (sentences1, sentences2))
        return join_inputs(first, second)

    def longest_inputs(self, ids: list[list[int]], types: list[list[int]]) -> NDArray[np.int64]:
        """Return the number of tokens of the longer input of each pair: shape=(n,)."""
        return longest_of(types)

    def _texts(self, texts: list[str], max_length: int | None) -> list[list[int]]:
        encoded = self.tokenizer(
            texts,
            truncation=max_length is not None,
            max_length=max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        # A model cannot read nothing: tokenizers without special tokens make no token of an empty text.
        return [ids or [self.tokenizer.pad_token_id] for ids in encoded["input_ids"]]


def separate_encoder(source: ModelSource) -> SeparateEncoder:
    """Load a model's tokenizer, to encode each side on its own.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    tokenizer = load_tokenizer(source)
    rows = known_tokens(source)
    return SeparateEncoder(tokenizer, source.tokenizer_sha256, "separate", True, rows, is_from_file(tokenizer))


def join_inputs(first: list[list[int]], second: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Put two inputs of each pair one after the other; return their ids and their types."""
    ids = [[*ids1, *ids2] for ids1, ids2 in zip(first, second, strict=True)]
    types = [[0] * len(ids1) + [1] * len(ids2) for ids1, ids2 in zip(first, second, strict=True)]
    return ids, types


def longest_of(types: list[list[int]]) -> NDArray[np.int64]:
    """Return the length of the longer of the two inputs of each pair."""
    second = np.array(list(map(sum, types)), dtype=np.int64)
    longest: NDArray[np.int64] = np.maximum(np.array(list(map(len, types))) - second, second)
    return longest


def split_inputs(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """Return the first and the second input of each pair, each without types."""
    assert tokens.types is not None
    cuts = [int(np.searchsorted(types, 1)) for types in tokens.types]
    first = [ids[:cut] for ids, cut in zip(tokens.ids, cuts, strict=True)]
    second = [ids[cut:] for ids, cut in zip(tokens.ids, cuts, strict=True)]
    return tuple(Tokens(part, None, tokens.labels, tokens.pair_ids) for part in (first, second))  # type: ignore[return-value]
