"""Checks across rows by arrays find what a loop over the rows finds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.configs import SPLITS, get_config
from bio_paws.dataset.manifest import parse_manifest
from bio_paws.schema import SCHEMA
from bio_paws.verify import splits
from bio_paws.verify.row_keys import RowKeys, keys_of
from bio_paws.verify.splits import Split
from bio_paws_cards.manifest import BuildArguments

GOLDEN = Path(__file__).parent.parent / "golden" / "manifest.json"
CONFIG = get_config("dna50")
ARGUMENTS = BuildArguments(pairs=None, seed=0, source=["bundled"])
TEXTS = ("AACC", "GGTT", "ACGT", "TTTT", "A")
sides = st.tuples(st.sampled_from(TEXTS), st.sampled_from(("s", "t")), st.integers(0, 12), st.sampled_from("gh"))
rows_of_a_split = st.lists(st.tuples(st.integers(0, 1), sides, sides), max_size=6)


def rows(drawn: list[Any], split: str) -> list[dict[str, Any]]:
    made = []
    for number, (label, *both) in enumerate(drawn):
        row: dict[str, Any] = {"label": label, "pair_id": f"{split}{number}", "kind": "homolog", "similarity": 0.5}
        row |= dict.fromkeys(("identity", "evalue", "bit_score"), 0.0) | {"sw_score": 0}
        for side, (text, source, start, group) in enumerate(both, start=1):
            place = {"sentence": text, "source": source, "start": start, "end": start + len(text), "strand": "+"}
            row |= {f"{name}{side}": value for name, value in (place | {"group": group, "organism": "T"}).items()}
        made.append(row)
    return made


@given(st.tuples(rows_of_a_split, rows_of_a_split, rows_of_a_split))
@settings(deadline=None, max_examples=40)
def test_what_arrays_find_a_loop_finds(made: tuple[list[Any], ...]) -> None:
    data = {split: rows(drawn, split) for split, drawn in zip(SPLITS, made, strict=True)}
    tables = [
        keys_of(pa.Table.from_pylist(rows[at : at + 2], schema=SCHEMA), CONFIG, split)
        for split, rows in data.items()
        for at in range(0, len(rows), 2)
    ]
    keys = RowKeys.of(tables)
    manifest = parse_manifest(GOLDEN.read_bytes(), str(GOLDEN), "mend it")
    entry = manifest.configs["dna50"]

    expected, seen, split_of = [], {}, {}
    intervals: dict[str, list[tuple[int, int, str, str]]] = {}
    strings, groups = [], []
    for split, split_rows in data.items():
        for row in split_rows:
            pair = tuple(sorted((row["sentence1"], row["sentence2"])))
            if pair in seen:
                expected.append((row["pair_id"], seen[pair]))
            seen.setdefault(pair, row["pair_id"])
            for side in (1, 2):
                text = row[f"sentence{side}"]
                for repeats, key in ((strings, min(text, reverse_complement(text))), (groups, row[f"group{side}"])):
                    if split_of.setdefault(key, split) != split:
                        repeats.append((row["pair_id"], split_of[key]))
                place = row[f"start{side}"], row[f"end{side}"], split, row["pair_id"]
                intervals.setdefault(row[f"source{side}"], []).append(place)
    overlaps = Counter()
    for places in intervals.values():
        for number, (start, _, split, row_id) in enumerate(sorted(places)):
            earlier = sorted(places)[:number]
            others = {other for begin, until, other, _ in earlier if other != split and start < until}
            overlaps[row_id] += len(others)

    pairs = [(repeat.pair_id, repeat.message.split()[4]) for repeat in splits.check_repeats(manifest, keys)]
    assert pairs == expected
    assert [
        (sequence.pair_id, sequence.message.split()[-1]) for sequence in splits.check_sequences(manifest, keys)
    ] == strings
    leaks = [region for region in splits.check_regions(manifest, keys) if region.code == "LEAK001"]
    assert [(violation.pair_id, violation.message.split()[-1]) for violation in leaks] == groups
    leaks = [region for region in splits.check_regions(manifest, keys) if region.code == "LEAK002"]
    assert Counter(violation.pair_id for violation in leaks) == +overlaps

    at = 0
    for split, split_rows in data.items():
        balance: Counter[tuple[Any, ...]] = Counter()
        for row in split_rows:
            for side in (1, 2):
                origin = row[f"source{side}"], row[f"start{side}"], row[f"end{side}"]
                for key in ((side, *origin), (side, *origin, row[f"sentence{side}"])):
                    balance[key] += 1 if row["label"] else -1
        violations = list(
            splits.check_degrees(Split(CONFIG, split, Path(), keys, slice(at, at + len(split_rows)), entry, ARGUMENTS))
        )
        assert len(violations) == sum(count != 0 for count in balance.values())
        at += len(split_rows)
