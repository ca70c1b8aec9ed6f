"""Models in GGUF, the format of llama.cpp, which Transformers reads and turns into float32."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bio_paws.errors import BioPawsError, ModelError, first_line


def write_folder(files: list[Path], out: Path) -> None:
    """Write a causal model and its tokenizer as a folder.

    Raises
    ------
    BioPawsError
        When the package gguf is missing.
    ModelError
        When the file cannot be read.
    """
    (path,) = files
    try:
        import gguf  # noqa: F401  Transformers says in several lines that it is missing
    except ModuleNotFoundError as error:
        raise BioPawsError("gguf is not installed: pip install 'bio-paws[real-models]'") from error
    try:
        model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ModelError(f"{path}: cannot be read as GGUF ({first_line(error)}): install the package again") from error
    # Its weights are floats by now, but the model still counts as quantized, and such a one cannot be saved.
    del model.config.quantization_config
    plain = AutoModelForCausalLM.from_config(model.config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(out)
    tokenizer.save_pretrained(out)
