"""Tiny classifiers of many architectures, and whether each pair is answered in a batch as it is alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from bio_paws.errors import ModelError
from bio_paws_eval.models.architectures import join_of
from bio_paws_eval.models.batch_runner import BatchRunner
from bio_paws_eval.models.batches import input_filter
from bio_paws_eval.models.batching import PADDED
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.tokens import Tokens

PAD, END, IDS = 0, 2, 60  # embeddings; the ids of letters are those from 5 on

_WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_GROUPED = _WIDE | {"num_key_value_heads": 1}
_OF_16 = _GROUPED | {"head_dim": 16}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2}
_T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": PAD}
_BART = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2} | {
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "decoder_start_token_id": END,
    "max_position_embeddings": 256,
}
_LOCAL = _OF_16 | {"sliding_window": 16}
_OWN_IDS: dict[str, Any] = {"vocab_size": IDS, "pad_token_id": PAD, "bos_token_id": 1, "eos_token_id": END}

CONFIGS: dict[str, dict[str, Any]] = {
    "albert": _WIDE | {"embedding_size": 16},
    "bart": _BART,
    "bert": _WIDE,
    "big_bird": _WIDE | {"block_size": 8, "num_random_blocks": 1, "attention_type": "block_sparse"},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 2},
    "camembert": _WIDE,
    "canine": _WIDE
    | {"num_hash_buckets": 256, "num_hash_functions": 4, "local_transformer_stride": 8}
    | {"max_position_embeddings": 256},
    "convbert": _WIDE | {"embedding_size": 32, "head_ratio": 1, "conv_kernel_size": 9},
    "ctrl": {"n_embd": 32, "n_layer": 2, "n_head": 2, "dff": 64, "n_positions": 256},
    "data2vec-text": _WIDE,
    "deberta": _WIDE | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "deberta-v2": _WIDE | {"relative_attention": True, "position_buckets": 32, "pos_att_type": ["p2c", "c2p"]},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "electra": _WIDE | {"embedding_size": 16},
    "ernie": _WIDE,
    "esm": _WIDE | {"position_embedding_type": "rotary", "token_dropout": True, "mask_token_id": 4},
    "falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "alibi": True},
    "fnet": {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64},
    "funnel": {"block_sizes": [1, 1], "d_model": 32, "n_head": 2, "d_head": 16, "d_inner": 64},
    "gemma": _OF_16,
    "gemma2": _LOCAL,
    "gemma3_text": _LOCAL,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]]}
    | {"window_size": 16, "max_position_embeddings": 256},
    "gpt_neox": _WIDE,
    "gptj": _GPT2 | {"rotary_dim": 8},
    "jamba": _GROUPED
    | {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1}
    | {"num_experts": 2, "use_mamba_kernels": False, "mamba_d_state": 4},
    "llama": _GROUPED,
    "longformer": _WIDE | {"attention_window": 16, "sep_token_id": 3},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    "mbart": _BART,
    "megatron-bert": _WIDE,
    "mistral": _GROUPED | {"sliding_window": 16},
    "mobilebert": _WIDE
    | {"embedding_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 1, "num_attention_heads": 2},
    "modernbert": _WIDE | {"cls_token_id": 1, "sep_token_id": END, "local_attention": 16},
    "mpnet": _WIDE,
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 2},
    "mt5": _T5,
    "nystromformer": _WIDE | {"num_landmarks": 64, "segment_means_seq_len": 64, "conv_kernel_size": 9},
    "openai-gpt": _GPT2 | {"n_positions": 256},
    "opt": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64}
    | {"word_embed_proj_dim": 32},
    "perceiver": {"d_model": 32, "d_latents": 32, "num_latents": 8, "num_self_attends_per_block": 1}
    | {"num_self_attention_heads": 2, "num_cross_attention_heads": 2, "max_position_embeddings": 256},
    "phi": _WIDE,
    "phi3": _GROUPED,
    "plbart": _BART,
    "qwen2": _GROUPED,
    "qwen3": _OF_16,
    "reformer": {"hidden_size": 32, "num_attention_heads": 2, "attention_head_size": 16, "feed_forward_size": 64}
    | {"attn_layers": ["local", "lsh"], "axial_pos_shape": [16, 16], "axial_pos_embds_dim": [16, 16]}
    | {"num_buckets": 4, "lsh_attn_chunk_length": 16, "local_attn_chunk_length": 16},
    "rembert": _WIDE | {"input_embedding_size": 16, "output_embedding_size": 16},
    "roberta": _WIDE,
    "roformer": _WIDE | {"embedding_size": 32},
    "squeezebert": _WIDE | {"embedding_size": 32},
    "t5": _T5,
    "umt5": _T5,
    "xlm": {"emb_dim": 32, "n_layers": 2, "n_heads": 2, "pad_index": PAD, "max_position_embeddings": 256},
    "xlm-roberta": _WIDE,
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64},
    "yoso": _WIDE,
}
"""Configuration of a tiny model of each type."""


def spread(model: PreTrainedModel) -> PreTrainedModel:
    """Draw weights so that answers differ: fresh ones are so small that all pairs get nearly the same."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.copy_(torch.randn(weight.shape, generator=generator) / 4)
    return model.eval()


def make_classifier(model_type: str) -> PreTrainedModel:
    """Make a classifier whose weights spread its answers: two pairs never get the same."""
    config = AutoConfig.for_model(model_type, **_OWN_IDS | CONFIGS[model_type], num_labels=2)
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    return spread(model)


def pairs_of_many_lengths() -> Tokens:
    rng = np.random.default_rng(0)
    lengths = (12, 12, 90, 30, 90, 61, 30, 12, 77)
    ids = [np.append(rng.integers(5, IDS, length - 1), END).astype(np.int32) for length in lengths]
    return Tokens(ids, None, np.zeros(len(ids), np.int8), [str(row) for row in range(len(ids))])


def how_answered(model_type: str) -> str:
    """Return in which batches each pair is answered as alone, checked with a model that was asked nothing else."""
    config = AutoConfig.for_model(model_type, **CONFIGS[model_type])
    if type(config) not in AutoModelForSequenceClassification._model_mapping:
        return "refused: Transformers has no classifier of this type"
    model, pairs = make_classifier(model_type), pairs_of_many_lengths()
    fresh = copy.deepcopy(model)
    try:
        batching = batching_of(model, pairs, PAD)
    except ModelError as error:
        return f"refused: {error}"
    taken = input_filter(model)
    with torch.inference_mode():
        for budget in (100, 10_000):
            logits = BatchRunner.of_classifier(model, PAD, budget, batching).run(pairs)
            for row, ids in enumerate(pairs.ids):
                alone = torch.from_numpy(ids[None].astype(np.int64))
                inputs = taken({"input_ids": alone, "attention_mask": torch.ones_like(alone)})
                answer = copy.deepcopy(fresh)(**inputs).logits[0].numpy()
                scale = max(1.0, float(np.abs(answer).max()))
                np.testing.assert_allclose(logits[row], answer, atol=2e-5 * scale, rtol=0, err_msg=model_type)
    return "any" if batching == PADDED else str(batching)


def how_joined(model_type: str) -> str:
    return join_of(AutoConfig.for_model(model_type, **CONFIGS[model_type]))


def table_row(model_type: str) -> str:
    return f"| {model_type} | {how_joined(model_type)} | {how_answered(model_type)} |"


def table() -> str:
    rows = ["| model type | two sentences are joined by | batches |", "|---|---|---|"]
    return "\n".join([*rows, *map(table_row, CONFIGS)]) + "\n"


COMMITTED = Path(__file__).parent / "unit/__snapshots__/test_architectures/test_the_table_of_architectures.md"
"""Part of the documentation; `pytest -m soak -k table_of_architectures --snapshot-update` writes it anew."""
