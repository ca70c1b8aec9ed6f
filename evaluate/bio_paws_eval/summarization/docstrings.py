"""English with summaries that needs no network: the docstrings of installed libraries.

The first paragraph of a docstring sums up, in a sentence, the prose beneath it; people wrote both. The files are read
as data, never imported. Lists of arguments, examples and whatever else has a head of its own are left out of the prose.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("biopython", "numpy", "scikit-learn", "scipy", "torch")
"""Libraries that the evaluation needs in any case, with prose in their docstrings."""

MIN_SUMMARY = 20
MIN_PROSE = 200
"""Letters."""

MIN_RATIO = 2
"""The prose is at least so much longer than its summary."""

_SECTION = re.compile(
    r"^[ \t]*(?:\w[\w ]*\n[ \t]*[-=~]{3,}|(?:Arg|Argument|Return|Parameter|Example|Raise|Note|Yield|Keyword arg)s?:"
    r"|:\w+|>>> |\.\. \w|@\w)",
    re.MULTILINE | re.IGNORECASE,
)
"""Where something else than prose begins."""


def versions() -> dict[str, str]:
    """Return the version of each library: others hold other docstrings."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def read_docstrings() -> Iterator[tuple[str, str, str]]:
    """Yield text, summary, and the file that holds both; files in the order of their names."""
    for package in PACKAGES:
        distribution = importlib.metadata.distribution(package)
        files = sorted(file for file in distribution.files or () if file.suffix == ".py" and "tests" not in file.parts)
        for file in files:
            for text, summary in _of_file(Path(str(distribution.locate_file(file)))):
                yield text, summary, f"{package}/{file.as_posix()}"


def _of_file(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library's strings escape is not our concern
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError):  # of templates for code, and of files that an installation lacks
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            pair = divide(ast.get_docstring(node) or "")
            if pair:
                yield pair


def divide(docstring: str) -> tuple[str, str] | None:
    """Divide a docstring into prose and summary; None where it has no summary, or too little prose."""
    first, _, rest = docstring.partition("\n\n")
    summary, text = (" ".join(part.split()) for part in (first, _SECTION.split(rest, maxsplit=1)[0]))
    if len(summary) < MIN_SUMMARY or not summary.endswith(".") or len(text) < max(MIN_PROSE, MIN_RATIO * len(summary)):
        return None
    return text, summary
