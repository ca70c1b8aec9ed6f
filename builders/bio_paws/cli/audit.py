"""`bio-paws audit`: shortcuts, leakage and conflicting labels in any data set of pairs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bio_paws.cli.arguments import add_json
from bio_paws.errors import ConfigError

# As in `bio_paws.audit.alphabets`, which takes half a second to import.
_KINDS = ("dna", "rna", "protein", "smiles", "text")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws audit`."""
    parser.add_argument(
        "dataset", metavar="DATASET", help="a folder, a Parquet, CSV, TSV, JSON-lines or JSON file, or a Hub id"
    )
    parser.add_argument("--config", metavar="C", help="audit this config only (default: all)")
    parser.add_argument("--split", metavar="S", help="audit this split only (default: all)")
    for column in ("sentence1", "sentence2", "label"):
        parser.add_argument(f"--{column}", metavar="COLUMN", help=f"the column of {column} (default: guessed)")
    for side in (1, 2):
        parser.add_argument(
            f"--molecule{side}", choices=_KINDS, help=f"what sentence{side} is written in (default: guessed, and said)"
        )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--positive",
        action="append",
        metavar="VALUE",
        help="a value of the label that counts as 1; all others count as 0; may be given several times",
    )
    labels.add_argument("--threshold", type=float, metavar="X", help="labels are numbers, and count as 1 from X on")
    parser.add_argument(
        "--fasta",
        action="append",
        type=Path,
        metavar="FILE",
        help="the pairs are ids: their sequences stand in this FASTA file; given twice, a file for each side",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write audit.html and audit.json into this folder")
    parser.add_argument(
        "--against", metavar="OTHER", help="also compare with another data set, or a FASTA file a model was trained on"
    )
    parser.add_argument(
        "--thresholds", type=Path, metavar="FILE", help="judge findings by the limits in this YAML file"
    )
    parser.add_argument(
        "--clean", type=Path, metavar="DIR", help="also write the set here without conflicts, duplicates and leaks"
    )
    parser.add_argument("--resplit", action="store_true", help="with --clean: new splits by groups of homologs")
    parser.add_argument(
        "--balance",
        action="store_true",
        help="with --clean: every sequence as often under both labels, or in one row; then both labels as often, too",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Audit every config of a data set; return 1 when a finding is severe."""
    from bio_paws.audit.against import check_against
    from bio_paws.audit.catalog import BY_ID, read_limits
    from bio_paws.audit.clean.output import check_output
    from bio_paws.audit.clean.write import clean
    from bio_paws.audit.report.page import check_page, json_of, write_page
    from bio_paws.audit.run import audit
    from bio_paws.audit.tables.dataset import open_data
    from bio_paws.audit.tables.request import Request
    from bio_paws.cli.audit_text import audit_text, cleaned_text
    from bio_paws.execution.printable import on_one_line
    from bio_paws.execution.signals import ending

    if options.out:
        check_page(options.out)
    request = Request(
        sentence1=options.sentence1,
        sentence2=options.sentence2,
        label=options.label,
        molecule1=options.molecule1,
        molecule2=options.molecule2,
        positive=tuple(options.positive or ()),
        threshold=options.threshold,
        fasta=tuple(options.fasta or ()),
    )
    if (options.resplit or options.balance) and not options.clean:
        raise ConfigError("--resplit and --balance say how to clean: give --clean DIR too")
    if options.clean:
        check_output(options.clean, options.dataset)
    limits = read_limits(options.thresholds) if options.thresholds else BY_ID
    if options.against is not None:
        check_against(options.against)
    audits = []
    sets = open_data(options.dataset, options.config, options.split)
    for data in sets:
        audits.append(audit(data, request, limits=limits, against=options.against))
        if not options.json:
            print(audit_text(audits[-1]), end="\n\n", flush=True)
        if audits[-1].interrupted:
            break
    ended_by = audits[-1].ended_by
    if options.clean and ended_by is None:
        for cleaned in clean(sets, request, options.clean, resplit=options.resplit, balance=options.balance):
            print(cleaned_text(cleaned), file=sys.stderr)
    if options.out:
        written = write_page(options.dataset, audits, options.out)
        print(on_one_line(f"written: {', '.join(map(str, written))}"), file=sys.stderr)
    if options.json:  # at last: an error would be a second object
        print(json.dumps(json_of(options.dataset, audits), indent=2))
    if ended_by is not None:
        print(f"bio-paws: {ending(ended_by)}; what was done is above", file=sys.stderr)
        return 128 + ended_by
    return 1 if any(result.severe for result in audits) else 0
