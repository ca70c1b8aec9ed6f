"""How well the label can be told without aligning the two sides, and how well by what aligns them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.configs import Molecule, PairConfig
from bio_paws.features.kmers import LONGEST_KMER, kmer_similarity
from bio_paws.features.pair_features import (
    composition_differences,
    edit_similarities,
    length_differences,
    one_sided_classifier,
)
from bio_paws.features.thresholds import auroc
from bio_paws_cards.manifest import ConfigEntry

SHORTCUTS = ("sentence1", "sentence2", "length", "gc")
"""Floors that compare no letter with another: either side alone by a logistic regression on its 3-mers, the
difference in length, the difference in GC content (for proteins in the residues of GC-rich codons)."""

KMER_BASELINES = tuple(f"{measure}{k}" for measure in ("jaccard", "cosine") for k in range(1, LONGEST_KMER + 1))
BASELINE_NAMES = (*SHORTCUTS, *KMER_BASELINES)
"""`SHORTCUTS`, and the k-mers in common."""

UPPER_BOUNDS: dict[Molecule, tuple[str, ...]] = {
    "dna": ("similarity", "score", "edit"),
    "protein": ("similarity", "score", "edit"),
    "dna_protein": ("spliced", "six_frame"),
}
"""The stored similarity, the stored Smith-Waterman score over the longer length, and the edit similarity, which aligns
from end to end; for dna_protein the spliced reading of the gene, and the score of the best of its six frames over the
protein's length."""

_DECIMALS = 3  # so that a rounding in the last place changes no manifest
_TRAIN_ROWS = 2_000  # of the train split, in their random order: enough for the direction of a score
_MOST_ROWS = 25_000
"""Rows of a split that are looked at, in their random order: all that a config of the usual size has."""

Measured = dict[str, dict[str, float]]
"""Area under the ROC curve by name, of the "baselines" and of the "upper_bounds"."""


def split_files(folder: Path, entry: ConfigEntry) -> dict[str, Path]:
    """Return the Parquet file of each split, for a data set's folder and a config's entry in its manifest."""
    return {split: folder / one.file for split, one in entry.splits.items()}


def measure_baselines(files: dict[str, Path], config: PairConfig) -> Measured:
    """Measure each floor, fitted on train, and each ceiling: area under the ROC curve on test.

    Parameters
    ----------
    files : dict of str to Path
        Parquet file of each split, from `split_files`.
    config : PairConfig
        The config that they hold.

    Returns
    -------
    dict of str to dict of str to float
        ``"baselines"``: areas of `BASELINE_NAMES`; ``"upper_bounds"``: areas of `UPPER_BOUNDS`. Both are empty where
        train or test lack pairs of either label, so that nothing can be measured.
    """
    columns = ["sentence1", "sentence2", "label", "similarity", "sw_score"]
    split_tables = [_first_rows(files[split], columns) for split in ("train", "test") if split in files]
    labels = [table["label"].to_numpy() for table in split_tables]
    if len(labels) < 2 or any(len(np.unique(one)) < 2 for one in labels):
        return {"baselines": {}, "upper_bounds": {}}
    train, test = split_tables
    aucs = {}
    for side in ("sentence1", "sentence2"):
        classifier = one_sided_classifier().fit(train[side].to_pylist(), labels[0])
        aucs[side] = auroc(classifier.decision_function(test[side].to_pylist()), labels[1])
    fitted = _compared(train.slice(0, _TRAIN_ROWS), config.molecule)
    for name, scores in _compared(test, config.molecule).items():
        way = 1 if auroc(fitted[name], labels[0][:_TRAIN_ROWS]) >= 0.5 else -1
        aucs[name] = auroc(way * scores, labels[1])
    # A gene's score grows with its protein: bases and residues are not to be compared.
    sides = ("sentence2",) if config.molecule == "dna_protein" else ("sentence1", "sentence2")
    lengths = np.max([[len(text) for text in test[side].to_pylist()] for side in sides], axis=0)
    aligned = [test["similarity"].to_numpy(), test["sw_score"].to_numpy() / lengths]
    if config.molecule != "dna_protein":
        aligned.append(edit_similarities(test["sentence1"].to_pylist(), test["sentence2"].to_pylist()))
    upper_bounds = {
        name: auroc(one, labels[1]) for name, one in zip(UPPER_BOUNDS[config.molecule], aligned, strict=True)
    }
    return {
        "baselines": _rounded({name: aucs[name] for name in BASELINE_NAMES}),
        "upper_bounds": _rounded(upper_bounds),
    }


def _first_rows(path: Path, columns: list[str]) -> pa.Table:
    file = pq.ParquetFile(path)
    taken: list[pa.Table] = []
    for number in range(file.num_row_groups):
        if (missing := _MOST_ROWS - sum(map(len, taken))) > 0:
            taken.append(file.read_row_group(number, columns=columns).slice(0, missing))
    return pa.concat_tables(taken)


def best(aucs: dict[str, float]) -> tuple[str, float]:
    """Return the highest of these areas under the curve, and whose it is; the first of equal ones."""
    return max(aucs.items(), key=lambda one: one[1])


def _compared(table: pa.Table, molecule: Molecule) -> dict[str, NDArray[np.float64]]:
    """Score pairs by each floor that looks at both sides."""
    first, second = (table[side].to_pylist() for side in ("sentence1", "sentence2"))
    kmers = kmer_similarity(first, second, LONGEST_KMER)
    return {
        "length": length_differences(first, second),
        "gc": composition_differences(first, second, molecule),
        **dict(zip(KMER_BASELINES, (*kmers.jaccard, *kmers.cosine), strict=True)),
    }


def _rounded(aucs: dict[str, float]) -> dict[str, float]:
    return {name: round(auc, _DECIMALS) for name, auc in aucs.items()}
