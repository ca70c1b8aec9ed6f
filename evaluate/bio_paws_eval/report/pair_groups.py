"""The groups of pairs whose predictions do not name them: those of results before schema 2.3."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bio_paws.dataset.load import FOLDER
from bio_paws_eval.results import Task
from bio_paws_eval.stats.groups import PairGroups
from bio_paws_eval.tasks.load import load_pairs
from bio_paws_eval.tasks.pairs import MissingPairs
from bio_paws_eval.tasks.registry import Sources, is_biopaws


class GroupFinder:
    """Finds groups by the ids of pairs, where the pairs lie in a folder at hand; reads each split once.

    Parameters
    ----------
    sources : Sources
        Folders of bioPAWS and of PAWS-X. A Hub id is not followed: a report needs no network.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[tuple[str, str], tuple[pd.Index, PairGroups] | None] = {}

    def find(self, task: Task, pair_ids: NDArray[np.object_]) -> PairGroups | None:
        """Return the groups of pairs in their order; None where the pairs of the task are not at hand, or are others.

        Raises
        ------
        DamagedFile
            When a file of the data set is not the one that its manifest names.
        """
        key = task.name, task.split
        if key not in self._known:
            self._known[key] = self._read(*key)
        known = self._known[key]
        if known is None:
            return None
        rows = known[0].get_indexer(pd.Index(pair_ids))
        return None if (rows < 0).any() else known[1].take(rows)

    def _read(self, name: str, split: str) -> tuple[pd.Index, PairGroups] | None:
        folder = Path(self._sources.data or FOLDER) if is_biopaws(name) else Path(self._sources.pawsx)
        if not folder.is_dir():
            return None
        try:
            pairs = load_pairs(name, split, self._sources)
        except MissingPairs:
            return None
        return pd.Index(list(chain.from_iterable(batch["pair_id"].to_pylist() for batch in pairs.read()))), pairs.groups
