"""The comparisons of representations in a results folder, laid out for the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json
from bio_paws_eval.layout.tables import Table
from bio_paws_eval.representations.page import comparison_tables, explain_changes
from bio_paws_eval.representations.results import RESULTS_FILE, RESULTS_FOLDER, SCHEMA_VERSION, Comparison

if TYPE_CHECKING:
    from bio_paws_eval.layout.drawing import Drawing


def representation_section(results: Path) -> list[Table | Drawing]:
    """Lay out all comparisons of a results folder: for each its main table, its figures and its remaining tables.

    Parameters
    ----------
    results : Path
        A results folder, whose subfolder `RESULTS_FOLDER` holds the comparisons.

    Raises
    ------
    BioPawsError
        When a comparison is damaged or has another major schema version.
    """
    paths = sorted(results.glob(f"{RESULTS_FOLDER}/*/{RESULTS_FILE}"))
    items = []
    for number, path in enumerate(paths, 1):
        try:
            items += _items(number, path)
        except (LookupError, StopIteration, TypeError, ValueError) as error:  # a part of the comparison is not there
            raise BioPawsError(f"{path}: is not complete ({type(error).__name__} {error}): {_ADVICE}") from error
    return items


_ADVICE = "restore its folder from a copy, or move it away and run the sweep again"


def _items(number: int, path: Path) -> list[Table | Drawing]:
    from bio_paws_eval.representations.figures import draw_comparison  # matplotlib is an optional dependency

    comparison, projections = _read(path)
    model = comparison.models[0].model.id
    main_table, *further_tables = comparison_tables(comparison)
    notes = (f"{note[0].upper()}{note[1:]}." for note in comparison.notes)
    main_table = replace(main_table, note=" ".join([*explain_changes(comparison), main_table.note, *notes]))
    items: list[Table | Drawing] = [main_table, *draw_comparison(comparison, projections), *further_tables]
    return [replace(item, name=f"vectors-{number:02}-{item.name}", title=f"{model}: {item.title}") for item in items]


def _read(path: Path) -> tuple[Comparison, pa.Table]:
    try:
        raw = read_json(path)
        version = str(raw["schema_version"])
        if version.split(".", maxsplit=1)[0] != SCHEMA_VERSION.split(".", maxsplit=1)[0]:
            raise BioPawsError(
                f"{path}: schema version {version}, this program reads {SCHEMA_VERSION}: update it, or move it away"
            )
        # Strict JSON, as models are read: a list becomes a tuple.
        comparison = TypeAdapter(Comparison).validate_json(to_json(raw, inf_nan_mode="constants"))
        return comparison, pq.read_table(path.with_name("projections.parquet"))
    except (OSError, KeyError, TypeError, ValueError, ValidationError, pa.ArrowException) as error:
        why = " ".join(str(error).split())
        raise BioPawsError(f"{path}: cannot be read ({why}): {_ADVICE}") from error
