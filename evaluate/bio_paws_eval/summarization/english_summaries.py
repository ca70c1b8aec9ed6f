"""English texts with summaries, to learn from: a file, a data set on the Hub, or docstrings of installed libraries."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from bio_paws.errors import BioPawsError
from bio_paws.execution.files import digest_of, read_arrow, write_arrow
from bio_paws.execution.stage_keys import stage_key
from bio_paws_eval.pretrain.text_sources import HUB, find_source, read_rows
from bio_paws_eval.summarization import docstrings
from bio_paws_eval.summarization.rouge import words

DOCSTRINGS = "docstrings"
COLUMNS = (
    ("document", "summary"),
    ("article", "highlights"),
    ("article", "abstract"),
    ("dialogue", "summary"),
    ("text", "summary"),
    ("article", "summary"),
    ("report", "summary"),
    ("text", "headline"),
)
"""Columns of texts and summaries, as sets on the Hub call them; the first that are there are taken."""

MIN_EXAMPLES = 10
SHARE = 20
"""One in so many chooses the epoch, and one in so many is asked in the end."""


@dataclass(frozen=True)
class Example:
    """A text and its summary; examples of one group are never divided between training and test."""

    text: str
    summary: str
    group: str


@dataclass(frozen=True)
class English:
    """A set of summaries, divided.

    Attributes
    ----------
    name : str
        As asked for.
    origin : dict of str to str
        What it is to the byte: the sha256 of a file, the commit on the Hub, the versions of libraries.
    train, dev, held_out : tuple of Example
        To learn from, to choose the epoch by, and to ask in the end; no two texts are the same.
    """

    name: str
    origin: dict[str, str]
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    held_out: tuple[Example, ...]

    @property
    def digest(self) -> str:
        """Digest of all examples."""
        return digest_of([[vars(example) for example in part] for part in (self.train, self.dev, self.held_out)])


def read_english(name: str, columns: tuple[str, str] | None, config: str | None, most: int, work: Path) -> English:
    """Read a set of summaries, and divide it.

    Parameters
    ----------
    name : str
        A file (JSON lines, JSON, CSV, Parquet), an id on the Hub, or `DOCSTRINGS`.
    columns : (str, str), optional
        Those of text and summary; by default the first of `COLUMNS` that is there.
    config : str, optional
        Of a data set on the Hub.
    most : int
        Largest number of examples: the first, of docstrings a random part.
    work : Path
        Where docstrings are kept: reading all takes half a minute.

    Raises
    ------
    BioPawsError
        When it cannot be had, has no such columns, or holds too few examples.
    """
    if name == DOCSTRINGS:
        origin = docstrings.versions()
        rows = iter(_docstrings(origin, work))
    else:
        source = find_source(name if Path(name).is_file() or name.startswith(HUB) else HUB + name, None)
        origin = {"commit" if source.path is None else "sha256": source.origin}
        rows = _columns(name, read_rows(source, config), columns)
    texts: set[str] = set()
    examples: list[Example] = []
    for row in rows:
        if row.text not in texts and words(row.text) and words(row.summary):
            texts.add(row.text)
            examples.append(row)
            if len(examples) == most:
                break
    if len(examples) < MIN_EXAMPLES:
        raise BioPawsError(f"{name}: {len(examples)} texts with summaries, at least {MIN_EXAMPLES} are needed")
    return English(name, origin, *_divide(examples))


def _docstrings(versions: dict[str, str], work: Path) -> list[Example]:
    """Read all docstrings once, in an order that has nothing to do with where they stand."""
    path = work / f"docstrings-{stage_key('bio_paws_eval.summarization.docstrings', values=versions)}.arrow"
    if not path.is_file():
        columns = zip(*docstrings.read_docstrings(), strict=True)
        write_arrow(path, pa.table(dict(zip(("text", "summary", "group"), map(list, columns), strict=True))))
    rows = [Example(**row) for row in read_arrow(path).to_pylist()]
    return sorted(rows, key=lambda row: (_number(row.text), row.text))


def _columns(name: str, rows: Iterator[dict[str, object]], columns: tuple[str, str] | None) -> Iterator[Example]:
    for row in rows:
        named = [columns] if columns else [both for both in COLUMNS if set(both) <= set(row)]
        if not named or not set(named[0]) <= set(row):
            raise BioPawsError(
                f"{name}: cannot tell texts from summaries among its columns {', '.join(row)}: pass --columns TEXT "
                "SUMMARY"
            )
        text, summary = (row[name] for name in named[0])
        if isinstance(text, str) and isinstance(summary, str):
            yield Example(text, summary, text)


def _divide(examples: Sequence[Example]) -> Iterator[tuple[Example, ...]]:
    groups = sorted({example.group for example in examples}, key=lambda group: (_number(group), group))
    part = max(1, len(groups) // SHARE)
    for chosen in (groups[2 * part :], groups[:part], groups[part : 2 * part]):
        wanted = set(chosen)
        yield tuple(example for example in examples if example.group in wanted)


def _number(text: str) -> int:
    return zlib.crc32(text.encode())
