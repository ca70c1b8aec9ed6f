"""What is checked before a model is scored, and answers that do not depend on neighbours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_encode import pairs_of
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BigBirdConfig,
    BigBirdForSequenceClassification,
    FNetConfig,
    FNetForSequenceClassification,
    PreTrainedModel,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from architectures import spread
from bio_paws.errors import ModelError
from bio_paws_eval.models.architectures import empty_classifier, max_length_of
from bio_paws_eval.models.heads import read_head, similar_label
from bio_paws_eval.models.independence import batching_of
from bio_paws_eval.models.loading import load_classifier
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.pair_encoder import encoder_of
from bio_paws_eval.models.predict import predict
from bio_paws_eval.models.preflight import letters_covered, preflight
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.models.tokens import Tokens
from models import write_model

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return write_model(tmp_path / "bert", "bert")


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def with_head(bert: Path, labels: tuple[str, ...], **config: Any) -> BertForSequenceClassification:
    """Write a classifier over a folder's weights."""
    torch.manual_seed(1)
    given = BertConfig.from_pretrained(bert, num_labels=len(labels), **config)
    given.id2label = dict(enumerate(labels))
    model = BertForSequenceClassification(given)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(bert)
    return model.eval()


def test_a_cased_tokenizer_json_is_not_put_in_lower_case(bert: Path) -> None:
    change_json(bert / "tokenizer_config.json", tokenizer_class="BertTokenizerFast")
    encoder = encoder_of(find_model(str(bert), None))
    assert encoder.from_file
    ids = encoder.tokenizer("ACGT", add_special_tokens=False)["input_ids"]
    assert "".join(encoder.tokenizer.convert_ids_to_tokens(ids)).replace("##", "") == "ACGT"


def test_a_folder_without_a_tokenizer_is_refused_whatever_else_lies_in_it(bert: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bert / name).unlink()
    for name in ("all_results.json", "trainer_state.json", "notes.txt"):
        (bert / name).write_text("{}")
    with pytest.raises(ModelError, match="no tokenizer"):
        find_model(str(bert), None)


def test_dropped_letters_are_counted(bert: Path) -> None:
    described = json.loads((bert / "tokenizer.json").read_text())
    vocabulary = {token: i for i, token in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"ACGT"))}
    described["model"] = {"type": "BPE", "vocab": vocabulary, "merges": []}
    (bert / "tokenizer.json").write_text(json.dumps(described))
    source = find_model(str(bert), None)
    encoder = encoder_of(source)
    assert letters_covered(encoder.tokenizer, ["ACGT MKVL"]) == 0.5
    seen = preflight(pairs_of([("ACGT", "MKVL"), ("AC", "GT")]), encoder, None, head="")
    assert seen.refusal.startswith("refused: 33% of letters dropped")
    assert seen.tokens == ("[CLS]", *"ACGT", "[SEP]", "[SEP]")


def test_pairs_without_a_separator_are_refused(bert: Path) -> None:
    change_json(bert / "tokenizer.json", post_processor=None)
    with pytest.raises(ModelError, match="without a token between them"):
        encoder_of(find_model(str(bert), None))


def test_padding_without_an_embedding_is_that_of_the_end(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "gpt2", "gpt2")
    tokenizer = load_tokenizer(find_model(str(folder), None))
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(folder)
    assert load_tokenizer(find_model(str(folder), None)).pad_token == "<|endoftext|>"


@pytest.mark.parametrize(
    ("labels", "similar"),
    [
        (("entailment", "not_entailment"), 0),
        (("not_duplicate", "duplicate"), 1),
        (("dissimilar", "similar"), 1),
        (("LABEL_0", "LABEL_1"), None),
    ],
)
def test_labels_say_which_means_similar(labels: tuple[str, ...], similar: int | None) -> None:
    assert similar_label(labels) == similar


def test_a_reversed_head_is_turned_round(bert: Path) -> None:
    given = with_head(bert, ("entailment", "not_entailment"))
    source = find_model(str(bert), None)
    head = read_head(source, empty_classifier(source))
    assert (head.kept, head.similar) == (True, 0)
    loaded = load_classifier(source, load_tokenizer(source), 0)
    assert torch.equal(loaded.classifier.weight, given.classifier.weight.flip(0))
    assert loaded.config.id2label == {0: "dissimilar", 1: "similar"}


@pytest.mark.parametrize("labels", [("score",), ("entailment", "neutral", "contradiction")])
def test_a_head_of_other_labels_is_drawn_and_said_so(bert: Path, labels: tuple[str, ...]) -> None:
    with_head(bert, labels, problem_type="regression")
    source = find_model(str(bert), None)
    assert f"head of {len(labels)} labels does not fit" in read_head(source, empty_classifier(source)).note
    model = load_classifier(source, load_tokenizer(source), 0)
    assert model.config.problem_type == "single_label_classification"


def tokens_of(*lengths: int) -> Tokens:
    rng = np.random.default_rng(0)
    ids = [rng.integers(5, 30, length).astype(np.int32) for length in lengths]
    return Tokens(ids, None, np.zeros(len(ids), np.int8), [str(i) for i in range(len(ids))])


MODELS: dict[str, tuple[Callable[[], PreTrainedModel], str]] = {
    "bert": (lambda: BertForSequenceClassification(BertConfig(vocab_size=30, **SIZES)), "padded"),
    "fnet": (
        lambda: FNetForSequenceClassification(
            FNetConfig(vocab_size=30, hidden_size=32, num_hidden_layers=2, intermediate_size=64)
        ),
        "equal lengths",
    ),
    "xlnet": (
        lambda: XLNetForSequenceClassification(
            XLNetConfig(vocab_size=30, d_model=32, n_layer=2, n_head=2, d_inner=64, pad_token_id=0)
        ),
        "equal lengths",
    ),
    "bigbird": (
        lambda: BigBirdForSequenceClassification(
            BigBirdConfig(vocab_size=30, **SIZES, block_size=8, num_random_blocks=1, attention_type="block_sparse")
        ),
        "equal lengths, state restored before each batch",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_answers_do_not_depend_on_neighbours(name: str) -> None:
    make, batches = MODELS[name]
    model = spread(make())
    tokens = tokens_of(12, 12, 90, 30, 90, 61, 30, 12, 77)
    batching = batching_of(model, tokens, 0)
    assert str(batching) == batches
    for budget in (100, 10_000):
        encoded: Any = type("Encoded", (), {"batches": lambda self: iter([tokens])})()
        logits = predict(model, encoded, 0, token_budget=budget, batching=batching)[0].logits
        for i in range(len(logits)):
            alone = spread(make())  # as nothing was asked before
            with torch.no_grad():
                answer = alone(input_ids=torch.tensor(tokens.ids[i][None].astype(np.int64))).logits[0].numpy()
            np.testing.assert_allclose(logits[i], answer, atol=2e-5)


def test_answers_that_change_from_call_to_call_are_refused() -> None:
    class Random(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, input_ids: torch.Tensor) -> Any:
            return type("Answer", (), {"logits": torch.rand(len(input_ids), 2)})

    with pytest.raises(ModelError, match="differently from call to call"):
        batching_of(Random(), tokens_of(4, 5, 6), 0)


def test_positions_without_a_limit_are_none(bert: Path, tmp_path: Path) -> None:
    source = find_model(str(bert), None)
    tokenizer = load_tokenizer(source)
    assert max_length_of(XLNetConfig(), tokenizer) == 512


def test_an_adapter_without_its_model_is_refused(bert: Path, tmp_path: Path) -> None:
    (bert / "adapter_config.json").write_text("{}")
    shutil.move(bert / "model.safetensors", bert / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="an adapter without its model"):
        find_model(str(bert), None)
