"""`bio-paws publish`: publish a data set on the Hub as a tagged release."""

from __future__ import annotations

import argparse
from pathlib import Path

from bio_paws.cli import text
from bio_paws.cli.arguments import add_folder, add_workers
from bio_paws.errors import CheckFailed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws publish`."""
    parser.add_argument("repo_id", metavar="REPO_ID", help="repository on the Hub, owner/name; created when missing")
    add_folder(parser, "the data set")
    parser.add_argument("--tag", metavar="vX.Y.Z", help="the version that is expected to be in DIR")
    parser.add_argument("--private", action="store_true", help="make the repository private")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--sign", type=Path, metavar="KEY", help="add a statement signed with this Ed25519 private key")
    mode.add_argument("--dry-run", action="store_true", help="show what would change on the Hub; change nothing")
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    """Verify a data set and publish it; a data set with violations is never published."""
    from bio_paws.execution.locks import reading

    with reading(options.dir):
        return _publish(options)


def _publish(options: argparse.Namespace) -> int:
    from bio_paws.execution.executors import open_executor
    from bio_paws.release import publish
    from bio_paws.verify.verify import verify_content
    from bio_paws.verify.viewer import viewer_notes

    page = publish.page_of(options.repo_id)
    release = publish.read_release(options.dir, options.tag)
    with open_executor(options.workers) as executor:
        violations = verify_content(options.dir, release.manifest, executor, use_verdict=True)
    if violations:
        raise CheckFailed(
            f"{options.dir}: {text.counted(len(violations), 'violation')}, nothing was published: {violations[0]}"
        )
    if notes := viewer_notes(options.dir, release.manifest):
        raise CheckFailed(f"{options.dir}: nothing was published: {notes[0]}")
    with publish.named_copy(release, page, options.sign) as named:
        if options.dry_run:
            print(text.preview_text(options.repo_id, publish.preview(options.repo_id, named)))
            return 0
        done = publish.publish(options.repo_id, named, private=options.private)
    print(f"{options.repo_id}: {done.tag} {'already published' if done.already else 'published'} at {done.commit}")
    return 0
