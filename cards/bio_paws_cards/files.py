"""All files of a data set that are rendered; a new one is one entry here."""

from __future__ import annotations

from bio_paws_cards.benchmark import render_eval
from bio_paws_cards.croissant import render_croissant
from bio_paws_cards.description import Description
from bio_paws_cards.figures import draw_figures
from bio_paws_cards.manifest import Manifest
from bio_paws_cards.render import render_build_record, render_card

CARD, BUILD_RECORD, CROISSANT, BENCHMARK, FIGURES = "README.md", "BUILD.md", "croissant.json", "eval.yaml", "figures"
GENERATED = frozenset({CARD, BUILD_RECORD, CROISSANT, BENCHMARK, FIGURES})
"""What `generated_files` makes at the top of a data set; the folder of figures holds nothing else."""


def generated_files(manifest: Manifest, description: Description) -> dict[str, bytes]:
    """Render the files that tell of a data set: the same bytes for the same arguments.

    Parameters
    ----------
    manifest : Manifest
        Manifest of the data set.
    description : Description
        What its rows hold.

    Returns
    -------
    dict of str to bytes
        Content by path in the data set.
    """
    figures = {f"{FIGURES}/{name}": svg for name, svg in draw_figures(manifest, description).items()}
    texts = {
        CARD: render_card(manifest, description),
        BUILD_RECORD: render_build_record(manifest, description),
        CROISSANT: render_croissant(manifest, description),
        BENCHMARK: render_eval(manifest),
        **figures,
    }
    return {name: text.encode() for name, text in texts.items()}
