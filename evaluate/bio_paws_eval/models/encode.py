"""Pairs to tokens, once per tokenizer: what the tokenizer loses is measured, and the tokens are kept in a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws.errors import ModelError
from bio_paws.execution.files import atomic, read_json, write_json
from bio_paws.execution.stage_keys import stage_key
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.results import Encoding, record_of
from bio_paws_eval.tasks.pairs import Pairs

Segment = int | Literal["auto"] | None
"""Residues per block that sequences are split into; "auto" for the longest that the tokenizer represents; None for
whole sequences."""

MAX_UNKNOWN = 0.01
"""Largest fraction of unknown tokens with which a score still says something about the model."""

SEGMENTS = (100, 50, 25, 10)
"""Residues per block, longest first. BERT's WordPiece makes one unknown token of a word of over 100 characters."""

PERCENTILES = tuple(range(0, 101, 5))
"""Percentiles of the lengths that an `Encoding` holds."""


def encode(pairs: Pairs, encoder: PairEncoder, segment: Segment, max_length: int | None, folder: Path) -> Encoded:
    """Encode the pairs of a task, unless an earlier call has left its file.

    Parameters
    ----------
    pairs : Pairs
        The task. Natural language is never split into blocks.
    encoder : PairEncoder
        The tokenizer.
    segment : int, "auto" or None
        Residues per block. "auto" leaves sequences whole where under `MAX_UNKNOWN` of the tokens are unknown, and else
        takes the longest of `SEGMENTS` with which they are; where none is short enough, the sequences stay whole.
    max_length : int, optional
        Tokens that the model takes.
    folder : Path
        Of the files.
    """
    encoder = encoder.of(pairs.molecule)
    if pairs.molecule == "text":
        return _encode(pairs, encoder, None, max_length, folder)
    if segment != "auto":
        return _encode(pairs, encoder, segment, max_length, folder)
    whole = _encode(pairs, encoder, None, max_length, folder)
    if whole.encoding.unknown < MAX_UNKNOWN:
        return whole
    for residues in SEGMENTS:
        split = _encode(pairs, encoder, residues, max_length, folder)
        if split.encoding.unknown < MAX_UNKNOWN:
            return split
    return whole


def _encode(pairs: Pairs, encoder: PairEncoder, segment: int | None, max_length: int | None, folder: Path) -> Encoded:
    key = stage_key(
        "bio_paws_eval.models.encode",
        type(encoder).__module__,
        packages=("tokenizers", "transformers"),
        values=(pairs.task.content_sha256, *encoder.key, segment, max_length),
    )
    path = folder / f"{pairs.task.name}-{pairs.task.split}-{key}.arrow"
    facts = path.with_suffix(".json")  # written last: where it is, both files are whole
    if not facts.is_file():
        write_json(facts, dataclasses.asdict(_write(path, pairs, encoder, segment, max_length)))
    return Encoded(path, record_of(Encoding, read_json(facts), "lengths"))


def _write(path: Path, pairs: Pairs, encoder: PairEncoder, segment: int | None, max_length: int | None) -> Encoding:
    """Encode batch by batch into a file, and return what was measured."""
    fields = [("pair_id", pa.string()), ("label", pa.int8()), ("ids", pa.list_(pa.int32()))]
    schema = pa.schema([*fields, ("types", pa.list_(pa.int32()))] if encoder.has_types else fields)
    counts = _Counts(encoder, max_length)
    with atomic(path) as part, pa.OSFile(str(part), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for batch in pairs.read():
            sentences1, sentences2 = (
                [split_into_blocks(text, segment) for text in batch[name].to_pylist()]
                for name in ("sentence1", "sentence2")
            )
            ids, types = counts.tokenise(sentences1, sentences2)
            columns = [batch["pair_id"], batch["label"], pa.array(ids, pa.list_(pa.int32()))]
            if encoder.has_types:
                columns.append(pa.array(types, pa.list_(pa.int32())))
            writer.write_batch(pa.record_batch(columns, schema))
    return counts.encoding(segment)


def split_into_blocks(text: str, residues: int | None) -> str:
    """Split a sequence by spaces into blocks of so many residues; None leaves it whole.

    Examples
    --------
    >>> split_into_blocks("ACGTACGTAC", 4)
    'ACGT ACGT AC'
    """
    if residues is None:
        return text
    return " ".join(text[start : start + residues] for start in range(0, len(text), residues))


class _Counts:
    """Tokenises pairs, and counts what is lost."""

    def __init__(self, encoder: PairEncoder, max_length: int | None) -> None:
        self._encoder = encoder
        self._max_length = max_length
        tokenizer = encoder.tokenizer
        self._unknown = -1 if tokenizer.unk_token_id is None else tokenizer.unk_token_id
        self._special = np.array([token for token in tokenizer.all_special_ids if token != self._unknown])
        self._pairs = self._tokens = self._unknown_tokens = self._special_tokens = 0
        self._characters = self._cut_pairs = self._cut_characters = 0
        self._lengths: list[NDArray[np.int64]] = []

    def tokenise(self, sentences1: list[str], sentences2: list[str]) -> tuple[list[list[int]], list[list[int]]]:
        """Tokenise a batch, and truncate what is too long."""
        ids, types = self._encoder.tokenise(sentences1, sentences2, None)
        lengths = self._encoder.longest_inputs(ids, types)
        flat = np.concatenate([np.asarray(row, dtype=np.int64) for row in ids])
        self._check_ids(flat)
        self._pairs += len(ids)
        self._tokens += len(flat)
        self._unknown_tokens += int((flat == self._unknown).sum())
        self._special_tokens += int(np.isin(flat, self._special).sum())
        self._characters += sum(map(_characters, sentences1)) + sum(map(_characters, sentences2))
        self._lengths.append(lengths)
        if self._max_length:
            too_long = np.flatnonzero(lengths > self._max_length).tolist()
            self._truncate(too_long, ids, types, sentences1, sentences2)
        return ids, types

    def _check_ids(self, ids: NDArray[np.int64]) -> None:
        rows, largest = self._encoder.rows, int(ids.max(initial=0))
        if rows is not None and largest >= rows:
            token = self._encoder.tokenizer.convert_ids_to_tokens(largest)
            raise ModelError(
                f"the tokenizer makes token {largest} ({token!r}), and the model has embeddings of {rows} tokens: "
                "resize them, or take the tokenizer that the model was trained with"
            )

    def _truncate(
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
        for place, i in enumerate(rows):
            ids[i] = cut[place]
            if types:
                types[i] = cut_types[place]
        self._cut_pairs += len(rows)
        self._cut_characters += sum(
            max(0, _characters(text1) + _characters(text2) - kept)
            for text1, text2, kept in zip(texts1, texts2, self._encoder.letters_kept(cut), strict=True)
        )

    def encoding(self, segment: int | None) -> Encoding:
        """Return what was measured."""
        lengths = np.percentile(np.concatenate(self._lengths), PERCENTILES, method="nearest")
        return Encoding(
            self._encoder.join,
            segment,
            self._max_length,
            self._unknown_tokens / self._tokens,
            self._cut_pairs / self._pairs,
            self._cut_characters / self._characters,
            (self._tokens - self._special_tokens) / self._characters,
            tuple(map(int, lengths)),
        )


def _characters(text: str) -> int:
    """Count the characters of a text, spaces left out."""
    return len("".join(text.split()))
