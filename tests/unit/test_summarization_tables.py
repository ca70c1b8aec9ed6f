"""Records of summaries: read back, laid out, and shown by the report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import write_json
from bio_paws_cards.markdown import markdown_paragraph
from bio_paws_eval.layout.tables import markdown
from bio_paws_eval.report.writer import write_report
from bio_paws_eval.summarization.results import (
    FILE,
    EnglishScore,
    Finetuned,
    Learnt,
    SummaryResult,
    read_summary_results,
    tables_of,
)
from bio_paws_eval.summarization.score import Score
from conftest import Golden
from evaluation_results import task, write_baseline


def interval(value: float) -> dict[str, float | None]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def score(method: str, difference: float, dna: float = 1.0) -> Score:
    above = None if method == "model" else interval(0.2 - difference)
    near = difference + 0.1
    return Score(
        method, dna, dna / 2, 80 * dna, interval(dna), interval(near), interval(0.1), interval(difference), above
    )


FLOORS = (score("random substring", 0.1), score("first letters", 0.7), score("minimizer sketch", 0.6))
AS_IT_IS = SummaryResult("tiny", "a1", "b2", 12, 4, 12, 11, 80, 64, 0, "2.12.0", (score("model", 0.2, 0.25), *FLOORS))
LEARNT = Learnt((2.5, 2.25), 2, 60, 3.5, 1234.5, (3.0, 2.5))
UNDEFINED: dict[str, float | None] = {"value": None, "low": None, "high": None}
TAUGHT = dataclasses.replace(
    AS_IT_IS,
    scores=(
        score("model", 0.2, 0.25),
        score("untuned", 0.0, 0.0),
        dataclasses.replace(score("shuffled summaries", 0.0, 0.015), difference=UNDEFINED),
        *FLOORS,
    ),
    finetuned=Finetuned(
        "docstrings",
        {"numpy": "2.4.6"},
        3600,
        180,
        190,
        180,
        "c3",
        {"epochs": 2},
        {"model": LEARNT, "shuffled summaries": dataclasses.replace(LEARNT, dev_losses=(3.5, 3.25))},
        tuple(
            EnglishScore(name, interval(value), None if name == "model" else interval(0.3 - value))
            for name, value in (
                ("model", 0.3),
                ("untuned", 0.05),
                ("shuffled summaries", 0.125),
                ("first words", 0.25),
                ("another's summary", 0.1),
            )
        ),
    ),
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_json(tmp_path / "results/summaries" / FILE, dataclasses.asdict(AS_IT_IS))
    write_json(tmp_path / "results/taught/here" / FILE, dataclasses.asdict(TAUGHT))
    write_json(tmp_path / "results/.hidden" / FILE, {})
    return tmp_path / "results"


def test_records_are_read_back_and_laid_out(results: Path, golden: Golden) -> None:
    summaries = read_summary_results(results)
    assert summaries == [AS_IT_IS, TAUGHT]
    text = "\n\n".join(f"{table.title}\n\n{markdown(table)}\n\n{table.note}" for table in tables_of(summaries)) + "\n"
    assert text == golden("md")
    assert tables_of([]) == []
    assert [table.name for table in tables_of([AS_IT_IS])] == ["summaries"]


def test_a_record_of_before_fine_tuning_is_read(results: Path) -> None:
    raw = dataclasses.asdict(AS_IT_IS) | {"schema_version": "1.0"}
    del raw["finetuned"]
    write_json(results / "summaries" / FILE, raw)
    assert read_summary_results(results)[0] == dataclasses.replace(AS_IT_IS, schema_version="1.0")
    write_json(results / "summaries" / FILE, raw | {"schema_version": "1.9", "more": 1})
    assert vars(read_summary_results(results)[0])["more"] == 1
    for broken in ({}, raw | {"scores": [{}]}, raw | {"seed": "1"}, raw | {"schema_version": "2.0"}):
        write_json(results / "summaries" / FILE, broken)
        with pytest.raises(BioPawsError, match=r"summaries.json: not a result of bio-paws summarize"):
            read_summary_results(results)


def test_the_report_has_a_chapter_of_them(results: Path, tmp_path: Path) -> None:
    write_baseline(results, "majority", "baseline", task("dna150"), 0.5)
    write_report(results, tmp_path / "report")
    text, page = ((tmp_path / "report" / name).read_text() for name in ("report.md", "report.html"))
    for table in tables_of([AS_IT_IS, TAUGHT]):
        assert markdown(table) in text
        assert markdown_paragraph(table.note) in text
        assert (tmp_path / f"report/tables/{table.name}.tex").is_file()
    assert "Section 4.2: summaries of genes" in page
    assert "tiny, fine-tuned on docstrings" in page
