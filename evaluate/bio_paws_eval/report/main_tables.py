"""The tables of a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bio_paws.configs import SIMILARITY_BINS
from bio_paws.features.perturbations import PERTURBED_ROWS, STRAND_PERTURBATIONS
from bio_paws_eval.layout.tables import Row, Table, text_frame
from bio_paws_eval.report.answers import answers_tables, sources_table
from bio_paws_eval.report.comparisons import Compared, compare_all
from bio_paws_eval.report.controls import control_matrix
from bio_paws_eval.report.paper import paper_tables
from bio_paws_eval.report.plan_tables import plan_tables
from bio_paws_eval.report.score_text import (
    MISSING,
    SAMPLE,
    SAMPLE_NOTE,
    accuracy,
    decimal,
    interval,
    marks,
    p_value,
    rates,
    sample,
    share_interval,
)
from bio_paws_eval.report.seed_study import SeedStudy, seed_table
from bio_paws_eval.report.systems import (
    Grouped,
    System,
    TaskResult,
    config_names,
    names_of,
    share_over_seeds,
    tasks_of,
)
from bio_paws_eval.report.transfers import Transfer
from bio_paws_eval.stats.metrics import METRICS
from bio_paws_eval.stats.seeds import best_on_dev
from bio_paws_eval.tasks.registry import LANGUAGES, is_pawsx, language_of, pawsx

_METRIC_COLUMNS = ("accuracy", "95% interval", "balanced accuracy", "F1", "MCC", "AUROC", "answered 1")


def all_tables(grouped: Grouped, studies: Sequence[SeedStudy], transfers: Sequence[Transfer]) -> list[Table]:
    """Build all tables that have rows.

    Parameters
    ----------
    grouped : Grouped
        What a results folder holds.
    studies : sequence of SeedStudy
        As `seed_study.study_seeds` returns them.
    transfers : sequence of Transfer
        As `transfers.judge_transfers` returns them.
    """
    compared = compare_all(grouped.systems)
    tables = [
        *answers_tables(grouped, transfers),
        sources_table(grouped.systems),
        configs_table(grouped),
        _languages_table(grouped),
        *paper_tables(grouped.systems),
        *plan_tables(grouped.systems),
        seed_table(studies),
        control_matrix(grouped.systems, compared),
        _metrics_table("baselines", "Baselines and upper bounds", grouped.baselines),
        _seeds_table(grouped.systems),
        _metrics_table("metrics", "All metrics", grouped.systems),
        _similarity_bins_table(grouped),
        _pair_types_table(grouped),
        _consistency_table(grouped.systems),
        _comparisons_table(compared),
        _systems_table(grouped.systems),
        _data_table(grouped),
    ]
    return [table for table in tables if not table.frame.empty]


def configs_table(grouped: Grouped) -> Table:
    """Lay out systems by configs of bioPAWS: the paper's Table 3."""
    names = config_names()
    own = {language for system in grouped.systems if (language := _own_language(system))}
    # Baselines were fine-tuned in no language: they stand beside systems that share one.
    language = own.pop() if len(own) == 1 else None
    columns = ("system", "PAWS-X", *names, "mean")

    def row(system: System, language: str | None) -> Row:
        own = accuracy(system.results.get(language)) if language else MISSING
        if own != MISSING and language:
            own = f"{language_of(language)} {own}"
        return (system.name, own, *(accuracy(system.results.get(name)) for name in names), _mean(system, names))

    wanted = {*names, *map(pawsx, LANGUAGES)}
    systems = tuple(row(system, _own_language(system)) for system in grouped.systems if wanted & set(system.results))
    baselines = tuple(
        row(baseline_row, language)
        for baseline_row in baseline_rows(grouped.baselines)
        if wanted & set(baseline_row.results)
    )
    return Table(
        "configs",
        "Accuracy on bioPAWS",
        text_frame(columns, (systems, baselines)),
        note="Mean and standard deviation over n seeds; in brackets the 95% interval over seeds and groups. PAWS-X: in "
        "the language of fine-tuning. Mean: over the configs that are scored and not cut; systems that are scored on "
        "different configs do not compare by it. Best baseline: chosen on this very test, so that the bar is high.",
    )


def _own_language(system: System) -> str | None:
    return system.training.on if is_pawsx(system.training.on) else None


def _languages_table(grouped: Grouped) -> Table:
    """Lay out systems by languages of PAWS-X: a part of the paper's Table 1."""
    names = [pawsx(language) for language in LANGUAGES]

    def rows(systems: Iterable[System]) -> tuple[Row, ...]:
        return tuple(
            (system.name, *(accuracy(system.results.get(name)) for name in names))
            for system in systems
            if set(names) & set(system.results)
        )

    return Table(
        "languages",
        "Accuracy on PAWS-X",
        text_frame(("system", *LANGUAGES), (rows(grouped.systems), rows(baseline_rows(grouped.baselines)))),
        note="Mean and standard deviation over n seeds; in brackets the 95% interval over seeds and groups.",
    )


def baseline_rows(baselines: Sequence[System]) -> list[System]:
    """Return the best baseline of each task as one row, then each upper bound."""
    trivial = [system for system in baselines if system.method == "baseline" and system.scored]
    upper_bounds = [system for system in baselines if system.method == "upper_bound"]
    if not trivial:
        return upper_bounds
    best = {
        task: max((system.scored[task] for system in trivial if task in system.scored), key=lambda it: it.summary.mean)
        for task in tasks_of(trivial, scored=True)
    }
    named = [replace(system, name=f"upper bound: {system.name}") for system in upper_bounds]
    return [replace(trivial[0], name="best baseline", results=best), *named]


def _name_on(system: System, cell: TaskResult) -> str:
    """Name a system beside one of its cells: which baseline is the best differs from task to task."""
    return f"{system.name}: {cell.seed_results[0].model.id}" if system.method == "baseline" else system.name


def _mean(system: System, names: Sequence[str]) -> str:
    """Mean over the configs that may be averaged, and over how many it runs."""
    cells = [system.results[name] for name in names if name in system.results and system.results[name].in_means]
    if not cells:
        return MISSING
    mean = sum(cell.summary.mean for cell in cells) / len(cells)
    mark = " §" if any(cell.limited for cell in cells) else ""
    return f"{mean:.3f}{mark}\n{len(cells)} of {len(names)}"


def _seeds_table(systems: Sequence[System]) -> Table:
    rows = []
    for system in systems:
        for task, cell in system.scored.items():
            summary = cell.summary
            numbers = [decimal(value) for value in (summary.mean, summary.sd, summary.min, summary.max)]
            ends = [interval(summary.low, summary.high), decimal(summary.dev_chosen), decimal(summary.oracle)]
            rows.append((system.name, task, f"{summary.seeds}{marks(cell)}", sample(cell), *numbers, *ends))
    columns = (SAMPLE, "mean", "sd", "min", "max", "95% interval", "best on dev", "oracle: chosen on this test")
    return Table(
        "seeds",
        "Seeds",
        text_frame(("system", "task", "seeds", *columns), [rows]),
        labels=2,
        note="Accuracy. Best on dev: the seed that the development split chooses. The oracle is the seed that is best "
        "on the very test it is shown for: nobody could have chosen it, and it is no estimate of anything. "
        f"{SAMPLE_NOTE}",
    )


def _metrics_table(name: str, title: str, systems: Sequence[System]) -> Table:
    rows = []
    for system in systems:
        for task, cell in system.scored.items():
            values = [decimal(cell.metric(metric)) for metric in METRICS]
            label = system.name if system.method == "model" else f"{system.method.replace('_', ' ')}: {system.name}"
            values.insert(1, interval(cell.summary.low, cell.summary.high))
            rows.append((label, task, f"{cell.summary.seeds}{marks(cell)}", sample(cell), *values))
    return Table(
        name,
        title,
        text_frame(("system", "task", "seeds", SAMPLE, *_METRIC_COLUMNS), [rows]),
        labels=2,
        note="Means over seeds. MCC: Matthews correlation. Answered 1: part of the pairs that were called similar. "
        f"Intervals of the other metrics stand in results.csv, seed by seed. {SAMPLE_NOTE}",
    )


def _similarity_bins_table(grouped: Grouped) -> Table:
    """Tasks whose similar pairs are graded by similarity: a column a band."""

    def row(system: System, task: str, cell: TaskResult) -> Row:
        bands = {kind: cell.pair_types[kind] for kind in cell.similarity_bins}
        scores = [
            f"{decimal(bands[kind].accuracy)}\nAUROC {decimal(bands[kind].auroc)}" if kind in bands else MISSING
            for kind, _, _ in SIMILARITY_BINS
        ]
        seeds, false_alarms = f"{cell.summary.seeds}{marks(cell)}", decimal(cell.false_positive_rate["value"])
        return (_name_on(system, cell), task, seeds, *scores, false_alarms)

    groups = [
        tuple(
            row(system, task, cell)
            for system in systems
            for task, cell in system.scored.items()
            if cell.similarity_bins
        )
        for systems in (grouped.systems, baseline_rows(grouped.baselines))
    ]
    heads = [f"{low:g}-{high:g}" if low else f"remote, under {high:g}" for _, low, high in SIMILARITY_BINS]
    return Table(
        "similarity-bins",
        "Accuracy by similarity",
        text_frame(("system", "task", "seeds", *heads, "false alarms"), groups),
        labels=2,
        note="Means over seeds. A column holds the similar pairs whose similarity lies between its limits; remote ones "
        "are similar by the E-value of BLAST. Accuracy: mean of the part of these pairs, and of the part of all "
        "dissimilar pairs, that was answered rightly. AUROC: these pairs against all dissimilar ones. False alarms: "
        "part of the dissimilar pairs that was called similar.",
    )


def _pair_types_table(grouped: Grouped) -> Table:
    rows = [
        (
            _name_on(system, cell),
            task,
            kind,
            str(pair_type.label),
            f"{pair_type.n:,}",
            f"{pair_type.seeds}{marks(cell)}",
            decimal(pair_type.predicted_positive_rate["value"]),
            share_interval(pair_type.predicted_positive_rate),
            decimal(pair_type.accuracy),
            decimal(pair_type.auroc),
        )
        for system in (*grouped.systems, *baseline_rows(grouped.baselines))
        for task, cell in system.scored.items()
        for kind, pair_type in cell.pair_types.items()
    ]
    columns = ("label", "pairs", "seeds", "answered 1", "95% interval", "accuracy", "AUROC")
    return Table(
        "pair-types",
        "Kinds of pairs",
        text_frame(("system", "task", "kind", *columns), [rows]),
        labels=3,
        note="Of tasks in which a label has several kinds of pairs. Answered 1: part of the pairs of this kind that "
        "was called similar, mean over seeds, with its interval over seeds and groups. Accuracy: mean of the part of "
        "these pairs, and of the part of all pairs of the other label, that was answered rightly. AUROC: these pairs "
        "against all pairs of the other label.",
    )


def _consistency_table(systems: Sequence[System]) -> Table:
    """Systems by configs and views."""
    groups = [_consistency_rows(system.name, task, cell) for system in systems for task, cell in system.scored.items()]
    columns = (
        "seeds",
        "pairs",
        "accuracy",
        "accuracy as stored",
        "similar found",
        "found as stored",
        "same answer",
        "95% interval",
        "margin change",
        "p",
        "p (Holm)",
        "tells strands",
    )
    return Table(
        "consistency",
        "Consistency",
        text_frame(("system", "config", "view", *columns), groups),
        labels=3,
        note=f"The first {PERTURBED_ROWS} pairs of the test split, written another way: sides swapped, or DNA as its "
        "other strand. No label changes, so a model that understands the pairs gives the same answers; so does one "
        "that gives one answer to everything, and then finds all similar pairs or none. Means over seeds, beside each "
        "the value of the same pairs as stored. Similar found: part of the similar pairs that was called similar. Same "
        "answer: part of the pairs, with its interval over seeds and groups. Margin: score of label 1 less that of "
        "label 0; mean absolute change. p: whether the model is right as often as on the pairs as stored, by a paired "
        "bootstrap over groups, for the seed that is best on the development split; Holm's method corrects for the "
        "views of the config. Tells strands: in so many seeds this changes significantly when one side only is written "
        "as its other strand. Where answers change both ways alike, only the part of same answers shows it.",
    )


def _consistency_rows(system: str, task: str, cell: TaskResult) -> tuple[Row, ...]:
    results = [result for result in cell.seed_results if result.perturbations]
    if not results:
        return ()
    chosen = results[best_on_dev([result.training.dev_accuracy for result in results]) or 0].perturbations
    tells_strands = [result.perturbations["tells_strands"] for result in results]
    pairs = chosen["n"]
    # Before schema 2.3 the tests took pairs for independent, and their predictions were not kept.
    known = "" if "groups" in chosen or cell.groups.unit == "pairs" else " ≈"

    def mean(seeds: Sequence[dict[str, Any]], name: str) -> str:
        values = [seed[name]["value"] for seed in seeds]
        return MISSING if None in values else decimal(sum(values) / len(values))

    stored = [result.perturbations["original"] for result in results]
    rows = []
    for name, test in chosen["perturbed"].items():
        seeds = [result.perturbations["perturbed"][name] for result in results]
        same = share_over_seeds([seed["consistency"] for seed in seeds], pairs)
        rows.append(
            (
                *(system, task, name, f"{len(results)}{marks(cell)}{known}", f"{pairs:,}"),
                *(mean(seeds_of, metric) for metric in ("accuracy", "recall") for seeds_of in (seeds, stored)),
                *(decimal(same["value"]), share_interval(same)),
                f"{sum(seed['margin_change'] for seed in seeds) / len(seeds):.3g}",
                *(p_value(test["p_value"]), p_value(test["p_corrected"])),
                f"{sum(tells_strands)} of {len(tells_strands)} seeds" if name in STRAND_PERTURBATIONS else MISSING,
            )
        )
    return tuple(rows)


def _comparisons_table(compared: Sequence[Compared]) -> Table:
    rows = []
    for compared_pair in compared:
        comparison = compared_pair.comparison
        difference = [f"{comparison.difference:+z.3f}", interval(comparison.low, comparison.high)]
        pairs = [
            f"{compared_pair.seeds[0]}, {compared_pair.seeds[1]}",
            f"{comparison.only_first:,}",
            f"{comparison.only_second:,}",
        ]
        tests = [p_value(comparison.p_value), p_value(compared_pair.corrected)]
        rows.append((compared_pair.task, compared_pair.first, compared_pair.second, *difference, *pairs, *tests))
    columns = (
        "difference",
        "95% interval",
        "seeds",
        "only first right",
        "only second right",
        "p",
        "p (Holm)",
    )
    return Table(
        "comparisons",
        "Comparisons",
        text_frame(("task", "first", "second", *columns), [rows]),
        labels=3,
        note="Systems of one model, or of one training. Difference: mean accuracy of the first less that of the "
        "second, its interval by paired bootstrap over seeds and groups, and p by the same resamples. Only first "
        "right: pairs, for one seed of each, the best on the development split, or the first where no such accuracy is "
        f"known. p is not corrected for the number of comparisons; what stands beside it is, by Holm's method, for all "
        f"{len(compared)} of this table.",
    )


def _systems_table(systems: Sequence[System]) -> Table:
    rows = []
    for system in systems:
        model, training = system.model, system.training
        weights = (model.revision or model.weights_sha256)[:8] or MISSING
        recipe = " ".join(f"{key}={value}" for key, value in (training.recipe or {}).items()) or MISSING
        seeds = " ".join(map(str, system.seeds))
        pairs = f"{training.rows:,}{rates(training.truncated_pairs, training.unknown)}"
        size = f"{model.parameters:,}"
        rows.append((system.name, model.architecture, size, weights, pairs, seeds, system.run_key, recipe))
    columns = ("system", "architecture", "parameters", "weights", "trained on pairs", "seeds", "key", "recipe")
    return Table(
        "systems", "Systems", text_frame(columns, [rows]), note="Weights: commit on the Hub, or digest of the files."
    )


def _data_table(grouped: Grouped) -> Table:
    """Return a row for each set of pairs that any result stands on."""
    rows = []
    for task in tasks_of(grouped.everything):
        by_content: dict[tuple[str, ...], list[System]] = defaultdict(list)
        for system in grouped.everything:
            if task in system.results:
                scored_task = system.results[task].task
                numbers = (
                    f"{scored_task.rows:,}",
                    f"{scored_task.dropped:,}",
                    scored_task.version[:12],
                    scored_task.content_sha256[:8],
                )
                by_content[scored_task.split, *numbers].append(system)
        for key, systems in by_content.items():
            rows.append((task, *key, "all" if len(by_content) == 1 else names_of(systems)))
    columns = ("task", "split", "pairs", "placeholders left out", "version", "content", "asked of")
    return Table("data", "Data", text_frame(columns, [rows]), labels=2)
