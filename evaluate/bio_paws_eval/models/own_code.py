"""Code that comes with a model: run only where the user trusts it, and part of the model's identity.

Most genomic language models are Python files beside their weights, named by ``auto_map`` in config.json. Without the
user's consent nothing here imports them; with it, their digest is part of the key of every result.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel
from transformers.dynamic_module_utils import get_class_from_dynamic_module

from bio_paws.errors import ModelError
from bio_paws.execution.files import read_json

_COMMIT = re.compile("[0-9a-f]{40}")
_CLASSIFIER = "ForSequenceClassification"


def check_commit(model: str, revision: str | None) -> None:
    """Check that code from the Hub is asked for by a full commit: what a branch or a tag names can change.

    Raises
    ------
    ModelError
        When the revision is no full commit.
    """
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ModelError(
            f"{model}: --trust-remote-code goes with --revision and a full commit (40 hexadecimal digits): read the "
            "code of that commit first"
        )


def code_files(model: str, folder: Path) -> list[Path]:
    """Return the Python files of a model's folder, after a check that all code it names is among them.

    Raises
    ------
    ModelError
        When its configuration names code of another repository, or a file that is not there.
    """
    for reference in _references(folder):
        if "--" in reference:
            raise ModelError(
                f"{model}: its code lies in another repository ({reference.split('--')[0]}): put the files beside "
                "config.json, and name them there without the repository"
            )
        if not (folder / f"{reference.split('.')[0]}.py").is_file():
            raise ModelError(f"{model}: config.json names the code {reference}, and there is no such file")
    return sorted(folder.rglob("*.py"))


def names_code(folder: Path) -> bool:
    """Return whether a model's configuration names code of its own."""
    return bool(_references(folder))


def own_classifier(folder: Path) -> type[PreTrainedModel] | None:
    """Import the classifier from a model's own code; None where the code has none.

    It is the class that ``auto_map`` names, else the only one of that kind beside the classes that it names. Importing
    runs the code.

    Raises
    ------
    Exception
        Whatever the code raises.
    """
    named = _auto_map(folder / "config.json")
    reference = named.get(f"AutoModel{_CLASSIFIER}")
    if reference:
        return _import(reference, folder)
    for name, other in named.items():
        if name.startswith("AutoModel"):
            module = sys.modules[_import(other, folder).__module__]
            classes = [
                value
                for value in vars(module).values()
                if isinstance(value, type) and issubclass(value, PreTrainedModel)
                # Not a class that the module imports from Transformers.
                if value.__name__.endswith(_CLASSIFIER) and value.__module__ == module.__name__
            ]
            if len(classes) == 1:
                return classes[0]
    return None


def _import(reference: str, folder: Path) -> type[PreTrainedModel]:
    return get_class_from_dynamic_module(reference, str(folder))


def _references(folder: Path) -> list[str]:
    named = [_auto_map(folder / "config.json"), _auto_map(folder / "tokenizer_config.json")]
    return [reference for references in named for reference in references.values()]


def _auto_map(path: Path) -> dict[str, str]:
    """Return the classes that a file names, by the Auto class they stand for; empty where it names none.

    A tokenizer has two, the slow one first, of which either may be missing.
    """
    try:
        named: Any = read_json(path).get("auto_map") or {}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}  # whoever reads the file for itself reports it
    if isinstance(named, (list, tuple)):  # of early tokenizers
        named = {"AutoTokenizer": named}
    if not isinstance(named, dict):
        return {}
    classes: dict[str, str] = {}
    for name, value in named.items():
        references = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
        classes |= {f"{name}{number or ''}": reference for number, reference in enumerate(references)}
    return classes


def copy_code(folder: Path, target: Path) -> None:
    """Copy the Python files of a model's folder: what is saved with them loads as the model itself does."""
    for path in folder.rglob("*.py"):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
