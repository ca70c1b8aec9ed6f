"""Perplexity of held-out documents, and bits a byte, which can be compared between tokenizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from bio_paws_eval.pretrain.tokenizer import end_of

_BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}


@dataclass(frozen=True)
class Perplexity:
    """How well a model foretells documents of one language.

    Attributes
    ----------
    documents, bytes, tokens : int
        What was foretold.
    perplexity : float
        ``exp`` of the mean loss of a token; depends on how long the tokenizer's tokens are.
    bits_per_byte : float
        The loss of all tokens in bits, by the bytes of the documents: what a compressor by this model would need.
    """

    documents: int
    bytes: int
    tokens: int
    perplexity: float
    bits_per_byte: float


@torch.inference_mode()
def measure(model: PreTrainedModel, tokenizer: Tokenizer, documents: Sequence[str], context: int) -> Perplexity:
    """Measure the perplexity of some documents.

    Each is cut into pieces of ``context - 1`` tokens, and each piece follows the end of a document: so every token is
    foretold once, and its bits add up to a code of the whole.

    Parameters
    ----------
    model : PreTrainedModel
        A causal model.
    tokenizer : Tokenizer
        Its tokenizer; a lossless one.
    documents : sequence of str
        Not empty.
    context : int
        Tokens the model sees at once.
    """
    model.eval()
    device = next(model.parameters()).device
    end = end_of(tokenizer)
    pieces = [
        ids[at : at + context - 1]
        for ids in (encoding.ids for encoding in tokenizer.encode_batch(list(documents)))
        for at in range(0, len(ids), context - 1)
    ]
    pieces.sort(key=len, reverse=True)
    rows = max(1, _BATCH_TOKENS.get(device.type, 4096) // context)
    nats = 0.0
    for at in range(0, len(pieces), rows):
        group = pieces[at : at + rows]
        longest = len(group[0])
        ids = torch.tensor([[end, *ids, *[end] * (longest - len(ids))] for ids in group])
        labels = torch.tensor([[*ids, *[-100] * (longest - len(ids))] for ids in group])
        logits = model(ids.to(device)).logits[:, :-1].float()
        # A padded token stands behind all that is foretold, where a causal model does not look.
        losses = cross_entropy(logits.flatten(0, 1), labels.flatten().to(device), reduction="none")
        nats += losses.double().sum().item()
    tokens, size = sum(map(len, pieces)), sum(len(document.encode()) for document in documents)
    return Perplexity(len(documents), size, tokens, math.exp(nats / tokens), nats / math.log(2) / size)
