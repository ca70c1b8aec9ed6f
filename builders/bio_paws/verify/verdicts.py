"""Kept verdicts: that what a data set's files hold was checked, and found sound.

A verdict lies in the user's cache under a digest of all that it follows from: the SHA-256 of every Parquet file and
what else the manifest states of them, the code of the checks, and the versions of the libraries and of BLAST+ that they
run. It ends in a seal, so that a damaged one counts as none. Only the verdict that all is sound is kept: what is not is
checked again, and named, each time. Whoever uses a verdict must first compare the bytes of the files with the
manifest's digests.
"""

from __future__ import annotations

import importlib.metadata
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import atomic
from bio_paws.execution.sealed import is_sealed, seal
from bio_paws.execution.stage_keys import BUILD_PACKAGES, stage_key
from bio_paws.search import blast
from bio_paws_cards.manifest import Manifest

logger = logging.getLogger(__name__)

_CHECKS = "bio_paws.verify.content"
_COMPILERS = ("llvmlite", "numba")  # they compile the search where they are installed


def is_known_sound(manifest: Manifest) -> bool:
    """Whether files of these digests were checked before, by these checks, and found sound."""
    path = _verdict_file(manifest)
    try:
        return is_sealed(path)
    except OSError:
        return False


def keep_sound(manifest: Manifest) -> None:
    """Keep the verdict that the content of a data set is sound; where the cache cannot be written, none is kept."""
    path = _verdict_file(manifest)
    try:
        with atomic(path) as part:
            part.write_text(f"bioPAWS {manifest.version}: {manifest.rows} pairs, sound\n", encoding="utf-8")
            seal(part, path.name)
    except BioPawsError as error:
        logger.debug("no verdict is kept: %s", error)


def _verdict_file(manifest: Manifest) -> Path:
    # Neither the version nor the page that a copy is published at is among what is checked.
    unchecked: dict[str, Any] = {"url": True, "version": True, "configs": {"__all__": {"version"}}}
    versions = {"blast": blast.version()}
    for name in _COMPILERS:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    values = (manifest.model_dump(mode="json", exclude=unchecked), versions)
    key = stage_key(_CHECKS, packages=BUILD_PACKAGES, values=values)
    return platformdirs.user_cache_path("bio-paws") / "verified" / key
