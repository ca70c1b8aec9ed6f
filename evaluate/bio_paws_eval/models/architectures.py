"""What a model's configuration says: how it reads pairs, how long they may be, and how results describe it."""

from __future__ import annotations

from typing import Literal

import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from bio_paws.errors import ModelError
from bio_paws_eval.models.model_files import NO_CODE, ModelSource, first_line
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
    # XLNet is trained on permutations, with a template for pairs, and Transformers lists it among causal models only.
    without_classifier = {*MODEL_FOR_MASKED_LM_MAPPING_NAMES, "xlnet"}
    decoder = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and config.model_type not in without_classifier
    return "concatenation" if decoder and not config.is_encoder_decoder else "template"


def max_length_of(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the largest number of tokens that a model takes; None where nothing limits it."""
    limits = []
    rows = getattr(config.get_text_config(), "max_position_embeddings", None)
    if rows and rows > 0:  # XLNet writes -1 for "any"
        offset = config.pad_token_id + 1 if config.model_type in _OFFSET_POSITIONS else 0
        limits.append(int(rows) - offset)
    if tokenizer.model_max_length < 10**9:  # transformers writes 10**30 for "unknown"
        limits.append(int(tokenizer.model_max_length))
    return min(limits, default=None)


def takes_types(config: PretrainedConfig) -> bool:
    """Return whether a model tells the sentences of a pair apart by types; RoBERTa has a table for one type only."""
    return getattr(config, "type_vocab_size", None) not in {0, 1}


def empty_classifier(source: ModelSource) -> PreTrainedModel:
    """Return the classifier without memory for its weights.

    Raises
    ------
    ModelError
        When Transformers has no classifier of this type.
    """
    try:
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForSequenceClassification.from_config(source.config, **NO_CODE)
    except ValueError as error:
        if type(source.config) in AutoModelForSequenceClassification._model_mapping:
            raise ModelError(f"{source.id}: no classifier can be made of it ({first_line(error)})") from error
        raise ModelError(
            f"{source.id}: Transformers has no classifier for models of type {source.config.model_type!r}: take another"
        ) from error
    return model


def empty_model(source: ModelSource) -> PreTrainedModel:
    """Return the model without a head, and without memory for its weights."""
    with torch.device("meta"):
        model: PreTrainedModel = AutoModel.from_config(source.config, **NO_CODE)
    return model


def embedding_rows(model: PreTrainedModel) -> int | None:
    """Return the number of tokens that a model has embeddings of; None where it hashes or computes them."""
    try:
        embeddings = model.get_input_embeddings()
    except NotImplementedError:
        return None
    return embeddings.num_embeddings if isinstance(embeddings, torch.nn.Embedding) else None


def describe(source: ModelSource, classifier: PreTrainedModel) -> Model:
    """Describe a model for its results.

    Parameters
    ----------
    source : ModelSource
        The files.
    classifier : PreTrainedModel
        From `empty_classifier`: its weights, the head's included, are counted without being loaded.
    """
    parameters = sum(weight.numel() for weight in classifier.parameters())
    return Model(
        source.id,
        "model",
        source.revision,
        type(classifier).__name__,
        parameters,
        source.weights_sha256,
        source.tokenizer_sha256,
    )
