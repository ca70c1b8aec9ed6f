"""`bio-paws verify`: re-check every row of a data set from scratch."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bio_paws import configs
from bio_paws.cli import text
from bio_paws.cli.arguments import add_folder, add_json, add_workers
from bio_paws.errors import BioPawsError
from bio_paws.execution.printable import on_one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws verify`."""
    add_folder(parser, "the data set")
    parser.add_argument(
        "--shortcuts", action="store_true", help="also measure how well trivial baselines predict the label"
    )
    add_workers(parser)
    parser.add_argument("--release", type=Path, metavar="FILE", help="signed statement that the data set must match")
    parser.add_argument("--key", type=Path, metavar="FILE", help="public key that --release is signed with")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Verify a data set; print its violations and return 1 when there are any."""
    from bio_paws.execution.locks import reading

    with reading(options.dir):
        return _verify(options)


def _verify(options: argparse.Namespace) -> int:
    from bio_paws.dataset.manifest import read_manifest
    from bio_paws.execution.executors import open_executor
    from bio_paws.features.baseline_aucs import measure_baselines, split_files
    from bio_paws.verify.verify import verify
    from bio_paws.verify.viewer import viewer_notes

    manifest = read_manifest(options.dir)
    if options.release or options.key:
        from bio_paws.dataset.provenance import check_statement

        if not (options.release and options.key):
            raise BioPawsError("--release and --key go together: the statement, and the public key it is signed with")
        if mismatches := check_statement(options.release, options.dir, options.key):
            print("\n".join(map(on_one_line, mismatches)))
            return 1
    with open_executor(options.workers) as executor:
        violations = verify(options.dir, manifest, executor)
    notes = [] if violations else viewer_notes(options.dir, manifest)
    measured = {}
    if options.shortcuts and not violations:
        for name, entry in manifest.configs.items():
            measured[name] = measure_baselines(split_files(options.dir, entry), configs.get_config(name))
    if options.json:
        described = {
            "rows": manifest.rows,
            "violations": [vars(violation) for violation in violations],
            "notes": [vars(note) for note in notes],
            "shortcuts": measured,
        }
        print(json.dumps(described, indent=2))
    else:
        for violation in violations:
            print(on_one_line(str(violation)))
        for note in notes:
            print(on_one_line(f"note: {note}"))
        if measured:
            print(text.baselines_text(measured))
        print(
            f"{options.dir}: {text.counted(len(manifest.configs), 'config')}, {text.counted(manifest.rows, 'pair')}, "
            f"{text.counted(len(violations), 'violation')}"
        )
    return 1 if violations else 0
