"""What counts as transfer: a score after another task, above the best baseline and above three controls.

A score after fine-tuning on another task counts where that task was learnt, and where it lies above the best baseline,
above the same model untuned, from random weights, and fine-tuned on shuffled labels; each difference by its interval
and by a test of the same resamples with Holm's correction. It is judged twice: by accuracy, for which the threshold
that the source left behind decides, and by the area under the ROC curve, for which the order of the pairs does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bio_paws_eval.report.comparisons import pairs_key
from bio_paws_eval.report.systems import Grouped, System, TaskResult, config_names
from bio_paws_eval.stats.seeds import SeedSummary
from bio_paws_eval.stats.significance import SIGNIFICANT, Comparison, compare, compare_areas, holm

CONTROLS = ("shuffled-labels", "random-init", "untuned")
"""Controls that a transfer must beat; the same model, on the same source where it is trained."""


@dataclass(frozen=True)
class Measure:
    """A score that transfer is judged by.

    Attributes
    ----------
    name : str
        What texts call it.
    summary : callable
        Returns the score of a result over seeds; None where it is not defined.
    compare : callable
        Compares two results on the same pairs.
    """

    name: str
    summary: Callable[[TaskResult], SeedSummary | None]
    compare: Callable[[TaskResult, TaskResult], Comparison]

    def mean(self, result: TaskResult) -> float:
        """Return the mean over seeds; nan where it is not defined."""
        summary = self.summary(result)
        return float("nan") if summary is None else summary.mean


ACCURACY = Measure(
    "accuracy",
    lambda result: result.summary,
    lambda first, second: compare(first.scored_pairs, second.scored_pairs, first.chosen, second.chosen),
)
AUROC = Measure(
    "AUROC",
    lambda result: result.area_summary,
    lambda first, second: compare_areas(first.ranked_pairs, second.ranked_pairs),
)
MEASURES = (ACCURACY, AUROC)


@dataclass(frozen=True)
class Difference:
    """A (model, task) result against another.

    Attributes
    ----------
    against : str
        "baseline", or one of `CONTROLS`.
    system : System
        The other.
    comparison : Comparison
        What came out.
    corrected : float
        P-value after Holm's correction for all differences that a claim may rest on; 1 for all others.
    """

    against: str
    system: System
    comparison: Comparison
    corrected: float = 1.0

    @property
    def above(self) -> bool:
        """Whether the first is significantly better."""
        return self.comparison.low > 0 and self.corrected < SIGNIFICANT


@dataclass(frozen=True)
class Transfer:
    """A model that was fine-tuned on one task, on a config of bioPAWS.

    Attributes
    ----------
    system : System
        The model and its training.
    task : str
        The config.
    measure : Measure
        What it is judged by.
    differences : dict of str to Difference
        By what it is compared with; without what there is no result of.
    """

    system: System
    task: str
    measure: Measure
    differences: dict[str, Difference]

    @property
    def result(self) -> TaskResult:
        """The result that is judged."""
        return self.system.results[self.task]

    @property
    def mean(self) -> float:
        """Its score, mean over seeds."""
        return self.measure.mean(self.result)

    @property
    def counts(self) -> bool:
        """Whether a claim may rest on it: the source was learnt, the pairs are complete."""
        return self.result.source_learnt is True and self.result.in_means and not self.result.limited

    @cached_property
    def missing(self) -> list[str]:
        """What it should be compared with and is not."""
        return [name for name in ("baseline", *CONTROLS) if name not in self.differences]

    @property
    def above_controls(self) -> bool:
        """Whether it counts and is above every control: what was taught is of use, though k-mers may do better."""
        return self.counts and all(name in self.differences and self.differences[name].above for name in CONTROLS)

    @property
    def transfers(self) -> bool:
        """Whether it counts and is above the best baseline and every control."""
        return self.counts and not self.missing and all(difference.above for difference in self.differences.values())

    @property
    def verdict(self) -> str:
        """What can be said of it."""
        learnt = self.result.source_learnt
        if learnt is None:
            return "not known whether the source was learnt"
        if not learnt:
            return "source not learnt"
        if not self.counts:
            return "cut pairs: no claim"
        below = [_NAMES[name] for name, difference in self.differences.items() if not difference.above]
        if below == [_NAMES["baseline"]] and self.above_controls:
            return "above all controls, not above the best baseline"
        if below:
            return f"no transfer shown: not above {'; '.join(below)}"
        if self.missing:
            return f"open: no result of {'; '.join(_NAMES[name] for name in self.missing)}"
        return "transfers"


_NAMES = {
    "baseline": "the best baseline",
    "shuffled-labels": "shuffled labels",
    "random-init": "random weights",
    "untuned": "the untuned model",
}


def judge_transfers(grouped: Grouped) -> list[Transfer]:
    """Compare every model that was fine-tuned on another task with the best baseline and with its controls.

    Returns
    -------
    list of Transfer
        One for each of `MEASURES` that is defined, model and config. Holm's correction is for all of them together on
        which a claim may rest: what is left out of claims must not raise the bar for those that are made.
    """
    transfers = [
        Transfer(system, task, measure, _differences(system, task, measure, grouped))
        for measure in MEASURES
        for task in config_names()
        for system in grouped.systems
        if task in system.scored and system.training.is_plain and system.training.on not in {"none", task}
        if measure.summary(system.results[task]) is not None
    ]
    claims = [transfer for transfer in transfers if transfer.counts]
    tests = [difference.comparison.p_value for transfer in claims for difference in transfer.differences.values()]
    corrected = iter(holm(tests))
    return [
        replace(
            transfer,
            differences={
                name: replace(difference, corrected=next(corrected))
                for name, difference in transfer.differences.items()
            },
        )
        if transfer.counts
        else transfer
        for transfer in transfers
    ]


def _differences(system: System, task: str, measure: Measure, grouped: Grouped) -> dict[str, Difference]:
    rivals = {"baseline": best_of(grouped.baselines, task, "baseline", measure)}
    for control in CONTROLS:
        rivals[control] = _control_of(system, task, control, grouped.systems)
    result = system.results[task]
    differences = {}
    for name, rival in rivals.items():
        if rival is not None and pairs_key(rival.results[task]) == pairs_key(result):
            differences[name] = Difference(name, rival, measure.compare(result, rival.results[task]))
    return differences


def _control_of(system: System, task: str, control: str, systems: Sequence[System]) -> System | None:
    on = "none" if control == "untuned" else system.training.on
    matching = [
        rival
        for rival in systems
        if rival.weights == system.weights
        and (rival.training.on, rival.training.control) == (on, control)
        and rival.training.of_all_pairs
        and task in rival.scored
    ]
    return max(matching, key=lambda rival: rival.results[task].summary.seeds, default=None)


def best_of(baselines: Sequence[System], task: str, method: str, measure: Measure = ACCURACY) -> System | None:
    """Return the baseline, or the upper bound, with the highest score on a task."""
    scored = [system for system in baselines if system.method == method and task in system.scored]
    scored = [system for system in scored if measure.summary(system.scored[task]) is not None]
    return max(scored, key=lambda system: measure.mean(system.scored[task]), default=None)
