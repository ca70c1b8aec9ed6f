"""`bio-paws card`: the files of a data set that tell of it, rendered from its manifest and its rows, and compared."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from jinja2 import UndefinedError

from bio_paws.dataset.description import describe
from bio_paws.dataset.own_files import FIGURE_FILES
from bio_paws.errors import DataError, first_line
from bio_paws.execution.files import atomic
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws_cards.files import FIGURES, generated_files
from bio_paws_cards.manifest import Manifest


def write_card(folder: Path, manifest: Manifest) -> list[str]:
    """Render the card and what belongs to it into a data set, and remove figures that are no longer drawn.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.

    Returns
    -------
    list of str
        Names of the files that are not as they were.

    Raises
    ------
    DataError
        When the manifest or a file cannot be read, or nothing can be written.
    CheckFailed
        When a file is not the one that the manifest names.
    """
    rendered = render_files(folder, manifest)
    changed = differing_files(folder, rendered)
    for name in changed:
        path = folder / name
        if name in rendered:
            with atomic(path) as part:
                part.write_bytes(rendered[name])
        else:
            try:
                path.unlink()
            except OSError as error:
                raise DataError(f"{path}: cannot be removed ({error.strerror})") from error
    return changed


def render_files(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """Render the card, the figures and the metadata files of a data set, by file name."""
    try:
        return generated_files(manifest, describe(folder, manifest))
    except (OSError, LookupError, TypeError, ValueError, UndefinedError, pa.ArrowException) as error:
        reraise_if_out_of_memory(error)
        raise DataError(f"{folder}: cannot be described ({first_line(error)}): build the data set again") from error


def differing_files(folder: Path, rendered: dict[str, bytes]) -> list[str]:
    """Return the names of rendered files that are missing or differ, and of figures that are no longer rendered."""
    here = {f"{FIGURES}/{name}" for name in FIGURE_FILES if (folder / FIGURES / name).exists()}
    return sorted(
        name
        for name in here | rendered.keys()
        if name not in rendered or not (folder / name).is_file() or (folder / name).read_bytes() != rendered[name]
    )
