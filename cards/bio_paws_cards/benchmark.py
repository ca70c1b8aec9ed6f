"""Render ``eval.yaml``, by which the Hub takes a data set for a benchmark: a pure function.

Format: https://huggingface.co/docs/hub/eval-results, "Registering a benchmark". Each task has a leaderboard of its own,
and the ``task_id`` of an entry in a model's ``.eval_results`` names it. ``evaluation_framework`` must be on a list that
the Hub keeps (``packages/tasks/src/eval.ts`` of huggingface/huggingface.js); the file is checked when it is pushed.
bio-paws was not on that list when last seen, nor was another framework that fine-tunes classifiers. Until it is, the
Hub finds fault with that field and shows no leaderboard; it takes the file all the same, as data sets have held theirs
before their framework was listed (huggingface.js, pull requests 2096 and 2174).
"""

from __future__ import annotations

import yaml

from bio_paws_cards.about import DESCRIPTION
from bio_paws_cards.manifest import Manifest


def render_eval(manifest: Manifest) -> str:
    """Return the text of ``eval.yaml``: a task for the test split of each config, by the name of the config.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    """
    benchmark = {
        "name": manifest.name,
        "description": DESCRIPTION,
        "evaluation_framework": "bio-paws",
        "tasks": [
            {"id": name, "config": name, "split": "test"}
            for name, entry in manifest.configs.items()
            if "test" in entry.splits
        ],
    }
    return yaml.safe_dump(benchmark, sort_keys=False, allow_unicode=True, width=1000)
