"""How well the label can be told without comparing the two sides, and how well by an oracle that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from bio_paws.configs import PairConfig
from bio_paws.tools.pair_features import composition_differences, length_differences, one_sided_classifier

SHORTCUTS = ("sentence1", "sentence2", "length", "GC")
"""Either side alone by a logistic regression on its 3-mers, the difference in length, the difference in GC content
(for proteins in the residues of GC-rich codons)."""

ORACLES = ("similarity", "score")
"""The stored similarity, and the stored Smith-Waterman score over the longer length; for dna_protein the spliced
reading of the gene, and the score of the best of its six frames over the protein's length. Near one, or the labels
are wrong."""


def shortcut_aucs(folder: Path, config: PairConfig, entry: dict[str, Any]) -> dict[str, float]:
    """Measure each shortcut, fitted on train, and each oracle: area under the ROC curve on test.

    Returns
    -------
    dict of str to float
        By name as in `SHORTCUTS` and `ORACLES`; nan without a train or a test split.
    """
    columns = ["sentence1", "sentence2", "label", "similarity", "sw_score"]
    if not {"train", "test"} <= entry["splits"].keys():
        return dict.fromkeys((*SHORTCUTS, *ORACLES), float("nan"))
    train, test = (
        pq.read_table(folder / entry["splits"][split]["file"], columns=columns) for split in ("train", "test")
    )
    labels = train["label"].to_numpy(), test["label"].to_numpy()
    sides = [[table[side].to_pylist() for side in ("sentence1", "sentence2")] for table in (train, test)]
    aucs = {}
    for name, fitted, measured in zip(("sentence1", "sentence2"), *sides, strict=True):
        model = one_sided_classifier().fit(fitted, labels[0])
        aucs[name] = float(roc_auc_score(labels[1], model.decision_function(measured)))
    differences = {
        "length": [length_differences(first, second) for first, second in sides],
        "GC": [composition_differences(first, second, config.molecule) for first, second in sides],
    }
    for name, (fitted, measured) in differences.items():
        direction = 1 if roc_auc_score(labels[0], fitted) >= 0.5 else -1
        aucs[name] = float(roc_auc_score(labels[1], direction * measured))
    # A gene's score grows with its protein: bases and residues are not to be compared.
    scored = sides[1][1:] if config.molecule == "dna_protein" else sides[1]
    lengths = np.array([max(map(len, pair)) for pair in zip(*scored, strict=True)])
    aucs["similarity"] = float(roc_auc_score(labels[1], test["similarity"].to_numpy()))
    aucs["score"] = float(roc_auc_score(labels[1], test["sw_score"].to_numpy() / lengths))
    return aucs
