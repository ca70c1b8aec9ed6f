"""Arguments and argument types that several verbs share."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

DATA = Path("bioPAWS")
"""Folder of the data set where none is named."""
_LARGEST = 2**31 - 1  # no array has more rows here, no machine more processes


def positive(text: str) -> int:
    """Parse a positive integer.

    Raises
    ------
    ArgumentTypeError
        When it is not one.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    if value > _LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is more than the {_LARGEST:,} that can be counted here")
    return value


def executor(text: str) -> str:
    """Parse where jobs run: ``local``, or the address of a Dask scheduler.

    Raises
    ------
    ArgumentTypeError
        When it is neither.
    """
    if text != "local" and not re.fullmatch(r"tcp://([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither local nor an address like tcp://scheduler:8786")
    return text


def add_folder(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the folder of a data set as an optional positional argument."""
    parser.add_argument("dir", nargs="?", type=Path, default=DATA, metavar="DIR", help=f"{what} (default: {DATA})")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the number of worker processes."""
    parser.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: all cores)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the choice of JSON output."""
    parser.add_argument("--json", action="store_true", help="print JSON")
