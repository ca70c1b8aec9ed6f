"""The vocabulary of three groups, and representations of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from bio_paws.errors import BioPawsError
from bio_paws_eval.models import loading
from bio_paws_eval.models.encode import MAX_UNKNOWN
from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.representations.embed import Embedder, split_for_tokenizer
from bio_paws_eval.representations.vocabulary import GROUPS, KMER_LENGTHS, MIN_WORDS, build_vocabulary
from bio_paws_eval.tasks.registry import Sources
from models import write_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=("bert", "gpt2"))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return find_model(str(write_model(tmp_path_factory.mktemp("vectors") / request.param, request.param)), None)


def test_items_are_tokens_of_their_own_group_only(network: ModelSource, built: Path) -> None:
    tokenizer = load_tokenizer(network)
    items = build_vocabulary(tokenizer, Sources(str(built)), 40, seed=0)
    assert len(set(items.texts)) == len(items.texts)
    assert [items.texts[items.slices[name]] for name in GROUPS] == [
        tuple(text for text, group in zip(items.texts, items.groups, strict=True) if group == name) for name in GROUPS
    ]
    dna, english, protein = (items.texts[items.slices[name]] for name in GROUPS)
    assert all(set(word) <= set("ACGT") and len(word) > 1 for word in dna)
    assert all(set(word) <= set("ACDEFGHIKLMNPQRSTVWY") and set(word) - set("ACGT") for word in protein)
    assert all(word.isalpha() and word.islower() and word.isascii() for word in english)
    assert {"CAT", "TAG", "ACT"}.isdisjoint(dna)  # English
    assert {"cat", "tag", "act"}.isdisjoint(english)  # DNA
    assert {len(dna), len(english), len(protein)} <= set(range(MIN_WORDS, 41))
    known = {token.lstrip("#Ġ") for token in tokenizer.get_vocab()}
    for name, cut in (("dna", dna), ("protein", protein)):
        if name in items.kmer_groups:
            assert {len(word) for word in cut} == {KMER_LENGTHS[name]}
        else:
            assert set(cut) <= known
            assert items.excluded[name]["a single letter"] > 0
    # Byte pairs of a few hundred tokens hold no word of proteins.
    assert items.kmer_groups == (() if network.config.model_type == "bert" else ("protein",))
    # Another seed draws other English words, and changes nothing else.
    reseeded = build_vocabulary(tokenizer, Sources(str(built)), 40, seed=1)
    assert reseeded.texts[reseeded.slices["dna"]] == dna
    assert reseeded.texts[reseeded.slices["english"]] != english
    assert items.digest == build_vocabulary(tokenizer, Sources(str(built)), 40, seed=0).digest != reseeded.digest


def test_a_too_small_vocabulary_is_explained(network: ModelSource, built: Path) -> None:
    with pytest.raises(BioPawsError, match=r"dna has 3 items, at least 5 are needed \(.*an English word"):
        build_vocabulary(load_tokenizer(network), Sources(str(built)), 3, seed=0)


def test_representations_are_means_over_the_tokens_of_the_text(network: ModelSource, tmp_path: Path) -> None:
    texts = ["river", "ACGTT", "the old bridge", "MKV"]
    embedder = Embedder(network, CPU, tmp_path)
    vectors = embedder.embed(texts, all_layers=True)
    model = AutoModel.from_pretrained(network.folder, dtype=torch.float32).eval()
    starts = {"bert": 1, "gpt2": 0}[network.config.model_type]
    ends = {"bert": 1}.get(network.config.model_type, 0)
    assert vectors.shape == (1 + network.config.num_hidden_layers, len(texts), network.config.hidden_size)
    for i, text in enumerate(texts):
        with torch.no_grad():
            layers = model(**embedder.tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        for layer, hidden in enumerate(layers):
            own = hidden[0, starts : hidden.shape[1] - ends]
            assert vectors[layer, i] == pytest.approx(own.mean(dim=0).numpy(), abs=1e-5)
    assert np.array_equal(embedder.embed(texts, all_layers=False)[0], vectors[-1])


def test_vectors_are_computed_once(network: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["river", "ACGTT"]
    before = np.array(Embedder(network, CPU, tmp_path).embed(texts, all_layers=False))
    monkeypatch.setattr(loading, "load_base", lambda _: pytest.fail("loaded again"))
    assert np.array_equal(Embedder(network, CPU, tmp_path).embed(texts, all_layers=False), before)
    with pytest.raises(pytest.fail.Exception):
        Embedder(network, CPU, tmp_path).embed(texts[::-1], all_layers=False)


def test_sequences_are_split_where_the_tokenizer_needs_it(network: ModelSource) -> None:
    tokenizer = load_tokenizer(network)
    (split,) = split_for_tokenizer(tokenizer, ["ACGT" * 40])
    ids = tokenizer(split)["input_ids"]
    assert ids.count(tokenizer.unk_token_id) < MAX_UNKNOWN * len(ids)
    assert split.replace(" ", "") == "ACGT" * 40
    assert (" " in split) == (network.config.model_type == "bert")


def test_weights_that_are_missing_are_told(network: ModelSource, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "part"
    folder.mkdir()
    for path in network.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in sorted(weights) if "layer" in name or "h.0" in name)
    save_file(
        {name: weight for name, weight in weights.items() if name != gone},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(BioPawsError, match="part: its files lack 1 weights of the model"):
        loading.load_base(find_model(str(folder), None))
