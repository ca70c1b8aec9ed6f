"""A sweep: all evaluations of a plan, or of a shard of it, into one folder of results.

Every training of the plan is an `EvaluationOptions` of its own, which `run_prepared` runs; comparisons of vectors and
baselines follow. Finished results are read, a killed training continues, so a sweep is repeated until every result is
there. What else a plan may name becomes one more field of `Work`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from accelerate import PartialState

from bio_paws.errors import ConfigError
from bio_paws.execution.progress import progress
from bio_paws_eval.baselines.run import run_baselines
from bio_paws_eval.options import EvaluationOptions, checked
from bio_paws_eval.results import read_result
from bio_paws_eval.runs.device import device_of, start_processes
from bio_paws_eval.runs.preparation import Prepared, prepare
from bio_paws_eval.runs.run import Evaluation, join_evaluations, run_prepared
from bio_paws_eval.sweep.compare import Comparison, check_libraries, compare
from bio_paws_eval.sweep.models import find_planned
from bio_paws_eval.sweep.plan import Grid, read_plan
from bio_paws_eval.tasks.registry import Sources, is_pawsx, language_of, task_names


@dataclass(frozen=True)
class PlannedBaselines:
    """Baselines and upper bounds of tasks, of all where `configs` is None; fields as in `run_baselines`."""

    configs: tuple[str, ...] | None
    split: str
    sources: Sources
    out: Path


@dataclass(frozen=True)
class Work:
    """All that a plan, or a shard of it, runs.

    Attributes
    ----------
    trainings : tuple of EvaluationOptions
        Options of each training, as `trainings_of` makes them.
    comparisons : tuple of Comparison
        Comparisons of vectors; each is of some of the trainings.
    baselines : tuple of PlannedBaselines
        Baselines and upper bounds.
    """

    trainings: tuple[EvaluationOptions, ...]
    comparisons: tuple[Comparison, ...]
    baselines: tuple[PlannedBaselines, ...]


def work_of_plan(plan: str, sources: Sources, device: str, out: Path) -> Work:
    """Return all that a plan runs, every name checked; arguments and errors as for `options_of_plan`."""
    planned = list(_planned(plan, sources, device, out))
    options = tuple(options for _, options in planned)
    comparisons = tuple(Comparison(_compared(options), grid.vectors) for grid, options in planned if grid.vectors)
    if comparisons:
        check_libraries()
    baselines = _planned_baselines(options) if read_plan(plan).baselines else ()
    return Work(tuple(trainings_of(options, comparisons)), comparisons, baselines)


def options_of_plan(plan: str, sources: Sources, device: str, out: Path) -> tuple[EvaluationOptions, ...]:
    """Return the options of each model of each grid of a plan.

    Parameters
    ----------
    plan : str
        As for `read_plan`.
    sources : Sources
        Where the pairs are; its limit, where there is one, replaces the plan's.
    device : str
        Device to compute on.
    out : Path
        Folder of the results.

    Raises
    ------
    ConfigError
        As `read_plan`; and when this machine lacks the device, or a model's package or recipe is missing.
    """
    return tuple(options for _, options in _planned(plan, sources, device, out))


def _planned(plan: str, sources: Sources, device: str, out: Path) -> Iterator[tuple[Grid, EvaluationOptions]]:
    device_of(device)  # a missing device is reported before anything is pre-trained
    for number, grid in enumerate(read_plan(plan).grids):
        for model in grid.models:
            try:
                name = find_planned(model, Path(plan).parent)
            except ConfigError as error:
                raise ConfigError(f"{plan}: grids[{number}].models: {error}") from error
            options = grid.options() | {"limit": sources.limit or grid.limit, "device": device}
            yield (
                grid,
                checked(
                    EvaluationOptions,
                    name,
                    revision=model.revision,
                    trust_remote_code=model.trust_remote_code,
                    data=sources.data,
                    pawsx=sources.pawsx,
                    out=out,
                    **options,
                ),
            )


def trainings_of(
    planned: Iterable[EvaluationOptions], comparisons: Iterable[Comparison] = ()
) -> list[EvaluationOptions]:
    """Return the options of each training: one model, one training set, one control, one seed.

    A training that several grids share is returned once, with the configs of all of them.

    Parameters
    ----------
    planned : iterable of EvaluationOptions
        Of a whole plan.
    comparisons : iterable of Comparison
        Comparisons whose models are saved.
    """
    # Found by the training without its model saved: a method that changes no weights refuses to save them.
    compared = {
        replace(training, save_models=False): training
        for comparison in comparisons
        for training in comparison.trainings
    }
    configs: dict[EvaluationOptions, tuple[str, ...] | None] = {}
    for options in planned:
        for training in _split_trainings(options):
            key = compared.get(training, training)
            known = configs.setdefault(key, _tuple(options.configs))
            both = known and options.configs and tuple(dict.fromkeys([*known, *options.configs]))
            configs[key] = _tuple(both) or None  # None stands for all
    return [replace(training, configs=names) for training, names in configs.items()]


def _tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def _compared(options: EvaluationOptions) -> tuple[EvaluationOptions, ...]:
    """Return the trainings whose models are compared: all with the first seed."""
    trainings = _split_trainings(replace(options, seeds=options.training_seeds[:1], save_models=True))
    return tuple(dict.fromkeys(training for training in trainings if training.train_on != ("none",)))


def _planned_baselines(planned: Iterable[EvaluationOptions]) -> tuple[PlannedBaselines, ...]:
    """Return the baselines of all tasks of a plan, separately for each split and number of pairs."""
    configs: dict[PlannedBaselines, tuple[str, ...] | None] = {}
    for options in planned:
        key = PlannedBaselines(None, options.split, options.sources, options.folder)
        known = configs.get(key, ())
        has_all = known is None or options.configs is None
        configs[key] = None if has_all else tuple(dict.fromkeys([*(known or ()), *(options.configs or ())]))
    return tuple(replace(key, configs=names) for key, names in configs.items())


def _split_trainings(options: EvaluationOptions) -> Iterator[EvaluationOptions]:
    """Yield the options of each training, on all configs; every untuned model has the same ones."""
    for name in options.train_on:
        for control in options.controls:
            untuned = control == "untuned" or (name == "none" and options.method == "fine-tune")
            language = "none" if untuned or name == "none" else language_of(name) if is_pawsx(name) else None
            for size, seed in product((None,) if untuned else options.training_sizes, options.seeds_of(control)):
                yield replace(
                    options,
                    train_pairs=None if size is None else (size,),
                    finetune=(language,) if language else (),
                    finetune_on=() if language else (name,),
                    controls=("none",) if untuned else (control,),
                    seeds=(seed,),
                    configs=None,
                )


def shard_of(work: Work, number: int, shards: int) -> Work:
    """Return one shard, numbered from 1: every n-th of n shards.

    All trainings of a compared model are in one shard, with the comparison. The first shard has the baselines.
    """
    groups: dict[object, list[EvaluationOptions]] = {}
    for i, training in enumerate(work.trainings):
        key = (training.model, training.revision) if training.save_models else i
        groups.setdefault(key, []).append(training)
    trainings = tuple(training for group in list(groups.values())[number - 1 :: shards] for training in group)
    comparisons = tuple(comparison for comparison in work.comparisons if comparison.includes(trainings))
    return Work(trainings, comparisons, work.baselines if number == 1 else ())


def join_seeds(trainings: Iterable[EvaluationOptions]) -> list[EvaluationOptions]:
    """Join trainings that differ in their seed only, so that their pairs are read once."""
    seeds: dict[EvaluationOptions, list[int]] = {}
    for training in trainings:
        seeds.setdefault(replace(training, seeds=1), []).extend(training.training_seeds)
    return [replace(options, seeds=tuple(joined)) for options, joined in seeds.items()]


def prepare_all(planned: Sequence[EvaluationOptions]) -> list[Prepared]:
    """Find every model and encode all pairs, so that what is missing is reported before anything is trained."""
    start_processes(device_of(planned[0].device))
    return [prepare(options) for options in progress(planned, desc="prepare")]


def sweep(prepared: Sequence[Prepared], work: Work) -> Evaluation:
    """Run a whole sweep, with one progress bar over its results, comparisons of vectors and baselines."""
    state = PartialState()
    total = sum(len(part.runs) * len(part.tasks) for part in prepared) + len(work.comparisons) + len(work.baselines)
    paths: list[Path] = []
    skipped: list[str] = []
    with progress(total=total, desc="results", leave=True, show=state.is_main_process) as bar:
        for baselines in work.baselines:
            if state.is_main_process:
                known = baselines.configs or task_names()
                written, reasons = run_baselines(None, known, baselines.split, baselines.sources, baselines.out)
                paths += written
                skipped += reasons
            state.wait_for_everyone()
            bar.update()
        evaluations = [run_prepared(part, bar) for part in prepared]
        for comparison in work.comparisons:
            compare(comparison, prepared)
            bar.update()
    return join_evaluations([*evaluations, Evaluation(tuple(map(read_result, paths)), tuple(skipped))])
