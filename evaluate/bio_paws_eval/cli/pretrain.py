"""`bio-paws pretrain`: train a GPT-2 from scratch."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from bio_paws.cli.arguments import add_json, positive
from bio_paws_eval.cli.arguments import add_options
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.packaged.catalog import MODELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws pretrain`."""
    parser.add_argument("recipe", metavar="RECIPE", help="name of a recipe that comes with the program, or a YAML file")
    parser.add_argument(
        "--source", action="append", metavar="NAME|PATH", help="of DNA and proteins, as in build; repeatable"
    )
    add_options(parser, "data")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the model (default: models/RECIPE)")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="folder of finished stages (default: OUT/../.pretrain)"
    )
    parser.add_argument(
        "--workers", type=positive, default=os.cpu_count() or 1, help="searches at a time (default: all cores)"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Pre-train a model and print a summary of the training."""
    with needed_extra("eval"):
        from bio_paws_eval.pretrain.recipe import read_recipe
        from bio_paws_eval.pretrain.record_text import pretraining_text
        from bio_paws_eval.pretrain.run import pretrain
    quiet_transformers(options)
    recipe = read_recipe(options.recipe)
    out = options.out or MODELS / Path(options.recipe).stem
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
