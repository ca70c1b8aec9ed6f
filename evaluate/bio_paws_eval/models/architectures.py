"""What a model's configuration says: how it reads pairs, how long they may be, and how results describe it."""

from __future__ import annotations

from typing import Any, Literal

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from bio_paws.errors import BioPawsError, ModelError, first_line
from bio_paws_eval.models.model_files import NO_CODE, OWN_CODE, ModelSource
from bio_paws_eval.models.own_code import names_code, own_classifier
from bio_paws_eval.results import Model

Join = Literal["template", "concatenation", "separate", "prompt"]
"""How two sentences are joined; see `pair_encoder.PairEncoder`. Separate ones are inputs of their own; a prompt asks
about both in words."""

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


def classifier_class(source: ModelSource) -> Any:
    """Return what makes a model's classifier: a class of its own code where the user trusts it, else Transformers' own.

    Raises
    ------
    ModelError
        When its code cannot be run, or has no classifier.
    """
    if not source.code_sha256:
        return AutoModelForSequenceClassification
    try:
        own = own_classifier(source.folder)
    except Exception as error:  # code raises whatever it raises
        raise ModelError(f"{source.id}: its own code cannot be run ({first_line(error)})") from error
    if own is None and type(source.config) not in AutoModelForSequenceClassification._model_mapping:
        raise ModelError(f"{source.id}: its own code has no class ...ForSequenceClassification: add it to the code")
    return own or AutoModelForSequenceClassification


def new_classifier(source: ModelSource, config: PretrainedConfig) -> PreTrainedModel:
    """Return the classifier with weights drawn anew, in float32."""
    cls = classifier_class(source)
    if cls is AutoModelForSequenceClassification:
        return cls.from_config(config, dtype=torch.float32, **NO_CODE)  # type: ignore[no-any-return]
    return cls._from_config(config, dtype=torch.float32)  # type: ignore[no-any-return]


def empty_classifier(source: ModelSource) -> PreTrainedModel:
    """Return the classifier without memory for its weights.

    Raises
    ------
    ModelError
        When Transformers has no classifier of this type, or a model's own code cannot make it.
    """
    if source.code_sha256:
        return _empty_own_classifier(source)
    try:
        with torch.device("meta"):
            model = new_classifier(source, source.config)
    except ValueError as error:
        if type(source.config) in AutoModelForSequenceClassification._model_mapping:
            raise ModelError(f"{source.id}: no classifier can be made of it ({first_line(error)})") from error
        remedy = OWN_CODE if names_code(source.folder) else "take another"
        raise ModelError(
            f"{source.id}: Transformers has no classifier for models of type {source.config.model_type!r}: {remedy}"
        ) from error
    return model


def _empty_own_classifier(source: ModelSource) -> PreTrainedModel:
    """Make the classifier by a model's own code, which may not know tensors without memory."""
    try:
        try:
            with torch.device("meta"):
                model = new_classifier(source, source.config)
        except (NotImplementedError, RuntimeError, ValueError):
            model = new_classifier(source, source.config)
    except BioPawsError:
        raise
    except Exception as error:  # code raises whatever it raises
        raise ModelError(f"{source.id}: its own code makes no classifier ({first_line(error)})") from error
    # The prefix tells the weights that must be in the files from those of the head, which may be drawn anew.
    if not isinstance(getattr(model, model.base_model_prefix, None), torch.nn.Module):
        raise ModelError(
            f"{source.id}: its own code does not say which part of the classifier is the model: set base_model_prefix"
        )
    return model


def known_tokens(source: ModelSource) -> int | None:
    """Return the number of tokens that a model has embeddings of; None where it hashes or computes them."""
    return embedding_rows(empty_classifier(source) if source.code_sha256 else empty_model(source))


def empty_model(source: ModelSource) -> PreTrainedModel:
    """Return the model without a head, and without memory for its weights."""
    with torch.device("meta"):
        model: PreTrainedModel = AutoModel.from_config(source.config, **NO_CODE)
    return model


def empty_generator(source: ModelSource) -> PreTrainedModel:
    """Return the causal model with its language-modelling head, without memory for its weights.

    Raises
    ------
    ModelError
        When it is another kind of model.
    """
    if join_of(source.config) != "concatenation":
        raise ModelError(f"{source.id}: models of type {source.config.model_type!r} are not causal: take one that is")
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(source.config, **NO_CODE)
    return model


def embedding_rows(model: PreTrainedModel) -> int | None:
    """Return the number of tokens that a model has embeddings of; None where it hashes or computes them."""
    try:
        embeddings = model.get_input_embeddings()
    except (NotImplementedError, AttributeError):  # the latter in code that comes with a model
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
        source.code_sha256,
        source.adapter.sha256 if source.adapter else "",
    )
