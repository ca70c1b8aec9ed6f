"""`audit --clean`, `--against`, `--thresholds`, and an audit that is interrupted."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bio_paws.audit import run
from bio_paws.audit.against import compare
from bio_paws.audit.checks import shortcuts
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.clean.rows import mark_degrees, no_reasons
from bio_paws.audit.clean.write import clean as write_clean
from bio_paws.audit.pairs import collect
from bio_paws.audit.run import Audit, audit
from bio_paws.audit.sampling import sample
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import open_data
from bio_paws.audit.tables.request import Request
from bio_paws.cli.app import main
from bio_paws.errors import DataError
from pair_sets import LETTERS, PLANTERS, Row, Splits, as_data, clean, mutated

REMOVED = {"conflicting_labels", "duplicate_pairs", "swapped_pairs", "missing_values"}
LEAKS = {"leaked_pairs", "leaked_sequences", "leaked_homologs"}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "ALIGNED_ROWS", 100)
    monkeypatch.setattr(shortcuts, "TRAIN_ROWS", 100)
    monkeypatch.setattr(shortcuts, "TEST_ROWS", 50)


def planted() -> Splits:
    """A small set with every defect that cleaning removes."""
    splits = clean("protein")
    splits = {"train": splits["train"][:400], "test": splits["test"][:200]}
    rng = np.random.default_rng(0)
    for planter in PLANTERS:
        if planter.check in REMOVED | LEAKS:
            planter.plant(splits, rng)
    return splits


def write(folder: Path, splits: Splits) -> Path:
    folder.mkdir()
    for split, rows in splits.items():
        with (folder / f"{split}.csv").open("w", newline="") as out:
            csv.writer(out).writerows([("sentence1", "sentence2", "label"), *rows])
    return folder


@pytest.mark.parametrize("options", [(), ("--resplit", "--balance")])
def test_a_cleaned_set_has_none_of_it(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = planted()
    source = write(tmp_path / "set", splits)
    assert main(["audit", str(source), "--clean", str(tmp_path / "clean"), *options]) == 1
    assert f"cleaned: {tmp_path / 'clean'}: train " in capsys.readouterr().err
    manifest = json.loads((tmp_path / "clean/manifest.json").read_text())
    again = audit(open_data(str(tmp_path / "clean"))[0])
    assert not {finding.check for finding in again.findings} & (REMOVED | LEAKS | {"degree_bias"})
    assert again.rows == manifest["rows"]
    # Every row is in a split, or in the list of those that left, with its reason.
    with (tmp_path / "clean/removed.txt").open() as lines:
        removed = list(csv.DictReader(lines, delimiter="\t"))
    assert Counter(row["reason"] for row in removed) == manifest["removed"]
    left = Counter(row["split"] for row in removed)
    whole = {split: len(rows) for split, rows in splits.items()}
    assert sum(manifest["rows"].values()) + len(removed) == sum(whole.values())
    if options:
        return
    assert set(manifest["removed"]) >= REMOVED | {"leaked_sequences", "leaked_homologs"}
    for split, count in whole.items():
        staying = pq.read_table(tmp_path / f"clean/{split}.parquet").to_pylist()
        assert len(staying) == count - left[split]
        gone = {int(row["row"]) for row in removed if row["split"] == split}
        kept = [row for place, row in enumerate(splits[split]) if place not in gone]
        assert [row["sentence1"] for row in staying] == [row[0] for row in kept]


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note").touch()
    with pytest.raises(DataError, match="holds something already"):
        write_clean(as_data(planted()), Request(), tmp_path)
    assert main(["audit", "a.csv", "--resplit"]) == 2
    assert "give --clean DIR too" in capsys.readouterr().err


def test_balanced_sequences_stand_as_often_under_both_labels() -> None:
    rng = np.random.default_rng(0)
    drawn = zip(rng.integers(0, 9, 300), rng.integers(0, 40, 300), rng.random(300) < 0.7, strict=True)
    rows: list[Row] = [[f"{'ACGT' * 5}{'A' * a}", f"{'TTGC' * 5}{'C' * b}", int(label)] for a, b, label in drawn]
    data, columns = find_columns(as_data({"train": rows}), Request())
    pairs = collect(data, columns, Request())
    numbered = number_sequences(pairs)
    reasons = no_reasons(len(pairs))
    mark_degrees(pairs, numbered, reasons)
    staying = reasons == ""
    assert staying.any()
    for side in numbered.canonical:
        ones, whole = np.bincount(side[staying], pairs.labels[staying]), np.bincount(side[staying])
        assert ((whole <= 1) | (2 * ones == whole)).all()


def test_another_set_and_a_corpus_are_compared(tmp_path: Path) -> None:
    splits = clean("protein")
    own, shared = splits["train"][:40], splits["train"][30:50]
    rng = np.random.default_rng(0)
    similar = [[mutated(rng, str(text), LETTERS["protein"], 0.1) for text in row[:2]] for row in own[:10]]
    source = write(tmp_path / "other", {"train": [*shared, *([*row, i % 2] for i, row in enumerate(similar))]})
    findings, searches = compare(as_data({"train": own}, "mine"), Request(), str(source))
    by_check = {finding.check: finding for finding in findings}
    assert set(by_check) == {"leaked_sequences", "leaked_pairs", "leaked_homologs"}
    assert by_check["leaked_pairs"].numbers == {"rows": 10}
    assert "mine shares sequences with other: " in by_check["leaked_sequences"].what
    corpus = tmp_path / "corpus.fasta"
    corpus.write_text("".join(f">s{i}\n{row[1]}\n" for i, row in enumerate(own[:20])))
    findings, searches = compare(as_data({"train": own}, "mine"), Request(), str(corpus))
    assert next(finding.check for finding in findings) == "leaked_sequences"
    assert "not among corpus.fasta have a homolog there" in searches[-1]
    dna = write(tmp_path / "dna", {"train": clean("dna")["train"][:20]})
    with pytest.raises(DataError, match="holds dna, not protein"):
        compare(as_data({"train": own}), Request(), str(dna))


def test_limits_are_those_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "set", {"train": [*clean("dna")["train"][:200], *clean("dna")["train"][:20]]})
    limits = tmp_path / "limits.yaml"
    for text, severity, status in (
        ("duplicate_pairs: {severe: 0.2}", "warning", 0),
        ("duplicate_pairs: {warning: .inf, severe: .inf}", "note", 0),
        ("duplicate_pairs: {warning: 1e-5, severe: 0.01}", "severe", 1),
    ):
        limits.write_text(text)
        assert main(["audit", str(source), "--json", "--thresholds", str(limits)]) == status
        findings = json.loads(capsys.readouterr().out)["audits"][0]["findings"]
        assert {finding["check"]: finding["severity"] for finding in findings}["duplicate_pairs"] == severity
    for text, message in (
        ("- a", "not a mapping of checks to limits"),
        ("nothing: {severe: 1}", "no check 'nothing': choose from label_balance"),
        ("gc1: {high: 1}", "gc1: give 'warning', 'severe' or both"),
        ("gc1: {severe: much}", "gc1: severe is 'much', not a number"),
        ("gc1: {severe: 0.1}", "gc1: warning is above severe"),
        ("a: [", "cannot be read"),
    ):
        limits.write_text(text)
        assert main(["audit", str(source), "--thresholds", str(limits)]) == 2
        assert message in capsys.readouterr().err


def test_an_interrupted_audit_shows_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "check_similar", interrupt)
    monkeypatch.setattr(run, "measure_shortcuts", lambda *_: ())
    source = write(tmp_path / "set", {"train": [*clean("dna")["train"][:100], *clean("dna")["train"][:20]]})
    assert main(["audit", str(source)]) == 130
    said = capsys.readouterr()
    assert said.out.startswith("set: interrupted at similar sequences: what follows was done before")
    assert "duplicate_pairs" in said.out and "interrupted; what was done is above" in said.err


def test_few_sequences_are_told_and_not_judged() -> None:
    """Four epitopes are classes, which no split keeps apart: leaks are counted side by side."""
    splits = clean("protein")
    rows: list[Row] = [[splits["test"][i % 4][0], row[1], row[2]] for i, row in enumerate(splits["train"][:100])]
    result: Audit = audit(as_data({"train": rows[:80], "test": rows[80:]}))
    leaked = next(finding for finding in result.findings if finding.check == "leaked_sequences")
    assert "the 4 sequences of sentence1 are the classes of this task" in leaked.what
    assert "4 of 4 of sentence1" in leaked.what


def test_shortcuts_are_measured_by_what_was_seen() -> None:
    """A hub whose label is known is worth all on pairs that hold it, and nothing on others."""
    splits = clean("protein")
    rows = [[*row[:2], i % 2] for i, row in enumerate(splits["train"][:200])]
    test = [[rows[i][0], splits["test"][i][1], rows[i][2]] for i in range(20)]
    test += [[*row[:2], i % 2] for i, row in enumerate(splits["test"][20:40])]
    result = audit(as_data({"train": rows[:100], "test": test}))
    worth = {(shortcut.name, shortcut.pairs): shortcut for shortcut in result.shortcuts}
    assert worth["degree", "C2"].rows == worth["degree", "C3"].rows == 20
    assert worth["degree", "C2"].accuracy.value >= 0.9 and worth["degree", "C3"].accuracy.value == 0.5
    assert worth["nearest sentence1", "C2"].mcc > 0.9 and worth["majority", "all"].mcc == 0
