"""Pairs to tokens, once for a tokenizer: measured for what the tokenizer loses, and kept in a file that streams."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from bio_paws.execution.files import atomic, digest_of, read_json, write_json
from bio_paws_eval.models.loading import Join
from bio_paws_eval.results import Encoding, record_of
from bio_paws_eval.tasks.pairs import Pairs

Segment = int | Literal["auto"] | None
"""Residues per block that sequences are split into; "auto" for the longest that the tokenizer represents; None for
whole sequences."""

MAX_UNKNOWN = 0.01
"""Largest part of unknown tokens with which a score still says something about the model."""

SEGMENTS = (100, 50, 25, 10)
"""Letters a word, longest first. BERT's WordPiece makes one unknown token of a word of over 100 letters."""

PERCENTILES = tuple(range(0, 101, 5))


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
        By the tokenizer's own template for pairs, or one after the other with no mark between, behind the token that
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
        """Return token ids of each pair, at most `max_length`, and token types where the model takes them.

        The longer sentence of a pair is cut first.
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
                keep1, keep2 = _longest_first(len(ids1), len(ids2), max_length - len(starts))
                joined.append([*starts, *ids1[:keep1], *ids2[:keep2]])
            else:
                joined.append([*starts, *ids1, *ids2])
        return joined


def _longest_first(length1: int, length2: int, room: int) -> tuple[int, int]:
    """Cut the longer of two down to the other's length, then both by turns, until they fit."""
    if length1 + length2 <= room:
        return length1, length2
    shorter = min(length1, length2, room // 2)
    return (room - shorter, shorter) if length1 >= length2 else (shorter, room - shorter)


@dataclass(frozen=True)
class Tokens:
    """Some encoded pairs.

    Attributes
    ----------
    ids : list of ndarray, each shape=(tokens,), dtype=int32
        Token ids.
    types : list of ndarray or None
        Which sentence a token belongs to, where the model is told.
    labels : ndarray, shape=(n,), dtype=int8
        The truth.
    pair_ids : list of str
        Ids of the pairs.
    """

    ids: list[NDArray[np.int32]]
    types: list[NDArray[np.int32]] | None
    labels: NDArray[np.int8]
    pair_ids: list[str]


@dataclass(frozen=True)
class Encoded:
    """Encoded pairs in a file of record batches, read one batch at a time.

    Attributes
    ----------
    path : Path
        Arrow IPC file.
    encoding : Encoding
        What the tokenizer made of them.
    """

    path: Path
    encoding: Encoding

    def batches(self) -> Iterator[Tokens]:
        """Read the pairs in their order, a batch at a time."""
        return map(_tokens, self._stored())

    @property
    def tokens(self) -> int:
        """Number of tokens of all pairs."""
        return sum(len(batch["ids"].flatten()) for batch in self._stored())

    def _stored(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self.path)) as source:
            file = pa.ipc.open_file(source)
            for i in range(file.num_record_batches):
                yield file.get_batch(i)

    def all(self) -> Tokens:
        """Read all pairs at once."""
        parts = list(self.batches())
        types = None if parts[0].types is None else [one for part in parts for one in part.types or []]
        return Tokens(
            [one for part in parts for one in part.ids],
            types,
            np.concatenate([part.labels for part in parts]),
            [one for part in parts for one in part.pair_ids],
        )


def _tokens(batch: pa.RecordBatch) -> Tokens:
    def split(name: str) -> list[NDArray[np.int32]]:
        column = batch[name]
        return np.split(column.flatten().to_numpy(), column.offsets.to_numpy()[1:-1] - column.offsets[0].as_py())

    types = split("types") if "types" in batch.schema.names else None
    return Tokens(split("ids"), types, batch["label"].to_numpy(), batch["pair_id"].to_pylist())


def encode(pairs: Pairs, encoder: PairEncoder, segment: Segment, max_length: int | None, folder: Path) -> Encoded:
    """Encode the pairs of a task; what is on disk from an earlier call is not done again.

    Parameters
    ----------
    pairs : Pairs
        The task. Natural language is never split into words of fixed length.
    encoder : PairEncoder
        The tokenizer.
    segment : int, "auto" or None
        Letters a word. "auto" leaves sequences whole where under `MAX_UNKNOWN` of the tokens are unknown, and else
        takes the longest of `SEGMENTS` with which they are; where none serves, the sequences stay whole.
    max_length : int, optional
        Tokens the model takes.
    folder : Path
        Where the files lie.
    """
    if pairs.molecule == "text":
        return _encode(pairs, encoder, None, max_length, folder)
    if segment != "auto":
        return _encode(pairs, encoder, segment, max_length, folder)
    whole = _encode(pairs, encoder, None, max_length, folder)
    if whole.encoding.unknown < MAX_UNKNOWN:
        return whole
    for letters in SEGMENTS:
        split = _encode(pairs, encoder, letters, max_length, folder)
        if split.encoding.unknown < MAX_UNKNOWN:
            return split
    return whole


def _encode(pairs: Pairs, encoder: PairEncoder, segment: int | None, max_length: int | None, folder: Path) -> Encoded:
    program = [Path(__file__).read_text(encoding="utf-8"), *map(version, ("tokenizers", "transformers"))]
    key = digest_of(pairs.task.content_sha256, encoder.sha256, encoder.join, segment, max_length, program)
    path = folder / f"{pairs.task.name}-{pairs.task.split}-{key}.arrow"
    measured = path.with_suffix(".json")  # written last: where it stands, both are whole
    if not measured.is_file():
        write_json(measured, dataclasses.asdict(_write(path, pairs, encoder, segment, max_length)))
    return Encoded(path, record_of(Encoding, read_json(measured), "lengths"))


def _write(path: Path, pairs: Pairs, encoder: PairEncoder, segment: int | None, max_length: int | None) -> Encoding:
    """Encode batch by batch into a file, and return what was measured."""
    fields = [("pair_id", pa.string()), ("label", pa.int8()), ("ids", pa.list_(pa.int32()))]
    schema = pa.schema([*fields, ("types", pa.list_(pa.int32()))] if encoder.has_types else fields)
    counts = _Counts(encoder, max_length)
    with atomic(path) as part, pa.OSFile(str(part), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for batch in pairs.read():
            sentences1, sentences2 = (
                [split_words(text, segment) for text in batch[name].to_pylist()] for name in ("sentence1", "sentence2")
            )
            ids, types = counts.tokenise(sentences1, sentences2)
            columns = [batch["pair_id"], batch["label"], pa.array(ids, pa.list_(pa.int32()))]
            if encoder.has_types:
                columns.append(pa.array(types, pa.list_(pa.int32())))
            writer.write_batch(pa.record_batch(columns, schema))
    return counts.encoding(segment)


def split_words(text: str, letters: int | None) -> str:
    """Split a sequence into words of so many letters."""
    if letters is None:
        return text
    return " ".join(text[at : at + letters] for at in range(0, len(text), letters))


class _Counts:
    """Tokenises, and counts what is lost."""

    def __init__(self, encoder: PairEncoder, max_length: int | None) -> None:
        self._encoder = encoder
        self._max_length = max_length
        tokenizer = encoder.tokenizer
        self._unknown = -1 if tokenizer.unk_token_id is None else tokenizer.unk_token_id
        self._special = np.array([one for one in tokenizer.all_special_ids if one != self._unknown])
        self._pairs = self._tokens = self._unknowns = self._specials = 0
        self._letters = self._cut_pairs = self._cut_letters = 0
        self._lengths: list[NDArray[np.int64]] = []

    def tokenise(self, sentences1: list[str], sentences2: list[str]) -> tuple[list[list[int]], list[list[int]]]:
        """Tokenise a batch, and cut what is too long."""
        ids, types = self._encoder.tokenise(sentences1, sentences2, None)
        lengths = np.array([len(one) for one in ids])
        flat = np.concatenate([np.asarray(one, dtype=np.int64) for one in ids])
        self._pairs += len(ids)
        self._tokens += len(flat)
        self._unknowns += int((flat == self._unknown).sum())
        self._specials += int(np.isin(flat, self._special).sum())
        self._letters += sum(map(_letters, sentences1)) + sum(map(_letters, sentences2))
        self._lengths.append(lengths)
        if self._max_length:
            too_long = np.flatnonzero(lengths > self._max_length).tolist()
            self._cut(too_long, ids, types, sentences1, sentences2)
        return ids, types

    def _cut(
        self,
        rows: list[int],
        ids: list[list[int]],
        types: list[list[int]],
        sentences1: list[str],
        sentences2: list[str],
    ) -> None:
        if not rows:
            return
        texts1, texts2 = [sentences1[i] for i in rows], [sentences2[i] for i in rows]
        cut, cut_types = self._encoder.tokenise(texts1, texts2, self._max_length)
        for at, i in enumerate(rows):
            ids[i] = cut[at]
            if types:
                types[i] = cut_types[at]
        left = self._encoder.tokenizer.batch_decode(cut, skip_special_tokens=True)
        self._cut_pairs += len(rows)
        self._cut_letters += sum(
            max(0, _letters(one) + _letters(two) - _letters(rest))
            for one, two, rest in zip(texts1, texts2, left, strict=True)
        )

    def encoding(self, segment: int | None) -> Encoding:
        """Say what was measured."""
        lengths = np.percentile(np.concatenate(self._lengths), PERCENTILES, method="nearest")
        return Encoding(
            self._encoder.join,
            segment,
            self._max_length,
            self._unknowns / self._tokens,
            self._cut_pairs / self._pairs,
            self._cut_letters / self._letters,
            (self._tokens - self._specials) / self._letters,
            tuple(int(one) for one in lengths),
        )


def _letters(text: str) -> int:
    return len("".join(text.split()))
