"""`bio-paws eval`: fine-tune a model on PAWS-X, test it on PAWS-X and bioPAWS."""

from __future__ import annotations

import argparse
import dataclasses
import json

from bio_paws.cli.arguments import add_json
from bio_paws_eval.cli.arguments import add_evaluation_options, evaluation_options
from bio_paws_eval.cli.libraries import needed_extra, quiet_transformers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws eval`."""
    add_evaluation_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would run: steps, tokens, memory")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate a model and print its results; return 1 when a task was refused."""
    options = evaluation_options(arguments)
    with needed_extra("eval"):
        from bio_paws_eval.cli.text import print_results
        from bio_paws_eval.runs.estimate import estimate, estimate_text
        from bio_paws_eval.runs.run import run
    quiet_transformers(arguments)
    if arguments.dry_run:
        planned = estimate(options)
        print(json.dumps(dataclasses.asdict(planned), indent=2) if arguments.json else estimate_text(planned))
        return 0
    evaluation = run(options)
    print_results(evaluation.results, evaluation.skipped, arguments)
    return 1 if any(result.status == "refused" for result in evaluation.results) else 0
