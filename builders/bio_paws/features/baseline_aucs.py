"""How well each trivial baseline of `baselines` tells the label of a config: what its manifest and card state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.configs import Molecule, PairConfig
from bio_paws.features.baselines import Baseline, PairBatch, applicable, get_baseline
from bio_paws.features.kmers import PAIRS_PER_BLOCK
from bio_paws.features.thresholds import auroc
from bio_paws_cards.manifest import ConfigEntry

_DECIMALS = 3  # so that a rounding in the last place changes no manifest
_DIRECTION_ROWS = 8 * PAIRS_PER_BLOCK
"""Of the train split, in their random order: enough for the direction of a score, and whole blocks, which the shortcuts
have too."""

_MOST_ROWS = 25_000
"""Rows of a split that are read, in their random order: all that a config of the usual size has."""

Measured = dict[str, dict[str, float]]
"""Area under the ROC curve by name, of the "baselines" and of the "upper_bounds"."""


def split_files(folder: Path, entry: ConfigEntry) -> dict[str, Path]:
    """Return the Parquet file of each split, for a data set's folder and a config's entry in its manifest."""
    return {name: folder / split.file for name, split in entry.splits.items()}


def measure_baselines(files: dict[str, Path], config: PairConfig) -> Measured:
    """Measure each baseline, fitted on train, and each upper bound: area under the ROC curve on test.

    Parameters
    ----------
    files : dict of str to Path
        Parquet file of each split, from `split_files`.
    config : PairConfig
        The config that they hold.

    Returns
    -------
    dict of str to dict of str to float
        ``"baselines"``: areas of the entries of `baselines.BASELINES` whose role is baseline, but for ``majority``,
        which has no curve. ``"upper_bounds"``: for pairs of one alphabet ``similarity`` and ``score``, the stored
        similarity and the stored Smith-Waterman score over the longer length, and ``edit``; for dna_protein
        ``spliced`` and ``six_frame``, the stored similarity and the stored score over the protein's length. Both are
        empty where train or test lack pairs of either label, so that nothing can be measured.
    """
    columns = ["sentence1", "sentence2", "label", "similarity", "sw_score"]
    split_tables = [_first_rows(files[split], columns) for split in ("train", "test") if split in files]
    labels = [table["label"].to_numpy() for table in split_tables]
    if len(labels) < 2 or any(len(np.unique(values)) < 2 for values in labels):
        return {"baselines": {}, "upper_bounds": {}}
    train, test = (_batch(table, config.molecule) for table in split_tables)
    few = _batch(split_tables[0].slice(0, _DIRECTION_ROWS), config.molecule)
    aucs = {}
    for baseline in applicable(config.molecule):
        if baseline.role == "baseline" and baseline.family != "majority":
            aucs[baseline.name] = _auc(baseline, train, few, labels[0], test, labels[1])
    scores = _upper_bounds(split_tables[1], test, config.molecule)
    upper_bounds = {name: auroc(values, labels[1]) for name, values in scores.items()}
    return {"baselines": _rounded(aucs), "upper_bounds": _rounded(upper_bounds)}


def _auc(
    baseline: Baseline,
    train: PairBatch,
    few: PairBatch,
    train_labels: NDArray[np.int8],
    test: PairBatch,
    test_labels: NDArray[np.int8],
) -> float:
    """Area on test of a classifier fitted on train, or of a score in the direction that it has on a few train pairs."""
    if baseline.score is None:
        return auroc(baseline.fit(train, train_labels).margin(test), test_labels)
    direction = 1 if auroc(baseline.score(few), train_labels[: len(few)]) >= 0.5 else -1
    return auroc(direction * baseline.score(test), test_labels)


def _upper_bounds(table: pa.Table, batch: PairBatch, molecule: Molecule) -> dict[str, NDArray[np.float64]]:
    """Return scores of the upper bounds, those from the alignment as the data set stores them."""
    similarity, score = table["similarity"].to_numpy(), table["sw_score"].to_numpy()
    second = np.array([len(text) for text in batch.sentence2])
    if molecule == "dna_protein":
        # A gene's score grows with its protein: bases and residues are not to be compared.
        return {"spliced": similarity, "six_frame": score / second}
    longer = np.maximum([len(text) for text in batch.sentence1], second)
    return {"similarity": similarity, "score": score / longer, "edit": get_baseline("edit").scores(batch)}


def _first_rows(path: Path, columns: list[str]) -> pa.Table:
    file = pq.ParquetFile(path)
    groups: list[pa.Table] = []
    for number in range(file.num_row_groups):
        if (missing := _MOST_ROWS - sum(map(len, groups))) > 0:
            groups.append(file.read_row_group(number, columns=columns).slice(0, missing))
    return pa.concat_tables(groups)


def _batch(table: pa.Table, molecule: Molecule) -> PairBatch:
    return PairBatch(table["sentence1"].to_pylist(), table["sentence2"].to_pylist(), molecule)


def best(aucs: dict[str, float]) -> tuple[str, float]:
    """Return the name and the area of the highest of these areas under the curve; the first of equal ones."""
    return max(aucs.items(), key=lambda item: item[1])


def _rounded(aucs: dict[str, float]) -> dict[str, float]:
    return {name: round(auc, _DECIMALS) for name, auc in aucs.items()}
