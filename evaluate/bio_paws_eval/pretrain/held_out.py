"""What bioPAWS tests with: the loci and strings of its validation and test splits, which no pre-training may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import CONFIGS, PairConfig
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError, DamagedFile
from bio_paws.execution.files import digest_of

Molecule = Literal["dna", "protein"]
MOLECULES: tuple[Molecule, ...] = ("dna", "protein")

SPLITS = ("validation", "test")
PERPLEXITY_BYTES = 200_000
"""DNA and protein, each, that perplexity is measured on: enough for bits per byte to a few thousandths."""

_ROWS = 8192
# Sides that do not stand in their source as they are written; nor do both sides of a rearranged config.
_ALTERED = {("frameshift", 1), ("mutated_protein", 2)}


@dataclass(frozen=True)
class Interval:
    """A string and the place it stands at: 0-based, half-open, on the forward strand of its source."""

    source: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class HeldOut:
    """What is kept from pre-training.

    Attributes
    ----------
    version : str
        Version of the data set.
    configs : tuple of str
        Configs it was read from.
    skipped : tuple of str
        Why the others were not.
    intervals : dict of str to list of (start, end)
        Of DNA, by accession: sorted, and apart from each other.
    proteins : frozenset of str
        Accessions of proteins.
    searched : dict of molecule to tuple of str
        Strings that hold every held-out string: what training documents are searched for.
    perplexity_texts : dict of molecule to tuple of str
        Stretches of the validation split, the longest first, for perplexity.
    digest : str
        Digest of all of this.
    """

    version: str
    configs: tuple[str, ...]
    skipped: tuple[str, ...]
    intervals: dict[str, list[tuple[int, int]]]
    proteins: frozenset[str]
    searched: dict[Molecule, tuple[str, ...]]
    perplexity_texts: dict[Molecule, tuple[str, ...]]
    digest: str


@dataclass(frozen=True)
class _Side:
    """One side of a held-out row."""

    molecule: Molecule
    split: str
    altered: bool
    interval: Interval


def read_held_out(data: str | None) -> HeldOut:
    """Read the held-out rows of every config that is at hand.

    Parameters
    ----------
    data : str, optional
        Folder or Hub id of bioPAWS, as `bio_paws.load` takes it.

    Raises
    ------
    BioPawsError
        When no config is at hand, or one is damaged.
    """
    sides: list[_Side] = []
    versions, readable, skipped = set(), [], []
    for config in CONFIGS:
        try:
            loaded = load(config.name, data=data, streaming=True)
        except DamagedFile:
            raise  # it is there: training must not see its tests
        except BioPawsError as error:
            if isinstance(error.__cause__, (ConnectionError, FileNotFoundError)):  # so it will be for the others
                raise BioPawsError(f"{error}: pre-training must know what its tests are") from error
            skipped.append(str(error))
            continue
        for split in SPLITS:
            versions.add(str(loaded[split].info.version))
            try:
                sides += _read_sides(config, split, loaded[split])
            except (pa.ArrowException, OSError, KeyError) as error:
                raise BioPawsError(
                    f"{config.name}, {split}: cannot be read ({' '.join(str(error).split())[:200]}): build it again"
                ) from error
        readable.append(config.name)
    if not readable:
        raise BioPawsError(f"no held-out pairs at hand: {skipped[0]}")
    places: dict[str, set[tuple[int, int]]] = {}
    for side in sides:
        if side.molecule == "dna":
            places.setdefault(side.interval.source, set()).add((side.interval.start, side.interval.end))
    intervals = {source: merge(places[source]) for source in sorted(places)}
    proteins = frozenset(side.interval.source for side in sides if side.molecule == "protein")
    by_molecule = {name: [side for side in sides if side.molecule == name] for name in MOLECULES}
    searched = {name: _searched(by_molecule[name]) for name in MOLECULES}
    perplexity_texts = {name: _perplexity_texts(by_molecule[name]) for name in MOLECULES}
    digest = digest_of(intervals, sorted(proteins), searched, perplexity_texts)
    return HeldOut(
        ", ".join(sorted(versions)),
        tuple(readable),
        tuple(skipped),
        intervals,
        proteins,
        searched,
        perplexity_texts,
        digest,
    )


def merge(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort intervals, and make one of those that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def stitch(intervals: Iterable[Interval]) -> list[Interval]:
    """Join intervals that overlap or touch, so that what many windows share stands once."""
    joined: list[Interval] = []
    for interval in sorted(intervals, key=lambda it: (it.source, it.start, -it.end)):
        last = joined[-1] if joined else None
        if last is None or last.source != interval.source or last.end < interval.start:
            joined.append(interval)
        elif interval.end > last.end:
            joined[-1] = Interval(
                last.source, last.start, interval.end, last.text + interval.text[last.end - interval.start :]
            )
    return joined


def _read_sides(config: PairConfig, split: str, rows: Any) -> Iterator[_Side]:
    """Yield both sides of all rows; those that stand in their source as forward strings."""
    names = [f"{name}{i}" for i in (1, 2) for name in ("sentence", "source", "start", "end", "strand")]
    for table in rows.with_format("arrow").iter(_ROWS):
        for row in table.select([*names, "kind"]).to_pylist():
            for i in (1, 2):
                molecule: Molecule = "protein" if config.molecule == "protein" else "dna"
                if config.molecule == "dna_protein" and i == 2:
                    molecule = "protein"
                altered = config.rearranged or (row["kind"], i) in _ALTERED
                text = row[f"sentence{i}"]
                if row[f"strand{i}"] == "-" and not altered:
                    text = reverse_complement(text)
                place = row[f"source{i}"], row[f"start{i}"], row[f"end{i}"]
                yield _Side(molecule, split, altered, Interval(*place, text))


def _searched(sides: list[_Side]) -> tuple[str, ...]:
    """Return the sequences of intervals, and altered ones where no interval contains what they were made of."""
    intervals = stitch(side.interval for side in sides if not side.altered)
    by_source: dict[str, list[Interval]] = {}
    for interval in intervals:
        by_source.setdefault(interval.source, []).append(interval)
    altered = {
        side.interval.text
        for side in sides
        if side.altered
        and not any(
            interval.start <= side.interval.start and side.interval.end <= interval.end
            for interval in by_source.get(side.interval.source, ())
        )
    }
    return tuple(sorted({interval.text for interval in intervals} | altered))


def _perplexity_texts(sides: list[_Side]) -> tuple[str, ...]:
    intervals = stitch(side.interval for side in sides if side.split == "validation" and not side.altered)
    chosen, left = [], PERPLEXITY_BYTES
    for text in sorted({interval.text for interval in intervals}, key=lambda text: (-len(text), text)):
        if left <= 0:
            break
        chosen.append(text[:left])
        left -= len(text)
    return tuple(chosen)
