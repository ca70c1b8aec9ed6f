"""The verbs of evaluation, which the program finds by their entry point."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from bio_paws.cli.arguments import positive
from bio_paws.errors import BioPawsError
from bio_paws_eval.layout.tables import Table, markdown
from bio_paws_eval.options import CONTROLS, DEVICES, RECIPES, SUMMARIES, Dtype, Recipe
from bio_paws_eval.results import Result
from bio_paws_eval.tasks import tasks

_OUT = Path("results")
_MODELS = Path("models")
_SUMMARIES = _OUT / "summaries"


def add_verbs(verbs: Any) -> None:
    """Add the verbs of evaluation to the program's parser."""
    verb = verbs.add_parser("eval", help="fine-tune a model on PAWS-X, test it on PAWS-X and bioPAWS")
    verb.add_argument("--model", required=True, metavar="ID|DIR", help="a Hub id, or a folder with config and weights")
    verb.add_argument("--revision", metavar="REV", help="commit, tag or branch of the model on the Hub")
    verb.add_argument(
        "--finetune",
        action="append",
        choices=(*tasks.LANGUAGES, "none"),
        help="language of PAWS-X to fine-tune on, or none; repeatable (default: en)",
    )
    verb.add_argument(
        "--finetune-on",
        action="append",
        metavar="CONFIG",
        help="config of bioPAWS, or dyck, to fine-tune on; repeatable",
    )
    verb.add_argument(
        "--control",
        action="append",
        choices=CONTROLS[1:],
        help="run this control instead of the plain fine-tuning; repeatable",
    )
    verb.add_argument("--seeds", type=_seeds, default=5, metavar="N|LIST", help="how many, or which: 5 or 0,3,7")
    verb.add_argument("--recipe", choices=tuple(RECIPES), default="paper", help="hyper-parameters (default: paper)")
    _add_recipe(verb, "pair", "the recipe's")
    _add_pairs(verb, pawsx=tasks.PAWSX_REPO)
    verb.add_argument(
        "--segment",
        type=_segment,
        default="auto",
        metavar="auto|none|K",
        help="split sequences into words of K letters; auto: only where the tokenizer needs it",
    )
    verb.add_argument("--allow-unknown", action="store_true", help="score cells with over 1%% unknown tokens, marked")
    verb.add_argument("--no-truncate", action="store_true", help="refuse cells with pairs longer than the model takes")
    verb.add_argument("--device", choices=DEVICES, default="auto", help="default: a GPU if any")
    verb.add_argument(
        "--dtype", choices=get_args(Dtype), default="float32", help="of matrix products (default: float32)"
    )
    verb.add_argument("--save-models", action="store_true", help="keep the fine-tuned models beside their results")
    verb.add_argument("--dry-run", action="store_true", help="say what would run: steps, tokens, memory")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_eval)

    verb = verbs.add_parser("sweep", help="evaluate all that a plan names: models, trainings, seeds, controls; resumes")
    verb.add_argument("plan", metavar="PLAN", help="a YAML file, or the name of a plan that comes with the program")
    verb.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N", help="do the I-th of N parts of the plan")
    verb.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="trainings at a time on this device (default: 1)"
    )
    _add_places(verb, pawsx=tasks.PAWSX_REPO)
    verb.add_argument("--device", choices=DEVICES, default="auto", help="default: a GPU if any")
    verb.add_argument("--dry-run", action="store_true", help="say what would run: trainings, time, memory")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_sweep)

    verb = verbs.add_parser("baselines", help="floors and ceilings, no neural network")
    _add_pairs(verb, pawsx=None)
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_baselines)

    verb = verbs.add_parser("report", help="tables, figures and a page from a folder of results")
    verb.add_argument("results", type=Path, metavar="RESULTS", help="folder of bio-paws eval and bio-paws baselines")
    verb.add_argument("--out", type=Path, metavar="DIR", help="folder of the report (default: RESULTS/report)")
    verb.set_defaults(run=_report)

    verb = verbs.add_parser("pretrain", help="a GPT-2 from scratch, held-out loci left out; resumes by itself")
    verb.add_argument("recipe", metavar="RECIPE", help="name of a recipe that comes with the program, or a YAML file")
    verb.add_argument(
        "--source", action="append", metavar="NAME|PATH", help="of DNA and proteins, as in build; repeatable"
    )
    verb.add_argument("--data", metavar="DIR|ID", help="bioPAWS (default: the folder bioPAWS, else the Hub)")
    verb.add_argument("--out", type=Path, metavar="DIR", help="folder of the model (default: models/RECIPE)")
    verb.add_argument("--work", type=Path, metavar="DIR", help="folder of finished stages (default: OUT/../.pretrain)")
    verb.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="searches at a time")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_pretrain)
    _add_vectors(verbs)
    _add_summarize(verbs)


def _add_recipe(verb: argparse.ArgumentParser, what: str, default: str) -> None:
    for name, kind, help_ in (
        ("learning-rate", float, "peak learning rate"),
        ("batch-size", positive, f"{what}s a step, over all devices"),
        ("epochs", positive, f"passes over the training {what}s"),
        ("max-length", positive, f"tokens a training {what} is cut to"),
        ("schedule", str, "constant_with_warmup, linear or cosine"),
        ("warmup", float, "part of the steps in which the rate rises"),
        ("weight-decay", float, "weight decay of AdamW"),
    ):
        verb.add_argument(f"--{name}", type=kind, help=f"{help_} (default: {default})")


def _recipe(options: argparse.Namespace, default: Recipe) -> Recipe:
    given = {name: getattr(options, name) for name in vars(default)}
    return dataclasses.replace(default, **{name: value for name, value in given.items() if value is not None})


def _add_vectors(verbs: Any) -> None:
    verb = verbs.add_parser("vectors", help="how far DNA, English and proteins lie apart in models, and what moved")
    verb.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="ID|DIR",
        help="repeatable: before, after, and controls, as one fine-tuned on shuffled labels",
    )
    verb.add_argument("--words", type=positive, default=2000, metavar="N", help="most words a group (default: 2000)")
    verb.add_argument("--data", metavar="DIR|ID", help="bioPAWS (default: the folder bioPAWS, else the Hub)")
    verb.add_argument("--pawsx", metavar="DIR|ID", help="PAWS-X, for CKA on English pairs (default: left out)")
    verb.add_argument("--permutations", type=positive, default=999, metavar="N", help="of each test (default: 999)")
    verb.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    verb.add_argument("--device", choices=DEVICES, default="auto", help="default: a GPU if any")
    verb.add_argument("--out", type=Path, default=Path("vectors"), metavar="DIR", help="default: vectors")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_vectors)


def _add_summarize(verbs: Any) -> None:
    verb = verbs.add_parser(
        "summarize", help="shorten genes by a model of English summaries; are homologs still found?"
    )
    verb.add_argument("--model", required=True, metavar="ID|DIR", help="a text-to-text or causal model")
    verb.add_argument(
        "--finetune",
        metavar="DATASET",
        help="English with summaries to fine-tune on first: a file, an id on the Hub, or docstrings (of installed "
        "libraries); beside it the model as it was, and one fine-tuned on shuffled summaries",
    )
    verb.add_argument("--columns", nargs=2, metavar=("TEXT", "SUMMARY"), help="of DATASET (default: guessed)")
    verb.add_argument("--config", metavar="NAME", help="of DATASET on the Hub")
    verb.add_argument(
        "--examples", type=positive, default=10_000, metavar="N", help="most texts of DATASET (default: 10,000)"
    )
    defaults = ", ".join(f"{name} {value}" for name, value in vars(SUMMARIES).items())
    _add_recipe(verb, "text", "of all seven: " + defaults)
    verb.add_argument("--genes", type=positive, default=100, metavar="N", help="most genes (default: 100)")
    verb.add_argument("--tokens", type=positive, default=64, metavar="N", help="most tokens a summary (default: 64)")
    verb.add_argument("--data", metavar="DIR|ID", help="bioPAWS (default: the folder bioPAWS, else the Hub)")
    verb.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    verb.add_argument("--device", choices=DEVICES, default="auto", help="default: a GPU if any")
    verb.add_argument("--out", type=Path, default=_SUMMARIES, metavar="DIR", help=f"default: {_SUMMARIES}")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_summarize)


def _add_pairs(verb: argparse.ArgumentParser, pawsx: str | None) -> None:
    """Add what verbs that are told which pairs to read have in common."""
    names = ", ".join(tasks.all_names())
    verb.add_argument("--configs", nargs="+", metavar="CONFIG", help=f"{names} (default: all of PAWS-X and bioPAWS)")
    verb.add_argument("--split", choices=("test", "validation"), default="test", help="default: test")
    _add_places(verb, pawsx)


def _add_places(verb: argparse.ArgumentParser, pawsx: str | None) -> None:
    """Add where pairs come from and results go."""
    verb.add_argument("--data", metavar="DIR|ID", help="bioPAWS (default: the folder bioPAWS, else the Hub)")
    verb.add_argument("--pawsx", default=pawsx, metavar="DIR|ID", help=f"PAWS-X (default: {pawsx or 'left out'})")
    verb.add_argument("--limit", type=positive, metavar="N", help="first N pairs of each split; not comparable")
    verb.add_argument("--out", type=Path, default=_OUT, metavar="DIR", help=f"folder of results (default: {_OUT})")


def _shard(text: str) -> tuple[int, int]:
    number, _, shards = (int(part) if part.isdecimal() else 0 for part in text.partition("/"))
    if not 1 <= number <= shards:
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: 2/8 is the second of eight")
    return number, shards


def _seeds(text: str) -> int | tuple[int, ...]:
    return tuple(int(one) for one in text.split(",") if one) if "," in text else positive(text)


def _segment(text: str) -> int | str | None:
    return text if text == "auto" else None if text == "none" else positive(text)


def _eval(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.runs.estimate import estimate, estimate_text
        from bio_paws_eval.runs.run import run
        from bio_paws_eval.runs.settings import settings_of
    except ModuleNotFoundError as error:
        raise _not_installed(error, "eval") from error
    _quiet(options)
    settings = settings_of(
        options.model,
        revision=options.revision,
        finetune=options.finetune or ([] if options.finetune_on else ["en"]),
        finetune_on=options.finetune_on or [],
        controls=options.control or ["none"],
        seeds=options.seeds,
        recipe=_recipe(options, RECIPES[options.recipe]),
        configs=options.configs,
        split=options.split,
        sources=tasks.Sources(options.data, options.pawsx, options.limit),
        segment=options.segment,
        allow_unknown=options.allow_unknown,
        truncate=not options.no_truncate,
        device=options.device,
        dtype=options.dtype,
        out=options.out,
        save_models=options.save_models,
    )
    if options.dry_run:
        planned = estimate(settings)
        print(json.dumps(dataclasses.asdict(planned), indent=2) if options.json else estimate_text(planned))
        return 0
    evaluation = run(settings)
    _print_cells(evaluation.results, evaluation.skipped, options)
    return 1 if any(one.status == "refused" for one in evaluation.results) else 0


def _quiet(options: argparse.Namespace) -> None:
    """Keep transformers from telling what the results tell."""
    from transformers.utils import logging

    if not options.debug:
        logging.set_verbosity_error()
    logging.disable_progress_bar()


def _sweep(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.runs.estimate import estimate_prepared, sweep_text
        from bio_paws_eval.sweep import run
        from bio_paws_eval.sweep.compare import is_done
        from bio_paws_eval.sweep.jobs import run_jobs, shards_of_jobs
        from bio_paws_eval.sweep.models import pretrain_planned, to_pretrain
        from bio_paws_eval.sweep.plan import read_plan
    except ModuleNotFoundError as error:
        raise _not_installed(error, "eval") from error
    _quiet(options)
    sources = tasks.Sources(options.data, options.pawsx, options.limit)
    work = run.work_of_plan(options.plan, sources, options.device, options.out)
    trainings = len(work.trainings)
    shard = run.shard_of(work, *options.shard)
    if not shard.trainings:
        raise BioPawsError(f"{options.plan}: has {trainings} trainings: none is left for shard {options.shard[0]}")
    named = [model for grid in read_plan(options.plan).grids for model in grid.models]
    if options.dry_run and (missing := to_pretrain(named)):
        names = ", ".join(one.name for one in missing)
        raise BioPawsError(
            f"{options.plan}: the sweep pre-trains {names} first, whose tokens are not known before: for an estimate "
            "run bio-paws pretrain first"
        )
    pretrain_planned(named, Path(options.plan).parent, options.data)
    prepared = run.prepare_all(run.together(shard.trainings))
    planned = [estimate_prepared(one) for one in prepared]
    compared = (len(shard.comparisons), sum(is_done(one, prepared) for one in shard.comparisons))
    if options.json and options.dry_run:
        parts = [dataclasses.asdict(one) for one in planned]
        vectors = dict(zip(("comparisons", "finished"), compared, strict=True))
        print(json.dumps({"trainings": trainings, "parts": parts, "vectors": vectors}, indent=2))
    elif not options.json:
        print(sweep_text(planned, len(shard.trainings), trainings, compared), flush=True)
    if options.dry_run:
        return 0
    if options.jobs > 1:
        run_jobs(_job(options), shards_of_jobs(work, options.shard, options.jobs), prepared)
    evaluation = run.sweep(prepared, shard)
    _print_cells(evaluation.results, evaluation.skipped, options)
    return 1 if any(one.status == "refused" for one in evaluation.results) else 0


def _job(options: argparse.Namespace) -> list[str]:
    """Arguments of the same sweep in another process, its shard aside."""
    places = ("data", "pawsx", "limit", "out", "device")
    given = [(f"--{name}", str(value)) for name in places if (value := getattr(options, name)) is not None]
    return ["sweep", options.plan, *(part for pair in given for part in pair)]


def _baselines(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.baselines.baselines import run_baselines
        from bio_paws_eval.results import read_result
    except ModuleNotFoundError as error:
        raise _not_installed(error, "eval") from error
    sources = tasks.Sources(options.data, options.pawsx or tasks.PAWSX_REPO, options.limit)
    known = [name for name in tasks.task_names() if options.pawsx or not tasks.is_pawsx(name)]
    paths, skipped = run_baselines(options.configs, known, options.split, sources, options.out)
    _print_cells([read_result(path) for path in paths], skipped, options)
    return 0


def _report(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.report.writer import write_report
    except ModuleNotFoundError as error:
        raise _not_installed(error, "plots") from error
    written = write_report(options.results, options.out or options.results / "report")
    print(written.markdown)
    for path in written.files:
        print(path)
    return 0


def _vectors(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.representations.page import all_tables, told
        from bio_paws_eval.representations.permutation_tests import Permutations
        from bio_paws_eval.representations.run import Settings, run
        from bio_paws_eval.runs.settings import device_of
    except ModuleNotFoundError as error:
        raise _not_installed(error, "plots") from error
    _quiet(options)
    comparison, written = run(
        Settings(
            tuple((one, None) for one in options.model),
            options.words,
            tasks.Sources(options.data, options.pawsx or tasks.PAWSX_REPO),
            options.pawsx is not None,
            Permutations(options.permutations, options.seed),
            device_of(options.device),
            options.out,
        )
    )
    if options.json:
        print(json.dumps(dataclasses.asdict(comparison), indent=2))
        return 0
    print(markdown(all_tables(comparison)[0]))
    for line in [*told(comparison), *comparison.notes, *map(str, written)]:
        print(line)
    return 0


def _summarize(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.runs.settings import device_of
        from bio_paws_eval.summarization.results import FILE, tables_of
        from bio_paws_eval.summarization.run import Lesson, Settings, run
    except ModuleNotFoundError as error:
        raise _not_installed(error, "eval") from error
    _quiet(options)
    lesson = None
    without = next((name for name in ("columns", "config", *vars(SUMMARIES)) if getattr(options, name) is not None), "")
    if without and not options.finetune:
        raise BioPawsError(f"--{without.replace('_', '-')} needs something to fine-tune on: pass --finetune DATASET")
    if options.finetune:
        columns = tuple(options.columns) if options.columns else None
        recipe = _recipe(options, SUMMARIES)
        lesson = Lesson(options.finetune, columns, options.config, options.examples, recipe)
    found = run(
        Settings(
            options.model,
            lesson,
            options.genes,
            options.tokens,
            options.data,
            options.seed,
            device_of(options.device),
            options.out,
        )
    )
    if options.json:
        print(json.dumps(dataclasses.asdict(found), indent=2))
        return 0
    for table in tables_of([found]):
        print(f"{table.title}\n{markdown(table)}\n{table.note}\n")
    print(options.out / FILE)
    return 0


def _pretrain(options: argparse.Namespace) -> int:
    try:
        from bio_paws_eval.pretrain.recipe import read_recipe
        from bio_paws_eval.pretrain.record_text import pretraining_text
        from bio_paws_eval.pretrain.run import pretrain
    except ModuleNotFoundError as error:
        raise _not_installed(error, "eval") from error
    _quiet(options)
    recipe = read_recipe(options.recipe)
    out = options.out or _MODELS / Path(options.recipe).stem
    record = pretrain(
        recipe,
        source=options.source or ["bundled"],
        data=options.data,
        out=out,
        work=options.work or out.absolute().parent / ".pretrain",
        workers=options.workers,
    )
    print(json.dumps(record, indent=2) if options.json else f"{pretraining_text(record)}\n{out}: the model")
    return 0


def _not_installed(error: ModuleNotFoundError, extra: str) -> BioPawsError:
    return BioPawsError(f"{error.name} is not installed: pip install 'bio-paws[{extra}]'")


def _print_cells(cells: Sequence[Result], skipped: Sequence[str], options: argparse.Namespace) -> None:
    """Print what came out, a line for each training and task; files hold the rest."""
    if options.json:
        described = [dataclasses.asdict(one) for one in cells]
        print(json.dumps({"out": str(options.out), "results": described, "skipped": list(skipped)}, indent=2))
        return
    seeds: dict[tuple[str, str, str], list[Result]] = {}
    for one in cells:
        seeds.setdefault((one.model.id, _trained_on(one), one.task.name), []).append(one)
    rows = tuple((*key, str(len(group)), *_values(group), group[0].note) for key, group in seeds.items())
    columns = ("model", "trained on", "task", "seeds", "accuracy", "range", "MCC", "AUROC", "note")
    print(markdown(Table("cells", "", columns, (rows,), labels=3)))
    for why in skipped:
        print(f"left out: {why}")
    if options.limit:
        print(f"The first {options.limit:,} pairs of each split only: not comparable with other results.")
    print(f"{len(cells)} results in {options.out}; bio-paws report {options.out} draws them")


def _trained_on(one: Result) -> str:
    return "-" if one.model.method != "model" else one.training.name


def _values(group: list[Result]) -> tuple[str, str, str, str]:
    """Mean accuracy, its range over seeds, mean MCC and AUROC of the seeds of one cell."""
    if group[0].status == "refused":
        return ("-",) * 4

    def mean(name: str) -> str:
        values = [one.metrics[name]["value"] for one in group]
        return "-" if None in values else f"{sum(values) / len(values):.3f}"

    accuracies = [one.metrics["accuracy"]["value"] for one in group]
    return mean("accuracy"), f"{min(accuracies):.3f}..{max(accuracies):.3f}", mean("mcc"), mean("auroc")
