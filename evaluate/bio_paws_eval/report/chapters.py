"""What stands where in a report: a chapter for each part of the paper, then what the paper has not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bio_paws_eval.layout.tables import Table
from bio_paws_eval.sweep.plan import read_plan

if TYPE_CHECKING:
    from bio_paws_eval.layout.drawing import Drawing

_PLANS: dict[str, tuple[str, ...]] = {
    "table1": ("paper-table1",),
    "table3": ("paper-table3",),
    "table4": ("plan-table4", "paper-table4"),
    "table5": ("plan-table5", "paper-table5"),
    "table6": ("plan-table6", "paper-table6"),
    "table7": ("plan-table7", "paper-table7"),
    "length": ("plan-length",),
    "seeds": ("figure-seeds", "figure-seed-study", "seed-study", "paper-seeds", "seeds"),
    "controls": ("controls",),
}
"""Chapters that are called as the bundled plan that fills them, and the tables and figures of each."""

_ANSWER = {
    "The answer": ("against-reference", "figure-forest", "figure-forest-auroc", "answers", "answers-auroc", "sources")
}

_SYSTEMS = {"Every model, on bioPAWS and on PAWS-X": ("configs", "languages")}
"""Whatever they were trained on; the tables of the paper are of models that were trained on one language."""

_VECTORS = "vectors"
"""The plan whose title heads the vectors of all plans."""

_OTHERS: dict[str, tuple[str, ...]] = {
    "Section 4.2: summaries of genes": ("summaries", "summaries-english"),
    "Similarity, kinds of pairs, other strands": (
        "figure-similarity-bins",
        "similarity-bins",
        "pair-types",
        "consistency",
    ),
    "Few pairs to learn from": ("figure-few-shot",),
    "Baselines and upper bounds": ("baselines",),
}

_REST = "All numbers"


@dataclass(frozen=True)
class Chapter:
    """A part of a report.

    Attributes
    ----------
    title : str
        Its heading.
    items : tuple of Table or Drawing
        What stands under it.
    place : {"opening", "paper", "folded"}
        First on the page, unfolded, or folded.
    """

    title: str
    items: tuple[Table | Drawing, ...]
    place: Literal["opening", "paper", "folded"] = "folded"


def chapters_of(
    tables: Sequence[Table], drawings: Sequence[Drawing], vectors: Sequence[Table | Drawing]
) -> list[Chapter]:
    """Sort tables and figures into chapters; those of no chapter make the last. Chapters without any are left out.

    Parameters
    ----------
    tables, drawings : sequence of Table, of Drawing
        Of evaluations.
    vectors : sequence of Table or Drawing
        Of vectors, in their order.
    """
    named: dict[str, Table | Drawing] = {table.name: table for table in tables}
    named |= {f"figure-{drawing.name}": drawing for drawing in drawings}
    of_paper = {read_plan(name).title: names for name, names in _PLANS.items()}
    titles = _ANSWER | _SYSTEMS | of_paper | _OTHERS
    placed = {name for names in titles.values() for name in names}
    titles[_REST] = tuple(name for name in named if name not in placed)
    chapters = [
        Chapter(
            title,
            tuple(named[name] for name in names if name in named),
            "opening" if title in _ANSWER else "paper" if title in of_paper | _SYSTEMS else "folded",
        )
        for title, names in titles.items()
    ]
    chapters.insert(len(_ANSWER | _SYSTEMS | _PLANS), Chapter(read_plan(_VECTORS).title, tuple(vectors)))
    return [chapter for chapter in chapters if chapter.items]
