"""Render ``eval.yaml``, which makes a data set a benchmark of the Hub: a pure function.

Format: https://huggingface.co/docs/hub/eval-results, "Registering a benchmark". Each task has a leaderboard of its
own, and the ``task_id`` of an entry in a model's ``.eval_results`` names it. ``evaluation_framework`` is left out: it
must be on a list that the Hub keeps (``packages/tasks/src/eval.ts`` of huggingface/huggingface.js). No program on it
fine-tunes classifiers, and for any other value the Hub calls the whole file invalid.
"""

from __future__ import annotations

import yaml

from bio_paws_cards.about import description_of, kinds_in, words_for
from bio_paws_cards.manifest import Manifest

_METRIC = (
    "Metric: accuracy on the test split, from 0 to 1; 0.5 is chance. Each task is a config[_paws:; those ending in "
    "_paws cannot be solved by comparing k-mers]."
)


def render_eval(manifest: Manifest) -> str:
    """Return the text of ``eval.yaml``: a task for the test split of each config, by the name of the config.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    """
    benchmark = {
        "name": manifest.name,
        "description": f"{description_of(manifest)} {words_for(kinds_in(manifest), _METRIC)}",
        "tasks": [
            {"id": name, "config": name, "split": "test"}
            for name, entry in manifest.configs.items()
            if "test" in entry.splits
        ],
    }
    return yaml.safe_dump(benchmark, sort_keys=False, allow_unicode=True, width=1000)
