"""A results folder as tables, figures and one HTML page, and as entries for the Hub's leaderboards."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from tqdm import tqdm

from bio_paws.configs import BANDS
from bio_paws.errors import BioPawsError
from bio_paws.files import atomic, read_json
from bio_paws.load import HUB_REPO
from bio_paws.tools.views import STRAND_VIEWS, VIEW_ROWS
from bio_paws_eval.csv_files import csv_files
from bio_paws_eval.metrics import METRICS, Comparison, best_on_dev, compare, holm, share
from bio_paws_eval.results import read_results, slug
from bio_paws_eval.systems import Cell, Entry, Grouped, System, config_names, group, tasks_of
from bio_paws_eval.tables import Row, Table, latex, markdown, percent
from bio_paws_eval.tasks import LANGUAGES, PAWSX_REPO, PAWSX_REVISION, is_pawsx, pawsx

if TYPE_CHECKING:
    from bio_paws_eval.figures import Drawing

MARKS = (
    ("† 12%", "so many pairs were longer than the model takes, and were cut; such a cell is left out of means"),
    ("‡ 3.1%", "so many tokens were unknown to the tokenizer"),
    ("¶ 100", "sequences were split into words of so many letters before they were tokenised"),
    ("§", "rows were left out (--limit): not comparable with other reports"),
    ("refused", "not scored, for the reason given; a score would say nothing about the model"),
    ("-", "not asked, or not defined"),
)
"""Marks beside a score, and what they mean."""

_MISSING = "-"
_METRIC_COLUMNS = ("accuracy", "95% interval", "balanced accuracy", "F1", "MCC", "AUROC", "answered 1")
_MAIN_TABLES = ("configs", "languages")
_FILE_LIST = "report.json"


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    files : tuple of Path
        All files, in the order they were written.
    markdown : str
        The two main tables, their marks and the notes, for the terminal; ``report.md`` holds everything.
    """

    files: tuple[Path, ...]
    markdown: str


@dataclass(frozen=True)
class Compared:
    """Two systems on one task.

    Attributes
    ----------
    task, first, second : str
        Names.
    seeds : tuple of int
        Seed of each that McNemar's test compares.
    comparison : Comparison
        What came out.
    corrected : float
        P-value after Holm's correction for all comparisons of the report.
    """

    task: str
    first: str
    second: str
    seeds: tuple[int, int]
    comparison: Comparison
    corrected: float


def write_report(results: Path, out: Path) -> Report:
    """Write the report of a results folder, over an earlier one.

    Parameters
    ----------
    results : Path
        What `bio-paws eval` and `bio-paws baselines` wrote.
    out : Path
        Folder for ``report.html``, ``report.md``, ``results.csv``, ``consistency.csv``, ``kinds.csv``, ``tables``,
        ``figures`` and ``eval_results``.

    Raises
    ------
    BioPawsError
        When there are no results, they are damaged or of data of two major versions, or matplotlib is missing.
    """
    try:
        from bio_paws_eval import figures
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise BioPawsError("the report draws with matplotlib: pip install 'bio-paws[plots]'") from error
    entries = read_results(results)
    _refuse_several_majors(entries)
    grouped = group(entries)
    tables = _tables(grouped)
    notes = _notes(grouped, results)
    drawings = figures.draw_all(grouped.systems, grouped.baselines)
    contents: dict[str, str | bytes] = {
        "report.md": _markdown_report(tables, drawings, notes),
        "report.html": _html(tables, drawings, notes),
        **csv_files(entries, grouped, results),
        **{f"tables/{table.name}.tex": latex(table, _latex_marks()) for table in tables},
        **{f"figures/{drawing.name}.svg": drawing.svg for drawing in drawings},
        **{f"figures/{drawing.name}.png": drawing.png for drawing in drawings},
        **_eval_results(grouped.systems),
    }
    summary = _markdown_report([table for table in tables if table.name in _MAIN_TABLES], [], notes)
    return Report(_write_all(out, contents), summary)


def _refuse_several_majors(entries: Sequence[Entry]) -> None:
    """Between major versions of bioPAWS the pairs changed: one table of both would compare what does not compare."""
    found = {
        one.task.version.split(".", maxsplit=1)[0]: (path, one.task.version)
        for path, one in entries
        if not is_pawsx(one.task.name)
    }
    if len(found) > 1:
        told = " and ".join(f"{version} ({path})" for path, version in found.values())
        raise BioPawsError(f"results on bioPAWS {told} do not compare: report each major version by itself")


def _write_all(out: Path, contents: dict[str, str | bytes]) -> tuple[Path, ...]:
    """Write files, and remove those of an earlier report that this one has not: a figure of a system that is gone."""
    listed = out / _FILE_LIST
    earlier = _listed(listed)
    contents[_FILE_LIST] = json.dumps({"files": sorted(contents)}, indent=2) + "\n"
    for name, content in contents.items():
        with atomic(out / name) as part:
            part.write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in earlier - set(contents):
        if (out / name).resolve().is_relative_to(out.resolve()):
            (out / name).unlink(missing_ok=True)
    return tuple(out / name for name in contents)


def _listed(path: Path) -> set[str]:
    try:
        return set(read_json(path)["files"])
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BioPawsError(f"{path}: not the list of a report's files: remove it, or choose another --out") from error


# Tables


def _tables(grouped: Grouped) -> list[Table]:
    """Build all tables that have rows."""
    compared = _compare_all(grouped.systems)
    tables = [
        _configs_table(grouped),
        _languages_table(grouped),
        _metrics_table("baselines", "Baselines: floors and ceilings", grouped.baselines),
        _seeds_table(grouped.systems),
        _metrics_table("metrics", "All metrics", grouped.systems),
        _bands_table(grouped),
        _kinds_table(grouped),
        _consistency_table(grouped.systems),
        _comparisons_table(compared),
        _systems_table(grouped.systems),
        _data_table(grouped),
    ]
    return [table for table in tables if any(table.groups)]


def _configs_table(grouped: Grouped) -> Table:
    """The paper's Table 1: systems by configs of bioPAWS."""
    names = config_names()
    own = {language for one in grouped.systems if (language := _own_language(one))}
    # Baselines were fine-tuned in no language: they stand beside systems that share one.
    language = own.pop() if len(own) == 1 else None
    columns = ("system", "PAWS-X", *names, "mean")

    def row(system: System, language: str | None) -> Row:
        own = _accuracy(system.cells.get(language)) if language else _MISSING
        if own != _MISSING and language:
            own = f"{language.removeprefix('pawsx_')} {own}"
        return (system.name, own, *(_accuracy(system.cells.get(name)) for name in names), _mean(system, names))

    wanted = {*names, *map(pawsx, LANGUAGES)}
    systems = tuple(row(one, _own_language(one)) for one in grouped.systems if wanted & set(one.cells))
    baselines = tuple(row(one, language) for one in _baseline_rows(grouped.baselines) if wanted & set(one.cells))
    return Table(
        "configs",
        "Accuracy on bioPAWS",
        columns,
        (systems, baselines),
        note="Mean and standard deviation over n seeds; in brackets the 95% interval over seeds and pairs. PAWS-X: in "
        "the language of fine-tuning. Mean: over the configs that are scored and not cut; systems that are scored on "
        "different configs do not compare by it. Best floor: chosen on this very test, so that the bar is high.",
    )


def _own_language(system: System) -> str | None:
    return system.training.on if is_pawsx(system.training.on) else None


def _languages_table(grouped: Grouped) -> Table:
    """The paper's Table 3: systems by languages of PAWS-X."""
    names = [pawsx(language) for language in LANGUAGES]

    def rows(systems: Iterable[System]) -> tuple[Row, ...]:
        return tuple(
            (one.name, *(_accuracy(one.cells.get(name)) for name in names))
            for one in systems
            if set(names) & set(one.cells)
        )

    return Table(
        "languages",
        "Accuracy on PAWS-X",
        ("system", *LANGUAGES),
        (rows(grouped.systems), rows(_baseline_rows(grouped.baselines))),
        note="Mean and standard deviation over n seeds; in brackets the 95% interval over seeds and pairs.",
    )


def _baseline_rows(baselines: Sequence[System]) -> list[System]:
    """The best floor of each task as one row, then each ceiling."""
    floors = [one for one in baselines if one.method == "floor" and one.scored]
    if not floors:
        return [one for one in baselines if one.method == "ceiling"]
    best = {
        task: max((one.scored[task] for one in floors if task in one.scored), key=lambda cell: cell.summary.mean)
        for task in tasks_of(floors, scored=True)
    }
    ceilings = [replace(one, name=f"ceiling: {one.name}") for one in baselines if one.method == "ceiling"]
    return [replace(floors[0], name="best floor", cells=best), *ceilings]


def _name_on(system: System, cell: Cell) -> str:
    """Name a system beside one of its cells: which floor is the best differs from task to task."""
    return f"{system.name}: {cell.results[0].model.id}" if system.method == "floor" else system.name


def _accuracy(cell: Cell | None) -> str:
    """Two lines: mean and standard deviation with marks, then interval and number of seeds."""
    if cell is None:
        return _MISSING
    if not cell.scored:
        return f"refused: {re.sub(r'^refused:? *', '', cell.results[0].note)}"
    summary = cell.summary
    spread = "" if math.isnan(summary.sd) else f" ± {summary.sd:.3f}"
    source = f"{cell.results[0].model.id} " if cell.results[0].model.method == "floor" else ""
    return f"{source}{summary.mean:.3f}{spread}{_marks(cell)}\n{_interval(summary.low, summary.high)} n={summary.seeds}"


def _marks(cell: Cell) -> str:
    segment = f" ¶{cell.segment}" if cell.segment else ""
    return _rates(cell.truncated, cell.unknown) + segment + (" §" if cell.limited else "")


def _rates(truncated: float, unknown: float) -> str:
    return (f" †{percent(truncated)}" if truncated else "") + (f" ‡{percent(unknown)}" if unknown else "")


def _interval(low: float, high: float) -> str:
    return f"[{low:.3f}, {high:.3f}]"


def _mean(system: System, names: Sequence[str]) -> str:
    """Mean over the configs that may be averaged, and over how many it runs."""
    cells = [system.cells[name] for name in names if name in system.cells and system.cells[name].in_means]
    if not cells:
        return _MISSING
    mean = sum(cell.summary.mean for cell in cells) / len(cells)
    mark = " §" if any(cell.limited for cell in cells) else ""
    return f"{mean:.3f}{mark}\n{len(cells)} of {len(names)}"


def _seeds_table(systems: Sequence[System]) -> Table:
    rows = []
    for system in systems:
        for task, cell in system.scored.items():
            one = cell.summary
            numbers = [_decimal(value) for value in (one.mean, one.sd, one.min, one.max)]
            ends = [_interval(one.low, one.high), _decimal(one.dev_chosen), _decimal(one.oracle)]
            rows.append((system.name, task, f"{one.seeds}{_marks(cell)}", *numbers, *ends))
    columns = ("mean", "sd", "min", "max", "95% interval", "best on dev", "oracle: chosen on this test")
    return Table(
        "seeds",
        "Seeds",
        ("system", "task", "seeds", *columns),
        (tuple(rows),),
        labels=2,
        note="Accuracy. Best on dev: the seed that the development split chooses. The oracle is the seed that is best "
        "on the very test it is shown for: nobody could have chosen it, and it is no estimate of anything.",
    )


def _metrics_table(name: str, title: str, systems: Sequence[System]) -> Table:
    rows = []
    for system in systems:
        for task, cell in system.scored.items():
            values = [_decimal(cell.metric(metric)) for metric in METRICS]
            interval = _interval(cell.summary.low, cell.summary.high)
            label = system.name if system.method == "model" else f"{system.method}: {system.name}"
            rows.append((label, task, f"{cell.summary.seeds}{_marks(cell)}", values[0], interval, *values[1:]))
    return Table(
        name,
        title,
        ("system", "task", "seeds", *_METRIC_COLUMNS),
        (tuple(rows),),
        labels=2,
        note="Means over seeds. MCC: Matthews correlation. Answered 1: part of the pairs that were called similar. "
        "Intervals of the other metrics stand in results.csv, seed by seed.",
    )


def _bands_table(grouped: Grouped) -> Table:
    """Tasks whose similar pairs are graded by similarity: a column a band."""

    def row(system: System, task: str, cell: Cell) -> Row:
        bands = {kind: cell.kinds[kind] for kind in cell.bands}
        scores = [
            f"{_decimal(bands[kind].accuracy)}\nAUROC {_decimal(bands[kind].auroc)}" if kind in bands else _MISSING
            for kind, _, _ in BANDS
        ]
        seeds, false_alarms = f"{cell.summary.seeds}{_marks(cell)}", _decimal(cell.false_alarms["value"])
        return (_name_on(system, cell), task, seeds, *scores, false_alarms)

    groups = [
        tuple(row(one, task, cell) for one in systems for task, cell in one.scored.items() if cell.bands)
        for systems in (grouped.systems, _baseline_rows(grouped.baselines))
    ]
    heads = [f"{low:g}-{high:g}" if low else f"remote, under {high:g}" for _, low, high in BANDS]
    return Table(
        "bands",
        "Accuracy by similarity",
        ("system", "task", "seeds", *heads, "false alarms"),
        tuple(groups),
        labels=2,
        note="Means over seeds. A column holds the similar pairs whose similarity lies between its limits; remote ones "
        "are similar by the E-value of BLAST. Accuracy: mean of the part of these pairs, and of the part of all "
        "dissimilar pairs, that was answered rightly. AUROC: these pairs against all dissimilar ones. False alarms: "
        "part of the dissimilar pairs that was called similar.",
    )


def _kinds_table(grouped: Grouped) -> Table:
    rows = [
        (
            _name_on(one, cell),
            task,
            kind,
            str(found.label),
            f"{found.n:,}",
            f"{found.seeds}{_marks(cell)}",
            _decimal(found.answered_1["value"]),
            _share_interval(found.answered_1),
            _decimal(found.accuracy),
            _decimal(found.auroc),
        )
        for one in (*grouped.systems, *_baseline_rows(grouped.baselines))
        for task, cell in one.scored.items()
        for kind, found in cell.kinds.items()
    ]
    columns = ("label", "pairs", "seeds", "answered 1", "95% interval", "accuracy", "AUROC")
    return Table(
        "kinds",
        "Kinds of pairs",
        ("system", "task", "kind", *columns),
        (tuple(rows),),
        labels=3,
        note="Of tasks in which a label has several kinds of pairs. Answered 1: part of the pairs of this kind that "
        "was called similar, mean over seeds, with its interval over seeds and pairs. Accuracy: mean of the part of "
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
        "p (McNemar)",
        "p (Holm)",
        "tells strands",
    )
    return Table(
        "consistency",
        "Consistency",
        ("system", "config", "view", *columns),
        tuple(groups),
        labels=3,
        note=f"The first {VIEW_ROWS} pairs of the test split, written another way: sides swapped, or DNA as its other "
        "strand. No label changes, so a model that understands the pairs gives the same answers; so does one that "
        "gives one answer to everything, and then finds all similar pairs or none. Means over seeds, beside each the "
        "value of the same pairs as stored. Similar found: part of the similar pairs that was called similar. Same "
        "answer: part of the pairs, with its interval over seeds and pairs. Margin: score of label 1 less that of "
        "label 0; mean absolute change. McNemar's test asks whether the model is right as often as on the pairs as "
        "stored, for the seed that is best on the development split; Holm's method corrects for the views of the "
        "config. Tells strands: in so many seeds this changes significantly when one side only is written as its other "
        "strand. Where answers change both ways alike, only the part of same answers shows it.",
    )


def _consistency_rows(system: str, task: str, cell: Cell) -> tuple[Row, ...]:
    asked = [result for result in cell.results if result.views]
    if not asked:
        return ()
    chosen = asked[best_on_dev([result.training.dev_accuracy for result in asked]) or 0].views
    told = [result.views["tells_strands"] for result in asked]
    pairs = chosen["n"]

    def mean(seeds: Sequence[dict[str, Any]], name: str) -> str:
        values = [one[name]["value"] for one in seeds]
        return _MISSING if None in values else _decimal(sum(values) / len(values))

    stored = [result.views["original"] for result in asked]
    rows = []
    for name, test in chosen["views"].items():
        seeds = [result.views["views"][name] for result in asked]
        same = share([round(one["consistency"]["value"] * pairs) for one in seeds], pairs)
        rows.append(
            (
                *(system, task, name, f"{len(asked)}{_marks(cell)}", f"{pairs:,}"),
                *(mean(one, metric) for metric in ("accuracy", "recall") for one in (seeds, stored)),
                *(_decimal(same["value"]), _share_interval(same)),
                f"{sum(one['margin_change'] for one in seeds) / len(seeds):.3g}",
                *(_p_value(test["p_value"]), _p_value(test["p_corrected"])),
                f"{sum(told)} of {len(told)} seeds" if name in STRAND_VIEWS else _MISSING,
            )
        )
    return tuple(rows)


def _share_interval(found: dict[str, float | None]) -> str:
    low, high = found["low"], found["high"]
    return _MISSING if low is None or high is None else _interval(low, high)


def _decimal(value: float | None) -> str:
    return _MISSING if value is None or math.isnan(value) else f"{value:.3f}"


def _comparisons_table(compared: Sequence[Compared]) -> Table:
    rows = []
    for one in compared:
        found = one.comparison
        difference = [f"{found.difference:+.3f}", _interval(found.low, found.high)]
        pairs = [f"{one.seeds[0]}, {one.seeds[1]}", f"{found.only_first:,}", f"{found.only_second:,}"]
        tests = [_p_value(found.p_value), _p_value(one.corrected)]
        rows.append((one.task, one.first, one.second, *difference, *pairs, *tests))
    columns = (
        "difference",
        "95% interval",
        "seeds",
        "only first right",
        "only second right",
        "p (McNemar)",
        "p (Holm)",
    )
    return Table(
        "comparisons",
        "Comparisons",
        ("task", "first", "second", *columns),
        (tuple(rows),),
        labels=3,
        note="Difference: mean accuracy of the first less that of the second, its interval by paired bootstrap over "
        "seeds and pairs. McNemar's test takes one seed of each, the best on the development split, or the first where "
        "no such accuracy is known. Its p-values are not corrected for the number of comparisons; those beside them "
        f"are, by Holm's method, for all {len(compared)} of this table.",
    )


def _p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def _systems_table(systems: Sequence[System]) -> Table:
    rows = []
    for system in systems:
        model, training = system.model, system.training
        weights = (model.revision or model.weights_sha256)[:8] or _MISSING
        recipe = " ".join(f"{key}={value}" for key, value in (training.recipe or {}).items()) or _MISSING
        seeds = " ".join(map(str, system.seeds))
        pairs = f"{training.rows:,}{_rates(training.truncated_pairs, training.unknown)}"
        size = f"{model.parameters:,}"
        rows.append((system.name, model.architecture, size, weights, pairs, seeds, system.run_key, recipe))
    columns = ("system", "architecture", "parameters", "weights", "trained on pairs", "seeds", "key", "recipe")
    return Table(
        "systems", "Systems", columns, (tuple(rows),), note="Weights: commit on the Hub, or digest of the files."
    )


def _data_table(grouped: Grouped) -> Table:
    """What each task asked: a row for each set of pairs that any cell was scored on."""
    rows = []
    for task in tasks_of(grouped.everything):
        by_content: dict[tuple[str, ...], list[System]] = defaultdict(list)
        for system in grouped.everything:
            if task in system.cells:
                asked = system.cells[task].task
                numbers = f"{asked.rows:,}", f"{asked.dropped:,}", asked.version[:12], asked.content_sha256[:8]
                by_content[asked.split, *numbers].append(system)
        for key, systems in by_content.items():
            rows.append((task, *key, "all" if len(by_content) == 1 else _names(systems)))
    columns = ("task", "split", "pairs", "placeholders left out", "version", "content", "asked of")
    return Table("data", "Data", columns, (tuple(rows),), labels=2)


# Comparisons


def _compare_all(systems: Sequence[System]) -> list[Compared]:
    """Compare each two systems on each task that both answered the same pairs of."""
    todo = [
        (task, first, second)
        for task in tasks_of(systems, scored=True)
        for first, second in combinations([one for one in systems if task in one.scored], 2)
        if _pairs_key(first.cells[task]) == _pairs_key(second.cells[task])
    ]
    compared = [_compare(*one) for one in tqdm(todo, desc="compare", unit="pair", disable=None)]
    corrected = holm([one.comparison.p_value for one in compared])
    return [replace(one, corrected=p) for one, p in zip(compared, corrected, strict=True)]


def _compare(task: str, first: System, second: System) -> Compared:
    cell1, cell2 = first.cells[task], second.cells[task]
    if list(cell1.pair_ids) != list(cell2.pair_ids):
        raise BioPawsError(
            f"{task}: {first.name} and {second.name} claim the same pairs, but their predictions name others: run again"
        )
    seeds = tuple(cell.results[cell.chosen].training.seed for cell in (cell1, cell2))
    found = compare(cell1.correct, cell2.correct, cell1.chosen, cell2.chosen)
    return Compared(task, first.name, second.name, (seeds[0], seeds[1]), found, found.p_value)


def _pairs_key(cell: Cell) -> tuple[str, str]:
    """What two cells must share to be compared: their pairs, and the major version of bioPAWS."""
    task = cell.task
    return task.content_sha256, "" if is_pawsx(task.name) else task.version.split(".", maxsplit=1)[0]


# Notes


def _notes(grouped: Grouped, results: Path) -> list[str]:
    """What a reader must know about this very report."""
    notes = []
    for task in tasks_of(grouped.everything):
        groups: dict[tuple[str, str], list[System]] = defaultdict(list)
        for system in grouped.everything:
            if task in system.scored:
                groups[_pairs_key(system.cells[task])].append(system)
        if len(groups) > 1:
            described = " against ".join(_asked(task, systems) for systems in groups.values())
            notes.append(f"{task}: not the same pairs for all, and not compared between these: {described}.")
    if grouped.left_out:
        paths = ", ".join(path.relative_to(results).as_posix() for path in grouped.left_out)
        notes.append(
            "Not shown, since the same system, task and seed has a cell on whole, on later or on other data, or with a "
            f"score: {paths}. They stand in results.csv, without a system."
        )
    return notes


def _asked(task: str, systems: Sequence[System]) -> str:
    asked = systems[0].cells[task].task
    return f"version {asked.version}, {asked.rows:,} pairs, content {asked.content_sha256[:8]} ({_names(systems)})"


def _names(systems: Sequence[System]) -> str:
    """Name systems; baselines are too many to name."""
    names = [system.name for system in systems if system.method == "model"]
    baselines = len(systems) - len(names)
    return "; ".join(names + ([f"{baselines} baseline{'s'[: baselines != 1]}"] if baselines else []))


# Formats


def _markdown_report(tables: Sequence[Table], drawings: Sequence[Drawing], notes: Sequence[str]) -> str:
    parts = ["# bioPAWS: results", "\n".join(f"- `{mark}`: {meaning}." for mark, meaning in MARKS)]
    if notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    for table in tables:
        parts += [f"## {table.title}", markdown(table), table.note]
    for drawing in drawings:
        parts += [f"## {drawing.title}", f"![{drawing.title}](figures/{drawing.name}.png)", drawing.caption]
    return "\n\n".join(part for part in parts if part) + "\n"


def _latex_marks() -> list[str]:
    return [f"{mark}: {meaning}." for mark, meaning in MARKS]


def _html(tables: Sequence[Table], drawings: Sequence[Drawing], notes: Sequence[str]) -> str:
    template = resources.files("bio_paws_eval").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    # Markup: matplotlib has escaped the names that it wrote into the SVG.
    figures = [
        (drawing, Markup(inline_svg(drawing.svg, f"figure{number}-"))) for number, drawing in enumerate(drawings)
    ]
    main = [table for table in tables if table.name in _MAIN_TABLES]
    others = [table for table in tables if table.name not in _MAIN_TABLES]
    return environment.from_string(template).render(main=main, others=others, figures=figures, notes=notes, marks=MARKS)


def inline_svg(svg: str, prefix: str) -> str:
    """Make an SVG part of a page: without its prolog, and with ids that no other figure of the page has."""
    body = svg[svg.index("<svg") :]
    return re.sub(r'( id="|href="#|url\(#)', rf"\1{prefix}", body)


# The Hub


def _eval_results(systems: Sequence[System]) -> dict[str, str]:
    """Entries for the model pages of the Hub: scores of plainly fine-tuned systems that stand comparison."""
    by_model: dict[str, list[EvalResultEntry]] = defaultdict(list)
    for system in systems:
        if system.training.control == "none" and system.training.on != "none":
            by_model[slug(system.model.id)] += [
                _eval_entry(system, cell) for cell in system.cells.values() if cell.in_means and not cell.limited
            ]
    return {
        f"eval_results/{name}/.eval_results/bioPAWS.yaml": yaml.safe_dump(
            eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=1000
        )
        for name, entries in by_model.items()
        if entries
    }


def _eval_entry(system: System, cell: Cell) -> EvalResultEntry:
    task, summary = cell.task, cell.summary
    notes = [
        "accuracy",
        "1 seed" if summary.seeds == 1 else f"mean of {summary.seeds} seeds",
        f"fine-tuned on {system.training.name} ({system.run_key})",
        "" if math.isnan(summary.sd) else f"sd {summary.sd:.4f}",
        f"sequences split into words of {cell.segment} letters" if cell.segment else "",
        f"{percent(cell.unknown)} of the tokens unknown" if cell.unknown else "",
    ]
    language = is_pawsx(task.name)
    pinned = PAWSX_REVISION if task.version == PAWSX_REVISION else None
    return EvalResultEntry(
        dataset_id=PAWSX_REPO if language else HUB_REPO,
        task_id=task.name.removeprefix(pawsx("")),
        value=round(summary.mean, 4),
        dataset_revision=pinned if language else f"v{task.version}",
        notes=", ".join(note for note in notes if note),
    )
