"""How well the label can be told without comparing the two sides, and how well by an oracle that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from bio_paws.configs import PairConfig
from bio_paws.constraints import COMPOSITION_LETTERS

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
    train_rows, test_rows = train.to_pylist(), test.to_pylist()
    aucs = {}
    for side in ("sentence1", "sentence2"):
        model = make_pipeline(
            CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False),
            MaxAbsScaler(),
            LogisticRegression(max_iter=500),
        )
        model.fit(train[side].to_pylist(), labels[0])
        aucs[side] = float(roc_auc_score(labels[1], model.decision_function(test[side].to_pylist())))
    for name, differences in (("length", _length_differences), ("GC", _composition_differences)):
        fitted, measured = differences(train_rows, config), differences(test_rows, config)
        direction = 1 if roc_auc_score(labels[0], fitted) >= 0.5 else -1
        aucs[name] = float(roc_auc_score(labels[1], direction * measured))
    # A gene's score grows with its protein: bases and residues are not to be compared.
    scored = ("sentence2",) if config.molecule == "dna_protein" else ("sentence1", "sentence2")
    lengths = np.array([max(len(row[side]) for side in scored) for row in test_rows])
    aucs["similarity"] = float(roc_auc_score(labels[1], test["similarity"].to_numpy()))
    aucs["score"] = float(roc_auc_score(labels[1], test["sw_score"].to_numpy() / lengths))
    return aucs


def _length_differences(rows: list[dict[str, str]], _: PairConfig) -> NDArray[np.float64]:
    return np.array([abs(len(row["sentence1"]) - len(row["sentence2"])) for row in rows], dtype=np.float64)


def _composition_differences(rows: list[dict[str, str]], config: PairConfig) -> NDArray[np.float64]:
    first, second = {
        "dna": ("dna", "dna"),
        "protein": ("protein", "protein"),
        "dna_protein": ("dna", "protein"),
    }[config.molecule]

    def part(text: str, molecule: str) -> float:
        return sum(map(text.count, COMPOSITION_LETTERS[molecule])) / len(text)

    return np.array([abs(part(row["sentence1"], first) - part(row["sentence2"], second)) for row in rows])
