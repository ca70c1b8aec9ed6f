"""`bio-paws list`: configs, sizes, versions."""

from __future__ import annotations

import argparse
import json

from bio_paws.cli import text
from bio_paws.cli.arguments import add_folder, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws list`."""
    add_folder(parser, "data set whose sizes to show")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print every config and how much of it is built."""
    from bio_paws.dataset.manifest import MANIFEST, read_manifest

    described = text.config_list(read_manifest(options.dir) if (options.dir / MANIFEST).is_file() else None)
    print(json.dumps(described, indent=2) if options.json else text.list_text(described))
    return 0
