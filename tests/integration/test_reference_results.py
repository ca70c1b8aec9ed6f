"""The page of results states what `results/reference` holds, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bio_paws.dataset.description import describe
from bio_paws.dataset.manifest import read_manifest
from bio_paws_cards.reference import ReferenceResult, reference_results
from bio_paws_cards.render import render_card
from bio_paws_eval.report.answers import answer_markdown
from bio_paws_eval.report.card_results import card_results
from bio_paws_eval.report.grouping import group
from bio_paws_eval.report.systems import Grouped
from bio_paws_eval.report.transfers import judge_transfers
from bio_paws_eval.results import read_results
from bio_paws_eval.sweep.plan import read_plan
from bio_paws_eval.tasks.biopaws import load_biopaws
from bio_paws_eval.tasks.registry import Sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> Grouped:
    return group(read_results(ROOT / "results/reference"))


def test_the_answer_of_the_documentation_is_that_of_the_results(reference: Grouped) -> None:
    """To accept a new one: make results, and read the difference."""
    written = (ROOT / "docs/explanation/reference-answer.md").read_text()
    assert written == answer_markdown(reference, judge_transfers(reference))


def test_the_reference_is_complete_and_comparable(reference: Grouped) -> None:
    assert {system.method for system in reference.everything} == {"model", "baseline", "upper_bound"}
    assert not reference.left_out
    for system in reference.everything:
        assert not any(result.limited for result in system.results.values()), system.name


def test_cards_state_the_reference_results(reference: Grouped) -> None:
    """To accept new ones: make results, then bio-paws card for the card that is in the repository."""
    bundled = group(read_results(ROOT / "results/bundled"))
    assert reference_results() == card_results(reference) | card_results(bundled)


def test_what_is_reproduced_is_committed() -> None:
    """`make reproduce` compares its scores with those of results/bundled."""
    (grid,) = read_plan("reproduce").grids
    bundled = group(read_results(ROOT / "results/bundled"))
    (system,) = bundled.systems
    assert set(grid.seeds) <= set(system.seeds)
    assert set(grid.configs or ()) <= set(system.scored)
    assert [system.training.on] == list(grid.finetune_on)
    assert system.training.recipe == grid.recipe.record


def test_a_card_states_results_of_its_own_pairs_only(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest(built)
    description = describe(built, manifest)
    assert "## Results" not in render_card(manifest, description)
    digest = load_biopaws("dna50", "test", Sources(str(built))).task.content_sha256
    stated = ReferenceResult("owner/model", "pawsx_en", 3, 0.61, 0.72)
    monkeypatch.setattr("bio_paws_cards.render.reference_results", lambda: {digest: stated, "of others": stated})
    card = render_card(manifest, description)
    assert card.split("## Results")[1].count("owner/model") == 1
    assert "\n- dna50: 0.610, 0.720 (owner/model, pawsx_en, 3 seeds)\n" in card
