"""`bio-paws audit`: shortcuts, leakage and conflicting labels in any data set of pairs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bio_paws.cli.arguments import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws audit`."""
    parser.add_argument(
        "dataset", metavar="DATASET", help="a folder, a Parquet, CSV, TSV, JSON-lines or JSON file, or a Hub id"
    )
    parser.add_argument("--config", metavar="C", help="audit this config only (default: all)")
    parser.add_argument("--split", metavar="S", help="audit this split only (default: all)")
    for column in ("sentence1", "sentence2", "label"):
        parser.add_argument(f"--{column}", metavar="COLUMN", help=f"the column of {column} (default: guessed)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write audit.html and audit.json into this folder")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Audit every config of a data set; return 1 when a finding is severe."""
    from bio_paws.audit.report.page import json_of, need_figures, write_page
    from bio_paws.audit.run import audit
    from bio_paws.audit.tables.dataset import open_data
    from bio_paws.cli.audit_text import audit_text

    if options.out:
        need_figures()
    audits = []
    for data in open_data(options.dataset, options.config, options.split):
        audits.append(audit(data, options.sentence1, options.sentence2, options.label))
        if not options.json:
            print(audit_text(audits[-1]), end="\n\n", flush=True)
    if options.json:
        print(json.dumps(json_of(options.dataset, audits), indent=2))
    if options.out:
        written = write_page(options.dataset, audits, options.out)
        print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    return 1 if any(result.severe for result in audits) else 0
