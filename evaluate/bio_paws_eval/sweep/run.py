"""A sweep: all evaluations of a plan, or a shard of them, in one folder of results.

A sweep is settings that `run.run_prepared` runs one after the other, then what is done with the models and pairs that
there are: what is finished is read, what was killed goes on, and a sweep is done where every result stands. Whatever
else a plan is to ask for is one more field of `Work`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from accelerate import PartialState

from bio_paws.errors import BioPawsError
from bio_paws.execution.progress import progress
from bio_paws_eval.baselines.baselines import run_baselines
from bio_paws_eval.results import read_result
from bio_paws_eval.runs.preparation import Prepared, prepare
from bio_paws_eval.runs.run import Evaluation, run_prepared
from bio_paws_eval.runs.settings import Settings, settings_of
from bio_paws_eval.sweep.compare import Comparing, check_libraries, compare
from bio_paws_eval.sweep.models import find_planned
from bio_paws_eval.sweep.plan import Grid, PlannedModel, read_plan
from bio_paws_eval.tasks.registry import Sources, task_names


@dataclass(frozen=True)
class Floors:
    """Floors and ceilings that a plan asks for, of all tasks where none is named; fields as in `run_baselines`."""

    configs: tuple[str, ...] | None
    split: str
    sources: Sources
    out: Path


@dataclass(frozen=True)
class Work:
    """What a plan, or a shard of it, comes to.

    Attributes
    ----------
    trainings : tuple of Settings
        One settings a training, as `trainings_of` makes them.
    comparisons : tuple of Comparing
        Of vectors; each is of some of the trainings.
    floors : tuple of Floors
        Floors and ceilings.
    """

    trainings: tuple[Settings, ...]
    comparisons: tuple[Comparing, ...]
    floors: tuple[Floors, ...]


def work_of_plan(plan: str, sources: Sources, device: str, out: Path) -> Work:
    """Return all that a plan asks for, every name checked; arguments and errors as for `settings_of_plan`."""
    found = list(_planned(plan, sources, device, out))
    settings = tuple(one for _, one in found)
    comparisons = tuple(Comparing(_compared(one), grid.vectors) for grid, one in found if grid.vectors)
    if comparisons:
        check_libraries()
    floors = _floors(settings) if read_plan(plan).baselines else ()
    return Work(tuple(trainings_of(settings, comparisons)), comparisons, floors)


def settings_of_plan(plan: str, sources: Sources, device: str, out: Path) -> tuple[Settings, ...]:
    """Return what a plan asks of each model of each grid, every name checked.

    Parameters
    ----------
    plan : str
        As for `read_plan`.
    sources : Sources
        Where the pairs are; its limit, where there is one, goes before the plan's.
    device : str
        Where to compute.
    out : Path
        Folder of the results.

    Raises
    ------
    BioPawsError
        As `read_plan`; and when a name is unknown, a value out of its range, or a model is not there.
    """
    return tuple(one for _, one in _planned(plan, sources, device, out))


def _planned(plan: str, sources: Sources, device: str, out: Path) -> Iterator[tuple[Grid, Settings]]:
    for number, grid in enumerate(read_plan(plan).grids):
        try:
            for model in grid.models:
                yield grid, _settings(grid, model, Path(plan).parent, sources, device, out)
        except BioPawsError as error:
            raise BioPawsError(f"{plan}: grids[{number}]: {error}") from error


def _settings(grid: Grid, model: PlannedModel, folder: Path, sources: Sources, device: str, out: Path) -> Settings:
    return settings_of(
        find_planned(model, folder),
        revision=model.revision,
        finetune=grid.finetune,
        finetune_on=grid.finetune_on,
        controls=grid.controls,
        seeds=grid.seeds,
        recipe=grid.recipe.recipe(),
        configs=grid.configs,
        split=grid.split,
        sources=replace(sources, limit=sources.limit or grid.limit),
        segment=grid.segment,
        allow_unknown=grid.allow_unknown,
        truncate=grid.truncate,
        device=device,
        dtype=grid.dtype,
        save_models=False,
        out=out,
    )


def trainings_of(planned: Iterable[Settings], comparisons: Iterable[Comparing] = ()) -> list[Settings]:
    """Return one settings a training: a model, what it is trained on, a control and a seed.

    Where grids share a training, it stands once, and is asked the configs of all of them.

    Parameters
    ----------
    planned : iterable of Settings
        Of a whole plan.
    comparisons : iterable of Comparing
        Whose models are kept.
    """
    kept = {one for comparing in comparisons for one in comparing.trainings}
    configs: dict[Settings, tuple[str, ...] | None] = {}
    for settings in planned:
        for each in _each(settings):
            keeping = replace(each, save_models=True)
            one = keeping if keeping in kept else each
            known = configs.setdefault(one, settings.configs)
            both = known and settings.configs and tuple(dict.fromkeys([*known, *settings.configs]))
            configs[one] = both or None  # None asks for all
    return [replace(one, configs=asked) for one, asked in configs.items()]


def _compared(settings: Settings) -> tuple[Settings, ...]:
    """Return the trainings whose models are compared: all by the first seed."""
    found = _each(replace(settings, seeds=settings.seeds[:1], save_models=True))
    return tuple(dict.fromkeys(one for one in found if one.train_on != ("none",)))


def _floors(planned: Iterable[Settings]) -> tuple[Floors, ...]:
    """Return the floors of all tasks that are asked, each split and number of pairs for itself."""
    asked: dict[Floors, tuple[str, ...] | None] = {}
    for one in planned:
        key = Floors(None, one.split, one.sources, one.out)
        known = asked.get(key, ())
        asked[key] = None if known is None or one.configs is None else tuple(dict.fromkeys([*known, *one.configs]))
    return tuple(replace(key, configs=configs) for key, configs in asked.items())


def _each(settings: Settings) -> Iterable[Settings]:
    for on in settings.train_on:
        for control in settings.controls:
            untuned = on == "none" or control == "untuned"
            for seed in settings.seeds:
                yield replace(
                    settings,
                    train_on=("none",) if untuned else (on,),
                    controls=("none",) if untuned else (control,),
                    seeds=(seed,),
                    configs=None,
                )


def shard_of(work: Work, number: int, shards: int) -> Work:
    """Return one shard, numbered from 1: every n-th of n shards.

    Trainings of a model that are compared are in one shard, and so is their comparison. The first has the floors.
    """
    parts: dict[object, list[Settings]] = {}
    for i, one in enumerate(work.trainings):
        parts.setdefault((one.model, one.revision) if one.save_models else i, []).append(one)
    trainings = tuple(one for part in list(parts.values())[number - 1 :: shards] for one in part)
    comparisons = tuple(one for one in work.comparisons if one.is_of(trainings))
    return Work(trainings, comparisons, work.floors if number == 1 else ())


def together(trainings: Iterable[Settings]) -> list[Settings]:
    """Put trainings that differ in their seed only into one settings, so that their pairs are read once."""
    seeds: dict[Settings, list[int]] = {}
    for one in trainings:
        seeds.setdefault(replace(one, seeds=()), []).extend(one.seeds)
    return [replace(one, seeds=tuple(found)) for one, found in seeds.items()]


def prepare_all(planned: Sequence[Settings]) -> list[Prepared]:
    """Find every model and encode all pairs, so that whatever is missing is told before anything starts."""
    PartialState(cpu=planned[0].device.type == "cpu")
    return [prepare(settings) for settings in progress(planned, desc="prepare")]


def sweep(prepared: Sequence[Prepared], work: Work) -> Evaluation:
    """Run a whole sweep, with one bar over all of its cells, comparisons of vectors, and floors."""
    state = PartialState()
    pieces = sum(len(one.runs) * len(one.asks) for one in prepared) + len(work.comparisons) + len(work.floors)
    paths: list[Path] = []
    skipped: list[str] = []
    with progress(total=pieces, desc="results", leave=True, show=state.is_main_process) as bar:
        for floors in work.floors:
            if state.is_main_process:
                known = floors.configs or task_names()
                found, why = run_baselines(None, known, floors.split, floors.sources, floors.out)
                paths += found
                skipped += why
            state.wait_for_everyone()
            bar.update()
        done = [run_prepared(one, bar) for one in prepared]
        for comparing in work.comparisons:
            compare(comparing, prepared)
            bar.update()
    return Evaluation(
        tuple(result for one in done for result in one.results) + tuple(map(read_result, paths)),
        tuple(dict.fromkeys([*(why for one in done for why in one.skipped), *skipped])),
    )
