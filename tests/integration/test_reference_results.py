"""The page of results states what `results/reference` holds, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bio_paws_eval.report.answers import answer_markdown, judge_transfers
from bio_paws_eval.report.grouping import group
from bio_paws_eval.report.systems import Grouped
from bio_paws_eval.results import read_results

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> Grouped:
    return group(read_results(ROOT / "results/reference"))


def test_the_answer_of_the_documentation_is_that_of_the_results(reference: Grouped) -> None:
    """To accept a new one: make results, and read the difference."""
    written = (ROOT / "docs/explanation/reference-answer.md").read_text()
    assert written == answer_markdown(reference, judge_transfers(reference))


def test_the_reference_is_complete_and_comparable(reference: Grouped) -> None:
    assert {system.method for system in reference.everything} == {"model", "baseline", "upper_bound"}
    assert not reference.left_out
    for system in reference.everything:
        assert not any(result.limited for result in system.results.values()), system.name
