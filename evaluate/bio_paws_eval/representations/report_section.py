"""Comparisons of vectors that lie in a folder of results, as the report shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import read_json
from bio_paws_eval.layout.tables import Table
from bio_paws_eval.representations.page import JSON, all_tables, told
from bio_paws_eval.representations.results import SCHEMA_VERSION, Comparison

if TYPE_CHECKING:
    from bio_paws_eval.layout.drawing import Drawing

FOLDER = "vectors"
"""Where a folder of results holds them, one folder each."""


def stored_vectors(results: Path) -> list[Table | Drawing]:
    """Lay out all comparisons of a folder of results: for each its main table, its figures, its other tables.

    Raises
    ------
    BioPawsError
        When one is damaged, or of another major version.
    """
    return [
        one for number, path in enumerate(sorted(results.glob(f"{FOLDER}/*/{JSON}")), 1) for one in _items(number, path)
    ]


def _items(number: int, path: Path) -> Iterator[Table | Drawing]:
    from bio_paws_eval.representations.figures import draw_all  # matplotlib

    comparison, projections = _read(path)
    model = comparison.models[0].model.id
    main, *others = all_tables(comparison)
    notes = (f"{one[0].upper()}{one[1:]}." for one in comparison.notes)
    main = replace(main, note=" ".join([*told(comparison), main.note, *notes]))
    items: list[Table | Drawing] = [main, *draw_all(comparison, projections), *others]
    for one in items:
        yield replace(one, name=f"vectors-{number:02}-{one.name}", title=f"{model}: {one.title}")


def _read(path: Path) -> tuple[Comparison, pa.Table]:
    try:
        raw = read_json(path)
        version = str(raw["schema_version"])
        if version.split(".", maxsplit=1)[0] != SCHEMA_VERSION.split(".", maxsplit=1)[0]:
            raise BioPawsError(f"{path}: vectors of version {version}, this program reads {SCHEMA_VERSION}: run again")
        comparison = TypeAdapter(Comparison).validate_python(raw)
        return comparison, pq.read_table(path.with_name("projections.parquet"))
    except (OSError, KeyError, TypeError, ValueError, ValidationError, pa.ArrowException) as error:
        why = " ".join(str(error).split())
        raise BioPawsError(f"{path}: cannot be read ({why}): remove {path.parent} and run the sweep again") from error
