"""`bio-paws summarize`: shorten genes with a model of English summaries, and search for their homologs."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from bio_paws.cli.arguments import add_json, positive
from bio_paws.errors import BioPawsError
from bio_paws_eval.cli.arguments import add_hyperparameters, add_options, add_seed, hyperparameters_of
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.hyperparameters import SUMMARIES

_OUT = Path("results/summaries")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws summarize`."""
    parser.add_argument("--model", required=True, metavar="ID|DIR", help="a text-to-text or causal model")
    parser.add_argument(
        "--finetune",
        metavar="DATASET",
        help="English texts with summaries to fine-tune on first: a file, an id on the Hub, or docstrings (of "
        "installed libraries); also run are the model as it is, and one fine-tuned on shuffled summaries",
    )
    parser.add_argument("--columns", nargs=2, metavar=("TEXT", "SUMMARY"), help="of DATASET (default: guessed)")
    parser.add_argument("--config", metavar="NAME", help="of DATASET on the Hub")
    parser.add_argument(
        "--examples", type=positive, default=10_000, metavar="N", help="at most N texts of DATASET (default: 10,000)"
    )
    add_hyperparameters(parser, SUMMARIES)
    parser.add_argument("--genes", type=positive, default=100, metavar="N", help="at most N genes (default: 100)")
    parser.add_argument(
        "--tokens", type=positive, default=64, metavar="N", help="at most N tokens per summary (default: 64)"
    )
    add_options(parser, "data", "device")
    add_seed(parser)
    parser.add_argument("--out", type=Path, default=_OUT, metavar="DIR", help=f"default: {_OUT}")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Summarise genes, search for their homologs, print the tables."""
    with needed_extra("eval"):
        from bio_paws_eval.layout.tables import markdown
        from bio_paws_eval.runs.device import device_of
        from bio_paws_eval.summarization.results import FILE, tables_of
        from bio_paws_eval.summarization.run import Lesson, Settings, run
    quiet_transformers(options)
    lesson = None
    names = ("columns", "config", *vars(SUMMARIES))
    given = next((name for name in names if getattr(options, name) is not None), "")
    if given and not options.finetune:
        raise BioPawsError(f"--{given.replace('_', '-')} needs something to fine-tune on: pass --finetune DATASET")
    if options.finetune:
        columns = tuple(options.columns) if options.columns else None
        hyperparameters = hyperparameters_of(options, SUMMARIES)
        lesson = Lesson(options.finetune, columns, options.config, options.examples, hyperparameters)
    summaries = run(
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
        print(json.dumps(dataclasses.asdict(summaries), indent=2))
        return 0
    for table in tables_of([summaries]):
        print(f"{table.title}\n{markdown(table)}\n{table.note}\n")
    print(options.out / FILE)
    return 0
