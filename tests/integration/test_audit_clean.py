"""`audit --clean`, `--against`, `--thresholds`, and an audit that is interrupted."""

from __future__ import annotations

import csv
import errno
import json
import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bio_paws.audit import run
from bio_paws.audit.against import compare
from bio_paws.audit.checks import shortcuts
from bio_paws.audit.checks.repeats import number_sequences
from bio_paws.audit.clean import write as write_module
from bio_paws.audit.clean.rows import mark_degrees, mark_labels, no_reasons
from bio_paws.audit.clean.write import Cleaned
from bio_paws.audit.clean.write import clean as write_clean
from bio_paws.audit.pairs import collect
from bio_paws.audit.run import Audit, audit
from bio_paws.audit.sampling import sample
from bio_paws.audit.tables.columns import find_columns
from bio_paws.audit.tables.dataset import open_data
from bio_paws.audit.tables.request import Request
from bio_paws.cli.app import main
from bio_paws.cli.audit_text import cleaned_text
from bio_paws.errors import BioPawsError, DataError
from bio_paws.execution.signals import Terminated
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


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("full", "holds something already: name an empty folder for --clean"),
        ("/", "is the current or the home folder, or above it"),
        (".", "is the current or the home folder, or above it"),
        ("set", "lies in set, which would hold both sets afterwards"),
        ("set/clean", "lies in set, which would hold both sets afterwards"),
        ("link", "lies in set, which would hold both sets afterwards"),
        ("note", "not a folder: name another folder for --clean"),
        ("note/clean", "not a folder: name another folder for --clean"),
        ("pipe", "not a folder: name another folder for --clean"),
        ("loop", "Symlink loop from"),
        ("nowhere", "lies in set, which would hold both sets afterwards"),
    ],
)
def test_a_folder_that_is_not_ours_is_refused_before_the_audit(
    place: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "set", {"train": clean("dna")["train"][:20]})
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").touch()
    (tmp_path / "note").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("set/clean")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("set/a/b")
    before = sorted(tmp_path.rglob("*"))
    assert main(["audit", "set", "--clean", place]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert message in said.err
    assert sorted(tmp_path.rglob("*")) == before
    assert main(["audit", "set", "--resplit"]) == 2
    assert "give --clean DIR too" in capsys.readouterr().err


def cleaned(folder: Path, out: Path, **files: str) -> list[Cleaned]:
    """Clean a folder of files that are given by their names, a dot written as two underscores."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return write_clean(open_data(str(folder)), Request(), out)


def pairs_as_json(number: int, **further: object) -> str:
    rng = np.random.default_rng(number)
    first, second = ("".join(rng.choice(list("ACGT"), 60)) for _ in range(2))
    return json.dumps({"sentence1": first, "sentence2": second, "label": number % 2} | further) + "\n"


def test_what_a_kill_left_is_removed_and_nothing_of_it_is_taken(tmp_path: Path) -> None:
    left = tmp_path / f".out.{socket.gethostname()}.12345.part"
    mine = tmp_path / f".other.{socket.gethostname()}.12345.part"
    for folder in (left, mine):
        folder.mkdir()
        (folder / "train.parquet").touch()
    (tmp_path / "out").mkdir()
    text = "".join(map(pairs_as_json, range(4)))
    (written,) = cleaned(tmp_path / "set", tmp_path / "out", train__jsonl=text)
    assert written.rows == {"train": 4}
    assert not left.exists() and mine.exists()
    assert {path.name for path in written.folder.iterdir()} == {"train.parquet", "manifest.json", "removed.txt"}


def test_nothing_is_written_where_it_cannot_all_be(tmp_path: Path) -> None:
    """A disk that fills up, another process that was quicker, rows of no common type, splits of one name."""
    rows = "".join(map(pairs_as_json, range(1_100)))
    for text, message in (
        (pairs_as_json(0, x=1) + rows + pairs_as_json(1, x="a"), "rows cannot be written as one table"),
        ("".join(pairs_as_json(number, split=f"a{' _'[number % 2]}b") for number in range(4)), "would both be written"),
    ):
        with pytest.raises(DataError, match=message):
            write_clean(open_data(str(_file(tmp_path / "a.jsonl", text))), Request(), tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    data = open_data(str(_file(tmp_path / "a.jsonl", rows)))
    for fault in (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), Terminated(15)):
        with pytest.MonkeyPatch.context() as patch, pytest.raises((BioPawsError, Terminated)) as raised:
            patch.setattr(write_module, "write_json", _raiser(fault))
            write_clean(data, Request(), tmp_path / "out")
        assert isinstance(raised.value, Terminated) or "cannot be written (No space left" in str(raised.value)
        assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(BioPawsError, match="cannot be written"):
        patch.setattr(write_module, "write_json", lambda *_: _file(tmp_path / "out/of-another", ""))
        write_clean(data, Request(), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["of-another"]


def _file(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def _raiser(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_file_that_changes_meanwhile_is_not_written_with_the_labels_that_it_had(tmp_path: Path) -> None:
    """Rows are judged at one reading and written at another."""
    path = _file(tmp_path / "a.jsonl", "".join(map(pairs_as_json, range(8))))
    data = open_data(str(path))
    audit(data[0])
    path.write_text("".join(map(pairs_as_json, range(7, -1, -1))))
    with pytest.raises(DataError, match=r"a\.jsonl: was changed while it was audited: audit it again"):
        write_clean(data, Request(), tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


def test_names_in_the_data_lead_nowhere_else(tmp_path: Path) -> None:
    text = "".join(
        pairs_as_json(number, split=("../../train", "=a\x1b[2K\n")[number // 40], id=f"=HYPERLINK({number})")
        for number in range(80)
    )
    text += pairs_as_json(0, split="../../train", id="=1+1")
    (written,) = write_clean(open_data(str(_file(tmp_path / "a.jsonl", text))), Request(), tmp_path / "out")
    assert {path.name for path in written.folder.iterdir()} == {
        "_.._.._train.parquet",
        "_a__2K.parquet",
        "manifest.json",
        "removed.txt",
    }
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "out"}
    assert r"=a\x1b[2K" in cleaned_text(written) and "\x1b" not in cleaned_text(written)
    assert (written.folder / "removed.txt").read_text().splitlines()[1:] == ["../../train\t40\t'=1+1\tduplicate_pairs"]


def test_columns_of_some_rows_alone_are_kept(tmp_path: Path) -> None:
    """The first rows lack an id, and one lacks a side: it is counted as such, and no other is."""
    rows = [
        pairs_as_json(number, **({"id": str(number), "x": number} if number > 10 else {})) for number in range(3_000)
    ]
    lacking = json.loads(rows[1_024])
    del lacking["sentence2"], lacking["id"]
    rows[1_024] = json.dumps(lacking) + "\n"
    (written,) = cleaned(tmp_path / "set", tmp_path / "out", train__jsonl="".join(rows))
    assert (written.rows, written.removed) == ({"train": 2_999}, {"missing_values": 1})
    stored = pq.read_table(written.folder / "train.parquet")
    assert stored["x"].null_count == 11
    assert stored["id"].to_pylist()[-1] == "2999"


def test_balanced_sequences_stand_as_often_under_both_labels_of_a_split() -> None:
    """And both labels are as frequent, with rows that stand alone for what is missing."""
    rng = np.random.default_rng(0)
    drawn = zip(rng.integers(0, 9, 300), rng.integers(0, 40, 300), rng.random(300) < 0.7, strict=True)
    rows: list[Row] = [[f"{'ACGT' * 5}{'A' * a}", f"{'TTGC' * 5}{'C' * b}", int(label)] for a, b, label in drawn]
    rows += [[f"{'ACGT' * 5}{'G' * n}", f"{'TTGC' * 5}{'T' * n}", int(n % 4 < 3)] for n in range(1, 60)]
    data, columns = find_columns(as_data({"train": rows[::2], "test": rows[1::2]}), Request())
    pairs = collect(data, columns, Request())
    numbered, part, reasons = number_sequences(pairs), pairs.part.astype(np.int64), no_reasons(len(pairs))
    mark_degrees(pairs, numbered, part, reasons)
    uneven = np.diff([((reasons == "") & (pairs.labels == label)).sum() for label in (0, 1)])
    mark_labels(pairs, numbered, part, reasons)
    assert uneven and (reasons == "label_balance").any()
    for split in (0, 1):
        staying = (reasons == "") & (part == split)
        assert pairs.labels[staying].mean() == 0.5
        for side in numbered.canonical:
            ones, whole = np.bincount(side[staying], pairs.labels[staying]), np.bincount(side[staying])
            assert ((whole <= 1) | (2 * ones == whole)).all()


def test_what_cleaning_leaves_useless_is_said_with_what_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All test pairs were trained on, and one label alone is left of validation."""
    rows = clean("protein")["train"][:80]
    known = {row[side] for row in rows[:60] for side in (0, 1)}
    lone = [row for row in clean("protein")["train"][80:] if row[2] and not known & {*row}][:10]
    splits = {"train": rows[:60], "validation": [*rows[:10], *lone], "test": rows[:30]}
    source = write(tmp_path / "set", splits)
    main(["audit", str(source), "--clean", str(tmp_path / "out")])
    said = capsys.readouterr().err
    ones = sum(int(str(row[2])) for row in rows[:60])
    assert f"train 60 (label 0: {60 - ones}, 1: {ones}), validation {len(lone)} (label 0: 0, 1: {len(lone)});" in said
    assert "no row is left of test and one label alone is left in validation: removed.txt has the reason of " in said
    assert "each; --resplit makes new splits" in said
    few = write(tmp_path / "few", {"train": rows[:4]})
    main(["audit", str(few), "--clean", str(tmp_path / "again"), "--resplit"])
    assert "too few, or too large, for new splits: collect more pairs" in capsys.readouterr().err


def test_classes_that_cleaning_makes_rare_leak_like_any_sequence(tmp_path: Path) -> None:
    """Twenty-five targets have twenty rows each, and fewer where the leaks of the other side have left."""
    splits = clean("protein")
    targets = [str(row[1]) for row in splits["test"][:25]]
    other = [*dict.fromkeys(str(row[0]) for row in splits["train"])][:460]
    rows: list[Row] = [[text, targets[i % 25], i // 25 % 2] for i, text in enumerate([*other, *other[:60]])]
    source = write(tmp_path / "set", {"train": rows[:400], "test": rows[400:]})
    (written,) = write_clean(open_data(str(source)), Request(), tmp_path / "out")
    assert written.rows == {"train": 400} and written.removed.keys() == {"leaked_sequences", "leaked_homologs"}
    assert "leaked_sequences" not in {finding.check for finding in audit(open_data(str(tmp_path / "out"))[0]).findings}


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


def test_another_set_that_is_not_there_is_missed_before_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bio_paws.audit.run.audit", lambda *_, **__: pytest.fail("the audit began"))
    own = write(tmp_path / "own", {"train": clean("dna")["train"][:20]})
    for name in ("none", ""):
        assert main(["audit", str(own), "--against", name and str(tmp_path / name)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


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
        ("composition1: {high: 1}", "composition1: give 'warning', 'severe' or both"),
        ("composition1: {severe: much}", "composition1: severe is 'much', not a number"),
        ("composition1: {severe: 0.1}", "composition1: warning is above severe"),
        ("a: [", "cannot be read"),
    ):
        limits.write_text(text)
        assert main(["audit", str(source), "--thresholds", str(limits)]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("signal", "status", "ending"),
    [(KeyboardInterrupt(), 130, "interrupted"), (Terminated(15), 143, "ended by SIGTERM")],
)
def test_an_interrupted_audit_shows_what_was_done(
    signal: BaseException,
    status: int,
    ending: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(run, "check_similar", _raiser(signal))
    monkeypatch.setattr(run, "measure_shortcuts", lambda *_: ())
    source = write(tmp_path / "set", {"train": [*clean("dna")["train"][:100], *clean("dna")["train"][:20]]})
    assert main(["audit", str(source), "--clean", str(tmp_path / "out")]) == status
    said = capsys.readouterr()
    assert said.out.startswith("set: interrupted at similar sequences: what follows was done before")
    assert "duplicate_pairs" in said.out and f"bio-paws: {ending}; what was done is above" in said.err
    assert not (tmp_path / "out").exists()


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
