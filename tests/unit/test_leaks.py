"""Which strings have a homolog in another split, whatever strand it lies on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bio_paws.executors import InProcessExecutor
from bio_paws.leaks import OtherSplits
from bio_paws.records import Sequence
from bio_paws.sequences import Corpus
from bio_paws.splits import LOCI, Lookup
from genomes import random_dna, reverse_complement

DNA = {split: random_dna(np.random.default_rng(number), 1_000) for number, split in enumerate(("train", "test"))}


@pytest.fixture
def others() -> OtherSplits:
    genome = "".join(DNA.values())
    corpus = Corpus({"chr": Sequence("chr", "Testus primus", "dna", genome)}, {}, {}, {})
    loci = [("chr", 0, 1_000, "g0", "train"), ("chr", 1_000, 2_000, "g1", "test")]
    columns = [list(column) for column in zip(*loci, strict=True)]
    return OtherSplits(corpus, Lookup(pa.table(columns, schema=LOCI)), InProcessExecutor())


def test_homologs_in_earlier_splits_are_found_on_both_strands(others: OtherSplits) -> None:
    own, copy, strand = DNA["test"][:150], DNA["train"][200:350], reverse_complement(DNA["train"][400:550])
    with others.searcher("test", "dna", set()) as leaks:
        assert leaks([own, copy, strand]) == {copy, strand}
        assert leaks([own]) == leaks([]) == set()


def test_altered_strings_are_searched_in_later_splits_too(others: OtherSplits) -> None:
    altered = DNA["train"][:60] + DNA["test"][300:390]
    with others.searcher("train", "dna", set()) as leaks:
        assert leaks([altered]) == set()
    with others.searcher("train", "dna", set(), later=True) as leaks:
        assert leaks([altered, DNA["train"][:150]]) == {altered}


def test_what_a_config_holds_in_earlier_splits_is_searched_too(others: OtherSplits) -> None:
    held = random_dna(np.random.default_rng(7), 150)
    with others.searcher("test", "dna", {held}) as leaks:
        assert leaks([held, DNA["test"][:150]]) == {held}
