"""Text of data in Markdown, LaTeX and CSV: shown as it is, never read as markup and never computed."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bio_paws.dataset.card import render_files
from bio_paws_cards.markdown import escape_markdown, markdown_paragraph
from bio_paws_eval.layout.tables import Table, latex, markdown, text_frame
from bio_paws_eval.report.writer import write_report
from evaluation_results import GPT2, encoding, task, training, write_baseline, write_cell

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = '=HYPERLINK("http://evil") <img src=x onerror=alert(1)> [a](http://evil) **b** `c` | d\n# e & f&lt; \\end{x}'


def shown(text: str) -> str:
    """The text that a page shows of Markdown which holds no markup."""
    kinds = {token.type for token in PARSER.parse(text)}
    assert kinds <= {"paragraph_open", "inline", "paragraph_close"}, kinds
    parts = [child for token in PARSER.parse(text) for child in token.children or ()]
    assert {part.type for part in parts} <= {"text", "text_special"}, parts
    return "".join(part.content for part in parts)


@given(st.text(st.sampled_from("ab 1.)\n[](){}<>*_`~|#&;!:-+=\\x")))
@example("[a [b] c](http://d)")
@example("![a](b)")
@example("<http://a>")
@example("&amp; &#35; &x;")
@example("[a]: http://b")
@example("1) a")
@example("    code")
@example("~~~ a")
@example("__a__ _b_ ~~c~~")
def test_no_text_is_markup(text: str) -> None:
    assert shown(markdown_paragraph(text)) == " ".join(text.split())


def test_plain_text_stays_as_it_is() -> None:
    for text in ("Escherichia coli K-12", "GCF_000146045.2", "dna150_paws: 0.5 [0.4, 0.6]", "R64 (1 + 2) & 3; 5 > 4"):
        assert escape_markdown(text) == markdown_paragraph(text) == text


def test_a_table_of_hostile_text_has_its_rows_and_columns() -> None:
    table = Table(
        "t", HOSTILE, text_frame(["a", HOSTILE], [[(HOSTILE.replace("\n", " "), "1"), ("x", "2")]]), note=HOSTILE
    )
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(table))
    assert [token.type for token in tokens].count("td_open") == 4
    inline = [child.type for token in tokens for child in token.children or ()]
    assert set(inline) <= {"text", "text_special"}
    comments = [line for line in latex(table).splitlines() if line.startswith("%")]
    assert len(comments) == 3


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    model = replace(GPT2, id=HOSTILE)
    for seed in (0, 1):
        write_cell(folder / "results", model, training(seed), task("dna150"), 0.8, encoding(), note=HOSTILE)
    write_baseline(folder / "results", "=1+1", "baseline", task("dna150"), 0.5)
    write_report(folder / "results", folder / "report")
    return folder / "report"


def test_a_report_shows_hostile_names_as_text(hostile_report: Path) -> None:
    page = (hostile_report / "report.md").read_text()
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    children = [child for token in tokens for child in token.children or ()]
    links = [
        child.attrs.get("src") or child.attrs.get("href") for child in children if child.type in {"image", "link_open"}
    ]
    assert all(str(link).startswith("figures/") for link in links)
    assert not {token.type for token in [*tokens, *children]} & {"html_block", "html_inline", "strong_open"}
    assert "onerror" in page
    answer = MarkdownIt("commonmark").parse((hostile_report / "answer.md").read_text())
    assert not {child.type for token in answer for child in token.children or ()} & {"html_inline", "link_open"}
    for name in ("report.html", "leaderboard.html"):
        assert "<img src=x" not in (hostile_report / name).read_text()


def test_no_cell_of_a_csv_file_is_computed(hostile_report: Path) -> None:
    for path in hostile_report.glob("*.csv"):
        rows = list(csv.reader(io.StringIO(path.read_text())))
        cells = [cell for row in rows for cell in row]
        assert not [cell for cell in cells if re.match(r"[=+@\t\r]|-[^\d]", cell) and len(cell) > 1]
    assert "'=1+1" in (hostile_report / "results.csv").read_text()


def test_a_card_shows_hostile_names_as_text(built: Path) -> None:
    from bio_paws.dataset.manifest import read_manifest

    manifest = read_manifest(built)
    source = manifest.sources[0]
    hostile = source.model_copy(
        update={"organisms": [HOSTILE], "name": HOSTILE, "origin": HOSTILE, "accession": HOSTILE}
    )
    hostile.files[0].name = HOSTILE
    files = render_files(built, manifest.model_copy(update={"sources": [hostile]}))
    for name in ("README.md", "BUILD.md"):
        tokens = MarkdownIt("commonmark").enable("table").parse(files[name].decode().split("---\n", 2)[-1])
        children = [child for token in tokens for child in token.children or ()]
        assert not {token.type for token in [*tokens, *children]} & {"html_block", "html_inline"}
        assert not [child for child in children if "evil" in str(child.attrs)]
