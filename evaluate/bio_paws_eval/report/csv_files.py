"""A results folder as files of comma-separated values, for whoever draws tables of their own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bio_paws_eval.report.systems import Entry, Grouped
from bio_paws_eval.results import Encoding, Result
from bio_paws_eval.stats.metrics import METRICS


def csv_files(entries: Sequence[Entry], grouped: Grouped, results: Path) -> dict[str, str]:
    """Write every cell, view and kind of a results folder, those included that no table shows.

    Parameters
    ----------
    entries : sequence of (Path, Result)
        As `results.read_results` returns them.
    grouped : Grouped
        The same, as `systems.group` returns them.
    results : Path
        The folder.

    Returns
    -------
    dict of str to str
        Contents by name of file: ``results.csv``, one line a cell; ``consistency.csv``, one a view; ``kinds.csv``, one
        a kind of pairs. A file without lines is left out.
    """
    names: dict[str, str] = {}
    for system in grouped.everything:
        for cell in system.cells.values():
            for result in cell.results:
                names.setdefault(result.key, system.name)
    hidden = set(grouped.left_out)
    cells = [
        (result, "" if path in hidden else names[result.key], path.relative_to(results).as_posix())
        for path, result in entries
    ]
    files = {
        "results.csv": [_csv_row(result, system, path) for result, system, path in cells],
        "consistency.csv": [_csv_short(*cell) | row for cell in cells for row in _csv_views(cell[0])],
        "kinds.csv": [_csv_short(*cell) | row for cell in cells for row in _csv_kinds(cell[0])],
    }
    return {name: _csv(rows) for name, rows in files.items() if rows}


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()


def _csv_short(result: Result, system: str, path: str) -> dict[str, Any]:
    training, task = result.training, result.task
    return {
        **{"system": system, "model": result.model.id, "trained_on": training.on, "control": training.control},
        **{"seed": training.seed, "task": task.name, "split": task.split, "version": task.version},
        **{"comparable": result.comparable, "key": result.key, "file": path},
    }


def _csv_views(result: Result) -> Iterator[dict[str, Any]]:
    for name, one in result.views.get("views", {}).items():
        yield {
            **{"view": name, "pairs": result.views["n"]},
            **_csv_interval("accuracy", one["accuracy"]),
            **_csv_interval("accuracy_stored", result.views["original"]["accuracy"]),
            **_csv_interval("recall", one["recall"]),
            **_csv_interval("recall_stored", result.views["original"]["recall"]),
            **_csv_interval("consistency", one["consistency"]),
            **{name: one[name] for name in ("margin_change", "only_original", "only_view", "p_value", "p_corrected")},
            "tells_strands": result.views["tells_strands"],
        }


def _csv_kinds(result: Result) -> Iterator[dict[str, Any]]:
    for kind, one in result.by_kind.items():
        yield {
            **{"kind": kind, "label": one["label"], "pairs": one["n"]},
            **_csv_interval("answered_1", one["answered_1"]),
            **_csv_interval("auroc", one["auroc"]),
        }


_ENCODING = tuple(name for name in Encoding.__dataclass_fields__ if name != "lengths")


def _csv_row(result: Result, system: str, path: str) -> dict[str, Any]:
    model, training, task = result.model, result.training, result.task
    encoding = {name: getattr(result.encoding, name) if result.encoding else None for name in _ENCODING}
    return {
        **{"system": system, "model": model.id, "method": model.method, "revision": model.revision},
        **{"weights_sha256": model.weights_sha256, "trained_on": training.on, "control": training.control},
        **{"seed": training.seed, "dev_accuracy": training.dev_accuracy, "task": task.name, "split": task.split},
        **{"pairs": task.rows, "dropped": task.dropped, "version": task.version, "content_sha256": task.content_sha256},
        **{"status": result.status, "note": result.note, "comparable": result.comparable},
        **encoding,
        **{
            name: value
            for metric in METRICS
            for name, value in _csv_interval(metric, result.metrics.get(metric, {})).items()
        },
        **_csv_confusion(result),
        **{"key": result.key, "file": path},
    }


def _csv_interval(name: str, found: dict[str, float | None]) -> dict[str, float | None]:
    return {name: found.get("value"), f"{name}_low": found.get("low"), f"{name}_high": found.get("high")}


def _csv_confusion(result: Result) -> dict[str, int | None]:
    counts = [count for row in result.metrics.get("confusion", [[None] * 2] * 2) for count in row]
    names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    return dict(zip(names, counts, strict=True))
