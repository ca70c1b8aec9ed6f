"""`BioPaws`, the versioned builder: how both `bio-paws build` and `download_and_prepare` make the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws import configs
from bio_paws.build.pairs import read_pairs
from bio_paws.build.pipeline import BuildOptions, Prepared, make_config, prepare, searched_molecules
from bio_paws.configs import DATA_VERSION, PairConfig
from bio_paws.schema import SCHEMA


def features_of(config: PairConfig) -> datasets.Features:
    """Return the features of a config: the schema of a pair, its label named."""
    features = datasets.Features.from_arrow_schema(SCHEMA)
    features["label"] = datasets.ClassLabel(names=list(config.label_names))
    return features


@dataclass
class BioPawsConfig(datasets.BuilderConfig):
    """A `PairConfig` as datasets knows it."""

    @classmethod
    def of(cls, config: PairConfig) -> BioPawsConfig:
        """Return the builder config of a pair config."""
        return cls(name=config.name, version=datasets.Version(DATA_VERSION), description=config.summary)


class BioPaws(datasets.ArrowBasedBuilder):
    """Builds a config from genomes, or takes it from a folder where it lies built.

    Parameters
    ----------
    *args, **kwargs
        As for `datasets.ArrowBasedBuilder`: above all ``config_name`` and ``cache_dir``.
    options : BuildOptions, optional
        What to build from; by default the bundled corpus.
    prepared : Prepared, optional
        A build under way, to share its corpus and its splits.
    folder : Path, optional
        A finished data set to take the config from, instead of building it.
    """

    BUILDER_CONFIG_CLASS = BioPawsConfig
    BUILDER_CONFIGS = [BioPawsConfig.of(config) for config in configs.CONFIGS]  # noqa: RUF012
    VERSION = datasets.Version(DATA_VERSION)

    def __init__(
        self,
        *args: Any,
        options: BuildOptions | None = None,
        prepared: Prepared | None = None,
        folder: Path | None = None,
        **kwargs: Any,
    ) -> None:
        self._options = options or BuildOptions()
        self._prepared = prepared
        self._folder = folder
        super().__init__(*args, **kwargs)

    def download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        """Prepare as datasets does, but say of a full disk what the system says of it."""
        try:
            super().download_and_prepare(*args, **kwargs)
        except datasets.exceptions.DatasetGenerationError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise

    def _info(self) -> datasets.DatasetInfo:
        config = configs.get_config(self.config.name)
        return datasets.DatasetInfo(description=config.summary, features=features_of(config), version=DATA_VERSION)

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        config = configs.get_config(self.config.name)
        if self._folder is not None:
            files = {split: self._folder / config.name / parquet_name(split) for split in configs.SPLITS}
        else:
            options = replace(self._options, molecules=searched_molecules([config]))
            with nullcontext(self._prepared) if self._prepared else prepare(options) as prepared:
                files, _ = make_config(config, prepared)
        # datasets knows no empty split.
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"files": [path]})
            for split, path in files.items()
            if path.is_file() and any(table.num_rows for _, table in self._generate_tables([path]))
        ]

    def _generate_tables(self, files: list[Path]) -> Iterator[tuple[tuple[int, int], pa.Table]]:
        for number, path in enumerate(files):
            if path.suffix == ".arrow":
                batches = read_pairs(path)
            else:
                batches = pq.ParquetFile(path, page_checksum_verification=True).iter_batches(10_000)
            for part, batch in enumerate(batches):
                yield (number, part), pa.Table.from_batches([batch]).cast(SCHEMA)


def parquet_name(split: str) -> str:
    """Return the file name of a split, by which the Hub knows it."""
    return f"{split}-00000-of-00001.parquet"
