"""`bio-paws sweep`: evaluate everything that a plan names."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from bio_paws.cli.arguments import add_json, positive
from bio_paws.errors import BioPawsError
from bio_paws_eval.cli.arguments import add_options
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.tasks import registry

_MACHINE = ("data", "pawsx", "limit", "out", "device")
"""Options that belong to the machine, not to the plan."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws sweep`."""
    parser.add_argument("plan", metavar="PLAN", help="a YAML file, or the name of a plan that comes with the program")
    parser.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N", help="run part I of N of the plan")
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="trainings at a time on this device (default: 1)"
    )
    add_options(parser, *_MACHINE)
    parser.add_argument("--dry-run", action="store_true", help="show what would run: trainings, time, memory")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Run a plan, or one shard of it, and print its results; return 1 when a task was refused."""
    with needed_extra("eval"):
        from accelerate import PartialState

        from bio_paws_eval.cli.text import print_results
        from bio_paws_eval.runs.estimate import estimate_prepared, sweep_text
        from bio_paws_eval.sweep import run
        from bio_paws_eval.sweep.compare import is_done
        from bio_paws_eval.sweep.jobs import run_jobs, shards_of_jobs
        from bio_paws_eval.sweep.models import pretrain_planned, to_pretrain
        from bio_paws_eval.sweep.plan import read_plan
    quiet_transformers(options)
    sources = registry.Sources(options.data, options.pawsx, options.limit)
    work = run.work_of_plan(options.plan, sources, options.device, options.out)
    trainings = len(work.trainings)
    shard = run.shard_of(work, *options.shard)
    if not shard.trainings:
        raise BioPawsError(
            f"{options.plan}: shard {options.shard[0]} is empty: the plan has {trainings} trainings; use fewer shards"
        )
    models = [model for grid in read_plan(options.plan).grids for model in grid.models]
    if options.dry_run and (missing := to_pretrain(models)):
        names = ", ".join(model.name for model in missing)
        raise BioPawsError(
            f"{options.plan}: the sweep pre-trains {names} first, whose tokens are not known yet: to estimate it, run "
            "bio-paws pretrain first"
        )
    pretrain_planned(models, Path(options.plan).parent, options.data)
    prepared = run.prepare_all(run.join_seeds(shard.trainings))
    planned = [estimate_prepared(preparation) for preparation in prepared]
    compared = (len(shard.comparisons), sum(is_done(comparison, prepared) for comparison in shard.comparisons))
    if options.json and options.dry_run:
        parts = [dataclasses.asdict(part) for part in planned]
        vectors = dict(zip(("comparisons", "finished"), compared, strict=True))
        print(json.dumps({"trainings": trainings, "parts": parts, "vectors": vectors}, indent=2))
    elif not options.json:
        print(sweep_text(planned, len(shard.trainings), trainings, compared), flush=True)
    if options.dry_run:
        return 0
    if options.jobs > 1:
        run_jobs(_arguments_of_job(options), shards_of_jobs(work, options.shard, options.jobs), prepared)
    evaluation = run.sweep(prepared, shard)
    if PartialState().is_main_process:  # of several processes, each with all results
        print_results(evaluation.results, evaluation.skipped, options)
    return 1 if any(result.status == "refused" for result in evaluation.results) else 0


def _arguments_of_job(options: argparse.Namespace) -> list[str]:
    """Return the arguments of the same sweep in another process, without its shard."""
    given = [(f"--{name}", str(value)) for name in _MACHINE if (value := getattr(options, name)) is not None]
    return ["sweep", options.plan, *(part for pair in given for part in pair)]


def _shard(text: str) -> tuple[int, int]:
    number, _, shards = (int(part) if part.isdecimal() else 0 for part in text.partition("/"))
    if not 1 <= number <= shards:
        raise argparse.ArgumentTypeError(f"{text!r} is not a shard: 2/8 is the second of eight")
    return number, shards
