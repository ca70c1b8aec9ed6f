"""Write a finished data set: Parquet, manifest, card and figures."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterable
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.build.datasets_builder import features_of, parquet_name
from bio_paws.build.partition import Limits
from bio_paws.build.pipeline import ALPHABETS, BuildOptions, Prepared
from bio_paws.configs import DATA_VERSION, PairConfig
from bio_paws.dataset.card import write_card
from bio_paws.dataset.manifest import write_manifest
from bio_paws.execution.files import sha256_of
from bio_paws.execution.stage_keys import BUILD_PACKAGES
from bio_paws.features.breadth import BOUNDED_SPLITS, BROAD, breadth_of, out_of_bounds
from bio_paws.schema import SCHEMA, content_hash
from bio_paws.search import engines
from bio_paws.sequences.corpus import Corpus
from bio_paws_cards.manifest import (
    FOLDER,
    BuildArguments,
    ConfigEntry,
    DatabaseSize,
    GeneRegions,
    Manifest,
    PartitionLimits,
    Source,
    SourceFile,
    SplitEntry,
)

ROW_GROUP = 20_000  # rows: the viewer wants less than 100 MB a group
_CATEGORIES = [name for name in SCHEMA.names if name.startswith(("organism", "source", "strand", "kind", "group"))]


def write_split(path: Path, table: pa.Table, config: PairConfig) -> None:
    """Write a split as Parquet: zstd, page checksums and index, content-defined chunks, features in the metadata."""
    chunking = datasets.config.DEFAULT_CDC_OPTIONS
    metadata = {
        "huggingface": json.dumps({"info": {"features": features_of(config).to_dict()}}),
        # The Hub looks for the first key, datasets writes the second.
        "use_content_defined_chunking": json.dumps(chunking),
        "content_defined_chunking": json.dumps(chunking),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(
        path,
        table.schema.with_metadata(metadata),
        compression="zstd",
        compression_level=3,
        use_dictionary=_CATEGORIES,
        write_page_index=True,
        write_page_checksum=True,
        use_content_defined_chunking=chunking,
    ) as writer:
        for at in range(0, table.num_rows, ROW_GROUP):
            group = table.slice(at, ROW_GROUP).combine_chunks()
            writer.write_table(group.replace_schema_metadata(metadata), row_group_size=ROW_GROUP)


def write_config(
    folder: Path, config: PairConfig, tables: dict[str, pa.Table], outcomes: dict[str, int]
) -> ConfigEntry:
    """Write the splits of a config and return its entry in the manifest; baselines are measured later."""
    splits = {}
    for split, table in tables.items():
        path = folder / config.name / parquet_name(split)
        write_split(path, table, config)
        splits[split] = SplitEntry(
            file=f"{config.name}/{path.name}",
            rows=table.num_rows,
            similar=pa.compute.sum(table["label"]).as_py() or 0,
            bytes=path.stat().st_size,
            memory_bytes=table.nbytes,
            sha256=sha256_of(path),
            breadth=breadth_of(table),
        )
    return ConfigEntry(
        version=DATA_VERSION,
        summary=config.summary,
        molecule=config.molecule,
        mean_length=config.mean_length,
        label_names=list(config.label_names),
        pairs_wanted=config.pairs,
        columns=[[field.name, str(field.type)] for field in SCHEMA],
        content_sha256=content_hash({split: table["pair_id"].to_pylist() for split, table in tables.items()}),
        outcomes=dict(sorted(outcomes.items())),
        splits=splits,
        baselines={},
        upper_bounds={},
        breadth_bounds=BROAD if _is_broad(splits) else None,
    )


def _is_broad(splits: dict[str, SplitEntry]) -> bool:
    bounded = [splits[name].breadth for name in BOUNDED_SPLITS if name in splits]
    return len(bounded) == len(BOUNDED_SPLITS) and not any(
        breadth is None or out_of_bounds(breadth, BROAD) for breadth in bounded
    )


def arguments_of(options: BuildOptions, searched: Iterable[str]) -> BuildArguments:
    """Return the arguments of a build as its manifest states them."""
    return BuildArguments(
        pairs=options.pairs,
        seed=options.seed,
        source=[Path(source).name for source in options.source],
        holdout_organisms=list(options.holdout),
        search_from=options.search_from,
        searched=[molecule for molecule in ALPHABETS if molecule in searched],
    )


def sources_of(prepared: Prepared, corpus: Corpus) -> list[Source]:
    """Return the sources of a build as its manifest states them."""
    return [
        Source(
            accession=assembly.accession,
            name=assembly.name,
            origin=assembly.origin,
            organisms=[assembly.organism] if assembly.organism else list(organisms),
            files=[SourceFile(role=file.role, name=file.path.name, sha256=file.sha256) for file in assembly.files],
        )
        for assembly, organisms in zip(prepared.assemblies, corpus.organisms, strict=True)
    ]


def new_manifest(
    prepared: Prepared,
    corpus: Corpus,
    database_size: DatabaseSize,
    limits: Limits,
    entries: dict[str, ConfigEntry],
    folder: str,
) -> Manifest:
    """Return the manifest of a build into a folder of that name: nothing in it depends on the workers or the time."""
    options = prepared.options
    return Manifest(
        name="bioPAWS",
        version=DATA_VERSION,
        arguments=arguments_of(options, prepared.hits),
        versions=versions_of(options.engine),
        sources=sources_of(prepared, corpus),
        rejected_records=corpus.rejected,
        genetic_codes=corpus.genetic_codes,
        masks=corpus.masks,
        source_notes=corpus.notes,
        database_size=database_size,
        gene_regions=GeneRegions(**vars(prepared.from_genes)) if prepared.from_genes else None,
        partition_limits=None if limits == Limits() else PartitionLimits(**vars(limits)),
        folder=folder if folder.isprintable() else FOLDER,
        configs=entries,
    )


def versions_of(engine: str) -> dict[str, str]:
    """Return the versions of all that the key of a stage covers: so also of what made a stage in an earlier run."""
    packages = {name: importlib.metadata.version(name) for name in ("bio-paws", *BUILD_PACKAGES)}
    return packages | {"python": platform.python_version()} | engines.versions(engine)


def finish(folder: Path, manifest: Manifest) -> None:
    """Write manifest, card and figures into a folder that holds the configs."""
    write_manifest(folder, manifest)
    write_card(folder, manifest)
