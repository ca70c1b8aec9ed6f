"""What shortcuts are worth on the test split of a config, as an audit measures it: for its manifest and its card."""

from __future__ import annotations

from pathlib import Path

from bio_paws.audit.alphabets import Kind
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.checks.shortcuts import measure_shortcuts
from bio_paws.audit.pairs import collect
from bio_paws.audit.sampling.folds import design
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import open_data
from bio_paws.audit.tables.request import Request
from bio_paws.configs import PairConfig
from bio_paws_cards.manifest import ConfigEntry, ShortcutScore

FEWEST_ROWS = 50
"""Test pairs below which nothing is measured: the interval of an accuracy would be over 14 points to either side."""

_DECIMALS = 3  # so that a rounding in the last place changes no manifest


def measure_config_shortcuts(folder: Path, config: PairConfig, entry: ConfigEntry) -> dict[str, ShortcutScore]:
    """Measure what needs no biology on the test split of a config, fitted on its earlier splits.

    Parameters
    ----------
    folder : Path
        The data set.
    config : PairConfig
        The config.
    entry : ConfigEntry
        Its entry in the manifest, whose files are there.

    Returns
    -------
    dict of str to ShortcutScore
        By the names of `checks.shortcuts`; empty where test has fewer than `FEWEST_ROWS` pairs, or is the only split.
    """
    if len(entry.splits) < 2 or "test" not in entry.splits or entry.splits["test"].rows < FEWEST_ROWS:
        return {}
    [data] = open_data(str(folder / config.name))
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
