"""An audit as values for JSON, and its facts and examples as lines of text."""

from __future__ import annotations

import dataclasses
from typing import Any

from bio_paws.audit.findings import Example
from bio_paws.audit.report.verdict import verdict
from bio_paws.audit.run import Audit
from bio_paws.execution.printable import on_one_line


def audit_json(audit: Audit) -> dict[str, Any]:
    """Return an audit as values that JSON can hold; places of rows in memory are left out."""
    findings = [
        {name: value for name, value in dataclasses.asdict(finding).items() if name != "rows"}
        for finding in audit.findings
    ]
    values = dataclasses.asdict(audit) | {"severe": audit.severe, "findings": findings}
    return {"verdict": verdict(audit)} | values


def facts(audit: Audit) -> str:
    """Say in some lines what was audited."""
    rows = ", ".join(f"{split} {count:,}" for split, count in audit.rows.items())
    labels = ", ".join(f"{name!r} {count:,}" for name, count in zip(audit.label_names, audit.labels, strict=True))
    sequences = "; ".join(
        f"{side}: {counts['sequences']:,} sequences, {counts['in_several_rows']:,} in several rows, "
        f"{counts['under_both_labels']:,} under both labels"
        for side, counts in audit.sequences.items()
    )
    columns = f"{audit.columns.sides[0]}, {audit.columns.sides[1]}, {audit.columns.label}"
    sides = zip(audit.columns.sides, audit.columns.kinds, audit.columns.evidence, strict=True)
    taken = [f"{side} is taken for {kind}: {evidence}" for side, kind, evidence in sides]
    lines = [f"pairs by split: {rows}; {audit.columns.molecule} ({columns}); labels {labels}", sequences, *taken]
    return "\n".join(map(on_one_line, [*lines, *audit.notes]))


def example_text(example: Example) -> str:
    """Say which row it is, and what it holds."""
    name = f" ({example.id})" if example.id else ""
    pair = f"{example.sentence1} | {example.sentence2}"
    return on_one_line(f"{example.split} row {example.row}{name}, label {example.label}: {pair}")
