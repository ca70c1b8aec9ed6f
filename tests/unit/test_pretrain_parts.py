"""Parts of a pre-training: recipes, text sources, tokenizer, token files, perplexity."""

from __future__ import annotations

import gzip
import json
import math
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import GPT2LMHeadModel

from bio_paws.errors import BioPawsError
from bio_paws_eval.pretrain import packing
from bio_paws_eval.pretrain.mixture import Documents, make_documents, read_documents
from bio_paws_eval.pretrain.packing import Blocks, pack
from bio_paws_eval.pretrain.perplexity import measure
from bio_paws_eval.pretrain.recipe import (
    ModelSize,
    PretrainingRecipe,
    TextRecipe,
    TrainingRecipe,
    parse_recipe,
    read_recipe,
    recipe_names,
)
from bio_paws_eval.pretrain.run import RECORD, _is_finished
from bio_paws_eval.pretrain.text_sources import find_text, read_text
from bio_paws_eval.pretrain.tokenizer import END, end_of, read_tokenizer, train_tokenizer
from bio_paws_eval.pretrain.train import new_model, steps_of
from models import sentence

GOOD: dict[str, Any] = {"text": {"source": "bundled"}, "bytes": {"text": 10}}


def test_the_recipes_of_the_paper() -> None:
    assert recipe_names() == (
        "gpt2-english",
        "gpt2-english-dna-protein",
        "gpt2-english-dna-protein-tiny",
        "gpt2-english-tiny",
    )
    english, mixed = read_recipe("gpt2-english"), read_recipe("gpt2-english-dna-protein")
    assert english.bytes == {"text": 10**10}
    assert mixed.bytes == {"text": 10**10, "dna": 10**10, "protein": 10**10}
    assert mixed.model == english.model == ModelSize(12, 12, 768, 1024)
    assert english.text == TextRecipe(("hub:Skylion007/openwebtext",))
    assert set(read_recipe("gpt2-english-dna-protein-tiny").bytes) == {"text", "dna", "protein"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"byte": {}}, "r: byte: unknown key"),
        ({"model": {"layers": 3}}, "r: model.layers: unknown key"),
        ({"bytes": {"rna": 3}, "text": None}, "r: bytes.rna: Input should be 'text', 'dna' or 'protein'"),
        ({"bytes": {"text": 0}}, "r: bytes.text: Input should be greater than or equal to 1"),
        ({"bytes": {"dna": 5}}, "r: text and bytes.text go together"),
        ({"vocabulary": 100}, "r: vocabulary: Input should be greater than or equal to 257"),
        ({"model": {"n_embd": 100, "n_head": 12}}, "r: model.n_embd 100 is no multiple of n_head"),
        ({"training": {"batch": 9, "device_batch": 2}}, "r: training.batch 9 is no multiple of device_batch"),
        ({"training": {"schedule": "square"}}, "r: training.schedule: Input should be"),
        ({"training": {"learning_rate": "fast"}}, "r: training.learning_rate: Input should be a valid number"),
        ({"seed": -1}, "r: seed: Input should be"),
    ],
)
def test_a_wrong_recipe_is_told_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BioPawsError) as error:
        parse_recipe(GOOD | changes, "r")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_what_is_no_recipe_is_told(tmp_path: Path) -> None:
    for text in ("[1, 2]", "bytes: {text: 1", "7"):
        (tmp_path / "r.yaml").write_text(text)
        with pytest.raises(BioPawsError, match=r"r\.yaml: "):
            read_recipe(str(tmp_path / "r.yaml"))
    with pytest.raises(BioPawsError, match="neither a file nor one of gpt2-english"):
        read_recipe("gpt3")


def test_every_stored_recipe_is_plain_yaml() -> None:
    for name in recipe_names():
        stored = files("bio_paws_eval.pretrain") / "recipes" / f"{name}.yaml"
        assert parse_recipe(yaml.safe_load(stored.read_text()), name).seed == 0


def texts(path: Path, column: str = "text") -> list[str]:
    text = TextRecipe((str(path),), column=column)
    return list(read_text(find_text(text), text))


def test_text_is_read_from_files(tmp_path: Path) -> None:
    wanted = ["One text.\nTwo lines.", "Zürich 龍"]
    (tmp_path / "a.txt").write_text("\n\n".join(wanted), encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("\n\n".join(wanted).encode()))
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"t": text}) + "\n" for text in ["", *wanted]))
    pq.write_table(pa.table({"t": wanted}), tmp_path / "d.parquet")
    assert texts(tmp_path / "a.txt") == texts(tmp_path / "b.txt.gz") == wanted
    assert texts(tmp_path / "c.jsonl", "t") == texts(tmp_path / "d.parquet", "t") == wanted
    with pytest.raises(BioPawsError, match="no text in column 'text', but t"):
        texts(tmp_path / "d.parquet")
    (tmp_path / "e.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(BioPawsError, match=r"e\.txt: cannot be read"):
        texts(tmp_path / "e.txt")
    (tmp_path / "f.doc").write_text("x")
    with pytest.raises(BioPawsError, match=r"name it \.txt"):
        texts(tmp_path / "f.doc")
    with pytest.raises(BioPawsError, match="neither a file, hub:OWNER/NAME, nor bundled"):
        texts(tmp_path / "g.txt")


def test_the_bundled_text_is_english() -> None:
    text = TextRecipe(("bundled",))
    chapters = list(read_text(find_text(text), text))
    assert len(chapters) == 1189
    assert chapters[0].startswith("In the beginning God created the heaven and the earth. And the earth was")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Documents]:
    """Text and DNA, of which one stretch of 300 letters stands in every document."""
    folder = tmp_path_factory.mktemp("documents")
    rng = random.Random(0)
    repeat = "".join(rng.choices("ACGT", k=300))
    dna = [repeat + "".join(rng.choices("ACGT", k=100)) for _ in range(60)]
    lines = ["\n".join(sentence(rng) for _ in range(5)) for _ in range(60)]
    made = {}
    for language, texts in (("text", [f"what a text says of {END} is text", *lines]), ("dna", dna)):
        write = pa.ipc.new_stream(str(folder / language), pa.schema([("text", pa.string())]))
        with write as writer:
            writer.write_batch(pa.record_batch({"text": texts}))
        size = sum(len(text.encode()) for text in texts)
        made[language] = Documents(folder / language, len(texts), size, {}, (), language)
    return made


def all_of(documents: dict[Any, Documents]) -> dict[Any, int]:
    return {language: entry.bytes for language, entry in documents.items()}


def test_the_tokenizer_knows_no_genome_by_heart(documents: dict[Any, Documents], tmp_path: Path) -> None:
    trained = train_tokenizer(documents, all_of(documents), 5000)
    longest = max(len(token) for token in trained.get_vocab() if token != END)
    assert longest <= 64
    assert max(len(token) for token in trained.get_vocab() if set(token) <= set("ACGT")) > 8  # the repeat, in parts
    assert trained.get_vocab_size() < 5000
    assert trained.to_str() == train_tokenizer(documents, all_of(documents), 5000).to_str()
    trained.save(str(tmp_path / "tokenizer.json"))
    stored = read_tokenizer(tmp_path / "tokenizer.json")
    for text in (f"a {END} b", "ACGT" * 500, "\x00\t\n ü 龍 🧬", ""):
        ids = stored.encode(text).ids
        assert end_of(stored) not in ids
        assert stored.decode(ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("wide", [False, True])
def test_packing_keeps_every_letter(
    documents: dict[Any, Documents], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    """In several files each; numbers of two bytes or of four; and what was lost is made again, and no more."""
    monkeypatch.setattr(packing, "SHARD_LETTERS", 6000)
    if wide:
        monkeypatch.setattr(packing, "token_dtype", lambda vocabulary: np.dtype("<u4"))
    tokenizer = train_tokenizer(documents, all_of(documents), 400)
    tokenizer.encode_special_tokens = True
    shards = pack(documents, all_of(documents), tokenizer, tmp_path)
    dtype = np.dtype("<u4" if wide else "<u2")
    for language, entry in documents.items():
        mine = [shard for shard in shards if shard.language == language]
        assert len(mine) > 1
        ids = np.concatenate([np.fromfile(tmp_path / shard.file, dtype) for shard in mine])
        parts = np.split(ids, np.flatnonzero(ids == end_of(tokenizer)) + 1)[:-1]
        decoded = [tokenizer.decode(part[:-1].tolist(), skip_special_tokens=False) for part in parts]
        assert decoded == list(read_documents(entry.path))
        assert sum(shard.bytes for shard in mine) == entry.bytes
    lost, kept = tmp_path / shards[0].file, tmp_path / shards[1].file
    lost.unlink()
    (tmp_path / packing.MANIFEST).unlink()
    before = kept.stat().st_mtime_ns
    assert pack(documents, all_of(documents), tokenizer, tmp_path) == shards
    assert kept.stat().st_mtime_ns == before
    lost.write_bytes(b"\x00\x00")
    with pytest.raises(BioPawsError, match=r"not the size that tokens\.json tells"):
        Blocks(tmp_path, shards, tokenizer.get_vocab_size(), 16, 0)


def test_blocks_come_once_a_pass_in_an_order_of_their_own(documents: dict[Any, Documents], tmp_path: Path) -> None:
    tokenizer = train_tokenizer(documents, all_of(documents), 400)
    shards = pack(documents, all_of(documents), tokenizer, tmp_path)

    def order(seed: int) -> list[bytes]:
        blocks = Blocks(tmp_path, shards, 400, 32, seed)
        assert blocks.count == sum(shard.tokens // 32 for shard in shards)
        blocks.positions = 2 * blocks.count
        return [blocks[i].tobytes() for i in range(len(blocks))]

    first = order(0)
    half = len(first) // 2
    assert sorted(first[:half]) == sorted(first[half:])
    assert first[:half] != first[half:]
    assert order(0) == first
    assert order(1) != first
    with pytest.raises(BioPawsError, match="not a single block of 100000 tokens"):
        Blocks(tmp_path, shards, 400, 100_000, 0)


def test_steps_follow_from_tokens() -> None:
    assert steps_of(TrainingRecipe(tokens=10_000, batch=8, device_batch=8), blocks=5, context=100) == 12
    assert steps_of(TrainingRecipe(batch=8, device_batch=8), blocks=50, context=100) == 6
    assert steps_of(TrainingRecipe(tokens=1), blocks=50, context=100) == 1


class Even(torch.nn.Module):
    """Foretells every token alike."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(vocabulary))

    def forward(self, ids: torch.Tensor) -> Any:
        return type("Out", (), {"logits": self.weight.expand(*ids.shape, -1)})


def test_perplexity_of_a_model_that_knows_nothing(documents: dict[Any, Documents]) -> None:
    tokenizer = train_tokenizer(documents, all_of(documents), 400)
    texts = ["the old king", "ACGT" * 100, "ü"]
    measured = measure(Even(400), tokenizer, texts, 16)  # type: ignore[arg-type]
    assert measured.bytes == 12 + 400 + 2
    assert measured.tokens == sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts))
    assert measured.perplexity == pytest.approx(400)
    assert measured.bits_per_byte == pytest.approx(measured.tokens * math.log2(400) / measured.bytes)


def test_perplexity_does_not_depend_on_what_is_asked_beside(documents: dict[Any, Documents]) -> None:
    """Padding changes nothing, and a document longer than the context is asked in pieces."""
    tokenizer = train_tokenizer(documents, all_of(documents), 300)
    model = new_model(ModelSize(1, 2, 16, 32), 300, end_of(tokenizer), 0)
    assert isinstance(model, GPT2LMHeadModel)
    texts = [*list(read_documents(documents["dna"].path))[:3], "the king", "a"]
    alone = [measure(model, tokenizer, [text], 32) for text in texts]
    together = measure(model, tokenizer, texts, 32)
    bits = sum(measured.bits_per_byte * measured.bytes for measured in alone)
    assert together.bits_per_byte * together.bytes == pytest.approx(bits, rel=1e-5)


def test_documents_of_text_are_held_out_and_never_trained_on(tmp_path: Path) -> None:
    rng = random.Random(3)
    texts = [f"{i} " + " ".join(sentence(rng) for _ in range(4)) for i in range(200)]
    (tmp_path / "t.txt").write_text("\n\n".join(texts), encoding="utf-8")
    text = TextRecipe((str(tmp_path / "t.txt"),))
    recipe = PretrainingRecipe(bytes={"text": 10**9}, text=text)
    made = make_documents(recipe, (), find_text(text), None, tmp_path, 1)["text"]
    trained = list(read_documents(made.path))
    assert sorted([*trained, *made.perplexity_texts]) == sorted(texts)
    size = sum(len(perplexity_text) for perplexity_text in made.perplexity_texts)
    assert 0.05 <= size / sum(map(len, texts)) <= 0.06
    # Found again, not made again.
    before = made.path.stat().st_mtime_ns
    assert make_documents(recipe, (), find_text(text), None, tmp_path, 1)["text"] == made
    assert made.path.stat().st_mtime_ns == before
    (tmp_path / "one.txt").write_text("One text only.")
    only = TextRecipe((str(tmp_path / "one.txt"),))
    with pytest.raises(BioPawsError, match="the sources hold no text that may be trained on"):
        make_documents(PretrainingRecipe(bytes={"text": 9}, text=only), (), find_text(only), None, tmp_path, 1)


@pytest.mark.parametrize("text", ["[", "[" * 10_000, "\x00", "[]", "3", "null", "{}", '{"key": 3}'])
def test_what_is_no_record_of_a_model_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(BioPawsError, match=r"not a record of bio-paws pretrain|holds something else") as refused:
        _is_finished(tmp_path, "key")
    assert "\n" not in str(refused.value)
