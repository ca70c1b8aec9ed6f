"""What shortcuts are worth on the test split of a config, as an audit measures it: for its manifest and its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.audit.alphabets import Kind
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.checks.shortcuts import measure_shortcuts
from bio_paws.audit.pairs import collect
from bio_paws.audit.sampling.folds import clusters_of
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import DataSet, Part, open_files
from bio_paws.audit.tables.request import Request
from bio_paws.configs import PairConfig
from bio_paws.features.baseline_aucs import Measured, measure_baselines
from bio_paws_cards.manifest import ShortcutScore

FEWEST_ROWS = 50
"""Test pairs below which nothing is measured: the interval of an accuracy would be over 14 points to either side."""

TRAIN_ROWS = 4_000
"""Train pairs fitted on, the first in their random order. With 10,000 of the bundled corpus, all accuracies lie
within these intervals but that of the nearest pair, the better the more there are: it is up to 0.024 higher."""

_DECIMALS = 3  # so that a rounding in the last place changes no manifest


def measure_config(files: dict[str, Path], config: PairConfig) -> tuple[Measured, dict[str, ShortcutScore]]:
    """Measure baselines and shortcuts of a config: in one process, which compares the k-mers of a pair once.

    Parameters
    ----------
    files : dict of str to Path
        Parquet file of each split.
    config : PairConfig
        The config that they hold.

    Returns
    -------
    dict, dict
        As `measure_baselines` and as `measure_config_shortcuts`.
    """
    return measure_baselines(files, config), measure_config_shortcuts(files, config)


def measure_config_shortcuts(files: dict[str, Path], config: PairConfig) -> dict[str, ShortcutScore]:
    """Measure what needs no biology on the test split of a config, fitted on `TRAIN_ROWS` of train.

    Parameters
    ----------
    files : dict of str to Path
        Parquet file of each split.
    config : PairConfig
        The config that they hold.

    Returns
    -------
    dict of str to ShortcutScore
        By the names of `checks.shortcuts`; empty where test has fewer than `FEWEST_ROWS` pairs, or there is no train
        split.
    """
    if not {"train", "test"} <= files.keys() or pq.read_metadata(files["test"]).num_rows < FEWEST_ROWS:
        return {}
    data = _first_rows(open_files(config.name, {split: files[split] for split in ("train", "test")}))
    sides: tuple[Kind, Kind] = (
        ("dna", "protein") if config.molecule == "dna_protein" else (config.molecule, config.molecule)
    )
    request = Request("sentence1", "sentence2", "label", *sides)
    with_sequences, columns = find_columns(data, request)
    pairs = collect(with_sequences, columns, request)
    numbered = number_sequences(pairs)
    measured = measure_shortcuts(pairs, numbered, clusters_of(numbered), "test", show=False)
    return {
        shortcut.name: ShortcutScore(
            accuracy=round(shortcut.accuracy.value, _DECIMALS),
            low=round(shortcut.accuracy.low, _DECIMALS),
            high=round(shortcut.accuracy.high, _DECIMALS),
            auc=None if shortcut.auc is None else round(shortcut.auc.value, _DECIMALS),
            mcc=round(shortcut.mcc, _DECIMALS) + 0.0,  # no minus before a zero
        )
        for shortcut in measured
        if shortcut.pairs == "all"
    }


def _first_rows(data: DataSet) -> DataSet:
    """Leave out the train pairs beyond `TRAIN_ROWS`: nothing of them is read."""

    def read(part: Part) -> Iterator[pa.RecordBatch]:
        missing = TRAIN_ROWS
        for batch in part.read():
            yield batch.slice(0, missing)
            missing -= batch.num_rows
            if missing <= 0:
                return

    parts = (Part(part.split, partial(read, part)) if part.split == "train" else part for part in data.parts)
    return replace(data, parts=tuple(parts))
