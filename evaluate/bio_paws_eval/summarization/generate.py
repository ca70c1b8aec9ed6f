"""DNA to shorter DNA: a text-to-text or causal model, asked as it is asked for a summary of English."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json, write_json
from bio_paws.execution.progress import progress
from bio_paws.execution.stage_keys import stage_key
from bio_paws_eval.models import loading
from bio_paws_eval.models.architectures import max_length_of
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.representations.embed import split_for_tokenizer

_TEXTS_PER_BATCH = 8
_BEFORE_T5 = "summarize: "
"""What T5 was taught to read as the task (Raffel et al. 2020, JMLR 21:140)."""
_AFTER_CAUSAL = "\nTL;DR:"
"""How GPT-2 was asked for summaries (Radford et al. 2019)."""


def summarise(source: ModelSource, texts: Sequence[str], tokens: int, device: torch.device, folder: Path) -> list[str]:
    """Summarise texts, always taking the likeliest next token; what is on disk is not done again.

    Parameters
    ----------
    source : ModelSource
        A model with an encoder and a decoder, or a causal one.
    texts : sequence of str
        Cut to what the model takes.
    tokens : int
        Most tokens of a summary.
    device : torch.device
        Where to compute.
    folder : Path
        Where summaries are kept.

    Raises
    ------
    BioPawsError
        When the model generates no text, or leaves no room for any.
    """
    key = stage_key(
        "bio_paws_eval.summarization.generate",
        packages=("tokenizers", "torch", "transformers"),
        values=(source.weights_sha256, source.tokenizer_sha256, list(texts), tokens, device.type),
    )
    path = folder / f"{key}.json"
    if not path.is_file():
        write_json(path, _summarise(source, texts, tokens, device))
    return read_json(path)  # type: ignore[no-any-return]


def _summarise(source: ModelSource, texts: Sequence[str], tokens: int, device: torch.device) -> list[str]:
    tokenizer = load_tokenizer(source)
    model = loading.load_generator(source).to(device).eval()  # type: ignore[arg-type]
    prompts = prompts_of(source, tokenizer, split_for_tokenizer(tokenizer, texts), tokens)
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable")[::-1].tolist()
    answers = [""] * len(texts)
    for at in progress(range(0, len(order), _TEXTS_PER_BATCH), desc="summaries", leave=True):
        rows = order[at : at + _TEXTS_PER_BATCH]
        written = _write(model, tokenizer, [prompts[i] for i in rows], tokens, device)
        for i, answer in zip(rows, written, strict=True):
            answers[i] = answer
    return answers


def prompts_of(
    source: ModelSource,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    tokens: int,
    max_length: int | None = None,
) -> list[list[int]]:
    """Return the token ids of what a model is asked; the text is cut, not the question.

    Parameters
    ----------
    source : ModelSource
        The model.
    tokenizer : PreTrainedTokenizerBase
        Its own.
    texts : sequence of str
        What is to be summarised.
    tokens : int
        Most tokens of a summary.
    max_length : int, optional
        Tokens that are taken, if the model takes more.

    Raises
    ------
    BioPawsError
        When no room is left for the text.
    """
    causal = not source.config.is_encoder_decoder
    before = _BEFORE_T5 if source.config.model_type in {"t5", "mt5", "umt5", "longt5"} else ""
    after = tokenizer(_AFTER_CAUSAL, add_special_tokens=False)["input_ids"] if causal else []
    room = min(filter(None, (max_length_of(source.config, tokenizer), max_length)), default=None)
    room = None if room is None else room - len(after) - causal * tokens
    if room is not None and room < 1:
        raise BioPawsError(f"{source.id}: it takes too few tokens for summaries of {tokens}: lower --tokens")
    ids = tokenizer([before + text for text in texts], truncation=room is not None, max_length=room, verbose=False)[
        "input_ids"
    ]
    return [[*prompt, *after] for prompt in ids]


def _write(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[int]],
    tokens: int,
    device: torch.device,
) -> list[str]:
    longest = max(map(len, prompts))
    # A causal model goes on where its row ends, so rows are padded at their beginning; an encoder does not mind.
    ids = torch.full((len(prompts), longest), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    with torch.inference_mode():
        written = model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
    new = written if model.config.is_encoder_decoder else written[:, longest:]
    return tokenizer.batch_decode(new, skip_special_tokens=True)
