"""What the prefilter rules out, BLAST does not find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bio_paws.build import cross_split_filter
from bio_paws.build.regions import REGIONS, RegionIndex
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.search import blast, prefilter
from bio_paws.search.homologs import DROPPED_EVALUE, find_hits
from bio_paws.sequences.corpus import Corpus
from bio_paws.sequences.records import Sequence
from genomes import random_dna, reverse_complement

SPACE = 20_000_000


@pytest.fixture(autouse=True)
def _compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against what conftest says: uncompiled it would take minutes."""
    monkeypatch.setattr("numba.config.DISABLE_JIT", 0)


def edited(text: str, rate: float, rng: np.random.Generator) -> str:
    """Change, drop and double letters."""

    def edit(letter: str) -> str:
        ways = [*rng.choice(list("ACGT"), 2), "", letter * 2]
        return str(rng.choice(ways)) if rng.random() < rate else letter

    return "".join(map(edit, text))


@pytest.fixture(scope="module")
def strings(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str], Path]:
    """Strings made of pieces of sequences, on both strands, some of their very ends; unrelated ones; the sequences."""
    rng = np.random.default_rng(0)
    genome = [random_dna(rng, length) for length in (9_000, 400, 60, 7_000)]
    genome[3] = genome[3][:3_000] + "N" * 30 + genome[3][3_000:]
    related = []
    for rate in (0.0, 0.1, 0.2, 0.3, 0.4):
        for number in range(60):
            whole = genome[number % 4]
            length = min(int(rng.choice((30, 50, 150))), len(whole))
            start = int(rng.choice((0, len(whole) - length, int(rng.integers(0, len(whole) - length + 1)))))
            piece = edited(whole[start : start + length], rate, rng)
            text = random_dna(rng, int(rng.integers(0, 40))) + piece + random_dna(rng, int(rng.integers(0, 40)))
            related.append(reverse_complement(text) if number % 2 else text)
    for gap in (3, 6, 9):  # neither half is enough
        for start in range(100, 2_000, 100):
            related.append(genome[0][start : start + 17] + genome[0][start + 17 + gap : start + 34 + gap])
    unrelated = [random_dna(rng, int(rng.integers(40, 180))) for _ in range(300)]
    folder = tmp_path_factory.mktemp("prefilter")
    blast.write_database(folder / "all", genome, "dna")
    return related, unrelated, folder / "all"


def near(queries: list[str], database: Path) -> set[str]:
    return set(prefilter.near_homologs(queries, database, SPACE, cross_split_filter.SCREEN_EVALUE))


def test_all_that_blast_finds_is_let_through(strings: tuple[list[str], list[str], Path]) -> None:
    related, unrelated, database = strings
    hit = set(find_hits([*related, *unrelated], database, "dna", SPACE, DROPPED_EVALUE))
    let_through = near([*related, *unrelated], database)
    assert 150 < len(hit) < len(related)
    assert hit <= let_through
    assert len(let_through.intersection(unrelated)) < len(unrelated) / 20


def test_blocks_and_full_rooms_change_nothing(
    strings: tuple[list[str], list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    related, _, database = strings
    whole = near(related, database)
    monkeypatch.setattr(prefilter, "CHARACTERS_PER_BLOCK", 700)
    monkeypatch.setattr(prefilter, "EXTENSIONS_PER_BLOCK", 1)
    assert near(related, database) == whole
    assert near([], database) == set()


def test_what_is_too_long_to_align_is_let_through(strings: tuple[list[str], list[str], Path]) -> None:
    long = random_dna(np.random.default_rng(2), 3_000)
    assert near([long, strings[1][0]], strings[2]) == {long}


def test_without_numba_all_are_let_through(
    strings: tuple[list[str], list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefilter, "available", lambda: False)
    assert near(strings[1], strings[2]) == set(strings[1])


@pytest.mark.parametrize("later", [False, True])
def test_leaks_are_the_same_with_and_without(later: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    parts = {split: random_dna(rng, 3_000) for split in ("train", "test")}
    corpus = Corpus({"chr": Sequence("chr", "Testus primus", "dna", "".join(parts.values()))}, {}, {}, {})
    regions = [("chr", 0, 3_000, "g0", "train"), ("chr", 3_000, 6_000, "g1", "test")]
    columns = [list(column) for column in zip(*regions, strict=True)]
    others = cross_split_filter.CrossSplitFilter(
        corpus, RegionIndex(pa.table(columns, schema=REGIONS)), InProcessExecutor()
    )
    leaking = random_dna(rng, 150) if later else parts["train"][2_500:2_650]  # altered, or not
    queries = [edited(parts["train"][at : at + 150], 0.2, rng) for at in range(0, 2_000, 50)]
    queries += [parts["test"][at : at + 150] for at in range(0, 2_000, 50)] + [leaking[20:140]]
    results = []
    for much in (1e99, 0):
        monkeypatch.setattr(prefilter, "MUCH", much)
        with others.searcher("test", "dna", [leaking], later=later) as search:
            results.append(search(queries))
    assert results[0] == results[1]
    assert len(results[0]) > 20 and queries[-1] in results[0]
