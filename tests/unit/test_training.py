"""How a batch is trained on: shared out, a part at a time, recomputed, unpadded; its loss is the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    FNetConfig,
    FNetForSequenceClassification,
    PreTrainedModel,
    Trainer,
)

from bio_paws.errors import ModelError
from bio_paws_eval.hyperparameters import HYPERPARAMETERS, Hyperparameters
from bio_paws_eval.models import finetune, training
from bio_paws_eval.models.batches import ByLength, MicroBatches, collate
from bio_paws_eval.models.batching import PADDED, Batching, ModelState
from bio_paws_eval.models.finetune import FineTuning, fine_tune
from bio_paws_eval.models.recomputation import recomputed
from bio_paws_eval.models.tokens import Tokens
from bio_paws_eval.models.unpadded import trained_unpadded

SIZES = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "num_labels": 2}


def bert(dropout: float = 0.0) -> PreTrainedModel:
    torch.manual_seed(0)
    off = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    model: PreTrainedModel = BertForSequenceClassification(BertConfig(num_attention_heads=2, **SIZES, **off))
    return model


def fnet() -> PreTrainedModel:
    """Mixes what is padded into what is not."""
    torch.manual_seed(0)
    model: PreTrainedModel = FNetForSequenceClassification(FNetConfig(hidden_dropout_prob=0.0, **SIZES))
    return model


def drawn(pairs: int, seed: int) -> Tokens:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, pairs).astype(np.int8)
    ids = [
        np.r_[2 + label, rng.integers(5, 30, rng.integers(4, 20))].astype(np.int32)  # the first token tells the label
        for label in labels
    ]
    return Tokens(ids, None, labels, [str(i) for i in range(pairs)])


class InMemory:
    """Stands for pairs in a file."""

    def __init__(self, tokens: Tokens) -> None:
        self.all = lambda: tokens
        self.batches = tokens.batches


RECIPE = replace(HYPERPARAMETERS["paper"], learning_rate=1e-2, batch_size=8, epochs=2)


def trained(model: PreTrainedModel, folder: Path, **changes: object) -> FineTuning:
    train, dev = (InMemory(drawn(pairs, seed)) for pairs, seed in ((37, 0), (20, 1)))
    recipe = replace(RECIPE, **changes)  # type: ignore[arg-type]
    return fine_tune(model, train, dev, 0, recipe, "none", 0, torch.float32, folder)  # type: ignore[arg-type]


@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    batch_size=st.integers(1, 20),
    parts=st.integers(1, 4),
    processes=st.integers(1, 5),
)
def test_every_row_comes_once_and_counts_alike(counts: list[int], batch_size: int, parts: int, processes: int) -> None:
    order = ByLength(np.array(counts), batch_size, seed=0)
    given_counts = np.array(counts)
    shares = [MicroBatches(order, given_counts, batch_size, parts, i, processes) for i in range(processes)]
    assert len({len(share) for share in shares}) == 1
    batches = [list(share) for share in shares]
    assert {len(share) for share in batches} == {len(shares[0])}  # no process waits for a part that does not come
    read = [row for share in batches for part in share for row, weight in part if weight]
    assert sorted(read) == list(range(len(counts)))
    rows = list(order)
    for step in range(-(-len(counts) // batch_size)):
        whole = given_counts[rows[step * batch_size : (step + 1) * batch_size]].sum()
        for share in batches:
            for part in share[step * parts : (step + 1) * parts]:
                mine = [row for row, weight in part if weight]
                # The Trainer takes the mean over the parts of all processes.
                expected = pytest.approx(given_counts[mine].sum() / whole * parts * processes)
                assert all(weight == expected for _, weight in part)


@pytest.mark.parametrize("changes", [{"device_batch_size": 3}, {"gradient_checkpointing": True}], ids=str)
def test_less_memory_gives_equal_losses(changes: dict[str, object], tmp_path: Path) -> None:
    plain, other = bert(), bert()
    whole = trained(plain, tmp_path / "whole")
    saving = trained(other, tmp_path / "saving", **changes)
    assert saving.losses == pytest.approx(whole.losses, rel=1e-4)
    assert saving.losses[0] == pytest.approx(whole.losses[0], rel=1e-6)
    assert (saving.dev_accuracies, saving.best_epoch) == (whole.dev_accuracies, whole.best_epoch)
    for weight, other_weight in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(other_weight, weight, rtol=1e-3, atol=1e-4)
    assert not other.is_activation_checkpointing


def test_parts_of_batches_are_not_lost_by_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained(bert(), tmp_path / "whole", device_batch_size=3)
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    compute_loss = Trainer.compute_loss

    def stop(self: Trainer, *arguments: Any, **keywords: Any) -> Any:
        if self.state.global_step == 7:  # in the second epoch of 5 steps
            raise KeyboardInterrupt
        return compute_loss(self, *arguments, **keywords)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "compute_loss", stop)
        trained(bert(), tmp_path / "stopped", device_batch_size=3)
    assert (tmp_path / "stopped/checkpoint-7").is_dir()
    resumed = trained(bert(), tmp_path / "stopped", device_batch_size=3)
    assert (resumed.losses, resumed.dev_correct) == (whole.losses, whole.dev_correct)


@pytest.mark.parametrize("stop_after", [None, 1, 3], ids=str)
def test_the_answers_on_dev_are_those_of_the_best_epoch(
    stop_after: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept from the epoch; predicted again only where a run that was stopped had them."""
    predict, answered = finetune.predict_together, [0]

    def count(*arguments: Any) -> Any:
        if answered[0] == stop_after:
            answered[0] += 1
            raise KeyboardInterrupt
        answered[0] += 1
        return predict(*arguments)

    monkeypatch.setattr(finetune, "predict_together", count)
    recipe: dict[str, Any] = {"learning_rate": 0.3, "epochs": 4}  # dev accuracies 0.45, 0.55, 0.55, 0.45
    if stop_after:
        with pytest.raises(KeyboardInterrupt):
            trained(bert(), tmp_path, **recipe)
        answered[0] = -4
    model = bert()
    result = trained(model, tmp_path, **recipe)
    assert result.best_epoch == 2
    assert answered[0] == {None: 4, 1: -4 + 3, 3: -4 + 1 + 1}[stop_after]
    dev = drawn(20, 1)
    final = predict(model, dev, 0, torch.float32, PADDED)
    assert result.dev_correct == tuple((final.argmax(axis=1) == dev.labels).tolist())
    assert result.dev_accuracies[1] == np.mean(result.dev_correct)


def test_the_device_takes_no_more_than_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = bert(), []
    forward = model.forward

    def spy(**inputs: torch.Tensor) -> object:
        if model.training:
            sizes.append(len(inputs["input_ids"]))
        return forward(**inputs)

    monkeypatch.setattr(model, "forward", spy)
    trained(model, tmp_path, device_batch_size=3)
    assert max(sizes) == 3
    assert sum(sizes) == 2 * 37


def test_layers_are_computed_twice_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every epoch: measuring one on the dev split brings back the state of the model."""
    calls = []
    for checkpointing in (False, True):
        model = bert()
        count = [0]
        layer = model.bert.encoder.layer[0].attention

        def note(*_: object, count: list[int] = count, model: PreTrainedModel = model) -> None:
            count[0] += model.training

        layer.register_forward_pre_hook(note)
        trained(model, tmp_path / str(checkpointing), gradient_checkpointing=checkpointing)
        calls.append(count[0])
    assert calls[1] == 2 * calls[0]


def test_a_model_that_cannot_recompute_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = bert()
    monkeypatch.setattr(type(model), "supports_gradient_checkpointing", False)
    with pytest.raises(ModelError, match="leave out --gradient-checkpointing"), recomputed(model, wanted=True):
        raise AssertionError("it is not trained")


def batch_of(tokens: Tokens) -> dict[str, torch.Tensor]:
    batch = collate(tokens, list(range(len(tokens.ids))), 0, torch.device("cpu"))
    return batch | {"labels": torch.from_numpy(tokens.labels.astype(np.int64))}


@pytest.mark.parametrize("composition", ["equal lengths", "one at a time"])
def test_a_model_that_padding_changes_is_trained_on_pairs_as_they_are_alone(composition: str) -> None:
    model, tokens = fnet().train(), drawn(12, 3)
    alone = torch.stack([model(**batch_of(tokens.take(np.array([i])))).loss for i in range(12)])
    alone.mean().backward()
    expected = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    with trained_unpadded(model, Batching(composition), ModelState(model)):  # type: ignore[arg-type]
        loss = model(**batch_of(tokens))["loss"]
        answers = model(**{name: values for name, values in batch_of(tokens).items() if name != "labels"})
        assert answers.logits.shape == (12, 2)
    loss.backward()
    assert loss.item() == pytest.approx(alone.mean().item(), rel=1e-6)
    padded = model(**batch_of(tokens)).loss.item()
    assert abs(padded - loss.item()) > 1e-4  # the model is as it was, and padding does change it
    for weight, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("make", "lengths"), [(bert, False), (fnet, True)])
def test_fine_tuning_pads_only_where_it_changes_nothing(
    make: Callable[[], PreTrainedModel], lengths: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    padded = []

    def note(_module: object, arguments: tuple[torch.Tensor, ...]) -> None:
        if model.training:
            padded.append(bool((arguments[0] == 0).any()))

    model.base_model.embeddings.word_embeddings.register_forward_pre_hook(note)
    trained(model, tmp_path)
    assert any(padded) is not lengths


def test_options_at_their_defaults_leave_the_record_as_it_was() -> None:
    before = {
        "learning_rate", "batch_size", "epochs", "max_length", "schedule", "warmup", "weight_decay", "lora_rank",
    }  # fmt: skip
    assert RECIPE.record.keys() == before
    changed = replace(RECIPE, device_batch_size=4, gradient_checkpointing=True)
    assert changed.record == RECIPE.record | {"device_batch_size": 4, "gradient_checkpointing": True}


@settings(max_examples=20)
@given(st.integers(1, 64), st.integers(0, 80), st.integers(1, 70))
def test_devices_take_a_share_each(batch_size: int, device_batch_size: int, processes: int) -> None:
    recipe: Hyperparameters = replace(RECIPE, batch_size=batch_size, device_batch_size=device_batch_size)
    share = recipe.device_share(processes)
    assert 1 <= share <= batch_size
    assert share <= (device_batch_size or batch_size)


def test_batches_of_which_each_process_makes_its_own_number_are_not_sharded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ModelError, match=r"FNet.* is trained in batches of equal lengths, which FSDP does not shard"):
        trained(fnet(), tmp_path)
