"""`bio-paws report`: tables, figures and a page from a folder of results."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from bio_paws_eval.cli.libraries import needed_extra


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bio-paws report`."""
    parser.add_argument(
        "results", type=Path, metavar="RESULTS", help="folder of results of bio-paws eval and bio-paws baselines"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the report (default: RESULTS/report)")
    parser.add_argument(
        "--url",
        type=_address,
        metavar="URL",
        help="where RESULTS is published: links of the leaderboard lead there (default: its path)",
    )
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="reference results to set beside these, such as results/reference"
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder of bioPAWS: homology groups for results of before schema 2.3, which name none (default: bioPAWS)",
    )
    parser.add_argument(
        "--data-repo",
        type=_repository,
        metavar="OWNER/NAME[@COMMIT]",
        help="repository on the Hub that the data came from: write entries for its leaderboards (eval_results)",
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="also write the results of models to DIR in the shared schema of Every Eval Ever",
    )


def _address(text: str) -> str:
    if re.match(r"(?!https?:)[a-z][\w+.-]*:", text.strip(), re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is no address of a folder: write it as https://... or a path")
    return text


def _repository(text: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a repository: write it as owner/name or owner/name@commit")
    return text


def run(options: argparse.Namespace) -> int:
    """Write the report, print its tables and the files written."""
    with needed_extra("plots"):
        from bio_paws_eval.report.every_eval_ever import export_records
        from bio_paws_eval.report.writer import write_report
    from bio_paws_eval.tasks.registry import Sources

    out = options.out or options.results / "report"
    data_repo = options.data_repo or ""
    exported = export_records(options.results, options.export, data_repo) if options.export else []
    written = write_report(options.results, out, options.url, options.against, data_repo, Sources(options.data))
    print(written.markdown)
    for path in (*written.files, *exported):
        print(path)
    return 0
