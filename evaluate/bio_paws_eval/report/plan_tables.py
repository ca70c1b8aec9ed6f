"""A table for each bundled plan that is a table of the paper and not yet one of the main two."""

from __future__ import annotations

from collections.abc import Sequence

from bio_paws_eval.layout.tables import Table, text_frame
from bio_paws_eval.report.score_text import accuracy
from bio_paws_eval.report.systems import System
from bio_paws_eval.sweep.plan import Plan, read_plan

PLANS = ("table4", "table5", "table6", "table7", "length")
"""Plans whose systems are set side by side."""

_OF_ANY_MODEL = ("length",)
"""Plans that ask something of the pairs, not of their models."""


def plan_tables(systems: Sequence[System]) -> list[Table]:
    """Lay out, for each of `PLANS`, the systems that it names, in its order; nothing where there are fewer than two.

    The small version of a recipe stands for the recipe.
    """
    tables = []
    for name in PLANS:
        plan = read_plan(name)
        places = {place: i for i, place in enumerate(_named(plan))}
        rank = {system: places.get(_place(system, any_model=name in _OF_ANY_MODEL), -1) for system in systems}
        rows = sorted((system for system in systems if rank[system] >= 0), key=lambda system: rank[system])
        if len(rows) < 2:
            continue
        tasks = dict.fromkeys(task for grid in plan.grids for task in grid.configs or ())
        columns = [task for task in tasks if any(task in row.results for row in rows)]
        tables.append(
            Table(
                f"plan-{name}",
                f"Accuracy on what the plan {name} asks",
                text_frame(
                    ("system", "parameters", *columns),
                    [
                        [
                            (
                                system.name,
                                f"{system.model.parameters:,}",
                                *(accuracy(system.results.get(task)) for task in columns),
                            )
                            for system in rows
                        ]
                    ],
                ),
                note="Accuracy: mean and standard deviation over n seeds; in brackets the 95% interval over seeds and "
                f"groups. bio-paws sweep {name} runs what is missing.",
            )
        )
    return tables


def _named(plan: Plan) -> list[tuple[str, str, str, str]]:
    """List model, task trained on, control and method of all systems of a plan; an empty model stands for any."""
    return [
        (model, "none" if control == "untuned" else on, control, grid.method)
        for grid in plan.grids
        for planned in grid.models
        for on in grid.train_on
        for control in grid.controls
        for model in (_last(planned.name), *([f"{planned.pretrain}-tiny"] if planned.pretrain else []), "")
    ]


def _place(system: System, *, any_model: bool) -> tuple[str, str, str, str]:
    training = system.training
    return "" if any_model else _last(system.model.id), training.on, training.control, training.method


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
