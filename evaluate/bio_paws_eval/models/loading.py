"""Load a model's tokenizer, and its weights with the head that is needed. Code that comes with a model is never run."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from bio_paws.errors import BioPawsError, ModelError
from bio_paws_eval.models.architectures import join_of
from bio_paws_eval.models.model_files import NO_CODE, ModelSource, first_line


def load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    """Load the tokenizer, and give it a padding token where it has none.

    GPT-2 and its like end and pad with the same token; their classifiers look at the last token that is not padding.

    Raises
    ------
    ModelError
        When it cannot be loaded, or has no token to pad with.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source.folder, **NO_CODE)
    except Exception as error:  # whatever a damaged file makes the parsers raise
        raise ModelError(f"{source.id}: its tokenizer cannot be loaded ({first_line(error)})") from error
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or not longest > 0:
        raise ModelError(f"{source.id}: its tokenizer's model_max_length is not a number of tokens: {longest!r}")
    if tokenizer.pad_token is None:
        token = tokenizer.eos_token or tokenizer.unk_token
        if token is None:
            raise ModelError(f"{source.id}: its tokenizer has no token to pad with: give it a pad_token")
        tokenizer.pad_token = token
    return tokenizer


def load_classifier(
    source: ModelSource, tokenizer: PreTrainedTokenizerBase, seed: int, *, random_init: bool = False
) -> PreTrainedModel:
    """Load the model with a classifier of two labels, in float32; what its files do not hold is drawn from `seed`.

    Parameters
    ----------
    source : ModelSource
        From `model_files.find_model`.
    tokenizer : PreTrainedTokenizerBase
        From `load_tokenizer`; tells the model which token is padding.
    seed : int
        Of the head, or of all weights.
    random_init : bool
        Draw all weights, instead of reading those of the files.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, or Transformers has no classifier of it.
    """
    config = AutoConfig.from_pretrained(source.folder, num_labels=2, pad_token_id=tokenizer.pad_token_id, **NO_CODE)
    set_seed(seed)
    try:
        if random_init:
            model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32, **NO_CODE)
        else:
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                source.folder,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **NO_CODE,
            )
            # Only the head may be new: it stands outside the model that has a name of its own.
            _check_loaded(source, loading, f"{model.base_model_prefix}.")
    except BioPawsError:
        raise
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{source.id}: cannot be loaded as a classifier ({first_line(error)})") from error
    return model  # type: ignore[no-any-return]


def _check_loaded(source: ModelSource, loading: dict[str, Any], part: str = "") -> None:
    drawn = {*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])}
    # A pooler comes after the last layer, and files of language models hold none.
    missing = sorted(name for name in drawn if name.startswith(part) and "pooler" not in name)
    if missing:
        raise ModelError(f"{source.id}: its files lack {len(missing)} weights of the model, {missing[0]} among them")


def load_base(source: ModelSource) -> PreTrainedModel:
    """Load the model without a head, in float32: of an encoder with a decoder, the encoder.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, or some are missing.
    """
    model = _load_whole(source, AutoModel)
    return model.get_encoder() if source.config.is_encoder_decoder else model


def load_generator(source: ModelSource) -> PreTrainedModel:
    """Load the model with its language-modelling head, in float32.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, some are missing, or it does not generate text.
    """
    auto_class = AutoModelForSeq2SeqLM if source.config.is_encoder_decoder else AutoModelForCausalLM
    if not source.config.is_encoder_decoder and join_of(source.config) != "concatenation":
        raise ModelError(f"{source.id}: it does not generate text: take a text-to-text or a causal model")
    return _load_whole(source, auto_class)


def _load_whole(source: ModelSource, auto_class: Any) -> PreTrainedModel:
    try:
        model, loading = auto_class.from_pretrained(
            source.folder, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **NO_CODE
        )
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{source.id}: cannot be loaded ({first_line(error)})") from error
    _check_loaded(source, loading)
    return model  # type: ignore[no-any-return]
