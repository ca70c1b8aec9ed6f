"""What a report is about: systems, and the result of each on each task over all seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from bio_paws import configs
from bio_paws_eval.results import Encoding, Method, Model, Result, Task, Training
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.intervals import UNDEFINED, Interval, share, with_interval, worth_of
from bio_paws_eval.stats.resampling import (
    RankedPairs,
    ScoredPairs,
    mean_over_seeds,
    resampled_rates,
    with_constants_varied,
)
from bio_paws_eval.stats.seeds import SeedSummary, best_on_dev, summarise_areas, summarise_seeds
from bio_paws_eval.tasks.registry import LANGUAGES, pawsx

Entry = tuple[Path, Result]


@dataclass(frozen=True)
class PairTypeSummary:
    """A system's predictions of the pairs of one pair type, over seeds.

    Attributes
    ----------
    label : int
        The label that pairs of this type have.
    n, seeds : int
        Pairs, and seeds that predicted them.
    predicted_positive_rate : dict
        Proportion that was predicted to be similar, as `intervals.share` returns it.
    accuracy : float
        Mean of the proportions of its pairs, and of the pairs of the opposite label, that were predicted rightly; nan
        where there are no such pairs.
    auroc : float or None
        Its pairs against all pairs of the opposite label, mean over seeds.
    """

    label: int
    n: int
    seeds: int
    predicted_positive_rate: dict[str, float | None]
    accuracy: float
    auroc: float | None


@dataclass(frozen=True, eq=False)
class TaskResult:
    """The result of a system on a task, over seeds.

    Attributes
    ----------
    seed_results : tuple of Result
        One per seed, in the order of seeds: all scored, or all refused.
    pair_ids : ndarray, shape=(pairs,), dtype=object
        Ids of the pairs, sorted; empty for a refused result.
    scored_pairs : ScoredPairs
        Which pairs each seed predicted rightly, and their groups, in the order of `pair_ids`.
    ranked_pairs : RankedPairs
        How high each seed ranks the pairs, in the same order.
    summary : SeedSummary
        Accuracy over seeds; of no seeds for a refused result.
    """

    seed_results: tuple[Result, ...]
    pair_ids: NDArray[np.object_]
    scored_pairs: ScoredPairs
    ranked_pairs: RankedPairs
    summary: SeedSummary

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which pairs each seed predicted rightly: shape (seeds, pairs)."""
        return self.scored_pairs.correct

    @property
    def groups(self) -> PairGroups:
        """What its intervals resample."""
        return self.scored_pairs.groups

    @property
    def task(self) -> Task:
        """The pairs that were predicted; the same for all seeds."""
        return self.seed_results[0].task

    @property
    def scored(self) -> bool:
        """Whether there is a score."""
        return self.seed_results[0].status == "scored"

    @property
    def limited(self) -> bool:
        """Whether `--limit` left out rows of any seed."""
        return not all(result.comparable for result in self.seed_results)

    @property
    def dev_accuracy(self) -> Interval | None:
        """Accuracy on the development split of the training, over seeds, as `share` returns it; None where not known.

        Where a result tells no number of pairs, as before schema 2.1, it has no interval; where it does not tell their
        groups, as before 2.4, each pair counts as one (`dev_groups`).
        """
        trainings = [result.training for result in self.seed_results]
        known = [training.dev_accuracy for training in trainings if training.dev_accuracy is not None]
        if len(known) < len(trainings):
            return None
        pairs = trainings[0].dev_pairs
        if not pairs:
            return {"value": float(np.mean(known)), "low": None, "high": None}
        worth = [worth_of(training.dev_sampling) for training in trainings if training.dev_sampling]
        return share([round(accuracy * pairs) for accuracy in known], pairs, float(np.mean(worth)) if worth else None)

    @property
    def dev_groups(self) -> str:
        """What the interval of `dev_accuracy` resamples, as in ``13 homology groups``; "" where that is not known."""
        sampling = self.seed_results[0].training.dev_sampling
        return f"{sampling['groups']:,} {sampling['unit']}" if sampling else ""

    @property
    def source_learnt(self) -> bool | None:
        """Whether the task that was trained on was learnt: better on dev than its commoner label.

        None where that is not known: nothing was trained, or the result is of before schema 2.1.
        """
        measured = self.dev_accuracy
        if measured is None or measured["low"] is None:
            return None
        return measured["low"] > max(result.training.dev_majority for result in self.seed_results)

    @property
    def _encodings(self) -> list[Encoding]:
        return [result.encoding for result in self.seed_results if result.encoding]

    @property
    def truncated(self) -> float:
        """Fraction of the pairs that were truncated."""
        return max((encoding.truncated_pairs for encoding in self._encodings), default=0.0)

    @property
    def unknown(self) -> float:
        """Fraction of the tokens that are unknown."""
        return max((encoding.unknown for encoding in self._encodings), default=0.0)

    @property
    def segment(self) -> int | None:
        """Residues per block that sequences were split into; None where they were left whole."""
        return segment_of(self.seed_results[0])

    @property
    def in_means(self) -> bool:
        """Whether means over tasks include it: scored, and nothing truncated."""
        return self.scored and self.truncated == 0

    @property
    def marked(self) -> bool:
        """Whether its score needs a mark: truncation, unknown tokens, rows left out, few groups or unknown ones."""
        weak = self.groups.few or self.groups.unit == "pairs"
        return self.limited or self.truncated > 0 or self.unknown > 0 or weak

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrix summed over seeds: rows are the truth, columns the prediction."""
        counts: NDArray[np.int64] = np.array([result.metrics["confusion"] for result in self.seed_results]).sum(axis=0)
        return counts

    @cached_property
    def area_summary(self) -> SeedSummary | None:
        """Area under the ROC curve over seeds; None where it is not defined."""
        if not self.scored:
            return None
        return summarise_areas(self.ranked_pairs, [result.training.dev_accuracy for result in self.seed_results])

    def of_seeds(self, seeds: Collection[int]) -> TaskResult:
        """Return the result of some of its seeds alone."""
        rows = [row for row, result in enumerate(self.seed_results) if result.training.seed in seeds]
        results = tuple(self.seed_results[row] for row in rows)
        scored = replace(self.scored_pairs, correct=self.correct[rows])
        ranked = replace(self.ranked_pairs, margins=self.ranked_pairs.margins[rows])
        summary = summarise_seeds(scored, [result.training.dev_accuracy for result in results])
        return replace(self, seed_results=results, scored_pairs=scored, ranked_pairs=ranked, summary=summary)

    def metric(self, name: str) -> float | None:
        """Mean of a metric over the seeds in which it is defined."""
        values = self.metric_values(name)
        return float(np.mean(values)) if values else None

    def metric_values(self, name: str) -> list[float]:
        """Return a metric of each seed in which it is defined."""
        values = [result.metrics[name]["value"] for result in self.seed_results]
        return [value for value in values if value is not None]

    @cached_property
    def pair_types(self) -> dict[str, PairTypeSummary]:
        """Predictions by pair type, similar ones first; empty where a label has but one pair type."""
        measured = [result for result in self.seed_results if result.by_pair_type]
        if not measured:
            return {}
        order = get_args(configs.PairType)
        summaries = {name: _summarise_pair_type(name, measured) for name in measured[0].by_pair_type}

        def place(name: str) -> tuple[int, int, str]:
            return -summaries[name].label, order.index(name) if name in order else len(order), name

        return {name: summaries[name] for name in sorted(summaries, key=place)}

    @property
    def similarity_bins(self) -> list[str]:
        """Its similar pair types where they are bins of similarity, closest first; else none."""
        similar = {name for name, summary in self.pair_types.items() if summary.label == 1}
        bins: list[str] = [name for name, _, _ in configs.SIMILARITY_BINS if name in similar]
        return bins if len(bins) == len(similar) else []

    @property
    def false_positive_rate(self) -> dict[str, float | None]:
        """Proportion of the dissimilar pairs that were predicted to be similar, over seeds, with its interval."""
        dissimilar = self.scored_pairs.labels == 0
        if not dissimilar.any():
            return dict(UNDEFINED)
        wrong, groups = ~self.correct[:, dissimilar], self.groups.take(dissimilar)
        rates, _ = resampled_rates(wrong, self.scored_pairs.labels[dissimilar], groups)
        varied = with_constants_varied(rates[:, :, :1], wrong, groups)[..., 0]
        draws = mean_over_seeds(varied, np.random.default_rng(0))
        return with_interval(float(wrong.mean()), draws, groups.effective)

    @property
    def chosen(self) -> int:
        """Place of the seed that is best on the development split; of the first where there is no such accuracy."""
        return best_on_dev([result.training.dev_accuracy for result in self.seed_results]) or 0


def _summarise_pair_type(name: str, results: Sequence[Result]) -> PairTypeSummary:
    measured = [result.by_pair_type[name] for result in results]
    label, n = measured[0]["label"], measured[0]["n"]
    rate = share_over_seeds([seed["predicted_positive_rate"] for seed in measured], n)
    aurocs = [seed["auroc"]["value"] for seed in measured if seed["auroc"]["value"] is not None]
    opposite = [result.metrics["confusion"][1 - label] for result in results]
    positive = rate["value"] or 0.0
    right = positive if label else 1 - positive
    right_opposite = float(
        np.mean([counts[1 - label] / sum(counts) if any(counts) else float("nan") for counts in opposite])
    )
    mean_auroc = float(np.mean(aurocs)) if aurocs else None
    return PairTypeSummary(label, n, len(measured), rate, (right + right_opposite) / 2, mean_auroc)


def share_over_seeds(shares: Sequence[Mapping[str, float | None]], n: int) -> Interval:
    """Return the mean of proportions of `n` pairs that results state, with its interval over seeds and groups.

    Results before schema 2.3 do not state how many independent pairs theirs are worth: then it is over pairs.
    """
    values = [value for stated in shares if (value := stated["value"]) is not None]
    if len(values) < len(shares):
        return dict(UNDEFINED)
    effective = [worth for stated in shares if (worth := stated.get("effective_pairs")) is not None]
    return share([round(value * n) for value in values], n, float(np.mean(effective)) if effective else None)


def segment_of(result: Result) -> int | None:
    """Return the residues per block that sequences were split into; None where they were left whole."""
    return result.encoding.segment if result.encoding else None


@dataclass(frozen=True, eq=False)
class System:
    """A model that was trained in one way; or a baseline.

    Attributes
    ----------
    name : str
        What tables call it; no two systems of a report have the same.
    model : Model
        The network or baseline.
    training : Training
        That of its first seed.
    run_key : str
        Short key of the training in the name of its folder.
    results : dict of str to TaskResult
        By name of task, in the order of `task_order`.
    """

    name: str
    model: Model
    training: Training
    run_key: str
    results: dict[str, TaskResult]

    @property
    def method(self) -> Method:
        """Network, baseline or upper bound."""
        return self.model.method

    @property
    def weights(self) -> tuple[str, ...]:
        """Identity of the network it started from: name, commit, digests of weights and tokenizer."""
        model = self.model
        return model.id, model.revision or "", model.weights_sha256, model.tokenizer_sha256

    @property
    def _most_seeds(self) -> TaskResult:
        return max(self.results.values(), key=lambda result: len(result.seed_results))

    @property
    def dev_accuracy(self) -> Interval | None:
        """As that of its result with most seeds."""
        return self._most_seeds.dev_accuracy

    @property
    def dev_groups(self) -> str:
        """What the interval of `dev_accuracy` resamples; "" where that is not known."""
        return self._most_seeds.dev_groups

    @property
    def source_learnt(self) -> bool | None:
        """As that of its result with most seeds."""
        return self._most_seeds.source_learnt

    @property
    def scored(self) -> dict[str, TaskResult]:
        """Its results that have a score."""
        return {name: result for name, result in self.results.items() if result.scored}

    @property
    def seeds(self) -> list[int]:
        """Numbers of its seeds, over all tasks."""
        return sorted({seed.training.seed for result in self.results.values() for seed in result.seed_results})


@dataclass(frozen=True)
class Grouped:
    """All that a results folder holds.

    Attributes
    ----------
    systems, baselines : tuple of System
        Networks; baselines, then upper bounds.
    left_out : tuple of Path
        Results that are replaced by another of the same system, task and seed.
    """

    systems: tuple[System, ...]
    baselines: tuple[System, ...]
    left_out: tuple[Path, ...]

    @property
    def everything(self) -> tuple[System, ...]:
        """Systems, then baselines."""
        return self.systems + self.baselines


def config_names() -> list[str]:
    """Names of the configs of bioPAWS, in their order."""
    return [config.name for config in configs.CONFIGS]


def task_order(names: Iterable[str]) -> list[str]:
    """Sort names of tasks: configs of bioPAWS, languages of PAWS-X, then those that this version does not know."""
    known = [*config_names(), *map(pawsx, LANGUAGES)]
    place = {name: i for i, name in enumerate(known)}
    return sorted(set(names), key=lambda name: (place.get(name, len(known)), name))


def tasks_of(systems: Iterable[System], scored: bool = False) -> list[str]:
    """Return the tasks that any of the systems has a result on, or a score."""
    return task_order(name for system in systems for name in (system.scored if scored else system.results))


def names_of(systems: Sequence[System]) -> str:
    """Return the names of systems, and how many baselines there are: they are too many to name."""
    names = [system.name for system in systems if system.method == "model"]
    baselines = len(systems) - len(names)
    return "; ".join(names + ([f"{baselines} baseline{'s'[: baselines != 1]}"] if baselines else []))
