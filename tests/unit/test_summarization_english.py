"""English with summaries: docstrings, division into parts, ROUGE, and tokens to learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from bio_paws_eval.models.model_files import ModelSource, find_model
from bio_paws_eval.models.tokenizers import load_tokenizer
from bio_paws_eval.summarization import docstrings
from bio_paws_eval.summarization.english_summaries import DOCSTRINGS, Example, read_english
from bio_paws_eval.summarization.fine_tune import IGNORED, Lessons, dev_loss, lessons_of
from bio_paws_eval.summarization.rouge import rouge_l, words
from models import write_model

PROSE = "The rows are sorted by their lengths first, and every batch is then drawn from rows of like length. " * 3


def test_a_docstring_is_divided_where_its_prose_ends() -> None:
    summary = "Draw batches\n    of like length."
    sections = docstrings.divide(f"{summary}\n\n{PROSE}\n\nParameters\n----------\nrows : int\n    How many.")
    assert sections == (PROSE.strip(), "Draw batches of like length.")
    for head in (
        "Args:\n    rows: how many",
        ">>> draw(3)",
        ":param rows: how many",
        ".. note:: slow",
        "Returns: rows",
    ):
        assert docstrings.divide(f"{summary}\n\n{PROSE}\n\n{head}") == sections
    assert docstrings.divide(f"Draw batches of like length\n\n{PROSE}") is None  # a title
    assert docstrings.divide(f"Draw.\n\n{PROSE}") is None
    assert docstrings.divide(f"{PROSE.strip()}\n\n{PROSE}") is None  # no shorter than the prose
    assert docstrings.divide("Draw batches of like length.") is None


def test_docstrings_of_installed_libraries_are_read_as_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docstrings, "PACKAGES", ("numpy",))
    english = read_english(DOCSTRINGS, None, None, 100, tmp_path)
    everything = [*english.train, *english.dev, *english.held_out]
    assert len(everything) == len({text.text for text in everything}) == 100
    assert all(len(text.text) >= 2 * len(text.summary) and text.summary.endswith(".") for text in everything)
    files = [{text.group for text in part} for part in (english.train, english.dev, english.held_out)]
    assert not files[0] & files[1] and not files[0] & files[2] and not files[1] & files[2]
    assert english.origin == {"numpy": np.__version__}
    monkeypatch.setattr(docstrings, "read_docstrings", lambda: pytest.fail("read again"))
    assert read_english(DOCSTRINGS, None, None, 100, tmp_path).digest == english.digest


def test_texts_that_repeat_or_say_nothing_are_left_out(tmp_path: Path) -> None:
    rows = [{"document": f"the river {i // 2}", "summary": f"river {i}"} for i in range(40)]
    rows += [{"document": "...", "summary": "dots"}, {"document": "the king", "summary": ""}]
    lines, table, parquet = (tmp_path / f"some.{ending}" for ending in ("jsonl", "csv", "parquet"))
    lines.write_text("\n".join(map(json.dumps, rows)))
    pacsv.write_csv(pa.Table.from_pylist(rows), table)
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    for path in (lines, table, parquet):
        english = read_english(str(path), None, None, 100, tmp_path)
        assert (len(english.train), len(english.dev), len(english.held_out)) == (18, 1, 1)
        assert all(int(text.summary.split()[1]) % 2 == 0 for text in english.train)
    assert len(read_english(str(lines), None, None, 12, tmp_path).train) == 10
    named = read_english(str(lines), ("summary", "document"), None, 100, tmp_path)
    assert named.train[0].text.split()[0] == "river"


def longest_common(first: list[str], second: list[str]) -> int:
    """The textbook's table."""
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    for i, left in enumerate(first):
        for j, right in enumerate(second):
            table[i + 1, j + 1] = table[i, j] + 1 if left == right else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@given(*[st.lists(st.sampled_from(["a", "b", "c", "D", "e,", "1", ".", "é"]), max_size=12).map(" ".join)] * 2)
def test_rouge_l_is_f1_of_the_longest_common_subsequence(first: str, second: str) -> None:
    left, right = words(first), words(second)
    common = longest_common(left, right)
    precision, recall = (common / max(1, len(part)) for part in (left, right))
    f1 = 2 * precision * recall / (precision + recall) if common else 0
    assert rouge_l(first, second) == pytest.approx(f1)
    assert rouge_l(first, second) == rouge_l(second, first)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return find_model(str(write_model(tmp_path_factory.mktemp("taught") / "gpt2", "gpt2")), None)


def test_a_causal_model_learns_the_summary_and_its_end_only(gpt2: ModelSource) -> None:
    tokenizer = load_tokenizer(gpt2)
    long = Example("the river moved north " * 30, "river near city", "")
    lessons = lessons_of(gpt2, tokenizer, [Example("the king won", "king won", ""), long], 12, 60)
    for ids, labels in zip(lessons.ids, lessons.labels, strict=True):
        assert len(ids) == len(labels) <= 60
        learnt = [label for label in labels if label != IGNORED]
        assert ids[-len(learnt) :] == learnt
    learnt = [label for label in lessons.labels[0] if label != IGNORED]
    assert tokenizer.decode(learnt) == " king won<|endoftext|>"
    assert tokenizer.decode(lessons.ids[0]) == "the king won\nTL;DR: king won<|endoftext|>"
    assert tokenizer.decode(lessons.ids[1]).endswith("\nTL;DR: river near city<|endoftext|>")  # the text was cut


def test_dev_loss_is_that_of_each_token_whatever_the_batch(gpt2: ModelSource) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(gpt2.folder), AutoModelForCausalLM.from_pretrained(gpt2.folder)
    tokenizer.pad_token = tokenizer.eos_token
    examples = [Example("the king " * i, "river " * (7 - i), "") for i in range(1, 6)]
    lessons = lessons_of(gpt2, tokenizer, examples, 12, 100)
    losses: list[float] = []
    for ids, labels in zip(lessons.ids, lessons.labels, strict=True):
        with torch.inference_mode():
            chances = model.eval()(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        losses += [-float(chances[i - 1, label]) for i, label in enumerate(labels) if label != IGNORED]
    for size in (1, 2, 5):
        assert dev_loss(model.train(), lessons, size) == pytest.approx(np.mean(losses), rel=1e-5)
        assert model.training
    assert Lessons([[1, 2], [3]], [[IGNORED, 2], [3]], 9).collate([0, 1])["labels"].tolist() == [[-100, 2], [3, -100]]
