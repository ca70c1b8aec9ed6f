"""Join two sentences into the tokens of one input, as the model was taught to read pairs, or one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from bio_paws.errors import ModelError
from bio_paws_eval.models.architectures import Join, join_of, known_tokens, takes_types
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.tokenizers import PROBES, is_from_file, load_tokenizer


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
    has_types : bool
        Whether the model is told which sentence a token belongs to.
    rows : int or None
        Tokens that the model has embeddings of; None where it computes them.
    from_file : bool
        Whether it is tokenizer.json as it is, where AutoTokenizer would make another one.
    """

    tokenizer: PreTrainedTokenizerBase
    sha256: str
    join: Join
    has_types: bool
    rows: int | None
    from_file: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What decides its tokens: one tokenizer.json gives others under another class or configuration."""
        special = sorted(self.tokenizer.special_tokens_map.items()), sorted(self.tokenizer.all_special_ids)
        return self.sha256, type(self.tokenizer).__name__, self.join, self.has_types, self.rows, *special

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

    def of(self, molecule: str) -> PairEncoder:
        """Return the encoder of pairs of such sides; most read all in the same way."""
        return self

    def describe(self, sentence1: str, sentence2: str) -> str:
        """Return how a pair is joined and by which special tokens, as in ``template: [CLS] A [SEP] B [SEP]``."""
        special = set(self.tokenizer.all_special_ids)
        first, second = (
            len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
            for text in (sentence1, sentence2)
        )
        (ids,), _ = self.tokenise([sentence1], [sentence2], None)
        start = next((i for i, token in enumerate(ids) if token not in special), 0)
        end = len(ids) - next((i for i, token in enumerate(reversed(ids)) if token not in special), 0)
        between = ids[start + first : end - second]
        start_tokens, between_tokens, end_tokens = (
            " ".join(map(str, self.tokenizer.convert_ids_to_tokens(part))) for part in (ids[:start], between, ids[end:])
        )
        return f"{self.join}: {' '.join(filter(None, (start_tokens, 'A', between_tokens, 'B', end_tokens)))}"

    def longest_inputs(self, ids: list[list[int]], types: list[list[int]]) -> NDArray[np.int64]:
        """Return the number of tokens that the model reads at once of each pair: shape=(n,)."""
        return np.array(list(map(len, ids)))

    def letters_kept(self, ids: list[list[int]]) -> list[int]:
        """Return how many letters of each pair its tokens spell, spaces not counted."""
        spelt = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [len("".join(str(text).split())) for text in spelt]

    @property
    def starts(self) -> list[int]:
        """The token that starts a text; empty where the tokenizer has none."""
        starts: list[int] = self.tokenizer("")["input_ids"][:1]
        return starts if starts in ([self.tokenizer.bos_token_id], [self.tokenizer.cls_token_id]) else []

    def _concatenated(self, sentences1: list[str], sentences2: list[str], max_length: int | None) -> list[list[int]]:
        first, second = (
            self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
            for texts in (sentences1, sentences2)
        )
        starts = self.starts
        joined = []
        for ids1, ids2 in zip(first, second, strict=True):
            if max_length:
                keep1, keep2 = truncate_longest_first(len(ids1), len(ids2), max_length - len(starts))
                joined.append([*starts, *ids1[:keep1], *ids2[:keep2]])
            else:
                joined.append([*starts, *ids1, *ids2])
        return joined


def encoder_of(source: ModelSource) -> PairEncoder:
    """Load a model's tokenizer, and decide how it joins two sentences.

    Raises
    ------
    ModelError
        When it cannot be loaded, or joins two sentences without a token between them.
    """
    tokenizer = load_tokenizer(source)
    join = join_of(source.config)
    if join == "template" and not _has_template(tokenizer):
        join = "concatenation"
    if join == "template" and not _separates(tokenizer):
        raise ModelError(
            f"{source.id}: its tokenizer joins two sentences without a token between them: give tokenizer.json a "
            "post-processor (TemplateProcessing) with the separator that the model was trained with"
        )
    has_types = join == "template" and "token_type_ids" in tokenizer.model_input_names and takes_types(source.config)
    rows, from_file = known_tokens(source), is_from_file(tokenizer)
    return PairEncoder(tokenizer, source.tokenizer_sha256, join, has_types, rows, from_file)


def _has_template(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a tokenizer takes two sentences; Nucleotide Transformer's takes one, having no end token."""
    try:
        tokenizer("A", "A")
    except ValueError:
        return False
    return True


def _separates(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a token stands between two sentences."""
    # Of any alphabet: letters that the tokenizer drops would seem to be joined to what comes before.
    text = next((text for text in PROBES if tokenizer(text, add_special_tokens=False)["input_ids"]), PROBES[0])
    joined = 2 * tokenizer(text, add_special_tokens=False)["input_ids"]
    both = tokenizer(text, text)["input_ids"]
    return not any(both[i : i + len(joined)] == joined for i in range(len(both) - len(joined) + 1))


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
