"""Results by system: all seeds of a model that was trained in one way, task by task, their pairs in one order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from bio_paws import configs
from bio_paws.errors import DataError
from bio_paws.execution.progress import progress
from bio_paws_eval.results import Method, Model, Result, Task, Training, read_predictions
from bio_paws_eval.stats.metrics import SeedSummary, best_on_dev, predicted, share, summarise_seeds
from bio_paws_eval.tasks.registry import LANGUAGES, is_pawsx, pawsx

Entry = tuple[Path, Result]

_NAN = float("nan")
_NO_SEEDS = SeedSummary(0, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, None, _NAN)


@dataclass(frozen=True)
class KindSummary:
    """One system's answers to the pairs of one kind, over seeds.

    Attributes
    ----------
    label : int
        The label that pairs of this kind have.
    n, seeds : int
        Pairs, and seeds that answered them.
    answered_1 : dict
        Part that was called similar, as `metrics.share` returns it.
    accuracy : float
        Mean of the parts of its pairs, and of the pairs of the other label, that were answered rightly; nan where
        there is no other label.
    auroc : float or None
        Its pairs against all pairs of the other label, mean over seeds.
    """

    label: int
    n: int
    seeds: int
    answered_1: dict[str, float | None]
    accuracy: float
    auroc: float | None


@dataclass(frozen=True, eq=False)
class Cell:
    """One system on one task, over seeds.

    Attributes
    ----------
    results : tuple of Result
        One a seed, in the order of seeds: all scored, or all refused.
    pair_ids : ndarray, shape=(pairs,), dtype=object
        Ids of the pairs, sorted; empty for a refused cell.
    correct : ndarray, shape=(seeds, pairs), dtype=bool
        Which pairs each seed got right, in the order of `pair_ids`.
    summary : SeedSummary
        Accuracy over seeds; of no seeds for a refused cell.
    """

    results: tuple[Result, ...]
    pair_ids: NDArray[np.object_]
    correct: NDArray[np.bool_]
    summary: SeedSummary

    @property
    def task(self) -> Task:
        """What was asked; the same pairs for all seeds."""
        return self.results[0].task

    @property
    def scored(self) -> bool:
        """Whether there is a score."""
        return self.results[0].status == "scored"

    @property
    def limited(self) -> bool:
        """Whether `--limit` left out rows of any seed."""
        return not all(result.comparable for result in self.results)

    @property
    def truncated(self) -> float:
        """Part of the pairs that were cut."""
        return max((one.encoding.truncated_pairs for one in self.results if one.encoding), default=0.0)

    @property
    def unknown(self) -> float:
        """Part of the tokens that are unknown."""
        return max((one.encoding.unknown for one in self.results if one.encoding), default=0.0)

    @property
    def segment(self) -> int | None:
        """Letters a word that sequences were split into; None where they were left whole."""
        return _segment(self.results[0])

    @property
    def in_means(self) -> bool:
        """Whether means over tasks take it in: scored, and nothing cut off."""
        return self.scored and self.truncated == 0

    @property
    def marked(self) -> bool:
        """Whether its score needs a mark: cut off, unknown tokens, or rows left out."""
        return self.limited or self.truncated > 0 or self.unknown > 0

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Confusion matrix summed over seeds: rows are the truth, columns the answer."""
        counts: NDArray[np.int64] = np.array([result.metrics["confusion"] for result in self.results]).sum(axis=0)
        return counts

    def metric(self, name: str) -> float | None:
        """Mean of a metric over the seeds in which it is defined."""
        values = [result.metrics[name]["value"] for result in self.results]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    @cached_property
    def kinds(self) -> dict[str, KindSummary]:
        """Answers by kind of pair, similar ones first; empty where a label has but one kind."""
        measured = [result for result in self.results if result.by_kind]
        if not measured:
            return {}
        found = {kind: _summarise_kind(kind, measured) for kind in measured[0].by_kind}
        place = {kind: i for i, kind in enumerate(get_args(configs.PairType))}
        return dict(sorted(found.items(), key=lambda one: (-one[1].label, place.get(one[0], len(place)), one[0])))

    @property
    def bands(self) -> list[str]:
        """Its kinds of similar pairs where they are bands of similarity, closest first; else none."""
        similar = {kind for kind, one in self.kinds.items() if one.label == 1}
        bands: list[str] = [name for name, _, _ in configs.SIMILARITY_BINS if name in similar]
        return bands if len(bands) == len(similar) else []

    @property
    def false_alarms(self) -> dict[str, float | None]:
        """Part of the dissimilar pairs that were called similar, over seeds, as `metrics.share` returns it."""
        counts = [result.metrics["confusion"][0] for result in self.results]
        return share([false for _, false in counts], sum(counts[0]))

    @property
    def chosen(self) -> int:
        """Place of the seed that is best on the development split; of the first where there is no such accuracy."""
        return best_on_dev([result.training.dev_accuracy for result in self.results]) or 0


def _summarise_kind(kind: str, measured: Sequence[Result]) -> KindSummary:
    found = [result.by_kind[kind] for result in measured]
    label, n = found[0]["label"], found[0]["n"]
    answered = share([round(one["answered_1"]["value"] * n) for one in found], n)
    aurocs = [one["auroc"]["value"] for one in found if one["auroc"]["value"] is not None]
    others = [result.metrics["confusion"][1 - label] for result in measured]
    called = answered["value"] or 0.0
    own = called if label else 1 - called
    other = float(np.mean([counts[1 - label] / sum(counts) if any(counts) else _NAN for counts in others]))
    return KindSummary(label, n, len(found), answered, (own + other) / 2, float(np.mean(aurocs)) if aurocs else None)


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
    cells : dict
        By name of task, in the order of `task_order`.
    """

    name: str
    model: Model
    training: Training
    run_key: str
    cells: dict[str, Cell]

    @property
    def method(self) -> Method:
        """Network, floor or ceiling."""
        return self.model.method

    @property
    def weights(self) -> tuple[str, ...]:
        """What tells the network it started from from others: name, commit, digests of weights and tokenizer."""
        model = self.model
        return model.id, model.revision or "", model.weights_sha256, model.tokenizer_sha256

    @property
    def scored(self) -> dict[str, Cell]:
        """Its cells that have a score."""
        return {name: cell for name, cell in self.cells.items() if cell.scored}

    @property
    def seeds(self) -> list[int]:
        """Numbers of its seeds, over all tasks."""
        return sorted({one.training.seed for cell in self.cells.values() for one in cell.results})


@dataclass(frozen=True)
class Grouped:
    """All that a results folder holds.

    Attributes
    ----------
    systems, baselines : tuple of System
        Networks; floors, then ceilings.
    left_out : tuple of Path
        Cells that another of the same system, task and seed stands in for.
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
    """Sort names of tasks: configs of bioPAWS, languages of PAWS-X, then what this version does not know."""
    known = [*config_names(), *map(pawsx, LANGUAGES)]
    place = {name: i for i, name in enumerate(known)}
    return sorted(set(names), key=lambda name: (place.get(name, len(known)), name))


def tasks_of(systems: Iterable[System], scored: bool = False) -> list[str]:
    """Names of the tasks that any of some systems was asked, or has a score on."""
    return task_order(name for one in systems for name in (one.scored if scored else one.cells))


def names_of(systems: Sequence[System]) -> str:
    """Name systems; baselines are too many to name."""
    names = [system.name for system in systems if system.method == "model"]
    baselines = len(systems) - len(names)
    return "; ".join(names + ([f"{baselines} baseline{'s'[: baselines != 1]}"] if baselines else []))


def group(entries: Sequence[Entry]) -> Grouped:
    """Group cells by system.

    Parameters
    ----------
    entries : sequence of (Path, Result)
        As `results.read_results` returns them.

    Raises
    ------
    DataError
        When predictions are missing, or are not about the pairs that their result names.
    """
    runs: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for path, result in entries:
        runs[_identity(path, result)].append((path, result))
    systems, left_out = [], []
    for run in progress(runs.values(), desc="read", unit="system"):
        for suffix, variant in _variants(run):
            system, others = _system(variant, suffix)
            systems.append(system)
            left_out += others
    told_apart = _told_apart(sorted(systems, key=_place))
    return Grouped(
        tuple(one for one in told_apart if one.method == "model"),
        tuple(one for one in told_apart if one.method != "model"),
        tuple(sorted(set(left_out))),
    )


def _identity(path: Path, result: Result) -> tuple[str, ...]:
    """Everything that makes a system what it is, but seed and task. A baseline is its name, whatever it learnt from."""
    model = result.model
    if model.method != "model":
        return (model.method, model.id)
    run, folder = path.parents[1].name, path.parents[2].name
    return ("model", folder, run, model.id, model.revision or "", model.weights_sha256, model.tokenizer_sha256)


def _variants(run: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """Divide a run where a task was asked with sequences split into words in several ways.

    Tasks that were asked in one way only belong to each variant.
    """
    ways: dict[str, set[int | None]] = defaultdict(set)
    for _, result in run:
        ways[result.task.name].add(_segment(result))
    several = sorted(set().union(*(one for one in ways.values() if len(one) > 1)), key=lambda way: way or 0)
    if not several:
        return [("", run)]
    return [
        (
            f"words of {way}" if way else "whole sequences",
            [entry for entry in run if len(ways[entry[1].task.name]) == 1 or _segment(entry[1]) == way],
        )
        for way in several
    ]


def _segment(result: Result) -> int | None:
    return result.encoding.segment if result.encoding else None


def _system(entries: list[Entry], suffix: str) -> tuple[System, list[Path]]:
    """Build a system of its cells; return it with the cells that are not shown."""
    by_task: dict[str, list[Entry]] = defaultdict(list)
    for path, result in entries:
        by_task[result.task.name].append((path, result))
    cells, left_out = {}, []
    for name in task_order(by_task):
        shown = _shown(by_task[name])
        cells[name] = _cell(shown)
        left_out += [entry[0] for entry in by_task[name] if entry not in shown]
    path, first = entries[0]
    parts = [first.model.id] if first.model.method != "model" else [first.model.id, first.training.name, suffix]
    name = ", ".join(part for part in parts if part)
    return System(name, first.model, first.training, path.parents[1].name.rsplit("-", 1)[-1], cells), left_out


def _shown(entries: list[Entry]) -> list[Entry]:
    """Choose the cells of one task that are shown: one a seed, all about the same pairs.

    Whole data go before `--limit`, test before other splits, later versions before earlier ones, scores before
    refusals.
    """
    best = max((result for _, result in entries), key=_preference)
    same = [
        entry
        for entry in entries
        if entry[1].task.content_sha256 == best.task.content_sha256 and entry[1].status == best.status
    ]
    by_seed = {result.training.seed: (path, result) for path, result in same}
    return [by_seed[seed] for seed in sorted(by_seed)]


def _preference(result: Result) -> tuple[Any, ...]:
    task = result.task
    return result.comparable, task.split == "test", _version(task), result.status == "scored", task.rows


def _version(task: Task) -> list[int]:
    return [] if is_pawsx(task.name) else [int(part) for part in task.version.split(".") if part.isdigit()]


def _cell(entries: list[Entry]) -> Cell:
    """Read the answers of all seeds, and bring their pairs into one order."""
    results = tuple(result for _, result in entries)
    if results[0].status != "scored":
        return Cell(results, np.empty(0, dtype=object), np.empty((0, 0), dtype=bool), _NO_SEEDS)
    ids: NDArray[np.object_] | None = None
    rows = []
    for path, result in entries:
        answers = read_predictions(path, result)
        named = np.asarray(answers.pair_ids, dtype=object)
        order = np.argsort(named, kind="stable")
        if ids is not None and not np.array_equal(ids, named[order]):
            raise DataError(f"{path}: its predictions name other pairs than {entries[0][0]}: remove it, run again")
        ids = named[order]
        rows.append((predicted(answers.logits) == answers.labels)[order])
    assert ids is not None
    correct = np.stack(rows)
    summary = summarise_seeds(correct, [result.training.dev_accuracy for result in results])
    return Cell(results, ids, correct, summary)


def _place(system: System) -> tuple[Any, ...]:
    methods: tuple[Method, ...] = ("model", "floor", "ceiling")
    training = system.training
    control = training.control != "none"
    return methods.index(system.method), system.model.id, control, training.name, system.name, system.run_key


def _told_apart(systems: list[System]) -> list[System]:
    """Give systems of the same name their short key as well, and their weights' where that is the same too."""
    suffixes: tuple[Callable[[System], str], ...] = (
        lambda one: one.run_key,
        lambda one: (one.model.revision or one.model.weights_sha256)[:8],
    )
    for suffix in suffixes:
        names = [one.name for one in systems]
        systems = [
            replace(one, name=f"{one.name} #{suffix(one)}") if names.count(one.name) > 1 else one for one in systems
        ]
    return systems
