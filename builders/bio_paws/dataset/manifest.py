"""Read and write the manifest of a data set, `manifest.json`, as a `bio_paws_cards.manifest.Manifest`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from bio_paws.errors import DataError
from bio_paws.execution.documents import first_fault, parse_json
from bio_paws.execution.files import json_text, write_json
from bio_paws_cards.manifest import Manifest

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a data set.

    Parameters
    ----------
    folder : Path
        The data set.

    Raises
    ------
    DataError
        When the folder holds no manifest, or a malformed one.
    """
    path = folder / MANIFEST
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: is not a file: put the data set's own in its place")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{folder}: no {MANIFEST} in it, so not a built data set: run bio-paws build") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_manifest(data, str(path), "build the data set again")


def parse_manifest(data: bytes, where: str, advice: str) -> Manifest:
    """Parse a manifest and validate its structure.

    Manifests of earlier versions, with ``floors``, ``ceilings`` and ``search_space``, are read as well.

    Parameters
    ----------
    data : bytes
        The content of a ``manifest.json``.
    where, advice : str
        Where it comes from, and what to do when it is malformed: for the error message.

    Raises
    ------
    DataError
        When the data are not JSON in UTF-8, or not a manifest.
    """
    try:
        return Manifest.model_validate(parse_json(data))
    except ValidationError as error:
        raise DataError(f"{where}: not a manifest of bioPAWS ({first_fault(error)}): {advice}") from error
    except ValueError as error:
        raise DataError(f"{where}: cannot be read ({error}): {advice}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a data set, atomically: the same bytes for the same manifest."""
    write_json(folder / MANIFEST, manifest.model_dump())


def is_canonical(data: bytes) -> bool:
    """Whether the content of a ``manifest.json`` has the one JSON form that this package writes.

    Blanks, escapes and repeated keys can change without changing what is read, so they are compared as bytes. The
    names of keys are not: a manifest with the terms of an earlier version is as canonical as one with today's.

    Parameters
    ----------
    data : bytes
        A valid manifest: `parse_manifest` accepts it.
    """
    return json_text(json.loads(data.decode("utf-8"))).encode() == data
