"""The results of a folder as comma-separated values, for readers who build tables of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bio_paws.execution.printable import inert_cell
from bio_paws_eval.report.frame import interval_columns, results_frame
from bio_paws_eval.report.systems import Entry, Grouped
from bio_paws_eval.results import Result

_KEY_COLUMNS = (
    *("system", "model", "trained_on", "control", "seed", "task", "split", "version", "comparable", "key", "file"),
)


def csv_files(entries: Sequence[Entry], grouped: Grouped, results: Path) -> dict[str, str]:
    """Write all results of a folder as CSV, including those that no table shows.

    Parameters
    ----------
    entries : sequence of (Path, Result)
        As `results.read_results` returns them.
    grouped : Grouped
        The same results, as `systems.group` returns them.
    results : Path
        The folder.

    Returns
    -------
    dict of str to str
        Contents by file name: ``results.csv``, one row per result; ``consistency.csv``, one per result and
        perturbation; ``pair-types.csv``, one per result and pair type. Files without rows are omitted.
    """
    names = {
        result.key: system.name
        for system in reversed(grouped.everything)
        for cell in system.results.values()
        for result in cell.seed_results
    }
    hidden = set(grouped.left_out)
    frame = results_frame(results)
    frame.insert(0, "system", ["" if path in hidden else names[result.key] for path, result in entries])
    # Both lists are in the order of the paths.
    keyed = [
        (dict(zip(_KEY_COLUMNS, row, strict=True)), result)
        for row, (_, result) in zip(frame[list(_KEY_COLUMNS)].itertuples(index=False, name=None), entries, strict=True)
    ]
    frames = {
        "results.csv": frame,
        "consistency.csv": pd.DataFrame(key | row for key, result in keyed for row in _perturbation_rows(result)),
        "pair-types.csv": pd.DataFrame(key | row for key, result in keyed for row in _pair_type_rows(result)),
    }
    return {
        name: _without_formulas(table).to_csv(index=False, float_format="%.6g", lineterminator="\n")
        for name, table in frames.items()
        if not table.empty
    }


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would compute: names of models and notes are anybody's."""
    texts = frame.select_dtypes(include=["object", "str"]).columns
    return frame.assign(**{name: frame[name].map(_inert) for name in texts})


def _inert(value: Any) -> Any:
    return inert_cell(value) if isinstance(value, str) else value


def _perturbation_rows(result: Result) -> Iterator[dict[str, Any]]:
    stored = result.perturbations.get("original", {})
    for name, perturbed in result.perturbations.get("perturbed", {}).items():
        yield {
            **{"view": name, "pairs": result.perturbations["n"]},
            **interval_columns("accuracy", perturbed["accuracy"]),
            **interval_columns("accuracy_stored", stored["accuracy"]),
            **interval_columns("recall", perturbed["recall"]),
            **interval_columns("recall_stored", stored["recall"]),
            **interval_columns("consistency", perturbed["consistency"]),
            **{
                column: perturbed[column]
                for column in ("margin_change", "only_original", "only_perturbed", "p_value", "p_corrected")
            },
            "tells_strands": result.perturbations["tells_strands"],
        }


def _pair_type_rows(result: Result) -> Iterator[dict[str, Any]]:
    for pair_type, answers in result.by_pair_type.items():
        yield {
            **{"kind": pair_type, "label": answers["label"], "pairs": answers["n"]},
            **interval_columns("predicted_positive_rate", answers["predicted_positive_rate"]),
            **interval_columns("auroc", answers["auroc"]),
        }
