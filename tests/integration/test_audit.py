"""`audit` finds every planted defect by its own check, nothing in clean sets, and reads what a user may have."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bio_paws.audit import run
from bio_paws.audit.catalog import CHECKS, SEVERITIES
from bio_paws.audit.checks import shortcuts, similar
from bio_paws.audit.report.page import write_page
from bio_paws.audit.run import Audit, audit
from bio_paws.audit.sampling import folds, sample
from bio_paws.audit.tables.dataset import open_data
from bio_paws.cli.app import main
from conftest import Run, run_program
from hub_server import serving
from pair_sets import PLANTERS, Molecule, Planter, Splits, as_data, clean

NAMES = ("sentence1", "sentence2", "label")
FACTS = {"coding_start", "label_order", "label_runs", "alignment"}
"""Checks that report no fault: their findings are notes."""
FITTED = {
    *("sentence1_alone", "sentence2_alone", "kmers", "edit", "alignment", "translation", "frame0", "coding_start"),
    *("position1", "position2"),
}
"""Checks that fit or align the sampled pairs; all others look at every row, whatever the sample."""
PRIOR = Path(os.environ.get("BIO_PAWS_SHARED", "nowhere")) / "data/prior_release/dna_protein_150.json"


@pytest.fixture(autouse=True)
def few_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "ALIGNED_ROWS", 800)
    monkeypatch.setattr(shortcuts, "TRAIN_ROWS", 400)
    monkeypatch.setattr(shortcuts, "TEST_ROWS", 100)


def severities(audited: Audit) -> dict[str, str]:
    """The worst severity of each check that found something."""
    worst = sorted(audited.findings, key=lambda finding: SEVERITIES.index(finding.severity), reverse=True)
    return {finding.check: finding.severity for finding in worst}


@pytest.mark.parametrize("molecule", ["dna", "protein", "dna_protein"])
def test_a_clean_set_yields_nothing(molecule: Molecule) -> None:
    for seed in (0, 1):
        audited = audit(as_data(clean(molecule, seed)))
        assert severities(audited) == {}, [finding.what for finding in audited.findings]
        assert audited.columns.molecule == molecule
        assert audited.rows == {"train": 2_000, "test": 400}
        upper_bound = max(
            measurement.auc.value for measurement in audited.measurements if measurement.role == "upper_bound"
        )
        assert upper_bound > 0.99


@pytest.mark.parametrize("planter", PLANTERS, ids=lambda planter: f"{planter.check}-{planter.molecule}")
def test_a_planted_defect_is_found_by_its_own_check(planter: Planter, monkeypatch: pytest.MonkeyPatch) -> None:
    if not planter.check.endswith("homologs"):
        monkeypatch.setattr(similar, "SEARCHED", 50)
    if planter.check not in FITTED:
        monkeypatch.setattr(folds, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(shortcuts, "TRAIN_ROWS", 40)
    monkeypatch.setattr(shortcuts, "TEST_ROWS", 20)
    splits = clean(planter.molecule)
    planter.plant(splits, np.random.default_rng(1))
    audited = audit(as_data(splits))
    assert planter.check in severities(audited)
    assert severities(audited)[planter.check] != "note" or planter.check in FACTS
    for finding in audited.findings:
        assert finding.advice and finding.figure.low <= finding.figure.value <= finding.figure.high


def test_every_check_is_planted() -> None:
    assert {planter.check for planter in PLANTERS} == {check.id for check in CHECKS}


def test_conflicts_are_counted() -> None:
    splits = clean("dna")
    first = splits["train"][:3]
    splits["train"] += [[a, b, 1 - int(label or 0)] for a, b, label in first]
    conflict = next(finding for finding in audit(as_data(splits)).findings if finding.check == "conflicting_labels")
    assert conflict.numbers == {"pairs": 3, "rows": 6, "identical_pairs": 3}
    same, other = conflict.examples[:2]
    assert same.sentence1 == other.sentence1 and {same.label, other.label} == {"0", "1"}


def test_the_same_set_gives_the_same_audit() -> None:
    splits = clean("protein")
    assert audit(as_data(splits)) == audit(as_data(splits))


def test_batches_do_not_matter_and_rows_are_read_back(tmp_path: Path) -> None:
    splits = clean("dna")
    splits["train"][5] = [str(splits["train"][5][0]) + "nn", *splits["train"][5][1:]]
    rows = [dict(zip(NAMES, row, strict=True)) for row in splits["train"]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=333)
    audited = audit(open_data(str(tmp_path / "a.parquet"), None, None)[0])
    note = next(finding for finding in audited.findings if finding.check == "lower_case")
    assert note.severity == "note"
    assert [(example.row, str(example.sentence1)[:30]) for example in note.examples] == [
        (5, str(splits["train"][5][0])[:30])
    ]


# The command line


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_gzipped_tsv(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_array(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=1))


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write strings as pandas writes categories, and as Polars writes any."""
    table = pa.Table.from_pylist(rows)
    for column, kind in (("prot_a", pa.dictionary(pa.int32(), pa.string())), ("prot_b", pa.string_view())):
        at = table.schema.names.index(column)
        table = table.set_column(at, column, table[column].cast(kind))
    pq.write_table(table, path)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "a.csv": write_csv,
    "a.tsv.gz": write_gzipped_tsv,
    "a.jsonl": write_lines,
    "a.json": write_array,
    "a.parquet": write_parquet,
}


def sorted_rows(splits: Splits) -> list[dict[str, Any]]:
    """A set with one severe finding, contradictions, under names that must be guessed."""
    chosen = splits["train"][:300]
    chosen += [[a, b, 1 - int(label or 0)] for a, b, label in chosen[:10]]
    rows = sorted(chosen, key=lambda row: int(row[2] or 0))
    return [{"number": i, "prot_a": a, "prot_b": b, "same": bool(label)} for i, (a, b, label) in enumerate(rows)]


def test_every_format_reads_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = sorted_rows(clean("protein"))
    said = []
    for name, write in WRITERS.items():
        write(tmp_path / name, rows)
        assert main(["audit", str(tmp_path / name), "--label", "same", "--json"]) == 1
        answer = json.loads(capsys.readouterr().out)["audits"][0]
        assert answer["columns"] == {
            **{"sides": ["prot_a", "prot_b"], "label": "same", "id": None, "kinds": ["protein", "protein"]},
            "evidence": answer["columns"]["evidence"],
        }
        assert answer.pop("name") == name
        said.append({key: answer[key] for key in ("rows", "labels", "sequences", "measurements")})
        assert {entry["check"] for entry in answer["findings"]} >= {"label_order", "label_runs"}
    assert all(reading == said[0] for reading in said)


def test_the_page_stands_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "a.csv", sorted_rows(clean("dna")))
    pages = []
    for out in (tmp_path / "one", tmp_path / "two"):
        assert main(["audit", str(tmp_path / "a.csv"), "--label", "same", "--out", str(out)]) == 1
        assert capsys.readouterr().err == f"written: {out / 'audit.html'}, {out / 'audit.json'}\n"
        pages.append((out / "audit.html").read_text())
    assert pages[0] == pages[1]
    record = json.loads((tmp_path / "one/audit.json").read_text())["audits"][0]
    # A drawing for each finding that has one, and one of all baselines.
    assert pages[0].count("<svg") == 1 + sum(entry["chart"] is not None for entry in record["findings"])
    assert not re.search(r"""(src|href)=["'](?!#)""", re.sub(r"xlink:href", "", pages[0]))
    for entry in record["findings"]:
        assert f'<span class="badge">{entry["severity"]}</span> {entry["check"]} ' in pages[0]


def test_a_page_replaces_pages_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "a.csv", sorted_rows(clean("dna"))[:200])
    (tmp_path / "note").write_text("mine")
    (tmp_path / "audit.json").write_text('{"auditReportVersion": 2}')
    for out, message in (
        (tmp_path, "is not of an audit, and would be replaced"),
        (tmp_path / "note", "not a folder"),
        (tmp_path / "note/out", "not a folder"),
    ):
        assert main(["audit", str(tmp_path / "a.csv"), "--label", "same", "--out", str(out)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert message in said.err
    assert (tmp_path / "audit.json").read_text() == '{"auditReportVersion": 2}'
    for _ in range(2):
        write_page("a.csv", [], tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pipe",), "pipe: neither a file nor a folder"),
        (("loop",), "loop: neither a file nor a folder"),
        (("nowhere",), "nowhere: neither a file nor a folder"),
        (("",), "'': neither a file nor a folder"),
        (("pipe.csv",), "pipe.csv: neither a file nor a folder"),
        (("a.csv", "--fasta", "pipe"), "pipe: no such file"),
        (("a.csv", "--thresholds", "pipe"), "pipe: no such file"),
        (("a.csv", "--against", "pipe"), "pipe: neither a file nor a folder"),
    ],
)
def test_what_leads_to_no_end_is_not_opened(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pipe", "pipe.csv"):
        os.mkfifo(name)
    for name, target in (("loop", "loop"), ("nowhere", "away")):
        Path(name).symlink_to(target)
    Path("a.csv").write_text("protein1,protein2,label\nP1,P2,0\nP1,P3,1\n")
    if "--against" in arguments:
        write_csv(Path("a.csv"), sorted_rows(clean("dna"))[::8])
        arguments = (*arguments, "--label", "same")
        monkeypatch.setattr(run, "_steps", lambda *_: {})
    assert main(["audit", *arguments]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"bio-paws: error: {message}\n")


def test_our_folder_is_audited_config_by_config(built: Path, bio_paws: Run, capsys: pytest.CaptureFixture[str]) -> None:
    done = bio_paws("audit", built, "--json", "--config", "dna150")
    assert done.returncode in (0, 1), done.stderr
    (audited,) = json.loads(done.stdout)["audits"]
    assert list(audited["rows"]) == ["train", "validation", "test"]
    checks = {entry["check"] for entry in audited["findings"]}
    # Two hundred rows, built with care: no shortcut but the k-mers that this config is known for.
    assert "kmers" in checks
    roles = {entry["name"]: entry["role"] for entry in audited["measurements"]}
    assert {name for name, role in roles.items() if role == "upper_bound"} == {"edit", "smith_waterman"}
    assert not checks & {"sentence1_alone", "length_difference", "leaked_pairs", "leaked_sequences", "degree_bias"}
    assert main(["audit", str(built), "--config", "protein150", "--split", "train"]) in (0, 1)
    said = capsys.readouterr().out
    assert said.startswith("protein150: ") and "\npairs by split: train " in said
    assert "Baselines and upper bounds: 5-fold cross-validation" in said


def test_a_hub_id_is_loaded_by_datasets(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    write_parquet(folder / "train.parquet", sorted_rows(clean("dna")))
    with serving(datasets__user__pairs=folder) as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        home = {"HF_HOME": str(tmp_path / "home")}
        done = run_program("audit", "user/pairs", "--label", "same", **environment, **home)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("default: not sound: its rows contradict")
    assert "pairs by split: train 310" in done.stdout
    assert "note: label_order: train: the number of a row tells its label" in done.stdout


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        (
            "a.csv",
            "sentence1,sentence2\nACGTACGTACGT,ACGTACGTACGT\n",
            (),
            "no column holds a label: there are sentence1, sentence2",
        ),
        ("a.csv", "x,label\nACGTACGTACGT,1\n", (), "which columns hold the pair?"),
        ("a.csv", "sentence1,sentence2,label\nACGT,ACGA,0\n", ("--label", "lable"), "no column 'lable'"),
        ("a.csv", "sentence1,sentence2,label\nA,C,0\nA,C,1\nA,C,2\n", (), "holds more than two values ('0', '1', '2')"),
        ("a.csv", "sentence1,sentence2,label\nA,C,0\nA,G,0\n", (), "holds only '0'"),
        ("a.csv", "sentence1,sentence2,label\n1,2,0\n3,4,1\n", (), "holds numbers, not strings"),
        ("a.csv", "", (), "cannot be read: the file is empty"),
        ("a.csv", "sentence1,sentence2,label\n", (), "holds not a single row"),
        ("a.jsonl", '{"sentence1": "A", "sente', (), "cannot be read: "),
        ("a.json", "[1, 2]", (), "not a list of JSON objects"),
        ("a.parquet", "no", (), "cannot be read: "),
        ("a.txt", "no", (), "not a file of pairs"),
        ("a.csv", "sentence1,sentence2,label\nA,C,0\n", ("--config", "x"), "a file has no configs or splits"),
    ],
)
def test_bad_input_is_one_line(
    name: str, content: str, options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert main(["audit", str(path), *options]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1 and said.err.startswith("bio-paws: error: ")
    assert said.out == ""


def test_what_is_not_there_is_one_line(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for dataset, options, message in (
        (tmp_path / "none.csv", (), "no such file or folder"),
        (tmp_path, (), "cannot be loaded as a data set"),
        (built, ("--config", "dna9"), "cannot be loaded as a data set"),
        (built, ("--config", "dna50", "--split", "dev"), "has no split 'dev': choose from train, validation, test"),
    ):
        assert main(["audit", str(dataset), *options]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1


@pytest.mark.skipif(not PRIOR.is_file(), reason="the earlier release is not there (BIO_PAWS_SHARED)")
def test_the_earlier_release_is_seen_through(bio_paws: Run) -> None:
    done = bio_paws("audit", PRIOR, "--json")
    assert done.returncode == 1, done.stderr
    (audited,) = json.loads(done.stdout)["audits"]
    checks = {entry["check"]: entry for entry in audited["findings"]}
    assert checks["label_order"]["figure"]["value"] == 1
    assert checks["label_runs"]["numbers"]["runs"] == 2
    assert checks["conflicting_labels"]["numbers"] == {"pairs": 63, "rows": 126, "identical_pairs": 63}
    assert audited["sequences"]["sentence1"]["under_both_labels"] == 2_411
    assert audited["sequences"]["sentence2"]["under_both_labels"] == 3_186
    assert 0.4 < checks["random_split"]["numbers"]["sentence2, shared"] / 785 < 0.5
    assert checks["coding_start"]["numbers"]["usual"] == 100
    assert checks["translation"]["severity"] == "severe"
    best = next(entry for entry in audited["measurements"] if entry["name"] == "six_frame")
    assert best["accuracy"]["value"] < 0.65
