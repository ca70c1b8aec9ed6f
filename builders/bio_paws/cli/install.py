"""`bio-paws install`: fill the datasets cache from a folder."""

from __future__ import annotations

import argparse

from bio_paws.cli.arguments import add_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws install`."""
    add_folder(parser, "the data set")


def run(options: argparse.Namespace) -> int:
    """Fill the cache and print the folder of each config."""
    from bio_paws.execution.locks import reading
    from bio_paws.release.install import install

    with reading(options.dir):
        for name, folder in install(options.dir).items():
            print(f"{name}: {folder}")
    return 0
