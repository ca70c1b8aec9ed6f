"""Load a model's weights with the head that is needed."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from bio_paws.errors import BioPawsError, ModelError, first_line
from bio_paws_eval.models.adapters import merge_adapter
from bio_paws_eval.models.architectures import classifier_class, empty_classifier, join_of, new_classifier
from bio_paws_eval.models.heads import LABELS, exchange_labels, read_head
from bio_paws_eval.models.model_files import NO_CODE, OWN_CODE, ModelSource
from bio_paws_eval.models.own_code import names_code
from bio_paws_eval.models.quantization import keep_differentiable, quantization_of

_CPU = torch.device("cpu")


def load_classifier(
    source: ModelSource,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    *,
    random_init: bool = False,
    device: torch.device = _CPU,
    dtype: torch.dtype = torch.float32,
) -> PreTrainedModel:
    """Load the model with a classifier of two labels; what its files do not hold is drawn from `seed`.

    Weights are in float32, but those of linear layers where `ModelSource.load_in` says otherwise.

    Parameters
    ----------
    source : ModelSource
        From `model_files.find_model`.
    tokenizer : PreTrainedTokenizerBase
        From `tokenizers.load_tokenizer`; tells the model which token is padding.
    seed : int
        Of the head, or of all weights.
    random_init : bool
        Draw all weights, instead of reading those of the files.
    device : torch.device
        Where it goes.
    dtype : torch.dtype
        Number format of the matrix products, where weights in 4 bits are made numbers for them.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, or Transformers has no classifier of it.
    """
    config = AutoConfig.from_pretrained(
        source.folder, num_labels=2, pad_token_id=tokenizer.pad_token_id, **source.trust
    )
    # A file's own would let the loss be that of a regression, and decides more than the number of labels does.
    config.problem_type = "single_label_classification"
    config.id2label, config.label2id = dict(LABELS), {name: label for label, name in LABELS.items()}
    config.get_text_config().pad_token_id = tokenizer.pad_token_id  # of several modes, each has a configuration
    empty = empty_classifier(source)
    head = read_head(source, empty)
    stored = {}
    if source.load_in != "float32":
        quantization = quantization_of(source.load_in, empty, dtype)
        stored = {"quantization_config": quantization, "device_map": {"": device}}
    set_seed(seed)
    try:
        if random_init:
            model = new_classifier(source, config)
        else:
            model, loading = classifier_class(source).from_pretrained(
                source.folder,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **stored,
                **NO_CODE,
            )
            # Only the head may be new: it stands outside the model that has a name of its own.
            _check_loaded(source, loading, f"{model.base_model_prefix}.")
            if source.adapter:
                model = merge_adapter(model, source.adapter)
            if head.kept and head.similar == 0:
                exchange_labels(model)
    except BioPawsError:
        raise
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{source.id}: cannot be loaded as a classifier ({first_line(error)})") from error
    if stored:
        keep_differentiable(model)
    else:
        model.to(device)  # type: ignore[arg-type]
    return model


def _check_loaded(source: ModelSource, loading: dict[str, Any], part: str = "") -> None:
    drawn = {*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])}
    # A pooler comes after the last layer, and files of language models hold none. The head that predicts contacts from
    # attention is part of ESM's model, and no classifier uses it.
    unused = ("pooler", "contact_head")
    missing = sorted(name for name in drawn if name.startswith(part) and not any(part in name for part in unused))
    remedy = f": {OWN_CODE}" if names_code(source.folder) and not source.code_sha256 else ""
    if missing:
        raise ModelError(
            f"{source.id}: its files lack {len(missing)} weights of the model, {missing[0]} among them{remedy}"
        )
    unused_weights = sorted(name for name in loading["unexpected_keys"] if part and name.startswith(part))
    if unused_weights and remedy:
        # Transformers has an architecture of that name, and these weights are of another one.
        raise ModelError(
            f"{source.id}: Transformers' own {source.config.model_type} leaves {len(unused_weights)} weights unused, "
            f"{unused_weights[0]} among them{remedy}"
        )


def load_base(source: ModelSource, random_seed: int | None = None) -> PreTrainedModel:
    """Load the model without a head, in float32: of an encoder with a decoder, the encoder.

    Parameters
    ----------
    source : ModelSource
        From `model_files.find_model`.
    random_seed : int, optional
        Draw all weights from this seed, instead of reading those of the files.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, or some are missing.
    """
    model = _load_whole(source, AutoModel, random_seed)
    return model.get_encoder() if source.config.is_encoder_decoder else model


def load_generator(source: ModelSource, random_seed: int | None = None) -> PreTrainedModel:
    """Load the model with its language-modelling head, in float32; parameters as for `load_base`.

    Raises
    ------
    ModelError
        When the weights do not fit the architecture, some are missing, or it does not generate text.
    """
    auto_class = AutoModelForSeq2SeqLM if source.config.is_encoder_decoder else AutoModelForCausalLM
    if not source.config.is_encoder_decoder and join_of(source.config) != "concatenation":
        raise ModelError(f"{source.id}: it does not generate text: take a text-to-text or a causal model")
    return _load_whole(source, auto_class, random_seed)


def _load_whole(source: ModelSource, auto_class: Any, random_seed: int | None) -> PreTrainedModel:
    try:
        if random_seed is not None:
            set_seed(random_seed)
            drawn: PreTrainedModel = auto_class.from_config(source.config, dtype=torch.float32, **NO_CODE)
            return drawn
        model, loading = auto_class.from_pretrained(
            source.folder, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **NO_CODE
        )
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{source.id}: cannot be loaded ({first_line(error)})") from error
    _check_loaded(source, loading)
    return model  # type: ignore[no-any-return]
