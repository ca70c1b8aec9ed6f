"""The pairs that a model is trained on and asked: languages of PAWS-X, configs of bioPAWS, and pairs made here.

All are read as one thing. A new task of pairs that are made, not read, is one entry in `SYNTHETIC`.

PAWS-X: Yang Y, Zhang Y, Tar C, Baldridge J (2019) PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase
Identification, EMNLP.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bio_paws import configs
from bio_paws.configs import SPLITS, Molecule
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError, DataError
from bio_paws.features.perturbations import PERTURBED_ROWS, Perturbation
from bio_paws_eval.results import Task
from bio_paws_eval.tasks import dyck

LANGUAGES = ("en", "fr", "de", "es", "zh", "ja", "ko")
PAWSX_REPO = "google-research-datasets/paws-x"
PAWSX_REVISION = "4cd8187c404bda33cb1f62b49b001115862acf37"
"""The revision of PAWS-X on the Hub that scores refer to."""

PLACEHOLDER = "NS"
"""What PAWS-X writes where a sentence was not translated."""

ROWS_A_BATCH = 8192

_Row = tuple[str, str, str, int]
SYNTHETIC: dict[str, tuple[Callable[[str], Iterator[_Row]], str]] = {"dyck": (dyck.dyck_pairs, dyck.VERSION)}
"""Tasks that are made, not read, to train on and for whoever asks for them: a function of the split that yields id,
sentences and label, and its version."""


class MissingPairs(DataError):
    """A task's pairs are not at hand: no such file, config or split."""


class UnreachablePairs(MissingPairs):
    """They are not at hand because the Hub cannot be reached: nor will others be that come from there."""


_PREFIX = "pawsx_"
# Two layouts of PAWS-X as tab-separated files: a folder a split, and Google's release, a folder a language.
_FILES = {
    "train": ("train/{0}.tsv", "{0}/train.tsv", "{0}/translated_train.tsv"),
    "validation": ("dev/{0}.tsv", "{0}/dev_2k.tsv"),
    "test": ("test/{0}.tsv", "{0}/test_2k.tsv"),
}


@dataclass(frozen=True)
class Sources:
    """Where pairs come from.

    Attributes
    ----------
    data : str or None
        Folder or Hub id of bioPAWS; None for the folder ``bioPAWS``, else the pinned revision on the Hub.
    pawsx : str
        Folder of tab-separated files, or Hub id of PAWS-X.
    limit : int or None
        Take the first so many pairs of each split only.
    """

    data: str | None = None
    pawsx: str = PAWSX_REPO
    limit: int | None = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of a split, read anew at each use, so that memory does not grow with their number.

    Attributes
    ----------
    task : Task
        Name, split, number, version, digest.
    molecule : {"text", "dna", "protein", "dna_protein"}
        What the sentences are.
    read : callable
        Returns an iterator of record batches with columns ``pair_id, sentence1, sentence2`` (string) and ``label``
        (int8), of bioPAWS ``kind`` (string) as well, at most `ROWS_A_BATCH` rows each.
    kinds : ndarray, shape=(rows,) or (0,), dtype=object
        How each pair came about; of no length for PAWS-X.
    """

    task: Task
    molecule: Molecule | Literal["text"]
    read: Callable[[], Iterator[pa.RecordBatch]]
    kinds: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))


_COLUMNS = pa.schema(
    [("pair_id", pa.string()), ("sentence1", pa.string()), ("sentence2", pa.string()), ("label", pa.int8())]
)
_COLUMNS_OF_BIOPAWS = _COLUMNS.append(pa.field("kind", pa.string()))


def pawsx(language: str) -> str:
    """Name of the task of a language: ``pawsx_fr``."""
    return _PREFIX + language


def task_names() -> tuple[str, ...]:
    """Names of the tasks that a model is asked by default: the languages of PAWS-X, then the configs of bioPAWS."""
    return (*map(pawsx, LANGUAGES), *(config.name for config in configs.CONFIGS))


def all_names() -> tuple[str, ...]:
    """Names of all tasks: those of `task_names`, then the synthetic ones."""
    return (*task_names(), *SYNTHETIC)


def is_pawsx(name: str) -> bool:
    """Whether a task is a language of PAWS-X."""
    return name.startswith(_PREFIX)


def is_biopaws(name: str) -> bool:
    """Whether a task is a config of bioPAWS."""
    return not is_pawsx(name) and name not in SYNTHETIC


def load_pairs(name: str, split: str, sources: Sources) -> Pairs:
    """Find the pairs of a task, and read them once for their number and digest.

    Parameters
    ----------
    name : str
        One of `all_names`.
    split : {"train", "validation", "test"}
        PAWS-X calls validation dev.
    sources : Sources
        Where to look.

    Raises
    ------
    DataError
        When there is no such task, or a file is malformed.
    MissingPairs
        When its pairs are not at hand.
    """
    if name not in all_names():
        raise DataError(f"unknown config {name!r}: choose from {', '.join(all_names())}")
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}: choose from {', '.join(SPLITS)}")
    if is_pawsx(name):
        return _load_pawsx(name.removeprefix(_PREFIX), split, sources)
    if name in SYNTHETIC:
        make, version = SYNTHETIC[name]
        return _held(name, split, islice(make(split), sources.limit), 0, version)
    try:
        dataset = load(name, data=sources.data, split=split, streaming=True)
    except BioPawsError as error:
        raise _missing(error.__cause__)(str(error)) from error
    version = str(dataset.info.version)
    return _measured(
        name, split, configs.get_config(name).molecule, partial(_stream, dataset, sources.limit), 0, version
    )


def load_at_hand(
    names: Sequence[str] | None, known: Sequence[str], splits: Sequence[str], sources: Sources
) -> tuple[list[tuple[Pairs, ...]], tuple[str, ...]]:
    """Find the pairs of several tasks.

    Parameters
    ----------
    names : sequence of str, optional
        Tasks that must be there. Where None, those of `known` are taken that are.
    known : sequence of str
        Tasks to try.
    splits : sequence of str
        Splits that a task must have.
    sources : Sources
        Where to look.

    Returns
    -------
    found : list of tuple of Pairs
        For each task its splits.
    skipped : tuple of str
        Why the others are left out.

    Raises
    ------
    DataError
        When one of `names`, or every one of `known`, is missing.
    """
    found: list[tuple[Pairs, ...]] = []
    skipped: list[str] = []
    unreachable: set[bool] = set()
    for name in names or known:
        if is_pawsx(name) in unreachable:
            continue  # each try waits for the network anew
        try:
            found.append(tuple(load_pairs(name, split, sources) for split in splits))
        except MissingPairs as error:
            if names:
                raise
            skipped.append(str(error))
            if isinstance(error, UnreachablePairs):
                unreachable.add(is_pawsx(name))
    if not found:
        raise DataError(f"no pairs at hand: {skipped[0]}")
    return found, tuple(skipped)


def _missing(cause: BaseException | None) -> type[MissingPairs]:
    return UnreachablePairs if isinstance(cause, ConnectionError) else MissingPairs


def _stream(dataset: object, limit: int | None) -> Iterator[pa.RecordBatch]:
    tables = dataset.with_format("arrow").iter(ROWS_A_BATCH)  # type: ignore[attr-defined]
    chosen = (table.select(_COLUMNS_OF_BIOPAWS.names).cast(_COLUMNS_OF_BIOPAWS) for table in tables)
    return _first((batch for table in chosen for batch in table.combine_chunks().to_batches()), limit)


def _first(batches: Iterable[pa.RecordBatch], rows: int | None) -> Iterator[pa.RecordBatch]:
    """Yield the first so many rows, all where it is None, and read no batch beyond them."""
    left = rows
    for batch in batches:
        kept = batch.slice(0, left)
        yield kept
        if left is not None:
            left -= kept.num_rows
            if left <= 0:
                return


def view_of(pairs: Pairs, view: Perturbation) -> Pairs:
    """Return the first `PERTURBED_ROWS` pairs of a config of bioPAWS, written another way."""
    task = pairs.task
    read = partial(_viewed, pairs.read, view)
    return _measured(task.name, task.split, pairs.molecule, read, task.dropped, task.version)


def _viewed(read: Callable[[], Iterator[pa.RecordBatch]], view: Perturbation) -> Iterator[pa.RecordBatch]:
    return map(view.apply, _first(read(), PERTURBED_ROWS))


def _load_pawsx(language: str, split: str, sources: Sources) -> Pairs:
    name = pawsx(language)
    folder = Path(sources.pawsx)
    if folder.is_dir():
        path = _tsv(folder, language, split)
        found = _read_tsv(path)
        version = "tsv"
    else:
        found, version = _read_hub(language, split, sources.pawsx)
    kept: list[_Row] = []
    dropped = 0
    for number, sentence1, sentence2, label in found:
        if {sentence1.strip(), sentence2.strip()} & {"", PLACEHOLDER}:
            dropped += 1
        else:
            kept.append((f"{language}-{split}-{number}", sentence1, sentence2, label))
    return _held(name, split, islice(kept, sources.limit), dropped, version)


def _held(name: str, split: str, rows: Iterable[_Row], dropped: int, version: str) -> Pairs:
    """Hold pairs of text in memory."""
    table = pa.Table.from_pylist([dict(zip(_COLUMNS.names, row, strict=True)) for row in rows], schema=_COLUMNS)
    return _measured(name, split, "text", lambda: iter(table.to_batches(ROWS_A_BATCH)), dropped, version)


def _tsv(folder: Path, language: str, split: str) -> Path:
    names = [name.format(language) for name in _FILES[split]]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise MissingPairs(f"{folder}: no {split} pairs of PAWS-X in {language!r}: looked for {', '.join(names)}")
    return found[0]


def _read_tsv(path: Path) -> Iterator[_Row]:
    """Yield number, sentences and label of each row; nothing is quoted in these files."""
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            header = next(reader, [])
            if not {"sentence1", "sentence2", "label"} <= set(header):
                raise DataError(f"{path}: line 1 must name the columns sentence1, sentence2 and label")
            for row in reader:
                if len(row) != len(header):
                    raise DataError(f"{path}: line {reader.line_num} has {len(row)} columns, not {len(header)}")
                named = dict(zip(header, row, strict=True))
                if named["label"] not in {"0", "1"}:
                    raise DataError(f"{path}: line {reader.line_num}: label {named['label']!r} is neither 0 nor 1")
                yield named.get("id", str(reader.line_num - 1)), *_sentences(named), int(named["label"])
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path}: after line {reader.line_num}: not UTF-8 text ({error})") from error


def _sentences(row: dict[str, str]) -> tuple[str, str]:
    return row["sentence1"], row["sentence2"]


def _read_hub(language: str, split: str, repo: str) -> tuple[Iterator[_Row], str]:
    import datasets  # takes a second

    revision = PAWSX_REVISION if repo == PAWSX_REPO else None
    try:
        found = datasets.load_dataset(repo, language, split=split, revision=revision)
    except (OSError, ValueError) as error:
        raise _missing(error)(
            f"PAWS-X cannot be loaded from {repo} ({type(error).__name__}): pass --pawsx FOLDER with its tsv files, "
            "or --finetune none"
        ) from error
    rows = ((str(row["id"]), *_sentences(row), int(row["label"])) for row in found)
    return rows, revision or "main"


def _measured(
    name: str,
    split: str,
    molecule: Molecule | Literal["text"],
    read: Callable[[], Iterator[pa.RecordBatch]],
    dropped: int,
    version: str,
) -> Pairs:
    """Count and digest the pairs, and note their kinds."""
    digest = hashlib.sha256()
    count = 0
    kinds: list[str] = []
    for batch in read():
        count += batch.num_rows
        # The id of a pair of bioPAWS is a digest of its kind too.
        for row in zip(*(batch[name].to_pylist() for name in _COLUMNS.names), strict=True):
            digest.update(json.dumps(row).encode())
        if "kind" in batch.schema.names:
            kinds += map(sys.intern, batch["kind"].to_pylist())  # one string a kind, not one a pair
    if not count:
        raise DataError(f"{name}: its {split} split is empty")
    return Pairs(
        Task(name, split, count, dropped, version, digest.hexdigest()), molecule, read, np.array(kinds, object)
    )
