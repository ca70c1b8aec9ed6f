"""The paper's numbers beside ours, result by result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.report.score_text import MISSING, decimal, interval, marks
from bio_paws_eval.report.systems import System

_NOTE = (
    "Accuracy; ours is the mean over seeds. Outside: the paper's number lies outside our 95% interval over seeds and "
    "groups. That alone refutes neither: the paper's pairs of sequences are others, made by a similarity that is not "
    "recorded, and its single numbers are those of the seed that is best on the test. Our best such seed, which nobody "
    "could have chosen, stands beside them for that."
)


@dataclass(frozen=True)
class PaperNumber:
    """An accuracy that the paper states.

    Attributes
    ----------
    model : str
        As the paper calls it.
    names : tuple of str
        Names of that model on the Hub, without their owners, or of the recipes that pre-train it.
    trained_on, task : str
        What it was trained on and tested on.
    value : float
        The accuracy.
    spread : str
        Standard deviation and range over seeds, where they are stated.
    """

    model: str
    names: tuple[str, ...]
    trained_on: str
    task: str
    value: float
    spread: str = ""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper, or the numbers of its figures.

    Attributes
    ----------
    name : str
        That of the bundled plan which fills it.
    source : str
        What the paper calls it.
    numbers : tuple of PaperNumber
        Row by row.
    note : str
        What a reader must know, such as where the paper contradicts itself.
    """

    name: str
    source: str
    numbers: tuple[PaperNumber, ...]
    note: str = ""


@cache
def read_paper() -> tuple[PaperTable, ...]:
    """Return all tables of ``paper.yaml``."""
    raw = yaml.safe_load(resources.files("bio_paws_eval.report").joinpath("paper.yaml").read_text(encoding="utf-8"))
    return tuple(
        PaperTable(
            table["name"],
            table["source"],
            tuple(
                PaperNumber(
                    *(row["model"], tuple(raw["models"][row["model"]]), row["trained_on"], task),
                    *(number if isinstance(number, list) else [number]),
                )
                for row in table["rows"]
                for task, number in zip(table["tasks"], row["accuracy"], strict=True)
            ),
            table.get("note", ""),
        )
        for table in raw["tables"]
    )


def paper_tables(systems: Sequence[System]) -> list[Table]:
    """Lay out the paper's numbers on the models that were evaluated, a table for each of the paper's."""
    tables = []
    for table in read_paper():
        groups = [[_row(system, number) for number in _numbers_of(system, table)] for system in systems]
        if any(groups):
            tables.append(_table(table, [group for group in groups if group]))
    return tables


def _numbers_of(system: System, table: PaperTable) -> list[PaperNumber]:
    """List what a table states of a system."""
    if not system.training.is_plain:
        return []
    name = system.model.id.rsplit("/", 1)[-1]
    return [number for number in table.numbers if name in number.names and number.trained_on == system.training.on]


def _row(system: System, number: PaperNumber) -> Row:
    result = system.scored.get(number.task)
    paper = f"{number.value:.3f}" + (f"\n{number.spread}" if number.spread else "")
    if result is None:
        return (system.name, number.task, paper, *[MISSING] * 6)
    ours = result.summary
    side = "below" if number.value < ours.low else "above" if number.value > ours.high else ""
    return (
        *(system.name, number.task, paper, f"{decimal(ours.mean)}{marks(result)}", decimal(ours.sd)),
        *(interval(ours.low, ours.high), str(ours.seeds), decimal(ours.oracle)),
        f"outside: {side} ours" if side else "inside",
    )


def _table(table: PaperTable, groups: Sequence[Sequence[Row]]) -> Table:
    return Table(
        f"paper-{table.name}",
        f"The paper's numbers beside ours: {table.source}",
        text_frame(
            ("system", "task", "paper", "ours", "sd", "95% interval", "seeds", "our best seed", "the paper's"), groups
        ),
        labels=2,
        note=" ".join(filter(None, (_NOTE, table.note))),
    )
