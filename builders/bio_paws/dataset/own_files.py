"""Which files in a data set's folder are its own: whatever else is there is the user's, and is never removed."""

from __future__ import annotations

from bio_paws.dataset.manifest import MANIFEST
from bio_paws.dataset.provenance import STATEMENT
from bio_paws_cards.files import FIGURES, GENERATED
from bio_paws_cards.manifest import Manifest

FIGURE_FILES = frozenset({"similarity.svg", "length.svg", "composition.svg"})
"""Every figure that any version of the card has had."""


def own_files(manifest: Manifest | None) -> frozenset[str]:
    """Return the names of a data set's own files, relative to its folder, whether they are there or not.

    Parameters
    ----------
    manifest : Manifest, optional
        Its manifest; without one only the files that every data set has are returned.
    """
    common = {MANIFEST, STATEMENT, *(GENERATED - {FIGURES}), *(f"{FIGURES}/{name}" for name in FIGURE_FILES)}
    entries = manifest.configs.values() if manifest else ()
    return frozenset(common | {split.file for entry in entries for split in entry.splits.values()})
