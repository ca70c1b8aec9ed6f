"""Results of a folder grouped by system, the pairs of all seeds in one order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bio_paws.errors import DataError
from bio_paws.execution.progress import progress
from bio_paws_eval.report.pair_groups import GroupFinder
from bio_paws_eval.report.systems import Entry, Grouped, System, TaskResult, segment_of, task_order
from bio_paws_eval.results import Method, Predictions, Result, Task, read_predictions
from bio_paws_eval.stats.decisions import predicted, score_margin
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.stats.resampling import RankedPairs, ScoredPairs
from bio_paws_eval.stats.seeds import SeedSummary, summarise_seeds
from bio_paws_eval.tasks.registry import Sources, is_pawsx

_NAN = float("nan")
_NO_PAIRS = ScoredPairs(np.empty((0, 0), dtype=bool), np.empty(0, dtype=np.int8), PairGroups.unknown(0))
_NO_RANKS = RankedPairs(np.empty((0, 0)), _NO_PAIRS.labels, _NO_PAIRS.groups)
_NO_SEEDS = SeedSummary(0, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, None, _NAN)


def group(entries: Sequence[Entry], sources: Sources | None = None) -> Grouped:
    """Group results by system.

    Parameters
    ----------
    entries : sequence of (Path, Result)
        As `results.read_results` returns them.
    sources : Sources, optional
        Where pairs are, for results that do not name the groups of theirs; by default the folder ``bioPAWS``.

    Raises
    ------
    DataError
        When predictions are missing, or are not about the pairs that their result names.
    """
    runs: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for path, result in entries:
        runs[_identity(path, result)].append((path, result))
    finder = GroupFinder(sources or Sources())
    systems: list[System] = []
    left_out: list[Path] = []
    for run in progress(runs.values(), desc="read", unit="system"):
        for suffix, variant in _variants(run):
            system, hidden = _system(variant, suffix, finder)
            systems.append(system)
            left_out += hidden
    named = _with_unique_names(sorted(systems, key=_place))
    return Grouped(
        tuple(system for system in named if system.method == "model"),
        tuple(system for system in named if system.method != "model"),
        tuple(sorted(set(left_out))),
    )


def _identity(path: Path, result: Result) -> tuple[str, ...]:
    """Return what identifies a system, but seed and task. A baseline is its name, whatever it was fitted on."""
    model = result.model
    if model.method != "model":
        return (model.method, model.id)
    run, folder = path.parents[1].name, path.parents[2].name
    return ("model", folder, run, model.id, model.revision or "", model.weights_sha256, model.tokenizer_sha256)


def _variants(run: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """Divide a run in which a task was encoded with sequences split into blocks of several lengths.

    Tasks that were encoded in one way only belong to each variant.
    """
    ways: dict[str, set[int | None]] = defaultdict(set)
    for _, result in run:
        ways[result.task.name].add(segment_of(result))
    several = sorted(set().union(*(lengths for lengths in ways.values() if len(lengths) > 1)), key=lambda way: way or 0)
    if not several:
        return [("", run)]
    return [
        (
            f"words of {way}" if way else "whole sequences",
            [entry for entry in run if len(ways[entry[1].task.name]) == 1 or segment_of(entry[1]) == way],
        )
        for way in several
    ]


def _system(entries: list[Entry], suffix: str, finder: GroupFinder) -> tuple[System, list[Path]]:
    """Build a system of its results; return it with the files of results that are not shown."""
    by_task: dict[str, list[Entry]] = defaultdict(list)
    for path, result in entries:
        by_task[result.task.name].append((path, result))
    results, left_out = {}, []
    for name in task_order(by_task):
        shown = _shown(by_task[name])
        results[name] = _task_result(shown, finder)
        left_out += [entry[0] for entry in by_task[name] if entry not in shown]
    path, first = entries[0]
    parts = [first.model.id] if first.model.method != "model" else [first.model.id, first.training.name, suffix]
    name = ", ".join(part for part in parts if part)
    return System(name, first.model, first.training, path.parents[1].name.rsplit("-", 1)[-1], results), left_out


def _shown(entries: list[Entry]) -> list[Entry]:
    """Choose the results of one task that are shown: one per seed, all of the same pairs.

    Complete data go before `--limit`, test before validation and train, later versions before earlier ones, scores
    before refusals.
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


def _task_result(entries: list[Entry], finder: GroupFinder) -> TaskResult:
    """Read the predictions of all seeds, and bring their pairs into one order."""
    results = tuple(result for _, result in entries)
    if results[0].status != "scored":
        return TaskResult(results, np.empty(0, dtype=object), _NO_PAIRS, _NO_RANKS, _NO_SEEDS)
    first = _in_order(*entries[0])
    logits = [first.logits]
    for path, result in entries[1:]:
        predictions = _in_order(path, result)
        if predictions.pair_ids != first.pair_ids or not np.array_equal(predictions.labels, first.labels):
            raise DataError(f"{path}: its predictions name other pairs than {entries[0][0]}: move one of them away")
        if first.groups is None:
            first = replace(first, groups=predictions.groups)
        logits.append(predictions.logits)
    ids = np.asarray(first.pair_ids, dtype=object)
    groups = first.groups or finder.find(results[0].task, ids) or PairGroups.unknown(len(ids))
    correct = np.stack([predicted(scores) == first.labels for scores in logits])
    scored = ScoredPairs(correct, first.labels, groups)
    ranked = RankedPairs(np.stack([score_margin(scores) for scores in logits]), first.labels, groups)
    summary = summarise_seeds(scored, [result.training.dev_accuracy for result in results])
    return TaskResult(results, ids, scored, ranked, summary)


def _in_order(path: Path, result: Result) -> Predictions:
    """Read predictions in the order of the ids of pairs."""
    read = read_predictions(path, result)
    order = np.argsort(np.asarray(read.pair_ids, dtype=object), kind="stable")
    groups = None if read.groups is None else read.groups.take(order)
    return Predictions([read.pair_ids[i] for i in order], read.logits[order], read.labels[order], groups)


def _place(system: System) -> tuple[Any, ...]:
    methods: tuple[Method, ...] = ("model", "baseline", "upper_bound")
    training = system.training
    control = training.control != "none"
    return methods.index(system.method), system.model.id, control, training.name, system.name, system.run_key


def _with_unique_names(systems: list[System]) -> list[System]:
    """Append the short key to systems of the same name, and that of their weights where the key is the same too."""
    suffixes: tuple[Callable[[System], str], ...] = (
        lambda system: system.run_key,
        lambda system: (system.model.revision or system.model.weights_sha256)[:8],
    )
    for suffix in suffixes:
        names = [system.name for system in systems]
        systems = [
            replace(system, name=f"{system.name} #{suffix(system)}") if names.count(system.name) > 1 else system
            for system in systems
        ]
    return systems
