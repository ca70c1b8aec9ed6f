"""Predictions: in the order of rows, the same at any batch size, and through a shortage of memory."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_encode import pairs_of

from bio_paws.errors import BioPawsError
from bio_paws_eval.models.encode import encode
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.pair_encoder import encoder_of
from bio_paws_eval.models.predict import predict
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.models.tokens import Encoded
from models import ARCHITECTURES, write_model

ROWS = [("ACGTTGCA"[: 1 + i % 8] * (1 + i * 7 % 11), "TTGACC"[: 1 + i % 5]) for i in range(25)]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model_and_pairs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Encoded, int]:
    folder = tmp_path_factory.mktemp("predict")
    source = find_model(str(write_model(folder / "model", request.param)), None)
    tokenizer = load_tokenizer(source)
    encoder = encoder_of(source)
    model = load_classifier(source, tokenizer, seed=0)
    return model, encode(pairs_of(ROWS), encoder, None, None, folder), tokenizer.pad_token_id


def one_by_one(model: Any, encoded: Encoded) -> np.ndarray[Any, Any]:
    """The plainest way: each pair alone, nothing padded."""
    model.eval()
    tokens = encoded.all()
    rows = []
    for i, ids in enumerate(tokens.ids):
        given = {"input_ids": torch.tensor(ids[None].astype(np.int64))}
        if tokens.types is not None:
            given["token_type_ids"] = torch.tensor(tokens.types[i][None].astype(np.int64))
        with torch.no_grad():
            rows.append(model(**given).logits[0].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("budget", [1, 37, 100, 10_000])
def test_any_batch_size_gives_the_same(model_and_pairs: tuple[Any, Encoded, int], budget: int) -> None:
    model, encoded, pad_id = model_and_pairs
    predictions, timing = predict(model, encoded, pad_id, token_budget=budget)
    np.testing.assert_allclose(predictions.logits, one_by_one(model, encoded), atol=1e-5)
    assert predictions.pair_ids == [str(i) for i in range(len(ROWS))]
    assert predictions.labels.tolist() == [i % 2 for i in range(len(ROWS))]
    assert timing.tokens == sum(map(len, encoded.all().ids))


def test_the_mode_of_the_model_comes_back(model_and_pairs: tuple[Any, Encoded, int]) -> None:
    model, encoded, pad_id = model_and_pairs
    for training in (True, False):
        model.train(training)
        predict(model, encoded, pad_id)
        assert model.training is training


class Greedy(torch.nn.Module):
    """Runs out of memory on batches of more than so many pairs."""

    def __init__(self, model: Any, most: int, error: Exception) -> None:
        super().__init__()
        self.model, self.most, self.error = model, most, error
        self.sizes: list[int] = []

    def forward(self, input_ids: torch.Tensor, **given: torch.Tensor) -> Any:
        self.sizes.append(len(input_ids))
        if len(input_ids) > self.most:
            raise self.error
        return self.model(input_ids=input_ids, **given)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_halves_the_batch(
    model_and_pairs: tuple[Any, Encoded, int], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    model, encoded, pad_id = model_and_pairs
    greedy = Greedy(model, 2, error)  # pairs come in threes
    with caplog.at_level(logging.WARNING):
        predictions, _ = predict(greedy, encoded, pad_id, token_budget=10_000)
    np.testing.assert_allclose(predictions.logits, one_by_one(model, encoded), atol=1e-5)
    assert "out of memory: going on with" in caplog.text
    assert greedy.sizes[:2] == [3, 1]
    assert sum(size for size in greedy.sizes if size <= 2) == len(ROWS)


def test_a_single_pair_too_large_is_an_error(model_and_pairs: tuple[Any, Encoded, int]) -> None:
    model, encoded, pad_id = model_and_pairs
    with pytest.raises(BioPawsError, match=r"out of memory on a single pair of \d+ tokens"):
        predict(Greedy(model, 0, torch.OutOfMemoryError("no")), encoded, pad_id)


def test_other_errors_are_not_taken_for_a_lack_of_memory(model_and_pairs: tuple[Any, Encoded, int]) -> None:
    model, encoded, pad_id = model_and_pairs
    with pytest.raises(BioPawsError, match=r"fails on pairs of \d+ tokens .RuntimeError: shape mismatch"):
        predict(Greedy(model, 0, RuntimeError("shape mismatch")), encoded, pad_id)


def test_what_is_not_a_number_is_an_error(model_and_pairs: tuple[Any, Encoded, int]) -> None:
    _, encoded, pad_id = model_and_pairs

    class Broken(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, input_ids: torch.Tensor, **_: torch.Tensor) -> Any:
            return type("Answer", (), {"logits": torch.full((len(input_ids), 2), float("nan"))})

    with pytest.raises(BioPawsError, match="NaN"):
        predict(Broken(), encoded, pad_id)


def test_bfloat16_answers_nearly_the_same(model_and_pairs: tuple[Any, Encoded, int]) -> None:
    model, encoded, pad_id = model_and_pairs
    predictions, _ = predict(model, encoded, pad_id, torch.bfloat16)
    exact = one_by_one(model, encoded)
    assert predictions.logits.dtype == np.float32
    np.testing.assert_allclose(predictions.logits, exact, atol=0.05)
    assert not np.array_equal(predictions.logits, exact)


def test_the_random_head_follows_from_the_seed(tmp_path: Path) -> None:
    source = find_model(str(write_model(tmp_path / "bert", "bert")), None)
    tokenizer = load_tokenizer(source)
    heads = [load_classifier(source, tokenizer, seed).classifier.weight.detach().numpy() for seed in (0, 0, 1)]
    np.testing.assert_array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])
    plain = load_classifier(source, tokenizer, 0)
    drawn = load_classifier(source, tokenizer, 0, random_init=True)
    stored = plain.bert.embeddings.word_embeddings.weight
    assert not torch.equal(stored, drawn.bert.embeddings.word_embeddings.weight)
