"""Windows drawn in the alignments of a search: which, how long, and how far the two sides are set apart."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from bio_paws.build.regions import RegionIndex
from bio_paws.build.seeding import seeded
from bio_paws.configs import EXACT, PairConfig, PairType
from bio_paws.sequences.records import Interval

JITTERED_SHARE, JITTERED_TO = 0.5, (0.3, 0.9)
"""Part of a graded config's windows that are set apart, so that only parts of them align, and the similarities aimed
at: related genomes hold few windows that are alike by less than 0.7 over their whole length."""
MIN_JITTER = 0.05
"""Smallest part of a jittered window that lies beyond the other one's end."""

REMOTE_SPREAD = 0.1
"""How much more alike than remote homologs an alignment may be in which windows of them are drawn: some are less alike
than the whole."""

Snapped = tuple[int, int, int, int]
"""A window that begins and ends on a match: start and end on the first sequence, then along the second one."""

_RUN = re.compile(r"\d+")


@dataclass(frozen=True)
class DrawRates:
    """How many windows to draw in each tile of an alignment; a part of a window is a chance.

    Attributes
    ----------
    of_split : dict of str to float
        By split and pair type, as in ``"test/homolog"``.
    of_group : dict of str to float or None
        By homology group and pair type, where windows are spread over groups: then they are drawn only where a pair
        may be. A group that is not in it has the rate of its split. None where a split has one rate.
    """

    of_split: dict[str, float]
    of_group: dict[str, float] | None = None

    def at(self, group: str, split: str, kind: PairType) -> float:
        """Return the windows to draw in a tile."""
        rate = self.of_split[f"{split}/{kind}"]
        return rate if self.of_group is None else self.of_group.get(f"{group}/{kind}", rate)


@dataclass(frozen=True)
class Window:
    """A drawn pair of intervals."""

    kind: PairType
    tile: int
    side1: Interval
    side2: Interval


@dataclass(frozen=True)
class Trace:
    """An alignment as its runs of matches.

    Attributes
    ----------
    start1, end1, start2, length, before : list of int
        First position of each run on the forward strand of the first sequence, the one behind its last, offset of the
        run from the beginning of the second one's aligned part in the alignment's direction, length of the run, and
        matches in the runs before it.
    """

    start1: list[int]
    end1: list[int]
    start2: list[int]
    length: list[int]
    before: list[int]

    @classmethod
    def parse(cls, btop: str, start1: int) -> Trace:
        """Parse BLAST's trace-back of an alignment that starts at `start1`."""
        runs = list(_RUN.finditer(btop))
        length = np.array([int(run[0]) for run in runs], dtype=np.int64)
        begin = np.array([run.start() for run in runs], dtype=np.int64)
        letters = np.frombuffer(btop.encode(), dtype=np.uint8)
        column = (letters < ord("0")) | (letters > ord("9"))
        first = column & (np.cumsum(column) % 2 == 1)  # columns are pairs of letters
        letter = column & (letters != ord("-"))
        before = np.cumsum(length) - length
        at1, at2 = (before + np.cumsum(letter & side)[begin] for side in (first, ~first))
        return cls(*(array.tolist() for array in (start1 + at1, start1 + at1 + length, at2, length, before)))

    def matches(self, start: int, end: int) -> int:
        """Count the matches in [start, end), which holds at least one."""
        first, last = bisect_right(self.end1, start), bisect_left(self.start1, end) - 1
        until = self.before[last] + min(self.end1[last], end) - self.start1[last]
        return until - self.before[first] - max(start - self.start1[first], 0)

    def snap(self, start: int, end: int) -> Snapped | None:
        """Return the widest window inside [start, end) that begins and ends on a match, in both coordinates."""
        first = bisect_right(self.end1, start)
        last = bisect_left(self.start1, end) - 1
        if first > last:
            return None
        start1 = max(start, self.start1[first])
        end1 = min(end, self.end1[last])
        start2 = self.start2[first] + start1 - self.start1[first]
        end2 = self.start2[last] + end1 - self.start1[last]
        return (start1, end1, start2, end2) if end1 > start1 else None


def side2_interval(hit: dict[str, Any], start: int, end: int) -> Interval:
    """Place offsets along an alignment on the forward strand of its second sequence."""
    if hit["strand2"] == "+":
        return Interval(hit["source2"], hit["start2"] + start, hit["start2"] + end, "+")
    return Interval(hit["source2"], hit["end2"] - end, hit["end2"] - start, "-")


def draw_windows(
    config: PairConfig, hits: pa.Table, first_hit: int, region_index: RegionIndex, draws: DrawRates, seed: int
) -> Iterator[Window]:
    """Draw windows in the tiles of alignments.

    Parameters
    ----------
    config : PairConfig
        Kinds and lengths.
    hits : pyarrow.Table
        Schema `similarity_search.HIT_INTERVALS`.
    first_hit : int
        Number of the first hit: each shard of hits has its own random stream.
    region_index : RegionIndex
        Splits of the loci.
    draws : DrawRates
        Windows to draw in each tile.
    seed : int
        Seed of the build.
    """
    rng = seeded(seed, config.name, "windows", first_hit)
    for number, hit in enumerate(hits.to_pylist(), start=first_hit):
        for kind, tile, low, high, count in tiles_to_draw(config, number, hit, region_index, draws, rng):
            for _ in range(count):
                if config.graded and rng.random() < JITTERED_SHARE:
                    offset = _draw_offset(config, hit, low, high, rng.uniform(*JITTERED_TO), rng)
                    window = offset[:2] if offset else None
                else:
                    window = _draw(config, kind, hit, low, high, rng)
                if window is not None:
                    yield Window(kind, tile, *window)


def tiles_to_draw(
    config: PairConfig,
    number: int,
    hit: dict[str, Any],
    region_index: RegionIndex,
    draws: DrawRates,
    rng: np.random.Generator,
) -> Iterator[tuple[PairType, int, int, int, int]]:
    """Yield kind, tile, its first and last position, and how many windows to draw there, of all tiles of a hit."""
    for kinds, kind in enumerate(config.drawn_types):
        for ordinal, (low, high) in enumerate(tiles(config, kind, hit)):
            wanted = draws.at(*region_index.assignment_at(hit["source1"], low), kind)
            count = int(wanted) + (rng.random() < wanted % 1)
            if draws.of_group is not None and not (count and may_hold_pair(config, kind, hit, low, high, region_index)):
                continue
            yield kind, (number * 1_000_000 + ordinal) * 10 + kinds, low, high, count


def may_hold_pair(
    config: PairConfig, kind: PairType, hit: dict[str, Any], low: int, high: int, region_index: RegionIndex
) -> bool:
    """Return whether a tile is as similar as the pairs of a config, and both its sides lie in one homology group.

    Most alignments between genomes that are not closely related are neither, so most windows drawn there would be
    rejected. The identity of a tile is not that of each window in it: it says where to look.
    """
    trace = trace_of(hit)
    tile = trace.snap(low, high)
    if tile is None:
        return False
    start1, end1, start2, end2 = tile
    if kind not in EXACT:
        identity = trace.matches(start1, end1) / max(end1 - start1, end2 - start2)
        if identity < config.min_similarity or (config.remote and identity > config.max_similarity + REMOTE_SPREAD):
            return False
    side2 = side2_interval(hit, start2, end2)
    here = region_index.find(hit["source1"], start1, end1)
    return here is not None and here == region_index.find(side2.source, side2.start, side2.end)


def trace_of(hit: dict[str, Any]) -> Trace:
    """Return the trace of a hit."""
    return _trace(hit["btop"], hit["start1"])


@lru_cache(maxsize=16)
def _trace(btop: str, start1: int) -> Trace:
    return Trace.parse(btop, start1)


def tiles(config: PairConfig, kind: PairType, hit: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Divide an alignment, or for identical pairs its runs of matches, into stretches of one window each."""
    stretches: list[tuple[int, int]] = []
    if hit["end1"] - hit["start1"] >= config.min_length:
        if kind not in EXACT:
            stretches = [(hit["start1"], hit["end1"])]
        else:
            runs = trace_of(hit)
            both = zip(runs.start1, runs.end1, strict=True)
            stretches = [(start, end) for start, end in both if end - start >= config.min_length]
    # Runs of matches are short and few: tiles of the mean length waste less of them.
    narrowest = config.mean_length if kind in EXACT else config.max_length
    for start, end in stretches:
        count = max((end - start) // narrowest, 1)
        for i in range(count):
            yield start + (end - start) * i // count, start + (end - start) * (i + 1) // count


def _draw(
    config: PairConfig, kind: PairType, hit: dict[str, Any], low: int, high: int, rng: np.random.Generator
) -> tuple[Interval, Interval] | None:
    """Draw one window between two positions of the first sequence."""
    trace, min_length = trace_of(hit), config.min_length
    length = int(rng.integers(min_length, min(config.max_length, high - low) + 1))
    start = low + int(rng.integers(0, high - low - length + 1))
    if kind == "containment":
        return _draw_contained(config, hit, trace, start, start + length, rng)
    window = trace.snap(start, start + length)
    if window is None or window[1] - window[0] < min_length:
        return None
    start1, end1, start2, end2 = window
    return Interval(hit["source1"], start1, end1, "+"), side2_interval(hit, start2, end2)


def _draw_contained(
    config: PairConfig, hit: dict[str, Any], trace: Trace, start: int, end: int, rng: np.random.Generator
) -> tuple[Interval, Interval] | None:
    """Shorten one side of an identical window, at both ends as chance has it."""
    window = trace.snap(start, end)
    if window is None:
        return None
    start1, end1, start2, end2 = window
    most = int((end1 - start1) * config.length_tolerance / (1 + config.length_tolerance))
    if most < 1:
        return None
    cut = int(rng.integers(1, most + 1))
    left = int(rng.integers(0, cut + 1))
    if rng.random() < 0.5:
        start1, end1 = start1 + left, end1 - (cut - left)
    else:
        start2, end2 = start2 + left, end2 - (cut - left)
    return Interval(hit["source1"], start1, end1, "+"), side2_interval(hit, start2, end2)


@dataclass(frozen=True)
class Jittered:
    """Two homologous windows whose ends do not line up.

    Attributes
    ----------
    side1, side2 : Interval
        The windows.
    core1, core2 : (int, int)
        The aligned part of each string: 0-based, half-open.
    runs : tuple of (at1, at2, length)
        Runs of identical letters in the aligned part, from its beginning in each string.
    """

    side1: Interval
    side2: Interval
    core1: tuple[int, int]
    core2: tuple[int, int]
    runs: tuple[tuple[int, int, int], ...]


def draw_jittered(
    config: PairConfig, hit: dict[str, Any], low: int, high: int, aimed: float, rng: np.random.Generator
) -> Jittered | None:
    """Draw two windows between two positions that overlap, aligned, by as much as brings their similarity to `aimed`.

    None where they overlap nearly wholly, or run over the end of their sequence.
    """
    offset = _draw_offset(config, hit, low, high, aimed, rng)
    if offset is None:
        return None
    side1, side2, window, (before1, before2) = offset
    core1, core2 = window[1] - window[0], window[3] - window[2]
    runs = tuple(_runs(trace_of(hit), window))
    return Jittered(side1, side2, (before1, before1 + core1), (before2, before2 + core2), runs)


def _draw_offset(
    config: PairConfig, hit: dict[str, Any], low: int, high: int, aimed: float, rng: np.random.Generator
) -> tuple[Interval, Interval, Snapped, tuple[int, int]] | None:
    """Draw the windows of `draw_jittered`: both, their aligned part, and how much of each lies before it."""
    trace = trace_of(hit)
    length = int(rng.integers(config.min_length, config.max_length + 1))
    start = low + int(rng.integers(0, max(high - low - length, 0) + 1))
    window = trace.snap(start, min(start + length, high))
    if window is None:
        return None
    identity = trace.matches(*window[:2]) / max(window[1] - window[0], window[3] - window[2])
    core = round(aimed * length / identity)
    jitter = length - core
    window = trace.snap(window[0], window[0] + core)
    if jitter < MIN_JITTER * length or window is None:
        return None
    before1, after1 = (jitter, 0) if rng.random() < 0.5 else (0, jitter)
    before2, after2 = after1, before1
    second = side2_interval(hit, window[2] - before2, window[3] + after2)
    if window[0] < before1 or second.start < 0:
        return None
    return Interval(hit["source1"], window[0] - before1, window[1] + after1, "+"), second, window, (before1, before2)


def _runs(trace: Trace, window: Snapped) -> list[tuple[int, int, int]]:
    """Return the runs of matches of a snapped window, from its beginning on both sides."""
    start1, end1, start2, _ = window
    here = slice(bisect_right(trace.end1, start1), bisect_left(trace.start1, end1))
    runs = []
    for at1, at2, length in zip(trace.start1[here], trace.start2[here], trace.length[here], strict=True):
        skipped = max(start1 - at1, 0)
        runs.append((at1 + skipped - start1, at2 + skipped - start2, min(at1 + length, end1) - at1 - skipped))
    return runs
