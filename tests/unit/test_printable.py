"""What a terminal would obey is shown by its code, and the Hub's token is in no log and no traceback."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.cli.text import table
from bio_paws.execution.printable import on_one_line, printable, printable_stdout
from bio_paws.execution.redaction import redacted, redacted_logs, traceback_of

TOKEN = "hf_canaryCANARYcanaryCANARYcanary"
OTHER = "hf_otherOTHERotherOTHERotherOTHER"


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = printable(text)
    assert all(character.isprintable() or character in "\n\t" for character in shown if ord(character) < 0xA0)
    assert printable(shown) == shown
    shown.encode()
    assert len(on_one_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Kb", "a\\x1b[2Kb"),
        ("a\rb\x00\x7f", "a\\rb\\x00\\x7f"),
        ("a\x9b2Kb", "a\\x9b2Kb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\udcffb", "a\\udcffb"),
        ("Escherichia coli K-12, µ 37 °C", "Escherichia coli K-12, µ 37 °C"),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_codes_are_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
    stream = io.StringIO()
    with printable_stdout(stream):
        sys.stdout.write(text)
    assert stream.getvalue() == shown


def test_a_table_stays_a_table() -> None:
    lines = table(("name", "rows"), [("a\nb\x1b[0m", 1), ("c", 22)]).splitlines()
    assert [len(line) for line in lines] == [len(lines[0])] * 4


@pytest.mark.parametrize("text", [TOKEN, f"a {TOKEN}b", f"b'Bearer {TOKEN}'", f"{OTHER} {TOKEN}", "Bearer abc.def-123"])
def test_a_token_is_left_out(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    import huggingface_hub  # noqa: F401

    shown = redacted(text)
    assert "<token>" in shown
    assert not any(secret in shown for secret in (TOKEN, OTHER, "abc.def-123"))


def test_a_token_is_in_no_record_whatever_handler_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "any-secret")
    stream = io.StringIO()
    library = logging.getLogger("a.library.with.a.handler.of.its.own")
    library.propagate = False
    library.addHandler(logging.StreamHandler(stream))
    usual = logging.getLogRecordFactory()
    with redacted_logs():
        library.warning("sent %s", [(b"authorization", b"Bearer any-secret")])
        library.warning("%d", "any-secret")
        try:
            raise ValueError("you sent any-secret") from OSError("any-secret")
        except ValueError as error:
            library.exception("any-secret")
            assert "any-secret" not in traceback_of(error)
        library.warning("100% sure")
    assert "any-secret" not in stream.getvalue()
    assert "100% sure" in stream.getvalue()
    assert logging.getLogRecordFactory() is usual


def test_without_the_hub_there_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "any-secret")
    monkeypatch.delitem(sys.modules, "huggingface_hub")
    assert redacted("any-secret") == "any-secret"
