"""The manifest of a data set, `manifest.json`: what must stand in it for anything else to read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bio_paws.errors import BioPawsError

MANIFEST = "manifest.json"

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]
_Area = Annotated[float, Field(allow_inf_nan=False)]
_Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class _Part(BaseModel):
    """Keys beyond those named may come with later versions."""

    model_config = ConfigDict(strict=True)


class _Split(_Part):
    # No way out of the folder, whoever wrote the manifest.
    file: Annotated[str, Field(pattern=r"^\w+/\w[\w.-]*$")]
    rows: _Count
    similar: _Count
    bytes: _Count
    memory_bytes: _Count
    sha256: _Sha256


class _Config(_Part):
    version: _Version
    summary: str
    molecule: Literal["dna", "protein", "dna_protein"]
    mean_length: _Count
    label_names: list[str]
    pairs_wanted: _Count
    columns: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    content_sha256: _Sha256
    outcomes: dict[str, _Count]
    floors: dict[str, _Area]
    ceilings: dict[str, _Area]
    splits: Annotated[dict[Literal["train", "validation", "test"], _Split], Field(min_length=1)]


class _SourceFile(_Part):
    role: str
    name: str
    sha256: _Sha256


class _Source(_Part):
    accession: str
    name: str
    origin: str
    organisms: list[str]
    files: list[_SourceFile]


class _Arguments(_Part):
    pairs: _Count | None
    seed: int
    source: list[str]


class _SearchSpace(_Part):
    dna: _Count
    protein: _Count


class _Manifest(_Part):
    name: Literal["bioPAWS"]
    version: _Version
    arguments: _Arguments
    versions: dict[str, str]
    sources: list[_Source]
    rejected_records: dict[str, _Count]
    search_space: _SearchSpace
    configs: Annotated[dict[Annotated[str, Field(pattern=r"^\w+$")], _Config], Field(min_length=1)]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a data set.

    Raises
    ------
    BioPawsError
        When the folder holds none, or one that is malformed.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BioPawsError(f"{folder}: no {MANIFEST} in it, so not a built data set: run bio-paws build") from None
    except OSError as error:
        raise BioPawsError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_manifest(data, str(path), "build the data set again")


def parse_manifest(data: bytes, where: str, advice: str) -> dict[str, Any]:
    """Read a manifest from anywhere, and hold it to the structure that the rest of the program relies on.

    Parameters
    ----------
    data : bytes
        What is said to be a manifest.
    where, advice : str
        Where it comes from, and what to do when it is none.

    Raises
    ------
    BioPawsError
        When it is not JSON in UTF-8, or of another structure.
    """
    try:
        manifest: dict[str, Any] = json.loads(data.decode("utf-8"))
        _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "it"
        raise BioPawsError(f"{where}: not a manifest of bioPAWS ({at}: {first['msg']}): {advice}") from error
    except (ValueError, RecursionError) as error:
        raise BioPawsError(f"{where}: cannot be read ({error}): {advice}") from error
    return manifest
