"""Summaries of genes: floors, what counts as DNA, and whether homologs are found."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bio_paws.align.smith_waterman import reverse_complement
from bio_paws.errors import BioPawsError
from bio_paws_eval.summarization.baselines import FLOORS, STRETCH, first_letters, minimizers, random_substring
from bio_paws_eval.summarization.genes import Gene, find_hits, pair_up
from bio_paws_eval.summarization.score import dna_of, score_all

RNG = np.random.default_rng(0)


def random_dna(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("ACGT", k=length))


def relative(rng: random.Random, dna: str) -> str:
    """The same gene elsewhere: every twentieth letter another, and another beginning."""
    changed = [rng.choice("ACGT") if i % 20 == 0 else letter for i, letter in enumerate(dna)]
    return random_dna(rng, 150) + "".join(changed)


@pytest.fixture(scope="module")
def genes() -> list[Gene]:
    rng = random.Random(0)
    genes = []
    for i in range(8):
        dna = random_dna(rng, 900)
        genes += [Gene(f"g{i}", "one", dna), Gene(f"g{i}", "other", relative(rng, dna))]
    return genes


@given(st.text("ACGT", max_size=400), st.integers(1, 200))
def test_floors_are_parts_of_the_sequence(dna: str, length: int) -> None:
    for name, floor in FLOORS.items():
        summary = floor(dna, length, RNG)
        assert len(summary) <= max(length, STRETCH)
        assert len(dna) > length or summary == dna
        if name != "minimizer sketch":
            assert summary in dna
            assert len(summary) == min(length, len(dna))
        elif len(dna) > length:
            parts = [summary[at : at + STRETCH] for at in range(0, len(summary), STRETCH)]
            assert all(part in dna for part in parts)


def test_minimizers_choose_the_same_places_on_the_other_strand_and_in_homologs() -> None:
    dna = random_dna(random.Random(1), 700)
    assert minimizers(reverse_complement(dna), 100, RNG) == reverse_complement(minimizers(dna, 100, RNG))
    assert minimizers("ACCA" + dna, 100, RNG) == minimizers(dna, 100, RNG)
    assert first_letters("ACGTACGT", 3, RNG) == "ACG"
    assert len({random_substring(dna, 50, RNG) for _ in range(20)}) > 10


def test_dna_of_a_summary_is_its_longest_stretch() -> None:
    assert dna_of("the gene acg tacg is TTT.") == "ACGTACG"
    assert dna_of("gene: NN--") == "G" or dna_of("no") == ""
    assert dna_of("") == ""


def test_blast_finds_both_strands_and_nothing_in_nothing(genes: list[Gene]) -> None:
    dna = [gene.dna for gene in genes[::2]]
    assert find_hits([reverse_complement(dna[0]), "", dna[2]], dna) == {(0, 0), (2, 2)}
    assert find_hits([""], dna) == find_hits(dna, []) == set()


def test_pairs_are_of_a_group_and_of_two(genes: list[Gene]) -> None:
    homologs, others = pair_up(genes, seed=0)
    assert homologs == [(i, i + 1) for i in range(0, 16, 2)]
    assert [i for i, _ in others] == [i for i, _ in homologs]
    assert all(genes[i].group != genes[j].group for i, j in others)
    with pytest.raises(BioPawsError, match="no homologous genes in 2"):
        pair_up([genes[0], genes[2]], seed=0)


def test_summaries_that_keep_what_homologs_share_find_them(genes: list[Gene]) -> None:
    """A reader that copies the same place of both, and one that writes English, beside the floors."""
    homologs, others = pair_up(genes, seed=0)
    place = [gene.dna[400:480] if gene.organism == "one" else gene.dna[550:630] for gene in genes]
    floors = {name: [floor(gene.dna, 80, np.random.default_rng(1)) for gene in genes] for name, floor in FLOORS.items()}
    model, *scores = score_all({"model": place, **floors}, genes, homologs, others)
    assert (model.valid, model.dna_letters, model.length, model.above) == (1, 1, 80, None)
    assert model.finds_source["value"] == model.homologs["value"] == model.difference["value"] == 1
    assert model.others["value"] == 0
    by_name = {score.method: score for score in scores}
    assert by_name["first letters"].homologs["value"] == 0  # the beginnings differ
    assert by_name["minimizer sketch"].homologs["value"] > by_name["random substring"].homologs["value"]
    for score in scores:
        assert score.above is not None
        assert score.above["value"] == pytest.approx(1 - score.difference["value"])
        assert score.above["low"] <= score.above["value"] <= score.above["high"]
    english, *_ = score_all({"model": ["the gene is long"] * len(genes)}, genes, homologs, others)
    assert english.valid == english.homologs["value"] == english.finds_source["value"] == 0
