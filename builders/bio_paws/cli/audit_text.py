"""An audit as the terminal shows it."""

from __future__ import annotations

import textwrap

from bio_paws.audit.findings import Example
from bio_paws.audit.report.text import example_text, facts
from bio_paws.audit.run import Audit
from bio_paws.cli.text import table

_WIDTH = 110  # characters of a line


def audit_text(audit: Audit) -> str:
    """Lay out an audit."""
    parts = [f"{audit.name}: {facts(audit)}"]
    if audit.findings:
        findings = [(finding.severity, finding.check, f"{finding.unit} {finding.figure}") for finding in audit.findings]
        parts.append(table(("finding", "check", "figure"), findings))
        parts += [
            _details(finding.check, finding.severity, finding.what, finding.advice, finding.examples)
            for finding in audit.findings
        ]
    else:
        parts.append("Nothing found.")
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


def _details(check: str, severity: str, what: str, advice: str, examples: tuple[Example, ...]) -> str:
    said = textwrap.fill(f"{severity}: {check}: {what}. {advice}", _WIDTH, subsequent_indent="  ")
    return "\n".join([said, *(f"    {example_text(example)}" for example in examples)])
