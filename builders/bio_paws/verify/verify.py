"""`bio-paws verify`: the invariants of a finished data set, recomputed from its files alone.

    files -> viewer -> every row (aligned again) -> every split -> all configs together -> search across splits

Nothing of the builder is used but its similarity function, the statistics that go with it, and the BLAST+ runner: a
mistake of the builder must not be repeated here. `build`, `verify`, `publish` and the tests all call `verify`.

A check of a row goes to `rows`, of a split or of all rows together to `splits`, of files to `files` and `viewer`; each
of these modules has a tuple of its checks, or one function that yields its violations.
"""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from bio_paws.configs import get_config
from bio_paws.verify.content import check_content
from bio_paws.verify.files import check_files
from bio_paws.verify.parquet import Files, parts_of, read_rows, readable_files
from bio_paws.verify.rows import RowContext, check_values
from bio_paws.verify.verdicts import is_known_sound, keep_sound
from bio_paws.verify.viewer import check_viewer
from bio_paws.verify.violations import Violation
from bio_paws_cards.manifest import Manifest


def verify(folder: Path, manifest: Manifest, executor: Executor) -> list[Violation]:
    """Check files, then every row, every split, and all configs against each other.

    Where a file is not that of the manifest, the rows of that file are checked by their own values only: alignments
    and searches would describe other rows than those of the data set.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.
    executor : Executor
        Runs the checks of rows, and the searches.

    Returns
    -------
    list of Violation
        Rows first; empty when the data set is sound.
    """
    if changed := check_files(folder, manifest):
        suspects = {(violation.config, violation.split) for violation in changed if violation.split}
        files, unreadable = readable_files(folder, manifest, suspects or _every_split(manifest))
        return changed + unreadable + _check_values(files, manifest)
    return verify_content(folder, manifest, executor)


def verify_content(
    folder: Path, manifest: Manifest, executor: Executor, *, use_verdict: bool = False
) -> list[Violation]:
    """Check what the files of a data set hold; that it is sound is kept, by the digests of the files.

    Parameters
    ----------
    folder : Path
        The data set, whose files are those of its manifest: `check_files` has just compared their bytes.
    manifest : Manifest
        Its manifest.
    executor : Executor
        Runs the checks of rows, and the searches.
    use_verdict : bool
        Leave the rows out where files of these digests were found sound before: see `verdicts`.

    Returns
    -------
    list of Violation
        Rows first; empty when the data set is sound.
    """
    if use_verdict and is_known_sound(manifest):
        return list(check_viewer(folder, manifest))
    files, unreadable = readable_files(folder, manifest, _every_split(manifest))
    of_content = check_content(files, manifest, executor)
    if not unreadable and not of_content:
        keep_sound(manifest)
    of_viewer = [] if unreadable else list(check_viewer(folder, manifest))
    return of_content + unreadable + of_viewer


def _every_split(manifest: Manifest) -> set[tuple[str, str]]:
    return {(name, split) for name, entry in manifest.configs.items() for split in entry.splits}


def _check_values(files: Files, manifest: Manifest) -> list[Violation]:
    """Check rows by their own values, in this process."""
    reference_values = manifest.organisms, manifest.database_size, manifest.genetic_codes
    return [
        violation
        for (name, split), path in files.items()
        for part in parts_of(path)
        for row in read_rows(path, part)
        for violation in check_values(RowContext(row, get_config(name), split, *reference_values))
    ]
