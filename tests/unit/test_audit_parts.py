"""What the audit's figures rest on: intervals, folds, guesses, readers; against definitions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.align.smith_waterman import local_start, reverse_complement
from bio_paws.audit import catalog
from bio_paws.audit.catalog import CHECKS
from bio_paws.audit.checks.features import check_features
from bio_paws.audit.checks.frames import read_frames
from bio_paws.audit.checks.labels import check_labels
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.checks.shortcuts import Shortcut
from bio_paws.audit.findings import Estimate, finding
from bio_paws.audit.pairs import Pairs, collect
from bio_paws.audit.sampling import folds
from bio_paws.audit.sampling.folds import design
from bio_paws.audit.sampling.intervals import auc_estimate, either_way, share_estimate
from bio_paws.audit.tables import json_rows
from bio_paws.audit.tables.columns import Columns, find_columns
from bio_paws.audit.tables.dataset import DataSet, Part, open_data
from bio_paws.audit.tables.request import Request
from bio_paws.cli.audit_text import shortcuts_text
from bio_paws.features.thresholds import auroc
from pair_sets import CODONS, as_data, clean

SCORED = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=4, max_size=40).filter(
    lambda pairs: len({label for _, label in pairs}) == 2
)


@settings(deadline=None)
@given(SCORED)
def test_an_area_is_the_area_and_copies_in_a_cluster_add_no_certainty(pairs: list[tuple[int, int]]) -> None:
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    labels = np.array([label for _, label in pairs])
    rows = np.arange(len(pairs))
    estimate = auc_estimate(scores, labels, rows)
    assert estimate.value == pytest.approx(auroc(scores, labels))
    twice = auc_estimate(np.tile(scores, 2), np.tile(labels, 2), np.tile(rows, 2))
    assert (twice.value, twice.low, twice.high) == pytest.approx((estimate.value, estimate.low, estimate.high))
    assert either_way(auc_estimate(-scores, labels, rows)).value == pytest.approx(
        max(estimate.value, 1 - estimate.value)
    )


def test_intervals_are_those_of_delong_and_of_the_binomial() -> None:
    rng = np.random.default_rng(0)
    scores, labels, rows = rng.normal(size=400), rng.integers(0, 2, 400), np.arange(400)
    draws = [auroc(scores[drawn], labels[drawn]) for drawn in rng.integers(0, 400, (2_000, 400))]
    estimate = auc_estimate(scores, labels, rows)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.std(draws), rel=0.08)
    share = share_estimate(labels == 1, rows)
    assert share.high - share.value == pytest.approx(1.96 * np.sqrt(share.value * (1 - share.value) / 399))
    assert str(Estimate.sampled(0, 10)) == "0.000 [0.000, 0.278]"  # Wilson's interval, as textbooks give it
    assert Estimate.sampled(10, 10).high == 1


def test_a_few_pairs_that_are_told_apart_are_no_proof() -> None:
    """Two pairs are told apart by anything, and ten of one cluster say no more than one."""
    for pairs, clusters, least in ((2, 2, 0.0), (20, 2, 0.0), (20, 20, 0.75), (400, 400, 0.98)):
        labels, rows = np.arange(pairs) % 2, np.arange(pairs) % clusters
        for estimate in (auc_estimate(labels.astype(float), labels, rows), share_estimate(labels >= 0, rows)):
            assert (estimate.value, estimate.high) == (1, 1)
            assert least < estimate.low < 1
    assert finding(
        "sentence1_alone", auc_estimate(np.array([0.0, 1]), np.array([0, 1]), np.arange(2)), ""
    ).severity == ("note")


def test_severity_follows_the_table_and_wide_intervals_soften_it() -> None:
    assert finding("composition1", Estimate(0.72, 0.7, 0.74), "").severity == "severe"
    assert finding("composition1", Estimate(0.72, 0.56, 0.88), "").severity == "warning"
    assert finding("composition1", Estimate(0.59, 0.58, 0.6), "").severity == "note"
    assert finding("composition1", Estimate(0.5, 0.5, 0.5), "", at_least="warning").severity == "warning"
    assert finding("conflicting_labels", Estimate.counted(1, 10_000), "").severity == "warning"
    for check in CHECKS:
        assert check.warning <= check.severe and check.why and check.advice, check.id
    with pytest.raises(ValueError, match="defined twice"):
        catalog.index_by_id((CHECKS[0], CHECKS[0]))


@pytest.mark.parametrize("splits", ["given", "grouped", "dealt", "leaking"])
def test_no_fold_is_asked_about_a_sequence_it_was_fitted_on(splits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "SAMPLE_ROWS", 900)
    made = clean("dna")
    if splits == "leaking":
        made["train"] += made["test"][:200]
    elif splits != "given":
        made["train"] += made.pop("test")
    if splits == "dealt":
        # One first sequence stands in every fifth pair, and chains all of them together.
        for i, row in enumerate(made["train"]):
            row[i % 2] = made["train"][i % 40][i % 2]
    pairs = pairs_of(as_data(made))
    numbered = number_sequences(pairs)
    plan = design(pairs, numbered)
    assert len(plan.sample) <= 2 * 900 and plan.folds
    words = {"given": "fitted on train", "grouped": "5-fold", "dealt": "3 folds of sequences", "leaking": "left out"}
    assert words[splits] in plan.how
    asked_before: set[int] = set()
    for fitted, scored in plan.folds:
        scored_sequences, fitted_sequences = (
            set(numbered.canonical[:, plan.sample[rows]].ravel().tolist()) for rows in (scored, fitted)
        )
        assert scored_sequences and fitted_sequences and not scored_sequences & fitted_sequences
        assert asked_before.isdisjoint(scored.tolist())
        asked_before |= set(scored.tolist())


def pairs_of(data: DataSet, request: Request = Request()) -> Pairs:  # noqa: B008 it is frozen
    data, columns = find_columns(data, request)
    return collect(data, columns, request)


def columns_of(data: DataSet, **request: str) -> Columns:
    return find_columns(data, Request(**request))[1]


def data_of(**columns: list[object]) -> DataSet:
    batch = pa.RecordBatch.from_pydict(columns)
    return DataSet("made", (Part("all", lambda: iter([batch])),))


def test_columns_and_kinds_are_guessed() -> None:
    dna, protein, text = (
        ["ACGTACGTAA", "ttgacgtnac"],
        ["MKVLAAGIVW", "MSTNPKPQRK"],
        ["A cat sat.", "Where? Here."],
    )
    columns = columns_of(data_of(id=[1, 2], first=protein, second=dna, same=[True, False]))
    assert (columns.sides, columns.label, columns.id) == (("first", "second"), "same", "id")
    assert (columns.molecule, columns.kinds) == ("protein_dna", ("protein", "dna"))
    assert columns_of(data_of(Seq1=dna, Seq2=dna, Label=[0, 1])).molecule == "dna"
    assert columns_of(data_of(sentence1=text, sentence2=text, label=[0, 1])).molecule == "text"
    assert (
        columns_of(data_of(x=dna, y=protein, z=[0, 1]), sentence1="x", sentence2="y", label="z").molecule
        == "dna_protein"
    )


def test_labels_may_be_words() -> None:
    data = data_of(sentence1=["ACGT", "ACGA", "ACGG"], sentence2=["ACGT"] * 3, label=["similar", "other", "similar"])
    pairs = pairs_of(data)
    assert pairs.label_names == ("other", "similar")
    assert pairs.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(("labels", "words"), [([0, 1] * 50, "alternate"), ([0] * 50 + [1] * 50, "come in runs")])
def test_labels_that_alternate_are_not_said_to_come_in_runs(labels: list[object], words: str) -> None:
    pairs = pairs_of(data_of(sentence1=["ACGT"] * 100, sentence2=["ACGA"] * 100, label=labels))
    (runs,) = (entry for entry in check_labels(pairs) if entry.check == "label_runs")
    assert f"labels {words}: " in runs.what


def test_a_class_of_too_few_pairs_is_not_said_to_have_none() -> None:
    half = Estimate(0.5, 0.4, 0.6)
    whole = Shortcut("test", "edit", "all", 61, half, None, 0.0)
    unknown = Shortcut("test", "edit", "C3", 60, half, None, 0.0)
    text = shortcuts_text("test", [{"all": whole, "C3": unknown}])
    assert "C1 (under 10)" in text
    assert "C3 (60)" in text


def test_features_of_a_side() -> None:
    sides = ["ACACACAC", "GGGGGGGG", "ACGTTGCA", "ACGN-acg "]
    data = data_of(sentence1=sides, sentence2=["ACGTTGCA"] * 4, label=[0, 1, 0, 1])
    pairs = pairs_of(data)
    assert pairs.features["composition"][0].tolist() == pytest.approx([0.5, 1, 0.5, 4 / 6])
    # Triplets ACA and CAC three times each: 2 * 3 / 5; GGG six times: 15 / 5.
    assert pairs.features["complexity"][0].tolist()[:3] == pytest.approx([-6 / 5, -3, 0])
    assert [pairs.faults[fault][0, 3] for fault in ("lower_case", "gaps", "white_space", "other_letters")] == [True] * 4
    assert not any(rows[:, :3].any() for rows in pairs.faults.values())
    assert pairs.identical.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        (("ACAT", "GCGC"), "share of G, C of sentence1"),
        (("MKVLWILSTD", "GARPGARPGA"), "share of G, A, R, P of sentence1"),
    ],
)
def test_a_composition_is_named_by_its_letters(letters: tuple[str, str], words: str) -> None:
    rng = np.random.default_rng(0)
    sides: list[object] = ["".join(rng.permutation(list(letters[number % 2] * 5))) for number in range(80)]
    others: list[object] = ["".join(rng.permutation(list("".join(letters) * 5))) for _ in range(80)]
    pairs = pairs_of(data_of(sentence1=sides, sentence2=others, label=[number % 2 for number in range(80)]))
    words_by_id = {finding.check: finding.what for finding in check_features(pairs, np.arange(80))}
    assert words_by_id["composition1"] == f"{words} tells the label"


def test_a_pair_takes_as_many_bytes_however_long_it_is() -> None:
    texts: list[object] = ["ACGT" * 5_000, "ACGA" * 5_000] * 50
    data = data_of(sentence1=texts, sentence2=texts[::-1], label=[0, 1] * 50)
    pairs = pairs_of(data)
    arrays = [*vars(pairs).values(), *pairs.features.values(), *pairs.faults.values()]
    assert sum(array.nbytes for array in arrays if isinstance(array, np.ndarray)) <= 100 * len(pairs)


def test_json_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "CHARACTERS_PER_READ", 7)
    rows = [{"sentence1": "AC]GT,", "sentence2": "{[é汉", "label": i} for i in range(5)]
    (tmp_path / "array.json").write_text(json.dumps(rows, indent=2))
    (tmp_path / "lines.json").write_text("\n".join(map(json.dumps, rows)))
    for name in ("array", "lines"):
        (data,) = open_data(str(tmp_path / f"{name}.json"), None, None)
        assert [row for batch in data.parts[0].read() for row in batch.to_pylist()] == rows


def test_a_reading_knows_where_it_starts() -> None:
    assert local_start("WWMKVLAG", "TTTMKVLAG", "protein") == (2, 3)
    protein = "MKVLAAGIVWMKHEWWCDE"
    dna = "".join(min(CODONS[residue]) for residue in protein)
    read = read_frames([f"CCCCC{dna}", reverse_complement(dna), "ACGTACGT"], [protein] * 3)
    assert read.starts[:2].tolist() == [5, 0] and np.isnan(read.starts[2])
    assert read.six_frame[0] == read.six_frame[1] > 4 > read.frame0[0]
