"""Kinds of arguments of the command line."""

from __future__ import annotations

import argparse
import re


def positive(text: str) -> int:
    """Read a positive number.

    Raises
    ------
    ArgumentTypeError
        When it is none.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def executor(text: str) -> str:
    """Read where jobs run: ``local``, or the address of a scheduler.

    Raises
    ------
    ArgumentTypeError
        When it is neither.
    """
    if text != "local" and not re.fullmatch(r"tcp://([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither local nor an address like tcp://scheduler:8786")
    return text
