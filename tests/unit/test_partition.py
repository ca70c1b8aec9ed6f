"""Broad splits of large sources: which groups may be held out, and how windows are spread over groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.build.candidate_windows import draw_rates, shared_out
from bio_paws.build.partition import Limits
from bio_paws.build.regions import REGIONS, RegionIndex
from bio_paws.build.similarity_search import HIT_INTERVALS
from bio_paws.build.splits import LARGEST_HELD_OUT, assign_splits, choose_held_out
from bio_paws.build.windows import may_hold_pair
from bio_paws.configs import SPLITS, get_config

SEGMENT = 1_000


def grouped(*groups: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return bp and segments of groups: `count` groups of `segments` segments, for each of these pairs."""
    segments = np.array([size for count, size in groups for _ in range(count)])
    return segments * float(SEGMENT), segments


def test_large_groups_are_not_held_out_where_small_ones_suffice() -> None:
    # Seven tenths of the source in ten groups, the rest in groups of two segments and of one.
    assert choose_held_out(*grouped((10, 1_400), (2_400, 2), (1_200, 1))) == LARGEST_HELD_OUT == pytest.approx(0.002)
    # Too few groups of several segments, which similar pairs come from; too little in small groups; a small source.
    assert choose_held_out(*grouped((10, 1_400), (200, 2), (5_600, 1))) is None
    assert choose_held_out(*grouped((20, 1_400), (2_400, 2))) is None
    assert choose_held_out(*grouped((5, 3), (10, 1))) is None


def test_groups_that_are_fixed_count_where_they_are() -> None:
    resources = np.array([[700.0], *[[1.0]] * 300])
    in_train = np.arange(301) == 0
    split = assign_splits(resources, 0, in_train=in_train)
    assert split[0] == SPLITS.index("train")
    held_out = [int((split[1:] == SPLITS.index(name)).sum()) for name in ("validation", "test")]
    assert held_out == [100, 100]
    both = assign_splits(resources, 0, in_train=in_train, in_test=in_train)
    assert both[0] == SPLITS.index("test")


@given(st.floats(0, 1_000), st.dictionaries(st.text(max_size=3), st.floats(0, 100), max_size=8))
def test_what_is_shared_out_is_even_up_to_the_limits(total: float, limits: dict[str, float]) -> None:
    shares = shared_out(total, limits)
    assert shares.keys() == limits.keys()
    assert sum(shares.values()) == pytest.approx(min(total, sum(limits.values())))
    assert all(share <= limits[name] for name, share in shares.items())
    most = max(shares.values(), default=0)
    # Who has less than another has all that it can take.
    assert all(share == limits[name] or share == pytest.approx(most) for name, share in shares.items())


def hit(source: str, identity: float, start: int = 0) -> dict[str, object]:
    """Return an alignment of 200 columns without gaps, to a copy in a source of its own."""
    mismatches = round(200 * (1 - identity))
    run = (200 - mismatches) // (mismatches + 1)
    btop = "".join(f"{run}AC" for _ in range(mismatches)) + str(200 - mismatches * (run + 1))
    columns = (source, start, start + 200, f"{source}'", start, start + 200, "+", btop)
    return dict(zip(HIT_INTERVALS.names, columns, strict=True))


def regions_of(groups: dict[str, tuple[str, str]], limits: Limits) -> pa.Table:
    rows = [
        {"source": name, "start": 0, "end": 10_000, "group": group, "split": split}
        for source, (group, split) in groups.items()
        for name in (source, f"{source}'")
    ]
    table = pa.Table.from_pylist(rows, schema=REGIONS)
    held_out = "null" if limits.max_held_out_share is None else str(limits.max_held_out_share)
    text = f'{{"max_segment": 5000, "max_group_share": 0.05, "max_held_out_share": {held_out}}}'
    return table.replace_schema_metadata({"limits": text})


def test_a_tile_must_be_as_similar_as_pairs_and_in_one_group() -> None:
    config, kind = get_config("dna150"), "homolog"
    index = RegionIndex(regions_of({"a": ("g0", "train")}, Limits()))
    assert may_hold_pair(config, kind, hit("a", 0.9), 0, 180, index)
    assert not may_hold_pair(config, kind, hit("a", 0.7), 0, 180, index)
    parted = pa.table([["a", "a'"], [0, 0], [10_000, 10_000], ["g0", "g1"], ["train", "train"]], schema=REGIONS)
    assert not may_hold_pair(config, kind, hit("a", 0.9), 0, 180, RegionIndex(parted))


def test_windows_are_spread_over_groups_in_large_sources_alone() -> None:
    config = get_config("dna150")
    many = [hit("a", 0.9, 3 * number) for number in range(3_000)]
    few = [hit("b", 0.9), hit("c", 0.6)]
    table = pa.Table.from_pylist([*many, *few], schema=HIT_INTERVALS)
    groups = {"a": ("g0", "train"), "b": ("g1", "train"), "c": ("g2", "train")}
    alike = draw_rates(config, table, regions_of(groups, Limits()), 4)
    assert alike.of_group is None
    assert alike.at("g0", "train", "homolog") == alike.at("g1", "train", "homolog") > 0
    spread = draw_rates(config, table, regions_of(groups, replace(Limits(), max_held_out_share=0.002)), 4)
    assert spread.of_group is not None
    # One tile as similar as the pairs in g1 has all windows that a tile may have, before those in g0; g2 has none.
    assert spread.of_group.keys() == {"g0/homolog", "g1/homolog"}
    assert spread.at("g1", "train", "homolog") > spread.at("g0", "train", "homolog") > 0
