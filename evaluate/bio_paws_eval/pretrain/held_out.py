"""What bioPAWS tests with: the loci and strings of its validation and test splits, which no pre-training may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import CONFIGS, PairConfig
from bio_paws.dataset.load import load
from bio_paws.errors import BioPawsError
from bio_paws.execution.files import digest_of

Molecule = Literal["dna", "protein"]
MOLECULES: tuple[Molecule, ...] = ("dna", "protein")

SPLITS = ("validation", "test")
ASKED_BYTES = 200_000
"""DNA and protein, each, that perplexity is measured on: enough for bits per byte to a few thousandths."""

_ROWS = 8192
# Sides that do not stand in their source as they are written; nor do both sides of a rearranged config.
_ALTERED = {("frameshift", 1), ("mutated_protein", 2)}


@dataclass(frozen=True)
class Stretch:
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
    asked : dict of molecule to tuple of str
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
    asked: dict[Molecule, tuple[str, ...]]
    digest: str


@dataclass(frozen=True)
class _Side:
    """One side of a held-out row."""

    molecule: Molecule
    split: str
    altered: bool
    stretch: Stretch


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
    versions, found, skipped = set(), [], []
    for config in CONFIGS:
        try:
            loaded = load(config.name, data=data, streaming=True)
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
        found.append(config.name)
    if not found:
        raise BioPawsError(f"no held-out pairs at hand: {skipped[0]}")
    places: dict[str, set[tuple[int, int]]] = {}
    for side in sides:
        if side.molecule == "dna":
            places.setdefault(side.stretch.source, set()).add((side.stretch.start, side.stretch.end))
    intervals = {source: merge(places[source]) for source in sorted(places)}
    proteins = frozenset(side.stretch.source for side in sides if side.molecule == "protein")
    searched = {one: _searched([side for side in sides if side.molecule == one]) for one in MOLECULES}
    asked = {one: _asked([side for side in sides if side.molecule == one]) for one in MOLECULES}
    digest = digest_of(intervals, sorted(proteins), searched, asked)
    return HeldOut(
        ", ".join(sorted(versions)), tuple(found), tuple(skipped), intervals, proteins, searched, asked, digest
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


def stitch(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join stretches that overlap or touch, so that what many windows share stands once."""
    joined: list[Stretch] = []
    for one in sorted(stretches, key=lambda one: (one.source, one.start, -one.end)):
        last = joined[-1] if joined else None
        if last is None or last.source != one.source or last.end < one.start:
            joined.append(one)
        elif one.end > last.end:
            joined[-1] = Stretch(last.source, last.start, one.end, last.text + one.text[last.end - one.start :])
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
                yield _Side(molecule, split, altered, Stretch(*place, text))


def _searched(sides: list[_Side]) -> tuple[str, ...]:
    """Stretches of the sources, and altered strings where the stretches do not hold what they were made of."""
    stretches = stitch(side.stretch for side in sides if not side.altered)
    held: dict[str, list[Stretch]] = {}
    for one in stretches:
        held.setdefault(one.source, []).append(one)
    altered = {
        side.stretch.text
        for side in sides
        if side.altered
        and not any(
            one.start <= side.stretch.start and side.stretch.end <= one.end for one in held.get(side.stretch.source, ())
        )
    }
    return tuple(sorted({one.text for one in stretches} | altered))


def _asked(sides: list[_Side]) -> tuple[str, ...]:
    stretches = stitch(side.stretch for side in sides if side.split == "validation" and not side.altered)
    chosen, left = [], ASKED_BYTES
    for text in sorted({one.text for one in stretches}, key=lambda text: (-len(text), text)):
        if left <= 0:
            break
        chosen.append(text[:left])
        left -= len(text)
    return tuple(chosen)
