"""Reference results that a card states of its test splits: kept in this package, and found by the pairs themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

REFERENCE_FILE = "reference_results.json"


@dataclass(frozen=True)
class ReferenceResult:
    """What a model reaches on a test split, without having seen a pair of the data set.

    Attributes
    ----------
    model, trained_on : str
        Its name, and the task that it was fine-tuned on.
    seeds : int
        Trainings that the scores are means of.
    accuracy, auroc : float
        Of the predictions, and of the scores of label 1.
    """

    model: str
    trained_on: str
    seeds: int
    accuracy: float
    auroc: float


def reference_results() -> dict[str, ReferenceResult]:
    """Return the reference results by `pairs_digest` of the pairs they are of; ``make results`` writes them."""
    kept = json.loads((files("bio_paws_cards") / REFERENCE_FILE).read_text(encoding="utf-8"))
    return {digest: ReferenceResult(**result) for digest, result in kept.items()}


def pairs_digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """Return the digest by which results name the pairs that they are of.

    Parameters
    ----------
    rows : iterable of tuple
        pair_id, sentence1, sentence2, label of each pair, in order.
    """
    digest = sha256()
    for row in rows:
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()
