"""An audit for the terminal, and as JSON."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

from bio_paws.audit.findings import Example
from bio_paws.audit.run import Audit
from bio_paws.report import table

_WIDTH = 110


def audit_json(audit: Audit) -> dict[str, Any]:
    """Return an audit as values that JSON can hold; places of rows in memory are left out."""
    findings = [
        {name: one for name, one in dataclasses.asdict(found).items() if name != "rows"} for found in audit.findings
    ]
    return dataclasses.asdict(audit) | {"severe": audit.severe, "findings": findings}


def audit_text(audit: Audit) -> str:
    """Lay out an audit."""
    parts = [f"{audit.name}: {facts(audit)}"]
    if audit.findings:
        found = [(one.severity, one.check, f"{one.unit} {one.figure}") for one in audit.findings]
        parts.append(table(("finding", "check", "figure"), found))
        parts += [_details(one.check, one.severity, one.what, one.advice, one.examples) for one in audit.findings]
    else:
        parts.append("Nothing found.")
    rows = [
        (one.name, one.kind, str(one.auc), str(one.accuracy), "" if one.threshold is None else f"{one.threshold:.4g}",
         f"{one.rows:,}")
        for one in audit.measurements
    ]  # fmt: skip
    if rows:
        title = f"Floors and ceilings: {audit.how}"
        header = ("baseline", "kind", "AUC [95%]", "accuracy [95%]", "threshold", "pairs")
        parts.append(f"{title}\n{table(header, rows)}")
    return "\n\n".join(parts)


def facts(audit: Audit) -> str:
    """Say in a line what was audited."""
    rows = ", ".join(f"{split} {count:,}" for split, count in audit.rows.items())
    labels = ", ".join(f"{name!r} {count:,}" for name, count in zip(audit.label_names, audit.labels, strict=True))
    sequences = "; ".join(
        f"{side}: {one['sequences']:,} sequences, {one['in_several_rows']:,} in several rows, "
        f"{one['under_both_labels']:,} under both labels"
        for side, one in audit.sequences.items()
    )
    columns = f"{audit.columns.sides[0]}, {audit.columns.sides[1]}, {audit.columns.label}"
    return f"pairs by split: {rows}; {audit.columns.molecule} ({columns}); labels {labels}\n{sequences}"


def example_text(one: Example) -> str:
    """Say which row it is, and what it holds."""
    name = f" {one.id}" if one.id else ""
    return f"{one.split} row {one.row}{name}, label {one.label}: {one.sentence1} | {one.sentence2}"


def _details(check: str, severity: str, what: str, advice: str, examples: tuple[Example, ...]) -> str:
    said = textwrap.fill(f"{severity}: {check}: {what}. {advice}", _WIDTH, subsequent_indent="  ")
    return "\n".join([said, *(f"    {example_text(one)}" for one in examples)])
