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

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.configs import get_config
from bio_paws.execution.memory import release_free_memory
from bio_paws.verify.files import check_files
from bio_paws.verify.parquet import Files, parts_of, read_rows, readable_files
from bio_paws.verify.row_keys import RowKeys
from bio_paws.verify.rows import RowContext, check_rows, check_values
from bio_paws.verify.splits import DATASET_CHECKS, SPLIT_CHECKS, Split, check_homologs
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
    every = {(name, split) for name, entry in manifest.configs.items() for split in entry.splits}
    if changed := check_files(folder, manifest):
        suspects = {(violation.config, violation.split) for violation in changed if violation.split} or every
        files, unreadable = readable_files(folder, manifest, suspects)
        return changed + unreadable + _check_values(files, manifest)
    files, violations = readable_files(folder, manifest, every)
    if not violations:
        violations += check_viewer(folder, manifest)
    of_rows, keys = _check_rows(files, manifest, executor)
    begin = 0
    for (name, split), path in files.items():
        rows = slice(begin, begin + pq.read_metadata(path).num_rows)
        entry = manifest.configs[name]
        context = Split(get_config(name), split, path, keys, rows, entry, manifest.arguments)
        violations += [violation for check in SPLIT_CHECKS for violation in check(context)]
        begin = rows.stop
    violations += [violation for check in DATASET_CHECKS for violation in check(manifest, keys)]
    violations += check_homologs(files, keys, manifest.database_size, executor)
    return of_rows + violations


def _check_values(files: Files, manifest: Manifest) -> list[Violation]:
    """Check rows by their own values, in this process."""
    known = _organisms(manifest), manifest.database_size, manifest.genetic_codes
    return [
        violation
        for (name, split), path in files.items()
        for part in parts_of(path)
        for row in read_rows(path, part)
        for violation in check_values(RowContext(row, get_config(name), split, *known))
    ]


def _check_rows(files: Files, manifest: Manifest, executor: Executor) -> tuple[list[Violation], RowKeys]:
    """Check all rows, alignments included, and return the keys of all of them in the order of the files."""
    organisms = _organisms(manifest)
    jobs = [
        executor.submit(
            check_rows, get_config(name), split, path, part, organisms, manifest.database_size, manifest.genetic_codes
        )
        for (name, split), path in files.items()
        for part in parts_of(path)
    ]
    violations: list[Violation] = []
    tables: list[pa.Table] = []
    while jobs:  # a job that is read is dropped, with its table: a list of all would hold them twice
        of_part, table = jobs.pop(0).result()
        violations += of_part
        tables.append(table)
    keys = RowKeys.of(tables)
    release_free_memory()
    return violations, keys


def _organisms(manifest: Manifest) -> frozenset[str]:
    return frozenset(organism for source in manifest.sources for organism in source.organisms)
