"""Which strings have a homolog in another split, whatever strand it lies on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.build.cross_split_filter import CrossSplitFilter, distinct_parts
from bio_paws.build.regions import REGIONS, RegionIndex
from bio_paws.execution.executors import InProcessExecutor
from bio_paws.sequences.corpus import Corpus
from bio_paws.sequences.records import Sequence
from genomes import random_dna, reverse_complement

NONE: list[str] = []
DNA = {split: random_dna(np.random.default_rng(number), 1_000) for number, split in enumerate(("train", "test"))}


@pytest.fixture
def others() -> CrossSplitFilter:
    genome = "".join(DNA.values())
    corpus = Corpus({"chr": Sequence("chr", "Testus primus", "dna", genome)}, {}, {}, {})
    regions = [("chr", 0, 1_000, "g0", "train"), ("chr", 1_000, 2_000, "g1", "test")]
    columns = [list(column) for column in zip(*regions, strict=True)]
    return CrossSplitFilter(corpus, RegionIndex(pa.table(columns, schema=REGIONS)), InProcessExecutor())


def test_homologs_in_earlier_splits_are_found_on_both_strands(others: CrossSplitFilter) -> None:
    own, copy, strand = DNA["test"][:150], DNA["train"][200:350], reverse_complement(DNA["train"][400:550])
    with others.searcher("test", "dna", NONE) as leaks:
        assert leaks([own, copy, strand]) == {copy, strand}
        assert leaks([own]) == leaks([]) == set()


def test_altered_strings_are_searched_in_later_splits_too(others: CrossSplitFilter) -> None:
    altered = DNA["train"][:60] + DNA["test"][300:390]
    with others.searcher("train", "dna", NONE) as leaks:
        assert leaks([altered]) == set()
    with others.searcher("train", "dna", NONE, later=True) as leaks:
        assert leaks([altered, DNA["train"][:150]]) == {altered}


def test_what_a_config_holds_in_earlier_splits_is_searched_too(others: CrossSplitFilter) -> None:
    dna = random_dna(np.random.default_rng(7), 150)
    with others.searcher("test", "dna", [dna]) as leaks:
        assert leaks([dna, DNA["test"][:150]]) == {dna}


@settings(deadline=None)
@given(st.lists(st.text("AB", min_size=1, max_size=12), max_size=6), st.integers(2, 5))
def test_distinct_parts_hold_every_run(texts: list[str], run: int) -> None:
    parts = distinct_parts(texts, run)
    for text in texts:
        for at in range(max(len(text) - run, 0) + 1):
            assert any(text[at : at + run] in part for part in parts)
    assert sum(map(len, parts)) <= sum(map(len, set(texts)))


def test_isoforms_are_searched_once() -> None:
    long = random_dna(np.random.default_rng(3), 400)
    isoform = long[:150] + long[200:]
    kept, junction = distinct_parts([isoform, long, long], 50)
    assert kept == long
    assert junction in isoform[101:199] and len(junction) > 90


def test_a_screen_finds_what_the_whole_search_finds() -> None:
    rng = np.random.default_rng(4)
    residues = "".join(rng.choice(list("ARNDCQEGHILKMFPSTWYV"), 900))
    texts = {"whole": residues[:600], "isoform": residues[:250] + residues[300:600], "own": residues[600:]}
    corpus = Corpus({}, {name: Sequence(name, "T", "protein", text) for name, text in texts.items()}, {}, {})
    regions = [(name, 0, len(text), name, "test" if name == "own" else "train") for name, text in texts.items()]
    columns = [list(column) for column in zip(*regions, strict=True)]
    others = CrossSplitFilter(corpus, RegionIndex(pa.table(columns, schema=REGIONS)), InProcessExecutor())
    junction, far = texts["isoform"][225:275], texts["whole"][400:450]
    altered = far[20:40] + texts["own"][:30]
    queries = [junction, far, altered, texts["own"][100:150]]
    with (
        others.searcher("test", "protein", NONE, longest=60) as screened,
        others.searcher("test", "protein", NONE) as all_,
    ):
        assert screened(queries) == all_(queries) >= {junction, far}
