"""Documents of text: bundled English, files, or a data set on the Hub, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import sha256_of
from bio_paws.execution.hub import limit_answers
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws_eval.pretrain.recipe import TextRecipe
from bio_paws_eval.tasks import english_text

HUB = "hub:"
"""Before the id of a data set on the Hub."""

_BUILDERS = {".txt": "text", ".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True)
class TextSource:
    """One source, found.

    Attributes
    ----------
    name : str
        What the recipe calls it.
    origin : str
        What its text is, to the byte: sha256 of a file, commit on the Hub.
    path : Path or None
        The file; None on the Hub.
    """

    name: str
    origin: str
    path: Path | None


def find_text(text: TextRecipe) -> tuple[TextSource, ...]:
    """Find the sources of a recipe's text.

    Raises
    ------
    BioPawsError
        When one is missing or of an unknown format, or the Hub does not know it.
    """
    return tuple(find_source(name, text.revision) for name in text.source)


def read_text(sources: tuple[TextSource, ...], text: TextRecipe) -> Iterator[str]:
    """Yield the documents of all sources, one after the other.

    Raises
    ------
    BioPawsError
        When a source cannot be read, or has no such column.
    """
    for source in sources:
        if source.name == "bundled":
            assert source.path is not None
            yield from english_text.read_chapters(source.path)
        else:
            yield from _streamed(source, text)


def find_source(name: str, revision: str | None) -> TextSource:
    """Find one source: a file, ``hub:OWNER/NAME`` at a revision, or ``bundled``.

    Raises
    ------
    BioPawsError
        As `find_text`.
    """
    if name == "bundled":
        return TextSource("bundled", english_text.SHA256, english_text.find_english())
    if name.startswith(HUB):
        return TextSource(name, _commit(name.removeprefix(HUB), revision), None)
    path = Path(name)
    if not path.is_file():
        raise BioPawsError(f"text source {name!r} is neither a file, hub:OWNER/NAME, nor bundled")
    _builder(path)
    return TextSource(name, sha256_of(path), path)


def _commit(repository: str, revision: str | None) -> str:
    from huggingface_hub import HfApi

    limit_answers()
    try:
        commit = HfApi().dataset_info(repository, revision=revision).sha
    except BioPawsError:
        raise
    except Exception as error:  # of huggingface_hub, also where it reads an answer of another shape
        reraise_if_out_of_memory(error)
        at = f" at {revision}" if revision else ""
        raise BioPawsError(
            f"text source hub:{repository}{at} cannot be had ({type(error).__name__}): name another, or files"
        ) from error
    return str(commit)


def _builder(path: Path) -> str:
    suffixes = [suffix for suffix in path.suffixes if suffix not in _COMPRESSED]
    if not suffixes or suffixes[-1] not in _BUILDERS:
        raise BioPawsError(f"{path}: cannot tell its format: name it {', '.join(_BUILDERS)}, compressed or not")
    return _BUILDERS[suffixes[-1]]


def _streamed(source: TextSource, text: TextRecipe) -> Iterator[str]:
    column = "text" if source.path is not None and _builder(source.path) == "text" else text.column
    for row in read_rows(source, text.config):
        if not isinstance(row.get(column), str):
            raise BioPawsError(f"text source {source.name}: no text in column {column!r}, but {', '.join(row)}")
        if row[column].strip():
            yield row[column]


def read_rows(source: TextSource, config: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, or of the train split of a data set on the Hub, as a stream.

    Raises
    ------
    BioPawsError
        When it cannot be read.
    """
    import datasets

    limit_answers()
    options: dict[str, Any]
    if source.path is None:
        options = {"path": source.name.removeprefix(HUB), "name": config, "revision": source.origin}
    else:
        options = {"path": _builder(source.path), "data_files": str(source.path)}
        options |= {"sample_by": "paragraph"} if options["path"] == "text" else {}
    try:
        yield from datasets.load_dataset(**options, split="train", streaming=True)
    except Exception as error:  # whatever the readers of its format, or the network, raise
        raise BioPawsError(
            f"text source {source.name}: cannot be read ({' '.join(str(error).split())[:200]})"
        ) from error
