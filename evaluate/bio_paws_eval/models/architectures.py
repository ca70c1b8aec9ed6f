"""What a model's configuration says: how it reads pairs, how long they may be, and how results describe it."""

from __future__ import annotations

from typing import Any, Literal

import torch
from transformers import AutoModelForSequenceClassification, PretrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from bio_paws_eval.models.model_files import NO_CODE, ModelSource
from bio_paws_eval.results import Model

Join = Literal["template", "concatenation"]
"""How two sentences are joined; see `pair_encoder.PairEncoder`."""

# These count positions from the padding token's id on, so that their table holds fewer than it has rows.
_OFFSET_POSITIONS = {
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}


def join_of(config: PretrainedConfig) -> Join:
    """Return how a model's pairs are joined: decoders were never trained on a template for pairs."""
    decoder = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return "concatenation" if decoder and config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES else "template"


def max_length_of(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the largest number of tokens that a model takes; None where nothing limits it."""
    limits = []
    rows = getattr(config, "max_position_embeddings", None)
    if rows:
        offset = config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS else 0
        limits.append(int(rows) - offset)
    if tokenizer.model_max_length < 10**9:  # transformers writes 10**30 for "unknown"
        limits.append(int(tokenizer.model_max_length))
    return min(limits, default=None)


def describe(source: ModelSource) -> Model:
    """Describe a model for its results; its weights, the classifier's included, are counted without being loaded."""
    with torch.device("meta"):
        model: Any = AutoModelForSequenceClassification.from_config(source.config, **NO_CODE)
    parameters = sum(weight.numel() for weight in model.parameters())
    return Model(
        source.id,
        "model",
        source.revision,
        type(model).__name__,
        parameters,
        source.weights_sha256,
        source.tokenizer_sha256,
    )
