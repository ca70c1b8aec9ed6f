"""Tables of the reference that stand in the code, too: read on the repository's pages, where nothing is generated."""

from __future__ import annotations

from pathlib import Path

from bio_paws.configs import CONFIGS
from bio_paws.schema import SCHEMA
from bio_paws.verify.violations import CODES
from bio_paws_cards.about import columns_of, kinds_of

REFERENCE = Path(__file__).parents[2] / "docs/reference"


def test_every_column_stands_in_the_reference() -> None:
    """Copy what is expected into the page."""
    columns = columns_of(kinds_of({config.name: config.molecule for config in CONFIGS}))
    rows = [f"| `{name}` | {SCHEMA.field(name).type} | {meaning} |" for name, meaning in columns.items()]
    assert table_of("configs.md", "## Columns") == ["| column | type | meaning |", "|---|---|---|", *rows]


def test_every_code_of_a_violation_stands_in_the_reference() -> None:
    """Copy what is expected into the page."""
    rows = [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    assert table_of("violations.md", "# Violation codes") == ["| code | meaning |", "|---|---|", *rows]


def table_of(page: str, heading: str) -> list[str]:
    """Return the lines of the first table under a heading."""
    lines = (REFERENCE / page).read_text().splitlines()
    lines = lines[lines.index(heading) :]
    start = next(at for at, line in enumerate(lines) if line.startswith("|"))
    length = next((n for n, line in enumerate(lines[start:]) if not line.startswith("|")), len(lines) - start)
    return lines[start : start + length]
