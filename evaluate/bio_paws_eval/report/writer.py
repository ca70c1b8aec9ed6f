"""A results folder as tables, figures and one HTML page, and as entries for the Hub's leaderboards."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

from bio_paws.errors import DataError
from bio_paws.execution.files import atomic, read_json, write_json
from bio_paws_cards.markdown import markdown_paragraph
from bio_paws_eval.layout.drawing import Drawing
from bio_paws_eval.layout.pages import render_page
from bio_paws_eval.layout.tables import Table, latex, markdown, percent
from bio_paws_eval.report.against import against_table
from bio_paws_eval.report.answers import answer_lines, answer_markdown
from bio_paws_eval.report.chapters import Chapter, chapters_of
from bio_paws_eval.report.comparisons import pairs_key
from bio_paws_eval.report.csv_files import csv_files
from bio_paws_eval.report.grouping import group
from bio_paws_eval.report.leaderboard import leaderboard_page
from bio_paws_eval.report.main_tables import all_tables
from bio_paws_eval.report.score_text import MARKS
from bio_paws_eval.report.seed_study import study_seeds
from bio_paws_eval.report.systems import Entry, Grouped, System, TaskResult, names_of, tasks_of
from bio_paws_eval.report.transfers import judge_transfers
from bio_paws_eval.representations.report_section import representation_section
from bio_paws_eval.results import read_results, slug
from bio_paws_eval.summarization.results import read_summary_results, tables_of
from bio_paws_eval.tasks.registry import GENERATED, Sources, is_biopaws

_MAIN_TABLES = ("against-reference", "answers", "answers-auroc", "configs", "languages")
_FILE_LIST = "report.json"
_FOLDERS = ("eval_results", "figures", "tables")
"""Where files are whose names depend on the results: of an earlier report, no others are removed."""


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


def write_report(
    results: Path,
    out: Path,
    url: str | None = None,
    against: Path | None = None,
    data_repo: str = "",
    sources: Sources | None = None,
) -> Report:
    """Write the report of a results folder, over an earlier one.

    Parameters
    ----------
    results : Path
        What `bio-paws sweep`, `eval`, `baselines` and `summarize` wrote.
    out : Path
        Folder for ``report.html``, ``leaderboard.html``, ``report.md``, ``results.csv``, ``consistency.csv``,
        ``pair-types.csv``, ``answer.md``, ``tables``, ``figures`` and, with `data_repo`, ``eval_results``.
    url : str, optional
        Where the results folder is published, for the links of the leaderboard; None for its path from `out`.
    against : Path, optional
        Folder of reference results to set beside them.
    data_repo : str
        Repository on the Hub that the data came from, as in ``owner/bioPAWS`` or ``owner/bioPAWS@COMMIT``: entries for
        its leaderboards are written for the models. "" writes none.
    sources : Sources, optional
        As `grouping.group` takes them.

    Raises
    ------
    DataError
        When there are no results, they are damaged or of data of two major versions, or matplotlib is missing.
    """
    try:
        from bio_paws_eval.report import figures
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise DataError("the report draws with matplotlib: pip install 'bio-paws[plots]'") from error
    entries = read_results(results)
    _refuse_several_majors(entries)
    grouped = group(entries, sources)
    studies = study_seeds(grouped.systems)
    transfers = judge_transfers(grouped)
    answer = answer_lines(grouped, transfers)
    tables = [*all_tables(grouped, studies, transfers), *tables_of(read_summary_results(results))]
    if against:
        tables.insert(0, against_table(grouped, group(read_results(against), sources)))
    notes = report_notes(grouped, results)
    drawings = figures.draw_all(grouped.systems, grouped.baselines, studies)
    vectors = representation_section(results)
    chapters = chapters_of(tables, drawings, vectors)
    tables += [vector for vector in vectors if isinstance(vector, Table)]
    drawings += [vector for vector in vectors if isinstance(vector, Drawing)]
    contents: dict[str, str | bytes] = {
        "report.md": _markdown_report(chapters, answer, notes),
        "report.html": render_page(
            "report.html.j2", drawings, chapters=chapters, answer=answer, notes=notes, marks=MARKS
        ),
        "answer.md": answer_markdown(grouped, transfers),
        "leaderboard.html": leaderboard_page(
            grouped, entries, url or os.path.relpath(results, out).replace(os.sep, "/")
        ),
        **csv_files(entries, grouped, results),
        **{f"tables/{table.name}.tex": latex(table, _latex_marks()) for table in tables},
        **{f"figures/{drawing.name}.svg": drawing.svg for drawing in drawings},
        **{f"figures/{drawing.name}.png": drawing.png for drawing in drawings},
        **(_eval_results(grouped.systems, data_repo) if data_repo else {}),
    }
    main = [table for table in tables if table.name in _MAIN_TABLES]
    summary = _markdown_report(chapters_of(main, [], []), answer, notes)
    return Report(_write_all(out, contents), summary)


def _refuse_several_majors(entries: Sequence[Entry]) -> None:
    """Between major versions of bioPAWS the pairs changed: one table of both would compare what does not compare."""
    versions = {
        result.task.version.split(".", maxsplit=1)[0]: (path, result.task.version)
        for path, result in entries
        if is_biopaws(result.task.name)
    }
    if len(versions) > 1:
        named = " and ".join(f"{version} ({path})" for path, version in versions.values())
        raise DataError(f"results on bioPAWS {named} do not compare: report each major version by itself")


def _write_all(out: Path, contents: dict[str, str | bytes]) -> tuple[Path, ...]:
    """Write files, and remove those of an earlier report that this one has not: a figure of a system that is gone.

    Raises
    ------
    DataError
        When one would replace a file that is not of an earlier report.
    """
    listed = out / _FILE_LIST
    earlier = _listed(listed)
    for name in contents:
        if name not in earlier and os.path.lexists(out / name):
            raise DataError(f"{out / name}: is not of an earlier report: move it away, or choose another --out")
    # Before all others: what a killed report leaves is known as ours.
    write_json(listed, {"files": sorted({*earlier, *contents, _FILE_LIST})})
    for name, content in contents.items():
        with atomic(out / name) as part:
            part.write_bytes(content if isinstance(content, bytes) else content.encode())
    folders = [out.resolve() / folder for folder in _FOLDERS]
    for name in earlier - {*contents, _FILE_LIST}:
        if any((out / name).resolve().is_relative_to(folder) for folder in folders):
            (out / name).unlink(missing_ok=True)
    write_json(listed, {"files": sorted({*contents, _FILE_LIST})})
    return (*(out / name for name in contents), listed)


def _listed(path: Path) -> set[str]:
    try:
        files = read_json(path)["files"]
        if not all(isinstance(name, str) and "\0" not in name for name in files):
            raise TypeError
        return set(files)
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not the list of a report's files: move it away, or choose another --out") from error


# Notes


def report_notes(grouped: Grouped, results: Path) -> list[str]:
    """Return what a reader must know about this very report: results not compared, and results left out."""
    notes = []
    for task in tasks_of(grouped.everything):
        groups: dict[tuple[str, str], list[System]] = defaultdict(list)
        for system in grouped.everything:
            if task in system.scored:
                groups[pairs_key(system.results[task])].append(system)
        if len(groups) > 1:
            described = " against ".join(_data_of(task, systems) for systems in groups.values())
            notes.append(f"{task}: not the same pairs for all, and not compared between these: {described}.")
    if grouped.left_out:
        paths = ", ".join(path.relative_to(results).as_posix() for path in grouped.left_out)
        notes.append(
            "Not shown, since the same system, task and seed has a cell on whole, on later or on other data, or with a "
            f"score: {paths}. They stand in results.csv, without a system."
        )
    return notes


def _data_of(task: str, systems: Sequence[System]) -> str:
    data = systems[0].results[task].task
    return f"version {data.version}, {data.rows:,} pairs, content {data.content_sha256[:8]} ({names_of(systems)})"


# Formats


def _markdown_report(chapters: Sequence[Chapter], answer: Sequence[str], notes: Sequence[str]) -> str:
    parts = ["# bioPAWS: results", "\n".join(f"- {markdown_paragraph(line)}" for line in answer)]
    parts += ["## Marks", "\n".join(f"- `{mark}`: {meaning}." for mark, meaning in MARKS)]
    if notes:
        parts += ["## Notes", "\n".join(f"- {markdown_paragraph(note)}" for note in notes)]
    for chapter in chapters:
        parts.append(f"## {chapter.title}")
        for item in chapter.items:
            if isinstance(item, Table):
                parts += [f"### {markdown_paragraph(item.title)}", markdown(item), markdown_paragraph(item.note)]
            else:
                title = markdown_paragraph(item.title)
                parts += [f"### {title}", f"![{title}](figures/{item.name}.png)", markdown_paragraph(item.caption)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _latex_marks() -> list[str]:
    return [f"{mark}: {meaning}." for mark, meaning in MARKS]


# The Hub


def _eval_results(systems: Sequence[System], data_repo: str) -> dict[str, str]:
    """Entries for the model pages of the Hub: scores of plainly fine-tuned systems that stand comparison.

    Only of bioPAWS: the Hub takes entries for data sets that are benchmarks, and the repository of PAWS-X is none.
    """
    by_model: dict[str, list[EvalResultEntry]] = defaultdict(list)
    for system in systems:
        if system.training.is_plain and system.training.on not in {"none", *GENERATED}:
            by_model[slug(system.model.id)] += [
                _eval_entry(system, cell, data_repo)
                for name, cell in system.results.items()
                if cell.in_means and not cell.limited and is_biopaws(name)
            ]
    return {
        f"eval_results/{name}/.eval_results/bioPAWS.yaml": yaml.safe_dump(
            eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=1000
        )
        for name, entries in by_model.items()
        if entries
    }


def _eval_entry(system: System, cell: TaskResult, data_repo: str) -> EvalResultEntry:
    task, summary = cell.task, cell.summary
    notes = [
        "accuracy",
        "1 seed" if summary.seeds == 1 else f"mean of {summary.seeds} seeds",
        f"fine-tuned on {system.training.name} ({system.run_key})",
        "" if math.isnan(summary.sd) else f"sd {summary.sd:.4f}",
        f"sequences split into words of {cell.segment} letters" if cell.segment else "",
        f"{percent(cell.unknown)} of the tokens unknown" if cell.unknown else "",
    ]
    repository, _, commit = data_repo.partition("@")
    return EvalResultEntry(
        dataset_id=repository,
        task_id=task.name,
        value=round(summary.mean, 4),
        dataset_revision=commit or f"v{task.version}",
        notes=", ".join(note for note in notes if note),
    )
