"""Embeddings by a model whose weights stay as they are: each distinct text once, kept on disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from bio_paws.errors import BioPawsError, ModelError, first_line
from bio_paws.execution.files import atomic
from bio_paws.execution.progress import progress
from bio_paws.execution.stage_keys import stage_key
from bio_paws_eval.methods.interface import Answers, DevAnswers, Fitted, Fitting, Method
from bio_paws_eval.methods.separate_sides import separate_encoder, split_inputs
from bio_paws_eval.models.architectures import empty_model
from bio_paws_eval.models.batch_runner import BatchRunner
from bio_paws_eval.models.batches import input_filter
from bio_paws_eval.models.batching import NOT_FINITE
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.loading import load_base
from bio_paws_eval.models.model_files import ModelSource
from bio_paws_eval.models.pair_encoder import PairEncoder
from bio_paws_eval.models.predict import TOKEN_BUDGET, Timing
from bio_paws_eval.models.tokens import Encoded, Tokens
from bio_paws_eval.results import Predictions, Training

POOLING = "mean of the last layer over all tokens"
"""As sentence-transformers pools by default: special tokens count too."""

Score = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.floating[Any]]]

_TEXTS_PER_FILE = 4096


class MeanPooled(nn.Module):
    """A model without a head whose answer to a text is `POOLING`."""

    def __init__(self, base: PreTrainedModel) -> None:
        super().__init__()
        self._base = base
        self._taken = input_filter(base)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Return ``logits``, shape=(texts, d): the name by which classifiers answer."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        hidden = self._base(**self._taken(inputs))[0].float()
        mask = attention_mask.unsqueeze(-1)
        return SimpleNamespace(logits=(hidden * mask).sum(dim=1) / mask.sum(dim=1))


class Embedder:
    """Computes embeddings by a model; its weights are loaded when a text is met that no earlier run has left.

    Parameters
    ----------
    fitting : Fitting
        The model, its control and seed, and where it runs.
    """

    def __init__(self, fitting: Fitting) -> None:
        self._fitting = fitting
        self._seed = fitting.training.seed if fitting.training.control == "random-init" else None
        key = stage_key(
            "bio_paws_eval.methods.embeddings",
            packages=("torch", "transformers"),
            values=(fitting.source.weights_sha256, self._seed, fitting.device.type, str(fitting.dtype)),
        )
        self._folder = fitting.cache / "embeddings" / key
        self._model: MeanPooled | None = None
        self._places: dict[bytes, tuple[NDArray[np.float32], int]] = {}
        self.batches = ""
        self.tokens = 0
        for path in sorted(self._folder.glob("*.arrow")):
            self._read(path)

    def embed(self, tokens: Tokens) -> NDArray[np.float32]:
        """Return the embeddings of texts: shape=(n, d).

        Raises
        ------
        ModelError
            When the weights do not fit the architecture, memory runs out, or the model returns NaN or infinity.
        """
        digests = [hashlib.blake2b(ids.tobytes(), digest_size=16).digest() for ids in tokens.ids]
        missing = {digest: row for row, digest in enumerate(digests) if digest not in self._places}
        rows = np.array(sorted(missing.values()), dtype=np.intp)
        starts = range(0, len(rows), _TEXTS_PER_FILE)
        for start in progress(starts, desc=f"embed with {self._fitting.source.id}", show=len(starts) > 1):
            part = rows[start : start + _TEXTS_PER_FILE]
            self._compute(tokens.take(part), [digests[row] for row in part])
        return np.stack([vectors[place] for vectors, place in (self._places[digest] for digest in digests)])

    def _compute(self, texts: Tokens, digests: list[bytes]) -> None:
        device, dtype, pad_id = self._fitting.device, self._fitting.dtype, self._fitting.encoder.tokenizer.pad_token_id
        if self._model is None:
            base = load_base(self._fitting.source, self._seed)
            self._model = MeanPooled(base.to(device)).eval()  # type: ignore[arg-type]
        batching = batching_of(self._model, texts, pad_id)
        budget = TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"])
        runner = BatchRunner.of_classifier(self._model, pad_id, budget, batching)
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            vectors = runner.run(texts)
        if not np.isfinite(vectors).all():
            raise ModelError(NOT_FINITE)
        self.tokens += sum(map(len, texts.ids))
        path = self._folder / f"{hashlib.sha256(b''.join(digests)).hexdigest()[:20]}.arrow"
        columns = {
            "digest": pa.array(digests, pa.binary(16)),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        }
        table = pa.table(columns).replace_schema_metadata({"batches": str(batching)})
        with atomic(path) as part, pa.OSFile(str(part), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
        self._read(path)

    def _read(self, path: Path) -> None:
        """Map a file of embeddings into memory."""
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all().combine_chunks()
            (vectors,) = table["vector"].chunks
            array = vectors.flatten().to_numpy().reshape(len(vectors), -1)
            self.batches = table.schema.metadata[b"batches"].decode()
        except (OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
            raise BioPawsError(
                f"{path}: embeddings cannot be read ({first_line(error)}): remove it, run again"
            ) from error
        for place, digest in enumerate(table["digest"].to_pylist()):
            self._places[digest] = array, place


class EmbeddingMethod(Method):
    """A method that embeds the two sides of a pair on their own."""

    def encoder(self, source: ModelSource) -> PairEncoder:
        """Encode each side as a text of its own."""
        return separate_encoder(source)

    def network(self, source: ModelSource) -> PreTrainedModel:
        """Return the model without a head."""
        return empty_model(source)


class EmbeddingScorer(Fitted):
    """Answers pairs by a function of the embeddings of their sides.

    Parameters
    ----------
    embedder : Embedder
        Makes the embeddings.
    training : Training
        With what the fitting found.
    score : callable
        Takes the embeddings of both sides, each shape=(n, d), and returns the scores of the labels, shape=(n, 2).
    dev : DevAnswers
        Answers to the pairs that the fitting chose by.
    describe : callable, optional
        Returns `Answers.details` of the predictions of a task.
    """

    def __init__(
        self,
        embedder: Embedder,
        training: Training,
        score: Score,
        dev: DevAnswers,
        describe: Callable[[Predictions], dict[str, Any]] = lambda _: {},
    ) -> None:
        self.training = training
        self.dev = dev
        self._embedder = embedder
        self._score = score
        self._describe = describe

    def answer(self, pairs: Encoded, perturbed: Mapping[str, Encoded], molecule: str) -> Answers:
        """Answer the pairs of a task; tokens of texts whose embeddings are known do not count as work."""
        start, tokens_before = time.perf_counter(), self._embedder.tokens
        predictions = self._predict(pairs)
        timing = Timing(time.perf_counter() - start, self._embedder.tokens - tokens_before)
        logits = {name: self._predict(encoded).logits for name, encoded in perturbed.items()}
        return Answers(predictions, logits, timing, self._embedder.batches, self._describe(predictions))

    def _predict(self, pairs: Encoded) -> Predictions:
        sides = embed_sides(self._embedder, pairs)
        parts = [(batch, np.asarray(self._score(first, second), np.float32)) for batch, first, second in sides]
        return Predictions(
            list(chain.from_iterable(batch.pair_ids for batch, _ in parts)),
            np.concatenate([logits for _, logits in parts]),
            np.concatenate([batch.labels for batch, _ in parts]),
        )


def embed_sides(
    embedder: Embedder, pairs: Encoded
) -> Iterator[tuple[Tokens, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield batches of pairs with the embeddings of both sides, each shape=(n, d)."""
    for batch in pairs.batches():
        first, second = split_inputs(batch)
        yield batch, embedder.embed(first), embedder.embed(second)
