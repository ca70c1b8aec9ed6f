"""Representations of texts: hidden layers of a model, averaged over the tokens of each text, cached on disk."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic, digest_of
from bio_paws.execution.progress import progress
from bio_paws_eval.models import loading
from bio_paws_eval.models.architectures import max_length_of
from bio_paws_eval.models.batch_runner import BatchRunner
from bio_paws_eval.models.encode import MAX_UNKNOWN, SEGMENTS, split_into_blocks
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.predict import TOKEN_BUDGET
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.models.tokens import Tokens

_TEXTS_PER_BATCH = 4096


class Embedder:
    """Computes representations by a model, whose weights are loaded when a result is not in the cache.

    Parameters
    ----------
    source : ModelSource
        The model.
    device : torch.device
        Where it runs.
    folder : Path
        The cache.
    """

    def __init__(self, source: ModelSource, device: torch.device, folder: Path) -> None:
        self.source = source
        self.tokenizer = load_tokenizer(source)
        self._device = device
        self._folder = folder
        self._model: PreTrainedModel | None = None
        self._max_length = max_length_of(source.config, self.tokenizer)
        # Start, end and padding tokens are no part of a text; an unknown token stands for a part of it.
        special = set(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}
        self._special = torch.tensor(sorted(special), device=device)

    def embed(self, texts: Sequence[str], *, all_layers: bool) -> NDArray[np.float32]:
        """Compute representations of texts, or read them from the cache.

        Parameters
        ----------
        texts : sequence of str
            Texts; each is truncated to the model's maximum length.
        all_layers : bool
            Return the embedding layer and all hidden layers, rather than the last layer only.

        Returns
        -------
        ndarray, shape=(layers, n, d), dtype=float32
            Mean over the tokens of each text without special tokens, 0 for a text without tokens; memory-mapped.

        Raises
        ------
        BioPawsError
            When the weights do not fit the architecture, memory runs out, or the model returns NaN or infinity.
        """
        program = [Path(__file__).read_text(encoding="utf-8"), *map(version, ("tokenizers", "torch", "transformers"))]
        files = [self.source.weights_sha256, self.source.tokenizer_sha256]
        path = self._folder / f"{digest_of(files, list(texts), all_layers, self._device.type, program)}.npy"
        if not path.is_file():
            with atomic(path) as part:
                self._write(part, texts, all_layers)
        return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]

    def _write(self, path: Path, texts: Sequence[str], all_layers: bool) -> None:
        self._model = self._model or loading.load_base(self.source).to(self._device).eval()  # type: ignore[arg-type]
        model = self._model

        def mean_pooled(batch: dict[str, torch.Tensor]) -> torch.Tensor:
            """Return shape=(rows, layers, d)."""
            layers = model(**batch, output_hidden_states=True).hidden_states
            is_text = batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], self._special)
            weights = is_text / is_text.sum(dim=1, keepdim=True).clamp(min=1)  # (rows, tokens)
            return torch.stack(
                [torch.einsum("rt,rtd->rd", weights, layer) for layer in (layers if all_layers else layers[-1:])], dim=1
            )

        budget = TOKEN_BUDGET.get(self._device.type, TOKEN_BUDGET["cpu"])
        runner = BatchRunner(mean_pooled, self.tokenizer.pad_token_id, self._device, budget)
        out: Any = None
        starts = range(0, len(texts), _TEXTS_PER_BATCH)
        for start in progress(starts, desc=f"embed with {self.source.id}", show=len(starts) > 1):
            ids = _tokenise(self.tokenizer, texts[start : start + _TEXTS_PER_BATCH], self._max_length)
            tokens = Tokens([np.asarray(row, dtype=np.int32) for row in ids], None, np.empty(0, np.int8), [])
            with torch.inference_mode():
                vectors = runner.run(tokens)  # (rows, layers, d)
            if not np.isfinite(vectors).all():
                raise BioPawsError(
                    f"{self.source.id}: the model returns NaN or infinity: its weights are damaged, use another copy"
                )
            if out is None:
                shape = (vectors.shape[1], len(texts), vectors.shape[2])
                out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            out[:, start : start + len(vectors)] = vectors.transpose(1, 0, 2)
        out.flush()


def split_for_tokenizer(tokenizer: PreTrainedTokenizerBase, sequences: Sequence[str]) -> list[str]:
    """Split sequences by spaces into the longest blocks of which the tokenizer knows enough.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        The tokenizer.
    sequences : sequence of str
        DNA or protein sequences.

    Returns
    -------
    list of str
        The sequences as they are, or in blocks of the first length of `SEGMENTS` with which under `MAX_UNKNOWN` of all
        tokens are unknown.

    Raises
    ------
    BioPawsError
        When too many tokens are unknown with every length.
    """
    for length in (None, *SEGMENTS):
        split = [split_into_blocks(sequence, length) for sequence in sequences]
        ids = np.concatenate([np.asarray(row) for row in _tokenise(tokenizer, split, None)])
        if tokenizer.unk_token_id is None or (ids == tokenizer.unk_token_id).mean() < MAX_UNKNOWN:
            return split
    raise BioPawsError(
        f"the tokenizer does not know the characters of {sequences[0][:20]}...: use a model that knows them"
    )


def _tokenise(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int | None) -> list[list[int]]:
    encoded = tokenizer(
        list(texts),
        truncation=max_length is not None,
        max_length=max_length,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return encoded["input_ids"]  # type: ignore[no-any-return]
