"""Pairs to tokens: joined as the model knows them, measured, cut, streamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws_eval.models.encode import encode, split_into_blocks
from bio_paws_eval.models.model_files import find_model
from bio_paws_eval.models.pair_encoder import PairEncoder, encoder_of, truncate_longest_first
from bio_paws_eval.models.tokens import Encoded
from bio_paws_eval.results import Task
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.tasks import registry
from bio_paws_eval.tasks.pairs import Pairs
from models import ARCHITECTURES, write_model


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PairEncoder]:
    made = {}
    for name in ARCHITECTURES:
        source = find_model(str(write_model(tmp_path_factory.mktemp("encode") / name, name)), None)
        made[name] = encoder_of(source)
    return made


def pairs_of(rows: list[tuple[str, str]], molecule: str = "dna", name: str = "dna150") -> Pairs:
    columns = {
        "pair_id": [str(i) for i in range(len(rows))],
        "sentence1": [row[0] for row in rows],
        "sentence2": [row[1] for row in rows],
        "label": pa.array([i % 2 for i in range(len(rows))], pa.int8()),
    }
    table = pa.table(columns)
    task = Task(name, "test", len(rows), 0, "1.0.0", str(hash(tuple(rows))))
    return Pairs(task, molecule, lambda: iter(table.to_batches(3)), PairGroups.unknown(table.num_rows))


def ids_of(encoded: Encoded) -> list[list[int]]:
    return [ids.tolist() for ids in encoded.all().ids]


def test_encoders_use_the_tokenizers_own_template(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    encoder = encoders["bert"]
    encoded = encode(pairs_of([("the river", "a king moved")], "text"), encoder, "auto", None, tmp_path)
    expected = encoder.tokenizer("the river", "a king moved")
    assert ids_of(encoded) == [expected["input_ids"]]
    types = encoded.all().types
    assert types is not None
    assert types[0].tolist() == expected["token_type_ids"]
    assert encoder.tokenizer.decode(expected["input_ids"]).count("[SEP]") == 2
    assert encoded.encoding.join == "template"


def test_decoders_concatenate_with_no_mark_between(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    for name, start in (("gpt2", []), ("llama", ["<s>"])):
        tokenizer = encoders[name].tokenizer
        encoded = encode(pairs_of([("the river", "a king")], "text"), encoders[name], "auto", None, tmp_path)
        halves = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("the river", "a king")]
        assert ids_of(encoded) == [tokenizer.convert_tokens_to_ids(start) + halves[0] + halves[1]]
        assert encoded.all().types is None
        assert encoded.encoding.join == "concatenation"


def test_gpt2_pads_with_its_end(encoders: dict[str, PairEncoder]) -> None:
    assert encoders["gpt2"].tokenizer.pad_token == "<|endoftext|>"


def test_long_words_are_unknown_to_wordpiece_and_auto_splits_them(
    encoders: dict[str, PairEncoder], tmp_path: Path
) -> None:
    rows = [("ACGT" * 35, "TTGACA" * 25)] * 5
    raw = encode(pairs_of(rows), encoders["bert"], None, 512, tmp_path).encoding
    assert raw.segment is None
    assert raw.unknown == pytest.approx(0.4)  # [CLS] [UNK] [SEP] [UNK] [SEP]
    auto = encode(pairs_of(rows), encoders["bert"], "auto", 512, tmp_path).encoding
    assert auto.segment == 100
    assert auto.unknown == 0
    assert encode(pairs_of(rows), encoders["bert"], 25, 512, tmp_path).encoding.segment == 25
    whole = encode(pairs_of([("ACGT" * 20, "ACGA" * 20)]), encoders["bert"], "auto", 512, tmp_path).encoding
    assert whole.segment is None


def test_what_no_splitting_saves_stays_whole(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    rows = [("щ" * 140, "ж" * 140)]
    encoding = encode(pairs_of(rows), encoders["bert"], "auto", 512, tmp_path).encoding
    assert encoding.segment is None
    assert encoding.unknown == pytest.approx(0.4)


def test_natural_language_is_never_split(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    rows = [("a" * 140, "b" * 140)]
    assert encode(pairs_of(rows, "text"), encoders["bert"], 10, 512, tmp_path).encoding.segment is None


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_truncation_is_measured(encoders: dict[str, PairEncoder], tmp_path: Path, name: str) -> None:
    encoder = encoders[name]
    rows = [("ACGT" * 20, "GGCA" * 20), ("ACG", "TT"), ("ACGTTGCA" * 10, "AC")]
    encoded = encode(pairs_of(rows), encoder, None, 12, tmp_path)
    encoding = encoded.encoding
    assert max(map(len, ids_of(encoded))) == 12
    assert encoding.truncated_pairs == pytest.approx(2 / 3)
    # Of the letters of the two long pairs, those are lost that the tokens left over do not spell.
    left = encoder.tokenizer.batch_decode(ids_of(encoded), skip_special_tokens=True)
    letters = sum(len(a) + len(b) for a, b in rows)
    kept = sum(len(text.replace(" ", "")) for text in left)
    assert encoding.truncated_letters == pytest.approx((letters - kept) / letters)
    assert 0.5 < encoding.truncated_letters < 1
    assert encoding.lengths[-1] > 12  # lengths are those before the cut
    assert encoding.lengths == tuple(sorted(encoding.lengths))
    # The short second member of the last pair is kept whole.
    assert left[2].replace(" ", "").endswith("AC")


def test_tokens_per_letter_leave_out_special_tokens(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    encoder = encoders["bert"]
    encoded = encode(pairs_of([("ACGT", "AC")]), encoder, None, None, tmp_path)
    assert encoded.encoding.tokens_per_letter == pytest.approx((len(ids_of(encoded)[0]) - 3) / 6)


def test_batches_stream_in_the_order_of_rows(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    rows = [("ACGT"[: 1 + i % 4] * (1 + i % 7), "TTGA") for i in range(10)]
    encoded = encode(pairs_of(rows), encoders["gpt2"], None, None, tmp_path)
    parts = list(encoded.batches())
    assert [len(part.ids) for part in parts] == [3, 3, 3, 1]
    assert encoded.all().pair_ids == [str(i) for i in range(10)]
    assert encoded.all().labels.tolist() == [i % 2 for i in range(10)]
    assert ids_of(encoded) == [encoders["gpt2"].tokenizer(a)["input_ids"] + encoders["gpt2"].tokenizer(b)["input_ids"]
                               for a, b in rows]  # fmt: skip


def test_pairs_are_tokenised_once(encoders: dict[str, PairEncoder], tmp_path: Path) -> None:
    pairs = pairs_of([("ACGT", "AC")])
    first = encode(pairs, encoders["bert"], "auto", 64, tmp_path)

    def fail() -> object:
        raise AssertionError("read again")

    assert encode(replace(pairs, read=fail), encoders["bert"], "auto", 64, tmp_path) == first
    # Whatever changes the tokens makes another file.
    others = [
        encode(pairs, encoders["bert"], 2, 64, tmp_path),
        encode(pairs, encoders["bert"], "auto", 32, tmp_path),
        encode(pairs, encoders["gpt2"], "auto", 64, tmp_path),
        encode(pairs_of([("ACGT", "AG")]), encoders["bert"], "auto", 64, tmp_path),
    ]
    assert len({first.path, *(other.path for other in others)}) == 5


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 60))
def test_the_longer_is_cut_first(length1: int, length2: int, room: int) -> None:
    keep1, keep2 = truncate_longest_first(length1, length2, room)
    assert keep1 + keep2 == min(room, length1 + length2)
    assert 0 <= keep1 <= length1
    assert 0 <= keep2 <= length2
    if keep1 < length1 and keep2 < length2:
        assert abs(keep1 - keep2) <= 1
    elif keep1 < length1:
        assert keep1 >= keep2 - 1
    elif keep2 < length2:
        assert keep2 >= keep1 - 1


@given(st.text("ACGT", max_size=60), st.integers(1, 20))
def test_words_spell_the_sequence(text: str, letters: int) -> None:
    words = split_into_blocks(text, letters).split()
    assert "".join(words) == text
    assert all(len(word) == letters for word in words[:-1])


def test_every_config_and_language_is_a_task() -> None:
    assert registry.task_names()[:2] == ("pawsx_en", "pawsx_fr")
    assert "dna150" in registry.task_names()
    assert len(set(registry.task_names())) == len(registry.task_names())
