"""Seeds on French and on DNA: how far each spreads, and whether a seed that is good at one is good at the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr

from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.report.score_text import decimal, interval, p_value
from bio_paws_eval.report.systems import System
from bio_paws_eval.tasks.registry import pawsx

TASKS = (pawsx("fr"), "dna150")
"""What is set side by side, as in the paper."""

FEWEST = 5
"""Seeds of a system, at least: of fewer, the interval of a correlation is all there is from -1 to 1."""


@dataclass(frozen=True, eq=False)
class SeedStudy:
    """One system's seeds on both tasks.

    Attributes
    ----------
    system : str
        Its name.
    accuracies : tuple of ndarray, each shape=(seeds,), dtype=float64
        On each of `TASKS`, in the same order of seeds.
    correlation, low, high : float
        Pearson's correlation, and its 95% interval by Fisher's transformation.
    p_value : float
        Of no correlation.
    """

    system: str
    accuracies: tuple[NDArray[np.float64], NDArray[np.float64]]
    correlation: float
    low: float
    high: float
    p_value: float


def study_seeds(systems: Sequence[System]) -> list[SeedStudy]:
    """Study all systems but controls that have at least `FEWEST` seeds on both tasks, not all alike."""
    studies = []
    for system in systems:
        if not system.training.is_plain or not set(TASKS) <= set(system.scored):
            continue
        by_seed = []
        for task in TASKS:
            cell = system.results[task]
            seeds = [result.training.seed for result in cell.seed_results]
            by_seed.append(dict(zip(seeds, cell.correct.mean(axis=1).tolist(), strict=True)))
        both = sorted(set(by_seed[0]) & set(by_seed[1]))
        first, second = (np.array([accuracies[seed] for seed in both]) for accuracies in by_seed)
        if len(both) >= FEWEST and np.ptp(first) > 0 and np.ptp(second) > 0:
            test = pearsonr(first, second)
            ends = test.confidence_interval()
            studies.append(
                SeedStudy(
                    system.name,
                    (first, second),
                    *map(float, (test.statistic, ends.low, ends.high, test.pvalue)),
                )
            )
    return studies


def seed_table(studies: Sequence[SeedStudy]) -> Table:
    """Lay out the studies: a row a system."""

    def row(study: SeedStudy) -> Row:
        spreads = [
            f"{values.mean():.3f} ± {values.std(ddof=1):.3f}\n{values.min():.3f} to {values.max():.3f}"
            for values in study.accuracies
        ]
        seeds = str(len(study.accuracies[0]))
        return (
            study.system,
            seeds,
            *spreads,
            decimal(study.correlation),
            interval(study.low, study.high),
            p_value(study.p_value),
        )

    return Table(
        "seed-study",
        "French beside DNA, seed by seed",
        text_frame(("system", "seeds", *TASKS, "correlation", "95% interval", "p"), [map(row, studies)]),
        note="Mean, standard deviation and range of the accuracies of the seeds; Pearson's correlation between the "
        "two, its interval by Fisher's transformation. Were it one ability that carries over to both, seeds that are "
        "good at one would be good at the other.",
    )
