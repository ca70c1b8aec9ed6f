"""`bio-paws vectors`: distances between the representations of DNA, English and proteins in models."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from bio_paws.cli.arguments import add_json, positive
from bio_paws_eval.cli.arguments import add_options, add_seed
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers
from bio_paws_eval.tasks import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws vectors`."""
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="ID|DIR",
        help="repeatable: before, after, and controls such as a model fine-tuned on shuffled labels",
    )
    parser.add_argument(
        "--words", type=positive, default=2000, metavar="N", help="at most N words per group (default: 2000)"
    )
    add_options(parser, "data", "pawsx", "device", without={"pawsx": "without it no CKA on English pairs"})
    parser.add_argument(
        "--permutations", type=positive, default=999, metavar="N", help="permutations of each test (default: 999)"
    )
    add_seed(parser)
    parser.add_argument("--out", type=Path, default=Path("vectors"), metavar="DIR", help="default: vectors")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Compare the representations of models; print tables and the files written."""
    with needed_extra("plots"):
        from bio_paws_eval.layout.tables import markdown
        from bio_paws_eval.representations.page import comparison_tables, explain_changes
        from bio_paws_eval.representations.permutation_tests import Permutations
        from bio_paws_eval.representations.run import RepresentationOptions, compare_models
        from bio_paws_eval.runs.device import device_of
    quiet_transformers(options)
    comparison, written = compare_models(
        RepresentationOptions(
            tuple((model, None) for model in options.model),
            options.words,
            registry.Sources(options.data, options.pawsx or registry.PAWSX_REPO),
            options.pawsx is not None,
            Permutations(options.permutations, options.seed),
            device_of(options.device),
            options.out,
        )
    )
    if options.json:
        print(json.dumps(dataclasses.asdict(comparison), indent=2))
        return 0
    print(markdown(comparison_tables(comparison)[0]))
    for line in [*explain_changes(comparison), *comparison.notes, *map(str, written)]:
        print(line)
    return 0
