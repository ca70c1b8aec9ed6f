"""The report: what its tables say, what it compares, and that its page and files stand alone."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from sklearn.metrics import roc_auc_score

import bio_paws_eval
from bio_paws.cli.app import main
from bio_paws.configs import CONFIGS, SIMILARITY_BINS
from bio_paws.errors import BioPawsError
from bio_paws.features.perturbations import perturbations_of
from bio_paws_cards.benchmark import render_eval
from bio_paws_cards.manifest import Manifest
from bio_paws_eval.layout.tables import Table, escape_latex, latex, markdown, text_frame
from bio_paws_eval.report.against import against_table
from bio_paws_eval.report.answers import answer_lines, answers_tables, sources_table
from bio_paws_eval.report.chapters import chapters_of
from bio_paws_eval.report.comparisons import compare_all
from bio_paws_eval.report.controls import control_matrix
from bio_paws_eval.report.grouping import group
from bio_paws_eval.report.main_tables import all_tables, configs_table
from bio_paws_eval.report.paper import paper_tables, read_paper
from bio_paws_eval.report.seed_study import study_seeds
from bio_paws_eval.report.systems import Grouped, System
from bio_paws_eval.report.transfers import ACCURACY, judge_transfers
from bio_paws_eval.report.writer import Report, report_notes, write_report
from bio_paws_eval.representations.report_section import representation_section
from bio_paws_eval.results import Model, Task, read_predictions, read_result, read_results
from bio_paws_eval.stats.decisions import predicted
from bio_paws_eval.stats.resampling import ScoredPairs
from bio_paws_eval.stats.significance import compare, holm
from bio_paws_eval.sweep.plan import read_plan
from bio_paws_eval.tasks.registry import is_pawsx, task_names
from conftest import Golden
from evaluation_results import (
    BERT,
    GPT2,
    encoding,
    groups_of,
    kinds,
    predictions,
    task,
    training,
    write_baseline,
    write_cell,
    write_graded,
    write_results,
    write_study,
    write_vectors,
)

GOLDEN = Path(__file__).parents[1] / "golden"
REPO = "owner/bioPAWS"
VOID = {"meta", "br"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def report(results: Path, out: Path) -> Report:
    return write_report(results, out, data_repo=REPO)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"))


def grouped(folder: Path) -> Grouped:
    return group(read_results(folder))


def the(systems: tuple[System, ...], name: str) -> System:
    return next(system for system in systems if system.name == name)


def row(table: Table, name: str) -> dict[str, str]:
    (row,) = table.frame[table.frame.iloc[:, 0] == name].to_dict("records")
    return {str(column): text for column, text in row.items()}


# Kept files


def test_the_report_in_markdown(report: Report, out: Path, golden: Golden) -> None:
    assert (out / "report.md").read_text() == golden("md")
    assert report.markdown.startswith("# bioPAWS: results\n")
    assert "## Seeds" not in report.markdown


def test_the_report_in_latex(report: Report, out: Path, golden: Golden) -> None:
    for name in ("configs", "comparisons"):
        assert (out / f"tables/{name}.tex").read_text() == golden("tex", name)


def test_the_report_as_csv(report: Report, results: Path, out: Path, golden: Golden) -> None:
    text = (out / "results.csv").read_text()
    assert text == golden("csv", "results")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [entry["file"] for entry in rows] == [
        path.relative_to(results).as_posix() for path, _ in read_results(results)
    ]
    for name in ("consistency", "pair-types"):
        assert (out / f"{name}.csv").read_text() == golden("csv", name)
    refused = [entry for entry in rows if entry["status"] == "refused"]
    assert {entry["accuracy"] for entry in refused} == {""}
    assert {entry["note"] for entry in refused} == {"refused: 40% unknown"}


def test_results_as_a_data_frame(report: Report, results: Path, out: Path) -> None:
    frame = bio_paws_eval.results_frame(results)
    assert frame["file"].to_list() == [path.relative_to(results).as_posix() for path, _ in read_results(results)]
    assert not frame.duplicated(["model", "trained_on", "control", "seed", "task"]).any()
    stored = pd.read_csv(out / "results.csv", keep_default_na=False, na_values=[""])
    assert list(stored.columns) == ["system", *frame.columns]
    assert [str(frame[name].dtype) for name in ("model", "seed", "accuracy_low", "segment", "comparable")] == [
        *("str", "Int64", "float64", "Int64", "bool")
    ]
    refused = frame[frame["status"] == "refused"]
    assert refused["accuracy"].isna().all()
    assert set(refused["task"]) == {"protein450"}
    for (path, result), (_, row) in zip(read_results(results), frame.iterrows(), strict=True):
        if result.status == "scored":
            measured = result.metrics["mcc"]
            assert (row["mcc"], row["mcc_low"], row["mcc_high"]) == tuple(measured[end] for end in measured), path


def test_the_tables_of_the_paper(study: Path, golden: Golden) -> None:
    groups = grouped(study)
    names = ("paper-table1", "paper-table3", "paper-seeds", "plan-table7", "seed-study", "controls")
    by_name = {
        all_table.name: all_table
        for all_table in all_tables(groups, study_seeds(groups.systems), judge_transfers(groups))
    }
    tables = "\n\n".join(f"## {by_name[name].title}\n\n{markdown(by_name[name])}" for name in names) + "\n"
    assert tables == golden("md")
    assert not {"plan-table4", "plan-table5", "plan-table6"} & set(by_name)


def test_small_recipes_stand_for_large_ones(tmp_path: Path) -> None:
    for name in ("gpt2-english-tiny", "gpt2-english-dna-protein-tiny", "gpt2-other"):
        write_cell(tmp_path, replace(GPT2, id=name), training(), task("dna150"), 0.7)
    tables = {all_table.name: all_table for all_table in all_tables(grouped(tmp_path), [], [])}
    systems = tables["plan-table6"].frame["system"].to_list()
    assert systems == ["gpt2-english-tiny, pawsx_en", "gpt2-english-dna-protein-tiny, pawsx_en"]
    assert len(tables["plan-length"].frame) == 3


def test_the_vectors_of_a_plan(tmp_path: Path, golden: Golden) -> None:
    section = representation_section(write_vectors(tmp_path))
    tables = [entry for entry in section if isinstance(entry, Table)]
    rendered = (
        "\n\n".join(f"## {table.name}: {table.title}\n\n{markdown(table)}\n\n{table.note}" for table in tables) + "\n"
    )
    assert rendered == golden("md")
    order = ["dna-english", "pca", "umap", "distances", "cka", "changes", "distances", "nulls", "words", "cka"]
    assert [entry.name for entry in section] == [f"vectors-01-{name}" for name in order]
    (chapter,) = chapters_of([], [], section)
    assert chapter.title == "Vectors of DNA, English and proteins, before and after fine-tuning"
    assert chapter.items == tuple(section)


# Cells and means


def test_refused_and_cut_cells_are_in_no_mean(results: Path) -> None:
    groups = grouped(results)
    table = configs_table(groups)
    gpt2, bert = (
        the(groups.systems, "openai-community/gpt2, pawsx_en"),
        the(groups.systems, "bert-base-cased, pawsx_en"),
    )
    expected = (gpt2.results["dna150"].summary.mean + gpt2.results["dna50"].summary.mean) / 2
    assert row(table, gpt2.name)["mean"] == f"{expected:.3f}\n2 of 13"
    assert row(table, gpt2.name)["dna_protein"].split("\n")[0].endswith(" †12%")
    assert row(table, bert.name)["protein450"] == "refused: 40% unknown"
    expected = (bert.results["dna150"].summary.mean + bert.results["dna50"].summary.mean) / 2
    assert row(table, bert.name)["mean"] == f"{expected:.3f} §\n2 of 13"


def test_a_system_with_nothing_to_average_has_no_mean(tmp_path: Path) -> None:
    write_cell(tmp_path, BERT, training(), task("dna150"), None, encoding(unknown=1.0), note="100% unknown")
    write_cell(tmp_path, BERT, training(), task("dna50"), 0.9, encoding(truncated_pairs=1.0))
    cells = row(configs_table(grouped(tmp_path)), "bert-base-cased, pawsx_en")
    assert cells["mean"] == "-"
    assert cells["dna150"] == "refused: 100% unknown"
    assert cells["dna150s"] == "-"


def test_a_cell_says_what_was_done_to_its_pairs(results: Path) -> None:
    cells = row(configs_table(grouped(results)), "bert-base-cased, pawsx_en")
    assert cells["dna150"].split("\n")[0].endswith(" ¶100")
    assert cells["dna50"].split("\n")[0].endswith(" §")
    assert cells["PAWS-X"].split("\n")[0].startswith("en ")
    assert cells["PAWS-X"].split("\n")[0].endswith(" ‡0.03%")


def test_one_seed_has_no_standard_deviation(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    score, interval = row(configs_table(grouped(tmp_path)), "openai-community/gpt2, pawsx_en")["dna150"].split("\n")
    assert re.fullmatch(r"0\.\d{3}", score)
    assert interval.endswith(" n=1")


def test_the_best_floor_is_the_best_of_each_task_and_never_a_ceiling(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    for name, accuracies in {"majority": (0.5, 0.9), "gc": (0.7, 0.55)}.items():
        for config, accuracy in zip(("dna150", "dna50"), accuracies, strict=True):
            write_baseline(tmp_path, name, "baseline", task(config), accuracy)
    write_baseline(tmp_path, "smith_waterman", "upper_bound", task("dna150"), 1.0)
    table = configs_table(grouped(tmp_path))
    assert row(table, "best baseline")["dna150"].startswith("gc 0.")
    assert row(table, "best baseline")["dna50"].startswith("majority 0.")
    assert row(table, "upper bound: smith_waterman")["dna150"].startswith("1.000\n")
    assert table.frame.loc[1, "system"].to_list() == ["best baseline", "upper bound: smith_waterman"]


def test_networks_stand_among_the_baselines_with_all_their_seeds(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    write_baseline(tmp_path, "gc", "baseline", task("dna150"), 0.6)
    for seed, accuracy in enumerate((0.7, 0.75, 0.8)):
        write_cell(tmp_path, Model("cnn", "baseline"), training(seed, on="none"), task("dna150"), accuracy)
    tables = {table.name: table for table in all_tables(grouped(tmp_path), [], [])}
    best = row(tables["configs"], "best baseline")["dna150"]
    assert best.startswith("cnn 0.")
    assert best.endswith(" n=3")
    assert row(tables["baselines"], "baseline: cnn")["seeds"] == "3"


# Kinds and views


def test_the_answers_by_similarity(tmp_path: Path, golden: Golden) -> None:
    write_graded(tmp_path / "results")
    report = write_report(tmp_path / "results", tmp_path / "out")
    assert (tmp_path / "out/tables/similarity-bins.tex").read_text() == golden("tex")
    assert [path.name for path in report.files if path.suffix == ".svg"][:4] == [
        *("forest.svg", "forest-auroc.svg"),
        "seeds.svg",
        "similarity-bins.svg",
    ]
    drawn = "".join(ET.parse(tmp_path / "out/figures/similarity-bins.svg").getroot().itertext())
    for text in (
        "dna150_graded",
        "best baseline",
        "best upper bound",
        "bert-base-cased, pawsx_en",
        "0.9-1",
        "dissimilar",
    ):
        assert text in drawn


def test_a_band_is_scored_with_all_dissimilar_pairs(tmp_path: Path) -> None:
    write_graded(tmp_path)
    cell = the(grouped(tmp_path).systems, "openai-community/gpt2, pawsx_en").results["dna150_graded"]
    assert cell.similarity_bins == [name for name, _, _ in SIMILARITY_BINS]
    kind = kinds(cell.task)
    parts = []
    for path, result in read_results(tmp_path):
        if result.model == GPT2:
            answers = read_predictions(path, result)
            called = predicted(answers.logits)
            false_alarms = called[answers.labels == 0].mean()
            remote = (kind == "remote") | (answers.labels == 0)
            area = roc_auc_score(answers.labels[remote], (answers.logits[:, 1] - answers.logits[:, 0])[remote])
            parts.append((called[kind == "remote"].mean(), false_alarms, area))
    recall, false_alarms, area = np.mean(parts, axis=0)
    scores = cell.pair_types["remote"]
    assert (scores.label, scores.n, scores.seeds) == (1, 50, 2)
    assert scores.predicted_positive_rate["value"] == pytest.approx(recall)
    assert scores.accuracy == pytest.approx((recall + 1 - false_alarms) / 2)
    assert scores.auroc == pytest.approx(area)
    assert cell.false_positive_rate["value"] == pytest.approx(false_alarms)
    assert cell.pair_types["other_group"].accuracy == pytest.approx(cell.summary.mean)  # as many of either label


def test_kinds_that_are_no_bands_draw_no_curve(results: Path) -> None:
    cell = the(grouped(results).systems, "openai-community/gpt2, pawsx_en").results["dna_protein"]
    assert list(cell.pair_types) == ["coding", "other_gene", "mutated_protein", "frameshift"]
    assert cell.similarity_bins == []
    assert not the(grouped(results).systems, "openai-community/gpt2, pawsx_en").results["dna150"].pair_types


def test_consistency_of_a_seed_that_has_none_is_left_out(tmp_path: Path) -> None:
    """As in a folder with results of version 1.0."""
    for seed in (0, 1):
        path = write_cell(tmp_path, GPT2, training(seed), task("dna150"), 0.8)
        stored = read_result(path)
    raw = json.loads(path.read_text())
    earlier = {name: value for name, value in raw.items() if name not in ("by_pair_type", "perturbations")}
    path.write_text(json.dumps(earlier | {"schema_version": "1.0"}))
    assert read_result(path) == replace(stored, perturbations={}, schema_version="1.0")
    table = next(all_table for all_table in all_tables(grouped(tmp_path), [], []) if all_table.name == "consistency")
    assert table.frame["view"].to_list() == list(perturbations_of("dna"))
    assert set(table.frame["seeds"]) == {"1"}
    assert table.frame["tells strands"].to_list() == ["-", "1 of 1 seeds", "1 of 1 seeds", "-"]


def test_without_views_and_kinds_there_is_nothing_about_them(tmp_path: Path) -> None:
    write_cell(tmp_path / "results", GPT2, training(), task("pawsx_en"), 0.8)
    report = write_report(tmp_path / "results", tmp_path / "out")
    names = {path.stem for path in report.files}
    assert not {"consistency", "pair-types", "similarity-bins"} & names


# Systems


def test_systems_of_one_name_are_told_apart(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8, run_key="1" * 20)
    write_cell(tmp_path, GPT2, training(recipe={"lr": 2e-5}), task("dna150"), 0.8, run_key="2" * 20)
    write_cell(tmp_path, GPT2, training(control="frozen"), task("dna150"), 0.8)
    write_cell(tmp_path, Model("new", "model", weights_sha256="a" * 64), training(), task("dna150"), 0.8, run_key="3")
    other = Model("new", "model", weights_sha256="b" * 64)
    write_cell(tmp_path, other, training(seed=1), task("dna150"), 0.8, run_key="3")
    assert [system.name for system in grouped(tmp_path).systems] == [
        "new, pawsx_en #3 #aaaaaaaa",
        "new, pawsx_en #3 #bbbbbbbb",
        "openai-community/gpt2, pawsx_en #11111111",
        "openai-community/gpt2, pawsx_en #22222222",
        "openai-community/gpt2, pawsx_en (frozen)",
    ]


def test_sequences_split_in_two_ways_are_two_systems(tmp_path: Path) -> None:
    for segment, accuracy in ((None, None), (100, 0.8), (10, 0.7)):
        write_cell(tmp_path, BERT, training(), task("dna150"), accuracy, encoding(segment=segment))
    write_cell(tmp_path, BERT, training(), task("pawsx_en"), 0.9)
    systems = grouped(tmp_path).systems
    assert [system.name.removeprefix("bert-base-cased, pawsx_en, ") for system in systems] == [
        "whole sequences",
        "words of 10",
        "words of 100",
    ]
    assert [system.results["dna150"].scored for system in systems] == [False, True, True]
    assert all("pawsx_en" in system.results for system in systems)
    assert not grouped(tmp_path).left_out


def test_whole_later_and_scored_cells_are_shown_before_others(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150", 300, "9.0.0"), 0.9, comparable=False)
    old = write_cell(tmp_path, GPT2, training(), task("dna150", version="1.9.0"), 0.9)
    write_cell(tmp_path, GPT2, training(), task("dna150", version="1.10.0"), 0.8)
    refused = write_cell(tmp_path, GPT2, training(), task("dna50"), None, note="40% unknown")
    write_cell(tmp_path, GPT2, training(), task("dna50"), 0.8, encoding(unknown=0.4))
    groups = grouped(tmp_path)
    cells = groups.systems[0].results
    assert cells["dna150"].task.version == "1.10.0"
    assert cells["dna50"].scored
    assert {old, refused} < set(groups.left_out)
    assert len(groups.left_out) == 3
    assert old.name in "".join(report_notes(groups, tmp_path))


def test_predictions_of_other_pairs_are_an_error(tmp_path: Path) -> None:
    first = write_cell(tmp_path, GPT2, training(0), task("dna150"), 0.8)
    second = write_cell(tmp_path, GPT2, training(1), task("dna150"), 0.8)
    table = pq.read_table(second.with_suffix(".parquet"))
    other_ids = pa.array([f"other-{pair_id}" for pair_id in table["pair_id"].to_pylist()])
    pq.write_table(table.set_column(0, "pair_id", other_ids), second.with_suffix(".parquet"))
    with pytest.raises(BioPawsError, match=f"name other pairs than .*{first.name}"):
        grouped(tmp_path)


# Comparisons


def test_pairs_are_aligned_by_their_id(results: Path) -> None:
    """BERT's rows on dna150 are stored in another order than GPT-2's."""
    compared = next(pair for pair in compare_all(grouped(results).systems) if pair.task == "dna150")
    assert (compared.first, compared.second) == ("bert-base-cased, pawsx_en", "openai-community/gpt2, pawsx_en")
    dna150 = task("dna150")

    def right(name: str, accuracies: tuple[float, float]) -> ScoredPairs:
        answers = [predictions(dna150, accuracy, (name, "pawsx_en", seed)) for seed, accuracy in enumerate(accuracies)]
        correct = np.stack([predicted(answer.logits) == answer.labels for answer in answers])
        return ScoredPairs(correct, answers[0].labels, groups_of(dna150))

    expected = compare(right("bert-base-cased", (0.8, 0.8)), right("openai-community/gpt2", (0.79, 0.79 - 0.05)))
    assert compared.comparison == expected
    assert compared.seeds == (0, 0)


def test_pairs_are_set_side_by_side_of_the_seeds_that_are_best_on_dev(tmp_path: Path) -> None:
    for seed, dev in enumerate((0.7, 0.9, 0.8)):
        write_cell(tmp_path, GPT2, training(seed, dev_accuracies=(dev,), best_epoch=1), task("dna150"), 0.8)
    for seed in (4, 5):
        write_cell(tmp_path, BERT, training(seed, dev_accuracies=(), best_epoch=0), task("dna150"), 0.7)
    (comparison,) = compare_all(grouped(tmp_path).systems)
    assert comparison.first.startswith("bert")
    assert comparison.seeds == (4, 1)


@pytest.mark.parametrize(
    "other",
    [
        task("dna150", version="2.0.0"),
        task("dna150", 100),
        replace(task("dna150"), version="2.0.0"),  # the same pairs, but the version says that scores do not compare
    ],
)
def test_other_data_are_not_compared(tmp_path: Path, other: Task) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    write_cell(tmp_path, BERT, training(), other, 0.8)
    groups = grouped(tmp_path)
    assert not compare_all(groups.systems)
    (note,) = report_notes(groups, tmp_path)
    assert note.startswith("dna150: not the same pairs for all")
    assert f"version {other.version}, {other.rows} pairs" in note


def test_results_on_two_major_versions_are_refused(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    other = write_cell(tmp_path, BERT, training(), task("dna50", version="2.1.0"), 0.8)
    with pytest.raises(BioPawsError, match=rf"2\.1\.0 \({other}\).* do not compare") as refused:
        write_report(tmp_path, tmp_path / "out")
    assert "1.0.0" in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_minor_versions_of_the_same_pairs_are_compared(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    write_cell(tmp_path, BERT, training(), replace(task("dna150"), version="1.1.0"), 0.8)
    assert len(compare_all(grouped(tmp_path).systems)) == 1


def test_systems_that_share_nothing_are_not_compared(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.8)
    write_cell(tmp_path, GPT2, training(on="dyck"), task("dna150"), 0.8)
    write_cell(tmp_path, BERT, training(), task("dna150"), 0.8)
    compared = {(comparison.first, comparison.second) for comparison in compare_all(grouped(tmp_path).systems)}
    bert, dyck, english = "bert-base-cased, pawsx_en", "openai-community/gpt2, dyck", "openai-community/gpt2, pawsx_en"
    assert compared == {(bert, english), (dyck, english)}


# The paper


def test_the_control_matrix_is_the_comparisons_corrected_for_its_own_number(study: Path) -> None:
    systems = grouped(study).systems
    compared = [
        pair for pair in compare_all(systems) if pair.task == "dna150" and "medium" not in pair.first + pair.second
    ]
    table = control_matrix(systems, compare_all(systems))
    assert len(compared) == 15
    corrected = holm([pair.comparison.p_value for pair in compared])
    names = {"PAWS-X": "pawsx_en", "shuffled labels": "pawsx_en (shuffled-labels)", "brackets": "dyck"}
    names |= {"random weights": "pawsx_en (random-init)", "untuned": "none", "itself": "dna150"}
    roles = {f"openai-community/gpt2, {name}": role for role, name in names.items()}
    cells = table.frame.set_index("trained on").to_dict("index")
    assert list(cells) == list(names)
    starred = 0
    for pair, p in zip(compared, corrected, strict=True):
        first, second = roles[pair.first], roles[pair.second]
        comparison = pair.comparison
        sure = p < 0.05 and (comparison.low > 0 or comparison.high < 0)
        starred += sure
        there, back = cells[first][f"less {second}"], cells[second][f"less {first}"]
        assert there == f"{comparison.difference:+.3f}{' *' * sure}\n[{comparison.low:.3f}, {comparison.high:.3f}]"
        assert back == f"{-comparison.difference:+.3f}{' *' * sure}\n[{-comparison.high:.3f}, {-comparison.low:.3f}]"
    assert 0 < starred < 15


@pytest.mark.parametrize(
    ("p", "low", "starred"),
    [(1e-6, 0.01, True), (1e-6, -0.01, False), (0.01, 0.01, False)],  # 15 times 0.01 is no longer significant
)
def test_a_star_needs_the_interval_and_the_corrected_test(study: Path, p: float, low: float, starred: bool) -> None:
    systems = grouped(study).systems
    compared = [
        replace(pair, comparison=replace(pair.comparison, low=low, high=0.5, p_value=p))
        for pair in compare_all(systems)
    ]
    differences = control_matrix(systems, compared).frame.iloc[:, 4:].stack()
    assert {" *" in text for text in differences if text != "-"} == {starred}


def test_a_model_alone_has_no_matrix(results: Path) -> None:
    systems = grouped(results).systems
    assert control_matrix(systems, compare_all(systems)).frame.empty


def test_the_paper_lies_inside_or_outside_our_interval(tmp_path: Path) -> None:
    write_cell(tmp_path, replace(GPT2, id="gpt2"), training(), task("dna150"), 0.79)
    write_cell(tmp_path, replace(GPT2, id="gpt2"), training(), task("dna50"), 0.5)
    write_cell(tmp_path, replace(GPT2, id="gpt2"), training(), task("protein150"), 0.999)
    write_cell(tmp_path, replace(GPT2, id="gpt2"), training(control="frozen"), task("dna150"), 0.2)
    write_cell(tmp_path, replace(GPT2, id="other"), training(), task("dna150"), 0.2)
    table = next(
        paper_table for paper_table in paper_tables(grouped(tmp_path).systems) if paper_table.name == "paper-table3"
    )
    assert set(table.frame["system"]) == {"gpt2, pawsx_en"}
    rows = table.frame.set_index("task")
    verdicts = dict(zip(rows.index, zip(rows["paper"], rows["the paper's"], strict=True), strict=True))
    assert verdicts["dna150"] == ("0.790", "inside")
    assert verdicts["dna50"] == ("0.860", "outside: above ours")
    assert verdicts["protein150"] == ("0.920", "outside: below ours")
    assert verdicts["dna_protein"] == ("0.550", "-")


def test_the_numbers_of_the_paper_are_those_that_it_prints() -> None:
    printed = yaml.safe_load((GOLDEN / "paper-tables.yaml").read_text())
    by_name = {table.name: table for table in read_paper()}
    tasks = {"fr": "pawsx_fr", "zh": "pawsx_zh"}
    for name in ("table1", "table3", "table4", "table5", "table6", "table7"):
        columns = [tasks.get(column, column) for column in printed[name].pop("columns")]
        numbers = by_name[name].numbers
        assert [(number.task, number.value) for number in numbers] == [
            pair for row in printed[name].values() for pair in zip(columns, row, strict=True)
        ]
        rows = [label.split(" ")[0] for label in printed[name] for _ in columns]
        by_language = name in {"table4", "table5"}
        assert rows == [number.trained_on.removeprefix("pawsx_") if by_language else number.model for number in numbers]
        assert by_language or {number.trained_on for number in numbers} == {"pawsx_en"}
    for number in by_name["seeds"].numbers:
        study = printed["figures5to7"][number.task]
        assert number.value == study["mean"]
        assert number.spread == f"± {study['sd']}, {study['min']:.2f} to {study['max']:.2f}"


def test_the_tables_of_the_paper_are_named_as_the_plans_that_fill_them() -> None:
    for table in read_paper():
        options = [grid for grid, _ in plan_options(table.name)]
        assert {number.task for number in table.numbers} <= {task for grid in options for task in grid.configs or ()}
        assert {number.trained_on for number in table.numbers} <= {on for grid in options for on in grid.train_on}
        named = {name.rsplit("/", 1)[-1] for _, names in plan_options(table.name) for name in names}
        assert all(named & set(number.names) for number in table.numbers), table.name


def plan_options(name: str) -> list[tuple[Any, set[str]]]:
    return [(grid, {model.name for model in grid.models}) for grid in read_plan(name).grids]


def test_the_seed_study_is_of_the_same_seeds(tmp_path: Path) -> None:
    for seed in range(7):
        write_cell(tmp_path, GPT2, training(seed), task("pawsx_fr"), 0.7 + 0.02 * seed)
        if seed != 3:
            write_cell(tmp_path, GPT2, training(seed), task("dna150"), 0.9 - 0.03 * seed)
        write_cell(tmp_path, BERT, training(seed), task("pawsx_fr"), 0.9)
        write_cell(tmp_path, BERT, training(seed), task("dna150"), 1.0)  # no seed differs from another
    systems = grouped(tmp_path).systems
    (study,) = study_seeds(systems)
    cells = the(systems, study.system).results
    first = np.delete(cells["pawsx_fr"].correct.mean(axis=1), 3)
    second = cells["dna150"].correct.mean(axis=1)
    assert study.correlation == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert study.correlation < -0.7
    half = 1.959964 / np.sqrt(6 - 3)  # Fisher (1921)
    ends = np.tanh(np.arctanh(study.correlation) + np.array([-half, half]))
    assert (study.low, study.high) == pytest.approx(tuple(ends), abs=1e-6)


def test_few_seeds_are_no_study(results: Path) -> None:
    assert study_seeds(grouped(results).systems) == []


# Formats


def test_markdown_and_latex_set_names_as_they_stand() -> None:
    table = Table("x", "X", text_frame(("a", "b"), [[("m|n<*`", "-"), ("50% & $x_1 {y} ~^\\", "[1]\n-0.5")]]))
    assert [re.sub(" +", " ", line) for line in markdown(table).splitlines()[2:]] == [
        r"| m\|n\<\*\` | - |",
        r"| 50% & $x_1 {y} ~^\\ | [1] |",
        r"| | -0.5 |",
    ]
    body = latex(table).split("\\midrule\n")[1].split("\\bottomrule")[0]
    assert body.splitlines() == [
        r"m\textbar{}n\textless{}*` & -- \\",
        r"50\% \& \$x\_1 \{y\} \textasciitilde{}\textasciicircum{}\textbackslash{} & {[1]} \\",
        r" & $-$0.5 \\",
    ]
    assert escape_latex("bert-base-2") == "bert-base-2"


class Page(HTMLParser):
    """Checks that tags close in turn, and collects what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src", "xlink:href", "srcset", "data", "action"}:
                self.references.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_well_formed_and_needs_nothing_else(report: Report, results: Path, out: Path) -> None:
    page = Page()
    text = (out / "report.html").read_text()
    page.feed(text)
    page.close()
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert {reference.removeprefix("#") for reference in page.references} <= set(page.ids)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert page.tags.count("svg") == len(list((out / "figures").glob("*.svg"))) == 6
    groups = grouped(results)
    tables = all_tables(groups, [], judge_transfers(groups))
    assert page.tags.count("table") == len(tables) == 19
    for table in tables:
        assert table.title in page.text
    assert "refused: 40% unknown" in page.text
    assert "<?xml" not in text


def test_names_are_no_markup(tmp_path: Path) -> None:
    evil = Model("<script>alert(1)</script>& $x_{$", "model", None, "X", 1, "cc", "t")
    write_cell(tmp_path, evil, training(), task("dna150"), 0.8)
    write_report(tmp_path, tmp_path / "report")
    page = Page()
    page.feed((tmp_path / "report/report.html").read_text())
    assert "script" not in page.tags
    assert "<script>alert(1)</script>& $x_{$" in page.text
    for svg in (tmp_path / "report/figures").glob("*.svg"):
        ET.parse(svg)


def test_figures_hold_text_and_neither_date_nor_version(report: Report, out: Path) -> None:
    for svg in sorted((out / "figures").glob("*.svg")):
        text = "".join(ET.parse(svg).getroot().itertext())
        assert "dna150" in text
        assert svg.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert "<metadata>" not in svg.read_text()
    assert "refused" not in (out / "figures/confusion-01-bert-base-cased__pawsx_en.svg").read_text()


def test_the_same_results_give_the_same_files_and_none_of_an_earlier_report(tmp_path: Path) -> None:
    results = tmp_path / "results"
    write_cell(results, GPT2, training(), task("dna150"), 0.8)
    gone = write_cell(results, BERT, training(), task("dna150"), 0.8)
    out = tmp_path / "out"
    mine = out / "figures/mine.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    before = write_report(results, out)
    assert any("bert" in path.name for path in before.files)
    shutil.rmtree(gone.parents[2])
    first = write_report(results, out)
    fresh = write_report(results, tmp_path / "fresh")
    names = [path.relative_to(out) for path in first.files]
    assert names == [path.relative_to(tmp_path / "fresh") for path in fresh.files]
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes(), name
    left = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert left == {*names, Path("figures/mine.png")}


def test_nothing_outside_the_report_is_removed(tmp_path: Path) -> None:
    write_cell(tmp_path / "results", GPT2, training(), task("dna150"), None, note="40% unknown")
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "report.json").write_text('{"files": ["../outside.txt", "notes.txt", "figures/../notes.txt", ""]}')
    write_report(tmp_path / "results", out)
    assert (outside.read_text(), (out / "notes.txt").read_text()) == ("mine", "mine")
    for hostile in ("[]", '{"files": [1]}', '{"files": ["a\\u0000b"]}'):
        (out / "report.json").write_text(hostile)
        with pytest.raises(BioPawsError, match="not the list of a report's files"):
            write_report(tmp_path / "results", out)


def test_a_file_of_the_user_is_not_replaced_by_a_report(tmp_path: Path) -> None:
    write_cell(tmp_path / "results", GPT2, training(), task("dna150"), None, note="40% unknown")
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("mine")
    with pytest.raises(BioPawsError, match=r"results.csv: is not of an earlier report: move it away"):
        write_report(tmp_path / "results", out)
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("results.csv", "mine")]


def test_only_baselines_make_a_report_too(tmp_path: Path) -> None:
    write_baseline(tmp_path, "gc", "baseline", task("dna150"), 0.5)
    report = write_report(tmp_path, tmp_path / "report")
    assert "best baseline" in report.markdown
    assert not (tmp_path / "report/figures").exists()


# The Hub


def test_entries_for_the_hub(report: Report, results: Path, out: Path) -> None:
    path = out / "eval_results/openai-community--gpt2/.eval_results/bioPAWS.yaml"
    assert path in report.files
    entries = parse_eval_result_entries(yaml.safe_load(path.read_text()))
    system = the(grouped(results).systems, "openai-community/gpt2, pawsx_en")
    assert [(entry.dataset_id, entry.task_id, entry.dataset_revision) for entry in entries] == [
        (REPO, "dna150", "v1.0.0"),
        (REPO, "dna50", "v1.0.0"),
    ]
    summary = system.results["dna150"].summary
    assert entries[0].value == round(summary.mean, 4)
    notes = f"accuracy, mean of 2 seeds, fine-tuned on pawsx_en ({system.run_key}), sd {summary.sd:.4f}"
    assert entries[0].notes == notes
    bert = yaml.safe_load((out / "eval_results/bert-base-cased/.eval_results/bioPAWS.yaml").read_text())
    assert [entry["dataset"]["task_id"] for entry in bert] == ["dna150"]
    assert bert[0]["notes"].endswith("sequences split into words of 100 letters")


def test_entries_for_the_hub_name_tasks_of_the_benchmark(report: Report) -> None:
    configs = {config.name: SimpleNamespace(splits=["test"], molecule=config.molecule) for config in CONFIGS}
    manifest = cast(Manifest, SimpleNamespace(name="bioPAWS", configs=configs))
    tasks = yaml.safe_load(render_eval(manifest))["tasks"]
    assert [entry["id"] for entry in tasks] == [name for name in task_names() if not is_pawsx(name)]
    entries = [
        entry
        for path in report.files
        if path.suffix == ".yaml"
        for entry in parse_eval_result_entries(yaml.safe_load(path.read_text()))
    ]
    named = {entry.task_id for entry in entries if entry.dataset_id == REPO}
    assert named
    assert named <= {entry["id"] for entry in tasks}


def test_controls_and_baselines_are_no_entries_for_the_hub(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(control="shuffled-labels"), task("dna150"), 0.8)
    write_cell(
        tmp_path, GPT2, training(on="none", control="untuned", dev_accuracies=(), best_epoch=0), task("dna150"), 0.5
    )
    write_baseline(tmp_path, "gc", "baseline", task("dna150"), 0.5)
    report = write_report(tmp_path, tmp_path / "report")
    assert not [path for path in report.files if path.suffix == ".yaml"]


# What goes wrong


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(BioPawsError, match="no results"):
        write_report(tmp_path, tmp_path / "report")


def test_matplotlib_is_asked_for_in_words(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in ("bio_paws.audit.plot_style", "bio_paws_eval.report.figures"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr("bio_paws_eval.report.figures", raising=False)
    with pytest.raises(BioPawsError, match=re.escape("pip install 'bio-paws[plots]'")):
        write_report(results, tmp_path / "report")
    assert not (tmp_path / "report").exists()


# The answer


def write_transfers(out: Path, dev: float = 0.9, shift: float = 0.0, baseline: float = 0.6) -> Path:
    """GPT-2 after a source, its three controls, and a baseline; better than all of them on one config of two."""
    ways = (("none", "pawsx_en", 0.98, 0.55), ("shuffled-labels", "pawsx_en", 0.5, 0.5))
    ways += (("random-init", "pawsx_en", 0.55, 0.55), ("untuned", "none", 0.5, 0.5))
    for control, on, high, low in ways:
        for seed in (0, 1):
            trained = training(seed, on, control, dev_accuracies=(dev, dev))
            if control == "untuned":
                trained = replace(trained, dev_accuracies=(), best_epoch=0, dev_pairs=0, dev_majority=0.0)
            write_cell(out, GPT2, trained, task("dna150"), high, shift=shift)
            write_cell(out, GPT2, trained, task("dna50"), low)
    for name in ("dna150", "dna50"):
        write_baseline(out, "k-mers", "baseline", task(name), baseline)
        write_baseline(out, "smith_waterman", "upper_bound", task(name), 0.99)
    return out


def test_what_is_above_baseline_and_controls_transfers(tmp_path: Path) -> None:
    groups = grouped(write_transfers(tmp_path))
    transfers = judge_transfers(groups)
    by_task = {transfer.task: transfer for transfer in transfers if transfer.measure is ACCURACY}
    assert by_task["dna150"].verdict == "transfers"
    assert set(by_task["dna150"].differences) == {"baseline", "shuffled-labels", "random-init", "untuned"}
    assert by_task["dna50"].verdict.startswith("no transfer shown: not above the best baseline")
    lines = answer_lines(groups, transfers)
    assert lines[0].startswith("Learnt, by accuracy on dev against the commoner label: openai-community/gpt2, pawsx_en")
    assert "all three controls: 1 (openai-community/gpt2, pawsx_en on dna150 0.9" in lines[1]
    assert lines[2].startswith("Transfer by AUROC, above the best baseline and all three controls")
    assert "by accuracy: 1 above, " in lines[3]
    assert len(lines) <= 8


def test_what_is_above_its_controls_alone_is_told_from_transfer(tmp_path: Path) -> None:
    groups = grouped(write_transfers(tmp_path, baseline=0.99))
    transfers = judge_transfers(groups)
    verdicts = {transfer.verdict for transfer in transfers if transfer.task == "dna150"}
    assert verdicts == {"above all controls, not above the best baseline"}
    line = answer_lines(groups, transfers)[1]
    assert "all three controls: none of 2 results" in line
    assert "not above the best baseline: 1 (openai-community/gpt2, pawsx_en on dna150 " in line


def test_no_claim_rests_on_a_source_that_was_not_learnt(tmp_path: Path) -> None:
    groups = grouped(write_transfers(tmp_path, dev=0.57))  # of 2,000 pairs of which 56% have one label
    transfers = judge_transfers(groups)
    assert {transfer.verdict for transfer in transfers} == {"source not learnt"}
    lines = answer_lines(groups, transfers)
    assert "Not learnt, and left out of all claims: openai-community/gpt2, pawsx_en (0.570 against 0.560)" in lines[0]
    assert lines[1].startswith("No result allows a claim of transfer")
    assert "◊" in markdown(answers_tables(groups, transfers)[0])
    assert set(sources_table(groups.systems).frame["learnt"]) == {"no"}


def test_what_is_left_out_of_claims_raises_no_bar_for_them(tmp_path: Path) -> None:
    groups = grouped(write_transfers(tmp_path))
    claims = judge_transfers(groups)
    for seed in (0, 1):
        not_learnt = training(seed, "dyck", dev_accuracies=(0.57, 0.57))
        for name in ("dna150", "dna50"):
            write_cell(tmp_path, GPT2, not_learnt, task(name), 0.98)
    after = judge_transfers(grouped(tmp_path))
    assert {t.system.training.on for t in after if not t.counts} == {"dyck"}
    assert not [d for t in after if not t.counts for d in t.differences.values() if d.above]
    p_values = [[d.corrected for t in judged if t.counts for d in t.differences.values()] for judged in (claims, after)]
    assert p_values[0] == p_values[1]


def test_what_one_config_teaches_of_another_is_told_from_what_language_teaches(tmp_path: Path) -> None:
    write_transfers(tmp_path)
    for seed in (0, 1):
        write_cell(tmp_path, GPT2, training(seed, "dna50"), task("dna150"), 0.99)
    groups = grouped(tmp_path)
    lines = answer_lines(groups, judge_transfers(groups))
    language, between = (
        [line for line in lines if line.startswith(start) and "by accuracy" in line]
        for start in ("Transfer by", "Transfer from one config to another")
    )
    assert "of 2 results" in language[0]
    assert "of 1 results" in between[0]
    assert "dna50 on dna150" not in "".join(language)


def test_embeddings_alone_stand_in_the_answer(tmp_path: Path) -> None:
    write_transfers(tmp_path)
    embeddings = {"dev_accuracies": (0.9,), "best_epoch": 1}
    write_cell(tmp_path, GPT2, training(method="cosine", **embeddings), task("dna150"), 0.97, run_key="cosine")
    for on in ("dna150", "dna50"):
        write_cell(
            tmp_path, GPT2, training(on=on, method="probe", **embeddings), task("dna50"), 0.8, run_key=f"of-{on}"
        )
    groups = grouped(tmp_path)
    cosine, probe = (line for line in answer_lines(groups, judge_transfers(groups)) if "embeddings" in line)
    assert re.fullmatch(
        r"Cosine of embeddings, no weight trained, by AUROC: openai-community/gpt2 on dna150 0\.9\d+\.", cosine
    )
    assert re.fullmatch(r"Linear probe of [^:]+: openai-community/gpt2 on dna50 0\.\d+\.", probe)


def test_a_transfer_without_its_controls_is_open(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(), task("dna150"), 0.97)
    write_baseline(tmp_path, "k-mers", "baseline", task("dna150"), 0.5)
    for transfer in judge_transfers(grouped(tmp_path)):
        assert transfer.verdict == "open: no result of shuffled labels; random weights; the untuned model"
        assert not transfer.transfers


def test_results_of_earlier_versions_do_not_tell_whether_the_source_was_learnt(tmp_path: Path) -> None:
    write_cell(tmp_path, GPT2, training(dev_pairs=0, dev_majority=0.0), task("dna150"), 0.9)
    verdicts = {transfer.verdict for transfer in judge_transfers(grouped(tmp_path))}
    assert verdicts == {"not known whether the source was learnt"}


def test_a_model_that_ranks_pairs_but_gives_them_one_label_transfers_by_auroc_alone(tmp_path: Path) -> None:
    groups = grouped(write_transfers(tmp_path, shift=-100.0))
    verdicts = {t.measure.name: t.verdict for t in judge_transfers(groups) if t.task == "dna150"}
    assert verdicts["AUROC"] == "transfers"
    assert verdicts["accuracy"].startswith("no transfer shown")
    by_auroc = answers_tables(groups, judge_transfers(groups))[1].frame
    assert by_auroc["verdict"].tolist()[0] == "transfers"
    assert "One label for all pairs, whatever their order: 1 of 2 results." in "\n".join(
        answer_lines(groups, judge_transfers(groups))
    )


def test_the_page_opens_with_the_answer(out: Path, report: Report) -> None:
    text = (out / "report.html").read_text()
    order = [
        text.index(mark) for mark in ('class="answer"', 'id="figure-forest"', 'id="answers"', "<nav", 'id="chapter-1"')
    ]
    assert order == sorted(order)


# The leaderboard


def test_the_leaderboard_has_a_row_for_each_score_and_links_its_predictions(
    report: Report, results: Path, out: Path
) -> None:
    page = Page()
    page.feed((out / "leaderboard.html").read_text())
    page.close()
    assert not page.open
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    (frame,) = pd.read_html(io.StringIO((out / "leaderboard.html").read_text()))
    scored = [(system, name) for system in grouped(results).everything for name in system.scored]
    assert len(frame) == len(scored)
    gpt2 = frame[(frame["model"] == "openai-community/gpt2") & (frame["task"] == "dna150")].iloc[0]
    assert (gpt2["method"], gpt2["seeds"], gpt2["interval against it"]) == ("fine-tuned", 2, "above")
    links = re.findall(r'<a href="([^"]+\.parquet)">', (out / "leaderboard.html").read_text())
    assert len(links) == sum(len(system.scored[name].seed_results) for system, name in scored)
    assert all((out / link).resolve().is_file() for link in links)


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs a browser")
def test_the_leaderboard_filters_in_a_browser(report: Report, out: Path, tmp_path: Path) -> None:
    page = (out / "leaderboard.html").as_uri()
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    dump = subprocess.run([*browser, f"{page}#task=dna50"], capture_output=True, text=True, timeout=120, check=True)
    assert re.search(r'id="shown"[^>]*>5 of \d+ rows<', dump.stdout)


def test_one_seed_is_set_beside_the_same_seed_of_the_reference(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.9, 0.6, 0.6)):
        write_cell(tmp_path / "reference", GPT2, training(seed), task("dna150", 400), accuracy)
    write_cell(tmp_path / "mine", GPT2, training(0), task("dna150", 400), 0.9)
    frame = against_table(grouped(tmp_path / "mine"), grouped(tmp_path / "reference")).frame
    assert frame["difference"].tolist() == ["+0.000"]
    assert frame["your AUROC"].tolist() == frame["reference AUROC"].tolist()


def test_results_beside_a_reference(tmp_path: Path) -> None:
    write_cell(tmp_path / "reference", GPT2, training(), task("dna150", 400), 0.8)
    write_cell(tmp_path / "reference", GPT2, training(on="dyck"), task("dna150", 400), 0.8)
    write_baseline(tmp_path / "reference", "k-mers", "baseline", task("dna50"), 0.6)
    renamed = replace(GPT2, id="copy/of-gpt2")
    write_cell(tmp_path / "mine", renamed, training(), task("dna150", 400), 0.79)
    write_cell(tmp_path / "mine", renamed, training(control="frozen"), task("dna150", 400), 0.5)
    write_baseline(tmp_path / "mine", "k-mers", "baseline", task("dna50"), 0.95)
    frame = against_table(grouped(tmp_path / "mine"), grouped(tmp_path / "reference")).frame
    assert list(zip(frame["system"], frame["verdict"], frame["pairs"], strict=True)) == [
        *[("copy/of-gpt2, pawsx_en", "within", "the same"), ("k-mers", "deviates", "the same")]
    ]


@pytest.mark.parametrize("address", ["javascript:alert(1)", " Data:text/html,x", "file:///etc"])
def test_links_lead_to_pages_alone(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path), "--url", address]) == 2
    assert "is no address of a folder" in capsys.readouterr().err
