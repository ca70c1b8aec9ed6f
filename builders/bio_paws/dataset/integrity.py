"""Whether the files of a data set are those of its manifest: checked by whatever reads pairs, before it reads any."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bio_paws.dataset.manifest import MANIFEST, read_manifest
from bio_paws.errors import DamagedFile, DataError
from bio_paws.execution.files import sha256_of
from bio_paws_cards.manifest import Manifest


def require_intact(folder: Path, config: str | None = None, split: str | None = None) -> Manifest:
    """Check the files of a data set by their SHA-256; a process reads a file once for that.

    Parameters
    ----------
    folder : Path
        The data set.
    config, split : str, optional
        Check only these; by default all.

    Returns
    -------
    Manifest
        Its manifest.

    Raises
    ------
    DamagedFile
        When a file is missing or is not the one that the manifest names.
    DataError
        When there is no manifest, or a malformed one.
    """
    manifest = read_manifest(folder)
    for name, entry in manifest.configs.items():
        for part, stored in entry.splits.items():
            if config in {None, name} and split in {None, part}:
                _require(folder / stored.file, stored.sha256)
    return manifest


def require_intact_source(path: Path, config: str | None = None, split: str | None = None) -> None:
    """Check what a user names, a folder or one file, where it is of a data set with a manifest of this project.

    Parameters
    ----------
    path : Path
        Anything.
    config, split : str, optional
        Check only these of a folder; by default all.

    Raises
    ------
    DamagedFile
        When a file is not the one that the manifest names.
    DataError
        When the manifest is damaged.
    """
    if path.is_dir():
        if has_manifest(path):
            require_intact(path, config, split)
        return
    folder = path.absolute().parent.parent
    if path.is_file() and has_manifest(folder):
        for entry in read_manifest(folder).configs.values():
            for stored in entry.splits.values():
                if (folder / stored.file).resolve() == path.resolve():
                    _require(path, stored.sha256)


def has_manifest(folder: Path) -> bool:
    """Whether a folder holds a manifest that is ours; other programs have files of that name too.

    Raises
    ------
    DataError
        When it is ours, and damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return False
    try:
        read_manifest(folder)
    except DataError:
        if b"content_sha256" in path.read_bytes():
            raise
        return False
    return True


def _require(path: Path, sha256: str) -> None:
    if not path.is_file() or _sha256(path) != sha256:
        raise DamagedFile(
            f"{path}: is not the file that {MANIFEST} names: build or download the data set again (bio-paws verify "
            "names all such files)"
        )


def _sha256(path: Path) -> str:
    status = path.stat()
    return _sha256_once(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@lru_cache(maxsize=4096)
def _sha256_once(path: Path, *_identity: int) -> str:
    return sha256_of(path)
