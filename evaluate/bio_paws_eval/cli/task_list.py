"""The tasks of an evaluation, as the command line lists them."""

from __future__ import annotations

from bio_paws import configs
from bio_paws_eval.tasks.registry import GENERATED, LANGUAGES, all_names, pawsx

_MOLECULES = {"dna": "DNA", "protein": "proteins", "dna_protein": "genes and proteins"}


def task_list() -> str:
    """Return a line for each task: its name, and what its pairs are."""
    pairs = {pawsx(language): f"PAWS-X, {language}" for language in LANGUAGES}
    pairs |= {config.name: f"bioPAWS, pairs of {_MOLECULES[config.molecule]}" for config in configs.CONFIGS}
    pairs |= dict.fromkeys(GENERATED, "generated; only where it is named")
    width = max(map(len, all_names()))
    return "\n".join(f"{name:<{width}}  {pairs[name]}" for name in all_names())
