"""Join two sentences into the tokens of one input, as the model was taught to read pairs, or one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from bio_paws_eval.models.architectures import Join


@dataclass(frozen=True)
class PairEncoder:
    """A tokenizer, and how it joins two sentences.

    Attributes
    ----------
    tokenizer : PreTrainedTokenizerBase
        With a padding token.
    sha256 : str
        Digest of its files.
    join : {"template", "concatenation"}
        By the tokenizer's own template for pairs, or one after the other without a separator, behind the token that
        starts a text where the tokenizer has one.
    """

    tokenizer: PreTrainedTokenizerBase
    sha256: str
    join: Join

    @property
    def has_types(self) -> bool:
        """Whether the model is told which sentence a token belongs to."""
        return self.join == "template" and "token_type_ids" in self.tokenizer.model_input_names

    def tokenise(
        self, sentences1: list[str], sentences2: list[str], max_length: int | None
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return the token ids of each pair, and its token types where the model takes them.

        Parameters
        ----------
        sentences1, sentences2 : list of str
            First and second sentence of each pair.
        max_length : int or None
            Tokens that a pair is truncated to, the longer sentence first; None to keep all.
        """
        if self.join == "concatenation":
            return self._concatenated(sentences1, sentences2, max_length), []
        encoded = self.tokenizer(
            sentences1,
            sentences2,
            truncation="longest_first" if max_length else False,
            max_length=max_length,
            return_attention_mask=False,
            return_token_type_ids=self.has_types,
            verbose=False,
        )
        return encoded["input_ids"], encoded["token_type_ids"] if self.has_types else []

    def _concatenated(self, sentences1: list[str], sentences2: list[str], max_length: int | None) -> list[list[int]]:
        first, second = (
            self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
            for texts in (sentences1, sentences2)
        )
        start = self.tokenizer.bos_token_id
        starts = [start] if start is not None and self.tokenizer("")["input_ids"][:1] == [start] else []
        joined = []
        for ids1, ids2 in zip(first, second, strict=True):
            if max_length:
                keep1, keep2 = truncate_longest_first(len(ids1), len(ids2), max_length - len(starts))
                joined.append([*starts, *ids1[:keep1], *ids2[:keep2]])
            else:
                joined.append([*starts, *ids1, *ids2])
        return joined


def truncate_longest_first(length1: int, length2: int, room: int) -> tuple[int, int]:
    """Return how much is kept of two sentences, so that they fit into `room`.

    The longer is cut to the length of the shorter, then both by turns, as Transformers' "longest_first" does.

    Examples
    --------
    >>> truncate_longest_first(10, 4, 9)
    (5, 4)
    >>> truncate_longest_first(10, 8, 9)
    (5, 4)
    """
    if length1 + length2 <= room:
        return length1, length2
    shorter = min(length1, length2, room // 2)
    return (room - shorter, shorter) if length1 >= length2 else (shorter, room - shorter)
