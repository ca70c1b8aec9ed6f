"""`bio-paws build`: build configs from genomes."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bio_paws import configs
from bio_paws.cli import text
from bio_paws.cli.arguments import DATA, add_json, add_workers, executor, positive
from bio_paws.errors import BioPawsError, BuildFailed
from bio_paws.search.engines import AUTO, ENGINES
from bio_paws.sources.pinned import PINNED

if TYPE_CHECKING:
    from bio_paws.build.build_dataset import BuildReport
    from bio_paws.build.estimate import BuildEstimate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws build`."""
    names = ", ".join(config.name for config in configs.CONFIGS)
    parser.add_argument("config", nargs="*", metavar="CONFIG", help=f"{names} (default: all)")
    parser.add_argument("--out", type=Path, default=DATA, help=f"folder of the data set (default: {DATA})")
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME|PATH",
        help=f"{', '.join(PINNED)} (default: bundled), refseq13, ncbi:GCF_..., an NCBI assembly folder, a GenBank or "
        "FASTA file; repeatable",
    )
    parser.add_argument(
        "--holdout-organism",
        action="append",
        default=[],
        metavar="NAME",
        help="organism whose sequences, and their homologs, are in test alone; repeatable",
    )
    parser.add_argument("--pairs", type=positive, metavar="N", help="pairs per config (default: the config's own)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    add_workers(parser)
    parser.add_argument(
        "--executor",
        type=executor,
        default="local",
        metavar="local|tcp://HOST:PORT",
        help="this machine (default), or the workers of the Dask scheduler at an address",
    )
    parser.add_argument(
        "--engine",
        choices=(AUTO, *(engine.name for engine in ENGINES)),
        default=AUTO,
        help="search engine for similar proteins (default: auto, by how many there are)",
    )
    parser.add_argument(
        "--search-from",
        choices=configs.SEARCH_FROM,
        default="auto",
        help="search whole genomes, or regions around as many genes as there are pairs (default: auto, genes above "
        f"{configs.LARGEST_WHOLE // 1_000_000} Mb of genomes)",
    )
    parser.add_argument(
        "--work",
        metavar="DIR|URL",
        help="folder of finished stages (default: .bio-paws-work next to OUT); the machines of a cluster must share it",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="show what NCBI's assemblies would take: bytes to download, disk, time to read them",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Build the data set and print a report of it."""
    work = options.out.absolute().parent / ".bio-paws-work"
    url = None
    if options.work:
        folder = options.work.removeprefix("file://")
        url, work = (folder, work) if "://" in folder else (None, Path(folder))
    if url and options.executor == "local":
        raise BioPawsError(f"--work {url}: a URL needs a cluster (--executor): name a folder instead")

    source = tuple(options.source or ["bundled"])
    if options.dry_run:
        from bio_paws.build.estimate import estimate

        expected = estimate(source, work)
        print(json.dumps(_expected(expected), indent=2) if options.json else text.estimate_text(expected))
        return 0 if expected.fits else 1

    from bio_paws.build.build_dataset import build
    from bio_paws.build.pipeline import BuildOptions
    from bio_paws.execution.executors import Cluster
    from bio_paws.execution.memory import peak_memory

    cluster = None if options.executor == "local" else Cluster(options.executor, url)
    build_options = BuildOptions(
        source,
        options.seed,
        options.pairs,
        options.workers,
        work,
        options.engine,
        cluster,
        holdout=tuple(dict.fromkeys(options.holdout_organism)),
        search_from=options.search_from,
    )
    try:
        report = build(tuple(options.config), build_options, options.out)
    except BioPawsError as error:
        if isinstance(error, BuildFailed):
            error.counts = _described(error.report)
        counts = text.outcomes_text(error.counts.get("outcomes", {}), error.counts.get("rejected_records", {}))
        if counts and not options.json:
            print(counts)
        raise
    own, children = peak_memory()
    if options.json:
        described = _described(report) | {"peak_memory_bytes": {"main": own, "largest_child": children}}
        print(json.dumps(described, indent=2))
    else:
        print(text.build_text(report))
        print(f"\nPeak memory: {own >> 20:,} MiB, and at most {children >> 20:,} MiB in a worker or a search")
    return 0


def _expected(expected: BuildEstimate) -> dict[str, Any]:
    """Return an estimate as JSON holds it."""
    derived = {"fetched": expected.fetched, "fits": expected.fits, "reading_seconds": expected.reading_seconds}
    paths = {"cache": str(expected.cache), "work": str(expected.work)}
    return dataclasses.asdict(expected) | paths | derived


def _described(report: BuildReport) -> dict[str, Any]:
    """Return a report as JSON holds it."""
    return {
        "out": str(report.out),
        "configs": [vars(config) for config in report.configs],
        "left_out": report.left_out,
        "outcomes": report.outcomes,
        "rejected_records": report.rejected_records,
        "seconds": report.seconds,
    }
