"""`bio-paws baselines`: baselines and upper bounds without a neural network."""

from __future__ import annotations

import argparse

from bio_paws.cli.arguments import add_json
from bio_paws_eval.cli.arguments import add_options
from bio_paws_eval.cli.libraries import needed_extra
from bio_paws_eval.tasks import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws baselines`."""
    add_options(parser, "configs", "split", "data", "pawsx", "limit", "out", without={"pawsx": "without PAWS-X"})
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run every baseline and print the results."""
    with needed_extra("eval"):
        from bio_paws_eval.baselines.run import run_baselines
        from bio_paws_eval.cli.text import print_results
        from bio_paws_eval.results import read_result
    sources = registry.Sources(arguments.data, arguments.pawsx or registry.PAWSX_REPO, arguments.limit)
    known = [name for name in registry.task_names() if arguments.pawsx or not registry.is_pawsx(name)]
    paths, skipped = run_baselines(arguments.configs, known, arguments.split, sources, arguments.out)
    print_results([read_result(path) for path in paths], skipped, arguments)
    return 0
