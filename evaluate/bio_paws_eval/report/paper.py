"""The paper's numbers beside ours, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.report.score_text import MISSING, decimal, interval, marks
from bio_paws_eval.report.systems import System


@dataclass(frozen=True)
class PaperNumber:
    """An accuracy that the paper states.

    Attributes
    ----------
    table : str
        Name of ours that shows it.
    source : str
        Where the paper has it.
    model : str
        As the paper calls it.
    names : tuple of str
        Names of that model on the Hub, without their owners.
    trained_on, task : str
        What it was trained on, and asked.
    value : float
        The accuracy.
    spread : str
        Standard deviation and range over seeds, where they are stated.
    """

    table: str
    source: str
    model: str
    names: tuple[str, ...]
    trained_on: str
    task: str
    value: float
    spread: str = ""


@cache
def paper_numbers() -> tuple[PaperNumber, ...]:
    """Return all numbers of ``paper.yaml``, which says where each is from."""
    raw = yaml.safe_load(resources.files("bio_paws_eval.report").joinpath("paper.yaml").read_text(encoding="utf-8"))
    return tuple(
        PaperNumber(
            *(table["name"], table["source"], model, tuple(raw["models"][model]), table["trained_on"], task),
            *(number if isinstance(number, list) else [number]),
        )
        for table in raw["tables"]
        for model, numbers in table["accuracy"].items()
        for task, number in numbers.items()
    )


def paper_tables(systems: Sequence[System]) -> list[Table]:
    """Lay out the paper's numbers on the models that were evaluated, a table for each of the paper's."""
    rows: dict[tuple[str, str], list[tuple[Row, ...]]] = {}
    for name, source, trained_on in dict.fromkeys((one.table, one.source, one.trained_on) for one in paper_numbers()):
        for system in systems:
            if (system.training.on, system.training.control) == (trained_on, "none"):
                found = tuple(
                    _row(system, number)
                    for number in paper_numbers()
                    if number.table == name and system.model.id.rsplit("/", 1)[-1] in number.names
                )
                rows.setdefault((name, source), []).append(found)
    return [_table(name, source, tuple(groups)) for (name, source), groups in rows.items()]


def _row(system: System, number: PaperNumber) -> Row:
    cell = system.scored.get(number.task)
    paper = f"{number.value:.3f}" + (f"\n{number.spread}" if number.spread else "")
    if cell is None:
        return (system.name, number.task, paper, *[MISSING] * 6)
    ours = cell.summary
    side = "below" if number.value < ours.low else "above" if number.value > ours.high else ""
    return (
        *(system.name, number.task, paper, f"{decimal(ours.mean)}{marks(cell)}", decimal(ours.sd)),
        *(interval(ours.low, ours.high), str(ours.seeds), decimal(ours.oracle)),
        f"outside: {side} ours" if side else "inside",
    )


def _table(name: str, source: str, groups: tuple[tuple[Row, ...], ...]) -> Table:
    return Table(
        f"paper-{name}",
        f"The paper's numbers beside ours: {source}",
        text_frame(
            ("system", "task", "paper", "ours", "sd", "95% interval", "seeds", "our best seed", "the paper's"), groups
        ),
        labels=2,
        note="Accuracy; ours is the mean over seeds. Outside: the paper's number lies outside our 95% interval over "
        "seeds and pairs. That alone refutes neither: the paper's pairs of sequences are others, made by a similarity "
        "that is not recorded, and its single numbers are those of the seed that is best on the test. Our best such "
        "seed, which nobody could have chosen, stands beside them for that.",
    )
