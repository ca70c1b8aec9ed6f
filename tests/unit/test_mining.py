"""Remote homologs: which candidates exchange members, and what a build of them gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.build import mining
from bio_paws.build.candidates import CANDIDATES, Candidates
from bio_paws.configs import MAX_OVERLAP_DIFFERENCE, OVERLAP_KMERS, get_config
from bio_paws.features.kmers import word_overlap
from bio_paws.verify.splits import matching_faults
from conftest import Run

RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")
NAME = "protein450_remote"


def candidates_of(sides: list[tuple[int, int, int]]) -> Candidates:
    """Return candidates with these groups, lengths and compositions of their second sides."""
    rows = [
        {"kind": "remote_homolog", "split": "train", "group": f"g{group}", "tile": number, "score": 1, "matches": 1}
        | {"columns": 1, "composition2": composition, "strand1": "+", "strand2": "+", "start1": 5, "start2": 0}
        | {"source1": f"a{number}", "source2": f"b{number}", "end1": 25, "end2": length}
        for number, (group, length, composition) in enumerate(sides)
    ]
    return Candidates.of((pa.Table.from_pylist(rows, schema=CANDIDATES),), "train")


sides = st.lists(st.tuples(st.integers(0, 3), st.integers(20, 23), st.integers(0, 6)), max_size=40)


@given(sides)
@settings(deadline=None)
def test_candidates_are_there_both_ways(drawn: list[tuple[int, int, int]]) -> None:
    candidates, first = candidates_of(drawn), np.arange(len(drawn))
    both = mining.both_ways(candidates, first)
    assert len(both) == 2 * len(drawn)
    for here, behind in ((1, 2), (2, 1)):
        expected = candidates.intervals(first, here)
        for which, side in ((first, here), (first + len(drawn), behind)):
            place = both.intervals(which, side)
            assert (place.source, place.strand) == (expected.source, expected.strand)
            assert (place.start.tolist(), place.end.tolist()) == (expected.start.tolist(), expected.end.tolist())
    assert both.columns["composition2"].tolist() == [*candidates.columns["composition2"], *first]


@given(sides, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_those_that_may_exchange_members_meet_once(drawn: list[tuple[int, int, int]], seed: int) -> None:
    organisms = np.array([number % 2 for number in range(len(drawn))], dtype=np.int64)
    firsts, seconds = mining.exchanges(candidates_of(drawn), organisms, np.random.default_rng(seed))
    met = [frozenset(pair) for pair in zip(firsts.tolist(), seconds.tolist(), strict=True)]
    allowed = {
        frozenset((i, j))
        for i, (group1, length1, composition1) in enumerate(drawn)
        for j, (group2, length2, composition2) in enumerate(drawn[:i])
        if group1 != group2 and length1 == length2 and (i - j) % 2 == 0
        if abs(composition1 - composition2) <= mining.COMPOSITION
    }
    assert len(met) == len(set(met))
    assert set(met) == allowed


def test_no_more_are_compared_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "PARTNERS", 3)
    drawn = [(number, 20, 1) for number in range(50)]
    firsts, seconds = mining.exchanges(candidates_of(drawn), np.zeros(50, dtype=np.int64), np.random.default_rng(0))
    assert np.bincount(firsts).max() == 3
    assert len(set(zip(firsts.tolist(), seconds.tolist(), strict=True))) == len(firsts) > 100


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_labels_have_their_kmers_in_common(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = [(number % 5, 40, 3) for number in range(40)]
    texts1 = ["".join(rng.choice(RESIDUES[:6], 40)) for _ in drawn]
    texts2 = ["".join(letter if rng.random() < 0.4 else rng.choice(RESIDUES[:6]) for letter in text) for text in texts1]
    candidates, organisms = candidates_of(drawn), np.zeros(40, dtype=np.int64)
    pairs = mining.matched_by_kmers(candidates, texts1, texts2, organisms, rng)
    for i, j in zip(*pairs, strict=True):
        for k in OVERLAP_KMERS:
            similar = [word_overlap(texts1[at], texts2[at], k) for at in (i, j)]
            crossed = [word_overlap(texts1[i], texts2[j], k), word_overlap(texts1[j], texts2[i], k)]
            assert max(abs(a - b) for a in similar for b in crossed) <= MAX_OVERLAP_DIFFERENCE


def write_families(path: Path, families: int, members: int = 3) -> Path:
    """Write families of proteins of two organisms, any two members of which share some 36% of their residues."""
    rng = np.random.default_rng(4)
    lines = []
    for family in range(families):
        ancestor = rng.choice(RESIDUES, 180)
        for member in range(members):
            protein = np.where(rng.random(180) < 0.59, ancestor, rng.choice(RESIDUES, 180))
            organism = ("Primus unus", "Secundus duo")[member % 2]
            lines += [f">p{family:03}.{member} protein [{organism}]", "M" + "".join(protein)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_families(tmp_path_factory.mktemp("families") / "families.faa", 120)


@pytest.fixture(scope="module")
def remote(families: Path, tmp_path_factory: pytest.TempPathFactory, bio_paws: Run) -> Path:
    out = tmp_path_factory.mktemp("remote") / "bioPAWS"
    done = bio_paws("build", NAME, "--source", families, "--out", out, "--pairs", 160, "--workers", 1)
    assert done.returncode == 0, done.stderr
    return out


def rows_of(folder: Path, split: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / NAME / f"{split}-00000-of-00001.parquet").to_pylist()
    return rows


def test_pairs_are_remote_homologs_and_their_exchanges(remote: Path) -> None:
    config = get_config(NAME)
    for split in ("train", "validation", "test"):
        rows = rows_of(remote, split)
        assert len(rows) >= 4
        for row in rows:
            assert (row["kind"], row["group1"] == row["group2"]) == (
                ("remote_homolog", True) if row["label"] else ("other_group", False)
            )
            low, high = (0.25, 0.4) if row["label"] else (0.0, 0.25)
            assert low <= row["similarity"] < high
            assert row["evalue"] < config.max_evalue if row["label"] else row["evalue"] >= 1
        assert list(matching_faults(rows)) == []


def test_a_pair_with_other_kmers_is_found(remote: Path) -> None:
    rows = rows_of(remote, "train")
    forged = next(row for row in rows if row["label"] == 0)
    forged["sentence2"] = forged["sentence1"]
    assert any("3-mer overlap" in fault.message for _, fault in matching_faults(rows))


def test_a_small_source_gives_them_only_where_they_are_named(families: Path, tmp_path: Path, bio_paws: Run) -> None:
    arguments = ("build", "--source", families, "--out", tmp_path / "bioPAWS", "--pairs", 40, "--workers", 1, "--json")
    done = bio_paws(*arguments)
    left_out = json.loads(done.stdout)["left_out"] if done.stdout else {}
    assert "too small for splits of many homology groups" in left_out.get(NAME, done.stderr)
