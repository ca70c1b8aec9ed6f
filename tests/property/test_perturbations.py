"""Perturbations of pairs: each is its own inverse, and keeps the similarity and all numbers stored with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws import load
from bio_paws.align.karlin_altschul import bit_score, evalue
from bio_paws.align.smith_waterman import LETTERS, Alphabet, best_alignment, reverse_complement
from bio_paws.configs import CONFIGS, Molecule
from bio_paws.errors import BioPawsError
from bio_paws.features import perturbations
from bio_paws.features.perturbations import (
    PERTURBATIONS,
    PERTURBED_ROWS,
    Perturbation,
    get_perturbation,
    perturbations_of,
)
from bio_paws.schema import SCHEMA

ALL = [
    (molecule, perturbation)
    for molecule in ("dna", "protein", "dna_protein")
    for perturbation in perturbations_of(molecule).values()
]
NAMES = [f"{molecule}-{perturbation.name}" for molecule, perturbation in ALL]


def rows(draw: st.DrawFn, molecule: Molecule) -> pa.Table:
    """Rows of which every side has values of its own."""
    alphabets = {"dna": ("dna", "dna"), "protein": ("protein", "protein"), "dna_protein": ("dna", "protein")}[molecule]
    drawn = []
    for _ in range(draw(st.integers(1, 3))):
        row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
        for side, alphabet in zip((1, 2), alphabets, strict=True):
            row[f"sentence{side}"] = draw(st.text(LETTERS[alphabet], min_size=1, max_size=40))
            row[f"strand{side}"] = draw(st.sampled_from("+-"))
            row |= {f"{name}{side}": draw(st.text(max_size=3)) for name in ("source", "organism", "group")}
            row |= {f"{name}{side}": draw(st.integers(0, 99)) for name in ("start", "end")}
        drawn.append(row | {"label": draw(st.integers(0, 1)), "pair_id": draw(st.text(max_size=3))})
    return pa.Table.from_pylist(drawn, schema=SCHEMA)


def numbers(row: dict[str, Any], alphabet: Alphabet, space: int) -> dict[str, float]:
    """What is stored of a pair of DNA or of proteins, recomputed for a search space of so many letters."""
    first, second = row["sentence1"], row["sentence2"]
    best, longer = best_alignment(first, second, alphabet), max(len(first), len(second))
    return {
        "similarity": best.matches / longer,
        "identity": best.identity,
        "sw_score": best.score,
        "bit_score": bit_score(best.score, alphabet),
        "evalue": evalue(best.score, longer, space, alphabet),
    }


@pytest.mark.parametrize(("molecule", "perturbation"), ALL, ids=NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_perturbation_is_its_own_inverse_and_keeps_every_number(
    molecule: Molecule, perturbation: Perturbation, data: st.DataObject
) -> None:
    stored = data.draw(st.composite(rows)(molecule))
    perturbed = perturbation.apply(stored)
    assert perturbed.schema == stored.schema
    assert perturbation.apply(perturbed).equals(stored)
    assert perturbation.apply(stored.to_batches()[0]).equals(perturbed.to_batches()[0])
    for name in ("label", "pair_id", "kind"):
        assert perturbed[name] == stored[name]
    if molecule != "dna_protein":
        for row, other in zip(stored.to_pylist(), perturbed.to_pylist(), strict=True):
            assert numbers(row, molecule, 10_000) == numbers(other, molecule, 10_000)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_a_perturbation_changes_the_sides_it_names_and_no_other(data: st.DataObject) -> None:
    stored = data.draw(st.composite(rows)("dna"))
    perturbed = {perturbation.name: perturbation.apply(stored).to_pylist() for perturbation in PERTURBATIONS}
    for i, row in enumerate(stored.to_pylist()):
        other = {
            side: {
                f"sentence{side}": reverse_complement(row[f"sentence{side}"]),
                f"strand{side}": "-" if row[f"strand{side}"] == "+" else "+",
            }
            for side in (1, 2)
        }
        assert perturbed["reverse_complement1"][i] == row | other[1]
        assert perturbed["reverse_complement2"][i] == row | other[2]
        assert perturbed["reverse_complement_both"][i] == row | other[1] | other[2]
        for name, value in perturbed["swapped"][i].items():
            partner = {"1": f"{name[:-1]}2", "2": f"{name[:-1]}1"}.get(name[-1], name)
            assert value == row[partner]


def test_perturbations_need_no_more_than_the_sentences() -> None:
    few = pa.table({"sentence1": ["AAC"], "sentence2": ["GTT"], "label": [1]})
    assert get_perturbation("reverse_complement1", "dna").apply(few).to_pylist() == [
        {"sentence1": "GTT", "sentence2": "GTT", "label": 1}
    ]


@pytest.mark.parametrize(
    "config", [config for config in CONFIGS if not config.needs_large_source], ids=lambda config: config.name
)
def test_perturbed_pairs_of_a_built_config_are_its_first_rows(config: Any, built: Path) -> None:
    stored = load(config.name, data=built, split="test")
    first = stored.select(range(min(PERTURBED_ROWS, stored.num_rows)))
    space = json.loads((built / "manifest.json").read_text())["database_size"]
    for name, perturbation in perturbations_of(config.molecule).items():
        loaded = load(config.name, data=built, split="test", perturbation=name)
        assert loaded.features == stored.features
        assert loaded["pair_id"][:] == first["pair_id"][:]
        assert (
            perturbation.apply(loaded.with_format("arrow")[:]).to_pylist() == first.with_format("arrow")[:].to_pylist()
        )
        assert list(load(config.name, data=built, split="test", perturbation=name, streaming=True)) == list(loaded)
        if config.molecule != "dna_protein":
            for row in loaded.select(range(min(16, loaded.num_rows))):
                again = numbers(row, config.molecule, space[config.molecule])
                assert {name: row[name] for name in again} == pytest.approx(again, rel=1e-9, abs=1e-300)


def test_only_the_first_rows_are_perturbed(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perturbations, "PERTURBED_ROWS", 7)
    stored = load("dna150", data=built, split="test")
    loaded = load("dna150", data=built, split="test", perturbation="swapped")
    assert loaded["sentence1"][:] == stored["sentence2"][:7]


@pytest.mark.parametrize(
    ("config", "split", "perturbation", "message"),
    [
        ("protein150", "test", "reverse_complement1", "of protein pairs: choose from swapped$"),
        ("dna_protein", "test", "other", "unknown perturbation 'other' of dna_protein pairs"),
        ("dna150", "train", "swapped", "dna150: only the test split can be perturbed: pass split='test'"),
        ("dna150", None, "swapped", "only the test split can be perturbed"),
    ],
)
def test_wrong_perturbations_get_one_clear_line(
    config: str, split: str | None, perturbation: str, message: str, built: Path
) -> None:
    with pytest.raises(BioPawsError, match=message):
        load(config, data=built, split=split, perturbation=perturbation)
