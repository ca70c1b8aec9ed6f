"""What shortcuts are worth on the test split of a config, as an audit measures it: for its manifest and its card."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from bio_paws.audit.alphabets import Kind
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.checks.shortcuts import measure_shortcuts
from bio_paws.audit.pairs import collect
from bio_paws.audit.sampling.folds import design
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import open_files
from bio_paws.audit.tables.request import Request
from bio_paws.configs import PairConfig
from bio_paws_cards.manifest import ShortcutScore

FEWEST_ROWS = 50
"""Test pairs below which nothing is measured: the interval of an accuracy would be over 14 points to either side."""

_DECIMALS = 3  # so that a rounding in the last place changes no manifest


def measure_config_shortcuts(files: dict[str, Path], config: PairConfig) -> dict[str, ShortcutScore]:
    """Measure what needs no biology on the test split of a config, fitted on its earlier splits.

    Parameters
    ----------
    files : dict of str to Path
        Parquet file of each split.
    config : PairConfig
        The config that they hold.

    Returns
    -------
    dict of str to ShortcutScore
        By the names of `checks.shortcuts`; empty where test has fewer than `FEWEST_ROWS` pairs, or is the only split.
    """
    if len(files) < 2 or "test" not in files or pq.read_metadata(files["test"]).num_rows < FEWEST_ROWS:
        return {}
    data = open_files(config.name, files)
    sides: tuple[Kind, Kind] = (
        ("dna", "protein") if config.molecule == "dna_protein" else (config.molecule, config.molecule)
    )
    request = Request("sentence1", "sentence2", "label", *sides)
    with_sequences, columns = find_columns(data, request)
    pairs = collect(with_sequences, columns, request)
    numbered = number_sequences(pairs)
    measured = measure_shortcuts(pairs, numbered, design(pairs, numbered).clusters, "test", show=False)
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
