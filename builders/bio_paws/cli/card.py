"""`bio-paws card`: render the card and the figures of a data set again."""

from __future__ import annotations

import argparse

from bio_paws.cli.arguments import add_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws card`."""
    add_folder(parser, "the data set")


def run(options: argparse.Namespace) -> int:
    """Render the card and print the files that changed."""
    from bio_paws.dataset.card import write_card
    from bio_paws.dataset.manifest import read_manifest

    changed = write_card(options.dir, read_manifest(options.dir))
    print("\n".join(str(options.dir / name) for name in changed) or f"{options.dir}: nothing has changed")
    return 0
