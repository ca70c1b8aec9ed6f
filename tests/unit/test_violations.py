"""The codes of violations: each is registered once, and each that is registered is reported by a check."""

from __future__ import annotations

import ast
import re
from importlib.resources import files

import pytest

from bio_paws.verify.violations import CODES, Violation


def reported_codes() -> set[str]:
    """Codes that the modules of `verify` construct a Violation or a Fault with."""
    codes = set()
    for module in files("bio_paws.verify").iterdir():
        if module.name.endswith(".py") and module.name != "violations.py":
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.Constant) and re.fullmatch(r"[A-Z]+\d{3}", str(node.value)):
                    codes.add(str(node.value))
    return codes


def test_registered_codes_are_those_that_are_reported() -> None:
    assert reported_codes() == CODES.keys()


def test_codes_have_one_form_and_one_line_of_meaning() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"(FILE|ROW|SPLIT|CONFIG|LEAK|VIEWER)\d{3}", code)
        assert meaning
        assert "\n" not in meaning


def test_an_unregistered_code_is_refused() -> None:
    with pytest.raises(ValueError, match="'ROW999' is not a registered code"):
        Violation("ROW999", "dna50", "test", "", "unknown")


def test_the_text_of_a_violation_begins_with_its_code() -> None:
    assert str(Violation("FILE004", "", "", "", "x.txt: is not a file")) == "FILE004 x.txt: is not a file"
    assert str(Violation("SPLIT003", "dna50", "test", "", "unsorted")) == "SPLIT003 dna50/test: unsorted"
