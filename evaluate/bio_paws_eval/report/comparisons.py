"""Systems against each other, on the pairs that both answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from bio_paws.errors import DataError
from bio_paws.execution.progress import progress
from bio_paws_eval.report.systems import System, TaskResult, tasks_of
from bio_paws_eval.stats.significance import AnswerComparison, compare, holm
from bio_paws_eval.tasks.registry import is_biopaws


@dataclass(frozen=True)
class Compared:
    """Two systems on one task.

    Attributes
    ----------
    task, first, second : str
        Names.
    seeds : tuple of int
        Seed of each whose pairs are set side by side.
    comparison : AnswerComparison
        What came out.
    corrected : float
        P-value after Holm's correction for all comparisons of the report.
    """

    task: str
    first: str
    second: str
    seeds: tuple[int, int]
    comparison: AnswerComparison
    corrected: float


def compare_all(systems: Sequence[System]) -> list[Compared]:
    """Compare each two systems of one model, or of one training, on each task that both answered the same pairs of.

    Two that differ in both would tell nothing of either.
    """
    todo = [
        (task, first, second)
        for task in tasks_of(systems, scored=True)
        for first, second in combinations([system for system in systems if task in system.scored], 2)
        if (first.weights == second.weights or first.training.name == second.training.name)
        and pairs_key(first.results[task]) == pairs_key(second.results[task])
    ]
    compared = [_compare(*pair) for pair in progress(todo, desc="compare", unit="pair")]
    corrected = holm([comparison.comparison.p_value for comparison in compared])
    return [replace(comparison, corrected=p) for comparison, p in zip(compared, corrected, strict=True)]


def _compare(task: str, first: System, second: System) -> Compared:
    cell1, cell2 = first.results[task], second.results[task]
    if list(cell1.pair_ids) != list(cell2.pair_ids):
        raise DataError(
            f"{task}: {first.name} and {second.name} claim the same pairs, but their predictions name others: run again"
        )
    seeds = tuple(cell.seed_results[cell.chosen].training.seed for cell in (cell1, cell2))
    comparison = compare(cell1.scored_pairs, cell2.scored_pairs, cell1.chosen, cell2.chosen)
    return Compared(task, first.name, second.name, (seeds[0], seeds[1]), comparison, comparison.p_value)


def pairs_key(cell: TaskResult) -> tuple[str, str]:
    """What two cells must share to be compared: their pairs, and the major version of bioPAWS."""
    task = cell.task
    return task.content_sha256, task.version.split(".", maxsplit=1)[0] if is_biopaws(task.name) else ""
