"""A sweep: all evaluations of a plan, or a shard of them, in one folder of results.

A sweep is nothing but settings that `run.run_prepared` runs one after the other: what is finished is read, what was
killed goes on, and a sweep is done where every cell stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import PartialState
from tqdm import tqdm

from bio_paws.errors import BioPawsError
from bio_paws_eval.plan import Prepared, prepare
from bio_paws_eval.run import Evaluation, run_prepared
from bio_paws_eval.settings import Settings, settings_of
from bio_paws_eval.sweep.models import find_planned
from bio_paws_eval.sweep.plan import Grid, PlannedModel, read_plan
from bio_paws_eval.tasks import Sources


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
    made = []
    for number, grid in enumerate(read_plan(plan).grids):
        try:
            made += [_settings(grid, model, Path(plan).parent, sources, device, out) for model in grid.models]
        except BioPawsError as error:
            raise BioPawsError(f"{plan}: grids[{number}]: {error}") from error
    return tuple(made)


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


def trainings_of(planned: Iterable[Settings]) -> list[Settings]:
    """Return one settings a training: a model, what it is trained on, a control and a seed.

    Where grids share a training, it stands once, and is asked the configs of all of them.

    Parameters
    ----------
    planned : iterable of Settings
        Of a whole plan.
    """
    configs: dict[Settings, tuple[str, ...] | None] = {}
    for settings in planned:
        for one in _each(settings):
            known = configs.setdefault(one, settings.configs)
            both = known and settings.configs and tuple(dict.fromkeys([*known, *settings.configs]))
            configs[one] = both or None  # None asks for all
    return [replace(one, configs=asked) for one, asked in configs.items()]


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


def shard_of(trainings: Sequence[Settings], number: int, shards: int) -> list[Settings]:
    """Return the trainings of one shard, numbered from 1: every n-th of n shards."""
    return list(trainings[number - 1 :: shards])


def together(trainings: Iterable[Settings]) -> list[Settings]:
    """Put trainings that differ in their seed only into one settings, so that their pairs are read once."""
    seeds: dict[Settings, list[int]] = {}
    for one in trainings:
        seeds.setdefault(replace(one, seeds=()), []).extend(one.seeds)
    return [replace(one, seeds=tuple(found)) for one, found in seeds.items()]


def prepare_all(planned: Sequence[Settings]) -> list[Prepared]:
    """Find every model and encode all pairs, so that whatever is missing is told before anything starts."""
    PartialState(cpu=planned[0].device.type == "cpu")
    return [prepare(settings) for settings in tqdm(planned, desc="prepare", disable=None, leave=False)]


def sweep(prepared: Sequence[Prepared]) -> Evaluation:
    """Run a whole sweep, with one bar over all of its cells."""
    state = PartialState()
    cells = sum(len(one.runs) * len(one.asks) for one in prepared)
    with tqdm(total=cells, desc="cells", disable=None if state.is_main_process else True) as bar:
        done = [run_prepared(one, bar) for one in prepared]
    return Evaluation(
        tuple(result for one in done for result in one.results),
        tuple(dict.fromkeys(why for one in done for why in one.skipped)),
    )
