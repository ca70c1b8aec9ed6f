"""What the rows of a data set hold, measured for its card: counts, lengths, composition, similarity, examples."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.configs import CHANGES, PAIR_TYPES, SYNTHETIC, PairConfig, get_config
from bio_paws.dataset.versions import parse_version
from bio_paws.errors import CheckFailed
from bio_paws.execution.files import sha256_of
from bio_paws.execution.progress import progress
from bio_paws.features.pair_features import COMPOSITION_LETTERS, composition
from bio_paws_cards.description import (
    ConfigDescription,
    Description,
    Histogram,
    Kind,
    SequenceSet,
    Side,
    Spread,
)
from bio_paws_cards.manifest import ConfigEntry, Manifest
from bio_paws_cards.reference import pairs_digest

_BATCH = 10_000  # rows
_PARTS_AT_ONCE = 50  # of digests, before those that repeat are left out
_PARTS = tuple(number / 40 for number in range(41))
"""Edges of the bins of what lies between 0 and 1."""
_MOST_BINS = 64  # of lengths: windows of 120 to 180 residues get a bin for each length
_UNITS: dict[Alphabet, str] = {"dna": "bp", "protein": "aa"}


def describe(folder: Path, manifest: Manifest) -> Description:
    """Measure the rows of a data set, batch by batch.

    Parameters
    ----------
    folder : Path
        The data set.
    manifest : Manifest
        Its manifest.

    Raises
    ------
    BioPawsError
        When a file is missing, or a config unknown.
    CheckFailed
        When a file is not the one that the manifest names: what is told of it would be told of another.
    """
    groups, sequences = _Spread(), _Spread()
    described = {
        name: _describe_config(folder, get_config(name), entry, groups, sequences)
        for name, entry in progress(list(manifest.configs.items()), desc="measure rows", unit="config")
    }
    version = parse_version(manifest.version)
    changes = tuple(change for change in CHANGES if parse_version(change[0]) <= version)
    return Description(described, groups.summary(), sequences.summary(), changes)


class _Spread:
    """Values by split, as digests of 64 bits: a million sequences would not fit where these do."""

    def __init__(self) -> None:
        self._values: dict[str, list[NDArray[np.uint64]]] = {}

    def add(self, split: str, values: Iterable[str]) -> None:
        digests = b"".join(hashlib.blake2b(value.encode(), digest_size=8).digest() for value in set(values))
        parts = self._values.setdefault(split, [])
        parts.append(np.frombuffer(digests, dtype=np.uint64))
        if len(parts) == _PARTS_AT_ONCE:
            parts[:] = [np.unique(np.concatenate(parts))]

    def summary(self) -> Spread:
        by_split = {split: np.unique(np.concatenate(parts)) for split, parts in self._values.items()}
        everything = [np.zeros(0, dtype=np.uint64), *by_split.values()]
        _, splits_of = np.unique(np.concatenate(everything), return_counts=True)
        return Spread({split: len(groups) for split, groups in by_split.items()}, int((splits_of > 1).sum()))


class _Numbers:
    """What is kept of each row of a config: its label, and what is measured of it."""

    def __init__(self, alphabets: tuple[Alphabet, Alphabet]) -> None:
        self._alphabets = alphabets
        self._parts: list[dict[str, NDArray[Any]]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        part = {name: batch[name].to_numpy(zero_copy_only=False) for name in ("label", "similarity")}
        for side, alphabet in enumerate(self._alphabets, start=1):
            texts = batch[f"sentence{side}"].to_pylist()
            part[f"length{side}"] = np.array([len(text) for text in texts], dtype=np.int64)
            part[f"letters{side}"] = np.array([composition(text, alphabet) for text in texts], dtype=np.int64)
        self._parts.append(part)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return np.concatenate([part[name] for part in self._parts])


def _describe_config(
    folder: Path, config: PairConfig, entry: ConfigEntry, groups: _Spread, sequences: _Spread
) -> ConfigDescription:
    alphabets: tuple[Alphabet, Alphabet] = (
        ("dna", "protein") if config.molecule == "dna_protein" else (config.molecule, config.molecule)
    )
    numbers = _Numbers(alphabets)
    counts: Counter[tuple[int, str, str]] = Counter()
    examples: dict[int, dict[str, Any]] = {}
    for split, split_entry in entry.splits.items():
        path = folder / split_entry.file
        if sha256_of(path) != split_entry.sha256:
            raise CheckFailed(f"{path}: is not the file that manifest.json names: build the data set again")
        for batch in pq.ParquetFile(path).iter_batches(_BATCH):
            numbers.add(batch)
            counts.update((label, kind, split) for label, kind in _rows(batch, "label", "kind"))
            for side in (1, 2):
                groups.add(split, batch[f"group{side}"].to_pylist())
                sequences.add(split, batch[f"sentence{side}"].to_pylist())
            for label in {0, 1} - examples.keys():
                if first := _first_row(batch, label):
                    examples[label] = first
    labels = numbers["label"]
    return ConfigDescription(
        rules=_rules(config),
        rearranged=config.rearranged,
        synthetic=any(kind in SYNTHETIC for kind, _ in (*config.similar_mix, *config.dissimilar_mix)),
        kinds=tuple(
            Kind(label, kind, meaning, {split: counts[label, kind, split] for split in entry.splits})
            for label in (1, 0)
            for kind, meaning in PAIR_TYPES.items()
            if any(counts[label, kind, split] for split in entry.splits)
        ),
        examples=tuple(examples[label] for label in (1, 0) if label in examples),
        sides=(_side(alphabets[0], numbers["length1"]), _side(alphabets[1], numbers["length2"])),
        similarity=_histogram(numbers["similarity"], labels, _PARTS),
        sequences=_sequences(alphabets, numbers),
        test_digest=_test_digest(folder, entry),
    )


def _rows(batch: pa.RecordBatch, *names: str) -> Iterable[tuple[Any, ...]]:
    return zip(*(batch[name].to_pylist() for name in names), strict=True)


def _test_digest(folder: Path, entry: ConfigEntry) -> str:
    if "test" not in entry.splits:
        return ""
    columns = ["pair_id", "sentence1", "sentence2", "label"]
    batches = pq.ParquetFile(folder / entry.splits["test"].file).iter_batches(_BATCH, columns=columns)
    return pairs_digest(row for batch in batches for row in _rows(batch, *columns))


def _first_row(batch: pa.RecordBatch, label: int) -> dict[str, Any] | None:
    """Return the first row of a label; the order of rows is that of their ids, so it is random."""
    at = pc.index(batch["label"], label).as_py()
    rows: list[dict[str, Any]] = batch.slice(at, 1).to_pylist() if at >= 0 else []
    return rows[0] if rows else None


def _side(alphabet: Alphabet, lengths: NDArray[np.int64]) -> Side:
    return Side(_UNITS[alphabet], int(lengths.min()), int(lengths.sum()) / len(lengths), int(lengths.max()))


def _sequences(alphabets: tuple[Alphabet, Alphabet], numbers: _Numbers) -> tuple[SequenceSet, ...]:
    together = alphabets[0] == alphabets[1]
    labels = numbers["label"]
    sets = []
    for column, sides in {"": (1, 2)}.items() if together else {"sentence1": (1,), "sentence2": (2,)}.items():
        alphabet = alphabets[sides[0] - 1]
        lengths = np.concatenate([numbers[f"length{side}"] for side in sides])
        letters = np.concatenate([numbers[f"letters{side}"] for side in sides])
        of_label = np.concatenate([labels] * len(sides))
        sets.append(
            SequenceSet(
                column,
                _UNITS[alphabet],
                COMPOSITION_LETTERS[alphabet],
                _histogram(lengths, of_label, _length_edges(lengths)),
                _histogram(letters / np.maximum(lengths, 1), of_label, _PARTS),
            )
        )
    return tuple(sets)


def _histogram(values: NDArray[Any], labels: NDArray[Any], edges: tuple[float, ...]) -> Histogram:
    by_label = (np.histogram(values[labels == label], bins=np.array(edges))[0] for label in (0, 1))
    zeros, ones = (tuple(int(count) for count in counts) for counts in by_label)
    return Histogram(edges, (zeros, ones))


def _length_edges(lengths: NDArray[np.int64]) -> tuple[float, ...]:
    """Edges of bins of one round width, beginning at a multiple of it, the last one beyond the longest."""
    low, high = int(lengths.min()), int(lengths.max())
    widths = (step * 10**power for power in range(12) for step in (1, 2, 5))
    width = next(width for width in widths if high // width - low // width < _MOST_BINS)
    return tuple(float(edge) for edge in range(low // width * width, high + width + 1, width))


def _rules(config: PairConfig) -> tuple[str, str]:
    """What pairs of label 0 and of label 1 must meet; `checks` holds every row to it."""
    if config.molecule == "dna_protein":
        return (
            f"less than {config.max_dissimilarity:.0%} of the protein can be read from the DNA",
            f"more than {config.min_similarity:.0%} of the protein can be read from the DNA",
        )
    if config.graded:
        similar = "similarity in the bin of its pair type"
    elif config.rearranged:
        similar = f"similarity from {config.min_similarity} up to {config.max_similarity}"
    elif len(config.similar_types) > 1:
        similar = f"similarity above {config.min_similarity} for the pair type homolog"
    else:
        similar = f"similarity above {config.min_similarity}"
    strands = " on both strands" if config.molecule == "dna" else ""
    apart = f", E-value at least {config.min_dissimilar_evalue:g}" if config.min_dissimilar_evalue else ""
    return (
        f"similarity under {config.max_dissimilarity}{strands}{apart}",
        f"{similar}, E-value under {config.max_evalue:g}",
    )
