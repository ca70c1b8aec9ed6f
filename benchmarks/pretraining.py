"""Tokens a second of a pre-training, and the share of the machine's matrix rate that they make use of.

The reference is measured in the same run, on the same device, in the same number format: products of large square
matrices. A token costs 6 operations a weight, and 12 a layer, unit of width and token of context for attention
(Chowdhery A et al. (2022) PaLM, appendix B), lookups of embeddings not counted.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

from bio_paws_eval.pretrain.packing import Blocks, Shard, token_dtype
from bio_paws_eval.pretrain.recipe import ModelSize, PretrainingRecipe, TrainingRecipe
from bio_paws_eval.pretrain.train import new_model, train

GPU = torch.cuda.is_available()
SIZE = ModelSize() if GPU else ModelSize(n_layer=4, n_head=4, n_embd=256, context=256)
VOCABULARY = 50304 if GPU else 8192
BATCH = 32 if GPU else 8
STEPS = 60 if GPU else 20
MATRIX = 8192 if GPU else 2048
PRODUCTS = 50 if GPU else 10


def matrix_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second of matrix products."""
    left, right = (torch.randn(MATRIX, MATRIX, device="cuda" if GPU else "cpu", dtype=dtype) for _ in range(2))
    for turn in range(2):  # the first warms up
        start = time.perf_counter()
        for _ in range(PRODUCTS if turn else 2):
            left @ right
        if GPU:
            torch.cuda.synchronize()
    return PRODUCTS * 2 * MATRIX**3 / (time.perf_counter() - start)


def main() -> None:
    """Print one line."""
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    training = TrainingRecipe(tokens=STEPS * BATCH * SIZE.context, batch=BATCH, device_batch=BATCH)
    recipe = PretrainingRecipe(bytes={"dna": 1}, vocabulary=VOCABULARY, model=SIZE, training=training)
    with tempfile.TemporaryDirectory() as name:
        ids = np.random.default_rng(0).integers(0, VOCABULARY, 1_000_000).astype(token_dtype(VOCABULARY))
        (Path(name) / "dna.bin").write_bytes(ids.tobytes())
        blocks = Blocks(Path(name), [Shard("dna.bin", "dna", 1, 1, len(ids), "")], VOCABULARY, SIZE.context, 0)
        model = new_model(SIZE, VOCABULARY, 0, 0).to("cuda" if GPU else "cpu")
        weights = model.num_parameters() - SIZE.context * SIZE.n_embd  # the table of tokens is the output's too
        trained = train(model, blocks, recipe, Path(name) / "run")
    rate = matrix_rate(getattr(torch, trained.dtype))
    a_token = 6 * weights + 12 * SIZE.n_layer * SIZE.n_embd * SIZE.context
    share = trained.tokens_per_second * a_token / rate
    print(
        f"pre-training, {weights / 1e6:.0f} million weights, {trained.device}, {trained.dtype}: "
        f"{trained.tokens_per_second:,.0f} tokens a second, {share:.0%} of the {rate / 1e12:.2f} TFLOPS of plain "
        "matrix products"
    )


if __name__ == "__main__":
    main()
