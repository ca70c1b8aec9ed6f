"""An audit as the terminal shows it."""

from __future__ import annotations

import textwrap

from bio_paws.audit.checks.shortcuts import FEWEST, PairClass, Shortcut, by_split
from bio_paws.audit.clean.write import REMOVED, Cleaned
from bio_paws.audit.findings import Finding
from bio_paws.audit.report.text import example_text, facts
from bio_paws.audit.report.verdict import verdict
from bio_paws.audit.run import Audit
from bio_paws.cli.text import table
from bio_paws.execution.printable import on_one_line

_WIDTH = 110  # characters of a line


def audit_text(audit: Audit) -> str:
    """Lay out an audit."""
    heading = textwrap.fill(f"{audit.name}: {verdict(audit)}", _WIDTH, subsequent_indent="  ")
    parts = [f"{heading}\n{facts(audit)}"]
    if audit.findings:
        listed = [(finding.severity, finding.check, f"{finding.unit} {finding.figure}") for finding in audit.findings]
        parts.append(table(("finding", "check", "figure"), listed))
        parts += [_details(finding) for finding in audit.findings]
    if audit.searches:
        wrapped = (textwrap.fill(search, _WIDTH, subsequent_indent="  ") for search in audit.searches)
        parts.append("\n".join(["Searched across splits", *wrapped]))
    parts += [shortcuts_text(split, rows) for split, rows in by_split(audit.shortcuts)]
    rows = [
        (
            measured.name,
            measured.role.replace("_", " "),
            str(measured.auc),
            str(measured.accuracy),
            "" if measured.threshold is None else f"{measured.threshold:.4g}",
            f"{measured.rows:,}",
        )
        for measured in audit.measurements
    ]
    if rows:
        title = f"Baselines and upper bounds: {audit.how}"
        header = ("baseline", "role", "AUC [95%]", "accuracy [95%]", "threshold", "pairs")
        parts.append(f"{title}\n{table(header, rows)}")
    return "\n\n".join(parts)


def shortcuts_text(split: str, rows: list[dict[PairClass, Shortcut]]) -> str:
    """Lay out what shortcuts are worth on one split: all pairs, then accuracy by class."""
    classes: tuple[PairClass, ...] = ("C1", "C2", "C3")
    counts = {
        pair_class: max((row[pair_class].rows for row in rows if pair_class in row), default=0)
        for pair_class in ("all", *classes)
    }
    lines = []
    for row in rows:
        whole = row.get("all")
        if whole is None:
            continue
        by_class = [f"{row[pair_class].accuracy.value:.3f}" if pair_class in row else "" for pair_class in classes]
        lines.append((whole.name, str(whole.accuracy), str(whole.auc or ""), f"{whole.mcc:.3f}", *by_class))
    bounds = "least, most" if any(row["all"].folds for row in rows if "all" in row) else "95%"
    header = (
        "shortcut",
        f"accuracy [{bounds}]",
        f"AUC [{bounds}]",
        "MCC",
        *(
            f"{pair_class} ({f'{counts[pair_class]:,}' if counts[pair_class] else f'under {FEWEST}'})"
            for pair_class in classes
        ),
    )
    earlier = "earlier rows" if bounds == "95%" else "other folds"
    title = f"What shortcuts are worth on {split}: fitted on the {earlier} as they are, {counts['all']:,} pairs; "
    title += f"accuracy by how many sequences of a pair the {earlier} hold (C1 both, C2 one, C3 none)"
    return f"{textwrap.fill(title, _WIDTH)}\n{table(header, lines)}"


def _details(finding: Finding) -> str:
    words = f"{finding.severity}: {finding.check}: {finding.what}. {finding.advice}"
    said = textwrap.fill(words, _WIDTH, subsequent_indent="  ")
    return "\n".join([said, *(f"    {example_text(example)}" for example in finding.examples)])


def cleaned_text(cleaned: Cleaned) -> str:
    """Say what was written, how many rows left for which reason, and which splits are of no use any more."""
    rows = ", ".join(f"{split} {_by_label(cleaned.labels[split])}" for split in cleaned.rows)
    removed = ", ".join(f"{reason} {count:,}" for reason, count in cleaned.removed.items())
    lines = [f"cleaned: {cleaned.folder}: {rows}; removed: {removed or 'nothing'}"]
    lost = [split for split, of_label in cleaned.labels.items() if not any(of_label)]
    one_label = [split for split, of_label in cleaned.labels.items() if any(of_label) and not all(of_label)]
    if lost or one_label:
        left = [f"no row is left of {', '.join(lost)}"] if lost else []
        left += [f"one label alone is left in {', '.join(one_label)}"] if one_label else []
        advice = (
            "the groups of similar sequences are too few, or too large, for new splits: collect more pairs"
            if cleaned.resplit
            else f"{REMOVED} has the reason of each; --resplit makes new splits by homology out of all rows"
        )
        lines.append(f"{' and '.join(left)}: {advice}")
    return "\n".join(map(on_one_line, lines))


def _by_label(of_label: tuple[int, int]) -> str:
    zeros, ones = of_label
    return f"{zeros + ones:,} (label 0: {zeros:,}, 1: {ones:,})"
