"""Texts to vectors: the hidden layers of a model, averaged over the tokens of each text, and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic, digest_of
from bio_paws_eval.models import loading
from bio_paws_eval.models.encode import MAX_UNKNOWN, SEGMENTS, Tokens, split_words
from bio_paws_eval.models.predict import TOKEN_BUDGET, Asking

_TEXTS_A_BLOCK = 4096


class Embedder:
    """A model that gives vectors; its weights are loaded when the first is missing on disk.

    Parameters
    ----------
    source : models.Source
        The model.
    device : torch.device
        Where it runs.
    folder : Path
        Where vectors are kept.
    """

    def __init__(self, source: loading.Source, device: torch.device, folder: Path) -> None:
        self.source = source
        self.tokenizer = loading.load_tokenizer(source)
        self._device = device
        self._folder = folder
        self._model: PreTrainedModel | None = None
        self._max_length = loading.max_length_of(source.config, self.tokenizer)
        # Neither what starts and ends a text nor padding is a part of it; what is unknown is.
        special = set(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}
        self._special = torch.tensor(sorted(special), device=device)

    def embed(self, texts: Sequence[str], *, all_layers: bool) -> NDArray[np.float32]:
        """Return the vectors of some texts, memory-mapped.

        Parameters
        ----------
        texts : sequence of str
            What does not fit into the model is cut off.
        all_layers : bool
            Return the embedding and every layer, not the last one only.

        Returns
        -------
        ndarray, shape=(layers, n, d), dtype=float32
            Mean over the tokens of each text, less those that the tokenizer adds; 0 where there is none.

        Raises
        ------
        BioPawsError
            When the weights do not fit the architecture, memory runs out, or a vector is not a number.
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

        def answer(batch: dict[str, torch.Tensor]) -> torch.Tensor:
            layers = model(**batch, output_hidden_states=True).hidden_states
            own = batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], self._special)
            weights = own / own.sum(dim=1, keepdim=True).clamp(min=1)  # (rows, tokens)
            return torch.stack(
                [torch.einsum("rt,rtd->rd", weights, layer) for layer in (layers if all_layers else layers[-1:])], dim=1
            )

        budget = TOKEN_BUDGET.get(self._device.type, TOKEN_BUDGET["cpu"])
        asking = Asking(answer, self.tokenizer.pad_token_id, self._device, budget)
        out: Any = None
        blocks = range(0, len(texts), _TEXTS_A_BLOCK)
        for at in tqdm(blocks, desc=f"vectors of {self.source.id}", disable=None if len(blocks) > 1 else True):
            ids = _tokenise(self.tokenizer, texts[at : at + _TEXTS_A_BLOCK], self._max_length)
            tokens = Tokens([np.asarray(one, dtype=np.int32) for one in ids], None, np.empty(0, np.int8), [])
            with torch.inference_mode():
                vectors = asking.ask(tokens)  # (rows, layers, d)
            if not np.isfinite(vectors).all():
                raise BioPawsError(f"{self.source.id}: it answers with NaN or infinity: its weights are damaged")
            if out is None:
                shape = (vectors.shape[1], len(texts), vectors.shape[2])
                out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            out[:, at : at + len(vectors)] = vectors.transpose(1, 0, 2)
        out.flush()


def survivable(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[str]:
    """Split sequences into the longest words with which under `MAX_UNKNOWN` of their tokens are unknown.

    Raises
    ------
    BioPawsError
        When no length of word serves.
    """
    for letters in (None, *SEGMENTS):
        split = [split_words(text, letters) for text in texts]
        flat = np.concatenate([np.asarray(one) for one in _tokenise(tokenizer, split, None)])
        if tokenizer.unk_token_id is None or (flat == tokenizer.unk_token_id).mean() < MAX_UNKNOWN:
            return split
    raise BioPawsError(f"the tokenizer does not know the letters of {texts[0][:20]}...: take a model that reads them")


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
