"""What the verbs of evaluation print."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from bio_paws_eval.layout.tables import Table, markdown, text_frame
from bio_paws_eval.results import Result, json_of
from bio_paws_eval.stats.groups import FEW_GROUPS


def print_results(results: Sequence[Result], skipped: Sequence[str], options: argparse.Namespace) -> None:
    """Print a line for each training and task, or JSON; the files of results hold the rest."""
    if options.json:
        described = [json_of(result) for result in results]
        print(json.dumps({"out": str(options.out), "results": described, "skipped": list(skipped)}, indent=2))
        return
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.model.id, _trained_on(result), result.task.name), []).append(result)
    rows = tuple(
        (*key, str(len(seeds)), *_values(seeds), *_sample(seeds), seeds[0].note) for key, seeds in groups.items()
    )
    scores = ("accuracy", "range", "MCC", "AUROC", "pairs", "groups", "effective pairs")
    columns = ("model", "trained on", "task", "seeds", *scores, "note")
    print(markdown(Table("results", "", text_frame(columns, [rows]), labels=3)))
    few = {
        result.task.name: result.sampling["effective_groups"] for result in results if result.sampling.get("few_groups")
    }
    if few:
        named = ", ".join(f"{task} ({groups:.0f})" for task, groups in sorted(few.items()))
        print(f"Under {FEW_GROUPS} groups in effect, too few for intervals to be relied on: {named}.")
    for reason in skipped:
        print(f"skipped: {reason}")
    if cut := sorted({result.task.name for result in results if not result.comparable}):
        # A plan states limits of its own.
        part = f"The first {options.limit:,} pairs only" if options.limit else "A part of the pairs only (limit)"
        print(f"{part}, not comparable with other results: {', '.join(cut)}.")
    print(f"{len(results)} results in {options.out}; bio-paws report {options.out} draws them")


def _trained_on(result: Result) -> str:
    return "-" if result.model.method != "model" else result.training.name


def _sample(seeds: list[Result]) -> tuple[str, str, str]:
    """Pairs, groups and effective number of pairs, its mean over seeds."""
    sampling = [result.sampling for result in seeds]
    if not all(sampling):
        return f"{seeds[0].task.rows:,}", "-", "-"
    known = [each["effective_pairs"] for each in sampling if each["effective_pairs"] is not None]
    effective = f"{sum(known) / len(known):,.0f}" if known else "-"
    return f"{sampling[0]['pairs']:,}", f"{sampling[0]['groups']:,}", effective


def _values(seeds: list[Result]) -> tuple[str, str, str, str]:
    """Mean accuracy, its range over seeds, mean MCC and AUROC of the results of one model on one task."""
    if seeds[0].status == "refused":
        return ("-",) * 4

    def mean(name: str) -> str:
        values = [result.metrics[name]["value"] for result in seeds]
        return "-" if None in values else f"{sum(values) / len(values):.3f}"

    accuracies = [result.metrics["accuracy"]["value"] for result in seeds]
    return mean("accuracy"), f"{min(accuracies):.3f}..{max(accuracies):.3f}", mean("mcc"), mean("auroc")
