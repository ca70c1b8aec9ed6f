"""The checks of what the files of a data set hold: every row (aligned again), every split, all configs together.

What they find follows from the bytes of the Parquet files and from the manifest alone, so that it can be kept:
`verdicts`.
"""

from __future__ import annotations

from concurrent.futures import Executor

import pyarrow as pa
import pyarrow.parquet as pq

from bio_paws.configs import get_config
from bio_paws.execution.executors import CountingExecutor
from bio_paws.execution.memory import release_free_memory
from bio_paws.execution.progress import progress
from bio_paws.verify.parquet import Files, parts_of
from bio_paws.verify.row_keys import RowKeys
from bio_paws.verify.rows import check_rows
from bio_paws.verify.splits import DATASET_CHECKS, SPLIT_CHECKS, Split, check_homologs
from bio_paws.verify.violations import Violation
from bio_paws_cards.manifest import Manifest


def check_content(files: Files, manifest: Manifest, executor: Executor) -> list[Violation]:
    """Check every row, every split, and all configs against each other.

    Parameters
    ----------
    files : dict
        The Parquet files, as `parquet.readable_files` returns them: those of the manifest.
    manifest : Manifest
        Its manifest.
    executor : Executor
        Runs the checks of rows, and the searches.

    Returns
    -------
    list of Violation
        Rows first; empty when the data set is sound.
    """
    violations, keys = _check_rows(files, manifest, executor)
    begin = 0
    for (name, split), path in progress(list(files.items()), desc="check splits", unit="split"):
        rows = slice(begin, begin + pq.read_metadata(path).num_rows)
        entry = manifest.configs[name]
        context = Split(get_config(name), split, path, keys, rows, entry, manifest.arguments)
        violations += [violation for check in SPLIT_CHECKS for violation in check(context)]
        begin = rows.stop
    violations += [violation for check in DATASET_CHECKS for violation in check(manifest, keys)]
    with progress(desc="search across splits", total=0, unit="search") as bar:
        searching = CountingExecutor(executor, bar)
        violations += check_homologs(files, keys, manifest.database_size, searching)
    return violations


def _check_rows(files: Files, manifest: Manifest, executor: Executor) -> tuple[list[Violation], RowKeys]:
    """Check all rows, alignments included, and return the keys of all of them in the order of the files."""
    parts = [(get_config(name), split, path, part) for (name, split), path in files.items() for part in parts_of(path)]
    violations: list[Violation] = []
    tables: list[pa.Table] = []
    with progress(desc="check rows", total=len(parts), unit="part") as bar:
        counting = CountingExecutor(executor, bar)
        context = manifest.organisms, manifest.database_size, manifest.genetic_codes
        jobs = [counting.submit(check_rows, *part, *context) for part in parts]
        while jobs:  # a job that is read is dropped, with its table: a list of all would hold them twice
            of_part, table = jobs.pop(0).result()
            violations += of_part
            tables.append(table)
    keys = RowKeys.of(tables)
    release_free_memory()
    return violations, keys
