"""Words of three groups, and vectors of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from bio_paws.errors import BioPawsError
from bio_paws_eval.models import loading
from bio_paws_eval.models.encode import MAX_UNKNOWN
from bio_paws_eval.representations.embed import Embedder, survivable
from bio_paws_eval.representations.vocabulary import GROUPS, MIN_WORDS, STRETCH, find_words
from bio_paws_eval.tasks.tasks import Sources
from models import write_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=("bert", "gpt2"))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> loading.Source:
    return loading.find_model(str(write_model(tmp_path_factory.mktemp("vectors") / request.param, request.param)), None)


def test_words_are_pieces_of_the_tokenizer_and_nobody_else_s(network: loading.Source, built: Path) -> None:
    tokenizer = loading.load_tokenizer(network)
    words = find_words(tokenizer, Sources(str(built)), 40, seed=0)
    assert len(set(words.texts)) == len(words.texts)
    assert [words.texts[words.places[name]] for name in GROUPS] == [
        tuple(one for one, group in zip(words.texts, words.groups, strict=True) if group == name) for name in GROUPS
    ]
    dna, english, protein = (words.texts[words.places[name]] for name in GROUPS)
    assert all(set(word) <= set("ACGT") and len(word) > 1 for word in dna)
    assert all(set(word) <= set("ACDEFGHIKLMNPQRSTVWY") and set(word) - set("ACGT") for word in protein)
    assert all(word.isalpha() and word.islower() and word.isascii() for word in english)
    assert {"CAT", "TAG", "ACT"}.isdisjoint(dna)  # English
    assert {"cat", "tag", "act"}.isdisjoint(english)  # DNA
    assert {len(dna), len(english), len(protein)} <= set(range(MIN_WORDS, 41))
    vocabulary = {token.lstrip("#Ġ") for token in tokenizer.get_vocab()}
    for name, cut in (("dna", dna), ("protein", protein)):
        if name in words.stretches:
            assert {len(word) for word in cut} == {STRETCH[name]}
        else:
            assert set(cut) <= vocabulary
            assert words.left_out[name]["a single letter"] > 0
    # Byte pairs of a few hundred tokens hold no word of proteins.
    assert words.stretches == (() if network.config.model_type == "bert" else ("protein",))
    # Another seed draws other English words, and changes nothing else.
    other = find_words(tokenizer, Sources(str(built)), 40, seed=1)
    assert other.texts[other.places["dna"]] == dna
    assert other.texts[other.places["english"]] != english
    assert words.digest == find_words(tokenizer, Sources(str(built)), 40, seed=0).digest != other.digest


def test_too_few_words_say_why(network: loading.Source, built: Path) -> None:
    with pytest.raises(BioPawsError, match=r"3 words of dna, 5 are needed \(.*an English word"):
        find_words(loading.load_tokenizer(network), Sources(str(built)), 3, seed=0)


def test_vectors_are_means_over_the_words_own_tokens(network: loading.Source, tmp_path: Path) -> None:
    texts = ["river", "ACGTT", "the old bridge", "MKV"]
    embedder = Embedder(network, CPU, tmp_path)
    found = embedder.embed(texts, all_layers=True)
    model = AutoModel.from_pretrained(network.folder, dtype=torch.float32).eval()
    starts = {"bert": 1, "gpt2": 0}[network.config.model_type]
    ends = {"bert": 1}.get(network.config.model_type, 0)
    assert found.shape == (1 + network.config.num_hidden_layers, len(texts), network.config.hidden_size)
    for i, text in enumerate(texts):
        with torch.no_grad():
            layers = model(**embedder.tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        for layer, hidden in enumerate(layers):
            own = hidden[0, starts : hidden.shape[1] - ends]
            assert found[layer, i] == pytest.approx(own.mean(dim=0).numpy(), abs=1e-5)
    assert np.array_equal(embedder.embed(texts, all_layers=False)[0], found[-1])


def test_vectors_are_computed_once(network: loading.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["river", "ACGTT"]
    before = np.array(Embedder(network, CPU, tmp_path).embed(texts, all_layers=False))
    monkeypatch.setattr(loading, "load_base", lambda _: pytest.fail("loaded again"))
    assert np.array_equal(Embedder(network, CPU, tmp_path).embed(texts, all_layers=False), before)
    with pytest.raises(pytest.fail.Exception):
        Embedder(network, CPU, tmp_path).embed(texts[::-1], all_layers=False)


def test_sequences_are_split_where_the_tokenizer_needs_it(network: loading.Source) -> None:
    tokenizer = loading.load_tokenizer(network)
    (split,) = survivable(tokenizer, ["ACGT" * 40])
    ids = tokenizer(split)["input_ids"]
    assert ids.count(tokenizer.unk_token_id) < MAX_UNKNOWN * len(ids)
    assert split.replace(" ", "") == "ACGT" * 40
    assert (" " in split) == (network.config.model_type == "bert")


def test_weights_that_are_missing_are_told(network: loading.Source, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "part"
    folder.mkdir()
    for path in network.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in sorted(weights) if "layer" in name or "h.0" in name)
    save_file(
        {name: one for name, one in weights.items() if name != gone}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(BioPawsError, match="part: its files lack 1 weights of the model"):
        loading.load_base(loading.find_model(str(folder), None))
