"""Kinds of arguments of the command line."""

from __future__ import annotations

import argparse


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
