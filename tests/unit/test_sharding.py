"""A model that is trained in shards is whole again where it is measured, and never twice in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from bio_paws_eval.models import sharding
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.sharding import Shards
from bio_paws_eval.models.tokenizers import load_tokenizer


@pytest.fixture
def classifier(bert: Path) -> PreTrainedModel:
    source = find_model(str(bert), None)
    return load_classifier(source, load_tokenizer(source), seed=0).eval()


def test_the_whole_model_has_the_weights_of_the_trained_one(
    classifier: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "get_model_state_dict", lambda trained, options: trained.state_dict())
    inputs = {"input_ids": torch.arange(10, 20)[None]}
    places = {weight.data_ptr() for weight in classifier.parameters()}
    before = classifier(**inputs).logits
    shards = Shards(classifier)
    assert {weight.data_ptr() for weight in shards.model.parameters()} == places
    assert sum(weight.numel() for weight in classifier.parameters()) == 0
    assert torch.equal(shards.model(**inputs).logits, before)
    with torch.no_grad():
        for weight in shards.model.parameters():
            weight.add_(0.1)
    with shards.gathered(shards.model) as whole:
        assert whole is classifier
        changed = whole(**inputs).logits
    assert not torch.equal(changed, before)
    assert sum(weight.numel() for weight in classifier.parameters()) == 0
    shards.gather(shards.model)
    assert torch.equal(classifier(**inputs).logits, changed)


def test_a_shard_is_a_layer(classifier: PreTrainedModel) -> None:
    """Accelerate shards embeddings on their own, and fails where a class that the architecture names holds them."""
    assert "BertEmbeddings" in (classifier._no_split_modules or ())
    assert Shards(classifier).model._no_split_modules == ["BertLayer"]
