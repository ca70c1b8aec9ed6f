"""The control matrix of the transfer claim: one model trained in several ways, each against each.

If paraphrases teach what homology needs, the model that learnt them must beat itself with shuffled labels, after
brackets, from random weights and untuned; the distance to the model that learnt the config itself is what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.report.comparisons import Compared
from bio_paws_eval.report.score_text import MISSING, accuracy, interval
from bio_paws_eval.report.systems import System, config_names
from bio_paws_eval.stats.significance import SIGNIFICANT, holm
from bio_paws_eval.tasks.registry import pawsx

_ITSELF = "the config that is asked"


@dataclass(frozen=True)
class Role:
    """A way to train: what tables call it, on what, with which control."""

    name: str
    on: str
    control: str = "none"


ROLES = (
    Role("PAWS-X", pawsx("en")),
    Role("shuffled labels", pawsx("en"), "shuffled-labels"),
    Role("brackets", "dyck"),
    Role("random weights", pawsx("en"), "random-init"),
    Role("untuned", "none", "untuned"),
    Role("itself", _ITSELF),
)
"""Rows and columns of the matrix."""


def control_matrix(systems: Sequence[System], compared: Sequence[Compared]) -> Table:
    """Lay out each model's trainings against each other, config by config.

    Parameters
    ----------
    systems : sequence of System
        As `systems.group` returns them.
    compared : sequence of Compared
        As `comparisons.compare_all` returns them for these.
    """
    by_names = {(comparison.task, comparison.first, comparison.second): comparison for comparison in compared}
    # In the order of the systems, as the comparisons are.
    matrices = [
        (model, task, by_role)
        for model in dict.fromkeys(system.weights for system in systems)
        for task in config_names()
        if len(by_role := _in_roles([system for system in systems if system.weights == model], task)) > 1
    ]
    pairs = [
        by_names[key]
        for _, task, by_role in matrices
        for first, second in combinations(sorted(by_role.values(), key=systems.index), 2)
        if (key := (task, first.name, second.name)) in by_names
    ]
    corrected = dict(zip(pairs, holm([pair.comparison.p_value for pair in pairs]), strict=True))
    cells = {}
    for comparison, p in corrected.items():
        sure = p < SIGNIFICANT and comparison.comparison.low * comparison.comparison.high > 0
        cells[comparison.task, comparison.first, comparison.second] = _cell(comparison, 1, sure)
        cells[comparison.task, comparison.second, comparison.first] = _cell(comparison, -1, sure)

    def row(task: str, role: Role, by_role: dict[Role, System]) -> Row:
        system = by_role[role]
        against = [
            cells.get((task, system.name, by_role[column].name), MISSING) if column in by_role else MISSING
            for column in ROLES
        ]
        return (system.model.id, task, role.name, accuracy(system.results[task]), *against)

    return Table(
        "controls",
        "Control matrix",
        text_frame(
            ("model", "config", "trained on", "accuracy", *(f"less {role.name}" for role in ROLES)),
            ([row(task, role, by_role) for role in ROLES if role in by_role] for _, task, by_role in matrices),
        ),
        labels=3,
        note="Each cell: mean accuracy of the row less that of the column, beneath it the 95% interval by paired "
        "bootstrap over seeds and groups. *: the interval leaves out 0, and the p-value of the same resamples is "
        f"significant ({SIGNIFICANT:g}) after Holm's correction for all {len(pairs)} comparisons of this table. "
        "Trained on: paraphrases (PAWS-X, English); the same with permuted labels; bracket strings; paraphrases "
        "from random weights; nothing; the config itself. Of several systems in one place the one with most seeds "
        "stands here.",
    )


def _in_roles(systems: Sequence[System], task: str) -> dict[Role, System]:
    """Find who plays which role on a task; the first with most seeds where several do."""
    by_role = {}
    for role in ROLES:
        on = task if role.on == _ITSELF else role.on
        trained = [
            system
            for system in systems
            if (system.training.on, system.training.control) == (on, role.control)
            and system.training.of_all_pairs
            and task in system.scored
        ]
        if trained:
            by_role[role] = max(trained, key=lambda system: system.results[task].summary.seeds)
    return by_role


def _cell(comparison: Compared, sign: int, sure: bool) -> str:
    low, high = sorted((sign * comparison.comparison.low, sign * comparison.comparison.high))
    return f"{sign * comparison.comparison.difference:+z.3f}{' *' if sure else ''}\n{interval(low, high)}"
