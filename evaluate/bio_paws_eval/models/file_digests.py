"""One digest of several files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from bio_paws.execution.files import sha256_of


def digest_of_files(files: Iterable[Path]) -> str:
    """Return the SHA-256 of the names and digests of files, in their order.

    Folders do not count, so that a model that was moved stays the same model.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\t{sha256_of(path)}\n".encode())
    return digest.hexdigest()
