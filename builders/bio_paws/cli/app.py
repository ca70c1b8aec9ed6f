"""The command line: `bio-paws VERB`. Exit 0 done, 1 a check failed, 2 wrong use or bad input."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from bio_paws import configs
from bio_paws.cli.arguments import executor, positive
from bio_paws.errors import BioPawsError, CheckFailed
from bio_paws.execution.memory import configure_arrow_memory, is_out_of_memory, require_address_space
from bio_paws.sources.bundled import PINNED

_DATA = Path("bioPAWS")
_VERBS = "bio_paws.verbs"
"""Entry points that add verbs to the parser: so this package need not know the one that evaluates."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    debug = False
    try:
        require_address_space()
        configure_arrow_memory()
        arguments = sys.argv[1:] if arguments is None else arguments
        _need_unicode(arguments)
        options = _parser().parse_args(arguments)
        debug = options.debug
        logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(name)s: %(message)s")
        return int(options.run(options))
    except CheckFailed as error:
        print(f"bio-paws: check failed: {error}", file=sys.stderr)
        return 1
    except BioPawsError as error:
        if debug:
            raise
        print(f"bio-paws: error: {error}", file=sys.stderr)
        return 2
    except BrokenExecutor:
        if debug:
            raise
        print("bio-paws: error: a worker process was killed (out of memory?): run again", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough (`| head`); what Python would flush at its end must go nowhere too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if debug:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"bio-paws: error: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bio-paws: stopped; run again to go on from here", file=sys.stderr)
        return 130
    except Exception as error:
        if debug or not is_out_of_memory(error):
            raise
        print("bio-paws: error: out of memory", file=sys.stderr)
        return 2


def _need_unicode(arguments: Sequence[str]) -> None:
    """See that Arrow, which takes no other names, can be told of all that is named here."""
    for one in arguments:
        try:
            one.encode()
        except UnicodeEncodeError as error:
            raise BioPawsError(f"{one!a}: not in UTF-8: give it another name, or unset PYTHONUTF8") from error


def main_eval() -> int:
    """Run `bio-paws eval`."""
    return main(["eval", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bio-paws", description="Build, check and install the bioPAWS data set; evaluate models on it."
    )
    parser.add_argument("--debug", action="store_true", help="log every step; show tracebacks")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    verb = verbs.add_parser("list", help="configs, sizes, versions")
    verb.add_argument(
        "dir", nargs="?", type=Path, default=_DATA, help="data set whose sizes to show (default: bioPAWS)"
    )
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_list)

    _add_build(verbs)

    verb = verbs.add_parser("verify", help="re-check every row from scratch; exit 1 on any violation")
    verb.add_argument("dir", nargs="?", type=Path, default=_DATA, help="the data set (default: bioPAWS)")
    verb.add_argument(
        "--shortcuts", action="store_true", help="also measure how well the label can be told by shortcuts"
    )
    verb.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: all cores)")
    verb.add_argument("--release", type=Path, metavar="FILE", help="signed statement that the data set must match")
    verb.add_argument("--key", type=Path, metavar="FILE", help="public key that --release is signed with")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_verify)

    verb = verbs.add_parser("audit", help="shortcuts, leaks and conflicts of any pair data set; exit 1 on severe ones")
    verb.add_argument(
        "dataset", metavar="DATASET", help="a folder, a Parquet, CSV, TSV, JSON-lines or JSON file, or a Hub id"
    )
    verb.add_argument("--config", metavar="C", help="audit this config only (default: all)")
    verb.add_argument("--split", metavar="S", help="audit this split only (default: all)")
    for column in ("sentence1", "sentence2", "label"):
        verb.add_argument(f"--{column}", metavar="COLUMN", help=f"the column of {column} (default: guessed)")
    verb.add_argument("--out", type=Path, metavar="DIR", help="also write audit.html and audit.json into this folder")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_audit)

    for name, run, does in (
        ("card", _card, "render the card and the figures of a data set again"),
        ("install", _install, 'fill the datasets cache: load_dataset("bioPAWS", CONFIG) from any folder'),
    ):
        verb = verbs.add_parser(name, help=does)
        verb.add_argument("dir", nargs="?", type=Path, default=_DATA, help="the data set (default: bioPAWS)")
        verb.set_defaults(run=run)

    verb = verbs.add_parser("publish", help="publish on the Hub as a tagged release, whole or not at all; resumes")
    verb.add_argument("repo_id", metavar="REPO_ID", help="repository on the Hub, owner/name; made where it is missing")
    verb.add_argument("dir", nargs="?", type=Path, default=_DATA, help="the data set (default: bioPAWS)")
    verb.add_argument("--tag", metavar="vX.Y.Z", help="the version that is expected to be in DIR")
    verb.add_argument("--private", action="store_true", help="make the repository private")
    way = verb.add_mutually_exclusive_group()
    way.add_argument("--sign", type=Path, metavar="KEY", help="add a statement signed with this Ed25519 private key")
    way.add_argument("--dry-run", action="store_true", help="say what differs from what is published; change nothing")
    verb.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: all cores)")
    verb.set_defaults(run=_publish)
    for verb_set in importlib.metadata.entry_points(group=_VERBS):
        verb_set.load()(verbs)
    return parser


def _add_build(verbs: Any) -> None:
    from bio_paws.search.engines import ENGINES

    verb = verbs.add_parser("build", help="build configs from genomes; resumes by itself")
    names = ", ".join(config.name for config in configs.CONFIGS)
    verb.add_argument("config", nargs="*", metavar="CONFIG", help=f"{names} (default: all)")
    verb.add_argument("--out", type=Path, default=_DATA, help="folder of the data set (default: bioPAWS)")
    verb.add_argument(
        "--source",
        action="append",
        metavar="NAME|PATH",
        help=f"{', '.join(PINNED)} (default: bundled), refseq13, ncbi:GCF_..., an NCBI assembly folder, a GenBank or "
        "FASTA file; repeatable",
    )
    verb.add_argument("--pairs", type=positive, metavar="N", help="pairs a config (default: as many as each asks for)")
    verb.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    verb.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: all cores)")
    verb.add_argument(
        "--executor",
        type=executor,
        default="local",
        metavar="local|tcp://HOST:PORT",
        help="this machine (default), or the workers of the Dask scheduler at an address",
    )
    engines = tuple(one.name for one in ENGINES)
    verb.add_argument(
        "--engine", choices=engines, default=engines[0], help=f"what finds similar proteins (default: {engines[0]})"
    )
    verb.add_argument(
        "--work",
        metavar="DIR|URL",
        help="folder of finished stages (default: .bio-paws-work beside OUT); machines of a cluster must share it",
    )
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=_build)


# The verbs import what they run: `bio-paws list` need not wait for scikit-learn.


def _list(options: argparse.Namespace) -> int:
    from bio_paws.cli import text
    from bio_paws.dataset.manifest import MANIFEST, read_manifest

    described = text.config_list(read_manifest(options.dir) if (options.dir / MANIFEST).is_file() else None)
    print(json.dumps(described, indent=2) if options.json else text.list_text(described))
    return 0


def _build(options: argparse.Namespace) -> int:
    work = options.out.absolute().parent / ".bio-paws-work"
    url = None
    if options.work:
        folder = options.work.removeprefix("file://")
        url, work = (folder, work) if "://" in folder else (None, Path(folder))
    if url and options.executor == "local":
        raise BioPawsError(f"--work {url}: only a cluster (--executor) works at a URL: name a folder")

    from bio_paws.build.build_dataset import build
    from bio_paws.build.pipeline import Recipe
    from bio_paws.cli import text
    from bio_paws.execution.executors import Cluster

    cluster = None if options.executor == "local" else Cluster(options.executor, url)
    source = tuple(options.source or ["bundled"])
    recipe = Recipe(source, options.seed, options.pairs, options.workers, work, options.engine, cluster)
    built = build(tuple(options.config), recipe, options.out)
    if options.json:
        described = [vars(one) for one in built.configs]
        told = {"out": str(built.out), "configs": described, "left_out": built.left_out, "seconds": built.seconds}
        print(json.dumps(told, indent=2))
    else:
        print(text.build_text(built))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from bio_paws.cli import text
    from bio_paws.dataset.manifest import read_manifest
    from bio_paws.execution.executors import open_executor
    from bio_paws.features.baselines import measure_baselines, split_files
    from bio_paws.verify.checks import verify
    from bio_paws.verify.viewer import viewer_notes

    manifest = read_manifest(options.dir)
    if options.release or options.key:
        from bio_paws.dataset.provenance import check_statement

        if not (options.release and options.key):
            raise BioPawsError("--release and --key go together: the statement, and the public key it is signed with")
        if wrong := check_statement(options.release, options.dir, options.key):
            print("\n".join(wrong))
            return 1
    with open_executor(options.workers) as executor:
        violations = verify(options.dir, manifest, executor)
    notes = [] if violations else viewer_notes(options.dir, manifest)
    measured = {}
    if options.shortcuts and not violations:
        for name, entry in manifest.configs.items():
            measured[name] = measure_baselines(split_files(options.dir, entry), configs.get_config(name))
    rows = manifest.rows
    if options.json:
        found = {"rows": rows, "violations": [vars(one) for one in violations], "notes": [vars(one) for one in notes]}
        found["shortcuts"] = measured
        print(json.dumps(found, indent=2))
    else:
        for violation in violations:
            print(violation)
        for note in notes:
            print(f"note: {note}")
        if measured:
            print(text.floors_text(measured))
        print(f"{options.dir}: {len(manifest.configs)} configs, {rows:,} pairs, {len(violations):,} violations")
    return 1 if violations else 0


def _audit(options: argparse.Namespace) -> int:
    from bio_paws.audit.page import json_of, need_figures, write_page
    from bio_paws.audit.reading import open_data
    from bio_paws.audit.run import audit
    from bio_paws.cli.audit_text import audit_text

    if options.out:
        need_figures()
    found = open_data(options.dataset, options.config, options.split)
    audits = []
    for data in found:
        audits.append(audit(data, options.sentence1, options.sentence2, options.label))
        if not options.json:
            print(audit_text(audits[-1]), end="\n\n", flush=True)
    if options.json:
        print(json.dumps(json_of(options.dataset, audits), indent=2))
    if options.out:
        written = write_page(options.dataset, audits, options.out)
        print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    return 1 if any(one.severe for one in audits) else 0


def _card(options: argparse.Namespace) -> int:
    from bio_paws.dataset.card import write_card
    from bio_paws.dataset.manifest import read_manifest

    changed = write_card(options.dir, read_manifest(options.dir))
    print("\n".join(str(options.dir / name) for name in changed) or f"{options.dir}: nothing has changed")
    return 0


def _install(options: argparse.Namespace) -> int:
    from bio_paws.release.install import install

    for name, place in install(options.dir).items():
        print(f"{name}: {place}")
    return 0


def _publish(options: argparse.Namespace) -> int:
    from bio_paws.cli import text
    from bio_paws.execution.executors import open_executor
    from bio_paws.release import publish
    from bio_paws.verify.checks import verify
    from bio_paws.verify.viewer import viewer_notes

    release = publish.read_release(options.dir, options.tag)
    with open_executor(options.workers) as executor:
        violations = verify(options.dir, release.manifest, executor)
    if violations:
        raise CheckFailed(f"{options.dir}: {len(violations):,} violations, nothing was published: {violations[0]}")
    if notes := viewer_notes(options.dir, release.manifest):
        raise CheckFailed(f"{options.dir}: nothing was published: {notes[0]}")
    if options.sign:
        from bio_paws.dataset.provenance import sign

        sign(options.dir, options.sign)
        release = publish.read_release(options.dir, options.tag)
    if options.dry_run:
        print(text.preview_text(options.repo_id, publish.preview(options.repo_id, release)))
        return 0
    done = publish.publish(options.repo_id, release, private=options.private)
    print(f"{options.repo_id}: {done.tag} {'already published' if done.already else 'published'} at {done.commit}")
    return 0
