"""Languages of PAWS-X, from tab-separated files or from the Hub.

Yang Y, Zhang Y, Tar C, Baldridge J (2019) PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification,
EMNLP.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bio_paws.errors import BioPawsError, DataError
from bio_paws.execution.hub import limit_answers
from bio_paws.execution.memory import reraise_if_out_of_memory
from bio_paws_eval.tasks.pairs import MissingPairs, Pairs, UnreachablePairs, text_pairs
from bio_paws_eval.tasks.registry import PAWSX_REPO, PAWSX_REVISION, Row, Sources, pawsx

PLACEHOLDER = "NS"
"""What PAWS-X writes where a sentence was not translated."""

# Two layouts of PAWS-X as tab-separated files: one folder per split, and Google's release with one folder per language.
_FILES = {
    "train": ("train/{0}.tsv", "{0}/train.tsv", "{0}/translated_train.tsv"),
    "validation": ("dev/{0}.tsv", "{0}/dev_2k.tsv"),
    "test": ("test/{0}.tsv", "{0}/test_2k.tsv"),
}


def load_pawsx(language: str, split: str, sources: Sources) -> Pairs:
    """Read a split of a language; placeholders and empty sentences are filtered out and counted.

    Parameters
    ----------
    language : str
        One of `registry.LANGUAGES`.
    split : {"train", "validation", "test"}
        PAWS-X calls validation dev.
    sources : Sources
        Where PAWS-X is, and how many pairs are kept.

    Raises
    ------
    MissingPairs
        When the folder has no such file, or the Hub no such data set, or it cannot be reached.
    DataError
        When a file is malformed.
    """
    folder = Path(sources.pawsx)
    if folder.is_dir():
        rows, version = _read_tsv(_find_tsv(folder, language, split)), "tsv"
    else:
        rows, version = _read_hub(language, split, sources.pawsx)
    kept: list[Row] = []
    dropped = 0
    for number, sentence1, sentence2, label in rows:
        if {sentence1.strip(), sentence2.strip()} & {"", PLACEHOLDER}:
            dropped += 1
        else:
            kept.append((f"{language}-{split}-{number}", sentence1, sentence2, label))
    return text_pairs(pawsx(language), split, islice(kept, sources.limit), dropped, version)


def _find_tsv(folder: Path, language: str, split: str) -> Path:
    names = [name.format(language) for name in _FILES[split]]
    files = [folder / name for name in names if (folder / name).is_file()]
    if not files:
        raise MissingPairs(f"{folder}: no {split} pairs of PAWS-X in {language!r}: looked for {', '.join(names)}")
    return files[0]


def _read_tsv(path: Path) -> Iterator[Row]:
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


def _read_hub(language: str, split: str, repo: str) -> tuple[Iterator[Row], str]:
    """Return the rows of a data set on the Hub, and its revision."""
    import datasets  # takes a second

    limit_answers()
    revision = PAWSX_REVISION if repo == PAWSX_REPO else None
    try:
        dataset = datasets.load_dataset(repo, language, split=split, revision=revision)
    except BioPawsError:
        raise
    except Exception as error:  # of datasets and huggingface_hub, also where they read an answer of another shape
        reraise_if_out_of_memory(error)
        missing = UnreachablePairs if isinstance(error, ConnectionError) else MissingPairs
        raise missing(
            f"PAWS-X cannot be loaded from {repo} ({type(error).__name__}): pass --pawsx FOLDER with its tsv files"
        ) from error
    rows = ((str(row["id"]), *_sentences(row), int(row["label"])) for row in dataset)
    return rows, revision or "main"
