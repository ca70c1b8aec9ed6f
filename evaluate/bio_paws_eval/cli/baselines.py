"""`bio-paws baselines`: baselines and upper bounds, and, where asked, networks trained from scratch."""

from __future__ import annotations

import argparse

from bio_paws.cli.arguments import add_json
from bio_paws.errors import ConfigError
from bio_paws_eval.cli.arguments import add_options
from bio_paws_eval.cli.libraries import needed_extra
from bio_paws_eval.tasks import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws baselines`."""
    add_options(parser, "configs", "split", "data", "pawsx", "limit", "out", without={"pawsx": "without PAWS-X"})
    parser.add_argument(
        "--networks",
        type=int,
        default=0,
        metavar="SEEDS",
        help="train a small CNN and a character-level transformer from scratch too, with so many seeds (default: 0)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run every baseline and print the results."""
    with needed_extra("eval"):
        from bio_paws_eval.baselines.run import run_baselines
        from bio_paws_eval.cli.text import print_results
        from bio_paws_eval.results import read_result
    sources = registry.Sources(arguments.data, arguments.pawsx or registry.PAWSX_REPO, arguments.limit)
    known = [name for name in registry.task_names() if arguments.pawsx or not registry.is_pawsx(name)]
    if arguments.networks < 0:
        raise ConfigError(f"--networks {arguments.networks}: give a number of seeds")
    seeds = range(arguments.networks)
    paths, skipped = run_baselines(arguments.configs, known, arguments.split, sources, arguments.out, seeds)
    print_results([read_result(path) for path in paths], skipped, arguments)
    return 0
