"""Few-shot curves: which systems are points of one curve, and what the figure shows."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bio_paws_eval.report.chapters import chapters_of
from bio_paws_eval.report.few_shot import draw_few_shot, few_shot_curves
from bio_paws_eval.report.grouping import group
from bio_paws_eval.report.systems import Grouped
from bio_paws_eval.results import Training, read_results
from evaluation_results import BERT, GPT2, digest, task, training, write_baseline, write_cell


def prompted(shots: int, template: str = "question-1") -> Training:
    recipe = {"template": template, "shots": shots, "calibration": "contextual"}
    fitted_on = {"rows": 4_000, "content_sha256": digest("dna150")} if shots else {"rows": 0, "content_sha256": ""}
    untrained = {"dev_accuracies": (), "best_epoch": 0}
    return training(0, "dna150" if shots else "none", method="prompt", recipe=recipe, **fitted_on, **untrained)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Grouped:
    """Two methods on 16 and 64 pairs, one of them on all; prompts of two templates; what belongs to no curve."""
    out = tmp_path_factory.mktemp("results")
    trainings = [
        *(training(0, "dna150", train_pairs=size, rows=size or 4_000) for size in (64, 16, None)),
        *(training(0, "dna150", method="probe", train_pairs=size, rows=size) for size in (16, 64)),
        *(prompted(shots) for shots in (4, 0, 8)),
        prompted(4, "question-first-1"),
        training(0, "dna50", train_pairs=16, rows=16),
        training(0, "dna150", control="random-init", train_pairs=16, rows=16),
    ]
    for number, trained in enumerate(trainings):
        write_cell(out, GPT2, trained, task("dna150"), 0.6 + 0.03 * number, run_key=f"{number:08}")
    write_cell(out, BERT, training(0, "dna150", rows=4_000), task("dna150"), 0.9)
    write_baseline(out, "k-mers", "baseline", task("dna150"), 0.8)
    write_baseline(out, "smith_waterman", "upper_bound", task("dna150"), 0.99)
    return group(read_results(out))


def test_points_of_a_curve_differ_in_the_number_of_pairs_only(grouped: Grouped) -> None:
    curves = {
        curve.name: [(pairs, system.run_key) for pairs, system in curve.points]
        for curve in few_shot_curves(grouped.systems)
    }
    assert curves == {
        "openai-community/gpt2, dna150": [(16, "00000001"), (64, "00000000"), (4_000, "00000002")],
        "openai-community/gpt2, dna150 (probe)": [(16, "00000003"), (64, "00000004")],
        "openai-community/gpt2, dna150 (prompt)": [(0, "00000006"), (4, "00000005"), (8, "00000007")],
    }


def test_curves_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for number, (size, epochs) in enumerate([(16, 4), (64, 4), (16, 50), (64, 50)]):
        trained = training(0, "dna150", train_pairs=size, rows=size, recipe={"epochs": epochs})
        write_cell(tmp_path, GPT2, trained, task("dna150"), 0.7, run_key=f"{number:08}")
    names = [curve.name for curve in few_shot_curves(group(read_results(tmp_path)).systems)]
    assert names == [f"openai-community/gpt2, dna150 #{key}" for key in ("00000000", "00000002")]


def test_the_figure_names_curves_sizes_and_bounds(grouped: Grouped) -> None:
    drawing = draw_few_shot(grouped.systems, grouped.baselines)
    assert drawing is not None
    texts = {"".join(element.itertext()).strip() for element in ET.fromstring(drawing.svg).iter()}
    assert texts >= {"0", "4", "8", "16", "64", "4,000", "dna150", "openai-community/gpt2, dna150 (probe)"}
    assert texts >= {"best baseline", "best upper bound", "commoner label"}
    (chapter,) = chapters_of([], [drawing], [])
    assert (chapter.title, chapter.items) == ("Few pairs to learn from", (drawing,))


def test_without_two_sizes_there_is_no_figure(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(train_pairs=16, rows=16), task("dna150"), 0.7)
    assert draw_few_shot(group(read_results(tmp_path)).systems, []) is None
